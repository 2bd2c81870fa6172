-- The answer is on record; from now on it is given without asking the record again.
-- KEYS 1 record   ARGV 1 verification id
local record = redis.call('HMGET', KEYS[1], 's', 'i')
if record[1] == 'heard' and record[2] == ARGV[1] then
  redis.call('HSET', KEYS[1], 's', 'answered')
  redis.call('HDEL', KEYS[1], 'u')
  return 1
end
return 0
