//! One connection slot of a link: the messages that are on it, and what the store still owes.
//!
//! A line outlives its connections. What a connection leaves behind (submits without answer, intents of what did not
//! leave, outcomes that are not stored yet) is settled here before the next connection begins.
//!
//! The way of a segment: desk → intent ordered (`Pending::Intent`) → `ready` → pace and window → in flight → outcome
//! ordered → settled, or the next segment `ready`, or back to the desk.

mod deliver;
mod outcome;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use hongyan_domain::MessageClass;
use hongyan_telemetry::{TraceContext, names};
use tokio::{sync::mpsc::UnboundedReceiver, time::Instant};
use tracing::Span;

use crate::{
    clock,
    lanes::Lanes,
    link::LinkShared,
    policy::{lookahead, repeats, reserve},
    protocol::{Conversation, Direction, Segment},
    recorder::{Order, Recorded, Recorder},
    slowdown::Pause,
    store::{Job, Place, Reply},
    work::Work,
};

/// As many timed-out submits are remembered for a late answer.
const MOST_LATE: usize = 4_096;

/// The state of one slot.
pub struct Line {
    link: Arc<LinkShared>,
    slot: u16,
    recorder: Recorder,
    answers: UnboundedReceiver<(u64, Recorded)>,
    next_ticket: u64,
    pending: HashMap<u64, Pending>,
    /// Intents on their way, by class.
    preparing: [usize; 4],
    /// May leave as soon as pace and window allow.
    ready: Lanes<Work>,
    /// Throttled: are sent again by this line, after its pause.
    again: Lanes<Work>,
    next_token: u64,
    flying: HashMap<u64, Flight>,
    late: VecDeque<(u64, LateSubmit)>,
    pause: Pause,
    /// When the carrier last answered a submit or delivered something.
    last_heard: Instant,
    /// Submits that timed out since the carrier was last heard.
    unanswered: u32,
    /// When a submit timed out while the carrier had said nothing since it left; `None` when something was heard since.
    silent_since: Option<Instant>,
    reported_waiting: usize,
}

/// A submit without answer.
struct Flight {
    work: Work,
    span: Span,
    since: Instant,
}

/// What is needed of a submit whose answer comes after it was given up.
struct LateSubmit {
    place: Place,
    segment: u8,
    segments: u8,
    attempt: u32,
    subject: hongyan_envelope::Tag,
    trace: Option<TraceContext>,
    traceparent: String,
}

/// What a job's answer is for.
enum Pending {
    /// The segment may leave.
    Intent(Work),
    /// The segment was taken; its next one may leave.
    Next(Work),
    /// The message is settled.
    Final(Place),
    /// It is sent again.
    Resend(Work),
    /// It did not leave: back to the desk.
    Return(Work),
    /// The carrier throttled: by this line again.
    Throttled(Work),
    /// Nothing depends on it.
    Nothing,
    /// The carrier waits for the answer to this.
    Deliver(Box<Delivery>),
}

/// A delivery without answer.
struct Delivery {
    /// To answer by.
    key: u64,
    span: Span,
    /// For a part: what is needed to put the text together.
    parts: Option<String>,
}

impl Line {
    /// An idle line.
    pub fn new(link: Arc<LinkShared>, slot: u16) -> Self {
        let (recorder, answers) = Recorder::start(link.store.clone(), link.hard_stop.clone());
        Self {
            link,
            slot,
            recorder,
            answers,
            next_ticket: 0,
            pending: HashMap::new(),
            preparing: [0; 4],
            ready: Lanes::default(),
            again: Lanes::default(),
            next_token: 0,
            flying: HashMap::new(),
            late: VecDeque::new(),
            pause: Pause::default(),
            last_heard: Instant::now(),
            unanswered: 0,
            silent_since: None,
            reported_waiting: 0,
        }
    }

