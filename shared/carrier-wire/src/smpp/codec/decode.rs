//! Octets to PDUs.

use bytes::Bytes;

use super::error::{DecodeError, TLVS};
use super::fields::{self, DEST, ESME, SOURCE};
use crate::field::{Content, FieldError, Reader};
use crate::smpp::pdu::{
    AlertNotification, Bind, BindMode, BindResp, CancelSm, DataSm, Destination, Destinations, Message,
    MessageBody, MessageResp, Outbind, Password, Pdu, QuerySm, QuerySmResp, QueryState, ReplaceSm,
    SubmitMulti, SubmitMultiResp, Unsuccessful, UnsuccessfulList,
};
use crate::smpp::status::Status;
use crate::smpp::text::CText;
use crate::smpp::tlv::Tlvs;
use crate::smpp::{Command, HEADER_LEN};

/// A PDU with its sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// 1 to 0x7FFFFFFF by the document; whatever came is echoed.
    pub sequence: u32,
    /// The PDU.
    pub pdu: Pdu,
}

/// Reads one whole PDU, header included, as [`crate::frame::next_frame`] gives it. Contents and parameters are
/// slices of `frame`, not copies.
///
/// Lenient where gateways are loose: an error response may lack its body, the last text of a response its NUL; a
/// cut list of parameters is kept and read up to the cut (see [`decode_strict`]); a body where none belongs is
/// skipped.
///
/// # Errors
///
/// [`DecodeError`], naming PDU, field and offset. A command that is not known is no error but
/// [`Pdu::Unknown`].
pub fn decode(frame: &Bytes) -> Result<Packet, DecodeError> {
    let mut reader = Reader::new(frame);
    let (command_id, status, sequence) = read_header(&mut reader).map_err(|fault| DecodeError {
        pdu: "header",
        command: 0,
        sequence: 0,
        fault,
    })?;
    let Some(command) = Command::of_id(command_id) else {
        return Ok(Packet {
            sequence,
            pdu: Pdu::Unknown {
                command: command_id,
                status,
                body: Content::new(frame.slice(HEADER_LEN..)),
            },
        });
    };
    let mut body = Body { frame, reader };
    match body.read(command, status) {
        Ok(pdu) => Ok(Packet { sequence, pdu }),
        Err(fault) => Err(DecodeError {
            pdu: command.name(),
            command: command_id,
            sequence,
            fault,
        }),
    }
}

/// As [`decode`], and refuses a request whose optional parameters are cut: the peer is told with
/// `RINVOPTPARSTREAM` instead of having something taken that it did not mean. For the SMSC's side; an ESME does not
/// refuse a receipt for an octet too many.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_strict(frame: &Bytes) -> Result<Packet, DecodeError> {
    let packet = decode(frame)?;
    let tlvs = match &packet.pdu {
        Pdu::SubmitSm(message) | Pdu::DeliverSm(message) => &message.body.tlvs,
        Pdu::SubmitMulti(message) => &message.body.tlvs,
        Pdu::DataSm(message) => &message.tlvs,
        _ => return Ok(packet),
    };
    let Some(whole) = tlvs.cut() else {
        return Ok(packet);
    };
    let had = tlvs.wire().len().saturating_sub(whole);
    let command = packet.pdu.command_id();
    Err(DecodeError {
        pdu: Command::of_id(command).map_or("message", Command::name),
        command,
        sequence: packet.sequence,
        fault: FieldError::Truncated {
            field: TLVS,
            offset: frame.len().saturating_sub(had),
            wanted: had.saturating_add(1),
            had,
        },
    })
}

fn read_header(reader: &mut Reader<'_>) -> Result<(u32, Status, u32), FieldError> {
    reader.total_length("command_length")?;
    let command = reader.u32("command_id")?;
    let status = reader.u32("command_status")?;
    let sequence = reader.u32("sequence_number")?;
    Ok((command, Status(status), sequence))
}

/// What stands after the header.
struct Body<'a> {
    frame: &'a Bytes,
    reader: Reader<'a>,
}

