//! What became of messages, counted from the record: accepted, delivered, undelivered by cause, unknown, by tenant,
//! carrier, class and the hour (whole hours, so Beijing's as well) in which they were accepted.
//!
//! Every leaf about a message adds to and takes from a few counters, whatever was read before it, so that the order of
//! leaves does not matter and parts can be counted apart and put together: a final status that comes before its acceptance
//! counts the same. What a leaf changes is in the leaf alone:
//!
//! | action | change |
//! |---|---|
//! | `MESSAGE_ACCEPTED` | one more is open |
//! | `MESSAGE_REROUTED` | one less is open with the carrier that it leaves, one more with the one that it goes to |
//! | `MESSAGE_FINAL` | one less is open, one more has this status |
//! | `MESSAGE_CORRECTED` | one less has the status that is corrected, one more has this one |
//!
//! So a message counts, with all it is worth, for the carrier that it went to in the end. `UNKNOWN` is open and final with
//! the status of that name; every other final status but `DELIVERED` is undelivered, by the status and the carrier's code.
//! Where the entries of acceptances were dropped, which are kept for a shorter time, the messages that had a final status
//! still count, as accepted too.

use std::collections::BTreeMap;

use hongyan_proto::audit::v1::StatisticsRow;

use super::view::View;

const HOUR_MS: i64 = 3_600_000;
const NAMES: [&str; 6] = [
    "carrier",
    "class",
    "accepted_at_unix_ms",
    "raw_code",
    "from_carrier",
    "corrects",
];
const CORRECTS_CODE: &str = "corrects_raw_code";

/// Whose messages, and of which hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cell<'a> {
    /// Hours since 1970.
    pub(crate) hour: u64,
    pub(crate) tenant: &'a str,
    pub(crate) carrier: &'a str,
    pub(crate) class: &'a str,
}

/// Where a message stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Standing {
    /// Accepted, and without a final status.
    Open,
    Delivered,
    /// Final, and nobody knows.
    Unknown,
    /// Final status, and the carrier's code where there is one.
    Undelivered(String),
}

impl Standing {
    /// As it stands in a key; what is undelivered begins with a letter of its own.
    pub(crate) fn to_octets(&self) -> Vec<u8> {
        match self {
            Self::Open => b"o".to_vec(),
            Self::Delivered => b"d".to_vec(),
            Self::Unknown => b"n".to_vec(),
            Self::Undelivered(cause) => [b"u", cause.as_bytes()].concat(),
        }
    }

    pub(crate) fn from_octets(octets: &[u8]) -> Option<Self> {
        match octets {
            b"o" => Some(Self::Open),
            b"d" => Some(Self::Delivered),
            b"n" => Some(Self::Unknown),
            [b'u', cause @ ..] => Some(Self::Undelivered(std::str::from_utf8(cause).ok()?.to_owned())),
            _ => None,
        }
    }

    fn of_status(status: &str, code: &str) -> Self {
        match (status, code) {
            ("DELIVERED", _) => Self::Delivered,
            ("UNKNOWN", _) => Self::Unknown,
            (status, "") => Self::Undelivered(status.to_owned()),
            (status, code) => Self::Undelivered(format!("{status} {code}")),
        }
    }
}

/// Tells what a leaf changes: of which counter, by how much. Nothing for a leaf that is about no message, or that does not
/// say what is needed.
pub(crate) fn changes<'a>(leaf: &View<'a>, mut change: impl FnMut(Cell<'a>, Standing, i64)) {
    if !leaf.action.starts_with("MESSAGE_") {
        return;
    }
    let [carrier, class, accepted_at, code, from_carrier, corrects] = leaf.attributes(NAMES);
    let Some(hour) = accepted_at
        .parse()
        .ok()
        .and_then(|at: i64| u64::try_from(at.div_euclid(HOUR_MS)).ok())
    else {
        return;
    };
    let cell = Cell {
        hour,
        tenant: leaf.tenant,
        carrier,
        class,
    };
    match leaf.action {
        "MESSAGE_ACCEPTED" => change(cell, Standing::Open, 1),
        "MESSAGE_REROUTED" => {
            let before = Cell {
                carrier: from_carrier,
                ..cell
            };
            change(before, Standing::Open, -1);
            change(cell, Standing::Open, 1);
        }
        "MESSAGE_FINAL" => {
            change(cell, Standing::Open, -1);
            change(cell, Standing::of_status(leaf.outcome, code), 1);
        }
        "MESSAGE_CORRECTED" => {
            let [before] = leaf.attributes([CORRECTS_CODE]);
            change(cell, Standing::of_status(corrects, before), -1);
            change(cell, Standing::of_status(leaf.outcome, code), 1);
        }
        _ => {}
    }
}

