-- Takes an intent back: the segment certainly did not leave.
--
-- KEYS 1 intent, 2 mid. ARGV 1 segment, 2 attempt, 3 consumer, 4 the id that the segment would have had ('' for none).
-- Answers 1 where it was the consumer's to take back.
-- Under the id of a further attempt an earlier one may have left: its receipt must find the message.
if ARGV[4] ~= '' and tonumber(ARGV[2]) <= 1 then
  redis.call('DEL', KEYS[2])
end
local found = redis.call('HMGET', KEYS[1], 'inflight', 'attempt', 'by')
if found[1] == ARGV[1] and found[2] == ARGV[2] and found[3] == ARGV[3] then
  redis.call('HDEL', KEYS[1], 'inflight')
  return 1
end
return 0
