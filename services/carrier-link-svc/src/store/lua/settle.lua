-- Tells that a segment was refused, that a submit is uncertain, or that a message expired, cannot be sent or goes back.
--
-- KEYS 1 queue, 2 intent, 3 receipts, 4 audit, 5 audit sequence, 6 doubts about the number, 7 doubts to look at,
--      8 that it went back
-- ARGV 1 group, 2 entry id, 3 attempt after which the message goes on ('' where it ends here), 4 event, 5 audit event,
--      6 now (ms), 7 traceparent (may be empty), 8 message id where the submit is uncertain (else ''), 9 segment,
--      10 ms to keep a doubt, 11 most doubts about one number, 12 member of the doubts to look at, 13 when to look (ms),
--      14 consumer that must hold the message ('' for any), 15 ms within which it goes back once (0: however often)
-- Answers 1, or 0 where this was told before, or the message is not the consumer's any more; then nothing happens.
if ARGV[14] ~= '' and not is_holder(KEYS[1], ARGV[1], ARGV[2], ARGV[14]) then
  return 0
end
if ARGV[15] ~= '0' and not redis.call('SET', KEYS[8], '1', 'NX', 'PX', ARGV[15]) then
  return 0
end
-- When the submit left: what a receipt's own time is compared with.
local left_ms = redis.call('HGET', KEYS[2], 'at') or ARGV[6]
if ARGV[3] == '' then
  if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then
    return 0
  end
  redis.call('DEL', KEYS[2])
else
  local found = redis.call('HMGET', KEYS[2], 'inflight', 'attempt')
  if not found[1] or found[2] ~= ARGV[3] then
    return 0
  end
  redis.call('HDEL', KEYS[2], 'inflight')
  redis.call('HSET', KEYS[2], 'attempt', tonumber(ARGV[3]) + 1, 'by', '')
end
add(KEYS[3], ARGV[4], ARGV[7])
audit(KEYS[4], KEYS[5], ARGV[6], ARGV[5], ARGV[7])
if ARGV[8] ~= '' and redis.call('HLEN', KEYS[6]) < tonumber(ARGV[11]) then
  redis.call('HSET', KEYS[6], ARGV[8], ARGV[9] .. '|' .. left_ms .. '|' .. ARGV[7])
  redis.call('PEXPIRE', KEYS[6], ARGV[10])
  redis.call('ZADD', KEYS[7], ARGV[13], ARGV[12])
end
return 1
