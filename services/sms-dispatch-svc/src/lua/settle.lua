-- Replaces a message's record where nobody else has meanwhile, with everything that follows from it.
--
-- KEYS 1 message, 2 deadlines, 3 the tenant's feed of receipts, 4 audit stream, 5 audit sequence, 6 receipts stream,
--      7 waiting messages by tenant and class; where the message goes another way or teaches something also
--      8 what is known of the number's carrier, 9 the queue that it goes to, 10 the queue that it is taken from
-- ARGV 1 version that was read, 2 new record, 3 message id, 4 next deadline (ms; empty for none),
--      5 receipt for the caller (empty for none), 6 ms to keep the message (empty: as long as it is open),
--      7 field of tenant and class where the message enters or leaves the queue (else empty), 8 1 or -1: which,
--      9 now (ms), 10 traceparent (may be empty), 11 consumer group, 12 '1' where the text that was kept goes,
--      13 number of audit events, then these, then the number of entries that this settles, then their ids, and where
--      there are ten keys at last:
--      1 sealed message for the queue that it goes to (empty: it goes nowhere), 2 what must not have been worked on yet:
--      'report' (the report that brings it back), 'queue' (the next entry of the queue that it is taken from) or empty,
--      3 id of that entry, 4 group and 5 consumer on that queue, 6 lesson: 'learn', 'forget' or empty, 7 carrier,
--      8 carrier expected, 9 what is kept, 10 ms to keep it, 11 audit event of the lesson
-- Answers 1 done, 2 done and the number's messages go elsewhere from now on, 0 somebody else was first, -1 there is no
-- such message, -2 somebody else has worked on that entry: nothing happened.
local version = redis.call('HGET', KEYS[1], 'v')
if not version then
  return -1
end
if version ~= ARGV[1] then
  return 0
end
local events = tonumber(ARGV[13])
local entries = tonumber(ARGV[14 + events])
local more = 14 + events + entries
local moves = KEYS[9] and ARGV[more + 1] ~= ''
if KEYS[9] and ARGV[more + 2] == 'report' then
  local id = ARGV[more + 3]
  if not redis.call('XPENDING', KEYS[6], ARGV[11], id, id, 1)[1] then
    return -2
  end
elseif KEYS[9] and ARGV[more + 2] == 'queue' then
  if not is_next(KEYS[10], ARGV[more + 4], ARGV[more + 3]) then
    return -2
  end
end

redis.call('HSET', KEYS[1], 'v', tonumber(version) + 1, 'r', ARGV[2])
if ARGV[12] == '1' then
  redis.call('HDEL', KEYS[1], 'b')
end
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
else
  redis.call('ZREM', KEYS[2], ARGV[3])
end
if ARGV[5] ~= '' then
  feed_add(KEYS[3], ARGV[5])
end
if ARGV[6] ~= '' then
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
end
if ARGV[7] ~= '' and redis.call('HINCRBY', KEYS[7], ARGV[7], ARGV[8]) <= 0 then
  redis.call('HDEL', KEYS[7], ARGV[7])
end
for at = 14, 13 + events do
  audit(KEYS[4], KEYS[5], ARGV[9], ARGV[at], ARGV[10])
end
for at = 15 + events, more do
  redis.call('XACK', KEYS[6], ARGV[11], ARGV[at])
end
if moves then
  if ARGV[10] ~= '' then
    redis.call('XADD', KEYS[9], '*', 'b', ARGV[more + 1], 'tp', ARGV[10])
  else
    redis.call('XADD', KEYS[9], '*', 'b', ARGV[more + 1])
  end
end
if KEYS[9] and ARGV[more + 2] == 'queue' then
  redis.call('XREADGROUP', 'GROUP', ARGV[more + 4], ARGV[more + 5], 'COUNT', 1, 'STREAMS', KEYS[10], '>')
  redis.call('XACK', KEYS[10], ARGV[more + 4], ARGV[more + 3])
end
if KEYS[9] and ARGV[more + 6] ~= '' then
  local at = more + 6
  if lesson(KEYS[8], ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]) then
    audit(KEYS[4], KEYS[5], ARGV[9], ARGV[at + 5], ARGV[10])
    return 2
  end
end
return 1
