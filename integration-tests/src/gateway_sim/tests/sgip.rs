//! What SGIP alone has.

use hongyan_carrier_wire::field::{FixedStr, TerminalId};
use hongyan_carrier_wire::session::CloseReason;
use hongyan_carrier_wire::session::{Outcome, Up};
use hongyan_carrier_wire::sgip::trace::Trace;
use hongyan_carrier_wire::sgip::{Initiator, Pdu, Sequence, results};

use super::client::{Client, PATIENCE, Sent};
use super::links::{Link as _, Sgip, open};
use super::speakers::{Delivered, Speaker as _, sgip_submitter};
use crate::gateway_sim::{Damage, DeliverTo, PhoneReport, Uplink};

const NUMBER: &str = "13800138000";

#[tokio::test]
async fn numbers_need_their_country() {
    let (gateway, mut link) = open::<Sgip>().await;
    let mut submit = match Initiator::message(NUMBER, "x") {
        Pdu::Submit(submit) => submit,
        other => panic!("{other:?}"),
    };
    submit.users = hongyan_carrier_wire::sgip::pdu::Users::one(&TerminalId::new(NUMBER).unwrap()).unwrap();
    link.submitter().submit(0, &Pdu::Submit(submit));
    assert_eq!(
        link.submitter().outcome().await,
        Sent::Refused {
            result: u32::from(results::ILLEGAL_NUMBER)
        }
    );
    assert_eq!(gateway.number(NUMBER).accepted, 0);
}

#[tokio::test]
async fn a_trace_tells_the_way_of_what_was_taken() {
    let (_gateway, mut link) = open::<Sgip>().await;
    let Sent::Accepted { id } = link.submitter().send(NUMBER, "x").await else {
        panic!("not accepted")
    };
    let mut ways = Vec::new();
    for submit_sequence in [id.parse().unwrap(), Sequence::default()] {
        link.submitter().told.clear();
        let trace = Pdu::Trace(Trace {
            submit_sequence,
            ..Trace::default()
        });
        link.submitter().submit(0, &trace);
        link.submitter().outcome().await;
        ways.extend(link.submitter().told.iter().filter_map(|up| match up {
            Up::Outcome {
                outcome: Outcome::Answered(Pdu::TraceResp(hops)),
                ..
            } => Some(hops.count()),
            _ => None,
        }));
    }
    assert_eq!(ways, [1, 0]);
}

#[tokio::test]
async fn a_phone_is_reported_and_the_gateway_hangs_up_when_nothing_is_left() {
    let (gateway, mut link) = open::<Sgip>().await;
    let report = PhoneReport {
        number: NUMBER.to_owned(),
        to: "10690001".to_owned(),
        condition: 1,
        ..PhoneReport::default()
    };
    gateway.user_report(&report).unwrap();
    assert_eq!(link.delivered(1).await, [Delivered::Other]);
    let called = link.called().expect("the gateway's connection still stands");
    assert_eq!(called.turn_until_closed().await, CloseReason::PeerTerminated);
    let stats = gateway
        .wait_for(PATIENCE, |stats| stats.user_reports.taken == 1)
        .await
        .unwrap();
    assert_eq!(stats.connections.values().filter(|one| one.outgoing).count(), 1);
    assert_eq!(
        stats.accounts["900001"].most_at_once, 1,
        "the gateway's own connections are no logins of the client"
    );
}

#[tokio::test]
async fn what_waits_for_a_listener_comes_when_there_is_one() {
    let (gateway, mut link) = open::<Sgip>().await;
    // Nobody listens there.
    let nowhere = DeliverTo::parse("127.0.0.1:1", "smg:x").unwrap();
    gateway.deliver_to(None, nowhere).unwrap();
    assert!(matches!(
        link.submitter().send(NUMBER, "x").await,
        Sent::Accepted { .. }
    ));
    gateway
        .wait_for(PATIENCE, |stats| {
            stats
                .connections
                .values()
                .any(|one| one.closed.as_ref().is_some_and(|why| why.starts_with("connect:")))
        })
        .await
        .unwrap();
    assert_eq!(gateway.stats().receipts.taken, 0);
    let mut second = Sgip::open(&gateway).await;
    assert!(matches!(
        second.delivered(1).await.as_slice(),
        [Delivered::Receipt { .. }]
    ));
}

#[tokio::test]
async fn a_refused_report_comes_again_with_the_same_number() {
    let (gateway, mut link) = open::<Sgip>().await;
    link.submitter().send(NUMBER, "x").await;
    link.delivered(1).await;
    let called = link.called().expect("the gateway's connection still stands");
    called.deliver_result = Some(u32::from(results::NODE_BUSY));
    let uplink = Uplink {
        from: NUMBER.to_owned(),
        to: "10690001".to_owned(),
        text: "hi".to_owned(),
        ..Uplink::default()
    };
    gateway.uplink(&uplink).unwrap();
    called.turn_until(|called| called.delivers().len() == 2).await;
    let numbers: Vec<Sequence> = called
        .told
        .iter()
        .filter_map(|up| match up {
            Up::Request { sequence, .. } => Some(*sequence),
            _ => None,
        })
        .collect();
    assert_eq!(numbers[0], numbers[1]);
}

#[tokio::test]
async fn damage_that_sgip_cannot_have_is_refused() {
    let (gateway, _link) = open::<Sgip>().await;
    let uplink = |damage| Uplink {
        from: NUMBER.to_owned(),
        to: "10690001".to_owned(),
        text: "hi".to_owned(),
        damage: vec![damage],
        ..Uplink::default()
    };
    let error = gateway.uplink(&uplink(Damage::CutTlv)).unwrap_err();
    assert!(error.to_string().contains("CutTlv"), "{error:#}");
    gateway.uplink(&uplink(Damage::ContentLengthMore)).unwrap();
}

#[tokio::test]
async fn a_login_of_another_kind_is_refused() {
    let (gateway, _link) = open::<Sgip>().await;
    let wrong = Initiator::new(
        hongyan_carrier_wire::sgip::Direction::Submitting,
        FixedStr::new("nobody").unwrap(),
        hongyan_carrier_wire::sgip::Password::default(),
        hongyan_carrier_wire::sgip::Numbering::new(1, 1..=u32::MAX, 1),
    );
    let mut client = Client::connect(gateway.addr(), wrong).await;
    assert_eq!(
        client.turn_until_closed().await,
        CloseReason::LoginRefused {
            status: u32::from(results::ILLEGAL_LOGIN)
        }
    );
    Client::log_in(gateway.addr(), sgip_submitter()).await;
}
