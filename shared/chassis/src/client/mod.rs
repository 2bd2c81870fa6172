//! The client's end: channels to other services, with a deadline, a span and one way to say that a call failed.

mod body;
mod channel;
mod dialer;
mod failure;

pub use channel::Channel;
pub use dialer::{DialError, Dialer};