    /// The connection is of no use: a submit has timed out, nothing could be understood of the carrier since it left, and
    /// the time for an answer has passed once more. A carrier that is only slow has answered by then.
    pub fn is_deaf(&self) -> bool {
        let timeout = self.link.link.response_timeout;
        self.silent_since.is_some_and(|since| since.elapsed() >= timeout)
    }

    /// The carrier answered a submit or delivered something.
    fn heard(&mut self) {
        self.last_heard = Instant::now();
        self.silent_since = None;
        if self.unanswered > 0 {
            self.unanswered = 0;
            self.link.board.trouble(self.slot, "");
        }
    }

    /// Operators see what is wrong while the connection still stands; the log says it once.
    fn timed_out(&mut self) {
        self.unanswered = self.unanswered.saturating_add(1);
        let within_ms = self.link.link.response_timeout.as_millis();
        let trouble = format!("no answer to {} submits within {within_ms} ms", self.unanswered);
        self.link.board.trouble(self.slot, &trouble);
        if self.unanswered == 1 {
            tracing::warn!(link = self.link.name(), slot = self.slot, "{trouble}");
        }
    }

    /// The recorder has ended: nothing can be stored any more.
    pub fn is_unrecorded(&self) -> bool {
        self.recorder.has_ended()
    }

    /// The next answer of the store; `None` where the recorder has ended.
    pub async fn answer(&mut self) -> Option<(u64, Recorded)> {
        self.answers.recv().await
    }

    /// An answer that is there already.
    pub fn answer_now(&mut self) -> Option<(u64, Recorded)> {
        self.answers.try_recv().ok()
    }

    /// Sends what may leave, and takes more off the desk as far as there is a prospect of sending it.
    pub fn fill(&mut self, talk: &mut dyn Conversation, now_ms: u64) {
        self.link.pace.owe(talk.repeated());
        let may_send = talk.is_open() && talk.direction() != Direction::Receive;
        // Nothing more goes to a carrier that seems to be deaf, until it is heard or the connection is made anew.
        if may_send && self.pause.until_ms(now_ms).is_none() && self.silent_since.is_none() {
            self.send_ready(talk, now_ms);
            self.pull(talk, now_ms);
        }
        self.link.board.in_flight(self.slot, self.flying.len());
        self.report_waiting();
    }

    fn send_ready(&mut self, talk: &mut dyn Conversation, now_ms: u64) {
        let window = usize::from(self.link.link.window);
        while let Some(class) = self.ready.highest() {
            if talk.free_slots() <= reserve(class, window) {
                return;
            }
            let Some(work) = self.ready.take(|_| true) else {
                return;
            };
            if work.is_expired(clock::unix_ms()) {
                self.expire(work);
                continue;
            }
            if !self.link.pace.take() {
                self.ready.put(class, work.order, work);
                return;
            }
            self.send(work, talk, now_ms);
        }
    }

    fn send(&mut self, work: Work, talk: &mut dyn Conversation, now_ms: u64) {
        let span = tracing::info_span!(
            parent: &work.span,
            "submit",
            otel.name = span_name(talk, "submit"),
            otel.kind = names::kind::CLIENT,
            { names::LINK } = self.link.name(),
            { names::SLOT } = self.slot,
            { names::MESSAGE_ID } = %work.place.message_id,
            { names::SEGMENT } = work.segment,
            { names::ATTEMPT } = work.attempt,
            { names::SEQUENCE } = tracing::field::Empty,
            { names::CARRIER_MESSAGE_ID } = tracing::field::Empty,
            { names::RAW_CODE } = tracing::field::Empty,
            { names::OUTCOME } = tracing::field::Empty,
        );
        let token = self.next_token;
        self.next_token += 1;
        let Some(part) = work.part() else {
            self.unsendable(work, "PDU_INVALID");
            return;
        };
        let segment = Segment {
            token,
            outbound: &work.outbound,
            part,
            number: work.segment,
            total: work.total(),
            reserved: work.reserved.as_deref(),
            may_repeat: repeats(work.outbound.class),
        };
        talk.submit(&segment, now_ms);
        let since = Instant::now();
        self.flying.insert(token, Flight { work, span, since });
    }

