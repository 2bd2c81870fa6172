-- A receipt: told where the carrier's id is known, else parked until the id is, or until it settles a doubt.
--
-- KEYS 1 mid, 2 parked, 3 receipts, 4 audit, 5 audit sequence, 6 orphans of the number, 7 doubts about the number,
--      8 doubts to look at
-- ARGV 1 event and 2 audit event, both without message and segment, 3 mark (the same for the same receipt), 4 now (ms),
--      5 ms to park, 6 most receipts to park under one id, 7 the orphan, 8 member of the doubts to look at,
--      9 when to look (ms), 10 most orphans of one number
-- Answers { what, message id, segment, traceparent }, what being matched, duplicate, parked or full.
local known = redis.call('GET', KEYS[1])
if known then
  local message_id, segment, traceparent, mark = mid_parts(known)
  local reserved = is_reserved(mark) and RESERVED or ''
  if mark == reserved .. ARGV[3] then
    return { 'duplicate', message_id, segment, traceparent }
  end
  add(KEYS[3], event_of(ARGV[1], message_id, segment), traceparent)
  audit(KEYS[4], KEYS[5], ARGV[4], audit_of(ARGV[2], message_id, segment, traceparent), traceparent)
  redis.call('SET', KEYS[1], mid_value(message_id, segment, traceparent, reserved .. ARGV[3]), 'KEEPTTL')
  if reserved ~= '' then
    -- If its submit was in doubt, it is not any more.
    local doubt = redis.call('HGET', KEYS[7], message_id)
    if doubt and string.match(doubt, '^([^|]*)|') == segment then
      redis.call('HDEL', KEYS[7], message_id)
    end
  end
  return { 'matched', message_id, segment, traceparent }
end
local parked = redis.call('LRANGE', KEYS[2], 0, -1)
for at = 3, #parked, 3 do
  if parked[at] == ARGV[3] then
    return { 'duplicate', '', '', '' }
  end
end
if #parked >= 3 * tonumber(ARGV[6]) then
  return { 'full', '', '', '' }
end
redis.call('RPUSH', KEYS[2], ARGV[1], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call('ZADD', KEYS[6], 'NX', ARGV[9], ARGV[7])
redis.call('ZREMRANGEBYRANK', KEYS[6], 0, -(tonumber(ARGV[10]) + 1))
redis.call('PEXPIRE', KEYS[6], ARGV[5])
if redis.call('EXISTS', KEYS[7]) == 1 then
  redis.call('ZADD', KEYS[8], ARGV[9], ARGV[8])
end
return { 'parked', '', '', '' }
