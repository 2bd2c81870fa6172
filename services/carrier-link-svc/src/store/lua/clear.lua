-- Takes an intent back: the segment certainly did not leave.
--
-- KEYS 1 intent. ARGV 1 segment, 2 attempt, 3 consumer. Answers 1 where it was the consumer's to take back.
local found = redis.call('HMGET', KEYS[1], 'inflight', 'attempt', 'by')
if found[1] == ARGV[1] and found[2] == ARGV[2] and found[3] == ARGV[3] then
  redis.call('HDEL', KEYS[1], 'inflight')
  return 1
end
return 0
