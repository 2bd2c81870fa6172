-- Forgets a verification that surely asked nobody.
-- KEYS 1 record   ARGV 1 verification id
local record = redis.call('HMGET', KEYS[1], 's', 'i')
if record[1] == 'asking' and record[2] == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
