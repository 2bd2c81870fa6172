-- KEYS: stream. ARGV: group, consumer, least idle ms, cursor, count.
-- Answers { next cursor, { { id, fields, delivery count }, … }, ids that were pending and are no longer in the stream }.
local answer = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5])
local entries = {}
for _, entry in ipairs(answer[2]) do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry[1], entry[1], 1)
  entries[#entries + 1] = { entry[1], entry[2], pending[1] and pending[1][4] or 1 }
end
return { answer[1], entries, answer[3] or {} }
