//! Messages that an ESME hands in.

use hongyan_carrier_wire::concat::Concat;
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use hongyan_carrier_wire::smpp::pdu::{Address, DataSm, Destination, Message, MessageBody, SubmitMulti};
use hongyan_carrier_wire::smpp::tlv::Tlvs;
use hongyan_carrier_wire::smpp::{CText, Status};
use hongyan_carrier_wire::text::{Coding, Values};

use crate::gateway_sim::message::{Details, Numbering, ReportWish, Submitted};

const VALUES: Values = Values::DataCoding {
    default: Coding::Gsm7,
};

pub(super) fn of_message(message: &Message) -> Submitted {
    of_body(
        &message.source,
        message.service_type,
        vec![terminal(&message.destination)],
        &message.body,
    )
}

pub(super) fn of_multi(multi: &SubmitMulti) -> Submitted {
    let recipients = multi
        .destinations
        .iter()
        .map(|destination| match destination {
            Destination::Address(address) => terminal(&address),
            // There are no lists here: its name stands for a number that nobody has.
            Destination::List(name) => TerminalId::new(name.as_bytes()).unwrap_or_default(),
        })
        .collect();
    of_body(&multi.source, multi.service_type, recipients, &multi.body)
}

fn of_body(
    source: &Address,
    service_type: CText<6>,
    recipients: Vec<TerminalId>,
    body: &MessageBody,
) -> Submitted {
    let mut details = details(source, service_type, &body.tlvs);
    details.extend([
        ("esm_class", body.esm_class.to_string()),
        ("priority_flag", body.priority_flag.to_string()),
        ("validity_period", body.validity_period.to_text().into_owned()),
        ("registered_delivery", body.registered_delivery.to_string()),
    ]);
    Submitted {
        details,
        ..submitted(
            source,
            recipients,
            &body.content(),
            (body.has_udh(), body.sar()),
            body.data_coding,
            body.registered_delivery,
        )
    }
}

pub(super) fn of_data(data: &DataSm) -> Submitted {
    let source: Address = narrow(&data.source);
    let destination: Address = narrow(&data.destination);
    let mut details = details(&source, data.service_type, &data.tlvs);
    details.extend([
        ("esm_class", data.esm_class.to_string()),
        ("registered_delivery", data.registered_delivery.to_string()),
    ]);
    Submitted {
        details,
        ..submitted(
            &source,
            vec![terminal(&destination)],
            &data.content(),
            (data.has_udh(), data.sar()),
            data.data_coding,
            data.registered_delivery,
        )
    }
}

fn submitted(
    source: &Address,
    recipients: Vec<TerminalId>,
    content: &Content,
    (has_udh, sar): (bool, Option<Concat>),
    data_coding: u8,
    registered_delivery: u8,
) -> Submitted {
    let content = content.bytes();
    let mut numbering = Numbering::of(has_udh, &content);
    // With both the header counts.
    numbering.concat = numbering.concat.or(sar);
    let nobody = recipients.is_empty() || recipients.iter().any(|number| number.as_bytes().is_empty());
    Submitted {
        source: FixedStr::new(source.number.as_bytes()).unwrap_or_default(),
        recipients,
        numbering,
        content,
        coding: VALUES.coding(data_coding),
        coding_octet: data_coding,
        report: match registered_delivery & 3 {
            1 => ReportWish::Always,
            2 => ReportWish::OnFailure,
            _ => ReportWish::Never,
        },
        service: FixedStr::default(),
        objection: nobody.then_some(Status::RINVDSTADR.0),
        details: Details::new(),
    }
}

fn details(source: &Address, service_type: CText<6>, tlvs: &Tlvs) -> Details {
    let mut details = vec![
        ("service_type", service_type.to_text().into_owned()),
        ("source_addr_ton", source.ton.to_string()),
        ("source_addr_npi", source.npi.to_string()),
    ];
    details.extend(
        tlvs.iter()
            .filter_map(|tlv| Some((tlv.tag.name()?, hex::encode(tlv.value)))),
    );
    details
}

fn terminal(address: &Address) -> TerminalId {
    TerminalId::new(address.number.as_bytes()).unwrap_or_default()
}

/// An address whose number fits the narrower field; a longer one is cut to nothing, which no rule is about.
fn narrow(address: &Address<65>) -> Address {
    Address {
        ton: address.ton,
        npi: address.npi,
        number: CText::new(address.number.as_bytes()).unwrap_or(CText::EMPTY),
    }
}
