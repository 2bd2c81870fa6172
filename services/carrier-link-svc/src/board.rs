//! What the connections of one link are doing, for operators and for the tasks that depend on it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hongyan_catalog::Link;
use hongyan_proto::carrier::v1::{ConnectionState as ProtoConnection, LinkState as ProtoLink};
use tokio::{sync::watch, time::Instant};

use crate::{
    clock,
    events::{carrier, signed},
    latency::Latency,
    protocol::Direction,
    rate::Rate,
};

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The TCP connection is being made.
    Connecting,
    /// The login is on its way.
    LoggingIn,
    /// Messages can be sent.
    Ready,
    /// Open answers are awaited, then the connection ends.
    Draining,
    /// The next attempt waits.
    BackingOff,
    /// Nothing is to do, and the connection is made again when something is.
    Idle,
}

impl Phase {
    const ALL: [Self; 6] = [
        Self::Connecting,
        Self::LoggingIn,
        Self::Ready,
        Self::Draining,
        Self::BackingOff,
        Self::Idle,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "CONNECTING",
            Self::LoggingIn => "LOGGING_IN",
            Self::Ready => "READY",
            Self::Draining => "DRAINING",
            Self::BackingOff => "BACKING_OFF",
            Self::Idle => "IDLE",
        }
    }
}

#[derive(Debug, Clone)]
struct Line {
    phase: Phase,
    direction: Direction,
    version: String,
    in_flight: usize,
    connects: u64,
    last_error: String,
    since_ms: u64,
    sent: Rate,
    latency: Latency,
}

impl Line {
    fn new(phase: Phase) -> Self {
        Self {
            phase,
            direction: Direction::Both,
            version: String::new(),
            in_flight: 0,
            connects: 0,
            last_error: String::new(),
            since_ms: 0,
            sent: Rate::default(),
            latency: Latency::default(),
        }
    }

    /// Messages can leave, now or as soon as there are some.
    fn can_send(&self) -> bool {
        self.direction != Direction::Receive && matches!(self.phase, Phase::Ready | Phase::Idle)
    }
}

/// The board of one link.
#[derive(Debug)]
pub struct Board {
    link: Link,
    lines: Mutex<BTreeMap<u16, Line>>,
    ready: watch::Sender<usize>,
    /// Since when no connection can send; `None` while one can.
    down_since: Mutex<Option<Instant>>,
    sent: Mutex<Rate>,
    receipts: Mutex<Rate>,
}

impl Board {
    /// Nothing is connected yet.
    pub fn new(link: &Link) -> Self {
        Self {
            link: link.clone(),
            lines: Mutex::default(),
            ready: watch::Sender::new(0),
            down_since: Mutex::new(Some(Instant::now())),
            sent: Mutex::default(),
            receipts: Mutex::default(),
        }
    }

    /// A connection does something else now.
    pub fn enter(&self, slot: u16, phase: Phase) {
        {
            let mut lines = lock(&self.lines);
            let line = lines.entry(slot).or_insert_with(|| Line::new(phase));
            // What ended for want of work and comes back for work has lost nothing.
            let was_idle = std::mem::replace(&mut line.phase, phase) == Phase::Idle;
            line.since_ms = clock::unix_ms();
            if phase == Phase::Connecting && was_idle {
                line.in_flight = 0;
            } else if phase == Phase::Connecting {
                line.connects += 1;
                line.in_flight = 0;
                if line.connects > 1 {
                    metrics::counter!(
                        "hongyan_link_reconnects_total", "link" => self.name(), "slot" => slot.to_string()
                    )
                    .increment(1);
                }
            }
        }
        self.count_phases();
    }

    /// The login is through.
    pub fn logged_in(&self, slot: u16, version: &str) {
        if let Some(line) = lock(&self.lines).get_mut(&slot) {
            version.clone_into(&mut line.version);
            line.last_error.clear();
        }
        self.enter(slot, Phase::Ready);
    }

    /// A connection ended, and why: in a word for metrics, and in a sentence for operators.
    pub fn failed(&self, slot: u16, kind: &'static str, error: &str) {
        metrics::counter!(
            "hongyan_link_connection_failures_total",
            "link" => self.name(),
            "slot" => slot.to_string(),
            "reason" => kind,
        )
        .increment(1);
        if let Some(line) = lock(&self.lines).get_mut(&slot) {
            error.clone_into(&mut line.last_error);
        }
        self.enter(slot, Phase::BackingOff);
    }

