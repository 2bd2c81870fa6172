//! A copy of a log on disk, as `audit export` writes it and `audit verify` checks it.
//!
//! A whole log is the directory that the service itself has: `checkpoint`, `tile/<level>/…`, `tile/entries/…` (C2SP
//! tlog-tiles), octet by octet. A part of one is `checkpoint`, the bundles of its entries under the same names, the tiles
//! of their hashes (`tile/0/…`), and `range.json`, which holds what proves that nothing is missing between them.

mod files;
mod in_order;
mod leaf;
mod part;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use files::Copied;
pub(crate) use in_order::in_order;
pub(crate) use leaf::says_its_place;
pub(crate) use part::{PART, Part};

/// The name of the signed note in every copy.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The directory of tiles and bundles in every copy.
pub(crate) const TILES: &str = "tile";
/// Holds what an unfinished export must know when it goes on, in place of a checkpoint; removed at its end.
pub(crate) const UNFINISHED: &str = "export.json";
