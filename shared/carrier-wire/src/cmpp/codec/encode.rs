//! PDUs to octets.

use bytes::{BufMut, BytesMut};

use super::super::pdu::{ConnectResp, Deliver, Submit};
use super::super::{HEADER_LEN, Pdu, Version};
use super::EncodeError;
use crate::field::TerminalId;

/// Appends one PDU to `out`, and nothing when it cannot be written. Beyond the growth of `out` nothing is
/// allocated.
///
/// A `CONNECT_RESP` is written in its own layout, everything else in that of `version`.
///
/// # Errors
///
/// [`EncodeError`] when a field does not hold what it is given.
pub fn encode(version: Version, sequence: u32, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
    match pdu {
        Pdu::Submit(submit) => encode_submit(version, sequence, submit, out),
        Pdu::Deliver(deliver) => encode_deliver(version, sequence, deliver, out),
        _ => write(version, sequence, pdu, out),
    }
}

/// Octets that the PDU takes on the wire, header included.
pub fn encoded_len(version: Version, pdu: &Pdu) -> usize {
    let body = match pdu {
        Pdu::ConnectResp(resp) => resp.layout.result_len() + 16 + 1,
        Pdu::Terminate | Pdu::TerminateResp | Pdu::ActiveTest => 0,
        Pdu::Submit(submit) => return submit_len(version, submit),
        Pdu::Deliver(deliver) => return deliver_len(version, deliver),
        Pdu::SubmitResp(_) | Pdu::DeliverResp(_) => 8 + version.result_len(),
        Pdu::Connect(_) | Pdu::Query(_) => 27,
        Pdu::QueryResp(_) => 8 + 1 + 10 + 8 * 4,
        Pdu::Cancel(_) => 8,
        Pdu::CancelResp(_) => version.result_len(),
        Pdu::ActiveTestResp(resp) => usize::from(resp.reserved.is_some()),
        Pdu::Unknown { body, .. } => body.len(),
    };
    HEADER_LEN.saturating_add(body)
}

fn submit_len(version: Version, submit: &Submit) -> usize {
    let fixed = match version {
        Version::V2 => 138,
        Version::V3 => 163,
    };
    let recipients = submit.recipients.count().saturating_mul(version.terminal_len());
    recipients
        .saturating_add(submit.content.len())
        .saturating_add(fixed)
}

fn deliver_len(version: Version, deliver: &Deliver) -> usize {
    let fixed = match version {
        Version::V2 => 85,
        Version::V3 => 109,
    };
    deliver.content.len().saturating_add(fixed)
}

/// Everything but `SUBMIT` and `DELIVER`.
fn write(version: Version, sequence: u32, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
    let length = encoded_len(version, pdu);
    let Ok(announced) = u32::try_from(length) else {
        return Err(EncodeError::TooLong {
            pdu: "header",
            field: "Total_Length",
            len: length,
            max: u32::MAX as usize,
        });
    };
    let checked = Checked {
        version,
        pdu: name(pdu),
    };
    let result = match pdu {
        Pdu::ConnectResp(ConnectResp { layout, status, .. }) => Checked {
            version: *layout,
            ..checked
        }
        .result("Status", *status)?,
        Pdu::SubmitResp(resp) => checked.result("Result", resp.result)?,
        Pdu::DeliverResp(resp) => checked.result("Result", resp.result)?,
        Pdu::CancelResp(resp) => checked.result("Success_Id", resp.success_id)?,
        _ => WireResult::default(),
    };
    out.reserve(length);
    put_header(announced, pdu.command_id(), sequence, out);
    match pdu {
        Pdu::Connect(connect) => {
            out.put_slice(connect.source_addr.wire());
            out.put_slice(&connect.authenticator_source);
            out.put_u8(connect.version);
            out.put_u32(connect.timestamp);
        }
        Pdu::ConnectResp(resp) => {
            result.put(out);
            out.put_slice(&resp.authenticator_ismg);
            out.put_u8(resp.version);
        }
        Pdu::SubmitResp(resp) => {
            out.put_u64(resp.msg_id.0);
            result.put(out);
        }
        Pdu::DeliverResp(resp) => {
            out.put_u64(resp.msg_id.0);
            result.put(out);
        }
        Pdu::CancelResp(_) => result.put(out),
        Pdu::Query(query) => {
            out.put_slice(query.time.wire());
            out.put_u8(query.query_type);
            out.put_slice(query.query_code.wire());
            out.put_slice(query.reserve.wire());
        }
        Pdu::QueryResp(resp) => {
            out.put_slice(resp.time.wire());
            out.put_u8(resp.query_type);
            out.put_slice(resp.query_code.wire());
            out.put_u32(resp.mt_messages);
            out.put_u32(resp.mt_users);
            out.put_u32(resp.mt_sent);
            out.put_u32(resp.mt_waiting);
            out.put_u32(resp.mt_failed);
            out.put_u32(resp.mo_sent);
            out.put_u32(resp.mo_waiting);
            out.put_u32(resp.mo_failed);
        }
        Pdu::Cancel(cancel) => out.put_u64(cancel.msg_id.0),
        Pdu::ActiveTestResp(resp) => out.extend(resp.reserved),
        Pdu::Unknown { body, .. } => out.put_slice(body.as_slice()),
        Pdu::Terminate | Pdu::TerminateResp | Pdu::ActiveTest | Pdu::Submit(_) | Pdu::Deliver(_) => {}
    }
    Ok(())
}

