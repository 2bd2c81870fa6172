-- Whether an entry is the next that a group's consumers are given: nobody has taken it, and none before it waits.
local function is_next(stream, group, id)
  for _, raw in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local found = {}
    for at = 1, #raw, 2 do found[raw[at]] = raw[at + 1] end
    if found['name'] == group then
      local next_entry = redis.call('XRANGE', stream, '(' .. found['last-delivered-id'], '+', 'COUNT', 1)
      return next_entry[1] and next_entry[1][1] == id
    end
  end
  return false
end
