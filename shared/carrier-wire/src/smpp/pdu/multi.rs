//! Messages of several recipients.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::field::Reader;
use crate::smpp::codec::fields;
use crate::smpp::status::Status;
use crate::smpp::text::CText;
use crate::smpp::tlv::Tlvs;

use super::{Address, MessageBody, MessageId, ServiceType};

/// `dest_flag` of an address.
const FLAG_ADDRESS: u8 = 1;
/// `dest_flag` of a distribution list.
const FLAG_LIST: u8 = 2;

/// One of several recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// A number.
    Address(Address),
    /// The name of a list that the SMSC has.
    List(CText<21>),
}

impl Destination {
    /// Reads one recipient off the front.
    pub(in crate::smpp) fn read(
        octets: &[u8],
        reader: &mut Reader<'_>,
    ) -> Result<Self, crate::field::FieldError> {
        let offset = reader.offset();
        match reader.u8("dest_flag")? {
            FLAG_ADDRESS => fields::address(octets, reader, fields::DEST).map(Self::Address),
            FLAG_LIST => fields::text(octets, reader, "dl_name").map(Self::List),
            _ => Err(crate::field::FieldError::OutOfBounds {
                field: "dest_flag",
                offset,
                why: "it is 1 for an address or 2 for a distribution list",
            }),
        }
    }
}

/// One to 255 recipients, as they stand on the wire. Personal data.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Destinations {
    count: u8,
    octets: Bytes,
}

impl Destinations {
    /// Most recipients: the document says 254, the field holds 255.
    pub const MAX: usize = 255;

    /// Takes recipients; `None` when there is none or there are too many.
    pub fn new(destinations: &[Destination]) -> Option<Self> {
        let count = u8::try_from(destinations.len()).ok().filter(|count| *count > 0)?;
        let mut octets = BytesMut::with_capacity(destinations.len().saturating_mul(24));
        for destination in destinations {
            match destination {
                Destination::Address(address) => {
                    octets.put_slice(&[FLAG_ADDRESS, address.ton, address.npi]);
                    octets.put_slice(address.number.wire());
                }
                Destination::List(name) => {
                    octets.put_u8(FLAG_LIST);
                    octets.put_slice(name.wire());
                }
            }
        }
        Some(Self {
            count,
            octets: octets.freeze(),
        })
    }

    /// Takes what was read and found whole.
    pub(in crate::smpp) const fn checked(count: u8, octets: Bytes) -> Self {
        Self { count, octets }
    }

    /// How many.
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// The recipients, in order.
    pub fn iter(&self) -> impl Iterator<Item = Destination> + '_ {
        let mut reader = Reader::new(&self.octets);
        (0..self.count).map_while(move |_| Destination::read(&self.octets, &mut reader).ok())
    }

    pub(in crate::smpp) const fn count_octet(&self) -> u8 {
        self.count
    }

    pub(in crate::smpp) fn wire(&self) -> &[u8] {
        &self.octets
    }
}

impl fmt::Debug for Destinations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} recipients>", self.count)
    }
}

/// `submit_multi`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubmitMulti {
    /// The service; mostly empty.
    pub service_type: ServiceType,
    /// Who it is from.
    pub source: Address,
    /// Who it is for.
    pub destinations: Destinations,
    /// The rest.
    pub body: MessageBody,
}

/// A recipient to whom a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsuccessful {
    /// Who.
    pub destination: Address,
    /// Why.
    pub status: Status,
}

impl Unsuccessful {
    /// Reads one off the front.
    pub(in crate::smpp) fn read(
        octets: &[u8],
        reader: &mut Reader<'_>,
    ) -> Result<Self, crate::field::FieldError> {
        Ok(Self {
            destination: fields::address(octets, reader, fields::DEST)?,
            status: Status(reader.u32("error_status_code")?),
        })
    }
}

/// Up to 255 recipients to whom a message was not taken, as they stand on the wire. Personal data.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UnsuccessfulList {
    count: u8,
    octets: Bytes,
}

impl UnsuccessfulList {
    /// Takes recipients; `None` when there are more than 255.
    pub fn new(recipients: &[Unsuccessful]) -> Option<Self> {
        let count = u8::try_from(recipients.len()).ok()?;
        let mut octets = BytesMut::with_capacity(recipients.len().saturating_mul(28));
        for recipient in recipients {
            octets.put_slice(&[recipient.destination.ton, recipient.destination.npi]);
            octets.put_slice(recipient.destination.number.wire());
            octets.put_u32(recipient.status.0);
        }
        Some(Self {
            count,
            octets: octets.freeze(),
        })
    }

    /// Without a recipient.
    pub const fn none() -> Self {
        Self {
            count: 0,
            octets: Bytes::new(),
        }
    }

    /// Takes what was read and found whole.
    pub(in crate::smpp) const fn checked(count: u8, octets: Bytes) -> Self {
        Self { count, octets }
    }

    /// How many.
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// The recipients, in order.
    pub fn iter(&self) -> impl Iterator<Item = Unsuccessful> + '_ {
        let mut reader = Reader::new(&self.octets);
        (0..self.count).map_while(move |_| Unsuccessful::read(&self.octets, &mut reader).ok())
    }

    pub(in crate::smpp) const fn count_octet(&self) -> u8 {
        self.count
    }

    pub(in crate::smpp) fn wire(&self) -> &[u8] {
        &self.octets
    }
}

impl fmt::Debug for UnsuccessfulList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} recipients>", self.count)
    }
}

/// `submit_multi_resp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitMultiResp {
    /// Whether the message was taken.
    pub status: Status,
    /// The SMSC's id of it; `None` when there was no body, as with an error.
    pub message_id: Option<MessageId>,
    /// Those to whom it was not taken; written and read only with an id.
    pub unsuccessful: UnsuccessfulList,
    /// Optional parameters; written and read only with an id.
    pub tlvs: Tlvs,
}

impl SubmitMultiResp {
    /// An answer of a status alone.
    pub const fn without_body(status: Status) -> Self {
        Self {
            status,
            message_id: None,
            unsuccessful: UnsuccessfulList::none(),
            tlvs: Tlvs::new(),
        }
    }
}
