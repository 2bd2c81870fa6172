-- KEYS: stream, the hash that numbers its entries. ARGV: group.
-- Answers { epoch, the last number given, 1 where the group has settled every entry that is there }, or nothing where no
-- number was ever given.
local given = redis.call('HMGET', KEYS[2], 'epoch', 'seq')
if not given[1] or not given[2] then return {} end
local settled = 1
if redis.call('EXISTS', KEYS[1]) == 1 then
  local last = '0-0'
  for _, raw in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local group = {}
    for at = 1, #raw, 2 do group[raw[at]] = raw[at + 1] end
    if group['name'] == ARGV[1] then
      last = group['last-delivered-id']
      if group['pending'] > 0 then settled = 0 end
    end
  end
  if redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 1)[1] then settled = 0 end
end
return { given[1], given[2], settled }
