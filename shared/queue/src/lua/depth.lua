-- KEYS: stream. ARGV: group. Answers { waiting, taken, id of the oldest entry that is not settled or '' }.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return { 0, 0, '' }
end
for _, raw in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for at = 1, #raw, 2 do group[raw[at]] = raw[at + 1] end
  if group['name'] == ARGV[1] then
    local taken = group['pending']
    local waiting = group['lag']
    if not waiting then
      -- The server lost count. What is in the stream and not taken waits, or is settled and not trimmed yet.
      waiting = math.max(redis.call('XLEN', KEYS[1]) - taken, 0)
    end
    local oldest = ''
    if taken > 0 then
      oldest = redis.call('XPENDING', KEYS[1], ARGV[1])[2]
    else
      local next_entry = redis.call('XRANGE', KEYS[1], '(' .. group['last-delivered-id'], '+', 'COUNT', 1)
      if next_entry[1] then oldest = next_entry[1][1] end
    end
    return { waiting, taken, oldest }
  end
end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
return { redis.call('XLEN', KEYS[1]), 0, first[1] and first[1][1] or '' }
