//! One conversation of any protocol, over the wire's session machine.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};

use bytes::BytesMut;
use hongyan_carrier_wire::session::{
    Actions, CloseReason, Dialect, Event, NotSent as WireNotSent, Outcome as WireOutcome, Repeat, Session,
    SessionLimits, SettingsError, Uncertain, Up,
};
use hongyan_domain::status::{Action, SubmitAnswer};

use super::{
    Conversation, Delivered, Direction, News, NotSent, Outcome, Protocol, Read, Refused, Segment, Submitted,
    Verdict,
};
use crate::{codes::Codes, inbound::Inbound};

type Sequence<P> = <<P as Protocol>::Dialect as Dialect>::Sequence;
type Pdu<P> = <<P as Protocol>::Dialect as Dialect>::Pdu;
type Unwritable<P> = <<P as Protocol>::Dialect as Dialect>::Unwritable;

/// A [`Conversation`] in one protocol.
pub struct Talk<P: Protocol> {
    protocol: P,
    session: Session<P::Dialect>,
    actions: Actions<Up<P::Dialect>>,
    codes: Codes,
    /// Deliveries without an answer: as many as the session's limit.
    asked: HashMap<u64, (Sequence<P>, P::Asked)>,
    next_key: u64,
    news: VecDeque<News>,
    /// Of the session's repetitions, those that were asked about.
    repeats_told: u64,
}

impl<P: Protocol> Talk<P> {
    /// A conversation that waits for its connection.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] when a limit makes no sense.
    pub fn new(
        protocol: P,
        dialect: P::Dialect,
        limits: SessionLimits,
        codes: Codes,
    ) -> Result<Self, SettingsError> {
        Ok(Self {
            protocol,
            session: Session::new(dialect, limits)?,
            actions: Actions::default(),
            codes,
            asked: HashMap::new(),
            next_key: 0,
            news: VecDeque::new(),
            repeats_told: 0,
        })
    }

    fn on(&mut self, event: Event<'_, P::Dialect>, now_ms: u64) {
        self.session.on(event, now_ms, &mut self.actions);
    }

    /// Puts what the session tells into neutral words. True when a login was decided: what came behind it still lies in
    /// the buffer.
    fn collect(&mut self, now_ms: u64) -> bool {
        let mut has_decided = false;
        while !self.actions.up.is_empty() {
            for up in std::mem::take(&mut self.actions.up) {
                match up {
                    Up::Opened(opened) => self.news.push_back(News::Opened(self.protocol.opened(opened))),
                    Up::LoginRequested(login) => {
                        let verdict = self.protocol.verdict(login);
                        self.on(Event::LoginAnswered(verdict), now_ms);
                        has_decided = true;
                    }
                    Up::Outcome {
                        token,
                        sequence,
                        outcome,
                        late,
                    } => {
                        let outcome = self.outcome(sequence, outcome);
                        self.news.push_back(News::Outcome {
                            token,
                            sequence: sequence.map(P::number),
                            outcome,
                            is_late: late,
                        });
                    }
                    Up::Request { sequence, pdu } => self.delivered(sequence, pdu, now_ms),
                    Up::OneWay(_) => self
                        .news
                        .push_back(News::Oddity("a notice that nobody reads".to_owned())),
                    Up::AnswerNotSent { why, .. } => {
                        self.news
                            .push_back(News::Oddity(format!("an answer could not be written: {why}")));
                    }
                    Up::Oddity(oddity) => self.news.push_back(News::Oddity(format!("{oddity:?}"))),
                }
            }
        }
        has_decided
    }

    fn outcome(&self, sequence: Option<Sequence<P>>, outcome: WireOutcome<Pdu<P>, Unwritable<P>>) -> Outcome {
        match (outcome, sequence) {
            (WireOutcome::Answered(answer), Some(sequence)) => {
                match self.protocol.submitted(sequence, answer) {
                    Submitted::Taken(carrier_message_id) => Outcome::Taken { carrier_message_id },
                    Submitted::TakenUnnamed => Outcome::TakenUnnamed,
                    Submitted::Refused(code) => Outcome::Refused {
                        raw_code: P::CODES.result_code(code),
                        why: self.refused(code),
                    },
                    Submitted::Unclear => Outcome::Uncertain(Uncertain::Unreadable),
                }
            }
            // An answer to what was never sent: the session does not tell such.
            (WireOutcome::Answered(_), None) => Outcome::Uncertain(Uncertain::Unreadable),
            (WireOutcome::Uncertain(why), _) => Outcome::Uncertain(why),
            (WireOutcome::NotSent(WireNotSent::NotOpen | WireNotSent::WindowFull), _) => {
                Outcome::NotSent(NotSent::NoRoom)
            }
            (WireOutcome::NotSent(WireNotSent::Encode(why)), _) => {
                Outcome::NotSent(NotSent::Unwritable(why.to_string()))
            }
        }
    }

