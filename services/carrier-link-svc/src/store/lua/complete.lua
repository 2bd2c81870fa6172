-- A long text as it was put together, complete or not, once.
--
-- KEYS 1 parts, 2 deadlines, 3 uplinks, 4 audit, 5 audit sequence
-- ARGV 1 sealed uplink (empty: only forget the deadline of parts that are gone), 2 traceparent, 3 audit event, 4 now (ms)
-- Answers 1, or 0 where somebody else was first.
redis.call('ZREM', KEYS[2], KEYS[1])
if redis.call('DEL', KEYS[1]) == 0 or ARGV[1] == '' then
  return 0
end
add(KEYS[3], ARGV[1], ARGV[2])
audit(KEYS[4], KEYS[5], ARGV[4], ARGV[3], ARGV[2])
return 1
