-- A long text as it was put together, complete or not, once.
--
-- KEYS 1 parts, 2 deadlines, 3 uplinks, 4 audit, 5 audit sequence
-- ARGV 1 sealed uplink (empty: the parts cannot be read, and are dropped), 2 traceparent, 3 audit event, 4 now (ms),
--      5 of how many parts it was made
-- Answers 1; 0 where somebody else was first; -1 where another part has come meanwhile: then nothing happens, and whoever
-- brought that part tells the text.
local fields = redis.call('HLEN', KEYS[1])
if fields > 0 and fields - 3 ~= tonumber(ARGV[5]) then
  return -1
end
redis.call('ZREM', KEYS[2], KEYS[1])
if redis.call('DEL', KEYS[1]) == 0 or ARGV[1] == '' then
  return 0
end
add(KEYS[3], ARGV[1], ARGV[2])
audit(KEYS[4], KEYS[5], ARGV[4], ARGV[3], ARGV[2])
return 1
