//! Drafts made by hand, where a test chooses the time.

use hongyan_domain::{Carrier, LinkName, MessageClass, MessageId, Partition, RequestId, TenantId};
use hongyan_proto::dispatch::v1::SendMessageResponse;
use hongyan_sms_dispatch_svc::{
    convert::class_to_proto,
    fingerprint::Fingerprint,
    record::{MessageRecord, RECORD_VERSION},
    route::Ground,
    store::Draft,
};
use prost::Message as _;

use crate::house::keyring;

/// A one-time code of the tenant `shebao` to the number behind `tag`, as accepted at `now_ms`.
pub(crate) fn draft(serial: u64, tag: &str, now_ms: i64) -> Draft {
    let id = MessageId::new(
        now_ms.unsigned_abs(),
        Partition::new(0).unwrap(),
        serial.to_be_bytes(),
    );
    let class = MessageClass::Otp;
    let record = MessageRecord {
        version: RECORD_VERSION,
        tenant: "shebao".into(),
        request_id: format!("r-{serial}"),
        class: class_to_proto(class).into(),
        link: "cmcc".into(),
        segment_count: 1,
        accepted_at_unix_ms: now_ms,
        valid_until_unix_ms: now_ms + 300_000,
        ..MessageRecord::default()
    };
    Draft {
        id,
        tenant: TenantId::parse("shebao").unwrap(),
        request_id: RequestId::parse(&format!("r-{serial}")).unwrap(),
        class,
        admitted_as: class,
        link: LinkName::parse("cmcc").unwrap(),
        carrier: Carrier::ChinaMobile,
        ground: Ground::Learned {
            expected: Carrier::ChinaMobile,
        },
        subject: keyring().tag(hongyan_envelope::SUBJECT, tag),
        tag: tag.to_owned(),
        now_ms,
        fingerprint: Fingerprint([serial.to_be_bytes()[7]; 16]),
        answer: SendMessageResponse {
            message_id: id.to_string(),
            ..SendMessageResponse::default()
        }
        .encode_to_vec(),
        windows: "1:60000,5:3600000,10:86400000".to_owned(),
        most_waiting: 1_000,
        most_entries: 1_000,
        record: record.to_octets(),
        sealed: b"sealed".to_vec(),
        keeps_body: false,
        traceparent: String::new(),
        deadline_ms: now_ms + 360_000,
        audit_event: b"event".to_vec(),
    }
}