/// Counters of many leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fold(BTreeMap<(u64, String, String, String), Tally>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tally {
    open: i64,
    delivered: i64,
    unknown: i64,
    undelivered: BTreeMap<String, i64>,
}

impl Fold {
    /// Takes one leaf in.
    #[cfg(test)]
    pub(crate) fn take(&mut self, leaf: &View<'_>) {
        changes(leaf, |cell, standing, by| self.add(cell, standing, by));
    }

    /// Changes one counter.
    pub(crate) fn add(&mut self, cell: Cell<'_>, standing: Standing, by: i64) {
        let Cell {
            hour,
            tenant,
            carrier,
            class,
        } = cell;
        let tally = self
            .0
            .entry((hour, tenant.to_owned(), carrier.to_owned(), class.to_owned()))
            .or_default();
        *match standing {
            Standing::Open => &mut tally.open,
            Standing::Delivered => &mut tally.delivered,
            Standing::Unknown => &mut tally.unknown,
            Standing::Undelivered(cause) => tally.undelivered.entry(cause).or_default(),
        } += by;
    }

    /// The rows that have messages, by hour, tenant, carrier and class.
    pub(crate) fn rows(&self) -> Vec<StatisticsRow> {
        let rows = self
            .0
            .iter()
            .filter_map(|((hour, tenant, carrier, class), tally)| {
                // Below nothing where the leaves that counted up were dropped before those that count down.
                let count = |counted: i64| u64::try_from(counted).unwrap_or(0);
                let undelivered: BTreeMap<_, _> = tally
                    .undelivered
                    .iter()
                    .filter(|(_, counted)| **counted > 0)
                    .map(|(cause, counted)| (cause.clone(), count(*counted)))
                    .collect();
                let delivered = count(tally.delivered);
                let unknown = count(tally.open) + count(tally.unknown);
                let accepted = delivered + unknown + undelivered.values().sum::<u64>();
                (accepted > 0).then(|| StatisticsRow {
                    tenant: tenant.clone(),
                    carrier: carrier.clone(),
                    class: class.clone(),
                    hour_unix_ms: i64::try_from(*hour).unwrap_or(i64::MAX).saturating_mul(HOUR_MS),
                    accepted,
                    delivered,
                    undelivered,
                    unknown,
                })
            });
        rows.collect()
    }
}