    /// Takes work for which there is room in the window and a time slot soon, and writes its intent down. An intent that
    /// is long ahead of its submit would be taken for an uncertain submit if this process died.
    fn pull(&mut self, talk: &mut dyn Conversation, now_ms: u64) {
        let window = usize::from(self.link.link.window);
        let soon = self.link.pace.soon().max(1);
        let free = talk.free_slots();
        let link = Arc::clone(&self.link);
        loop {
            let waiting =
                MessageClass::ALL.map(|class| self.ready.len_up_to(class) + self.preparing_up_to(class));
            let admits = |class: MessageClass| {
                let ahead = waiting[rank(class)];
                ahead < soon && ahead < lookahead(class, window, free)
            };
            // What was throttled stands before what is new, within its class.
            let back = self.again.highest();
            let from_desk = link
                .desk
                .take(|class| back.is_none_or(|back| class < back) && admits(class));
            let Some(mut work) = from_desk.or_else(|| self.again.take(admits)) else {
                return;
            };
            if work.is_expired(clock::unix_ms()) {
                self.expire(work);
                continue;
            }
            // A segment that may have left before leaves again under the id that it had.
            if work.reserved.is_none() {
                work.reserved = talk.reserve(now_ms);
            }
            self.prepare(work);
        }
    }

    fn preparing_up_to(&self, class: MessageClass) -> usize {
        self.preparing[..=rank(class)].iter().sum()
    }

