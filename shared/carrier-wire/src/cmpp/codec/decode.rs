//! Octets to PDUs.

use bytes::Bytes;

use super::super::pdu::{
    ActiveTestResp, Cancel, CancelResp, Connect, ConnectResp, Deliver, DeliverResp, Query, QueryResp,
    Recipients, Submit, SubmitResp,
};
use super::super::{Command, HEADER_LEN, MsgId, Packet, Pdu, Version};
use super::DecodeError;
use crate::field::{Content, FieldError, Reader, TerminalId};

/// Octets of a 2.x `CONNECT_RESP`.
const CONNECT_RESP_V2_LEN: usize = 30;

/// Reads one whole PDU, header included, as [`crate::frame::next_frame`] gives it. Contents are slices of
/// `frame`, not copies.
///
/// # Errors
///
/// [`DecodeError`], naming PDU, field and offset. A command that is not known is no error but
/// [`Pdu::Unknown`].
pub fn decode(version: Version, frame: &Bytes) -> Result<Packet, DecodeError> {
    let mut reader = Reader::new(frame);
    let header = read_header(&mut reader);
    let (command_id, sequence) = header.map_err(|fault| DecodeError {
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
                body: Content::new(frame.slice(HEADER_LEN..)),
            },
        });
    };
    read_body(version, command, frame, &mut reader)
        .and_then(|pdu| reader.end().map(|()| Packet { sequence, pdu }))
        .map_err(|fault| DecodeError {
            pdu: command.name(),
            command: command_id,
            sequence,
            fault,
        })
}

fn read_header(reader: &mut Reader<'_>) -> Result<(u32, u32), FieldError> {
    reader.total_length("Total_Length")?;
    Ok((reader.u32("Command_Id")?, reader.u32("Sequence_Id")?))
}

fn read_body(
    version: Version,
    command: Command,
    frame: &Bytes,
    reader: &mut Reader<'_>,
) -> Result<Pdu, FieldError> {
    Ok(match command {
        Command::Connect => Pdu::Connect(Connect {
            source_addr: reader.fixed("Source_Addr")?,
            authenticator_source: reader.array("AuthenticatorSource")?,
            version: reader.u8("Version")?,
            timestamp: reader.u32("Timestamp")?,
        }),
        Command::ConnectResp => Pdu::ConnectResp(read_connect_resp(frame.len(), reader)?),
        Command::Terminate => Pdu::Terminate,
        Command::TerminateResp => Pdu::TerminateResp,
        Command::Submit => Pdu::Submit(read_submit(version, frame, reader)?),
        Command::SubmitResp => Pdu::SubmitResp(SubmitResp {
            msg_id: MsgId(reader.u64("Msg_Id")?),
            result: read_result(version, reader, "Result")?,
        }),
        Command::Deliver => Pdu::Deliver(read_deliver(version, frame, reader)?),
        Command::DeliverResp => Pdu::DeliverResp(DeliverResp {
            msg_id: MsgId(reader.u64("Msg_Id")?),
            result: read_result(version, reader, "Result")?,
        }),
        Command::Query => Pdu::Query(Query {
            time: reader.fixed("Time")?,
            query_type: reader.u8("Query_Type")?,
            query_code: reader.fixed("Query_Code")?,
            reserve: reader.fixed("Reserve")?,
        }),
        Command::QueryResp => Pdu::QueryResp(QueryResp {
            time: reader.fixed("Time")?,
            query_type: reader.u8("Query_Type")?,
            query_code: reader.fixed("Query_Code")?,
            mt_messages: reader.u32("MT_TLMsg")?,
            mt_users: reader.u32("MT_Tlusr")?,
            mt_sent: reader.u32("MT_Scs")?,
            mt_waiting: reader.u32("MT_WT")?,
            mt_failed: reader.u32("MT_FL")?,
            mo_sent: reader.u32("MO_Scs")?,
            mo_waiting: reader.u32("MO_WT")?,
            mo_failed: reader.u32("MO_FL")?,
        }),
        Command::Cancel => Pdu::Cancel(Cancel {
            msg_id: MsgId(reader.u64("Msg_Id")?),
        }),
        Command::CancelResp => Pdu::CancelResp(CancelResp {
            success_id: read_result(version, reader, "Success_Id")?,
        }),
        Command::ActiveTest => Pdu::ActiveTest,
        Command::ActiveTestResp => Pdu::ActiveTestResp(ActiveTestResp {
            reserved: if reader.left() == 0 {
                None
            } else {
                Some(reader.u8("Reserved")?)
            },
        }),
    })
}

