//! Questions and wishes about messages that were handed in.

use hongyan_carrier_wire::smpp::pdu::{CancelSm, QuerySm, QuerySmResp, QueryState, ReplaceSm, Time};
use hongyan_carrier_wire::smpp::receipt::MessageState;
use hongyan_carrier_wire::smpp::{Pdu, Status};
use time::OffsetDateTime;

use super::receipt::of_response;
use crate::gateway_sim::account::AccountState;
use crate::gateway_sim::carrier::report_time;
use crate::gateway_sim::hub::{Hub, lock};
use crate::gateway_sim::take::Fate;

/// `query_sm`: under way until the receipt is due, then what the receipt says.
pub(super) fn query(hub: &Hub, query: &QuerySm) -> Pdu {
    let fate = of_response(&query.message_id).map_or(Fate::Unknown, |id| hub.fate(id));
    let (state, final_date) = match fate {
        Fate::Unknown => {
            return Pdu::QuerySmResp(QuerySmResp {
                status: Status::RQUERYFAIL,
                state: None,
            });
        }
        Fate::UnderWay => (MessageState::Enroute, Time::EMPTY),
        // What SMPP has no state for is as good as undeliverable.
        Fate::Final(stat) => (
            MessageState::of_stat(stat.as_bytes()).unwrap_or(MessageState::Undeliverable),
            Time::new(format!("{}00032+", report_time(OffsetDateTime::now_utc()))).unwrap_or_default(),
        ),
    };
    Pdu::QuerySmResp(QuerySmResp {
        status: Status::ROK,
        state: Some(QueryState {
            message_id: query.message_id,
            final_date,
            message_state: state.octet(),
            error_code: 0,
        }),
    })
}

/// `cancel_sm`: possible while a receipt is to come.
pub(super) fn cancel(hub: &Hub, account: &AccountState, cancel: &CancelSm) -> Pdu {
    let taken_back = of_response(&cancel.message_id).is_some_and(|id| hub.take_back(account, id));
    Pdu::CancelSmResp(if taken_back {
        Status::ROK
    } else {
        Status::RCANCELFAIL
    })
}

/// `replace_sm`: possible while the message is under way.
pub(super) fn replace(hub: &Hub, replace: &ReplaceSm) -> Pdu {
    let id = of_response(&replace.message_id).filter(|id| hub.fate(*id) == Fate::UnderWay);
    let Some(id) = id else {
        return Pdu::ReplaceSmResp(Status::RREPLACEFAIL);
    };
    lock(&hub.ledger)
        .messages
        .replace_text(id, &replace.short_message.bytes());
    Pdu::ReplaceSmResp(Status::ROK)
}
