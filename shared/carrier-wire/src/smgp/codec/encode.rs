//! PDUs to octets.

use bytes::{BufMut, BytesMut};

use super::super::pdu::{Deliver, QueryResp, Submit, TERMINAL_LEN};
use super::super::{Command, HEADER_LEN, Pdu, Version};
use super::EncodeError;
use crate::field::TerminalId;

/// Octets of a 1.3 `Submit` without recipients, content and optional parameters.
const SUBMIT_FIXED_LEN: usize = 120;
/// The same of a `Deliver`, without content and optional parameters.
const DELIVER_FIXED_LEN: usize = 89;

/// Appends one PDU to `out`, and nothing when it cannot be written. Room is reserved once; beyond the growth of `out`
/// nothing is allocated.
///
/// # Errors
///
/// [`EncodeError`] when a field does not hold what it is given, or the version lacks it.
pub fn encode(version: Version, sequence: u32, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
    let length = encoded_len(version, pdu);
    let announced = u32::try_from(length).map_err(|_| EncodeError::TooLong {
        pdu: "header",
        field: "PacketLength",
        len: length,
        max: u32::MAX as usize,
    })?;
    let header = Header {
        length,
        announced,
        command: pdu.command_id(),
        sequence,
    };
    match pdu {
        Pdu::Submit(submit) => put_submit(version, header, submit, out),
        Pdu::Deliver(deliver) => put_deliver(header, deliver, out),
        _ => {
            header.put(out);
            put_small(pdu, out);
            Ok(())
        }
    }
}

/// Octets that the PDU takes on the wire, header included.
pub fn encoded_len(version: Version, pdu: &Pdu) -> usize {
    let body = match pdu {
        Pdu::Submit(submit) => return submit_len(version, submit),
        Pdu::Deliver(deliver) => {
            return DELIVER_FIXED_LEN
                .saturating_add(deliver.content.len())
                .saturating_add(deliver.tlvs.len());
        }
        Pdu::Login(_) => 8 + 16 + 1 + 4 + 1,
        Pdu::LoginResp(_) => 4 + 16 + 1,
        Pdu::SubmitResp(_) | Pdu::DeliverResp(_) => 10 + 4,
        Pdu::ActiveTest | Pdu::ActiveTestResp | Pdu::Exit | Pdu::ExitResp => 0,
        Pdu::Query(_) => 8 + 1 + 10 + 8,
        Pdu::QueryResp(resp) => 8 + 1 + 10 + 8 * 4 + resp.reserve.map_or(0, |_| 8),
        Pdu::Unknown { body, .. } => body.len(),
    };
    HEADER_LEN.saturating_add(body)
}

fn submit_len(version: Version, submit: &Submit) -> usize {
    SUBMIT_FIXED_LEN
        .saturating_add(version.fixed_fee_len())
        .saturating_add(submit.recipients.wire().len())
        .saturating_add(submit.content.len())
        .saturating_add(submit.tlvs.len())
}

#[derive(Clone, Copy)]
struct Header {
    length: usize,
    announced: u32,
    command: u32,
    sequence: u32,
}

impl Header {
    /// Makes room for the whole PDU and writes its beginning.
    fn put(self, out: &mut BytesMut) {
        out.reserve(self.length);
        out.put_u32(self.announced);
        out.put_u32(self.command);
        out.put_u32(self.sequence);
    }
}

fn put_submit(
    version: Version,
    header: Header,
    submit: &Submit,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let pdu = Command::Submit.name();
    let recipients = count(pdu, "DestTermIDCount", submit.recipients.count())?;
    let content_len = count(pdu, "MsgLength", submit.content.len())?;
    let charged = narrow(pdu, "ChargeTermID", &submit.charge_term_id)?;
    let fixed_fee: &[u8] = match version {
        Version::V3 => submit.fixed_fee.wire(),
        // No price, however that is written, is what the version says by having no field for it.
        Version::V1
            if submit
                .fixed_fee
                .wire()
                .iter()
                .all(|octet| matches!(octet, 0 | b'0')) =>
        {
            &[]
        }
        Version::V1 => {
            return Err(EncodeError::NotInVersion {
                pdu,
                field: "FixedFee",
            });
        }
    };

    header.put(out);
    out.put_slice(&[submit.msg_type, submit.need_report, submit.priority]);
    out.put_slice(submit.service_id.wire());
    out.put_slice(submit.fee_type.wire());
    out.put_slice(submit.fee_code.wire());
    out.put_slice(fixed_fee);
    out.put_u8(submit.msg_format);
    out.put_slice(submit.valid_time.wire());
    out.put_slice(submit.at_time.wire());
    out.put_slice(submit.src_term_id.wire());
    out.put_slice(charged);
    out.put_u8(recipients);
    out.put_slice(submit.recipients.wire());
    out.put_u8(content_len);
    out.put_slice(submit.content.as_slice());
    out.put_slice(submit.reserve.wire());
    out.put_slice(submit.tlvs.wire());
    Ok(())
}

