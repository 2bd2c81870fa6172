//! How much a peer may have.

use std::time::Duration;

/// The limits of one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Connections at once; one more is closed.
    pub connections: usize,
    /// Of them, from one address; one more is closed. An IPv6 address counts with all of its /64, which one customer has.
    pub connections_per_address: usize,
    /// How long the peer may take where it is its turn: for the whole head of a request, from the beginning of the connection
    /// or from when the answer before it was made; and for taking the whole of an answer. The two of a kept connection run
    /// side by side: who takes an answer in this time and sends nothing has an idle connection, which ends.
    pub patience: Duration,
    /// How long making an answer may take; then it is 503.
    pub work: Duration,
    /// How old a connection may become: the first answer behind it says that it was the last.
    pub lifetime: Duration,
    /// The longest head of a request, its target included, in octets; 8,192 at least. A longer one is answered with 431.
    pub head_octets: usize,
    /// How long open connections may take to end when the port is closed.
    pub end: Duration,
}

impl Default for HttpLimits {
    /// For a port that outsiders reach.
    fn default() -> Self {
        Self {
            connections: 256,
            connections_per_address: 64,
            patience: Duration::from_secs(30),
            work: Duration::from_secs(10),
            lifetime: Duration::from_mins(10),
            head_octets: MIN_HEAD_OCTETS,
            end: Duration::from_secs(2),
        }
    }
}

impl HttpLimits {
    /// Everything that is waited for, one behind the other, after the lifetime: a head, its answer, the taking of it. Nothing
    /// comes to that; it holds even where a limit inside it does not.
    pub(super) fn longest(&self) -> Duration {
        self.lifetime + self.patience + self.work + self.patience
    }
}

/// hyper takes no smaller buffer, and panics where it is asked for one.
pub(super) const MIN_HEAD_OCTETS: usize = 8_192;
