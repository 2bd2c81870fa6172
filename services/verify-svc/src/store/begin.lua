-- Begins a verification, tells what became of an earlier one under the same id, or takes it over.
-- KEYS 1 record, 2 the tenant's rate
-- ARGV 1 now_ms, 2 fingerprint, 3 verification id, 4 sealed question, 5 lease_ms, 6 ttl_ms, 7 questions a second
local now = tonumber(ARGV[1])
local lease_end = string.format('%.0f', now + tonumber(ARGV[5]))
local record = redis.call('HMGET', KEYS[1], 'f', 's', 'i', 'a', 'u')
if record[1] then
  if record[1] ~= ARGV[2] then
    return {'reused'}
  end
  if record[2] == 'answered' then
    return {'answered', record[3], record[4]}
  end
  if record[2] == 'asking' and record[3] == ARGV[3] then
    -- The same beginning, of which the caller did not hear.
    return {'new'}
  end
  local left = tonumber(record[5]) - now
  if left > 0 then
    return {'at-work', tostring(left)}
  end
  redis.call('HSET', KEYS[1], 'u', lease_end)
  if record[2] == 'asking' then
    return {'lost', record[3]}
  end
  return {'heard', record[3], record[4]}
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
redis.call('HSET', KEYS[1], 'f', ARGV[2], 's', 'asking', 'i', ARGV[3], 'q', ARGV[4], 'u', lease_end)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return {'new'}
