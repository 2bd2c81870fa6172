-- KEYS: stream. ARGV: group, consumer, ids. Only leases that are still the consumer's own are renewed: an entry that
-- somebody else reclaimed is not taken back. Answers the ids that are lost.
local lost = {}
for at = 3, #ARGV do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[at], ARGV[at], 1, ARGV[2])
  if pending[1] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[at], 'JUSTID')
  else
    lost[#lost + 1] = ARGV[at]
  end
end
return lost
