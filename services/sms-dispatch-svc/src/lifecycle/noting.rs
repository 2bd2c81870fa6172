//! From a link's report to facts.

use hongyan_domain::status::{CodeTable, MessageStatus, StatusDetail};
use hongyan_proto::carrier::v1::{LinkEvent, link_event::Event};

use super::fact::{fact, keep_earliest, keep_latest, keep_latest_attempt};
use crate::{
    record::{EventKind, EventRecord, MessageRecord, SegmentRecord, Submission},
    story,
};

/// No carrier's message id is longer: SMPP's 65 octets.
const MAX_CARRIER_ID_CHARS: usize = 65;

/// No link sends a message in more segments: six by the usual rules, a few more by a link's own.
const MAX_SEGMENTS: u32 = 16;

/// Why an event cannot be noted. The event is wrong and stays wrong: it goes to the dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEvent {
    /// No event inside, or one that only a newer program knows.
    #[error("event: missing or of an unknown kind")]
    NoEvent,
    /// Time is missing.
    #[error("at_unix_ms: must be above 0")]
    NoTime,
    /// The message has no such segment.
    #[error("segment: must be one of the message's")]
    NoSuchSegment,
}

/// Notes what a link reports. Noting it again changes nothing.
///
/// What a link reports of a message that has gone another way since is told in the story and is no fact any more: the
/// message's fate is what the other link makes of it. Where the first one turns out to have it after all, it is marked as
/// a possible duplicate.
///
/// That a link gave the message back is no fact either: what follows is decided with [`crate::reroute`].
pub fn note(record: &mut MessageRecord, event: &LinkEvent, codes: &CodeTable) -> Result<(), BadEvent> {
    if record.has_left(&event.link) {
        return note_late(record, event, codes);
    }
    let entry = note_fact(record, event, codes)?;
    story::add(record, entry);
    Ok(())
}

fn note_late(record: &mut MessageRecord, event: &LinkEvent, codes: &CodeTable) -> Result<(), BadEvent> {
    let mut aside = MessageRecord {
        segment_count: record.segment_count,
        ..MessageRecord::default()
    };
    let mut entry = note_fact(&mut aside, event, codes)?;
    entry.link.clone_from(&event.link);
    let has_it = |segment: &SegmentRecord| segment.delivered.is_some() || segment.unknown.is_some();
    record.possible_duplicate |= aside.possible_duplicate || aside.segments.iter().any(has_it);
    story::add(record, entry);
    Ok(())
}

