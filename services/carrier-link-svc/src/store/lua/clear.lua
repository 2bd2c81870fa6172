-- Takes an intent back: the segment certainly did not leave.
--
-- KEYS 1 intent. ARGV 1 segment, 2 attempt. Answers 1 where it was ours to take back.
local found = redis.call('HMGET', KEYS[1], 'inflight', 'attempt')
if found[1] == ARGV[1] and found[2] == ARGV[2] then
  redis.call('HDEL', KEYS[1], 'inflight')
  return 1
end
return 0
