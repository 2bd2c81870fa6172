-- Writes down that a segment is about to leave, where the caller still holds the message and knows how far it has come.
-- Where its id is known already, a receipt can find it from now on, whatever becomes of this process.
--
-- KEYS 1 intent, 2 queue, 3 mid. ARGV 1 group, 2 entry id, 3 consumer, 4 segment, 5 attempt, 6 reference, 7 ms to keep,
-- 8 now (ms), 9 the segment's id ('' where the carrier gives it), 10 message id, 11 traceparent (may be empty),
-- 12 ms to keep the id.
-- Answers 1; or 0, and then nothing may leave: somebody else holds the message, or held it meanwhile and went on with it.
if not is_holder(KEYS[2], ARGV[1], ARGV[2], ARGV[3]) then
  return 0
end
local found = redis.call('HMGET', KEYS[1], 'inflight', 'by', 'done', 'attempt')
local inflight, by, done, attempt = found[1], found[2], tonumber(found[3] or 0), tonumber(found[4] or 0)
if inflight and by ~= ARGV[3] then
  return 0
end
if done >= tonumber(ARGV[4]) or (done + 1 == tonumber(ARGV[4]) and attempt > tonumber(ARGV[5])) then
  return 0
end
redis.call('HSET', KEYS[1], 'inflight', ARGV[4], 'attempt', ARGV[5], 'reference', ARGV[6], 'by', ARGV[3], 'at', ARGV[8])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
if ARGV[9] ~= '' then
  -- A further attempt under the same id leaves what is known of it as it stands.
  redis.call('SET', KEYS[3], mid_value(ARGV[10], ARGV[4], ARGV[11], RESERVED), 'NX', 'PX', ARGV[12])
end
return 1