/// The hours that a span of time touches: the first, and the one behind the last; 0 is open at either end.
pub(crate) fn hours(from_unix_ms: i64, until_unix_ms: i64) -> std::ops::Range<u64> {
    let hour = |unix_ms: i64| u64::try_from(unix_ms.div_euclid(HOUR_MS)).unwrap_or(0);
    let first = hour(from_unix_ms);
    let behind = match until_unix_ms {
        0 => u64::MAX,
        until => hour(until.saturating_add(HOUR_MS - 1)),
    };
    first..behind
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::{AuditEvent, StatisticsRow};
    use proptest::{prelude::any, prop_assert_eq, proptest};

    use super::{Fold, Standing, View, hours};
    use crate::record::{LogId, leaf};

    const HOUR: i64 = 3_600_000;

    /// What is said of a message.
    fn said(action: &str, outcome: &str, attributes: &[(&str, &str)]) -> Vec<u8> {
        let event = AuditEvent {
            action: action.into(),
            outcome: outcome.into(),
            tenant: "bureau".into(),
            attributes: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..AuditEvent::default()
        };
        leaf::encode(0, (LogId::of(action, 0), 0), ("p", 1, 1), 0, event)
    }

    fn row(carrier: &str, counts: (u64, u64, &[(&str, u64)], u64)) -> StatisticsRow {
        let (accepted, delivered, undelivered, unknown) = counts;
        StatisticsRow {
            tenant: "bureau".into(),
            carrier: carrier.into(),
            class: "otp".into(),
            hour_unix_ms: 7 * HOUR,
            accepted,
            delivered,
            undelivered: undelivered
                .iter()
                .map(|(cause, count)| ((*cause).to_owned(), *count))
                .collect(),
            unknown,
        }
    }

    fn fold(leaves: &[Vec<u8>]) -> Fold {
        let mut fold = Fold::default();
        for leaf in leaves {
            fold.take(&View::of(leaf).unwrap());
        }
        fold
    }

    const AT: (&str, &str) = ("accepted_at_unix_ms", "25200001");
    const CLASS: (&str, &str) = ("class", "otp");

    fn accepted() -> Vec<u8> {
        said(
            "MESSAGE_ACCEPTED",
            "QUEUED",
            &[AT, CLASS, ("carrier", "china-mobile")],
        )
    }

    fn ended(status: &str, code: &str, carrier: &str) -> Vec<u8> {
        let attributes = [AT, CLASS, ("carrier", carrier), ("raw_code", code)];
        said("MESSAGE_FINAL", status, &attributes)
    }

    #[test]
    fn each_final_status_has_its_place() {
        let table: [(&str, &str, StatisticsRow); 5] = [
            ("DELIVERED", "DELIVRD", row("china-mobile", (2, 1, &[], 1))),
            ("UNKNOWN", "NO_RECEIPT", row("china-mobile", (2, 0, &[], 2))),
            (
                "REJECTED",
                "MK:0001",
                row("china-mobile", (2, 0, &[("REJECTED MK:0001", 1)], 1)),
            ),
            (
                "EXPIRED",
                "EXPIRED_IN_QUEUE",
                row("china-mobile", (2, 0, &[("EXPIRED EXPIRED_IN_QUEUE", 1)], 1)),
            ),
            (
                "UNDELIVERED",
                "",
                row("china-mobile", (2, 0, &[("UNDELIVERED", 1)], 1)),
            ),
        ];
        for (status, code, expected) in table {
            let fold = fold(&[accepted(), ended(status, code, "china-mobile"), accepted()]);
            assert_eq!(fold.rows(), [expected], "{status}");
        }
    }

    #[test]
    fn a_message_that_went_another_way_counts_for_the_carrier_it_went_to() {
        let moved = said(
            "MESSAGE_REROUTED",
            "QUEUED",
            &[
                AT,
                CLASS,
                ("carrier", "china-unicom"),
                ("from_carrier", "china-mobile"),
            ],
        );
        let way = [accepted(), moved, ended("DELIVERED", "DELIVRD", "china-unicom")];
        assert_eq!(fold(&way[..2]).rows(), [row("china-unicom", (1, 0, &[], 1))]);
        assert_eq!(fold(&way).rows(), [row("china-unicom", (1, 1, &[], 0))]);
    }

    #[test]
    fn a_correction_takes_back_what_was_said() {
        let corrected = said(
            "MESSAGE_CORRECTED",
            "DELIVERED",
            &[
                AT,
                CLASS,
                ("carrier", "china-mobile"),
                ("raw_code", "DELIVRD"),
                ("corrects", "EXPIRED"),
                ("corrects_raw_code", "EXPIRED_IN_QUEUE"),
            ],
        );
        let all = [
            accepted(),
            ended("EXPIRED", "EXPIRED_IN_QUEUE", "china-mobile"),
            corrected,
        ];
        assert_eq!(fold(&all).rows(), [row("china-mobile", (1, 1, &[], 0))]);
    }

    #[test]
    fn without_the_acceptances_those_that_ended_still_count() {
        let left = [
            ended("DELIVERED", "DELIVRD", "china-mobile"),
            ended("REJECTED", "MK:0001", "china-mobile"),
        ];
        assert_eq!(
            fold(&left).rows(),
            [row("china-mobile", (2, 1, &[("REJECTED MK:0001", 1)], 0))]
        );
    }

    #[test]
    fn leaves_that_do_not_say_when_or_are_about_something_else_do_not_count() {
        let leaves = [
            said("MESSAGE_ACCEPTED", "QUEUED", &[CLASS]),
            said("MESSAGE_ACCEPTED", "QUEUED", &[("accepted_at_unix_ms", "soon")]),
            said("MESSAGE_ACCEPTED", "QUEUED", &[("accepted_at_unix_ms", "-1")]),
            said("SEGMENT_SUBMITTED", "OK", &[AT, CLASS]),
            said("MESSAGE_SOMETHING", "OK", &[AT, CLASS]),
        ];
        assert_eq!(fold(&leaves), Fold::default());
    }

    #[test]
    fn spans_are_widened_to_whole_hours() {
        assert_eq!(hours(0, 0), 0..u64::MAX);
        assert_eq!(hours(HOUR, 2 * HOUR), 1..2);
        assert_eq!(hours(2 * HOUR - 1, 2 * HOUR + 1), 1..3);
    }

    #[test]
    fn standings_read_back() {
        for standing in [
            Standing::Open,
            Standing::Delivered,
            Standing::Unknown,
            Standing::Undelivered("REJECTED MK:0001".into()),
            Standing::Undelivered(String::new()),
        ] {
            assert_eq!(Standing::from_octets(&standing.to_octets()), Some(standing));
        }
        assert_eq!(Standing::from_octets(b""), None);
        assert_eq!(Standing::from_octets(b"u\xff"), None);
    }

    proptest! {
        /// Many messages, each told as far as it came, in any order: what each one's last word says.
        #[test]
        fn counters_are_the_last_word_of_every_message_in_any_order(
            ways in proptest::collection::vec((any::<bool>(), 0_usize..4, 0_usize..4), 0..40),
            order in any::<u64>(),
        ) {
            const STATUSES: [(&str, &str); 4] =
                [("", ""), ("DELIVERED", "DELIVRD"), ("UNKNOWN", "NO_RECEIPT"), ("REJECTED", "MK:0001")];
            let mut leaves = Vec::new();
            let mut expected = Fold::default();
            for (moves, first, second) in ways {
                leaves.push(accepted());
                let carrier = if moves { "china-unicom" } else { "china-mobile" };
                let here = ("carrier", carrier);
                if moves {
                    let attributes = [AT, CLASS, here, ("from_carrier", "china-mobile")];
                    leaves.push(said("MESSAGE_REROUTED", "QUEUED", &attributes));
                }
                let (status, code) = STATUSES[first];
                let mut last = (status, code);
                if first > 0 {
                    leaves.push(ended(status, code, carrier));
                    if second > 0 && second != first {
                        last = STATUSES[second];
                        leaves.push(said("MESSAGE_CORRECTED", last.0, &[
                            AT, CLASS, here, ("raw_code", last.1),
                            ("corrects", status), ("corrects_raw_code", code),
                        ]));
                    }
                }
                let cell = super::Cell { hour: 7, tenant: "bureau", carrier, class: "otp" };
                let standing = match last.0 {
                    "" => Standing::Open,
                    status => Standing::of_status(status, last.1),
                };
                expected.add(cell, standing, 1);
            }
            // Any order, from one number.
            let mut seed = order;
            for nth in (1..leaves.len()).rev() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                leaves.swap(nth, (seed >> 33) as usize % (nth + 1));
            }
            prop_assert_eq!(fold(&leaves).rows(), expected.rows());
        }
    }
}
