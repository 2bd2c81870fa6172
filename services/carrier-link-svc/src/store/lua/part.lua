-- One part of a subscriber's long text.
--
-- KEYS 1 seen, 2 parts, 3 deadlines
-- ARGV 1 number, 2 total, 3 sealed part, 4 sealed head, 5 traceparent (may be empty), 6 deadline (ms), 7 ms to remember
--      the id (0: it has none), 8 ms to keep the parts, 9 most texts that may wait
-- Answers { what, hash }: what is seen (the text is complete and told), waiting, full, or complete with all fields.
local is_new = redis.call('EXISTS', KEYS[2]) == 0
if is_new then
  if ARGV[7] ~= '0' and redis.call('EXISTS', KEYS[1]) == 1 then
    return { 'seen', {} }
  end
  if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[9]) then
    return { 'full', {} }
  end
  redis.call('HSET', KEYS[2], 'total', ARGV[2], 'head', ARGV[4], 'tp', ARGV[5])
  redis.call('PEXPIRE', KEYS[2], ARGV[8])
  redis.call('ZADD', KEYS[3], ARGV[6], KEYS[2])
end
redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[3])
if ARGV[7] ~= '0' then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[7])
end
-- Three fields are not parts.
if redis.call('HLEN', KEYS[2]) - 3 >= tonumber(ARGV[2]) then
  return { 'complete', redis.call('HGETALL', KEYS[2]) }
end
return { 'waiting', {} }
