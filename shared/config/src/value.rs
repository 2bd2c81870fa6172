//! How a setting's text becomes a value.

use std::{net::SocketAddr, path::PathBuf};

/// A type that a setting can have.
pub trait FromSetting: Sized {
    /// What is expected, to complete "must be …".
    const EXPECTED: &'static str;
    /// `None` where the text is not such a value.
    fn from_setting(text: &str) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl FromSetting for $number {
            const EXPECTED: &'static str = concat!("a whole number that fits ", stringify!($number));
            fn from_setting(text: &str) -> Option<Self> {
                text.trim().replace('_', "").parse().ok()
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64, usize, i64);

impl FromSetting for f64 {
    const EXPECTED: &'static str = "a finite number";
    fn from_setting(text: &str) -> Option<Self> {
        text.trim()
            .parse()
            .ok()
            .filter(|number: &Self| number.is_finite())
    }
}

impl FromSetting for bool {
    const EXPECTED: &'static str = "true or false";
    fn from_setting(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}

impl FromSetting for String {
    const EXPECTED: &'static str = "text that is not empty";
    fn from_setting(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl FromSetting for PathBuf {
    const EXPECTED: &'static str = "a path";
    fn from_setting(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }
}

impl FromSetting for SocketAddr {
    const EXPECTED: &'static str = "an address with a port, such as 127.0.0.1:8443 or [::]:8443";
    fn from_setting(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}
