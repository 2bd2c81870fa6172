//! Octets to PDUs.

use bytes::Bytes;

use super::super::pdu::{Bind, Deliver, Report, Resp, Submit, UserRpt, Users};
use super::super::trace::{Hops, Trace};
use super::super::{Command, HEADER_LEN, LoginType, Packet, Password, Pdu, Sequence};
use super::{DecodeError, NUMBER_LEN};
use crate::field::{Content, FieldError, Reader, TerminalId};

/// Reads one whole PDU, header included, as [`crate::frame::next_frame`] gives it. Contents and lists are slices of
/// `frame`, not copies; nothing is allocated.
///
/// # Errors
///
/// [`DecodeError`], naming PDU, field and offset. A command that is not known is no error but
/// [`Pdu::Unknown`].
pub fn decode(frame: &Bytes) -> Result<Packet, DecodeError> {
    let mut reader = Reader::new(frame);
    let header = read_header(&mut reader);
    let (command_id, sequence) = header.map_err(|fault| DecodeError {
        pdu: "header",
        command: 0,
        sequence: Sequence::default(),
        fault,
    })?;
    let Some(command) = Command::of_id(command_id) else {
        return Ok(Packet {
            sequence,
            pdu: Pdu::Unknown {
                command: command_id,
                body: Content::new(frame.slice(HEADER_LEN..)),
            },
        });
    };
    read_body(command, frame, &mut reader)
        .and_then(|pdu| reader.end().map(|()| Packet { sequence, pdu }))
        .map_err(|fault| DecodeError {
            pdu: command.name(),
            command: command_id,
            sequence,
            fault,
        })
}

fn read_header(reader: &mut Reader<'_>) -> Result<(u32, Sequence), FieldError> {
    reader.total_length("Message Length")?;
    Ok((
        reader.u32("Command ID")?,
        read_sequence(reader, "Sequence Number")?,
    ))
}

fn read_body(command: Command, frame: &Bytes, reader: &mut Reader<'_>) -> Result<Pdu, FieldError> {
    Ok(match command {
        Command::Bind => Pdu::Bind(Bind {
            login_type: LoginType(reader.u8("Login Type")?),
            login_name: reader.fixed("Login Name")?,
            login_password: Password::from_wire(reader.fixed("Login Password")?),
            reserve: reader.fixed("Reserve")?,
        }),
        Command::BindResp => Pdu::BindResp(read_resp(reader)?),
        Command::Unbind => Pdu::Unbind,
        Command::UnbindResp => Pdu::UnbindResp,
        Command::Submit => Pdu::Submit(read_submit(frame, reader)?),
        Command::SubmitResp => Pdu::SubmitResp(read_resp(reader)?),
        Command::Deliver => Pdu::Deliver(Deliver {
            user_number: read_number(reader, "UserNumber")?,
            sp_number: reader.fixed("SPNumber")?,
            tp_pid: reader.u8("TP_pid")?,
            tp_udhi: reader.u8("TP_udhi")?,
            message_coding: reader.u8("MessageCoding")?,
            content: read_content(frame, reader)?,
            reserve: reader.fixed("Reserve")?,
        }),
        Command::DeliverResp => Pdu::DeliverResp(read_resp(reader)?),
        Command::Report => Pdu::Report(Report {
            submit_sequence: read_sequence(reader, "SubmitSequenceNumber")?,
            report_type: reader.u8("ReportType")?,
            user_number: read_number(reader, "UserNumber")?,
            state: reader.u8("State")?,
            error_code: reader.u8("ErrorCode")?,
            reserve: reader.fixed("Reserve")?,
        }),
        Command::ReportResp => Pdu::ReportResp(read_resp(reader)?),
        Command::UserRpt => Pdu::UserRpt(UserRpt {
            sp_number: reader.fixed("SPNumber")?,
            user_number: read_number(reader, "UserNumber")?,
            user_condition: reader.u8("UserCondition")?,
            reserve: reader.fixed("Reserve")?,
        }),
        Command::UserRptResp => Pdu::UserRptResp(read_resp(reader)?),
        Command::Trace => Pdu::Trace(Trace {
            submit_sequence: read_sequence(reader, "SubmitSequenceNumber")?,
            user_number: read_number(reader, "UserNumber")?,
            reserve: reader.fixed("Reserve")?,
        }),
        Command::TraceResp => Pdu::TraceResp(Hops::read(frame, reader)?),
    })
}

fn read_sequence(reader: &mut Reader<'_>, field: &'static str) -> Result<Sequence, FieldError> {
    reader.array(field).map(Sequence::from_wire)
}

fn read_number(reader: &mut Reader<'_>, field: &'static str) -> Result<TerminalId, FieldError> {
    reader.widened(field, NUMBER_LEN).map(TerminalId::from_wire)
}

/// An answer may lack its reserved octets, or everything; a part of them it may not lack.
fn read_resp(reader: &mut Reader<'_>) -> Result<Resp, FieldError> {
    if reader.left() == 0 {
        return Ok(Resp::Bare);
    }
    let result = reader.u8("Result")?;
    if reader.left() == 0 {
        return Ok(Resp::Short { result });
    }
    Ok(Resp::Full {
        result,
        reserve: reader.fixed("Reserve")?,
    })
}

fn read_submit(frame: &Bytes, reader: &mut Reader<'_>) -> Result<Submit, FieldError> {
    Ok(Submit {
        sp_number: reader.fixed("SPNumber")?,
        charge_number: read_number(reader, "ChargeNumber")?,
        users: Users::read(frame, reader, "UserCount", "UserNumber")?,
        corp_id: reader.fixed("CorpId")?,
        service_type: reader.fixed("ServiceType")?,
        fee_type: reader.u8("FeeType")?,
        fee_value: reader.fixed("FeeValue")?,
        given_value: reader.fixed("GivenValue")?,
        agent_flag: reader.u8("AgentFlag")?,
        morelateto_mt_flag: reader.u8("MorelatetoMTFlag")?,
        priority: reader.u8("Priority")?,
        expire_time: reader.fixed("ExpireTime")?,
        schedule_time: reader.fixed("ScheduleTime")?,
        report_flag: reader.u8("ReportFlag")?,
        tp_pid: reader.u8("TP_pid")?,
        tp_udhi: reader.u8("TP_udhi")?,
        message_coding: reader.u8("MessageCoding")?,
        message_type: reader.u8("MessageType")?,
        content: read_content(frame, reader)?,
        reserve: reader.fixed("Reserve")?,
    })
}

/// The length has four octets here. It is held against what is there before it is used, and nothing is reserved
/// for it.
fn read_content(frame: &Bytes, reader: &mut Reader<'_>) -> Result<Content, FieldError> {
    let len = usize::try_from(reader.u32("MessageLength")?).unwrap_or(usize::MAX);
    let octets = reader.slice("MessageContent", len)?;
    Ok(Content::new(frame.slice_ref(octets)))
}
