//! PDUs to octets.

use bytes::{BufMut, BytesMut};

use super::super::pdu::{Deliver, Report, Resp, Submit, UserRpt};
use super::super::trace::Trace;
use super::super::{HEADER_LEN, Pdu, Sequence};
use super::{EncodeError, NUMBER_LEN};
use crate::field::TerminalId;

/// Octets of a `SUBMIT` beside its recipients and its content.
const SUBMIT_LEN: usize = 143;
/// Octets of a `DELIVER` beside its content.
const DELIVER_LEN: usize = 77;

/// Appends one PDU to `out`, and nothing when it cannot be written. Beyond one growth of `out` nothing is
/// allocated.
///
/// # Errors
///
/// [`EncodeError`] when a number is longer than its field, or a content than its length can tell.
pub fn encode(sequence: Sequence, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
    let header = Header {
        pdu,
        sequence,
        length: encoded_len(pdu),
    };
    match pdu {
        Pdu::Submit(submit) => put_submit(&header, submit, out),
        Pdu::Deliver(deliver) => put_deliver(&header, deliver, out),
        Pdu::Report(report) => put_report(&header, report, out),
        Pdu::UserRpt(report) => put_user_rpt(&header, report, out),
        Pdu::Trace(trace) => put_trace(&header, trace, out),
        Pdu::Bind(bind) => {
            header.put(out)?;
            out.put_u8(bind.login_type.0);
            out.put_slice(bind.login_name.wire());
            out.put_slice(bind.login_password.wire());
            out.put_slice(bind.reserve.wire());
            Ok(())
        }
        Pdu::BindResp(resp)
        | Pdu::SubmitResp(resp)
        | Pdu::DeliverResp(resp)
        | Pdu::ReportResp(resp)
        | Pdu::UserRptResp(resp) => {
            header.put(out)?;
            put_resp(resp, out);
            Ok(())
        }
        Pdu::TraceResp(hops) => {
            header.put(out)?;
            out.put_u8(hops.count());
            out.put_slice(hops.wire());
            Ok(())
        }
        Pdu::Unknown { body, .. } => {
            header.put(out)?;
            out.put_slice(body.as_slice());
            Ok(())
        }
        Pdu::Unbind | Pdu::UnbindResp => header.put(out),
    }
}

/// Octets that the PDU takes on the wire, header included.
pub fn encoded_len(pdu: &Pdu) -> usize {
    let body = match pdu {
        Pdu::Submit(submit) => {
            let numbers = submit.users.wire().len();
            return SUBMIT_LEN
                .saturating_add(numbers)
                .saturating_add(submit.content.len());
        }
        Pdu::Deliver(deliver) => return DELIVER_LEN.saturating_add(deliver.content.len()),
        Pdu::Bind(_) => 1 + 16 + 16 + 8,
        Pdu::BindResp(resp)
        | Pdu::SubmitResp(resp)
        | Pdu::DeliverResp(resp)
        | Pdu::ReportResp(resp)
        | Pdu::UserRptResp(resp) => match resp {
            Resp::Full { .. } => 9,
            Resp::Short { .. } => 1,
            Resp::Bare => 0,
        },
        Pdu::Report(_) => 12 + 1 + NUMBER_LEN + 1 + 1 + 8,
        Pdu::UserRpt(_) => 21 + NUMBER_LEN + 1 + 8,
        Pdu::Trace(_) => 12 + NUMBER_LEN + 8,
        Pdu::TraceResp(hops) => hops.wire().len().saturating_add(1),
        Pdu::Unbind | Pdu::UnbindResp => 0,
        Pdu::Unknown { body, .. } => body.len(),
    };
    HEADER_LEN.saturating_add(body)
}

struct Header<'a> {
    pdu: &'a Pdu,
    sequence: Sequence,
    length: usize,
}

impl Header<'_> {
    /// Makes room for the whole PDU and writes the header.
    fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let Ok(announced) = u32::try_from(self.length) else {
            return Err(EncodeError {
                pdu: "header",
                field: "Message Length",
                len: self.length,
                max: u32::MAX as usize,
            });
        };
        out.reserve(self.length);
        out.put_u32(announced);
        out.put_u32(self.pdu.command_id());
        out.put_slice(&self.sequence.wire());
        Ok(())
    }
}

