-- What is known of where a number is: `<carrier>|<source>|<since ms>`. `what` is 'learn' or 'forget': learning what is
-- expected anyway drops what was known, and so does forgetting where it says this carrier. Gives true where that changed
-- where the number's messages go.
local function lesson(key, what, carrier, expected, value, keep_ms)
  local known = redis.call('GET', key)
  known = known and string.match(known, '^[^|]*')
  if what == 'forget' or carrier == expected then
    if not known or (what == 'forget' and known ~= carrier) then
      return false
    end
    redis.call('DEL', key)
    return true
  end
  if known == carrier then
    redis.call('PEXPIRE', key, keep_ms)
    return false
  end
  redis.call('SET', key, value, 'PX', keep_ms)
  return true
end
