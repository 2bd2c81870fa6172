//! China Mobile's CMPP 2.0 and 3.0.

mod receipt;

use std::ops::Range;

use bytes::Bytes;
use hongyan_carrier_wire::cmpp::msg_id::MsgIdParts;
use hongyan_carrier_wire::cmpp::pdu::{
    CancelResp, Connect, Deliver, Query, QueryResp, Submit, SubmitResp, has_udh,
};
use hongyan_carrier_wire::cmpp::{
    Admitted, Command, HigherVersion, MsgId, Pdu, RESULT_THROTTLED, Server, ServerSettings, Verdict, Version,
};
use hongyan_carrier_wire::field::Content;
use hongyan_carrier_wire::text::Values;
use time::OffsetDateTime;

use super::{Asked, Opened, Protocol, Request};
use crate::gateway_sim::carrier::{Carrier, LoginRefusal, china};
use crate::gateway_sim::config::Account;
use crate::gateway_sim::faults::{Damage, Meaning};
use crate::gateway_sim::hub::{Hub, lock};
use crate::gateway_sim::message::{MessageId, Numbering, ReportWish, Submitted};
use crate::gateway_sim::outbox::{Body, Outgoing, UplinkPart};

/// Results and statuses of the document.
const RESULT_COMMAND: u32 = 2;
const RESULT_SERVICE: u32 = 7;
const RESULT_DESTINATION: u32 = 13;
const STATUS_SOURCE_ADDRESS: u32 = 2;
const STATUS_TOO_MANY: u32 = 5;

/// Where `Msg_Length` and `TP_udhi` of a `DELIVER` stand, and its length without a content, in 2.0 and in 3.0.
const DELIVER_2: (usize, usize) = (76, 85);
const DELIVER_3: (usize, usize) = (88, 109);
const DELIVER_UDHI: usize = 52;
/// Where `AuthenticatorISMG` stands in a `CONNECT_RESP` of 30 octets and in one of 33.
const AUTHENTICATOR_2: Range<usize> = 13..29;
const AUTHENTICATOR_3: Range<usize> = 16..32;
/// Of a `CONNECT_RESP` in 2.x.
const CONNECT_RESP_2: usize = 30;

/// How the gateway speaks it.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway_sim) struct Cmpp {
    max_version: Version,
    on_higher_version: HigherVersion,
    gateway_code: u32,
}

impl Cmpp {
    pub(in crate::gateway_sim) const fn new(three: bool, refuse_higher: bool, gateway_code: u32) -> Self {
        Self {
            max_version: if three { Version::V3 } else { Version::V2 },
            on_higher_version: if refuse_higher {
                HigherVersion::Refuse
            } else {
                HigherVersion::AnswerOwn
            },
            gateway_code,
        }
    }
}

impl Carrier for Cmpp {
    fn name(&self) -> &'static str {
        "CMPP"
    }

    fn code(&self, meaning: Meaning) -> u32 {
        match meaning {
            Meaning::Accept => 0,
            Meaning::Throttle => RESULT_THROTTLED,
            Meaning::NoRoute => RESULT_DESTINATION,
            Meaning::Refuse => RESULT_SERVICE,
        }
    }

    fn login_refusal(&self, why: LoginRefusal) -> u32 {
        match why {
            LoginRefusal::UnknownAccount => STATUS_SOURCE_ADDRESS,
            LoginRefusal::TooMany => STATUS_TOO_MANY,
        }
    }

    fn fresh_id(&self, now: OffsetDateTime, number: u64, _binary: bool) -> MessageId {
        let now = china(now);
        let start = MsgId::from_parts(MsgIdParts {
            month: u8::from(now.month()),
            day: now.day(),
            hour: now.hour(),
            minute: now.minute(),
            second: now.second(),
            gateway: self.gateway_code,
            sequence: 0,
        });
        // Beyond 65 536 it counts on into the gateway's code, so that ids stay different; below the seconds 38 bits
        // are free.
        let id = (start.0 & !0x3f_ffff_ffff) | (start.0.wrapping_add(number) & 0x3f_ffff_ffff);
        MessageId(u128::from(id))
    }

    fn numbers_recipients(&self) -> bool {
        true
    }

    fn show(&self, id: MessageId) -> String {
        msg_id(id).to_string()
    }

    fn knows(&self, damage: Damage) -> bool {
        !matches!(damage, Damage::UnknownTlv | Damage::CutTlv)
    }

    fn content_length(&self, frame: &[u8]) -> Option<Range<usize>> {
        // The version is not known here, but only in one of them the length fits the place.
        [DELIVER_2, DELIVER_3].into_iter().find_map(|(at, without)| {
            let length = usize::from(*frame.get(at)?);
            (without.saturating_add(length) == frame.len()).then_some(at..at + 1)
        })
    }

    fn udhi(&self, _frame: &[u8]) -> Option<usize> {
        Some(DELIVER_UDHI)
    }

    fn authenticator(&self, frame: &[u8]) -> Option<Range<usize>> {
        Some(if frame.len() == CONNECT_RESP_2 {
            AUTHENTICATOR_2
        } else {
            AUTHENTICATOR_3
        })
    }

    fn proves_itself(&self) -> bool {
        true
    }

    fn values(&self) -> Values {
        Values::MsgFmt
    }
}

impl Protocol for Cmpp {
    type Dialect = Server;
    type Key = ();

    fn dialect(&self) -> Server {
        Server::new(ServerSettings {
            max_version: self.max_version,
            on_higher_version: self.on_higher_version,
        })
    }

