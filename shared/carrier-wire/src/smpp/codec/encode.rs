//! PDUs to octets.

use bytes::{BufMut, BytesMut};

use super::EncodeError;
use crate::field::Content;
use crate::smpp::pdu::{Address, Message, MessageBody, Pdu, SubmitMulti};
use crate::smpp::{Command, FRAME_LIMITS, HEADER_LEN};

/// Appends one PDU to `out`, and nothing when it cannot be written. Beyond the growth of `out`, once, nothing is
/// allocated.
///
/// # Errors
///
/// [`EncodeError`] when a content is too long, a list of recipients empty or the whole above
/// [`FRAME_LIMITS`].
pub fn encode(sequence: u32, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
    let length = encoded_len(pdu);
    let too_long = EncodeError::TooLong {
        pdu: name(pdu),
        field: "command_length",
        len: length,
        max: FRAME_LIMITS.max_len,
    };
    if length > FRAME_LIMITS.max_len {
        return Err(too_long);
    }
    let announced = u32::try_from(length).map_err(|_| too_long)?;
    check(pdu)?;
    out.reserve(length);
    out.put_u32(announced);
    out.put_u32(pdu.command_id());
    out.put_u32(pdu.status().0);
    out.put_u32(sequence);
    put_body(pdu, out);
    Ok(())
}

/// Octets that the PDU takes on the wire, header included.
pub fn encoded_len(pdu: &Pdu) -> usize {
    let body = match pdu {
        Pdu::SubmitSm(message) | Pdu::DeliverSm(message) => message_len(message),
        Pdu::SubmitSmResp(resp) | Pdu::DeliverSmResp(resp) | Pdu::DataSmResp(resp) => resp
            .message_id
            .map_or(0, |id| id.wire_len().saturating_add(resp.tlvs.wire().len())),
        Pdu::DataSm(data) => data
            .service_type
            .wire_len()
            .saturating_add(data.source.wire_len())
            .saturating_add(data.destination.wire_len())
            .saturating_add(3)
            .saturating_add(data.tlvs.wire().len()),
        Pdu::SubmitMulti(multi) => multi_len(multi),
        Pdu::SubmitMultiResp(resp) => resp.message_id.map_or(0, |id| {
            id.wire_len()
                .saturating_add(1)
                .saturating_add(resp.unsuccessful.wire().len())
                .saturating_add(resp.tlvs.wire().len())
        }),
        Pdu::Bind(bind) => {
            bind.system_id.wire_len()
                + bind.password.0.wire_len()
                + bind.system_type.wire_len()
                + 3
                + bind.address_range.wire_len()
        }
        Pdu::BindResp(resp) => resp
            .system_id
            .map_or(0, |id| id.wire_len().saturating_add(resp.tlvs.wire().len())),
        Pdu::Outbind(outbind) => outbind.system_id.wire_len() + outbind.password.0.wire_len(),
        Pdu::QuerySm(query) => query.message_id.wire_len() + query.source.wire_len(),
        Pdu::QuerySmResp(resp) => resp.state.map_or(0, |state| {
            state.message_id.wire_len() + state.final_date.wire_len() + 2
        }),
        Pdu::CancelSm(cancel) => {
            cancel.service_type.wire_len()
                + cancel.message_id.wire_len()
                + cancel.source.wire_len()
                + cancel.destination.wire_len()
        }
        Pdu::ReplaceSm(replace) => (replace.message_id.wire_len()
            + replace.source.wire_len()
            + replace.schedule_delivery_time.wire_len()
            + replace.validity_period.wire_len()
            + 3)
        .saturating_add(replace.short_message.len()),
        Pdu::AlertNotification(alert) => {
            (alert.source.wire_len() + alert.esme.wire_len()).saturating_add(alert.tlvs.wire().len())
        }
        Pdu::Unknown { body, .. } => body.len(),
        Pdu::Unbind
        | Pdu::UnbindResp(_)
        | Pdu::CancelSmResp(_)
        | Pdu::ReplaceSmResp(_)
        | Pdu::EnquireLink
        | Pdu::EnquireLinkResp(_)
        | Pdu::GenericNack(_) => 0,
    };
    HEADER_LEN.saturating_add(body)
}

fn message_len(message: &Message) -> usize {
    (message.service_type.wire_len() + message.source.wire_len() + message.destination.wire_len())
        .saturating_add(body_len(&message.body))
}

fn multi_len(multi: &SubmitMulti) -> usize {
    (multi.service_type.wire_len() + multi.source.wire_len() + 1)
        .saturating_add(multi.destinations.wire().len())
        .saturating_add(body_len(&multi.body))
}

fn body_len(body: &MessageBody) -> usize {
    (8 + body.schedule_delivery_time.wire_len() + body.validity_period.wire_len())
        .saturating_add(body.short_message.len())
        .saturating_add(body.tlvs.wire().len())
}

/// What no field can hold.
fn check(pdu: &Pdu) -> Result<(), EncodeError> {
    match pdu {
        Pdu::SubmitSm(message) | Pdu::DeliverSm(message) => check_content(pdu, &message.body.short_message),
        Pdu::SubmitMulti(multi) if multi.destinations.count() == 0 => Err(EncodeError::Empty {
            pdu: name(pdu),
            field: "number_of_dests",
        }),
        Pdu::SubmitMulti(multi) => check_content(pdu, &multi.body.short_message),
        Pdu::ReplaceSm(replace) => check_content(pdu, &replace.short_message),
        _ => Ok(()),
    }
}

