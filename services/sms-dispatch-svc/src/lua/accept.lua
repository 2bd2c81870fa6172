-- Accepts one message, or refuses it and changes nothing.
--
-- KEYS 1 idempotency record, 2 message, 3 throttle windows of the number, 4 opt-out mark of the number, 5 send queue,
--      6 deadlines, 7 waiting messages by tenant and class, 8 audit stream, 9 audit sequence,
--      10 what was learned of the number's carrier
-- ARGV 1 now (ms), 2 fingerprint of the request, 3 answer to the caller, 4 ms to keep the answer,
--      5 windows (max:period_ms,…; empty for none), 6 message id, 7 '1' where the opt-out counts,
--      8 most waiting messages of tenant and class, 9 field of tenant and class, 10 most entries of the send queue,
--      11 record, 12 sealed message for the link, 13 traceparent (may be empty), 14 deadline (ms), 15 audit event,
--      16 '1' to keep the sealed message beside the record, 17 the carrier that it was made for (empty: whatever was
--      learned does not count), 18 the number's carrier where nothing was learned
-- Answers { 'ACCEPTED' } | { 'REPEATED', first answer } | { 'REUSED' } | { 'OPTED_OUT' } |
--         { 'THROTTLED', ms to wait } | { 'TENANT_FULL' } | { 'QUEUE_FULL' } |
--         { 'PORTED', the carrier that it must be made for }
local now = ARGV[1]
local fingerprint = ARGV[2]

local first = redis.call('GET', KEYS[1])
if first then
  if string.sub(first, 1, #fingerprint) == fingerprint then
    return { 'REPEATED', string.sub(first, #fingerprint + 1) }
  end
  return { 'REUSED' }
end
if ARGV[17] ~= '' then
  local learned = redis.call('GET', KEYS[10])
  local carrier = learned and string.match(learned, '^[^|]*') or ARGV[18]
  if carrier ~= ARGV[17] then
    return { 'PORTED', carrier }
  end
end
if ARGV[7] == '1' and redis.call('EXISTS', KEYS[4]) == 1 then
  return { 'OPTED_OUT' }
end
local spec = windows_spec(ARGV[5])
local wait = windows_check(KEYS[3], now, spec)
if wait > 0 then
  return { 'THROTTLED', wait }
end
if tonumber(redis.call('HGET', KEYS[7], ARGV[9]) or '0') >= tonumber(ARGV[8]) then
  return { 'TENANT_FULL' }
end
if redis.call('XLEN', KEYS[5]) >= tonumber(ARGV[10]) then
  return { 'QUEUE_FULL' }
end

-- From here on it is accepted.
windows_add(KEYS[3], now, ARGV[6], spec)
redis.call('SET', KEYS[1], fingerprint .. ARGV[3], 'PX', ARGV[4])
if ARGV[16] == '1' then
  redis.call('HSET', KEYS[2], 'v', 1, 'r', ARGV[11], 'b', ARGV[12])
else
  redis.call('HSET', KEYS[2], 'v', 1, 'r', ARGV[11])
end
redis.call('HINCRBY', KEYS[7], ARGV[9], 1)
redis.call('ZADD', KEYS[6], ARGV[14], ARGV[6])
if ARGV[13] ~= '' then
  redis.call('XADD', KEYS[5], '*', 'b', ARGV[12], 'tp', ARGV[13])
else
  redis.call('XADD', KEYS[5], '*', 'b', ARGV[12])
end
audit(KEYS[8], KEYS[9], now, ARGV[15], ARGV[13])
return { 'ACCEPTED' }
