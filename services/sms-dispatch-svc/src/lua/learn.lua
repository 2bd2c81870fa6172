-- Takes in what a link has seen of where a number is, and settles the report.
--
-- KEYS 1 what is known of the number's carrier, 2 audit stream, 3 audit sequence, 4 receipts stream
-- ARGV 1 'learn' or 'forget', 2 carrier, 3 carrier expected, 4 what is kept, 5 ms to keep it, 6 now (ms), 7 audit event,
--      8 traceparent (may be empty), 9 consumer group, 10 id of the report
-- Answers 1 where the number's messages go elsewhere from now on, else 0.
if redis.call('XACK', KEYS[4], ARGV[9], ARGV[10]) == 0 then
  return 0
end
if not lesson(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]) then
  return 0
end
audit(KEYS[2], KEYS[3], ARGV[6], ARGV[7], ARGV[8])
return 1
