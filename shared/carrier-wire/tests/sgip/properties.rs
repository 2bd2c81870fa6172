//! What must hold for every PDU, and for every input.

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use hongyan_carrier_wire::sgip::pdu::{Bind, Deliver, Report, Resp, Submit, UserRpt, Users};
use hongyan_carrier_wire::sgip::trace::{Hop, Hops, Trace};
use hongyan_carrier_wire::sgip::{
    Command, LoginType, Packet, Password, Pdu, Sequence, codec, decode, encode,
};
use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) fn sequence() -> impl Strategy<Value = Sequence> {
    any::<[u8; 12]>().prop_map(Sequence::from_wire)
}

fn fixed<const N: usize>() -> impl Strategy<Value = FixedStr<N>> {
    proptest::array::uniform::<_, N>(any::<u8>()).prop_map(FixedStr::from_wire)
}

fn number() -> impl Strategy<Value = TerminalId> {
    vec(any::<u8>(), 0..=21).prop_map(|octets| TerminalId::new(octets).unwrap())
}

fn content() -> impl Strategy<Value = Content> {
    vec(any::<u8>(), 0..=300).prop_map(Content::from)
}

fn users() -> impl Strategy<Value = Users> {
    vec(number(), 1..=Users::MAX).prop_map(|numbers| Users::many(&numbers).unwrap())
}

fn resp() -> impl Strategy<Value = Resp> {
    prop_oneof![
        (any::<u8>(), fixed()).prop_map(|(result, reserve)| Resp::Full { result, reserve }),
        any::<u8>().prop_map(|result| Resp::Short { result }),
        Just(Resp::Bare),
    ]
}

fn bind() -> impl Strategy<Value = Pdu> {
    (any::<u8>(), fixed(), fixed(), fixed()).prop_map(|(login_type, login_name, password, reserve)| {
        Pdu::Bind(Bind {
            login_type: LoginType(login_type),
            login_name,
            login_password: Password::from_wire(password),
            reserve,
        })
    })
}

fn submit() -> impl Strategy<Value = Pdu> {
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
    (texts, any::<[u8; 9]>(), number(), users(), content()).prop_map(
        |(texts, numbers, charge_number, users, content)| {
            let (
                sp_number,
                corp_id,
                service_type,
                fee_value,
                given_value,
                expire_time,
                schedule_time,
                reserve,
            ) = texts;
            let [
                fee_type,
                agent_flag,
                morelateto_mt_flag,
                priority,
                report_flag,
                tp_pid,
                tp_udhi,
                message_coding,
                message_type,
            ] = numbers;
            Pdu::Submit(Submit {
                sp_number,
                charge_number,
                users,
                corp_id,
                service_type,
                fee_type,
                fee_value,
                given_value,
                agent_flag,
                morelateto_mt_flag,
                priority,
                expire_time,
                schedule_time,
                report_flag,
                tp_pid,
                tp_udhi,
                message_coding,
                message_type,
                content,
                reserve,
            })
        },
    )
}

fn deliver() -> impl Strategy<Value = Pdu> {
    (number(), fixed(), any::<[u8; 3]>(), content(), fixed()).prop_map(
        |(user_number, sp_number, [tp_pid, tp_udhi, message_coding], content, reserve)| {
            Pdu::Deliver(Deliver {
                user_number,
                sp_number,
                tp_pid,
                tp_udhi,
                message_coding,
                content,
                reserve,
            })
        },
    )
}

fn reports() -> impl Strategy<Value = Pdu> {
    let report = (sequence(), any::<[u8; 3]>(), number(), fixed()).prop_map(
        |(submit_sequence, [report_type, state, error_code], user_number, reserve)| {
            Pdu::Report(Report {
                submit_sequence,
                report_type,
                user_number,
                state,
                error_code,
                reserve,
            })
        },
    );
    let user = (fixed(), number(), any::<u8>(), fixed()).prop_map(
        |(sp_number, user_number, user_condition, reserve)| {
            Pdu::UserRpt(UserRpt {
                sp_number,
                user_number,
                user_condition,
                reserve,
            })
        },
    );
    prop_oneof![report, user]
}

