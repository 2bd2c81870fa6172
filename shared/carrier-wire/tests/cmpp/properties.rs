//! What must hold for every PDU, and for every input.

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::cmpp::pdu::{
    ActiveTestResp, Cancel, CancelResp, Connect, ConnectResp, Deliver, DeliverResp, Query, QueryResp,
    Recipients, Submit, SubmitResp,
};
use hongyan_carrier_wire::cmpp::{Command, MsgId, Packet, Pdu, Version, codec, decode, encode};
use hongyan_carrier_wire::concat::{Reference, Udh, split};
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use hongyan_carrier_wire::text::{Coding, Decoded};
use proptest::collection::vec;
use proptest::prelude::*;

fn fixed<const N: usize>() -> impl Strategy<Value = FixedStr<N>> {
    proptest::array::uniform::<_, N>(any::<u8>()).prop_map(FixedStr::from_wire)
}

fn terminal(version: Version) -> impl Strategy<Value = TerminalId> {
    vec(any::<u8>(), 0..=version.terminal_len()).prop_map(|octets| TerminalId::new(octets).unwrap())
}

fn tail(version: Version) -> impl Strategy<Value = FixedStr<20>> {
    vec(any::<u8>(), 0..=version.tail_len()).prop_map(|octets| FixedStr::new(octets).unwrap())
}

fn only_in_v3(version: Version) -> impl Strategy<Value = u8> {
    any::<u8>().prop_map(move |octet| if version == Version::V3 { octet } else { 0 })
}

fn result(version: Version) -> impl Strategy<Value = u32> {
    any::<u32>().prop_map(move |result| {
        if version == Version::V3 {
            result
        } else {
            result & 0xff
        }
    })
}

fn content() -> impl Strategy<Value = Content> {
    vec(any::<u8>(), 0..=255).prop_map(Content::from)
}

fn recipients(version: Version) -> impl Strategy<Value = Recipients> {
    vec(terminal(version), 1..=Recipients::MAX).prop_map(|numbers| Recipients::many(&numbers).unwrap())
}

fn submit(version: Version) -> impl Strategy<Value = Pdu> {
    let numbers = (
        any::<[u8; 8]>(),
        any::<u64>(),
        only_in_v3(version),
        only_in_v3(version),
    );
    let texts = (
        fixed(),
        fixed(),
        fixed(),
        fixed(),
        fixed(),
        fixed(),
        fixed(),
        tail(version),
    );
    (numbers, texts, terminal(version), recipients(version), content()).prop_map(
        |(
            (numbers, msg_id, fee_terminal_type, dest_terminal_type),
            texts,
            fee_terminal_id,
            recipients,
            content,
        )| {
            let [
                pk_total,
                pk_number,
                registered_delivery,
                msg_level,
                fee_user_type,
                tp_pid,
                tp_udhi,
                msg_fmt,
            ] = numbers;
            let (service_id, msg_src, fee_type, fee_code, valid_time, at_time, src_id, link_id) = texts;
            Pdu::Submit(Submit {
                msg_id: MsgId(msg_id),
                pk_total,
                pk_number,
                registered_delivery,
                msg_level,
                service_id,
                fee_user_type,
                fee_terminal_id,
                fee_terminal_type,
                tp_pid,
                tp_udhi,
                msg_fmt,
                msg_src,
                fee_type,
                fee_code,
                valid_time,
                at_time,
                src_id,
                recipients,
                dest_terminal_type,
                content,
                link_id,
            })
        },
    )
}

fn deliver(version: Version) -> impl Strategy<Value = Pdu> {
    let numbers = (any::<[u8; 4]>(), any::<u64>(), only_in_v3(version));
    (
        numbers,
        fixed(),
        fixed(),
        terminal(version),
        content(),
        tail(version),
    )
        .prop_map(
            |(
                (numbers, msg_id, src_terminal_type),
                dest_id,
                service_id,
                src_terminal_id,
                content,
                link_id,
            )| {
                let [tp_pid, tp_udhi, msg_fmt, registered_delivery] = numbers;
                Pdu::Deliver(Deliver {
                    msg_id: MsgId(msg_id),
                    dest_id,
                    service_id,
                    tp_pid,
                    tp_udhi,
                    msg_fmt,
                    src_terminal_id,
                    src_terminal_type,
                    registered_delivery,
                    content,
                    link_id,
                })
            },
        )
}

fn login() -> impl Strategy<Value = Pdu> {
    let connect = (fixed(), any::<[u8; 16]>(), any::<u8>(), any::<u32>()).prop_map(
        |(source_addr, authenticator_source, version, timestamp)| {
            Pdu::Connect(Connect {
                source_addr,
                authenticator_source,
                version,
                timestamp,
            })
        },
    );
    let resp = (
        prop_oneof![Just(Version::V2), Just(Version::V3)],
        any::<[u8; 16]>(),
        any::<u8>(),
    )
        .prop_flat_map(|(layout, authenticator_ismg, version)| {
            result(layout).prop_map(move |status| {
                Pdu::ConnectResp(ConnectResp {
                    layout,
                    status,
                    authenticator_ismg,
                    version,
                })
            })
        });
    prop_oneof![connect, resp]
}

