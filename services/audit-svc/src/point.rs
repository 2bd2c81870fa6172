//! Places between two steps where a test may stop the process, as a power cut would. Nothing of this is in a program that is
//! built without the feature `failpoints`.

/// A place with a name; see [`ALL`].
#[cfg(feature = "failpoints")]
macro_rules! point {
    ($name:literal) => {
        fail::fail_point!($name)
    };
}

/// A place with a name; nothing here.
#[cfg(not(feature = "failpoints"))]
macro_rules! point {
    ($name:literal) => {};
}

pub(crate) use point;

/// The places where keys are made and destroyed, in the order of the steps.
#[cfg(feature = "failpoints")]
pub const OF_KEYS: [&str; 9] = [
    "keys-written",
    "keys-synced",
    "order-staged",
    "order-renamed",
    "order-kept",
    "keys-overwritten",
    "keys-destroyed",
    "erasure-recorded",
    "order-forgotten",
];

/// Every place of the record and its logs, in the order of the steps of a write.
#[cfg(feature = "failpoints")]
pub const ALL: [&str; 29] = [
    // A segment is made.
    "segment-created",
    "segment-allocated",
    "segment-head-written",
    "segment-head-synced",
    "segment-name-synced",
    // A group goes on record.
    "group-placed",
    "group-half-written",
    "group-written",
    "group-synced",
    "group-told",
    "group-answered",
    // A checkpoint comes into being.
    "leaves-taken-in",
    "checkpoint-signed",
    "lock-staged",
    "lock-renamed",
    "lock-swapped",
    "some-files-written",
    "files-written",
    "checkpoint-cosigned",
    "checkpoint-put",
    "needless-removed",
    "round-told",
    // What is not needed any more goes.
    "snapshot-taken",
    "snapshot-written",
    "snapshot-synced",
    "snapshot-renamed",
    "snapshot-name-synced",
    "segment-removed",
    "segment-removal-synced",
];
