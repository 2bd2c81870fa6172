//! What must hold for every PDU, and for every input.

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use hongyan_carrier_wire::smgp::pdu::{
    Deliver, DeliverResp, Login, LoginResp, MAX_RECIPIENTS, Query, QueryResp, Recipients, Submit, SubmitResp,
    TERMINAL_LEN,
};
use hongyan_carrier_wire::smgp::report::{Report, ReportText};
use hongyan_carrier_wire::smgp::tlv::{Tlv, Tlvs};
use hongyan_carrier_wire::smgp::{Command, EncodeError, MsgId, Packet, Pdu, Version, codec, decode, encode};
use proptest::collection::vec;
use proptest::prelude::*;

fn fixed<const N: usize>() -> impl Strategy<Value = FixedStr<N>> {
    proptest::array::uniform::<_, N>(any::<u8>()).prop_map(FixedStr::from_wire)
}

fn terminal() -> impl Strategy<Value = TerminalId> {
    vec(any::<u8>(), 0..=TERMINAL_LEN).prop_map(|octets| TerminalId::new(octets).unwrap())
}

fn content() -> impl Strategy<Value = Content> {
    vec(any::<u8>(), 0..=255).prop_map(Content::from)
}

fn msg_id() -> impl Strategy<Value = MsgId> {
    any::<[u8; 10]>().prop_map(MsgId)
}

/// Tags of the table, with their lengths and with others, and tags of nobody.
fn tlvs() -> impl Strategy<Value = Tlvs> {
    let one = (prop_oneof![0u16..0x16, any::<u16>()], vec(any::<u8>(), 0..24));
    vec(one, 0..12).prop_map(|all| {
        let mut tlvs = Tlvs::new();
        for (tag, value) in &all {
            tlvs.push(Tlv::of(*tag, value)).unwrap();
        }
        tlvs
    })
}

fn recipients() -> impl Strategy<Value = Recipients> {
    vec(terminal(), 1..=MAX_RECIPIENTS).prop_map(|numbers| Recipients::many(&numbers).unwrap())
}

fn submit(version: Version) -> impl Strategy<Value = Pdu> {
    let texts = (
        fixed(),
        fixed(),
        fixed(),
        fixed(),
        fixed(),
        fixed(),
        fixed(),
        fixed(),
    );
    (
        any::<[u8; 4]>(),
        texts,
        terminal(),
        recipients(),
        content(),
        tlvs(),
    )
        .prop_map(
            move |(numbers, texts, charge_term_id, recipients, content, tlvs)| {
                let [msg_type, need_report, priority, msg_format] = numbers;
                let (service_id, fee_type, fee_code, fee, valid_time, at_time, src_term_id, reserve) = texts;
                let fixed_fee = match version {
                    Version::V1 => FixedStr::default(),
                    Version::V3 => fee,
                };
                Pdu::Submit(Submit {
                    msg_type,
                    need_report,
                    priority,
                    service_id,
                    fee_type,
                    fee_code,
                    fixed_fee,
                    msg_format,
                    valid_time,
                    at_time,
                    src_term_id,
                    charge_term_id,
                    recipients,
                    content,
                    reserve,
                    tlvs,
                })
            },
        )
}

fn deliver() -> impl Strategy<Value = Pdu> {
    let texts = (fixed(), fixed(), fixed());
    (msg_id(), any::<[u8; 2]>(), texts, terminal(), content(), tlvs()).prop_map(
        |(
            msg_id,
            [is_report, msg_format],
            (recv_time, dest_term_id, reserve),
            src_term_id,
            content,
            tlvs,
        )| {
            Pdu::Deliver(Deliver {
                msg_id,
                is_report,
                msg_format,
                recv_time,
                src_term_id,
                dest_term_id,
                content,
                reserve,
                tlvs,
            })
        },
    )
}