impl Body<'_> {
    fn read(&mut self, command: Command, status: Status) -> Result<Pdu, FieldError> {
        Ok(match command {
            Command::SubmitSm => Pdu::SubmitSm(self.message()?),
            Command::DeliverSm => Pdu::DeliverSm(self.message()?),
            Command::SubmitSmResp => Pdu::SubmitSmResp(self.message_resp(status)?),
            Command::DeliverSmResp => Pdu::DeliverSmResp(self.message_resp(status)?),
            Command::DataSmResp => Pdu::DataSmResp(self.message_resp(status)?),
            Command::DataSm => Pdu::DataSm(self.data()?),
            Command::SubmitMulti => Pdu::SubmitMulti(self.multi()?),
            Command::SubmitMultiResp => Pdu::SubmitMultiResp(self.multi_resp(status)?),
            Command::BindReceiver => Pdu::Bind(self.bind(BindMode::Receiver)?),
            Command::BindTransmitter => Pdu::Bind(self.bind(BindMode::Transmitter)?),
            Command::BindTransceiver => Pdu::Bind(self.bind(BindMode::Transceiver)?),
            Command::BindReceiverResp => Pdu::BindResp(self.bind_resp(BindMode::Receiver, status)?),
            Command::BindTransmitterResp => Pdu::BindResp(self.bind_resp(BindMode::Transmitter, status)?),
            Command::BindTransceiverResp => Pdu::BindResp(self.bind_resp(BindMode::Transceiver, status)?),
            Command::Outbind => Pdu::Outbind(Outbind {
                system_id: self.text("system_id")?,
                password: Password(self.text("password")?),
            }),
            Command::QuerySm => Pdu::QuerySm(QuerySm {
                message_id: self.text("message_id")?,
                source: fields::address(self.frame, &mut self.reader, SOURCE)?,
            }),
            Command::QuerySmResp => Pdu::QuerySmResp(self.query_resp(status)?),
            Command::CancelSm => Pdu::CancelSm(CancelSm {
                service_type: self.text("service_type")?,
                message_id: self.text("message_id")?,
                source: fields::address(self.frame, &mut self.reader, SOURCE)?,
                destination: fields::address(self.frame, &mut self.reader, DEST)?,
            }),
            Command::CancelSmResp => Pdu::CancelSmResp(status),
            Command::ReplaceSm => Pdu::ReplaceSm(self.replace()?),
            Command::ReplaceSmResp => Pdu::ReplaceSmResp(status),
            Command::Unbind => Pdu::Unbind,
            Command::UnbindResp => Pdu::UnbindResp(status),
            Command::EnquireLink => Pdu::EnquireLink,
            Command::EnquireLinkResp => Pdu::EnquireLinkResp(status),
            Command::AlertNotification => Pdu::AlertNotification(AlertNotification {
                source: fields::address(self.frame, &mut self.reader, SOURCE)?,
                esme: fields::address(self.frame, &mut self.reader, ESME)?,
                tlvs: self.tlvs()?,
            }),
            Command::GenericNack => Pdu::GenericNack(status),
        })
    }

    fn text<const N: usize>(&mut self, field: &'static str) -> Result<CText<N>, FieldError> {
        fields::text(self.frame, &mut self.reader, field)
    }

    fn last_text<const N: usize>(&mut self, field: &'static str) -> Result<CText<N>, FieldError> {
        fields::last_text(self.frame, &mut self.reader, field)
    }

    /// Everything that is left.
    fn rest(&mut self, field: &'static str) -> Result<Bytes, FieldError> {
        let octets = self.reader.slice(field, self.reader.left())?;
        Ok(self.frame.slice_ref(octets))
    }

    fn tlvs(&mut self) -> Result<Tlvs, FieldError> {
        self.rest(TLVS).map(Tlvs::from_wire)
    }

    fn content(&mut self) -> Result<Content, FieldError> {
        let len = usize::from(self.reader.u8("sm_length")?);
        let octets = self.reader.slice("short_message", len)?;
        Ok(Content::new(self.frame.slice_ref(octets)))
    }

    fn message(&mut self) -> Result<Message, FieldError> {
        Ok(Message {
            service_type: self.text("service_type")?,
            source: fields::address(self.frame, &mut self.reader, SOURCE)?,
            destination: fields::address(self.frame, &mut self.reader, DEST)?,
            body: self.message_body()?,
        })
    }

    fn message_body(&mut self) -> Result<MessageBody, FieldError> {
        Ok(MessageBody {
            esm_class: self.reader.u8("esm_class")?,
            protocol_id: self.reader.u8("protocol_id")?,
            priority_flag: self.reader.u8("priority_flag")?,
            schedule_delivery_time: self.text("schedule_delivery_time")?,
            validity_period: self.text("validity_period")?,
            registered_delivery: self.reader.u8("registered_delivery")?,
            replace_if_present_flag: self.reader.u8("replace_if_present_flag")?,
            data_coding: self.reader.u8("data_coding")?,
            sm_default_msg_id: self.reader.u8("sm_default_msg_id")?,
            short_message: self.content()?,
            tlvs: self.tlvs()?,
        })
    }

    fn message_resp(&mut self, status: Status) -> Result<MessageResp, FieldError> {
        if self.reader.left() == 0 {
            return Ok(MessageResp::without_body(status));
        }
        match self.last_text("message_id") {
            Ok(message_id) => Ok(MessageResp {
                status,
                message_id: Some(message_id),
                tlvs: self.tlvs()?,
            }),
            Err(_) if !status.is_ok() => Ok(MessageResp::without_body(status)),
            Err(fault) => Err(fault),
        }
    }

    fn data(&mut self) -> Result<DataSm, FieldError> {
        Ok(DataSm {
            service_type: self.text("service_type")?,
            source: fields::address(self.frame, &mut self.reader, SOURCE)?,
            destination: fields::address(self.frame, &mut self.reader, DEST)?,
            esm_class: self.reader.u8("esm_class")?,
            registered_delivery: self.reader.u8("registered_delivery")?,
            data_coding: self.reader.u8("data_coding")?,
            tlvs: self.tlvs()?,
        })
    }

    fn multi(&mut self) -> Result<SubmitMulti, FieldError> {
        Ok(SubmitMulti {
            service_type: self.text("service_type")?,
            source: fields::address(self.frame, &mut self.reader, SOURCE)?,
            destinations: self.destinations()?,
            body: self.message_body()?,
        })
    }

    fn destinations(&mut self) -> Result<Destinations, FieldError> {
        let offset = self.reader.offset();
        let count = self.reader.u8("number_of_dests")?;
        if count == 0 {
            return Err(FieldError::OutOfBounds {
                field: "number_of_dests",
                offset,
                why: "there is no recipient",
            });
        }
        let begin = self.reader.offset();
        for _ in 0..count {
            Destination::read(self.frame, &mut self.reader)?;
        }
        Ok(Destinations::checked(
            count,
            self.frame.slice(begin..self.reader.offset()),
        ))
    }

    fn multi_resp(&mut self, status: Status) -> Result<SubmitMultiResp, FieldError> {
        if self.reader.left() == 0 {
            return Ok(SubmitMultiResp::without_body(status));
        }
        match self.multi_resp_body(status) {
            Err(_) if !status.is_ok() => Ok(SubmitMultiResp::without_body(status)),
            read => read,
        }
    }

    fn multi_resp_body(&mut self, status: Status) -> Result<SubmitMultiResp, FieldError> {
        let message_id = self.last_text("message_id")?;
        // No count: an SMSC that has nothing to tell and leaves it out.
        let count = match self.reader.left() {
            0 => 0,
            _ => self.reader.u8("no_unsuccess")?,
        };
        let begin = self.reader.offset();
        for _ in 0..count {
            Unsuccessful::read(self.frame, &mut self.reader)?;
        }
        let list = self.frame.slice(begin..self.reader.offset());
        Ok(SubmitMultiResp {
            status,
            message_id: Some(message_id),
            unsuccessful: UnsuccessfulList::checked(count, list),
            tlvs: self.tlvs()?,
        })
    }

    fn bind(&mut self, mode: BindMode) -> Result<Bind, FieldError> {
        Ok(Bind {
            mode,
            system_id: self.text("system_id")?,
            password: Password(self.text("password")?),
            system_type: self.text("system_type")?,
            interface_version: self.reader.u8("interface_version")?,
            addr_ton: self.reader.u8("addr_ton")?,
            addr_npi: self.reader.u8("addr_npi")?,
            address_range: self.text("address_range")?,
        })
    }

    fn bind_resp(&mut self, mode: BindMode, status: Status) -> Result<BindResp, FieldError> {
        if self.reader.left() == 0 {
            return Ok(BindResp::without_body(mode, status));
        }
        match self.last_text("system_id") {
            Ok(system_id) => Ok(BindResp {
                mode,
                status,
                system_id: Some(system_id),
                tlvs: self.tlvs()?,
            }),
            Err(_) if !status.is_ok() => Ok(BindResp::without_body(mode, status)),
            Err(fault) => Err(fault),
        }
    }

    fn query_resp(&mut self, status: Status) -> Result<QuerySmResp, FieldError> {
        if self.reader.left() == 0 {
            return Ok(QuerySmResp { status, state: None });
        }
        match self.query_state() {
            Ok(state) => Ok(QuerySmResp {
                status,
                state: Some(state),
            }),
            Err(_) if !status.is_ok() => Ok(QuerySmResp { status, state: None }),
            Err(fault) => Err(fault),
        }
    }

    fn query_state(&mut self) -> Result<QueryState, FieldError> {
        Ok(QueryState {
            message_id: self.text("message_id")?,
            final_date: self.text("final_date")?,
            message_state: self.reader.u8("message_state")?,
            error_code: self.reader.u8("error_code")?,
        })
    }

    fn replace(&mut self) -> Result<ReplaceSm, FieldError> {
        Ok(ReplaceSm {
            message_id: self.text("message_id")?,
            source: fields::address(self.frame, &mut self.reader, SOURCE)?,
            schedule_delivery_time: self.text("schedule_delivery_time")?,
            validity_period: self.text("validity_period")?,
            registered_delivery: self.reader.u8("registered_delivery")?,
            sm_default_msg_id: self.reader.u8("sm_default_msg_id")?,
            short_message: self.content()?,
        })
    }
}
