//! Compares three stories of the same messages: what the callers were told, what the carrier took, and what the record
//! holds; and lists every place where they disagree.
//!
//! The rules are about safety alone and hold at any moment after the mesh has come to rest, whatever was killed before:
//!
//! * what was accepted is told final, once, unless a correction is said to be one;
//! * nothing is told, sent or recorded that was not accepted;
//! * the carrier has every segment of what counts as delivered, and no segment twice unless the message is flagged as a
//!   possible duplicate; a one-time code it has at most once, flag or no flag;
//! * the record says that each message was accepted, once, and how it ended, the same as the caller was told; and no
//!   numbered event is missing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What one caller was told about one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The message's id, as accepted.
    pub message_id: String,
    /// Something that only this message's carrier texts hold.
    pub marker: String,
    /// Whether the class forbids a second attempt.
    pub never_twice: bool,
    /// How many segments the accept said.
    pub segments: u32,
    /// Receipts in the order in which they came.
    pub receipts: Vec<ToldReceipt>,
    /// The final state that a look-up gives now; `None` where it gives one that is not final.
    pub looked_up: Option<String>,
}

/// One receipt, as the caller was given it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldReceipt {
    /// `DELIVERED`, `UNDELIVERED`, `EXPIRED`, `UNKNOWN`, `REJECTED` or `CANCELLED`.
    pub status: String,
    /// It says of itself that it corrects an earlier one.
    pub correction: bool,
    /// It says that the recipient may have the message twice.
    pub possible_duplicate: bool,
}

/// What the carrier took, by marker: how often each segment number came.
pub type Took = BTreeMap<String, BTreeMap<u32, u32>>;

/// What the record holds of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// How many events say that it was accepted.
    pub accepted: u32,
    /// The outcomes of the events that say how it ended, in the record's order.
    pub finals: Vec<String>,
}

/// The three stories.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// One for each accepted message.
    pub told: Vec<Told>,
    /// Receipts for messages that no caller was told of as accepted, by message id.
    pub stray_receipts: Vec<String>,
    /// By marker.
    pub took: Took,
    /// By message id.
    pub recorded: BTreeMap<String, Recorded>,
    /// Gaps that the record itself reports, as text.
    pub gaps: Vec<String>,
}

/// One place where the stories differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Disagreement {
    /// A message id, or a marker, or a producer.
    pub about: String,
    /// One sentence.
    pub what: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.what)
    }
}

impl History {
    /// Every disagreement; none is what should be.
    pub fn disagreements(&self) -> Vec<Disagreement> {
        let mut found = Findings::default();
        for told in &self.told {
            receipts_agree(told, &mut found);
            carrier_agrees(told, self.took.get(&told.marker), &mut found);
            record_agrees(told, self.recorded.get(&told.message_id), &mut found);
        }
        for id in &self.stray_receipts {
            found.add(id, "a receipt for a message that nobody was told is accepted");
        }
        let markers: BTreeSet<&String> = self.told.iter().map(|told| &told.marker).collect();
        for marker in self.took.keys() {
            if !markers.contains(marker) {
                found.add(
                    marker,
                    "the carrier took a message that nobody was told is accepted",
                );
            }
        }
        let ids: BTreeSet<&String> = self.told.iter().map(|told| &told.message_id).collect();
        for id in self.recorded.keys() {
            if !ids.contains(id) {
                found.add(id, "the record holds a message that nobody was told is accepted");
            }
        }
        for gap in &self.gaps {
            found.add(gap, "numbered events are missing from the record");
        }
        found.0.sort();
        found.0
    }
}

#[derive(Default)]
struct Findings(Vec<Disagreement>);

impl Findings {
    fn add(&mut self, about: &str, what: impl Into<String>) {
        self.0.push(Disagreement {
            about: about.to_owned(),
            what: what.into(),
        });
    }
}

fn receipts_agree(told: &Told, found: &mut Findings) {
    let id = &told.message_id;
    let uncorrected = told.receipts.iter().filter(|receipt| !receipt.correction).count();
    if uncorrected != 1 {
        found.add(id, format!("{uncorrected} first receipts instead of one"));
    }
    match (told.receipts.last(), &told.looked_up) {
        (_, None) => found.add(id, "is not final"),
        (Some(last), Some(looked_up)) if last.status != *looked_up => {
            found.add(
                id,
                format!("the last receipt says {}, a look-up {looked_up}", last.status),
            );
        }
        _ => {}
    }
}