fn login() -> impl Strategy<Value = Pdu> {
    let login = (fixed(), any::<[u8; 16]>(), any::<u8>(), any::<u32>(), any::<u8>()).prop_map(
        |(client_id, authenticator_client, login_mode, timestamp, client_version)| {
            Pdu::Login(Login {
                client_id,
                authenticator_client,
                login_mode,
                timestamp,
                client_version,
            })
        },
    );
    let resp = (any::<u32>(), any::<[u8; 16]>(), any::<u8>()).prop_map(
        |(status, authenticator_server, server_version)| {
            Pdu::LoginResp(LoginResp {
                status,
                authenticator_server,
                server_version,
            })
        },
    );
    prop_oneof![login, resp]
}

fn query() -> impl Strategy<Value = Pdu> {
    let query =
        (fixed(), any::<u8>(), fixed(), fixed()).prop_map(|(time, query_type, query_code, reserve)| {
            Pdu::Query(Query {
                time,
                query_type,
                query_code,
                reserve,
            })
        });
    let reserve = prop_oneof![Just(None), fixed().prop_map(Some)];
    let resp = (fixed(), any::<u8>(), fixed(), any::<[u32; 8]>(), reserve).prop_map(
        |(time, query_type, query_code, counts, reserve)| {
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
                reserve,
            })
        },
    );
    prop_oneof![query, resp]
}

fn small() -> impl Strategy<Value = Pdu> {
    let known = Command::ALL.map(Command::id);
    let unknown = (any::<u32>(), vec(any::<u8>(), 0..200))
        .prop_filter("a request id that is not read", move |(command, _)| {
            !known.contains(command)
        })
        .prop_map(|(command, body)| Pdu::Unknown {
            command,
            body: Bytes::from(body).into(),
        });
    prop_oneof![
        Just(Pdu::ActiveTest),
        Just(Pdu::ActiveTestResp),
        Just(Pdu::Exit),
        Just(Pdu::ExitResp),
        (msg_id(), any::<u32>()).prop_map(|(msg_id, status)| Pdu::SubmitResp(SubmitResp { msg_id, status })),
        (msg_id(), any::<u32>())
            .prop_map(|(msg_id, status)| Pdu::DeliverResp(DeliverResp { msg_id, status })),
        unknown,
    ]
}

fn pdu() -> impl Strategy<Value = (Version, Pdu)> {
    prop_oneof![Just(Version::V1), Just(Version::V3)].prop_flat_map(|version| {
        (
            Just(version),
            prop_oneof![submit(version), deliver(), login(), query(), small()],
        )
    })
}

/// Texts as gateways write them: digits and letters, padded with NUL or blanks, never with a colon.
fn word<const N: usize>() -> impl Strategy<Value = FixedStr<N>> {
    let letter = prop_oneof![proptest::char::range('0', '9'), proptest::char::range('A', 'Z')];
    (vec(letter, 0..=N), any::<bool>()).prop_map(|(letters, blanks)| {
        let mut octets = [if blanks { b' ' } else { 0 }; N];
        for (place, letter) in octets.iter_mut().zip(letters) {
            *place = letter as u8;
        }
        FixedStr::from_wire(octets)
    })
}

