-- Fields for the end of encoded protobuf messages: an encoding joined to another one is the encoding of both merged.
-- The texts are shorter than 128 octets, so that one octet tells their length.

-- LinkEvent: message_id = 1, segment = 4.
local function event_of(partial, message_id, segment)
  return partial .. '\010' .. string.char(#message_id) .. message_id .. '\032' .. string.char(tonumber(segment))
end

-- AuditEvent: message_id = 7, trace_id = 8, attributes = 12 (a map: key = 1, value = 2).
local function audit_of(partial, message_id, segment, traceparent)
  local body = partial .. '\058' .. string.char(#message_id) .. message_id
  if #traceparent >= 35 then
    body = body .. '\066\032' .. string.sub(traceparent, 4, 35)
  end
  local entry = '\010\007segment\018' .. string.char(#segment) .. segment
  return body .. '\098' .. string.char(#entry) .. entry
end

-- Stands before the mark under an id that was known before its segment left, until the segment is told as submitted.
local RESERVED = '!'

local function is_reserved(mark)
  return string.sub(mark, 1, 1) == RESERVED
end

-- What is kept under a carrier's id: message id, segment, traceparent, mark of the last receipt.
local function mid_value(message_id, segment, traceparent, mark)
  return message_id .. '|' .. segment .. '|' .. traceparent .. '|' .. mark
end

local function mid_parts(value)
  return string.match(value, '^([^|]*)|([^|]*)|([^|]*)|(.*)$')
end

local function add(stream, body, traceparent)
  if traceparent ~= '' then
    redis.call('XADD', stream, '*', 'b', body, 'tp', traceparent)
  else
    redis.call('XADD', stream, '*', 'b', body)
  end
end

local function is_holder(stream, group, id, consumer)
  return redis.call('XPENDING', stream, group, id, id, 1, consumer)[1] ~= nil
end
