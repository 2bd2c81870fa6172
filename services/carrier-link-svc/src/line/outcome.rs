//! What the carrier answered to a submit, and what follows.

use std::time::Duration;

use hongyan_carrier_wire::session::Uncertain;
use hongyan_proto::carrier::v1::ReturnReason;
use hongyan_telemetry::names;
use tokio::time::Instant;

use super::{Flight, LateSubmit, Line, MOST_LATE, Pending};
use crate::{
    clock,
    events::{About, Submitted, Told},
    policy::{repeats, sends_again},
    protocol::{NotSent, Outcome, Refused},
    store::{Attempt, Doubt, Hold, Job, Left, Reserved},
    work::Work,
};

/// Begins the id of a segment that the carrier took and gave none.
const UNNAMED: &str = "none-";

/// How far the clocks of a session and of its line may be apart.
const CLOCK_GRAIN: Duration = Duration::from_millis(5);

impl Line {
    /// The conversation tells what became of a submit.
    pub fn submit_outcome(
        &mut self,
        token: u64,
        sequence: Option<u32>,
        outcome: Outcome,
        is_late: bool,
        now_ms: u64,
    ) {
        let is_answer = matches!(
            outcome,
            Outcome::Taken { .. } | Outcome::TakenUnnamed | Outcome::Refused { .. }
        );
        if is_answer {
            self.heard();
        }
        if is_late {
            self.late_answer(token, sequence.unwrap_or(0), outcome);
            return;
        }
        let Some(flight) = self.flying.remove(&token) else {
            return;
        };
        if let Some(sequence) = sequence {
            flight.span.record(names::SEQUENCE, sequence);
        }
        let result = name_of(&outcome);
        flight.span.record(names::OUTCOME, result);
        metrics::counter!(
            "hongyan_link_submits_total",
            "link" => self.link.name().to_owned(),
            "class" => flight.work.outbound.class.as_str(),
            "result" => result,
        )
        .increment(1);
        if is_answer {
            let took = flight.since.elapsed();
            self.link.board.answered(self.slot, took);
        }
        let has_left_again = self.has_left_again(&flight);
        match outcome {
            Outcome::Taken { carrier_message_id } => {
                if has_left_again {
                    self.tell_repeated(&flight);
                }
                self.accepted(flight, carrier_message_id, sequence.unwrap_or(0), None);
            }
            // To send it again would surely be once too often.
            Outcome::TakenUnnamed => {
                let sequence = sequence.unwrap_or(0);
                let doubt = self.link.doubt(&flight.work, clock::unix_ms());
                self.accepted(flight, format!("{UNNAMED}{sequence:08x}"), sequence, Some(doubt));
            }
            Outcome::Refused {
                raw_code,
                why: Refused::Throttled,
            } => {
                if has_left_again {
                    self.tell_repeated(&flight);
                }
                self.throttled(flight, &raw_code, has_left_again, now_ms);
            }
            // It left more than once, and the carrier has had it before: taken, under an id that is not known.
            Outcome::Refused {
                why: Refused::Repeated,
                ..
            } if has_left_again => self.uncertain(token, flight, Uncertain::Unreadable),
            // Of what left more than once, the answer is to one copy alone.
            Outcome::Refused {
                raw_code,
                why: Refused::NoRoute,
            } if flight.work.is_untouched() && !has_left_again => self.no_route(flight, &raw_code),
            Outcome::Refused { raw_code, .. } => self.refused(flight, &raw_code),
            Outcome::Uncertain(why) => self.uncertain(token, flight, why),
            Outcome::NotSent(NotSent::Unwritable(field)) => {
                tracing::warn!(
                    link = self.link.name(),
                    field,
                    "a message does not fit the protocol"
                );
                self.unsendable(flight.work, "PDU_INVALID");
            }
            Outcome::NotSent(NotSent::NoRoom) => self.give_back(flight.work),
        }
    }

    /// The submit has been repeated on its connection: so much time has passed without an answer. The session counts in
    /// whole milliseconds, so its timeout may come a little before ours.
    fn has_left_again(&self, flight: &Flight) -> bool {
        let declared = &self.link.link;
        repeats(flight.work.outbound.class)
            && declared.submit_attempts > 1
            && flight.since.elapsed() + CLOCK_GRAIN >= declared.response_timeout
    }