fn traces() -> impl Strategy<Value = Pdu> {
    let trace = (sequence(), number(), fixed()).prop_map(|(submit_sequence, user_number, reserve)| {
        Pdu::Trace(Trace {
            submit_sequence,
            user_number,
            reserve,
        })
    });
    let hop = (any::<u8>(), fixed(), fixed(), fixed(), fixed()).prop_map(
        |(result, node_id, receive_time, send_time, reserve)| Hop {
            result,
            node_id,
            receive_time,
            send_time,
            reserve,
        },
    );
    let hops = vec(hop, 0..=80).prop_map(|hops| {
        let kept = Hops::new(&hops).unwrap();
        assert_eq!(kept.iter().collect::<Vec<_>>(), hops);
        Pdu::TraceResp(kept)
    });
    prop_oneof![trace, hops]
}

fn small() -> impl Strategy<Value = Pdu> {
    let unknown = (any::<u32>(), vec(any::<u8>(), 0..200))
        .prop_filter("a command that is not read", |(command, _)| {
            Command::of_id(*command).is_none()
        })
        .prop_map(|(command, body)| Pdu::Unknown {
            command,
            body: Bytes::from(body).into(),
        });
    prop_oneof![
        Just(Pdu::Unbind),
        Just(Pdu::UnbindResp),
        resp().prop_map(Pdu::BindResp),
        resp().prop_map(Pdu::SubmitResp),
        resp().prop_map(Pdu::DeliverResp),
        resp().prop_map(Pdu::ReportResp),
        resp().prop_map(Pdu::UserRptResp),
        unknown,
    ]
}

fn pdu() -> impl Strategy<Value = Pdu> {
    prop_oneof![bind(), submit(), deliver(), reports(), traces(), small()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(pdu in pdu(), sequence in sequence()) {
        let mut out = BytesMut::from(&b"before"[..]);
        encode(sequence, &pdu, &mut out).unwrap();
        let frame = out.freeze().slice(6..);
        prop_assert_eq!(frame.len(), codec::encoded_len(&pdu));
        prop_assert_eq!(decode(&frame).unwrap(), Packet { sequence, pdu });
    }

    #[test]
    fn a_pdu_that_ends_early_is_refused_or_an_answer(pdu in pdu(), cut in any::<prop::sample::Index>()) {
        let mut out = BytesMut::new();
        encode(Sequence::default(), &pdu, &mut out).unwrap();
        let len = cut.index(out.len());
        out.truncate(len);
        if let Some(field) = out.first_chunk_mut::<4>() {
            *field = (len as u32).to_be_bytes();
        }
        if let Ok(packet) = decode(&out.freeze()) {
            let short = matches!(
                packet.pdu,
                Pdu::Unbind | Pdu::UnbindResp | Pdu::Unknown { .. }
                    | Pdu::BindResp(Resp::Bare | Resp::Short { .. })
                    | Pdu::SubmitResp(Resp::Bare | Resp::Short { .. })
                    | Pdu::DeliverResp(Resp::Bare | Resp::Short { .. })
                    | Pdu::ReportResp(Resp::Bare | Resp::Short { .. })
                    | Pdu::UserRptResp(Resp::Bare | Resp::Short { .. })
            );
            prop_assert!(short, "{:?}", packet.pdu);
        }
    }

    #[test]
    fn a_number_longer_than_its_field_is_refused_and_leaves_nothing_behind(len in 22usize..=32) {
        let long = TerminalId::new(vec![b'1'; len]).unwrap();
        let pdus = [
            (Pdu::Submit(Submit { charge_number: long, ..Submit::default() }), "SUBMIT", "ChargeNumber"),
            (Pdu::Deliver(Deliver { user_number: long, ..Deliver::default() }), "DELIVER", "UserNumber"),
            (Pdu::Report(Report { user_number: long, ..Report::default() }), "REPORT", "UserNumber"),
            (Pdu::UserRpt(UserRpt { user_number: long, ..UserRpt::default() }), "USERRPT", "UserNumber"),
            (Pdu::Trace(Trace { user_number: long, ..Trace::default() }), "TRACE", "UserNumber"),
        ];
        for (pdu, name, field) in pdus {
            let mut out = BytesMut::from(&b"before"[..]);
            let error = encode(Sequence::default(), &pdu, &mut out).unwrap_err();
            prop_assert_eq!((error.pdu, error.field, error.len, error.max), (name, field, len, 21));
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
        if let Ok(Packet { sequence, pdu }) = decode(&frame) {
            let mut out = BytesMut::new();
            encode(sequence, &pdu, &mut out).unwrap();
            prop_assert_eq!(out.freeze(), &frame);
        }
    }

    #[test]
    fn a_sequence_is_its_text(sequence in sequence()) {
        prop_assert_eq!(sequence.to_string().parse(), Ok(sequence));
        prop_assert_eq!(hex::encode(sequence.wire()), sequence.to_string());
    }
}
