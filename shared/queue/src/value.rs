//! Reading the server's answers without trusting their shape.

use bytes::Bytes;
use redis::Value;

use crate::{entry::Entry, error::QueueError, stream_id::StreamId};

pub(crate) fn array(operation: &str, value: Value) -> Result<Vec<Value>, QueueError> {
    match value {
        Value::Array(items) => Ok(items),
        Value::Nil => Ok(Vec::new()),
        _ => Err(QueueError::answer(operation, "expected a list")),
    }
}

pub(crate) fn bytes(operation: &str, value: Value) -> Result<Bytes, QueueError> {
    match value {
        Value::BulkString(octets) => Ok(octets.into()),
        Value::SimpleString(text) => Ok(text.into_bytes().into()),
        _ => Err(QueueError::answer(operation, "expected a string")),
    }
}

pub(crate) fn text(operation: &str, value: Value) -> Result<String, QueueError> {
    String::from_utf8(bytes(operation, value)?.to_vec())
        .map_err(|_| QueueError::answer(operation, "expected text"))
}

pub(crate) fn integer(operation: &str, value: &Value) -> Result<u64, QueueError> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::BulkString(digits) => std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok()),
        _ => None,
    }
    .ok_or_else(|| QueueError::answer(operation, "expected a whole number"))
}

pub(crate) fn stream_id(operation: &str, value: Value) -> Result<StreamId, QueueError> {
    text(operation, value)?
        .parse()
        .map_err(|_| QueueError::answer(operation, "expected a stream id"))
}

/// `[[stream, [[id, [field, value, …]], …]], …]`, as `XREAD` and `XREADGROUP` answer.
pub(crate) fn streams(operation: &str, value: Value) -> Result<Vec<Entry>, QueueError> {
    let mut entries = Vec::new();
    for stream in array(operation, value)? {
        let mut parts = array(operation, stream)?.into_iter();
        let (Some(name), Some(list)) = (parts.next(), parts.next()) else {
            return Err(QueueError::answer(
                operation,
                "expected a stream with its entries",
            ));
        };
        let name: std::sync::Arc<str> = text(operation, name)?.into();
        for item in array(operation, list)? {
            if let Some(entry) = entry(operation, &name, item, 1)? {
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}

/// `[id, [field, value, …]]`; `None` for an entry that was deleted while it was pending.
pub(crate) fn entry(
    operation: &str,
    stream: &std::sync::Arc<str>,
    value: Value,
    delivery_count: u64,
) -> Result<Option<Entry>, QueueError> {
    let mut parts = array(operation, value)?.into_iter();
    let (Some(id), Some(fields)) = (parts.next(), parts.next()) else {
        return Ok(None);
    };
    let id = stream_id(operation, id)?;
    let mut flat = array(operation, fields)?.into_iter();
    if flat.len() == 0 {
        return Ok(None);
    }
    let mut fields = Vec::with_capacity(flat.len() / 2);
    while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
        fields.push((bytes(operation, name)?, bytes(operation, value)?));
    }
    Ok(Some(Entry {
        stream: stream.clone(),
        id,
        delivery_count,
        fields,
    }))
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::streams;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn one(fields: Value) -> Value {
        Value::Array(vec![Value::Array(vec![
            bulk("{p0}:x"),
            Value::Array(vec![Value::Array(vec![bulk("5-1"), fields])]),
        ])])
    }

    #[test]
    fn entries_are_read_with_their_fields() {
        let entries = streams("XREADGROUP", one(Value::Array(vec![bulk("b"), bulk("body")]))).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].id.to_string(), "5-1");
        assert_eq!(entries[0].body().unwrap().as_ref(), b"body");
        assert_eq!(entries[0].traceparent(), None);
    }

    #[test]
    fn deleted_entries_are_left_out_and_no_answer_is_no_entry() {
        assert!(streams("XREADGROUP", one(Value::Nil)).unwrap().is_empty());
        assert!(streams("XREADGROUP", Value::Nil).unwrap().is_empty());
    }

    #[test]
    fn another_shape_is_an_error() {
        for value in [
            Value::Int(1),
            Value::Array(vec![Value::Int(1)]),
            one(Value::Int(7)),
        ] {
            assert!(streams("XREADGROUP", value).is_err());
        }
    }
}