/// Gives the entry of the story.
fn note_fact(
    record: &mut MessageRecord,
    event: &LinkEvent,
    codes: &CodeTable,
) -> Result<EventRecord, BadEvent> {
    if event.at_unix_ms <= 0 {
        return Err(BadEvent::NoTime);
    }
    // A link with rules of its own may need more segments than were counted.
    let told = match &event.event {
        // A receipt does not say how many, and another replica may be at work on the report that does.
        Some(Event::Receipt(_)) => event.segments.max(event.segment),
        _ => event.segments,
    };
    record.segment_count = record.segment_count.max(told.min(MAX_SEGMENTS));
    if event.segment > record.segment_count {
        return Err(BadEvent::NoSuchSegment);
    }
    let at_unix_ms = event.at_unix_ms;
    let mut entry = EventRecord {
        at_unix_ms,
        segment: event.segment,
        ..EventRecord::default()
    };
    match event.event.as_ref().ok_or(BadEvent::NoEvent)? {
        Event::Submitted(submitted) => {
            let segment = segment_mut(record, event.segment)?;
            let submission = Submission {
                at_unix_ms: if submitted.submitted_at_unix_ms > 0 {
                    submitted.submitted_at_unix_ms
                } else {
                    at_unix_ms
                },
                attempt: submitted.attempt,
                carrier_message_id: cut(&submitted.carrier_message_id, MAX_CARRIER_ID_CHARS),
            };
            entry.set_kind(if submitted.attempt > 1 {
                EventKind::Resent
            } else {
                EventKind::Submitted
            });
            entry.segment = segment.number;
            entry
                .carrier_message_id
                .clone_from(&submission.carrier_message_id);
            entry.attempt = submitted.attempt;
            entry.slot = submitted.slot;
            entry.sequence = submitted.sequence;
            keep_latest_attempt(&mut segment.submitted, submission);
        }
        Event::Refused(refused) => {
            let fact = fact(at_unix_ms, codes.refusal(&refused.raw_code));
            entry.set_kind(EventKind::SubmitRefused);
            entry.raw_code.clone_from(&fact.raw_code);
            entry.attempt = refused.attempt;
            if event.segment == 0 {
                keep_earliest(&mut record.refused, fact);
            } else {
                keep_earliest(&mut segment_mut(record, event.segment)?.refused, fact);
            }
        }
        Event::Uncertain(uncertain) => {
            entry.set_kind(EventKind::SubmitUncertain);
            entry.attempt = uncertain.attempt;
            let fact = fact(at_unix_ms, StatusDetail::uncertain());
            entry.raw_code.clone_from(&fact.raw_code);
            if uncertain.resend {
                record.possible_duplicate = true;
                keep_latest(&mut record.resent, fact);
            } else {
                keep_earliest(&mut record.uncertain, fact);
            }
        }
        Event::Receipt(receipt) => {
            let segment = segment_mut(record, event.segment)?;
            let detail = codes.receipt(&receipt.stat);
            let slot = match detail.status {
                MessageStatus::Delivered => &mut segment.delivered,
                MessageStatus::Unknown => &mut segment.unknown,
                MessageStatus::Queued | MessageStatus::Submitted => &mut segment.intermediate,
                _ => &mut segment.failed,
            };
            let fact = fact(at_unix_ms, detail);
            entry.set_kind(EventKind::Receipt);
            entry.raw_code.clone_from(&fact.raw_code);
            entry.segment = if event.segment == 0 { 1 } else { event.segment };
            entry.carrier_message_id = cut(&receipt.carrier_message_id, MAX_CARRIER_ID_CHARS);
            keep_earliest(slot, fact);
        }
        Event::Expired(_) => {
            entry.set_kind(EventKind::Expired);
            let fact = fact(at_unix_ms, StatusDetail::expired_in_queue());
            entry.raw_code.clone_from(&fact.raw_code);
            keep_earliest(&mut record.expired_at_link, fact);
        }
        Event::Unsendable(unsendable) => {
            let fact = fact(at_unix_ms, StatusDetail::unsendable(&unsendable.reason));
            entry.set_kind(EventKind::Unsendable);
            entry.raw_code.clone_from(&fact.raw_code);
            keep_earliest(&mut record.unsendable, fact);
        }
        Event::Returned(returned) => {
            entry.set_kind(EventKind::Returned);
            entry.set_reason(returned.reason());
            entry.raw_code = codes.refusal(&returned.raw_code).raw_code;
            entry.attempt = returned.attempt;
            entry.segment = 0;
        }
        Event::CarrierLearned(_) | Event::Health(_) => return Err(BadEvent::NoEvent),
    }
    Ok(entry)
}

/// The segment's place, made where nothing was known of it. Segment 0 of a message of one segment is that one.
fn segment_mut(record: &mut MessageRecord, number: u32) -> Result<&mut SegmentRecord, BadEvent> {
    let number = match number {
        0 if record.segment_count == 1 => 1,
        0 => return Err(BadEvent::NoSuchSegment),
        number => number,
    };
    let place = match record
        .segments
        .binary_search_by_key(&number, |segment| segment.number)
    {
        Ok(place) => place,
        Err(place) => {
            record.segments.insert(
                place,
                SegmentRecord {
                    number,
                    ..SegmentRecord::default()
                },
            );
            place
        }
    };
    record.segments.get_mut(place).ok_or(BadEvent::NoSuchSegment)
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().filter(char::is_ascii_graphic).take(chars).collect()
}
