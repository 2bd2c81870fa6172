-- Writes down that a segment is about to leave, where the caller still holds the message.
--
-- KEYS 1 intent, 2 queue. ARGV 1 group, 2 entry id, 3 consumer, 4 segment, 5 attempt, 6 reference, 7 ms to keep.
-- Answers 1, or 0 where somebody else holds the message by now: then nothing may leave.
if not is_holder(KEYS[2], ARGV[1], ARGV[2], ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], 'inflight', ARGV[4], 'attempt', ARGV[5], 'reference', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return 1
