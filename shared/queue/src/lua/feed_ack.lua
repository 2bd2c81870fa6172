-- KEYS: hash of subscriptions. ARGV: subscription, ms, seq, most subscriptions. Acknowledgements only go forward.
-- Answers 1, or 0 where there is no room for a new subscription.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
  return 0
end
if known then
  local ms, seq = string.match(known, '^(%d+)-(%d+)$')
  local function less(left, right)
    if #left ~= #right then return #left < #right end
    return left < right
  end
  if less(ARGV[2], ms) or (ARGV[2] == ms and not less(seq, ARGV[3])) then
    return 1
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. '-' .. ARGV[3])
return 1
