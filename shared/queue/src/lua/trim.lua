-- KEYS: stream. ARGV: idle ms after which a consumer without work is forgotten; most consumers to forget at once.
-- Deletes what every group has settled. A stream without groups is left alone: nobody has read it yet.
-- Answers { entries deleted, consumers forgotten }.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return { 0, 0 }
end

-- Digits compare as text, because a number beyond 2^53 loses some of them in Lua.
local function less(left, right)
  local left_ms, left_seq = string.match(left, '^(%d+)-(%d+)$')
  local right_ms, right_seq = string.match(right, '^(%d+)-(%d+)$')
  if #left_ms ~= #right_ms then return #left_ms < #right_ms end
  if left_ms ~= right_ms then return left_ms < right_ms end
  if #left_seq ~= #right_seq then return #left_seq < #right_seq end
  return left_seq < right_seq
end

-- The id behind a settled one. Where its sequence is too long to add to, one entry more is kept.
local function behind(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  if #seq > 15 then return id end
  return ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
end

local function map_of(list)
  local map = {}
  for at = 1, #list, 2 do map[list[at]] = list[at + 1] end
  return map
end

local keep_from = nil
local forgotten = 0
for _, raw in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = map_of(raw)
  local bound
  if group['pending'] > 0 then
    bound = redis.call('XPENDING', KEYS[1], group['name'])[2]
  else
    bound = behind(group['last-delivered-id'])
  end
  if keep_from == nil or less(bound, keep_from) then
    keep_from = bound
  end
  for _, raw_consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group['name'])) do
    local consumer = map_of(raw_consumer)
    if consumer['pending'] == 0 and consumer['idle'] > tonumber(ARGV[1]) and forgotten < tonumber(ARGV[2]) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group['name'], consumer['name'])
      forgotten = forgotten + 1
    end
  end
end
if keep_from == nil then
  return { 0, forgotten }
end
return { redis.call('XTRIM', KEYS[1], 'MINID', keep_from), forgotten }
