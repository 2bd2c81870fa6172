-- Sets or takes back a number's opt-out. What is so already is left alone and not put on record again.
--
-- KEYS 1 opt-out mark of the number, 2 audit stream, 3 audit sequence
-- ARGV 1 '1' to opt out, '0' to opt in again, 2 now (ms), 3 audit event, 4 traceparent (may be empty)
-- Answers 1 where something changed, else 0.
if ARGV[1] == '1' then
  if not redis.call('SET', KEYS[1], ARGV[2], 'NX') then
    return 0
  end
elseif redis.call('DEL', KEYS[1]) == 0 then
  return 0
end
audit(KEYS[2], KEYS[3], ARGV[2], ARGV[3], ARGV[4])
return 1
