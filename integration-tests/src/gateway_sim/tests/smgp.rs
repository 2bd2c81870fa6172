//! What SMGP alone has.

use hongyan_carrier_wire::session::CloseReason;
use hongyan_carrier_wire::smgp::pdu::LoginMode;
use hongyan_carrier_wire::smgp::{Client as Dialect, MsgId, Pdu, Version};

use super::client::{Client, Sent};
use super::links::{Link as _, Smgp3, gateway_of, open};
use super::speakers::{Delivered, Speaker as _, smgp_settings};
use crate::gateway_sim::{
    ConnectionEffects, ConnectionRule, Damage, Effects, Faults, ReceiptChange, ReceiptForm, Rule, Uplink,
};

const NUMBER: &str = "13300133000";

#[tokio::test]
async fn one_connection_may_send_and_another_receive() {
    let gateway = gateway_of::<Smgp3>().await;
    let log_in = async |mode| {
        let dialect = Dialect::new(smgp_settings(Version::V3, mode));
        Client::log_in(gateway.addr(), dialect).await
    };
    let mut sends = log_in(LoginMode::Send).await;
    let mut receives = log_in(LoginMode::Receive).await;
    let Sent::Accepted { id } = sends.send(NUMBER, "x").await else {
        panic!("not accepted")
    };
    receives
        .turn_until(|receives| !receives.delivers().is_empty())
        .await;
    assert_eq!(
        Dialect::read(receives.delivers()[0]),
        Delivered::Receipt {
            id,
            stat: "DELIVRD".to_owned()
        }
    );
    assert!(sends.delivers().is_empty());
}

#[tokio::test]
async fn ids_may_be_no_digits_and_receipts_spelled_oddly() {
    let (gateway, mut link) = open::<Smgp3>().await;
    for form in [ReceiptForm::Long, ReceiptForm::Short, ReceiptForm::Odd] {
        gateway
            .set_faults(Faults {
                binary_ids: true,
                rules: vec![Rule {
                    then: Effects {
                        receipt: Some(ReceiptChange {
                            form: Some(form),
                            ..ReceiptChange::default()
                        }),
                        ..Effects::default()
                    },
                    ..Rule::default()
                }],
                ..Faults::default()
            })
            .unwrap();
        let Sent::Accepted { id } = link.submitter().send(NUMBER, "x").await else {
            panic!("not accepted")
        };
        let mut octets = [0; MsgId::LEN];
        hex::decode_to_slice(&id, &mut octets).unwrap();
        assert_eq!(MsgId(octets).parts(), None, "{id}");
        let delivered = link.delivered(1).await;
        assert!(
            matches!(&delivered[0], Delivered::Receipt { id: told, stat } if *told == id && stat == "DELIVRD"),
            "{form:?}: {delivered:?}"
        );
    }
}

#[tokio::test]
async fn a_gateway_that_proves_nothing_is_left() {
    let gateway = gateway_of::<Smgp3>().await;
    gateway
        .set_faults(Faults {
            connections: vec![ConnectionRule {
                then: ConnectionEffects {
                    wrong_authenticator: Some(true),
                    ..ConnectionEffects::default()
                },
                ..ConnectionRule::default()
            }],
            ..Faults::default()
        })
        .unwrap();
    let mut client = Client::connect(gateway.addr(), Smgp3::submitting()).await;
    assert_eq!(client.turn_until_closed().await, CloseReason::WrongAuthenticator);
}

#[tokio::test]
async fn parameters_may_be_unknown_or_cut_or_missing() {
    let (gateway, mut link) = open::<Smgp3>().await;
    let uplink = |damage: &[Damage]| Uplink {
        from: NUMBER.to_owned(),
        to: "10690001".to_owned(),
        text: "查".repeat(80),
        send: Some(vec![1]),
        damage: damage.to_vec(),
        ..Uplink::default()
    };
    gateway.uplink(&uplink(&[Damage::UnknownTlv])).unwrap();
    assert!(matches!(
        link.delivered(1).await[0],
        Delivered::Uplink { part: 1, .. }
    ));
    gateway.uplink(&uplink(&[Damage::NoUdhi])).unwrap();
    assert!(matches!(
        link.delivered(1).await[0],
        Delivered::Uplink { part: 0, .. }
    ));
    gateway.uplink(&uplink(&[Damage::Udhi64])).unwrap();
    link.submitter()
        .turn_until(|client| !client.delivers().is_empty())
        .await;
    let [Pdu::Deliver(deliver)] = link.submitter().delivers()[..] else {
        panic!("nothing came")
    };
    assert_eq!(deliver.tlvs.tp_udhi(), Some(0x40));
    link.submitter().told.clear();
    // A cut one is no PDU; the session lives on.
    gateway.uplink(&uplink(&[Damage::CutTlv])).unwrap();
    link.submitter()
        .turn_until(|client| !client.told.is_empty())
        .await;
    assert!(link.submitter().delivers().is_empty());
    assert!(matches!(
        link.submitter().send(NUMBER, "x").await,
        Sent::Accepted { .. }
    ));
}
