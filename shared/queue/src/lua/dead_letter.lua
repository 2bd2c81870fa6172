-- KEYS: stream, dead stream. ARGV: group, id, most kept, reason, then the entry's fields and values.
-- An entry that somebody settled meanwhile is not kept. Answers 1 where the entry was moved.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  return 0
end
local fields = { 'MAXLEN', '~', ARGV[3], '*', 'origin', ARGV[2], 'group', ARGV[1], 'reason', ARGV[4] }
for at = 5, #ARGV do
  fields[#fields + 1] = ARGV[at]
end
redis.call('XADD', KEYS[2], unpack(fields))
return 1
