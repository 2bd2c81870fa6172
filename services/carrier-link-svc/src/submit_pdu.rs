//! One segment as a CMPP `SUBMIT`. Pure.

use hongyan_carrier_wire::{
    cmpp::pdu::{Recipients, Submit},
    concat::Part,
    field::{FixedStr, TerminalId, TooLong},
    text::Coding,
};
use hongyan_catalog::Link;
use time::{OffsetDateTime, UtcOffset};

use crate::outbound::Outbound;

/// Ask for a status report. Left at 0, no receipt would ever come.
const WITH_REPORT: u8 = 1;
/// The service provider pays, the recipient never does.
const PAID_BY_SP: u8 = 2;
/// Free of charge for the recipient.
const FREE: &str = "01";
const FEE_FEN: &str = "000000";

/// The PDU of segment `number`, from 1, of `total`.
pub fn submit(
    link: &Link,
    outbound: &Outbound,
    part: &Part,
    number: u8,
    total: u8,
) -> Result<Submit, TooLong> {
    Ok(Submit {
        pk_total: total,
        pk_number: number,
        registered_delivery: WITH_REPORT,
        service_id: FixedStr::new(&link.service_id)?,
        fee_user_type: PAID_BY_SP,
        tp_udhi: part.tp_udhi(),
        msg_fmt: Coding::Ucs2.msg_fmt(),
        msg_src: FixedStr::new(&link.account)?,
        fee_type: FixedStr::new(FREE)?,
        fee_code: FixedStr::new(FEE_FEN)?,
        valid_time: FixedStr::new(valid_time(outbound.valid_until_unix_ms))?,
        src_id: FixedStr::new(&outbound.source)?,
        // A destination must not carry "86" in 3.0, and need not in 2.0.
        recipients: Recipients::one(TerminalId::new(outbound.phone.national())?),
        content: part.content.clone(),
        ..Submit::default()
    })
}

/// `YYMMDDhhmmsstnnp` of SMPP in China's time: tenths 0, 32 quarters of an hour ahead of UTC. Empty where the time
/// cannot be told: then the carrier's own default holds.
fn valid_time(unix_ms: u64) -> String {
    let china = UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC);
    i64::try_from(unix_ms / 1_000)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .map(|at| at.to_offset(china))
        .map(|at| {
            let (year, month, day) = (at.year().rem_euclid(100), u8::from(at.month()), at.day());
            let (hour, minute, second) = (at.hour(), at.minute(), at.second());
            format!("{year:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}032+")
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use hongyan_carrier_wire::{
        cmpp::{Version, encode, pdu::Pdu},
        concat::Udh,
    };

    use super::{submit, valid_time};
    use crate::testing;

    #[test]
    fn every_part_agrees_with_its_header_and_asks_for_a_receipt() {
        let link = testing::link("127.0.0.1:1".parse().unwrap());
        let outbound = testing::outbound(&"信".repeat(140), 3);
        let parts = outbound.parts(77).unwrap();
        for (number, part) in (1_u8..).zip(&parts) {
            let pdu = submit(&link, &outbound, part, number, 3).unwrap();
            assert_eq!(
                (pdu.pk_total, pdu.pk_number, pdu.registered_delivery, pdu.tp_udhi),
                (3, number, 1, 1)
            );
            let concat = Udh::parse(pdu.content.as_slice()).unwrap().concat.unwrap();
            assert_eq!((concat.total(), concat.number()), (3, number));
            assert_eq!(pdu.recipients.first().as_bytes(), b"13800138000");
            assert_eq!(pdu.msg_src.as_bytes(), b"900001");
            for version in [Version::V2, Version::V3] {
                let mut octets = bytes::BytesMut::new();
                encode(version, 1, &Pdu::Submit(pdu.clone()), &mut octets).unwrap();
                assert!(octets.len() > 138);
            }
        }
    }

    #[test]
    fn a_single_segment_has_no_header() {
        let link = testing::link("127.0.0.1:1".parse().unwrap());
        let outbound = testing::outbound("短", 1);
        let pdu = submit(&link, &outbound, &outbound.parts(1).unwrap()[0], 1, 1).unwrap();
        assert_eq!(
            (pdu.tp_udhi, pdu.content.as_slice()),
            (0, [0x77, 0xed].as_slice())
        );
    }

    #[test]
    fn validity_is_told_in_the_carriers_time() {
        // 2026-11-21 20:43:13 UTC is the next day in China.
        assert_eq!(valid_time(1_795_293_793_000), "261122044313032+");
        assert_eq!(valid_time(u64::MAX), "");
    }
}
