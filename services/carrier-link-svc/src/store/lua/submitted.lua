-- The carrier took a segment: remembers whose its id is, tells dispatch and the record, and matches receipts that came
-- before. The same segment under the same id is told once, however often this runs.
--
-- KEYS 1 mid, 2 parked, 3 receipts, 4 audit, 5 audit sequence, 6 intent, 7 queue, 8 doubts about the number,
--      9 doubts to look at
-- ARGV 1 message id, 2 segment, 3 traceparent (may be empty), 4 event, 5 audit event, 6 now (ms), 7 ms to keep the id,
--      8 what is left of the message: next (another segment, whose intent is written in the same step), last, or late
--      (a correction: the message is settled or on its way already), 9 group, 10 entry id, 11 consumer,
--      12 when to look whether a receipt under another id is about it ('' where the id is the carrier's), 13 ms to keep
--      that doubt, 14 most doubts about one number, 15 member of the doubts to look at
-- Answers 1 go on, 0 somebody else holds the message by now, 2 nothing is left to do; and how many receipts were matched.
local message_id, segment, traceparent = ARGV[1], ARGV[2], ARGV[3]
local matched = 0
local known = redis.call('GET', KEYS[1])
local known_id, known_segment, known_mark, _
if known then known_id, known_segment, _, known_mark = mid_parts(known) end
local is_known = known_id == message_id and known_segment == segment
if not is_known or is_reserved(known_mark) then
  -- A receipt may have come under an id that was known before the segment left; then it was told already.
  local mark = is_known and string.sub(known_mark, 2) or ''
  add(KEYS[3], ARGV[4], traceparent)
  audit(KEYS[4], KEYS[5], ARGV[6], ARGV[5], traceparent)
  local parked = redis.call('LRANGE', KEYS[2], 0, -1)
  for at = 1, #parked, 3 do
    add(KEYS[3], event_of(parked[at], message_id, segment), traceparent)
    audit(KEYS[4], KEYS[5], ARGV[6], audit_of(parked[at + 1], message_id, segment, traceparent), traceparent)
    mark = parked[at + 2]
    matched = matched + 1
  end
  if #parked > 0 then redis.call('DEL', KEYS[2]) end
  redis.call('SET', KEYS[1], mid_value(message_id, segment, traceparent, mark), 'PX', ARGV[7])
  if ARGV[12] ~= '' and redis.call('HLEN', KEYS[8]) < tonumber(ARGV[14]) then
    local left_ms = redis.call('HGET', KEYS[6], 'at') or ARGV[6]
    redis.call('HSET', KEYS[8], message_id, segment .. '|' .. left_ms .. '|' .. traceparent)
    redis.call('PEXPIRE', KEYS[8], ARGV[13])
    redis.call('ZADD', KEYS[9], ARGV[12], ARGV[15])
  end
end

if ARGV[8] == 'last' then
  redis.call('XACK', KEYS[7], ARGV[9], ARGV[10])
  redis.call('DEL', KEYS[6])
  return { 2, matched }
elseif ARGV[8] == 'next' then
  -- An intent that another consumer has written, or settled, is not ours to change.
  if redis.call('HGET', KEYS[6], 'by') ~= ARGV[11] then
    return { 0, matched }
  end
  redis.call('HSET', KEYS[6], 'done', segment)
  if is_holder(KEYS[7], ARGV[9], ARGV[10], ARGV[11]) then
    redis.call('HSET', KEYS[6], 'inflight', tonumber(segment) + 1, 'attempt', 1, 'at', ARGV[6])
    return { 1, matched }
  end
  redis.call('HDEL', KEYS[6], 'inflight')
  return { 0, matched }
end
-- What was in doubt is known now.
redis.call('HDEL', KEYS[8], message_id)
return { 2, matched }
