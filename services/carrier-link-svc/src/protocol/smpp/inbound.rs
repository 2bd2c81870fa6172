//! What a message centre delivers.

use bytes::Bytes;
use hongyan_carrier_wire::{
    concat::{Concat, Udh},
    smpp::{
        pdu::{Address, DataSm, Message},
        receipt::Receipt as Wire,
    },
    text::{Coding, Values},
};
use hongyan_domain::status;

use super::{Smpp, alphabet, storable};
use crate::{
    inbound::{self, Inbound, Part, Person, Receipt, printable},
    protocol::times,
};

/// Octets of a receipt's date without seconds.
const MINUTE_DIGITS: usize = 10;

/// A subscriber's text, or a part of one, wherever its PDU had it.
struct Uplink {
    from: Person,
    access_number: String,
    data_coding: u8,
    has_header: bool,
    sar: Option<Concat>,
    content: Bytes,
}

impl Smpp {
    pub(super) fn read_message(&self, message: &Message) -> Inbound {
        if message.is_receipt() {
            let recipient = recipient(&message.source, &message.destination);
            return self.receipt(recipient, &Wire::of_message(message));
        }
        self.text(Uplink {
            from: person(&message.source),
            access_number: printable(&message.destination.number.to_text()),
            data_coding: message.body.data_coding,
            has_header: message.body.has_udh(),
            sar: message.body.sar(),
            content: message.body.content().bytes(),
        })
    }

    pub(super) fn read_data(&self, data: &DataSm) -> Inbound {
        if data.is_receipt() {
            let recipient = recipient(&data.source, &data.destination);
            return self.receipt(recipient, &Wire::of_data(data));
        }
        self.text(Uplink {
            from: person(&data.source),
            access_number: printable(&data.destination.number.to_text()),
            data_coding: data.data_coding,
            has_header: data.has_udh(),
            sar: data.sar(),
            content: data.content().bytes(),
        })
    }

    fn receipt(&self, person: Person, receipt: &Wire) -> Inbound {
        let id = self.learned.message_ids.of_receipt(receipt);
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            return Inbound::Malformed;
        };
        let submitted = receipt.submit_date.to_text();
        Inbound::Receipt(Receipt {
            carrier_message_id: storable(&id),
            stat: status::Protocol::Smpp
                .receipt_code(&printable(&receipt.stat()), &printable(&receipt.error.to_text())),
            done_time: printable(&receipt.done_date.to_text()),
            submitted_ms: submitted.get(..MINUTE_DIGITS).and_then(times::minute),
            person,
        })
    }

    fn text(&self, uplink: Uplink) -> Inbound {
        let coding = self.coding(uplink.data_coding);
        let numbered_by_header =
            uplink.has_header && Udh::parse(&uplink.content).is_ok_and(|header| header.concat.is_some());
        match uplink.sar {
            // Where there is a numbering in both places, the header's counts.
            Some(concat) if concat.total() > 1 && !numbered_by_header => {
                let header_len = if uplink.has_header {
                    Udh::parse(&uplink.content).map_or(0, |header| header.len)
                } else {
                    0
                };
                let header_len = header_len.min(uplink.content.len());
                let (coding, octets) = coding.without_header(header_len, uplink.content.slice(header_len..));
                Inbound::Part(Part {
                    from: uplink.from,
                    access_number: uplink.access_number,
                    concat,
                    coding,
                    octets,
                })
            }
            _ => inbound::text(
                uplink.from,
                uplink.access_number,
                coding,
                uplink.has_header,
                &uplink.content,
            ),
        }
    }

    fn coding(&self, data_coding: u8) -> Coding {
        if data_coding == self.settings.ucs2_data_coding {
            return Coding::Ucs2;
        }
        let default = alphabet(&self.settings);
        Values::DataCoding { default }.coding(data_coding)
    }
}

/// Of a receipt, too, the source is the phone: the recipient of the message that it is about. Some centres leave both
/// addresses as they stood in the submit.
fn recipient<const N: usize, const M: usize>(source: &Address<N>, destination: &Address<M>) -> Person {
    let source = person(source);
    if source.msisdn.is_some() {
        return source;
    }
    let destination = person(destination);
    if destination.msisdn.is_some() {
        destination
    } else {
        source
    }
}

fn person<const N: usize>(address: &Address<N>) -> Person {
    Person::of(address.national())
}
