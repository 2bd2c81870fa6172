-- Begins a verification, or tells what became of an earlier one under the same id.
-- KEYS 1 record, 2 the tenant's rate
-- ARGV 1 now_ms, 2 fingerprint, 3 verification id, 4 sealed question, 5 lease_ms, 6 ttl_ms, 7 questions a second
local now = tonumber(ARGV[1])
local record = redis.call('HMGET', KEYS[1], 'f', 's', 'i', 'a', 'u')
if record[1] then
  if record[1] ~= ARGV[2] then
    return {'reused'}
  end
  if record[2] == 'asking' then
    local left = tonumber(record[5]) - now
    if left > 0 then
      return {'asking', record[3], tostring(left)}
    end
    return {'lost', record[3]}
  end
  return {record[2], record[3], record[4]}
end
-- GCRA in microseconds: the rate evenly, and one second's worth at once.
local emission = 1000000 / tonumber(ARGV[7])
local now_us = now * 1000
local arrival = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), now_us)
-- A tenth of a microsecond forgives what adding fractions loses.
local over = arrival + emission - now_us - 1000000 - 0.1
if over > 0 then
  return {'limited', tostring(math.ceil(over / 1000))}
end
redis.call('SET', KEYS[2], string.format('%.3f', arrival + emission), 'PX', 5000)
redis.call('HSET', KEYS[1], 'f', ARGV[2], 's', 'asking', 'i', ARGV[3], 'q', ARGV[4],
  'u', string.format('%.0f', now + tonumber(ARGV[5])))
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return {'new'}
