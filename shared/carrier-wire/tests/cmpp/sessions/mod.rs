//! Sessions of both sides, with the time and the octets played by hand.

pub(crate) mod client;
mod ending;
mod login;
mod messages;
mod pair;
mod requests;
mod server;

use bytes::BytesMut;
use hongyan_carrier_wire::cmpp::auth::{self, Secret};
use hongyan_carrier_wire::cmpp::pdu::{ConnectResp, Deliver, Recipients, Submit, SubmitResp};
use hongyan_carrier_wire::cmpp::{
    Client, ClientSettings, EncodeError, FRAME_LIMITS, HigherVersion, IsmgCheck, MsgId, Packet, Pdu,
    ServerSettings, Version, decode, encode,
};
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::session::{Outcome, Up};

/// 2026-01-08T15:55:48 in China.
pub(crate) const LOGIN_AT: u64 = 1_767_858_948_000;

pub(crate) fn secret() -> Secret {
    Secret::new("888888")
}

pub(crate) fn account() -> FixedStr<6> {
    FixedStr::new("900001").unwrap()
}

pub(crate) fn client_settings(version: Version) -> ClientSettings {
    ClientSettings {
        source_addr: account(),
        secret: secret(),
        version,
        ismg_check: IsmgCheck::Required,
        first_sequence: 1,
    }
}

pub(crate) const fn server_settings() -> ServerSettings {
    ServerSettings {
        max_version: Version::V3,
        on_higher_version: HigherVersion::AnswerOwn,
    }
}

pub(crate) fn message() -> Submit {
    Submit {
        recipients: Recipients::one(TerminalId::new("13800138000").unwrap()),
        content: Content::from(b"hello".to_vec()),
        ..Submit::default()
    }
}

pub(crate) fn submit() -> Pdu {
    Pdu::Submit(message())
}

pub(crate) fn submit_resp(msg_id: u64, result: u32) -> Pdu {
    let msg_id = MsgId(msg_id);
    Pdu::SubmitResp(SubmitResp { msg_id, result })
}

pub(crate) fn deliver(msg_id: u64) -> Pdu {
    Pdu::Deliver(Deliver {
        msg_id: MsgId(msg_id),
        ..Deliver::default()
    })
}

pub(crate) fn accepted(layout: Version, octet: u8, source: &[u8; 16]) -> Pdu {
    Pdu::ConnectResp(ConnectResp {
        layout,
        status: 0,
        authenticator_ismg: auth::authenticator_ismg(layout, 0, source, &secret()),
        version: octet,
    })
}

pub(crate) fn octets(version: Version, sequence: u32, pdu: &Pdu) -> BytesMut {
    let mut octets = BytesMut::new();
    encode(version, sequence, pdu, &mut octets).unwrap();
    octets
}

/// What was sent, as PDUs; nothing of it is left over.
pub(crate) fn packets(version: Version, sent: &mut BytesMut) -> Vec<Packet> {
    let mut packets = Vec::new();
    while let Some(frame) = next_frame(sent, FRAME_LIMITS).unwrap() {
        packets.push(decode(version, &frame).unwrap());
    }
    assert!(sent.is_empty());
    packets
}

pub(crate) const fn packet(sequence: u32, pdu: Pdu) -> Packet {
    Packet { sequence, pdu }
}

pub(crate) const fn outcome(
    token: u64,
    sequence: Option<u32>,
    outcome: Outcome<Pdu, EncodeError>,
) -> Up<Client> {
    Up::Outcome {
        token,
        sequence,
        outcome,
        late: false,
    }
}
