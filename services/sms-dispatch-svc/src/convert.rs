//! The protos' enums and the domain's, one way and the other.

use hongyan_domain::{
    Carrier, MessageClass,
    status::{Cause, MessageStatus, StatusDetail},
};
use hongyan_proto::{carrier::v1::ReturnReason, common::v1 as common, dispatch::v1 as dispatch};

/// The class; `None` where the caller gave none, or one that this program does not know.
pub fn class_of(class: i32) -> Option<MessageClass> {
    match common::MessageClass::try_from(class).ok()? {
        common::MessageClass::Unspecified => None,
        common::MessageClass::Otp => Some(MessageClass::Otp),
        common::MessageClass::Reply => Some(MessageClass::Reply),
        common::MessageClass::Notice => Some(MessageClass::Notice),
        common::MessageClass::Bulk => Some(MessageClass::Bulk),
    }
}

/// The class as callers see it.
pub fn class_to_proto(class: MessageClass) -> common::MessageClass {
    match class {
        MessageClass::Otp => common::MessageClass::Otp,
        MessageClass::Reply => common::MessageClass::Reply,
        MessageClass::Notice => common::MessageClass::Notice,
        MessageClass::Bulk => common::MessageClass::Bulk,
    }
}

/// The carrier as callers see it.
pub fn carrier_to_proto(carrier: Carrier) -> common::Carrier {
    match carrier {
        Carrier::ChinaMobile => common::Carrier::ChinaMobile,
        Carrier::ChinaUnicom => common::Carrier::ChinaUnicom,
        Carrier::ChinaTelecom => common::Carrier::ChinaTelecom,
        Carrier::ChinaBroadnet => common::Carrier::ChinaBroadnet,
    }
}

/// The status as callers see it.
pub fn status_to_proto(status: MessageStatus) -> dispatch::MessageStatus {
    match status {
        MessageStatus::Queued => dispatch::MessageStatus::Queued,
        MessageStatus::Submitted => dispatch::MessageStatus::Submitted,
        MessageStatus::Delivered => dispatch::MessageStatus::Delivered,
        MessageStatus::Undelivered => dispatch::MessageStatus::Undelivered,
        MessageStatus::Expired => dispatch::MessageStatus::Expired,
        MessageStatus::Unknown => dispatch::MessageStatus::Unknown,
        MessageStatus::Rejected => dispatch::MessageStatus::Rejected,
        MessageStatus::Cancelled => dispatch::MessageStatus::Cancelled,
    }
}

/// The name of a status without the enum's prefix: `DELIVERED`.
pub fn status_name(status: dispatch::MessageStatus) -> &'static str {
    status.as_str_name().trim_start_matches("MESSAGE_STATUS_")
}

/// The carrier; `None` for none, or for one that this program does not know.
pub fn carrier_of(carrier: i32) -> Option<Carrier> {
    match common::Carrier::try_from(carrier).ok()? {
        common::Carrier::Unspecified => None,
        common::Carrier::ChinaMobile => Some(Carrier::ChinaMobile),
        common::Carrier::ChinaUnicom => Some(Carrier::ChinaUnicom),
        common::Carrier::ChinaTelecom => Some(Carrier::ChinaTelecom),
        common::Carrier::ChinaBroadnet => Some(Carrier::ChinaBroadnet),
    }
}

/// The name of a reason without the enum's prefix: `NO_ROUTE`.
pub fn reason_name(reason: ReturnReason) -> &'static str {
    reason.as_str_name().trim_start_matches("RETURN_REASON_")
}

/// A status with what it means, as callers see it.
pub fn detail_to_proto(detail: &StatusDetail) -> dispatch::StatusDetail {
    let cause = match detail.cause {
        Cause::None => dispatch::Cause::None,
        Cause::Caller => dispatch::Cause::Caller,
        Cause::Content => dispatch::Cause::Content,
        Cause::Recipient => dispatch::Cause::Recipient,
        Cause::Carrier => dispatch::Cause::Carrier,
        Cause::Us => dispatch::Cause::Us,
    };
    dispatch::StatusDetail {
        status: status_to_proto(detail.status).into(),
        r#final: detail.is_final,
        billable: detail.billable,
        cause: cause.into(),
        raw_code: detail.raw_code.clone(),
        advice: detail.advice.clone().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use hongyan_domain::{MessageClass, status::MessageStatus};
    use hongyan_proto::dispatch::v1 as dispatch;

    use super::{class_of, class_to_proto, status_name, status_to_proto};

    #[test]
    fn a_class_goes_out_and_comes_back() {
        for class in MessageClass::ALL {
            assert_eq!(class_of(class_to_proto(class).into()), Some(class));
        }
        assert_eq!((class_of(0), class_of(99)), (None, None));
    }

    #[test]
    fn a_status_has_the_same_name_on_both_sides() {
        for status in [
            MessageStatus::Queued,
            MessageStatus::Unknown,
            MessageStatus::Cancelled,
        ] {
            assert_eq!(status_name(status_to_proto(status)), status.as_str());
        }
        assert_eq!(status_name(dispatch::MessageStatus::Delivered), "DELIVERED");
    }
}
