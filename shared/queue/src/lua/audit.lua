local function audit(stream_key, seq_key, now_ms, body, traceparent)
  local epoch = redis.call('HGET', seq_key, 'epoch')
  if not epoch then
    epoch = now_ms
    redis.call('HSET', seq_key, 'epoch', epoch)
  end
  local seq = redis.call('HINCRBY', seq_key, 'seq', 1)
  if traceparent and traceparent ~= '' then
    return redis.call('XADD', stream_key, '*', 'e', epoch, 'n', seq, 'b', body, 'tp', traceparent)
  end
  return redis.call('XADD', stream_key, '*', 'e', epoch, 'n', seq, 'b', body)
end
