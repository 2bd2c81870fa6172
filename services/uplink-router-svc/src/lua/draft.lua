-- Notes what a reply says before it is sent; the first note stands, whoever comes later.
-- KEYS: draft (hash: d disposition, b sealed text). ARGV: ttl ms, disposition, sealed text; or nothing, only to look.
-- Answers { disposition, sealed text } as it stands now, or nothing where there is none.
local kept = redis.call('HMGET', KEYS[1], 'd', 'b')
if kept[1] and kept[2] then
  return kept
end
if #ARGV == 0 then
  return {}
end
redis.call('HSET', KEYS[1], 'd', ARGV[2], 'b', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return { ARGV[2], ARGV[3] }