fn small(version: Version) -> impl Strategy<Value = Pdu> {
    let query =
        (fixed(), any::<u8>(), fixed(), fixed()).prop_map(|(time, query_type, query_code, reserve)| {
            Pdu::Query(Query {
                time,
                query_type,
                query_code,
                reserve,
            })
        });
    let query_resp = (fixed(), any::<u8>(), fixed(), any::<[u32; 8]>()).prop_map(
        |(time, query_type, query_code, counts)| {
            let [messages, users, sent, waiting, failed, from_phones, held, lost] = counts;
            Pdu::QueryResp(QueryResp {
                time,
                query_type,
                query_code,
                mt_messages: messages,
                mt_users: users,
                mt_sent: sent,
                mt_waiting: waiting,
                mt_failed: failed,
                mo_sent: from_phones,
                mo_waiting: held,
                mo_failed: lost,
            })
        },
    );
    let known = Command::ALL.map(Command::id);
    let unknown = (any::<u32>(), vec(any::<u8>(), 0..200))
        .prop_filter("a command that is not read", move |(command, _)| {
            !known.contains(command)
        })
        .prop_map(|(command, body)| Pdu::Unknown {
            command,
            body: Bytes::from(body).into(),
        });
    prop_oneof![
        Just(Pdu::Terminate),
        Just(Pdu::TerminateResp),
        Just(Pdu::ActiveTest),
        any::<Option<u8>>().prop_map(|reserved| Pdu::ActiveTestResp(ActiveTestResp { reserved })),
        (any::<u64>(), result(version)).prop_map(|(id, result)| Pdu::SubmitResp(SubmitResp {
            msg_id: MsgId(id),
            result
        })),
        (any::<u64>(), result(version)).prop_map(|(id, result)| Pdu::DeliverResp(DeliverResp {
            msg_id: MsgId(id),
            result
        })),
        any::<u64>().prop_map(|id| Pdu::Cancel(Cancel { msg_id: MsgId(id) })),
        result(version).prop_map(|success_id| Pdu::CancelResp(CancelResp { success_id })),
        query,
        query_resp,
        unknown,
    ]
}

fn pdu() -> impl Strategy<Value = (Version, Pdu)> {
    prop_oneof![Just(Version::V2), Just(Version::V3)].prop_flat_map(|version| {
        (
            Just(version),
            prop_oneof![submit(version), deliver(version), login(), small(version)],
        )
    })
}

/// Text of characters of one to four octets in UTF-8, one or two units in UTF-16.
fn text() -> impl Strategy<Value = String> {
    vec(
        prop_oneof![
            Just('a'),
            Just('é'),
            Just('信'),
            Just('𠮷'),
            Just('👍'),
            any::<char>()
        ],
        0..500,
    )
    .prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back((version, pdu) in pdu(), sequence in any::<u32>()) {
        let mut out = BytesMut::from(&b"before"[..]);
        encode(version, sequence, &pdu, &mut out).unwrap();
        let frame = out.freeze().slice(6..);
        prop_assert_eq!(frame.len(), codec::encoded_len(version, &pdu));
        prop_assert_eq!(decode(version, &frame).unwrap(), Packet { sequence, pdu });
    }

    #[test]
    fn what_the_narrow_layout_cannot_hold_is_refused_and_leaves_nothing_behind((version, pdu) in pdu()) {
        let mut out = BytesMut::from(&b"before"[..]);
        if encode(Version::V2, 1, &pdu, &mut out).is_err() {
            prop_assert_eq!(version, Version::V3);
            prop_assert_eq!(&out[..], b"before");
        }
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in vec(any::<u8>(), 0..400), command in 0usize..14) {
        let mut frame = octets;
        let len = frame.len() as u32;
        if let Some(header) = frame.first_chunk_mut::<8>() {
            // A header that leads into a body, or chance alone would hardly get past it.
            header[..4].copy_from_slice(&len.to_be_bytes());
            header[4..].copy_from_slice(&Command::ALL[command].id().to_be_bytes());
        }
        let frame = Bytes::from(frame);
        for version in [Version::V2, Version::V3] {
            if let Ok(Packet { sequence, pdu }) = decode(version, &frame) {
                let mut out = BytesMut::new();
                encode(version, sequence, &pdu, &mut out).unwrap();
                prop_assert_eq!(out.freeze(), &frame);
            }
        }
    }

    #[test]
    fn a_text_survives_being_cut(text in text(), reference in any::<u8>(), wide in any::<bool>()) {
        let reference =
            if wide { Reference::Bits16(u16::from(reference) << 4) } else { Reference::Bits8(reference) };
        for coding in [Coding::Ucs2, Coding::Gbk, Coding::Ascii] {
            let Ok(parts) = split(&text, coding, reference, u8::MAX) else { continue };
            let mut joined = String::new();
            for part in &parts {
                let limit = if coding == Coding::Ascii { 159 } else { 140 };
                prop_assert!(part.content.len() <= limit);
                let content = part.content.as_slice();
                let octets = match part.concat {
                    None => content,
                    Some(concat) => {
                        let udh = Udh::parse(content).unwrap();
                        prop_assert_eq!(udh.concat, Some(concat));
                        udh.text(content)
                    }
                };
                match coding.decode(octets) {
                    // Each part can be read alone: no character was cut.
                    Decoded::Text { text, lossy: false } => joined.push_str(&text),
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            prop_assert_eq!(&joined, &text);
        }
    }
}
