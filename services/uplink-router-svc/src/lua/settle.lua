-- Settles an uplink: acknowledgement, record and feed in one step, once.
-- KEYS: stream, draft, audit stream, audit numbering, and the tenant's feed where there is a tenant.
-- ARGV: group, entry id, now ms, audit event, traceparent, and the feed's entry where there is a tenant.
-- Answers 1, or 0 where somebody else settled it before.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  return 0
end
redis.call('DEL', KEYS[2])
audit(KEYS[3], KEYS[4], ARGV[3], ARGV[4], ARGV[5])
if KEYS[5] then
  feed_add(KEYS[5], ARGV[6])
end
return 1
