//! Those who know: the carriers' real-name services, asked one after the other and never more often than needed, for each
//! question costs money.

mod asker;
mod breaker;
pub mod codes;
mod http;
mod settings;

use std::{future::Future, pin::Pin};

use hongyan_domain::Carrier;
use uuid::Uuid;

use crate::question::Question;

pub use asker::{Asker, Heard, Unheard};
pub use http::HttpAdapter;
pub use settings::{UpstreamSettings, UpstreamsSettings};

/// The adapter's own secret cannot be read: no fault of the upstream.
const NO_API_KEY: &str = "NO_API_KEY";

/// One attempt to ask one upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The question surely did not leave, so nobody charges for it.
    NotSent(&'static str),
    /// The question left, or may have, and no answer came that makes sense.
    NoAnswer {
        /// UPPER_SNAKE.
        reason: &'static str,
        /// What stands for a result code, e.g. `HTTP500`.
        raw_code: String,
        /// `Some(false)` where the upstream surely did not work on it.
        charged: Option<bool>,
    },
    /// The upstream answered.
    Answered(Reply),
}

/// An upstream's answer before its table was asked what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// As it came.
    pub code: String,
    /// Where the answer itself says so.
    pub charged: Option<bool>,
    /// The carrier that serves the number, where the answer says so.
    pub carrier: Option<Carrier>,
}

/// What an adapter's question gives, sooner or later.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Attempt> + Send + 'a>>;

/// How one kind of upstream is spoken to.
pub trait Adapter: Send + Sync {
    /// Asks once. The id is ours and the same for every attempt at one question, so that the upstream's bill can be
    /// checked. Whoever drops the future does not know whether the question left.
    fn ask<'a>(&'a self, question: &'a Question, verification_id: Uuid) -> Asking<'a>;
}