    /// Something is wrong with a connection that still stands; empty when it is not any more.
    pub fn trouble(&self, slot: u16, error: &str) {
        if let Some(line) = lock(&self.lines).get_mut(&slot) {
            error.clone_into(&mut line.last_error);
        }
    }

    /// Another process has the slot, or this one ends.
    pub fn leave(&self, slot: u16) {
        lock(&self.lines).remove(&slot);
        self.tell_phase(slot, None);
        self.count_phases();
    }

    /// So many submits are without an answer.
    pub fn in_flight(&self, slot: u16, count: usize) {
        if let Some(line) = lock(&self.lines).get_mut(&slot) {
            line.in_flight = count;
        }
        metrics::gauge!("hongyan_link_window_in_use", "link" => self.name(), "slot" => slot.to_string())
            .set(count as f64);
    }

    /// A segment was taken by the carrier.
    pub fn sent(&self, slot: u16) {
        let now_ms = clock::unix_ms();
        lock(&self.sent).count(now_ms);
        if let Some(line) = lock(&self.lines).get_mut(&slot) {
            line.sent.count(now_ms);
        }
        metrics::counter!("hongyan_link_segments_total", "link" => self.name(), "slot" => slot.to_string())
            .increment(1);
    }

    /// The carrier answered a submit, with yes or no, after this time.
    pub fn answered(&self, slot: u16, took: Duration) {
        metrics::histogram!(
            "hongyan_link_submit_response_seconds", "link" => self.name(), "slot" => slot.to_string()
        )
        .record(took);
        if let Some(line) = lock(&self.lines).get_mut(&slot) {
            line.latency.count(took, clock::unix_ms());
        }
    }

    /// Which way messages go on a connection.
    pub fn direction(&self, slot: u16, direction: Direction) {
        if let Some(line) = lock(&self.lines).get_mut(&slot) {
            line.direction = direction;
        }
        self.count_phases();
    }

    /// A receipt came.
    pub fn receipt(&self) {
        lock(&self.receipts).count(clock::unix_ms());
    }

    /// How many slots this process holds.
    pub fn held(&self) -> usize {
        let lines = lock(&self.lines);
        lines
            .values()
            .filter(|line| {
                line.direction != Direction::Receive && !matches!(line.phase, Phase::BackingOff | Phase::Idle)
            })
            .count()
    }

    /// How many connections can send, now or as soon as something is to be sent.
    pub fn ready(&self) -> watch::Receiver<usize> {
        self.ready.subscribe()
    }

    /// For how long no connection of this process could send; `None` while one can.
    pub fn down_for(&self) -> Option<Duration> {
        lock(&self.down_since).map(|since| since.elapsed())
    }

    /// As it is told to operators.
    pub fn state(&self) -> ProtoLink {
        let now_ms = clock::unix_ms();
        let window = u32::from(self.link.window);
        let lines = lock(&self.lines);
        let connections = lines.iter().map(|(slot, line)| ProtoConnection {
            slot: u32::from(*slot),
            state: line.phase.as_str().to_owned(),
            version: line.version.clone(),
            window,
            in_flight: u32::try_from(line.in_flight).unwrap_or(u32::MAX),
            reconnects: line.connects.saturating_sub(1),
            last_error: line.last_error.clone(),
            since_unix_ms: signed(line.since_ms),
            direction: line.direction.as_str().to_owned(),
            response_p50_ms: told_ms(line.latency.quantile(500, now_ms)),
            response_p99_ms: told_ms(line.latency.quantile(990, now_ms)),
            segments_per_second: line.sent.per_second(now_ms),
        });
        ProtoLink {
            link: self.name(),
            carrier: carrier(self.link.carrier).into(),
            protocol: self.link.protocol.label().to_owned(),
            connections_allowed: u32::from(self.link.connections),
            connections: connections.collect(),
            pace_allowed: self.link.pace_segments_per_second,
            segments_per_second: lock(&self.sent).per_second(now_ms),
            receipts_per_second: lock(&self.receipts).per_second(now_ms),
        }
    }

