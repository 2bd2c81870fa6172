-- KEYS: budget. ARGV: now (µs), interval (µs), horizon (µs), absurd (µs), wanted. Answers { first slot (µs), granted,
-- wait (µs) }. The rule is `gcra::grant`, word for word; the key holds the first slot that is not given away.
local now, interval, horizon = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local absurd, wanted = tonumber(ARGV[4]), tonumber(ARGV[5])
local free = tonumber(redis.call('GET', KEYS[1]) or now)
-- The gap of a slow rate is no sign of a wrong clock.
if free < now or free > now + absurd + interval then
  free = now
end
local room = math.floor((now + horizon - free) / interval) + 1
local granted = math.max(0, math.min(wanted, room))
if granted == 0 then
  return { string.format('%.0f', free), 0, string.format('%.0f', math.max(free - now - horizon, 1)) }
end
-- Longer than any gap that matters: after it, a fresh start is the same as the kept value.
local kept_ms = 60000 + math.ceil((granted * interval + horizon) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', free + granted * interval), 'PX', string.format('%.0f', kept_ms))
return { string.format('%.0f', free), granted, '0' }