    fn refused(&self, code: u32) -> Refused {
        if P::REPEATED == Some(code) {
            return Refused::Repeated;
        }
        self.codes.with(|codes| match codes.submit(P::CODES, code) {
            SubmitAnswer::Throttled => Refused::Throttled,
            SubmitAnswer::Refused(detail) if detail.action == Action::Reroute => Refused::NoRoute,
            SubmitAnswer::Refused(_) | SubmitAnswer::Taken => Refused::Final,
        })
    }

    fn delivered(&mut self, sequence: Sequence<P>, request: Pdu<P>, now_ms: u64) {
        let Read { asked, id, inbound } = self.protocol.delivered(sequence, request);
        if matches!(inbound, Inbound::Ignored) {
            let answer = self.protocol.answer(&asked, Verdict::Taken);
            self.on(
                Event::Answer {
                    sequence,
                    pdu: &answer,
                },
                now_ms,
            );
            return;
        }
        let key = self.next_key;
        self.next_key += 1;
        self.asked.insert(key, (sequence, asked));
        self.news.push_back(News::Delivered(Delivered {
            key,
            sequence: P::number(sequence),
            id,
            inbound,
        }));
    }
}

impl<P: Protocol> Conversation for Talk<P> {
    fn connected(&mut self, unix_ms: u64, now_ms: u64) {
        self.on(Event::Connected { unix_ms }, now_ms);
        self.collect(now_ms);
    }

    fn received(&mut self, buffer: &mut BytesMut, now_ms: u64) {
        loop {
            self.on(Event::Received(buffer), now_ms);
            if !self.collect(now_ms) {
                return;
            }
        }
    }

    fn tick(&mut self, now_ms: u64) {
        self.on(Event::Tick, now_ms);
        self.collect(now_ms);
    }

    fn end(&mut self, now_ms: u64) {
        self.on(Event::End, now_ms);
        self.collect(now_ms);
    }

    fn disconnected(&mut self, now_ms: u64) {
        self.on(Event::Disconnected, now_ms);
        self.collect(now_ms);
        self.asked.clear();
    }

    fn reserve(&mut self, now_ms: u64) -> Option<String> {
        if !P::RESERVES {
            return None;
        }
        P::id_of(self.session.reserve_sequence(now_ms))
    }

    fn submit(&mut self, segment: &Segment<'_>, now_ms: u64) {
        let token = segment.token;
        let pdu = match self.protocol.submit(segment) {
            Ok(pdu) => pdu,
            Err(why) => {
                self.news.push_back(News::Outcome {
                    token,
                    sequence: None,
                    outcome: Outcome::NotSent(NotSent::Unwritable(why)),
                    is_late: false,
                });
                return;
            }
        };
        let request = Event::Request {
            token,
            sequence: segment.reserved.and_then(P::sequence_of),
            pdu: &pdu,
            repeat: if segment.may_repeat {
                Repeat::OnSilence
            } else {
                Repeat::Never
            },
        };
        self.on(request, now_ms);
        self.collect(now_ms);
    }

    fn answer(&mut self, key: u64, verdict: Verdict, now_ms: u64) {
        let Some((sequence, asked)) = self.asked.remove(&key) else {
            return;
        };
        let pdu = self.protocol.answer(&asked, verdict);
        self.on(Event::Answer { sequence, pdu: &pdu }, now_ms);
        self.collect(now_ms);
    }

    fn is_open(&self) -> bool {
        self.session.is_open()
    }

    fn free_slots(&self) -> usize {
        if self.direction() == Direction::Receive {
            0
        } else {
            self.session.free_slots()
        }
    }

    fn in_flight(&self) -> usize {
        self.session.in_flight()
    }

    fn repeated(&mut self) -> u64 {
        let all = self.session.sent_again();
        all.saturating_sub(std::mem::replace(&mut self.repeats_told, all))
    }

    fn direction(&self) -> Direction {
        self.protocol.direction()
    }

    fn codes(&self) -> hongyan_domain::status::Protocol {
        P::CODES
    }

    fn octets(&mut self) -> &mut BytesMut {
        &mut self.actions.send
    }

    fn news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    fn close_reason(&self) -> Option<CloseReason> {
        self.actions.close
    }

    fn deadline_ms(&self) -> Option<u64> {
        self.actions.deadline_ms
    }
}
