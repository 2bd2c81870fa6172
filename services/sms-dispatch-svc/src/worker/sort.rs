//! Sorting a batch of entries. Pure.

use std::collections::HashMap;

use hongyan_domain::{MessageId, Partition};
use hongyan_proto::carrier::v1::{CarrierLearned, LinkEvent, LinkHealth, link_event::Event};
use hongyan_queue::{Entry, keys};
use prost::Message as _;

/// All that one batch says of one message.
pub(super) struct Work {
    pub(super) id: MessageId,
    pub(super) events: Vec<(LinkEvent, Entry)>,
}

/// What is not about one message.
pub(super) enum Beside {
    /// How a link is, as one process tells at that time.
    Health(String, LinkHealth, Entry, i64),
    /// Where a number was seen.
    Learned(CarrierLearned, Entry),
}

/// A batch in its parts.
pub(super) struct Sorted<'e> {
    /// By message, in the order of their first entries.
    pub(super) works: Vec<Work>,
    pub(super) beside: Vec<Beside>,
    /// What can never be worked on, and why.
    pub(super) wrong: Vec<(&'e Entry, &'static str)>,
}

impl Work {
    /// What is left when somebody else has worked on the report that gave the message back; `None` where nothing is.
    pub(super) fn without_returns(mut self) -> Option<Self> {
        self.events
            .retain(|(event, _)| !matches!(event.event, Some(Event::Returned(_))));
        (!self.events.is_empty()).then_some(self)
    }
}

/// The partition of an entry's stream.
pub(super) fn partition_of(entry: &Entry) -> Option<Partition> {
    let number = entry.stream.strip_prefix("{p")?.split_once('}')?.0;
    let partition = Partition::new(number.parse().ok()?).ok()?;
    (*entry.stream == *keys::receipts(partition)).then_some(partition)
}

/// Sorts entries by what they are about.
pub(super) fn sort(entries: &[Entry]) -> Sorted<'_> {
    let (mut works, mut beside): (Vec<Work>, Vec<Beside>) = (Vec::new(), Vec::new());
    let mut places: HashMap<MessageId, usize> = HashMap::new();
    let mut wrong = Vec::new();
    for entry in entries {
        let Some(body) = entry.body() else {
            wrong.push((entry, "the field b is missing"));
            continue;
        };
        let Ok(event) = LinkEvent::decode(body.clone()) else {
            wrong.push((entry, "the body is not a LinkEvent"));
            continue;
        };
        match event.event {
            Some(Event::Health(health)) => {
                beside.push(Beside::Health(
                    event.link,
                    health,
                    entry.clone(),
                    event.at_unix_ms,
                ));
                continue;
            }
            Some(Event::CarrierLearned(learned)) => {
                beside.push(Beside::Learned(learned, entry.clone()));
                continue;
            }
            _ => {}
        }
        let Ok(id) = event.message_id.parse::<MessageId>() else {
            wrong.push((entry, "message_id: must be a message id"));
            continue;
        };
        // One script touches message and entry, so both must be of one partition.
        if *entry.stream != *keys::receipts(id.partition()) {
            wrong.push((entry, "message_id: belongs to another partition"));
            continue;
        }
        let place = *places.entry(id).or_insert_with(|| {
            works.push(Work {
                id,
                events: Vec::new(),
            });
            works.len() - 1
        });
        if let Some(work) = works.get_mut(place) {
            work.events.push((event, entry.clone()));
        }
    }
    Sorted { works, beside, wrong }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hongyan_domain::{MessageId, Partition};
    use hongyan_proto::carrier::v1::LinkEvent;
    use hongyan_queue::{Entry, StreamId};
    use prost::Message as _;

    use super::{Sorted, sort};

    fn entry(sequence: u64, fields: &[(&'static str, Vec<u8>)]) -> Entry {
        let field = |(name, value): &(&'static str, Vec<u8>)| {
            (Bytes::from_static(name.as_bytes()), Bytes::from(value.clone()))
        };
        Entry {
            stream: "{p0}:receipts".into(),
            id: StreamId { unix_ms: 1, sequence },
            delivery_count: 1,
            fields: fields.iter().map(field).collect(),
        }
    }

    fn report(sequence: u64, message_id: String) -> Entry {
        let event = LinkEvent {
            message_id,
            at_unix_ms: sequence.cast_signed(),
            ..LinkEvent::default()
        };
        entry(sequence, &[("b", event.encode_to_vec())])
    }

    #[test]
    fn events_of_one_message_stay_together_in_their_order_and_garbage_is_named() {
        let id =
            |partition, octet| MessageId::new(1, Partition::new(partition).unwrap(), [octet; 8]).to_string();
        let entries = [
            report(1, id(0, 1)),
            entry(2, &[]),
            report(3, id(0, 2)),
            entry(4, &[("b", b"\xff\xff".to_vec())]),
            report(5, id(0, 1)),
            report(6, "nonsense".into()),
            report(7, id(3, 1)),
        ];
        let Sorted { works, wrong, .. } = sort(&entries);
        let sequences: Vec<Vec<u64>> = works
            .iter()
            .map(|work| work.events.iter().map(|(_, entry)| entry.id.sequence).collect())
            .collect();
        assert_eq!(sequences, [vec![1, 5], vec![3]]);
        let named: Vec<u64> = wrong.iter().map(|(entry, _)| entry.id.sequence).collect();
        assert_eq!(named, [2, 4, 6, 7]);
    }
}
