-- Keeps an answer; the first one stands.
-- KEYS 1 record, 2 the subject's list
-- ARGV 1 verification id, 2 sealed answer, 3 entry of the list, 4 ttl_ms, 5 most entries,
--      6 now_ms, 7 lease_ms
local record = redis.call('HMGET', KEYS[1], 's', 'i', 'a')
if record[2] ~= ARGV[1] then
  return {'gone'}
end
if record[1] ~= 'asking' then
  return {record[1], record[2], record[3]}
end
redis.call('HSET', KEYS[1], 's', 'heard', 'a', ARGV[2], 'u', string.format('%.0f', tonumber(ARGV[6]) + tonumber(ARGV[7])))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('LPUSH', KEYS[2], ARGV[3])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[5]) - 1)
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {'heard', record[2], ARGV[2]}
