//! Taking a message: what becomes of it, what is noted, which receipts follow.

use hongyan_carrier_wire::field::{FixedStr, TerminalId};
use time::OffsetDateTime;

use super::account::AccountState;
use super::faults::{Answer, Code, Decision, Meaning, ReceiptTime, national};
use super::hub::{Hub, lock};
use super::ledger::{Taken, content_hash};
use super::message::{DELETED, MessageId, Submitted};
use super::outbox::{Body, Outgoing, Receipt};

/// Octets of a message's text that its receipts repeat.
const TEXT_START: usize = 20;

/// What a connection does with a message.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) id: MessageId,
    /// As the protocol writes it.
    pub(super) result: u32,
    pub(super) decision: Decision,
    /// Receipts that go out before the answer.
    pub(super) early: Vec<Outgoing>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nobody knows it, or it was forgotten.
    Unknown,
    /// Its receipt is to come.
    UnderWay,
    /// This status.
    Final(String),
}

/// Who handed a message in.
#[derive(Debug, Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) connection: u64,
    pub(super) account: &'a AccountState,
}

/// Ids and times of one message.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    first_id: MessageId,
    now: OffsetDateTime,
    now_us: u64,
}

impl Hub {
    /// Takes a message: decides what becomes of it, counts it, and makes its receipts. `id` is given where the client
    /// gives it (SGIP).
    pub(super) fn take(&self, by: By<'_>, id: Option<MessageId>, submitted: &Submitted) -> Verdict {
        let now_us = self.now_us();
        let now = OffsetDateTime::now_utc();
        let decision = self.decide(by.account, submitted, now_us);
        let result = match (submitted.objection, decision.result) {
            (Some(objection), _) => objection,
            (None, Code::Number(number)) => number,
            (None, Code::Meaning(meaning)) => self.carrier.code(meaning),
        };
        let recipients = submitted.recipients.len() as u64;
        let first_id = id.unwrap_or_else(|| self.message_ids(recipients, now));
        let mut verdict = Verdict {
            id: first_id,
            result,
            decision,
            early: Vec::new(),
        };
        if verdict.decision.answer == Answer::Lost {
            lock(&self.ledger).lost += recipients;
            return verdict;
        }
        let stamp = Stamp {
            first_id,
            now,
            now_us,
        };
        let due_ms = due_ms(&verdict.decision, now_us);
        self.note(by, submitted, &verdict, stamp, due_ms);
        if result == 0 {
            self.plan_receipts(by.account, submitted, &mut verdict, stamp, due_ms);
        }
        verdict
    }

    fn decide(&self, account: &AccountState, submitted: &Submitted, now_us: u64) -> Decision {
        let recipients = submitted.recipients.len();
        let first = submitted.recipients.first().copied().unwrap_or_default();
        let mut faults = lock(&self.faults);
        let mut decision = faults.decide(&national_text(&first), rand::random::<f64>);
        if let Some(limit) = faults.current().throttle_per_second {
            let mut rate = lock(&account.rate);
            if (rate.count(now_us) + recipients) as u64 > u64::from(limit) {
                decision.result = Code::Meaning(Meaning::Throttle);
            } else {
                (0..recipients).for_each(|_| {
                    rate.note(now_us);
                });
            }
        }
        decision
    }