/// Appends a `SUBMIT`.
///
/// # Errors
///
/// As [`encode`].
fn encode_submit(
    version: Version,
    sequence: u32,
    submit: &Submit,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let checked = Checked {
        version,
        pdu: "SUBMIT",
    };
    let recipients = checked.count("DestUsr_tl", submit.recipients.count())?;
    let content_len = checked.count("Msg_Length", submit.content.len())?;
    let length = submit_len(version, submit);
    let announced = checked.announced(length)?;
    let fee_terminal = checked.terminal("Fee_terminal_Id", &submit.fee_terminal_id)?;
    let fee_type = checked.terminal_type("Fee_terminal_type", submit.fee_terminal_type)?;
    let dest_type = checked.terminal_type("Dest_terminal_type", submit.dest_terminal_type)?;
    for recipient in submit.recipients.fields() {
        checked.prefix("Dest_terminal_Id", recipient, version.terminal_len())?;
    }
    let tail = checked.tail(submit.link_id.wire())?;

    out.reserve(length);
    put_header(announced, super::super::Command::Submit.id(), sequence, out);
    out.put_u64(submit.msg_id.0);
    out.put_slice(&[
        submit.pk_total,
        submit.pk_number,
        submit.registered_delivery,
        submit.msg_level,
    ]);
    out.put_slice(submit.service_id.wire());
    out.put_u8(submit.fee_user_type);
    out.put_slice(fee_terminal);
    out.extend(fee_type);
    out.put_slice(&[submit.tp_pid, submit.tp_udhi, submit.msg_fmt]);
    out.put_slice(submit.msg_src.wire());
    out.put_slice(submit.fee_type.wire());
    out.put_slice(submit.fee_code.wire());
    out.put_slice(submit.valid_time.wire());
    out.put_slice(submit.at_time.wire());
    out.put_slice(submit.src_id.wire());
    out.put_u8(recipients);
    for recipient in submit.recipients.fields() {
        put_padded(recipient, version.terminal_len(), out);
    }
    out.extend(dest_type);
    out.put_u8(content_len);
    out.put_slice(submit.content.as_slice());
    out.put_slice(tail);
    Ok(())
}

/// Appends a `DELIVER`.
///
/// # Errors
///
/// As [`encode`].
fn encode_deliver(
    version: Version,
    sequence: u32,
    deliver: &Deliver,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let checked = Checked {
        version,
        pdu: "DELIVER",
    };
    let content_len = checked.count("Msg_Length", deliver.content.len())?;
    let length = deliver_len(version, deliver);
    let announced = checked.announced(length)?;
    let source = checked.terminal("Src_terminal_Id", &deliver.src_terminal_id)?;
    let source_type = checked.terminal_type("Src_terminal_type", deliver.src_terminal_type)?;
    let tail = checked.tail(deliver.link_id.wire())?;

    out.reserve(length);
    put_header(announced, super::super::Command::Deliver.id(), sequence, out);
    out.put_u64(deliver.msg_id.0);
    out.put_slice(deliver.dest_id.wire());
    out.put_slice(deliver.service_id.wire());
    out.put_slice(&[deliver.tp_pid, deliver.tp_udhi, deliver.msg_fmt]);
    out.put_slice(source);
    out.extend(source_type);
    out.put_u8(deliver.registered_delivery);
    out.put_u8(content_len);
    out.put_slice(deliver.content.as_slice());
    out.put_slice(tail);
    Ok(())
}

