-- Invariant: no half-open span of a window's period ever holds more than its maximum of recorded times, in whatever
-- order the times come.
--
-- A key is a sorted set of the times (ms) of the newest N admissions, N the largest maximum. windows_check admits at
-- `now` only where the max-th newest time is at or before now - period; so at most max - 1 times lie behind
-- now - period, and a span of one period that contains `now` holds no other ones than these.
local function windows_spec(text)
  local spec = {}
  for max, period in string.gmatch(text, '(%d+):(%d+)') do
    spec[#spec + 1] = { tonumber(max), tonumber(period) }
  end
  return spec
end

local function windows_check(key, now_ms, spec)
  local now = tonumber(now_ms)
  local wait = 0
  for _, window in ipairs(spec) do
    local max, period = window[1], window[2]
    local newest = redis.call('ZREVRANGE', key, max - 1, max - 1, 'WITHSCORES')
    if newest[2] then
      wait = math.max(wait, tonumber(newest[2]) + period - now)
    end
  end
  return wait
end

local function windows_add(key, now_ms, member, spec)
  if #spec == 0 then return end
  local most, longest = 0, 0
  for _, window in ipairs(spec) do
    most = math.max(most, window[1])
    longest = math.max(longest, window[2])
  end
  redis.call('ZADD', key, now_ms, member)
  redis.call('ZREMRANGEBYRANK', key, 0, -(most + 1))
  redis.call('PEXPIRE', key, longest)
end