fn put_deliver(header: Header, deliver: &Deliver, out: &mut BytesMut) -> Result<(), EncodeError> {
    let pdu = Command::Deliver.name();
    let content_len = count(pdu, "MsgLength", deliver.content.len())?;
    let source = narrow(pdu, "SrcTermID", &deliver.src_term_id)?;

    header.put(out);
    out.put_slice(&deliver.msg_id.0);
    out.put_slice(&[deliver.is_report, deliver.msg_format]);
    out.put_slice(deliver.recv_time.wire());
    out.put_slice(source);
    out.put_slice(deliver.dest_term_id.wire());
    out.put_u8(content_len);
    out.put_slice(deliver.content.as_slice());
    out.put_slice(deliver.reserve.wire());
    out.put_slice(deliver.tlvs.wire());
    Ok(())
}

/// The bodies in which nothing can be too long.
fn put_small(pdu: &Pdu, out: &mut BytesMut) {
    match pdu {
        Pdu::Login(login) => {
            out.put_slice(login.client_id.wire());
            out.put_slice(&login.authenticator_client);
            out.put_u8(login.login_mode);
            out.put_u32(login.timestamp);
            out.put_u8(login.client_version);
        }
        Pdu::LoginResp(resp) => {
            out.put_u32(resp.status);
            out.put_slice(&resp.authenticator_server);
            out.put_u8(resp.server_version);
        }
        Pdu::SubmitResp(resp) => {
            out.put_slice(&resp.msg_id.0);
            out.put_u32(resp.status);
        }
        Pdu::DeliverResp(resp) => {
            out.put_slice(&resp.msg_id.0);
            out.put_u32(resp.status);
        }
        Pdu::Query(query) => {
            out.put_slice(query.time.wire());
            out.put_u8(query.query_type);
            out.put_slice(query.query_code.wire());
            out.put_slice(query.reserve.wire());
        }
        Pdu::QueryResp(resp) => put_query_resp(resp, out),
        Pdu::Unknown { body, .. } => out.put_slice(body.as_slice()),
        Pdu::ActiveTest
        | Pdu::ActiveTestResp
        | Pdu::Exit
        | Pdu::ExitResp
        | Pdu::Submit(_)
        | Pdu::Deliver(_) => {}
    }
}

fn put_query_resp(resp: &QueryResp, out: &mut BytesMut) {
    out.put_slice(resp.time.wire());
    out.put_u8(resp.query_type);
    out.put_slice(resp.query_code.wire());
    for counter in [
        resp.mt_messages,
        resp.mt_users,
        resp.mt_sent,
        resp.mt_waiting,
        resp.mt_failed,
        resp.mo_sent,
        resp.mo_waiting,
        resp.mo_failed,
    ] {
        out.put_u32(counter);
    }
    if let Some(reserve) = &resp.reserve {
        out.put_slice(reserve.wire());
    }
}

fn count(pdu: &'static str, field: &'static str, len: usize) -> Result<u8, EncodeError> {
    u8::try_from(len).map_err(|_| EncodeError::TooLong {
        pdu,
        field,
        len,
        max: usize::from(u8::MAX),
    })
}

/// A number as its field of 21 octets, when only padding is lost.
fn narrow<'a>(
    pdu: &'static str,
    field: &'static str,
    number: &'a TerminalId,
) -> Result<&'a [u8], EncodeError> {
    let wire = number.wire();
    let (kept, beyond) = wire.split_at_checked(TERMINAL_LEN).unwrap_or((wire, &[]));
    match beyond.iter().rposition(|octet| *octet != 0) {
        None => Ok(kept),
        Some(last) => Err(EncodeError::TooLong {
            pdu,
            field,
            len: TERMINAL_LEN.saturating_add(last).saturating_add(1),
            max: TERMINAL_LEN,
        }),
    }
}