    fn order(&mut self, job: Job, pending: Pending, patience: Option<Duration>) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let give_up_at = patience.map(|patience| Instant::now() + patience);
        if self.recorder.order(Order {
            ticket,
            job,
            give_up_at,
        }) {
            self.pending.insert(ticket, pending);
        } else {
            self.unrecorded(pending);
        }
    }

    /// The recorder has ended: the process ends. What is not settled is found by whoever reclaims it.
    fn unrecorded(&mut self, pending: Pending) {
        match pending {
            Pending::Intent(work) => {
                self.preparing[rank(work.outbound.class)] -= 1;
                self.link.desk.let_go(&work.place);
            }
            Pending::Next(work)
            | Pending::Resend(work)
            | Pending::Return(work)
            | Pending::Throttled(work) => {
                self.link.desk.let_go(&work.place);
            }
            Pending::Final(place) => self.link.desk.let_go(&place),
            Pending::Nothing | Pending::Deliver(_) => {}
        }
    }

    /// The store has answered. Without a session (the connection has ended) nothing is made ready any more.
    pub fn recorded(
        &mut self,
        (ticket, recorded): (u64, Recorded),
        talk: Option<(&mut dyn Conversation, u64)>,
    ) {
        let Some(pending) = self.pending.remove(&ticket) else {
            return;
        };
        match (pending, recorded) {
            (Pending::Intent(work), Recorded::Reply(Reply::GoOn)) => {
                self.preparing[rank(work.outbound.class)] -= 1;
                self.make_ready(work, talk.is_some());
            }
            (Pending::Next(work), Recorded::Reply(Reply::GoOn)) => self.next_segment(work, talk),
            // "Before" is the answer to a repetition whose first answer was lost. Should somebody else hold the message by
            // now, its next intent is refused.
            (Pending::Return(work) | Pending::Resend(work), Recorded::Reply(Reply::Done | Reply::Before)) => {
                self.link.desk.put(work);
            }
            (Pending::Throttled(work), Recorded::Reply(Reply::Done | Reply::Before)) => {
                if talk.is_some() {
                    self.again.put(work.outbound.class, work.order, work);
                } else {
                    self.link.desk.put(work);
                }
            }
            (Pending::Deliver(delivery), recorded) => self.deliver_recorded(*delivery, recorded, talk),
            (pending, Recorded::Reply(Reply::Lost)) => {
                // Somebody else holds the message by now and goes on with it.
                metrics::counter!("hongyan_link_leases_lost_total", "link" => self.link.name().to_owned())
                    .increment(1);
                self.unrecorded(pending);
            }
            (pending, _) => self.unrecorded(pending),
        }
    }

    /// The intent of the next segment is written already, but for the id that the segment has by itself.
    fn next_segment(&mut self, mut work: Work, talk: Option<(&mut dyn Conversation, u64)>) {
        let Some((talk, now_ms)) = talk else {
            return self.make_ready(work, false);
        };
        work.reserved = talk.reserve(now_ms);
        if work.reserved.is_none() {
            return self.make_ready(work, true);
        }
        self.prepare(work);
    }

    /// Orders the intent of the next segment.
    fn prepare(&mut self, work: Work) {
        self.preparing[rank(work.outbound.class)] += 1;
        let intent = Job::Intent(work.place.clone(), work.next_attempt());
        self.order(intent, Pending::Intent(work), None);
    }

    fn make_ready(&mut self, work: Work, connected: bool) {
        if connected {
            self.ready.put(work.outbound.class, work.order, work);
        } else {
            self.give_back(work);
        }
    }

    /// Its intent is taken back, then it lies on the desk again.
    fn give_back(&mut self, work: Work) {
        self.order(
            Job::Clear(work.place.clone(), work.next_attempt()),
            Pending::Return(work),
            None,
        );
    }

    /// No more is sent on this connection: what has not left goes back.
    pub fn stop_sending(&mut self) {
        for work in self.ready.drain() {
            self.give_back(work);
        }
        for work in self.again.drain() {
            self.link.desk.put(work);
        }
        self.report_waiting();
    }

    /// The connection is closed: settles everything that it left, as long as that takes.
    pub async fn settle(&mut self) {
        self.stop_sending();
        self.late.clear();
        while !self.pending.is_empty() {
            let Some(answer) = self.answers.recv().await else {
                break;
            };
            self.recorded(answer, None);
        }
        for (_, pending) in std::mem::take(&mut self.pending) {
            self.unrecorded(pending);
        }
        self.report_waiting();
        self.link.board.in_flight(self.slot, 0);
        self.silent_since = None;
        self.unanswered = 0;
    }

    /// When to look again at the latest, though nothing happens.
    pub fn wake_in(&self, now_ms: u64, free_slots: usize) -> Option<Duration> {
        let pause = self
            .pause
            .until_ms(now_ms)
            .map(|until| Duration::from_millis(until - now_ms));
        // Without room in the window a time slot is of no use: the next answer wakes us.
        let window = usize::from(self.link.link.window);
        let can_send = self
            .ready
            .highest()
            .is_some_and(|class| free_slots > reserve(class, window));
        let slot = can_send.then(|| self.link.pace.next_slot()).flatten();
        pause.or(slot)
    }

    fn report_waiting(&mut self) {
        let waiting = self.ready.count() + self.again.count() + self.preparing.iter().sum::<usize>();
        if waiting != self.reported_waiting {
            self.link.pace.report_waiting(self.reported_waiting, waiting);
            if waiting > self.reported_waiting {
                self.link.desk.news.ring();
            }
            self.reported_waiting = waiting;
        }
    }
}

fn rank(class: MessageClass) -> usize {
    match class {
        MessageClass::Otp => 0,
        MessageClass::Reply => 1,
        MessageClass::Notice => 2,
        MessageClass::Bulk => 3,
    }
}

/// What is spoken and what is done, e.g. `cmpp submit`.
fn span_name(talk: &dyn Conversation, what: &str) -> String {
    format!("{} {what}", talk.codes().as_str().to_ascii_lowercase())
}
