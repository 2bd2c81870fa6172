//! `hongyan-demo`: the main job, from a clone to an answered text, on real parts.
//!
//! Every step says what it did and checks it; the demo succeeds only where every check held. What it shows of people is
//! what it invented itself.

mod aggregator;
mod carriers;
mod forgetting;
mod messages;
mod own_trace;
mod record;
mod screen;
mod story;
mod upkeep;
mod uplinks;
mod verify;

pub use story::run;
pub use upkeep::{down, status, up};
