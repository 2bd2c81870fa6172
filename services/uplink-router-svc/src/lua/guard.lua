-- May an uplink be answered? One script, because two replicas may hold two texts of one subscriber.
-- KEYS: row (hash: t text tag, n count, i last uplink, at last ms), replies (sorted set: uplink by ms).
-- ARGV: now ms, window ms, most replies, same-text row, uplink id, text tag.
-- Answers 0 reply, 1 too many replies, 2 the same text again and again. An uplink that was given a reply gets the same
-- answer again, and no uplink counts twice.
if redis.call('ZSCORE', KEYS[2], ARGV[5]) then
  return 0
end
local now, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now - window))

local row = redis.call('HMGET', KEYS[1], 't', 'n', 'i', 'at')
local count = 1
if row[1] == ARGV[6] and tonumber(row[4]) + window > now then
  count = tonumber(row[2])
  if row[3] ~= ARGV[5] then
    count = count + 1
  end
end
redis.call('HSET', KEYS[1], 't', ARGV[6], 'n', count, 'i', ARGV[5], 'at', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])

if count >= tonumber(ARGV[4]) then
  return 2
end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then
  return 1
end
redis.call('ZADD', KEYS[2], ARGV[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 0
