-- Replaces a message's record where nobody else has meanwhile, with everything that follows from it.
--
-- KEYS 1 message, 2 deadlines, 3 the tenant's feed of receipts, 4 audit stream, 5 audit sequence, 6 receipts stream,
--      7 waiting messages by tenant and class
-- ARGV 1 version that was read, 2 new record, 3 message id, 4 next deadline (ms; empty for none),
--      5 receipt for the caller (empty for none), 6 ms to keep the message (empty: as long as it is open),
--      7 field of tenant and class where the message leaves the queue (else empty), 8 now (ms), 9 traceparent (may be
--      empty), 10 consumer group, 11 number of audit events, then these, then the ids of the entries that this settles
-- Answers 1 done, 0 somebody else was first, -1 there is no such message.
local version = redis.call('HGET', KEYS[1], 'v')
if not version then
  return -1
end
if version ~= ARGV[1] then
  return 0
end

redis.call('HSET', KEYS[1], 'v', tonumber(version) + 1, 'r', ARGV[2])
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
if ARGV[7] ~= '' and redis.call('HINCRBY', KEYS[7], ARGV[7], -1) <= 0 then
  redis.call('HDEL', KEYS[7], ARGV[7])
end
local events = tonumber(ARGV[11])
for at = 12, 11 + events do
  audit(KEYS[4], KEYS[5], ARGV[8], ARGV[at], ARGV[9])
end
for at = 12 + events, #ARGV do
  redis.call('XACK', KEYS[6], ARGV[10], ARGV[at])
end
return 1
