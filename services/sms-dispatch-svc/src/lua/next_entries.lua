-- Looks at the entries that no consumer of a group has taken, and takes none.
--
-- KEYS 1 queue. ARGV 1 group, 2 most entries. Answers { { id, fields }, … }, the oldest first.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
for _, raw in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for at = 1, #raw, 2 do group[raw[at]] = raw[at + 1] end
  if group['name'] == ARGV[1] then
    return redis.call('XRANGE', KEYS[1], '(' .. group['last-delivered-id'], '+', 'COUNT', ARGV[2])
  end
end
redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0')
return redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[2])