fn read_result(version: Version, reader: &mut Reader<'_>, field: &'static str) -> Result<u32, FieldError> {
    match version {
        Version::V2 => reader.u8(field).map(u32::from),
        Version::V3 => reader.u32(field),
    }
}

fn read_connect_resp(len: usize, reader: &mut Reader<'_>) -> Result<ConnectResp, FieldError> {
    let layout = if len <= CONNECT_RESP_V2_LEN {
        Version::V2
    } else {
        Version::V3
    };
    Ok(ConnectResp {
        layout,
        status: read_result(layout, reader, "Status")?,
        authenticator_ismg: reader.array("AuthenticatorISMG")?,
        version: reader.u8("Version")?,
    })
}

fn read_terminal(
    version: Version,
    reader: &mut Reader<'_>,
    field: &'static str,
) -> Result<TerminalId, FieldError> {
    reader
        .widened(field, version.terminal_len())
        .map(TerminalId::from_wire)
}

/// The octet that tells a number from a pseudo code, which 2.x lacks.
fn read_terminal_type(
    version: Version,
    reader: &mut Reader<'_>,
    field: &'static str,
) -> Result<u8, FieldError> {
    match version {
        Version::V2 => Ok(0),
        Version::V3 => reader.u8(field),
    }
}

fn read_content(frame: &Bytes, reader: &mut Reader<'_>) -> Result<Content, FieldError> {
    let len = usize::from(reader.u8("Msg_Length")?);
    let octets = reader.slice("Msg_Content", len)?;
    Ok(Content::new(frame.slice_ref(octets)))
}

fn read_submit(version: Version, frame: &Bytes, reader: &mut Reader<'_>) -> Result<Submit, FieldError> {
    Ok(Submit {
        msg_id: MsgId(reader.u64("Msg_Id")?),
        pk_total: reader.u8("Pk_total")?,
        pk_number: reader.u8("Pk_number")?,
        registered_delivery: reader.u8("Registered_Delivery")?,
        msg_level: reader.u8("Msg_level")?,
        service_id: reader.fixed("Service_Id")?,
        fee_user_type: reader.u8("Fee_UserType")?,
        fee_terminal_id: read_terminal(version, reader, "Fee_terminal_Id")?,
        fee_terminal_type: read_terminal_type(version, reader, "Fee_terminal_type")?,
        tp_pid: reader.u8("TP_pId")?,
        tp_udhi: reader.u8("TP_udhi")?,
        msg_fmt: reader.u8("Msg_Fmt")?,
        msg_src: reader.fixed("Msg_src")?,
        fee_type: reader.fixed("FeeType")?,
        fee_code: reader.fixed("FeeCode")?,
        valid_time: reader.fixed("ValId_Time")?,
        at_time: reader.fixed("At_Time")?,
        src_id: reader.fixed("Src_Id")?,
        recipients: Recipients::read(version, frame, reader)?,
        dest_terminal_type: read_terminal_type(version, reader, "Dest_terminal_type")?,
        content: read_content(frame, reader)?,
        link_id: reader.widened(tail_name(version), version.tail_len())?,
    })
}

fn read_deliver(version: Version, frame: &Bytes, reader: &mut Reader<'_>) -> Result<Deliver, FieldError> {
    Ok(Deliver {
        msg_id: MsgId(reader.u64("Msg_Id")?),
        dest_id: reader.fixed("Dest_Id")?,
        service_id: reader.fixed("Service_Id")?,
        tp_pid: reader.u8("TP_pid")?,
        tp_udhi: reader.u8("TP_udhi")?,
        msg_fmt: reader.u8("Msg_Fmt")?,
        src_terminal_id: read_terminal(version, reader, "Src_terminal_Id")?,
        src_terminal_type: read_terminal_type(version, reader, "Src_terminal_type")?,
        registered_delivery: reader.u8("Registered_Delivery")?,
        content: read_content(frame, reader)?,
        link_id: reader.widened(tail_name(version), version.tail_len())?,
    })
}

const fn tail_name(version: Version) -> &'static str {
    match version {
        Version::V2 => "Reserve",
        Version::V3 => "LinkID",
    }
}