    fn keep_alives(&self) -> &'static [u32] {
        const { &[Command::ActiveTest.id()] }
    }

    fn account_name(&self, login: &Connect) -> String {
        login.source_addr.to_text().into_owned()
    }

    fn admit(&self, account: &Account) -> Option<Verdict> {
        Some(Verdict::Check(account.secret.clone()))
    }

    fn turn_away(&self, status: u32) -> Option<Verdict> {
        Some(Verdict::Refuse { status })
    }

    fn opened(&self, opened: &Admitted) -> Opened {
        Opened {
            version: match opened.version {
                Version::V2 => "2.0".to_owned(),
                Version::V3 => "3.0".to_owned(),
            },
            submits: true,
            delivers: true,
        }
    }

    fn asked(&self, request: Request<'_, Self>) -> Asked<Self> {
        match request.pdu {
            Pdu::Submit(submit) => Asked::Submit {
                key: (),
                id: None,
                submitted: Box::new(submitted(&submit)),
            },
            Pdu::Query(query) => Asked::Answer(Pdu::QueryResp(counts(request.hub, &query))),
            Pdu::Cancel(cancel) => {
                let id = MessageId(u128::from(cancel.msg_id.0));
                let success_id = u32::from(!request.hub.take_back(request.account, id));
                Asked::Answer(Pdu::CancelResp(CancelResp { success_id }))
            }
            // The dialect passes nothing else up as a request.
            _ => Asked::Answer(self.answer((), MessageId::default(), RESULT_COMMAND)),
        }
    }

    fn answer(&self, _key: (), id: MessageId, result: u32) -> Pdu {
        Pdu::SubmitResp(SubmitResp {
            msg_id: msg_id(id),
            result,
        })
    }

    fn deliver(
        &self,
        dialect: &Server,
        outgoing: &Outgoing,
        now: OffsetDateTime,
    ) -> Option<(Option<u32>, Pdu)> {
        let id = msg_id(outgoing.id);
        let deliver = match &outgoing.body {
            Body::Receipt(receipt) => receipt::deliver(receipt, dialect.version(), now),
            Body::Uplink(part) => self.uplink_deliver(part)?,
            Body::UserReport(_) => return None,
        };
        Some((
            None,
            Pdu::Deliver(Deliver {
                msg_id: id,
                ..deliver
            }),
        ))
    }

    fn taken(&self, answer: &Pdu) -> u32 {
        match answer {
            Pdu::DeliverResp(resp) => resp.result,
            _ => RESULT_COMMAND,
        }
    }
}

impl Cmpp {
    fn uplink_deliver(self, part: &UplinkPart) -> Option<Deliver> {
        let (_, msg_fmt) = self.uplink_coding(part.coding).ok()?;
        Some(Deliver {
            dest_id: part.to,
            service_id: part.service,
            tp_udhi: u8::from(part.has_udh),
            msg_fmt,
            src_terminal_id: part.from,
            content: Content::new(part.content.clone()),
            link_id: part.link_id,
            ..Deliver::default()
        })
    }
}

/// The low eight octets.
const fn msg_id(id: MessageId) -> MsgId {
    MsgId(id.0 as u64)
}

fn submitted(submit: &Submit) -> Submitted {
    let content: Bytes = submit.content.bytes();
    Submitted {
        source: submit.src_id,
        recipients: submit.recipients.iter().collect(),
        numbering: Numbering::of(has_udh(submit.tp_udhi), &content),
        content,
        coding: Values::MsgFmt.coding(submit.msg_fmt),
        coding_octet: submit.msg_fmt,
        report: if submit.registered_delivery == 1 {
            ReportWish::Always
        } else {
            ReportWish::Never
        },
        service: submit.service_id,
        objection: None,
        details: vec![
            ("Pk_total", submit.pk_total.to_string()),
            ("Pk_number", submit.pk_number.to_string()),
            ("Registered_Delivery", submit.registered_delivery.to_string()),
            ("Msg_level", submit.msg_level.to_string()),
            ("Service_Id", submit.service_id.to_text().into_owned()),
            ("TP_udhi", submit.tp_udhi.to_string()),
            ("Msg_src", submit.msg_src.to_text().into_owned()),
            ("FeeType", submit.fee_type.to_text().into_owned()),
            ("ValId_Time", submit.valid_time.to_text().into_owned()),
        ],
    }
}

fn counts(hub: &Hub, query: &Query) -> QueryResp {
    let stats = lock(&hub.ledger).stats(hub.carrier.name(), hub.waiting());
    let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    QueryResp {
        time: query.time,
        query_type: query.query_type,
        query_code: query.query_code,
        mt_messages: narrow(stats.submits),
        mt_users: narrow(stats.accepted),
        mo_sent: narrow(stats.uplinks.taken),
        ..QueryResp::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hongyan_carrier_wire::cmpp::encode;

    #[test]
    fn the_length_of_a_content_is_found_in_both_versions() {
        let carrier = Cmpp::new(true, false, 1);
        for (version, at) in [(Version::V2, 76), (Version::V3, 88)] {
            let deliver = Deliver {
                content: Content::from(vec![b'x'; 9]),
                ..Deliver::default()
            };
            let mut frame = bytes::BytesMut::new();
            encode(version, 1, &Pdu::Deliver(deliver), &mut frame).unwrap();
            assert_eq!(carrier.content_length(&frame), Some(at..at + 1));
        }
    }
}
