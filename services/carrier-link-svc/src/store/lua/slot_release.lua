-- KEYS 1 slot. ARGV 1 holder. Answers 1 where it was the holder's.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
