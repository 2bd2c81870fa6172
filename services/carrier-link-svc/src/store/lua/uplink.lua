-- A subscriber's whole text, once for each id of the carrier.
--
-- KEYS 1 seen, 2 uplinks, 3 audit, 4 audit sequence
-- ARGV 1 sealed uplink, 2 traceparent (may be empty), 3 audit event, 4 now (ms), 5 ms to remember the id (0: it has none)
-- Answers 1, or 0 for one that was there before.
if ARGV[5] ~= '0' and not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[5]) then
  return 0
end
add(KEYS[2], ARGV[1], ARGV[2])
audit(KEYS[3], KEYS[4], ARGV[4], ARGV[3], ARGV[2])
return 1