fn carrier_agrees(told: &Told, took: Option<&BTreeMap<u32, u32>>, found: &mut Findings) {
    let id = &told.message_id;
    let empty = BTreeMap::new();
    let took = took.unwrap_or(&empty);
    let most = took.values().copied().max().unwrap_or(0);
    let flagged = told.receipts.iter().any(|receipt| receipt.possible_duplicate);
    if most > 1 && told.never_twice {
        found.add(id, format!("a one-time code reached the carrier {most} times"));
    } else if most > 1 && !flagged {
        found.add(
            id,
            format!("reached the carrier {most} times and is not flagged as a possible duplicate"),
        );
    }
    if let Some(beyond) = took
        .keys()
        .find(|segment| **segment == 0 || **segment > told.segments)
    {
        found.add(
            id,
            format!("the carrier took segment {beyond} of {}", told.segments),
        );
    }
    if told.looked_up.as_deref() == Some("DELIVERED") {
        for segment in 1..=told.segments {
            if !took.contains_key(&segment) {
                found.add(
                    id,
                    format!("counts as delivered, but the carrier never took segment {segment}"),
                );
            }
        }
    }
}

fn record_agrees(told: &Told, recorded: Option<&Recorded>, found: &mut Findings) {
    let id = &told.message_id;
    let Some(recorded) = recorded else {
        found.add(id, "is not on record");
        return;
    };
    if recorded.accepted != 1 {
        found.add(
            id,
            format!("is on record as accepted {} times", recorded.accepted),
        );
    }
    let receipts: Vec<&str> = told
        .receipts
        .iter()
        .map(|receipt| receipt.status.as_str())
        .collect();
    if recorded.finals != receipts {
        found.add(
            id,
            format!(
                "the record says {:?}, the caller was told {receipts:?}",
                recorded.finals
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{History, Recorded, Told, ToldReceipt};

    fn receipt(status: &str) -> ToldReceipt {
        ToldReceipt {
            status: status.into(),
            correction: false,
            possible_duplicate: false,
        }
    }

    /// One message of two segments that went well.
    fn good() -> History {
        History {
            told: vec![Told {
                message_id: "m1".into(),
                marker: "marker-1".into(),
                never_twice: false,
                segments: 2,
                receipts: vec![receipt("DELIVERED")],
                looked_up: Some("DELIVERED".into()),
            }],
            stray_receipts: Vec::new(),
            took: [("marker-1".into(), BTreeMap::from([(1, 1), (2, 1)]))].into(),
            recorded: [(
                "m1".into(),
                Recorded {
                    accepted: 1,
                    finals: vec!["DELIVERED".into()],
                },
            )]
            .into(),
            gaps: Vec::new(),
        }
    }

    #[test]
    fn stories_that_agree_give_no_disagreement() {
        assert_eq!(good().disagreements(), []);
    }

    #[test]
    fn a_correction_that_the_record_knows_is_no_disagreement() {
        let mut history = good();
        history.told[0].receipts = vec![
            receipt("UNKNOWN"),
            ToldReceipt {
                correction: true,
                ..receipt("DELIVERED")
            },
        ];
        history.recorded.get_mut("m1").unwrap().finals = vec!["UNKNOWN".into(), "DELIVERED".into()];
        assert_eq!(history.disagreements(), []);
    }

    #[test]
    fn a_flagged_duplicate_is_allowed_but_not_of_a_one_time_code() {
        let mut history = good();
        history
            .took
            .insert("marker-1".into(), BTreeMap::from([(1, 2), (2, 1)]));
        assert_eq!(history.disagreements().len(), 1);
        history.told[0].receipts[0].possible_duplicate = true;
        assert_eq!(history.disagreements(), []);
        history.told[0].never_twice = true;
        assert_eq!(history.disagreements().len(), 1);
    }

    #[test]
    fn each_broken_story_is_told() {
        type Break = fn(&mut History);
        let cases: [(&str, Break); 13] = [
            ("0 first receipts", |h| h.told[0].receipts.clear()),
            ("2 first receipts", |h| {
                h.told[0].receipts.push(receipt("DELIVERED"));
            }),
            ("is not final", |h| h.told[0].looked_up = None),
            ("a look-up EXPIRED", |h| {
                h.told[0].looked_up = Some("EXPIRED".into());
            }),
            ("nobody was told", |h| h.stray_receipts.push("m9".into())),
            ("nobody was told", |h| {
                h.took.insert("marker-9".into(), BTreeMap::from([(1, 1)]));
            }),
            ("nobody was told", |h| {
                h.recorded.insert("m9".into(), Recorded::default());
            }),
            ("never took segment 2", |h| {
                h.took.insert("marker-1".into(), BTreeMap::from([(1, 1)]));
            }),
            ("took segment 3 of 2", |h| {
                h.took.get_mut("marker-1").unwrap().insert(3, 1);
            }),
            ("is not on record", |h| h.recorded.clear()),
            ("accepted 2 times", |h| {
                h.recorded.get_mut("m1").unwrap().accepted = 2;
            }),
            ("the record says", |h| {
                h.recorded.get_mut("m1").unwrap().finals.clear();
            }),
            ("missing from the record", |h| {
                h.gaps.push("dispatch-1 3..4".into());
            }),
        ];
        for (expected, break_it) in cases {
            let mut history = good();
            break_it(&mut history);
            let found = history.disagreements();
            assert!(
                found.iter().any(|one| one.to_string().contains(expected)),
                "{expected}: {found:?}"
            );
        }
    }
}
