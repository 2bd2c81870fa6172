//! The `grpc-timeout` header: how long a caller waits. PROTOCOL-HTTP2 of the gRPC specification.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// `None` where there is none, or what is there is not one: the specification lets a server ignore it.
pub(crate) fn read(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

/// In the finest unit whose count has at most eight digits.
pub(crate) fn write(headers: &mut HeaderMap, wait: Duration) {
    const MOST: u128 = 99_999_999;
    let units = [
        (wait.as_micros(), 'u'),
        (wait.as_millis(), 'm'),
        (u128::from(wait.as_secs()), 'S'),
    ];
    let (count, unit) = units
        .into_iter()
        .find(|(count, _)| *count <= MOST)
        .unwrap_or((MOST, 'S'));
    if let Ok(value) = HeaderValue::from_str(&format!("{count}{unit}")) {
        headers.insert(GRPC_TIMEOUT, value);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue};

    use super::{read, write};

    #[test]
    fn every_unit_is_read() {
        for (text, wait) in [
            ("2H", Duration::from_hours(2)),
            ("3M", Duration::from_mins(3)),
            ("4S", Duration::from_secs(4)),
            ("00000100m", Duration::from_millis(100)),
            ("82u", Duration::from_micros(82)),
            ("99999999n", Duration::from_nanos(99_999_999)),
        ] {
            let headers = HeaderMap::from_iter([(super::GRPC_TIMEOUT, HeaderValue::from_static(text))]);
            assert_eq!(read(&headers), Some(wait), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_timeout_is_ignored() {
        for text in ["", "S", "1", "123456789S", "1s", "-1S", "+1S", "1 S", "1.5S"] {
            let headers = HeaderMap::from_iter([(super::GRPC_TIMEOUT, HeaderValue::from_static(text))]);
            assert_eq!(read(&headers), None, "{text:?}");
        }
        assert_eq!(read(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for wait in [
            Duration::from_micros(1),
            Duration::from_secs(10),
            Duration::from_millis(123_456_789),
            Duration::from_hours(25_000),
        ] {
            let mut headers = HeaderMap::new();
            write(&mut headers, wait);
            let back = read(&headers).unwrap();
            assert!(
                back <= wait && wait.checked_sub(back).unwrap() < Duration::from_secs(1),
                "{wait:?}"
            );
        }
    }
}
