//! The message centre, and what it is told of.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use hongyan_carrier_wire::{
    concat::Udh,
    login::Secret,
    smpp::{
        CText, Pdu, Status,
        dialect::{LoginVerdict, Smsc},
        pdu::{Address, Bind as WireBind, BindMode, Message, MessageBody, MessageId, MessageResp},
        receipt::Receipt,
        tlv::Tlvs,
    },
    text::{Coding, Decoded},
};
use hongyan_catalog::{
    Alphabet, Bind, Link, LongMessages, Numbering, Protocol, ReceiptId, Smpp, SubmitCoding,
};

use crate::support::{
    World,
    gateway::SECRET,
    peer::{Peer, Reaction, Script},
};

/// The centre's answer to its n-th submit, from 1; its receipts say `stat`, with the id in decimal where the response
/// had it in hexadecimal.
pub(crate) struct Centre {
    pub(crate) answer: fn(u32) -> Option<Pdu>,
    pub(crate) stat: Option<&'static str>,
    pub(crate) count: AtomicU32,
    pub(crate) modes: Arc<Mutex<Vec<BindMode>>>,
}

impl Default for Centre {
    fn default() -> Self {
        Self {
            answer: taken,
            stat: None,
            count: AtomicU32::new(0),
            modes: Arc::default(),
        }
    }
}

/// The id that the centre gives to its n-th submit.
pub(crate) const fn id(n: u32) -> u32 {
    0x0386_01f0 + n
}

#[expect(clippy::unnecessary_wraps, reason = "silence is another answer")]
pub(crate) fn taken(n: u32) -> Option<Pdu> {
    let id = MessageId::new(format!("{:08X}", id(n))).unwrap();
    Some(Pdu::SubmitSmResp(MessageResp::with_id(Status::ROK, id)))
}

pub(crate) fn refused(status: Status) -> Pdu {
    Pdu::SubmitSmResp(MessageResp::without_body(status))
}

pub(crate) fn receipt(n: u32, stat: &str, phone: Address) -> Pdu {
    let receipt = Receipt {
        text_id: Some(CText::new(format!("{:010}", id(n))).unwrap()),
        text_stat: CText::new(stat).unwrap(),
        error: CText::new("000").unwrap(),
        submit_date: CText::new("2611220443").unwrap(),
        done_date: CText::new("2611220444").unwrap(),
        ..Receipt::default()
    };
    Pdu::DeliverSm(Message {
        source: phone,
        body: MessageBody {
            esm_class: 0x04,
            short_message: receipt.to_text(b""),
            // An octet too many, as some centres send it.
            tlvs: Tlvs::from_wire(bytes::Bytes::from_static(&[0])),
            ..MessageBody::default()
        },
        ..Message::default()
    })
}

impl Script for Centre {
    type Dialect = Smsc;

    fn dialect(&self) -> Smsc {
        Smsc::new(CText::new("centre").unwrap(), 1)
    }

    fn verdict(&self, login: WireBind) -> LoginVerdict {
        assert_eq!(login.system_id.as_bytes(), b"hongyan");
        assert_eq!(login.system_type.as_bytes(), b"VMA");
        self.modes.lock().unwrap().push(login.mode);
        LoginVerdict::Check(Secret::new(SECRET))
    }

    fn react(&self, request: &Pdu) -> Vec<Reaction<Pdu>> {
        let Pdu::SubmitSm(submit) = request else {
            return Vec::new();
        };
        let n = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(answer) = (self.answer)(n) else {
            return Vec::new();
        };
        let is_taken = answer.status().is_ok();
        let mut reactions = vec![Reaction::Answer(answer)];
        if let Some(stat) = self.stat.filter(|_| is_taken) {
            reactions.push(Reaction::Ask(receipt(n, stat, submit.destination)));
        }
        reactions
    }
}

pub(crate) fn settings() -> Smpp {
    Smpp {
        system_type: "VMA".to_owned(),
        bind: Bind::Transceiver,
        source: Numbering { ton: 0, npi: 1 },
        destination: Numbering { ton: 1, npi: 1 },
        destination_prefix: "86".to_owned(),
        ucs2_data_coding: 8,
        default_alphabet: Alphabet::Gsm7,
        submit_coding: SubmitCoding::Ucs2,
        long_messages: LongMessages::Header,
        receipt_id: ReceiptId::Auto,
        tls: None,
    }
}

pub(crate) fn declare(world: &World, gateway: &Peer<Centre>, settings: Smpp) -> Link {
    Link {
        protocol: Protocol::Smpp(settings),
        account: "hongyan".to_owned(),
        service_id: String::new(),
        ..world.declare(gateway.address)
    }
}

pub(crate) fn submits(gateway: &Peer<Centre>) -> Vec<Message> {
    let requests = gateway.requests().into_iter();
    requests
        .filter_map(|request| match request {
            Pdu::SubmitSm(submit) => Some(submit),
            _ => None,
        })
        .collect()
}

pub(crate) fn text_of(submit: &Message) -> String {
    let content = submit.body.short_message.as_slice();
    let octets = if submit.body.has_udh() {
        Udh::parse(content).unwrap().text(content)
    } else {
        content
    };
    let coding = match submit.body.data_coding {
        8 => Coding::Ucs2,
        0 => Coding::Gsm7,
        other => panic!("data_coding {other}"),
    };
    match coding.decode(octets) {
        Decoded::Text { text, lossy: false } => text,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn address(number: &str) -> Address {
    Address {
        ton: 1,
        npi: 1,
        number: CText::new(number).unwrap(),
    }
}
