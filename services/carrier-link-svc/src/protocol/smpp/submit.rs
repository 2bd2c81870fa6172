//! A segment as a `submit_sm`.

use std::fmt::Display;

use hongyan_carrier_wire::{
    concat::{Concat, Reference, Udh},
    field::Content,
    smpp::{
        CText,
        pdu::{Address, ESM_UDHI, Message, MessageBody},
        tlv::{Tag, Tlvs},
    },
    text::{Coding, Decoded},
};
use hongyan_catalog::{Link, LongMessages, Numbering, Smpp as Settings, SubmitCoding};

use super::alphabet;
use crate::protocol::{Segment, times};

/// A receipt of success and of failure. Left at 0, none would ever come.
const WITH_RECEIPT: u8 = 1;
/// The `data_coding` of the centre's default alphabet.
const DEFAULT_ALPHABET: u8 = 0;

/// The PDU of a segment; `Err` says which field does not fit.
pub(super) fn message(link: &Link, settings: &Settings, segment: &Segment<'_>) -> Result<Message, String> {
    let outbound = segment.outbound;
    let number = format!("{}{}", settings.destination_prefix, outbound.phone.national());
    let (data_coding, text) = text(settings, segment);
    let (esm_class, short_message, tlvs) = parts(settings, segment, text);
    Ok(Message {
        service_type: CText::new(&link.service_id).map_err(|why| unfit("service_type", &why))?,
        source: address(settings.source, &outbound.source, "source_addr")?,
        destination: address(settings.destination, &number, "destination_addr")?,
        body: MessageBody {
            esm_class,
            validity_period: CText::new(times::valid_time(outbound.valid_until_unix_ms))
                .map_err(|why| unfit("validity_period", &why))?,
            registered_delivery: WITH_RECEIPT,
            data_coding,
            short_message,
            tlvs,
            ..MessageBody::default()
        },
    })
}

fn unfit(field: &str, why: &dyn Display) -> String {
    format!("{field}: {why}")
}

fn address(numbering: Numbering, number: &str, field: &str) -> Result<Address, String> {
    Ok(Address {
        ton: numbering.ton,
        npi: numbering.npi,
        number: CText::new(number).map_err(|why| unfit(field, &why))?,
    })
}

/// What stands behind the header, in the coding that the link wants and the text allows, and the number of that coding.
/// All parts of a message have the same one: phones put nothing else together.
fn text(settings: &Settings, segment: &Segment<'_>) -> (u8, Vec<u8>) {
    let octets = behind_header(segment);
    let ucs2 = || (settings.ucs2_data_coding, octets.to_vec());
    if settings.submit_coding == SubmitCoding::Ucs2 {
        return ucs2();
    }
    let alphabet = alphabet(settings);
    let header_len = match (segment.part.concat, settings.long_messages) {
        (Some(concat), LongMessages::Header) => concat.reference().header_len(),
        _ => 0,
    };
    let Decoded::Text { text, lossy: false } = Coding::Ucs2.decode(octets) else {
        return ucs2();
    };
    if alphabet.encode(&segment.outbound.text).is_err() {
        return ucs2();
    }
    match alphabet.encode_behind(header_len, &text) {
        Ok(octets) => (DEFAULT_ALPHABET, octets),
        Err(_) => ucs2(),
    }
}

/// The part's text without its header.
fn behind_header<'a>(segment: &'a Segment<'_>) -> &'a [u8] {
    let content = segment.part.content.as_slice();
    match segment.part.concat {
        Some(_) => Udh::parse(content).map_or(content, |header| header.text(content)),
        None => content,
    }
}

/// `esm_class`, content and parameters of a part: its numbering stands in one of the last two.
fn parts(settings: &Settings, segment: &Segment<'_>, text: Vec<u8>) -> (u8, Content, Tlvs) {
    let Some(concat) = segment.part.concat else {
        return (0, Content::from(text), Tlvs::new());
    };
    match settings.long_messages {
        LongMessages::Header => {
            let mut content = Vec::with_capacity(text.len() + concat.reference().header_len());
            concat.write(&mut content);
            content.extend_from_slice(&text);
            (ESM_UDHI, Content::from(content), Tlvs::new())
        }
        LongMessages::Sar => (0, Content::from(text), sar(concat)),
    }
}

fn sar(concat: Concat) -> Tlvs {
    let reference = match concat.reference() {
        Reference::Bits8(reference) => u16::from(reference),
        Reference::Bits16(reference) => reference,
    };
    Tlvs::builder()
        .u16(Tag::SAR_MSG_REF_NUM, reference)
        .u8(Tag::SAR_TOTAL_SEGMENTS, concat.total())
        .u8(Tag::SAR_SEGMENT_SEQNUM, concat.number())
        .build()
}