fn check_content(pdu: &Pdu, content: &Content) -> Result<(), EncodeError> {
    let max = usize::from(u8::MAX);
    if content.len() <= max {
        return Ok(());
    }
    Err(EncodeError::TooLong {
        pdu: name(pdu),
        field: "short_message",
        len: content.len(),
        max,
    })
}

fn name(pdu: &Pdu) -> &'static str {
    Command::of_id(pdu.command_id()).map_or("PDU", Command::name)
}

fn put_body(pdu: &Pdu, out: &mut BytesMut) {
    match pdu {
        Pdu::SubmitSm(message) | Pdu::DeliverSm(message) => {
            out.put_slice(message.service_type.wire());
            put_address(&message.source, out);
            put_address(&message.destination, out);
            put_message_body(&message.body, out);
        }
        Pdu::SubmitSmResp(resp) | Pdu::DeliverSmResp(resp) | Pdu::DataSmResp(resp) => {
            if let Some(message_id) = &resp.message_id {
                out.put_slice(message_id.wire());
                out.put_slice(resp.tlvs.wire());
            }
        }
        Pdu::DataSm(data) => {
            out.put_slice(data.service_type.wire());
            put_address(&data.source, out);
            put_address(&data.destination, out);
            out.put_slice(&[data.esm_class, data.registered_delivery, data.data_coding]);
            out.put_slice(data.tlvs.wire());
        }
        Pdu::SubmitMulti(multi) => {
            out.put_slice(multi.service_type.wire());
            put_address(&multi.source, out);
            out.put_u8(multi.destinations.count_octet());
            out.put_slice(multi.destinations.wire());
            put_message_body(&multi.body, out);
        }
        Pdu::SubmitMultiResp(resp) => {
            if let Some(message_id) = &resp.message_id {
                out.put_slice(message_id.wire());
                out.put_u8(resp.unsuccessful.count_octet());
                out.put_slice(resp.unsuccessful.wire());
                out.put_slice(resp.tlvs.wire());
            }
        }
        Pdu::Bind(bind) => {
            out.put_slice(bind.system_id.wire());
            out.put_slice(bind.password.0.wire());
            out.put_slice(bind.system_type.wire());
            out.put_slice(&[bind.interface_version, bind.addr_ton, bind.addr_npi]);
            out.put_slice(bind.address_range.wire());
        }
        Pdu::BindResp(resp) => {
            if let Some(system_id) = &resp.system_id {
                out.put_slice(system_id.wire());
                out.put_slice(resp.tlvs.wire());
            }
        }
        Pdu::Outbind(outbind) => {
            out.put_slice(outbind.system_id.wire());
            out.put_slice(outbind.password.0.wire());
        }
        Pdu::QuerySm(query) => {
            out.put_slice(query.message_id.wire());
            put_address(&query.source, out);
        }
        Pdu::QuerySmResp(resp) => {
            if let Some(state) = &resp.state {
                out.put_slice(state.message_id.wire());
                out.put_slice(state.final_date.wire());
                out.put_slice(&[state.message_state, state.error_code]);
            }
        }
        Pdu::CancelSm(cancel) => {
            out.put_slice(cancel.service_type.wire());
            out.put_slice(cancel.message_id.wire());
            put_address(&cancel.source, out);
            put_address(&cancel.destination, out);
        }
        Pdu::ReplaceSm(replace) => {
            out.put_slice(replace.message_id.wire());
            put_address(&replace.source, out);
            out.put_slice(replace.schedule_delivery_time.wire());
            out.put_slice(replace.validity_period.wire());
            out.put_slice(&[replace.registered_delivery, replace.sm_default_msg_id]);
            put_content(&replace.short_message, out);
        }
        Pdu::AlertNotification(alert) => {
            put_address(&alert.source, out);
            put_address(&alert.esme, out);
            out.put_slice(alert.tlvs.wire());
        }
        Pdu::Unknown { body, .. } => out.put_slice(body.as_slice()),
        Pdu::Unbind
        | Pdu::UnbindResp(_)
        | Pdu::CancelSmResp(_)
        | Pdu::ReplaceSmResp(_)
        | Pdu::EnquireLink
        | Pdu::EnquireLinkResp(_)
        | Pdu::GenericNack(_) => {}
    }
}

fn put_address<const N: usize>(address: &Address<N>, out: &mut BytesMut) {
    out.put_slice(&[address.ton, address.npi]);
    out.put_slice(address.number.wire());
}

fn put_message_body(body: &MessageBody, out: &mut BytesMut) {
    out.put_slice(&[body.esm_class, body.protocol_id, body.priority_flag]);
    out.put_slice(body.schedule_delivery_time.wire());
    out.put_slice(body.validity_period.wire());
    out.put_slice(&[
        body.registered_delivery,
        body.replace_if_present_flag,
        body.data_coding,
        body.sm_default_msg_id,
    ]);
    put_content(&body.short_message, out);
    out.put_slice(body.tlvs.wire());
}

/// Length and content; [`check`] has seen that the length fits.
fn put_content(content: &Content, out: &mut BytesMut) {
    out.put_u8(u8::try_from(content.len()).unwrap_or(u8::MAX));
    out.put_slice(content.as_slice());
}
