//! The story of a message: what happened, oldest first, in bounded room.

use crate::record::{EventKind, EventRecord, MAX_EVENTS, MessageRecord};

/// ACCEPTED and QUEUED are told from the record's own fields and not stored.
const TOLD_NOT_STORED: usize = 2;

/// Adds an entry in the order of time. One that says what an entry said before is left out: streams and carriers both
/// repeat themselves.
pub fn add(record: &mut MessageRecord, entry: EventRecord) {
    if record.events.iter().any(|known| says_the_same(known, &entry)) {
        return;
    }
    let place = record
        .events
        .partition_point(|known| known.at_unix_ms <= entry.at_unix_ms);
    record.events.insert(place, entry);
    while record.events.len() > MAX_EVENTS - TOLD_NOT_STORED {
        let oldest = record
            .events
            .iter()
            .position(|entry| entry.kind() != EventKind::Final);
        record.events.remove(oldest.unwrap_or(0));
        record.events_omitted = record.events_omitted.saturating_add(1);
    }
}

/// The time is not compared: a carrier that sends its receipt again has told nothing new.
fn says_the_same(one: &EventRecord, other: &EventRecord) -> bool {
    one.kind == other.kind
        && one.segment == other.segment
        && one.attempt == other.attempt
        && one.status == other.status
        && one.corrects == other.corrects
        && one.raw_code == other.raw_code
        && one.carrier_message_id == other.carrier_message_id
        && one.link == other.link
}

#[cfg(test)]
mod tests {
    use super::add;
    use crate::record::{EventKind, EventRecord, MAX_EVENTS, MessageRecord};

    fn receipt(at_unix_ms: i64, id: &str) -> EventRecord {
        let mut entry = EventRecord {
            at_unix_ms,
            carrier_message_id: id.into(),
            ..EventRecord::default()
        };
        entry.set_kind(EventKind::Receipt);
        entry
    }

    #[test]
    fn entries_stand_in_the_order_of_time_and_repeats_are_left_out() {
        let mut record = MessageRecord::default();
        for (at, id) in [(30, "c"), (10, "a"), (20, "b"), (40, "a")] {
            add(&mut record, receipt(at, id));
        }
        let times: Vec<i64> = record.events.iter().map(|entry| entry.at_unix_ms).collect();
        assert_eq!(times, [10, 20, 30]);
        assert_eq!(record.events_omitted, 0);
    }

    #[test]
    fn a_long_story_loses_its_oldest_intermediate_entries_and_keeps_the_final_one() {
        let mut record = MessageRecord::default();
        let mut last_word = EventRecord {
            at_unix_ms: 1,
            ..EventRecord::default()
        };
        last_word.set_kind(EventKind::Final);
        add(&mut record, last_word);
        for at in 2..102 {
            add(&mut record, receipt(at, &at.to_string()));
        }
        assert_eq!(record.events.len(), MAX_EVENTS - 2);
        assert_eq!(record.events[0].kind(), EventKind::Final);
        assert_eq!(record.events[1].at_unix_ms, 41);
        assert_eq!(record.events_omitted, 39);
    }
}