/// The field in `width` octets; what is beyond has been checked to be padding.
fn put_padded(field: &[u8], width: usize, out: &mut BytesMut) {
    let kept = field.get(..width).unwrap_or(field);
    out.put_slice(kept);
    out.put_bytes(0, width.saturating_sub(kept.len()));
}

fn put_header(announced: u32, command: u32, sequence: u32, out: &mut BytesMut) {
    out.put_u32(announced);
    out.put_u32(command);
    out.put_u32(sequence);
}

const fn name(pdu: &Pdu) -> &'static str {
    match pdu {
        Pdu::ConnectResp(_) => "CONNECT_RESP",
        Pdu::SubmitResp(_) => "SUBMIT_RESP",
        Pdu::DeliverResp(_) => "DELIVER_RESP",
        Pdu::CancelResp(_) => "CANCEL_RESP",
        _ => "PDU",
    }
}

/// A result in the width of its version.
#[derive(Default)]
struct WireResult {
    octets: [u8; 4],
    skip: usize,
}

impl WireResult {
    fn put(&self, out: &mut BytesMut) {
        out.extend(self.octets.iter().skip(self.skip));
    }
}

/// Checks values against the widths of a version.
#[derive(Clone, Copy)]
struct Checked {
    version: Version,
    pdu: &'static str,
}

impl Checked {
    fn result(self, field: &'static str, value: u32) -> Result<WireResult, EncodeError> {
        let skip = 4usize.saturating_sub(self.version.result_len());
        if skip > 0 && value > u32::from(u8::MAX) {
            return Err(EncodeError::OutOfRange {
                pdu: self.pdu,
                field,
                value,
            });
        }
        Ok(WireResult {
            octets: value.to_be_bytes(),
            skip,
        })
    }

    fn count(self, field: &'static str, len: usize) -> Result<u8, EncodeError> {
        u8::try_from(len).map_err(|_| EncodeError::TooLong {
            pdu: self.pdu,
            field,
            len,
            max: usize::from(u8::MAX),
        })
    }

    fn announced(self, length: usize) -> Result<u32, EncodeError> {
        u32::try_from(length).map_err(|_| EncodeError::TooLong {
            pdu: self.pdu,
            field: "Total_Length",
            len: length,
            max: u32::MAX as usize,
        })
    }

    fn terminal<'a>(self, field: &'static str, number: &'a TerminalId) -> Result<&'a [u8], EncodeError> {
        self.prefix(field, number.wire(), self.version.terminal_len())
    }

    fn tail(self, wire: &[u8; 20]) -> Result<&[u8], EncodeError> {
        let field = match self.version {
            Version::V2 => "Reserve",
            Version::V3 => "LinkID",
        };
        self.prefix(field, wire, self.version.tail_len())
    }

    /// The first `max` octets of a field, when the rest is padding.
    fn prefix<'a>(self, field: &'static str, wire: &'a [u8], max: usize) -> Result<&'a [u8], EncodeError> {
        let (kept, beyond) = wire.split_at_checked(max).unwrap_or((wire, &[]));
        match beyond.iter().rposition(|octet| *octet != 0) {
            None => Ok(kept),
            Some(last) => Err(EncodeError::TooLong {
                pdu: self.pdu,
                field,
                len: kept.len().saturating_add(last).saturating_add(1),
                max,
            }),
        }
    }

    /// The octet in 3.0, none in 2.x, where only zero can be meant.
    fn terminal_type(self, field: &'static str, value: u8) -> Result<Option<u8>, EncodeError> {
        match self.version {
            Version::V3 => Ok(Some(value)),
            Version::V2 if value == 0 => Ok(None),
            Version::V2 => Err(EncodeError::OutOfRange {
                pdu: self.pdu,
                field,
                value: u32::from(value),
            }),
        }
    }
}
