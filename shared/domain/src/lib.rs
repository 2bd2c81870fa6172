//! The nouns of the house and their invariants.
//!
//! Everything here is pure: no clock, no environment, no network, no randomness of its own. A value that exists is
//! valid; parsing is the only way in, and its errors say which value was wrong and why, without repeating it, because
//! most of what passes here is personal.
//!
//! * [`Msisdn`]: a mobile number of mainland China, in any usual writing, masked when printed.
//! * [`Carrier`]: who owns a number block.
//! * [`Partition`], [`Partitions`]: which Redis slot a number's state lives in.
//! * [`MessageId`]: a `UUIDv7` that carries the partition.
//! * [`TenantId`], [`LinkName`], [`RequestId`], …: names that may stand in keys, logs and metrics.
//! * [`MessageClass`]: what a message is for, highest priority first.
//! * [`text`]: how many segments the carrier bills, and where they are cut.
//! * [`status`]: what became of a message, whose cause it is, and what to do about it.

mod carrier;
mod class;
mod message_id;
mod msisdn;
mod name;
mod partition;
pub mod status;
pub mod text;

pub use carrier::{Carrier, UnknownCarrier};
pub use class::{MessageClass, UnknownClass};
pub use message_id::{InvalidMessageId, MessageId};
pub use msisdn::{Msisdn, MsisdnError};
pub use name::{
    AccessNumber, Extension, HandlerName, InvalidName, LinkName, Reference, RequestId, RuleName,
    Subscription, TemplateId, TenantId,
};
pub use partition::{InvalidPartition, InvalidPartitionCount, Partition, Partitions};