    /// The carrier may have taken more than one of the copies: the message says so.
    fn tell_repeated(&mut self, flight: &Flight) {
        let (work, now_ms) = (&flight.work, clock::unix_ms());
        let told = self
            .link
            .teller
            .uncertain(&work.about(), true, work.attempt, now_ms);
        let tell = Job::Tell {
            partition: work.place.partition,
            told,
            traceparent: work.traceparent_in(&flight.span),
            now_ms,
        };
        self.order(tell, Pending::Nothing, None);
    }

    /// With a doubt where the id is one of ours: the receipt comes under another one.
    fn accepted(&mut self, flight: Flight, carrier_message_id: String, sequence: u32, doubt: Option<Doubt>) {
        let Flight { mut work, span, .. } = flight;
        span.record(names::CARRIER_MESSAGE_ID, carrier_message_id.as_str());
        self.pause.taken();
        self.link.board.sent(self.slot);
        let unix_ms = clock::unix_ms();
        let submitted = Submitted {
            carrier_message_id: carrier_message_id.clone(),
            sequence,
            slot: self.slot,
            attempt: work.attempt,
        };
        let told = self.link.teller.submitted(&work.about(), &submitted, unix_ms);
        let is_last = work.is_last();
        let job = Job::Submitted {
            place: work.place.clone(),
            segment: work.segment,
            carrier_message_id,
            told,
            traceparent: work.traceparent_in(&span),
            tag: work.subject.short(),
            left: if is_last { Left::Last } else { Left::Next },
            doubt,
            now_ms: unix_ms,
        };
        let pending = if is_last {
            work.span.record(names::OUTCOME, "SUBMITTED");
            Pending::Final(work.place)
        } else {
            work.segment += 1;
            work.attempt = 1;
            work.throttled = 0;
            work.reserved = None;
            Pending::Next(work)
        };
        self.order(job, pending, None);
    }

    fn throttled(&mut self, flight: Flight, raw_code: &str, has_left_again: bool, now_ms: u64) {
        metrics::counter!("hongyan_link_throttled_total", "link" => self.link.name().to_owned()).increment(1);
        self.pause.throttled(now_ms);
        self.link.pace.throttled();
        let mut flight = flight;
        flight.work.throttled += 1;
        if flight.work.throttled >= self.link.tuning.max_throttled {
            self.refused(flight, raw_code);
            return;
        }
        // Its next attempt is a new request, under a number of its own. The carrier has certainly not got it; but for one
        // that left more than once: another copy may be there, and its receipt must find the message.
        let mut work = flight.work;
        let reserved = work.reserved.take().filter(|_| !has_left_again);
        let clear = Job::Clear(
            work.place.clone(),
            Attempt {
                reserved: reserved.map(|carrier_message_id| Reserved {
                    carrier_message_id,
                    traceparent: String::new(),
                }),
                ..work.next_attempt()
            },
        );
        work.attempt += u32::from(has_left_again);
        self.order(clear, Pending::Throttled(work), None);
    }

    fn refused(&mut self, flight: Flight, raw_code: &str) {
        let Flight { work, span, .. } = flight;
        span.record(names::RAW_CODE, raw_code);
        let now_ms = clock::unix_ms();
        let told = self
            .link
            .teller
            .refused(&work.about(), raw_code, work.attempt, now_ms);
        self.end(work, told, None, "REFUSED", now_ms);
    }

    /// The number is not this carrier's, and nothing of the message is here: dispatch sends it another way, or ends it.
    fn no_route(&mut self, flight: Flight, raw_code: &str) {
        let Flight { work, span, .. } = flight;
        span.record(names::RAW_CODE, raw_code);
        metrics::counter!(
            "hongyan_link_returned_total", "link" => self.link.name().to_owned(), "reason" => "NO_ROUTE"
        )
        .increment(1);
        let now_ms = clock::unix_ms();
        let told = self.link.teller.returned(
            &work.about_all(),
            ReturnReason::NoRoute,
            raw_code,
            work.sealed.clone(),
            work.attempt,
            now_ms,
        );
        self.end_as(work, told, None, "RETURNED", Hold::Ours, now_ms);
    }

