//! The names of enumerations, as people and programs read them: without the prefix that protobuf wants.

use hongyan_proto::{
    common::v1::{Carrier, MessageClass},
    dispatch::v1::{Cause, MessageStatus, StatusDetail},
    verify::v1::{Element, Elements, Outcome},
};
use serde_json::{Value, json};

macro_rules! word {
    ($name:ident, $kind:ty, $prefix:literal) => {
        /// Empty for what is unspecified; the number for what this program does not know.
        pub(crate) fn $name(value: i32) -> String {
            match <$kind>::try_from(value) {
                Ok(_) if value == 0 => String::new(),
                Ok(known) => {
                    let name = known.as_str_name();
                    name.strip_prefix($prefix).unwrap_or(name).to_owned()
                }
                Err(_) => value.to_string(),
            }
        }
    };
}

word!(carrier, Carrier, "CARRIER_");
word!(class, MessageClass, "MESSAGE_CLASS_");
word!(status, MessageStatus, "MESSAGE_STATUS_");
word!(cause, Cause, "CAUSE_");
word!(outcome, Outcome, "OUTCOME_");
word!(elements, Elements, "ELEMENTS_");
word!(element, Element, "ELEMENT_");

/// A status under stable names.
pub(crate) fn status_json(detail: Option<&StatusDetail>) -> Value {
    match detail {
        None => Value::Null,
        Some(detail) => json!({
            "status": status(detail.status),
            "final": detail.r#final,
            "billable": detail.billable,
            "cause": cause(detail.cause),
            "raw_code": detail.raw_code,
            "advice": detail.advice,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{carrier, class, elements, outcome, status};

    #[test]
    fn names_stand_without_prefix() {
        assert_eq!(carrier(1), "CHINA_MOBILE");
        assert_eq!(class(1), "OTP");
        assert_eq!(status(4), "UNDELIVERED");
        assert_eq!(outcome(1), "MATCH");
        assert_eq!(elements(3), "PHONE_NAME_ID_NUMBER");
    }

    #[test]
    fn what_is_unspecified_is_empty_and_what_is_unknown_a_number() {
        assert_eq!((status(0).as_str(), status(99).as_str()), ("", "99"));
    }
}