fn put_submit(header: &Header<'_>, submit: &Submit, out: &mut BytesMut) -> Result<(), EncodeError> {
    let charge = number("SUBMIT", "ChargeNumber", &submit.charge_number)?;
    // What can be counted in 32 bits with the rest of the PDU can be counted without it.
    header.put(out)?;
    out.put_slice(submit.sp_number.wire());
    out.put_slice(charge);
    out.put_u8(submit.users.count() as u8);
    out.put_slice(submit.users.wire());
    out.put_slice(submit.corp_id.wire());
    out.put_slice(submit.service_type.wire());
    out.put_u8(submit.fee_type);
    out.put_slice(submit.fee_value.wire());
    out.put_slice(submit.given_value.wire());
    out.put_slice(&[submit.agent_flag, submit.morelateto_mt_flag, submit.priority]);
    out.put_slice(submit.expire_time.wire());
    out.put_slice(submit.schedule_time.wire());
    out.put_slice(&[
        submit.report_flag,
        submit.tp_pid,
        submit.tp_udhi,
        submit.message_coding,
        submit.message_type,
    ]);
    out.put_u32(submit.content.len() as u32);
    out.put_slice(submit.content.as_slice());
    out.put_slice(submit.reserve.wire());
    Ok(())
}

fn put_deliver(header: &Header<'_>, deliver: &Deliver, out: &mut BytesMut) -> Result<(), EncodeError> {
    let user = number("DELIVER", "UserNumber", &deliver.user_number)?;
    header.put(out)?;
    out.put_slice(user);
    out.put_slice(deliver.sp_number.wire());
    out.put_slice(&[deliver.tp_pid, deliver.tp_udhi, deliver.message_coding]);
    out.put_u32(deliver.content.len() as u32);
    out.put_slice(deliver.content.as_slice());
    out.put_slice(deliver.reserve.wire());
    Ok(())
}

fn put_report(header: &Header<'_>, report: &Report, out: &mut BytesMut) -> Result<(), EncodeError> {
    let user = number("REPORT", "UserNumber", &report.user_number)?;
    header.put(out)?;
    out.put_slice(&report.submit_sequence.wire());
    out.put_u8(report.report_type);
    out.put_slice(user);
    out.put_slice(&[report.state, report.error_code]);
    out.put_slice(report.reserve.wire());
    Ok(())
}

fn put_user_rpt(header: &Header<'_>, report: &UserRpt, out: &mut BytesMut) -> Result<(), EncodeError> {
    let user = number("USERRPT", "UserNumber", &report.user_number)?;
    header.put(out)?;
    out.put_slice(report.sp_number.wire());
    out.put_slice(user);
    out.put_u8(report.user_condition);
    out.put_slice(report.reserve.wire());
    Ok(())
}

fn put_trace(header: &Header<'_>, trace: &Trace, out: &mut BytesMut) -> Result<(), EncodeError> {
    let user = number("TRACE", "UserNumber", &trace.user_number)?;
    header.put(out)?;
    out.put_slice(&trace.submit_sequence.wire());
    out.put_slice(user);
    out.put_slice(trace.reserve.wire());
    Ok(())
}

fn put_resp(resp: &Resp, out: &mut BytesMut) {
    match resp {
        Resp::Full { result, reserve } => {
            out.put_u8(*result);
            out.put_slice(reserve.wire());
        }
        Resp::Short { result } => out.put_u8(*result),
        Resp::Bare => {}
    }
}

/// The first 21 octets of a number, when the rest is padding.
fn number<'a>(
    pdu: &'static str,
    field: &'static str,
    number: &'a TerminalId,
) -> Result<&'a [u8], EncodeError> {
    let wire = number.wire();
    let (kept, beyond) = wire.split_at_checked(NUMBER_LEN).unwrap_or((wire, &[]));
    match beyond.iter().rposition(|octet| *octet != 0) {
        None => Ok(kept),
        Some(last) => Err(EncodeError {
            pdu,
            field,
            len: kept.len().saturating_add(last).saturating_add(1),
            max: NUMBER_LEN,
        }),
    }
}
