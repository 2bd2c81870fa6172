-- Takes the next entry of a queue and leaves it pending: it stays where it is, and a link that comes back finds it among
-- what others have left.
--
-- KEYS 1 queue. ARGV 1 group, 2 consumer, 3 id of the entry. Answers 1, or 0 where it is not the next one any more.
if redis.call('EXISTS', KEYS[1]) == 0 or not is_next(KEYS[1], ARGV[1], ARGV[3]) then
  return 0
end
redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', 1, 'STREAMS', KEYS[1], '>')
return 1
