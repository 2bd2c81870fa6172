local function feed_add(key, body)
  return redis.call('XADD', key, '*', 'b', body)
end
