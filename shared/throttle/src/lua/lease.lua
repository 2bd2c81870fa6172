-- KEYS: budget. ARGV: now (µs), interval (µs), horizon (µs), absurd (µs), wanted. Answers { first slot (µs), granted,
-- wait (µs) }. The rule is `gcra::grant`, word for word; the key holds the first slot that is not given away.
local now, interval, horizon = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local absurd, wanted = tonumber(ARGV[4]), tonumber(ARGV[5])
local free = tonumber(redis.call('GET', KEYS[1]) or now)
if free < now or free > now + absurd then
  free = now
end
local room = math.floor((now + horizon - free) / interval) + 1
local granted = math.max(0, math.min(wanted, room))
if granted == 0 then
  return { string.format('%.0f', free), 0, string.format('%.0f', math.max(free - now - horizon, 1)) }
end
-- Longer than any gap that matters: after it, a fresh start is the same as the kept value.
redis.call('SET', KEYS[1], string.format('%.0f', free + granted * interval), 'PX', 60000)
return { string.format('%.0f', free), granted, '0' }
