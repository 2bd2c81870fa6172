-- Ends the lease of a kept answer that could not be put on record.
-- KEYS 1 record   ARGV 1 verification id
local record = redis.call('HMGET', KEYS[1], 's', 'i')
if record[1] == 'heard' and record[2] == ARGV[1] then
  redis.call('HSET', KEYS[1], 'u', '0')
  return 1
end
return 0
