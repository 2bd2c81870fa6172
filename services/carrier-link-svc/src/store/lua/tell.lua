-- Tells dispatch something, and the record where there is a form for it. Nothing else changes.
--
-- KEYS 1 receipts, 2 audit, 3 audit sequence. ARGV 1 event, 2 audit event (empty for none), 3 now (ms), 4 traceparent (may
-- be empty). Answers 1.
add(KEYS[1], ARGV[1], ARGV[4])
if ARGV[2] ~= '' then
  audit(KEYS[2], KEYS[3], ARGV[3], ARGV[2], ARGV[4])
end
return 1