fn report() -> impl Strategy<Value = Report> {
    let texts = (word(), word(), word(), word(), word(), word(), fixed());
    (msg_id(), texts).prop_map(
        |(msg_id, (sub, dlvrd, submit_date, done_date, stat, err, text))| Report {
            msg_id,
            sub,
            dlvrd,
            submit_date,
            done_date,
            stat,
            err,
            text: ReportText::new(text),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(0x0068_6f6e_6779_616e),
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_written_is_read_back((version, pdu) in pdu(), sequence in any::<u32>()) {
        let mut out = BytesMut::from(&b"before"[..]);
        encode(version, sequence, &pdu, &mut out).unwrap();
        let frame = out.freeze().slice(6..);
        prop_assert_eq!(frame.len(), codec::encoded_len(version, &pdu));
        prop_assert_eq!(decode(version, &frame).unwrap(), Packet { sequence, pdu });
    }

    #[test]
    fn what_a_field_cannot_hold_is_refused_and_leaves_nothing_behind(
        (version, mut pdu) in pdu(),
        number in vec(1u8.., TERMINAL_LEN + 1..=32),
        long in 256usize..400,
        which in any::<bool>(),
    ) {
        let number = TerminalId::new(number).unwrap();
        let too_long = Content::from(vec![0; long]);
        let fits = match &mut pdu {
            Pdu::Submit(submit) if which => { submit.charge_term_id = number; false }
            Pdu::Submit(submit) => { submit.content = too_long; false }
            Pdu::Deliver(deliver) if which => { deliver.src_term_id = number; false }
            Pdu::Deliver(deliver) => { deliver.content = too_long; false }
            _ => true,
        };
        let mut out = BytesMut::from(&b"before"[..]);
        let written = encode(version, 1, &pdu, &mut out);
        prop_assert_eq!(written.is_ok(), fits);
        if let Err(error) = written {
            let named = matches!(
                error,
                EncodeError::TooLong { field: "ChargeTermID" | "SrcTermID" | "MsgLength", .. }
            );
            prop_assert!(named, "{}", error);
            prop_assert_eq!(&out[..], b"before");
        }
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in vec(any::<u8>(), 0..400), command in 0usize..12) {
        let mut frame = octets;
        let len = frame.len() as u32;
        if let Some(header) = frame.first_chunk_mut::<8>() {
            // A header that leads into a body, or chance alone would hardly get past it.
            header[..4].copy_from_slice(&len.to_be_bytes());
            header[4..].copy_from_slice(&Command::ALL[command].id().to_be_bytes());
        }
        let frame = Bytes::from(frame);
        for version in [Version::V1, Version::V3] {
            if let Ok(Packet { sequence, pdu }) = decode(version, &frame) {
                let mut out = BytesMut::new();
                encode(version, sequence, &pdu, &mut out).unwrap();
                prop_assert_eq!(out.freeze(), &frame);
            }
        }
    }

    #[test]
    fn a_report_survives_its_body(report in report()) {
        let body = report.encode();
        prop_assert_eq!(body.len(), Report::BODY_LEN);
        prop_assert_eq!(Report::decode(body.as_slice()), Ok(report));
    }

    #[test]
    fn a_report_is_found_however_its_keys_are_written(
        report in report(),
        separator in prop_oneof![Just(" "), Just(""), Just("s"), Just("\0"), Just("  ")],
        case in 0u8..3,
        underscores in any::<bool>(),
    ) {
        let key = |key: &str| {
            let key = if underscores { key.replace(' ', "_") } else { key.to_owned() };
            match case {
                0 => key.to_uppercase(),
                1 => key.to_lowercase(),
                _ => key,
            }
        };
        let mut body = b"id:".to_vec();
        body.extend_from_slice(&report.msg_id.0);
        let fields: [(&str, &[u8]); 6] = [
            ("sub:", report.sub.wire()),
            ("dlvrd:", report.dlvrd.wire()),
            ("Submit date:", report.submit_date.wire()),
            ("done date:", report.done_date.wire()),
            ("stat:", report.stat.wire()),
            ("err:", report.err.wire()),
        ];
        for (name, value) in fields {
            body.extend_from_slice(separator.as_bytes());
            body.extend_from_slice(key(name).as_bytes());
            body.extend_from_slice(value);
        }
        body.extend_from_slice(key(" Txt:").as_bytes());
        body.extend_from_slice(report.text.wire());
        prop_assert_eq!(Report::decode(&body), Ok(report));
    }

    #[test]
    fn any_body_is_a_report_or_none(octets in vec(any::<u8>(), 0..255), keys in any::<bool>()) {
        let mut body = octets;
        if keys {
            let mut with_keys = b"id:0123456789 stat:".to_vec();
            with_keys.append(&mut body);
            body = with_keys;
        }
        if let Ok(report) = Report::decode(&body) {
            prop_assert!(report.stat_text().len() <= 7);
            prop_assert_eq!(report.encode().len(), Report::BODY_LEN);
        }
    }
}