    fn note(&self, by: By<'_>, submitted: &Submitted, verdict: &Verdict, stamp: Stamp, due_ms: u64) {
        let content = &submitted.content;
        let text = content.get(usize::from(submitted.numbering.header_len)..);
        let hash = content_hash(text.unwrap_or_default());
        let received_at_unix_ms = u64::try_from(stamp.now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        let stat = FixedStr::new(&verdict.decision.receipt.stat).unwrap_or_default();
        let mut ledger = lock(&self.ledger);
        for (offset, number) in (0..).zip(&submitted.recipients) {
            let taken = Taken {
                id: self.nth_id(stamp.first_id, offset),
                number: TerminalId::new(national_text(number)).unwrap_or(*number),
                source: submitted.source,
                numbering: submitted.numbering,
                coding: submitted.coding,
                coding_octet: submitted.coding_octet,
                content_hash: hash,
                received_at_unix_ms,
                account: by.account.index,
                connection: by.connection,
                result: verdict.result,
                stat,
                final_at_ms: due_ms,
            };
            ledger.take(taken, content, submitted.details.clone(), stamp.now_us);
        }
    }

    fn nth_id(&self, first: MessageId, offset: u128) -> MessageId {
        if self.carrier.numbers_recipients() {
            MessageId(first.0.wrapping_add(offset))
        } else {
            first
        }
    }

    fn plan_receipts(
        &self,
        account: &AccountState,
        submitted: &Submitted,
        verdict: &mut Verdict,
        stamp: Stamp,
        due_ms: u64,
    ) {
        let plan = &verdict.decision.receipt;
        let wanted = submitted.report.wants(&plan.stat) || plan.even_unasked;
        if !wanted || plan.time == ReceiptTime::Never {
            return;
        }
        let jitter_ms = plan.jitter_ms;
        for outgoing in self.receipts(submitted, &verdict.decision, stamp) {
            self.count(outgoing.kind(), |count| count.queued += 1);
            if verdict.decision.receipt.time == ReceiptTime::Early {
                verdict.early.push(outgoing);
            } else {
                let later = if jitter_ms == 0 {
                    0
                } else {
                    rand::random_range(0..=jitter_ms)
                };
                self.queue(account, due_ms.saturating_add(later), outgoing);
            }
        }
    }

    fn receipts(&self, submitted: &Submitted, decision: &Decision, stamp: Stamp) -> Vec<Outgoing> {
        let plan = &decision.receipt;
        let from = usize::from(submitted.numbering.header_len).min(submitted.content.len());
        let to = from.saturating_add(TEXT_START).min(submitted.content.len());
        let mut receipts = Vec::new();
        for (offset, number) in (0..).zip(&submitted.recipients) {
            let receipt = Receipt {
                message: self.nth_id(stamp.first_id, offset),
                number: *number,
                source: submitted.source,
                service: submitted.service,
                stat: FixedStr::new(&plan.stat).unwrap_or_default(),
                error: plan.error,
                submitted: stamp.now,
                text_start: bytes::Bytes::copy_from_slice(
                    submitted.content.get(from..to).unwrap_or_default(),
                ),
                form: plan.form,
                padding: plan.padding,
                id_form: plan.id,
            };
            for _ in 0..plan.copies {
                receipts.push(Outgoing {
                    body: Body::Receipt(Box::new(receipt.clone())),
                    id: self.message_ids(1, stamp.now),
                    attempts: 0,
                    damage: plan.damage.clone(),
                });
            }
        }
        receipts
    }

    /// Takes a message back whose receipt has not left. False when it is too late, or nobody knows it.
    pub(super) fn take_back(&self, account: &AccountState, id: MessageId) -> bool {
        let now_ms = self.now_ms();
        let found = lock(&account.outbox).take_back(id, now_ms);
        if found {
            let deleted = FixedStr::new(DELETED).unwrap_or_default();
            lock(&self.ledger).messages.settle(id, deleted, now_ms);
            account.tell();
        }
        found
    }

    /// What became of a message.
    pub(super) fn fate(&self, id: MessageId) -> Fate {
        let now_ms = self.now_ms();
        match lock(&self.ledger).messages.find(id) {
            None => Fate::Unknown,
            Some(taken) if taken.final_at_ms > now_ms => Fate::UnderWay,
            Some(taken) => Fate::Final(taken.stat.to_text().into_owned()),
        }
    }
}

fn due_ms(decision: &Decision, now_us: u64) -> u64 {
    (now_us / 1_000)
        .saturating_add(decision.delay_ms)
        .saturating_add(decision.receipt.delay_ms)
}

/// The number without "86"; what is no text is shown as far as it can be.
pub(super) fn national_text(number: &TerminalId) -> String {
    national(&String::from_utf8_lossy(number.as_bytes())).to_owned()
}