    fn count_phases(&self) {
        let lines = lock(&self.lines);
        for phase in Phase::ALL {
            let ours = lines.values().filter(|line| line.direction != Direction::Receive);
            let count = ours.filter(|line| line.phase == phase).count();
            metrics::gauge!("hongyan_link_connections", "link" => self.name(), "state" => phase.as_str())
                .set(count as f64);
        }
        let inbound = lines.values().filter(|line| line.direction == Direction::Receive);
        metrics::gauge!("hongyan_link_inbound_connections", "link" => self.name())
            .set(inbound.count() as f64);
        for (slot, line) in lines.iter() {
            self.tell_phase(*slot, Some(line.phase));
        }
        let ready = lines.values().filter(|line| line.can_send()).count();
        {
            let mut down_since = lock(&self.down_since);
            *down_since = (ready == 0).then(|| down_since.unwrap_or_else(Instant::now));
        }
        self.ready
            .send_if_modified(|before| std::mem::replace(before, ready) != ready);
    }

    /// One gauge for each state of each connection: 1 for the one that it is in, `None` for a connection that is gone.
    fn tell_phase(&self, slot: u16, now: Option<Phase>) {
        for phase in Phase::ALL {
            metrics::gauge!(
                "hongyan_link_connection_state",
                "link" => self.name(),
                "slot" => slot.to_string(),
                "state" => phase.as_str(),
            )
            .set(if now == Some(phase) { 1.0 } else { 0.0 });
        }
    }

    fn name(&self) -> String {
        self.link.name.as_str().to_owned()
    }
}

/// 0 for none.
fn told_ms(took: Option<Duration>) -> f64 {
    took.unwrap_or_default().as_secs_f64() * 1_000.0
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Board, Phase};
    use crate::{protocol::Direction, testing};

    #[test]
    fn operators_see_each_connection_and_its_last_error() {
        let board = Board::new(&testing::link("127.0.0.1:7890".parse().unwrap()));
        let ready = board.ready();
        assert!(board.down_for().is_some());
        board.enter(0, Phase::Connecting);
        board.failed(0, "connect", "connection refused");
        board.enter(0, Phase::Connecting);
        board.enter(1, Phase::LoggingIn);
        let state = board.state();
        assert_eq!(
            (state.link.as_str(), state.protocol.as_str()),
            ("cmcc-a", "CMPP 3.0")
        );
        let first = &state.connections[0];
        assert_eq!((first.state.as_str(), first.reconnects), ("CONNECTING", 1));
        assert_eq!(first.last_error, "connection refused");
        assert_eq!(*ready.borrow(), 0);

        board.logged_in(0, "CMPP 2.0");
        board.in_flight(0, 3);
        assert_eq!((*ready.borrow(), board.down_for()), (1, None));
        let state = board.state();
        let first = &state.connections[0];
        assert_eq!(
            (first.state.as_str(), first.version.as_str(), first.in_flight),
            ("READY", "CMPP 2.0", 3)
        );
        assert_eq!(first.last_error, "");
        board.trouble(0, "no answer to 2 submits within 10000 ms");
        let state = board.state();
        let first = &state.connections[0];
        assert_eq!(
            (first.state.as_str(), first.last_error.as_str()),
            ("READY", "no answer to 2 submits within 10000 ms")
        );
        board.answered(0, Duration::from_millis(50));
        let state = board.state();
        assert!((50.0..=63.0).contains(&state.connections[0].response_p99_ms));
        board.leave(0);
        assert_eq!((*ready.borrow(), board.state().connections.len()), (0, 1));
        assert!(board.down_for().is_some());
    }

    #[test]
    fn a_connection_that_only_receives_sends_nothing_and_an_idle_one_may() {
        let board = Board::new(&testing::link("127.0.0.1:7890".parse().unwrap()));
        let ready = board.ready();
        board.enter(1_000, Phase::LoggingIn);
        board.direction(1_000, Direction::Receive);
        board.logged_in(1_000, "SGIP 1.2");
        assert_eq!((*ready.borrow(), board.held()), (0, 0));
        board.enter(0, Phase::Connecting);
        board.enter(0, Phase::Idle);
        assert_eq!((*ready.borrow(), board.held()), (1, 0));
        board.enter(0, Phase::Connecting);
        assert_eq!(board.state().connections[0].reconnects, 0, "it has lost nothing");
        board.enter(0, Phase::Idle);
        let state = board.state();
        let shown: Vec<_> = state
            .connections
            .iter()
            .map(|connection| (connection.state.as_str(), connection.direction.as_str()))
            .collect();
        assert_eq!(shown, [("IDLE", "BOTH"), ("READY", "RECEIVE")]);
    }
}
