//! The names of what services share.
//!
//! A key begins with the partition in braces: Redis Cluster hashes what is in the braces, so that all keys of one
//! partition live in one slot.

use hongyan_domain::{LinkName, MessageClass, Partition};

/// What a link is to send: `{p0}:out:<link>:<class>`. Written by dispatch, group `link`.
pub fn out(partition: Partition, link: &LinkName, class: MessageClass) -> String {
    format!("{{{partition}}}:out:{}:{}", link.as_str(), class.as_str())
}

/// What links did and heard: `{p0}:receipts`. Group `dispatch`.
pub fn receipts(partition: Partition) -> String {
    format!("{{{partition}}}:receipts")
}

/// Texts from subscribers: `{p0}:uplinks`. Group `router`.
pub fn uplinks(partition: Partition) -> String {
    format!("{{{partition}}}:uplinks")
}

/// What goes on the record: `{p0}:audit`. Group `audit`.
pub fn audit(partition: Partition) -> String {
    format!("{{{partition}}}:audit")
}

/// The hash that numbers the entries of the audit stream: `{p0}:audit:seq`, with the fields `epoch` and `seq`.
pub fn audit_seq(partition: Partition) -> String {
    format!("{{{partition}}}:audit:seq")
}

/// Where entries of a stream go that cannot be worked on: `{p0}:out:…` has `{p0}:dead:out:…`.
pub fn dead(stream: &str) -> String {
    match stream.split_once("}:") {
        Some((tag, rest)) => format!("{tag}}}:dead:{rest}"),
        None => format!("dead:{stream}"),
    }
}

#[cfg(test)]
mod tests {
    use super::dead;

    #[test]
    fn dead_letters_stay_in_their_partition() {
        assert_eq!(dead("{p3}:out:cmcc:otp"), "{p3}:dead:out:cmcc:otp");
        assert_eq!(dead("{p0}:receipts"), "{p0}:dead:receipts");
        assert_eq!(dead("plain"), "dead:plain");
    }
}
