//! The Redis keys that belong to this service alone. All of one number begin with its partition in braces.

use hongyan_domain::{MessageClass, MessageId, Partition, RequestId, TenantId};

/// The fingerprint and answer of a request: `{p0}:idem:<tenant>:<request id>`, 24 hours.
pub fn idempotency(partition: Partition, tenant: &TenantId, request_id: &RequestId) -> String {
    format!("{{{partition}}}:idem:{}:{}", tenant.as_str(), request_id.as_str())
}

/// A message's version `v` and record `r`: `{p0}:msg:<message id>`, until seven days behind its final status.
pub fn message(id: MessageId) -> String {
    format!("{{{}}}:msg:{id}", id.partition())
}

/// The accept times of a number: `{p0}:thr:<tenant>:<otp or notice>:<tag>`.
pub fn windows(partition: Partition, tenant: &TenantId, class: MessageClass, tag: &str) -> String {
    let kind = if class == MessageClass::Otp {
        "otp"
    } else {
        "notice"
    };
    format!("{{{partition}}}:thr:{}:{kind}:{tag}", tenant.as_str())
}

/// There where the number's owner wants no notices and no bulk messages: `{p0}:optout:<tenant>:<tag>`.
pub fn opt_out(partition: Partition, tenant: &TenantId, tag: &str) -> String {
    format!("{{{partition}}}:optout:{}:{tag}", tenant.as_str())
}

/// What was learned of where a number is: `{p0}:ported:<tag>`, carrier, source and since when.
pub fn ported(partition: Partition, tag: &str) -> String {
    format!("{{{partition}}}:ported:{tag}")
}

/// What the processes of the link service told of their links, and when each link was last ready: `{links}:health`.
pub const HEALTH: &str = "{links}:health";

/// Message ids by when the sweeper must look at them: `{p0}:deadlines`.
pub fn deadlines(partition: Partition) -> String {
    format!("{{{partition}}}:deadlines")
}

/// How many messages wait for a link, by [`waiting_field`]: `{p0}:waiting`.
pub fn waiting(partition: Partition) -> String {
    format!("{{{partition}}}:waiting")
}

/// The field of a tenant and class in [`waiting`].
pub fn waiting_field(tenant: &str, class: &str) -> String {
    format!("{tenant}:{class}")
}

#[cfg(test)]
mod tests {
    use hongyan_domain::{MessageClass, MessageId, Partition, RequestId, TenantId};

    #[test]
    fn all_keys_of_a_message_live_in_its_partition() {
        let p = Partition::new(7).unwrap();
        let tenant = TenantId::parse("shebao").unwrap();
        let id = MessageId::new(1, p, [0; 8]);
        let keys = [
            super::idempotency(p, &tenant, &RequestId::parse("r{1}").unwrap()),
            super::message(id),
            super::windows(p, &tenant, MessageClass::Bulk, "t"),
            super::opt_out(p, &tenant, "t"),
            super::ported(p, "t"),
            super::deadlines(p),
            super::waiting(p),
        ];
        assert!(keys.iter().all(|key| key.starts_with("{p7}:")), "{keys:?}");
        assert_eq!(keys[2], "{p7}:thr:shebao:notice:t");
    }
}