    fn uncertain(&mut self, token: u64, flight: Flight, why: Uncertain) {
        let Flight {
            mut work,
            span,
            since,
        } = flight;
        let name = self.link.name().to_owned();
        metrics::counter!("hongyan_link_uncertain_total", "link" => name, "class" => work.outbound.class.as_str())
            .increment(1);
        if why == Uncertain::TimedOut {
            self.timed_out();
            if since >= self.last_heard {
                self.silent_since.get_or_insert_with(Instant::now);
            }
            if self.late.len() >= MOST_LATE {
                self.late.pop_front();
            }
            self.late.push_back((
                token,
                LateSubmit {
                    place: work.place.clone(),
                    segment: work.segment,
                    segments: work.total(),
                    attempt: work.attempt,
                    subject: work.subject,
                    trace: work.trace(),
                    traceparent: work.traceparent_in(&span),
                },
            ));
        }
        let resend = sends_again(work.outbound.class, work.attempt, self.link.tuning.max_attempts);
        let now_ms = clock::unix_ms();
        let told = self
            .link
            .teller
            .uncertain(&work.about(), resend, work.attempt, now_ms);
        let doubt = Some(self.link.doubt(&work, now_ms));
        if !resend {
            self.end(work, told, doubt, "UNCERTAIN", now_ms);
            return;
        }
        let job = Job::Settle {
            place: work.place.clone(),
            goes_on_after: Some(work.attempt),
            told,
            traceparent: work.traceparent_in(&span),
            doubt,
            hold: Hold::Any,
            now_ms,
        };
        work.attempt += 1;
        self.order(job, Pending::Resend(work), None);
    }

    /// The carrier's answer to a submit that was given up as timed out.
    fn late_answer(&mut self, token: u64, sequence: u32, outcome: Outcome) {
        let Some(at) = self.late.iter().position(|(late, _)| *late == token) else {
            return;
        };
        let Some((_, late)) = self.late.remove(at) else {
            return;
        };
        metrics::counter!("hongyan_link_late_responses_total", "link" => self.link.name().to_owned())
            .increment(1);
        let Outcome::Taken { carrier_message_id } = outcome else {
            return;
        };
        let now_ms = clock::unix_ms();
        let about = About {
            message_id: late.place.message_id,
            segment: late.segment,
            segments: late.segments,
            subject: Some(&late.subject),
            trace: late.trace,
        };
        let submitted = Submitted {
            carrier_message_id,
            sequence,
            slot: self.slot,
            attempt: late.attempt,
        };
        let told = self.link.teller.submitted(&about, &submitted, now_ms);
        let job = Job::Submitted {
            place: late.place.clone(),
            segment: late.segment,
            carrier_message_id: submitted.carrier_message_id,
            told,
            traceparent: late.traceparent,
            tag: late.subject.short(),
            left: Left::Late,
            doubt: None,
            now_ms,
        };
        self.order(job, Pending::Nothing, None);
    }

    /// The message's validity has run out before the segment left.
    pub(super) fn expire(&mut self, work: Work) {
        let now_ms = clock::unix_ms();
        metrics::counter!("hongyan_link_expired_total", "link" => self.link.name().to_owned()).increment(1);
        let told = self.link.teller.expired(&work.about_all(), now_ms);
        self.end(work, told, None, "EXPIRED", now_ms);
    }

    /// The message cannot be put on this wire.
    pub(super) fn unsendable(&mut self, work: Work, reason: &str) {
        let now_ms = clock::unix_ms();
        let told = self.link.teller.unsendable(&work.about_all(), reason, now_ms);
        self.end(work, told, None, "UNSENDABLE", now_ms);
    }

    fn end(&mut self, work: Work, told: Told, doubt: Option<Doubt>, outcome: &str, now_ms: u64) {
        self.end_as(work, told, doubt, outcome, Hold::Any, now_ms);
    }

    fn end_as(
        &mut self,
        work: Work,
        told: Told,
        doubt: Option<Doubt>,
        outcome: &str,
        hold: Hold,
        now_ms: u64,
    ) {
        work.span.record(names::OUTCOME, outcome);
        let job = Job::Settle {
            place: work.place.clone(),
            goes_on_after: None,
            told,
            traceparent: work.traceparent(),
            doubt,
            hold,
            now_ms,
        };
        self.order(job, Pending::Final(work.place), None);
    }
}

fn name_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Taken { .. } => "taken",
        Outcome::TakenUnnamed => "taken_unnamed",
        Outcome::Refused {
            why: Refused::Throttled,
            ..
        } => "throttled",
        Outcome::Refused {
            why: Refused::NoRoute,
            ..
        } => "no_route",
        Outcome::Refused { .. } => "refused",
        Outcome::Uncertain(Uncertain::TimedOut) => "timed_out",
        Outcome::Uncertain(Uncertain::ConnectionLost) => "connection_lost",
        Outcome::Uncertain(Uncertain::Unreadable) => "unreadable",
        Outcome::NotSent(_) => "not_sent",
    }
}
