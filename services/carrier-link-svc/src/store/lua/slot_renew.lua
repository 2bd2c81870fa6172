-- KEYS 1 slot. ARGV 1 holder, 2 ms. Answers 1 where the holder still holds it.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 1
end
return 0
