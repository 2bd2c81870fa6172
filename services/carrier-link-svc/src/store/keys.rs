//! The Redis keys that belong to this service alone. All but the link's own begin with a partition.

use hongyan_domain::{LinkName, MessageId, Partition};

/// Who holds a connection of a link: `{link:<link>}:slot:<n>`.
pub(super) fn slot(link: &LinkName, slot: u16) -> String {
    format!("{{link:{link}}}:slot:{slot}")
}

/// The link's pace: `{link:<link>}:pace`.
pub(super) fn pace(link: &LinkName) -> String {
    format!("{{link:{link}}}:pace")
}

/// There while a process can send: `{link:<link>}:ready`.
pub(super) fn ready(link: &LinkName) -> String {
    format!("{{link:{link}}}:ready")
}

/// What is being submitted of a message: `{p0}:intent:<link>:<message id>`.
pub(super) fn intent(partition: Partition, link: &LinkName, message_id: MessageId) -> String {
    format!("{{{partition}}}:intent:{link}:{message_id}")
}

/// There where a message went back for want of a connection: `{p0}:returned:<link>:<message id>`.
pub(super) fn returned(partition: Partition, link: &LinkName, message_id: MessageId) -> String {
    format!("{{{partition}}}:returned:{link}:{message_id}")
}

/// Whose a carrier's id is: `{p0}:mid:<link>:<id>`.
pub(super) fn mid(partition: Partition, link: &LinkName, carrier_message_id: &str) -> String {
    format!("{{{partition}}}:mid:{link}:{carrier_message_id}")
}

/// Receipts under an id that is not known yet: `{p0}:parked:<link>:<id>`.
pub(super) fn parked(partition: Partition, link: &LinkName, carrier_message_id: &str) -> String {
    format!("{{{partition}}}:parked:{link}:{carrier_message_id}")
}

/// There where an uplink, or a part of one, was stored: `{p0}:moseen:<link>:<id>`.
pub(super) fn seen(partition: Partition, link: &LinkName, carrier_message_id: &str) -> String {
    format!("{{{partition}}}:moseen:{link}:{carrier_message_id}")
}

/// The parts of a long uplink: `{p0}:part:<link>:<tag of the sender>:<access number>:<reference>:<total>`.
pub fn parts(
    partition: Partition,
    link: &LinkName,
    sender_tag: &str,
    access_number: &str,
    reference: &str,
    total: u8,
) -> String {
    format!("{{{partition}}}:part:{link}:{sender_tag}:{access_number}:{reference}:{total}")
}

/// When the parts of which texts have waited long enough: `{p0}:part:deadlines`.
pub(super) fn part_deadlines(partition: Partition) -> String {
    format!("{{{partition}}}:part:deadlines")
}

/// Submits without answer to a number: `{p0}:doubt:<link>:<tag>`, by message id.
pub(super) fn doubt(partition: Partition, link: &LinkName, tag: &str) -> String {
    format!("{{{partition}}}:doubt:{link}:{tag}")
}

/// The carrier's ids of parked receipts about a number: `{p0}:orphans:<link>:<tag>`, by when they were parked.
pub(super) fn orphans(partition: Partition, link: &LinkName, tag: &str) -> String {
    format!("{{{partition}}}:orphans:{link}:{tag}")
}

/// When to look whether a parked receipt settles a doubt: `{p0}:doubt:due`, of [`doubt_member`]s.
pub(super) fn doubts_due(partition: Partition) -> String {
    format!("{{{partition}}}:doubt:due")
}

/// A number of a link among those to look at.
pub(super) fn doubt_member(link: &LinkName, tag: &str) -> String {
    format!("{link}|{tag}")
}

/// The link of a key made by [`parts`].
pub fn link_of_parts(key: &str) -> Option<LinkName> {
    LinkName::parse(key.split(':').nth(2)?).ok()
}

#[cfg(test)]
mod tests {
    use hongyan_domain::{LinkName, Partition};

    use super::{link_of_parts, parts};

    #[test]
    fn the_parts_of_a_text_tell_their_link_and_no_number() {
        let link = LinkName::parse("cmcc-a").unwrap();
        let key = parts(Partition::new(3).unwrap(), &link, "aa", "106", "a7", 2);
        assert_eq!(key, "{p3}:part:cmcc-a:aa:106:a7:2");
        assert_eq!(link_of_parts(&key), Some(link));
        assert_eq!(link_of_parts("{p3}:part"), None);
    }
}
