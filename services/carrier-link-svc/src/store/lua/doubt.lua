-- A parked receipt settles a doubt: the submit without answer was taken, and under this id.
--
-- KEYS 1 mid, 2 parked, 3 receipts, 4 audit, 5 audit sequence, 6 orphans of the number, 7 doubts about the number
-- ARGV 1 message id, 2 what is kept of the doubt, 3 the orphan, 4 now (ms), 5 ms to keep the id
-- Answers how many receipts were told; 0 where either is not there any more.
if redis.call('HGET', KEYS[7], ARGV[1]) ~= ARGV[2] or redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
local segment, traceparent = string.match(ARGV[2], '^([^|]*)|[^|]*|(.*)$')
local parked = redis.call('LRANGE', KEYS[2], 0, -1)
local mark = ''
for at = 1, #parked, 3 do
  add(KEYS[3], event_of(parked[at], ARGV[1], segment), traceparent)
  audit(KEYS[4], KEYS[5], ARGV[4], audit_of(parked[at + 1], ARGV[1], segment, traceparent), traceparent)
  mark = parked[at + 2]
end
redis.call('ZREM', KEYS[6], ARGV[3])
if #parked == 0 then
  return 0
end
redis.call('SET', KEYS[1], mid_value(ARGV[1], segment, traceparent, mark), 'PX', ARGV[5])
redis.call('DEL', KEYS[2])
redis.call('HDEL', KEYS[7], ARGV[1])
return #parked / 3
