//! What can be set.

use std::path::PathBuf;

use hongyan_config::Source;
use hongyan_queue::RedisSettings;

use crate::log::DEFAULT_SEGMENT_OCTETS;

/// The settings of this service; those of every service are the chassis'.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `record.dir`: holds the log (`log`) and its index (`index`). One process at a time. The log is what must be kept;
    /// the index can be deleted at any stop.
    pub dir: PathBuf,
    /// `record.segment_octets` (256 MiB): how large a file of the log grows; 1 MiB to 1 GiB.
    pub segment_octets: u64,
    /// `redis.*`.
    pub redis: RedisSettings,
}

impl Settings {
    /// Reads them; mistakes are noted in the source.
    pub fn read(source: &mut Source) -> Self {
        Self {
            dir: source.required("record.dir", PathBuf::new()),
            segment_octets: source.within("record.segment_octets", DEFAULT_SEGMENT_OCTETS, 1 << 20, 1 << 30),
            redis: RedisSettings::read(source),
        }
    }
}
