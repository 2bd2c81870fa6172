//! Octets to PDUs.

use bytes::Bytes;

use super::super::pdu::{
    Deliver, DeliverResp, Login, LoginResp, Query, QueryResp, Recipients, Submit, SubmitResp, TERMINAL_LEN,
};
use super::super::tlv::Tlvs;
use super::super::{Command, HEADER_LEN, MsgId, Packet, Pdu, Version};
use super::DecodeError;
use crate::field::{Content, FieldError, FixedStr, Reader, TerminalId};

/// Reads one whole PDU, header included, as [`crate::frame::next_frame`] gives it. Contents, recipients beyond the
/// first and long optional parameters are slices of `frame`; nothing is allocated.
///
/// # Errors
///
/// [`DecodeError`], naming PDU, field and offset. A request id that is not known is no error but
/// [`Pdu::Unknown`].
pub fn decode(version: Version, frame: &Bytes) -> Result<Packet, DecodeError> {
    let mut reader = Reader::new(frame);
    let (command_id, sequence) = read_header(&mut reader).map_err(|fault| DecodeError {
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
    reader.total_length("PacketLength")?;
    Ok((reader.u32("RequestID")?, reader.u32("SequenceID")?))
}

fn read_body(
    version: Version,
    command: Command,
    frame: &Bytes,
    reader: &mut Reader<'_>,
) -> Result<Pdu, FieldError> {
    Ok(match command {
        Command::Submit => Pdu::Submit(read_submit(version, frame, reader)?),
        Command::SubmitResp => Pdu::SubmitResp(SubmitResp {
            msg_id: MsgId(reader.array("MsgID")?),
            status: reader.u32("Status")?,
        }),
        Command::Deliver => Pdu::Deliver(read_deliver(frame, reader)?),
        Command::DeliverResp => Pdu::DeliverResp(DeliverResp {
            msg_id: MsgId(reader.array("MsgID")?),
            status: reader.u32("Status")?,
        }),
        Command::Login => Pdu::Login(Login {
            client_id: reader.fixed("ClientID")?,
            authenticator_client: reader.array("AuthenticatorClient")?,
            login_mode: reader.u8("LoginMode")?,
            timestamp: reader.u32("TimeStamp")?,
            client_version: reader.u8("ClientVersion")?,
        }),
        Command::LoginResp => Pdu::LoginResp(LoginResp {
            status: reader.u32("Status")?,
            authenticator_server: reader.array("AuthenticatorServer")?,
            server_version: reader.u8("ServerVersion")?,
        }),
        Command::ActiveTest => Pdu::ActiveTest,
        Command::ActiveTestResp => Pdu::ActiveTestResp,
        Command::Exit => Pdu::Exit,
        Command::ExitResp => Pdu::ExitResp,
        Command::Query => Pdu::Query(Query {
            time: reader.fixed("QueryTime")?,
            query_type: reader.u8("QueryType")?,
            query_code: reader.fixed("QueryCode")?,
            reserve: reader.fixed("Reserve")?,
        }),
        Command::QueryResp => Pdu::QueryResp(QueryResp {
            time: reader.fixed("QueryTime")?,
            query_type: reader.u8("QueryType")?,
            query_code: reader.fixed("QueryCode")?,
            mt_messages: reader.u32("MT_TLMsg")?,
            mt_users: reader.u32("MT_TLUsr")?,
            mt_sent: reader.u32("MT_Scs")?,
            mt_waiting: reader.u32("MT_WT")?,
            mt_failed: reader.u32("MT_FL")?,
            mo_sent: reader.u32("MO_Scs")?,
            mo_waiting: reader.u32("MO_WT")?,
            mo_failed: reader.u32("MO_FL")?,
            reserve: if reader.left() == 0 {
                None
            } else {
                Some(reader.fixed("Reserve")?)
            },
        }),
    })
}

fn read_terminal(reader: &mut Reader<'_>, field: &'static str) -> Result<TerminalId, FieldError> {
    reader.widened(field, TERMINAL_LEN).map(TerminalId::from_wire)
}

fn read_content(frame: &Bytes, reader: &mut Reader<'_>) -> Result<Content, FieldError> {
    let len = usize::from(reader.u8("MsgLength")?);
    let octets = reader.slice("MsgContent", len)?;
    Ok(Content::new(frame.slice_ref(octets)))
}

fn read_submit(version: Version, frame: &Bytes, reader: &mut Reader<'_>) -> Result<Submit, FieldError> {
    Ok(Submit {
        msg_type: reader.u8("MsgType")?,
        need_report: reader.u8("NeedReport")?,
        priority: reader.u8("Priority")?,
        service_id: reader.fixed("ServiceID")?,
        fee_type: reader.fixed("FeeType")?,
        fee_code: reader.fixed("FeeCode")?,
        fixed_fee: match version {
            Version::V1 => FixedStr::default(),
            Version::V3 => reader.fixed("FixedFee")?,
        },
        msg_format: reader.u8("MsgFormat")?,
        valid_time: reader.fixed("ValidTime")?,
        at_time: reader.fixed("AtTime")?,
        src_term_id: reader.fixed("SrcTermID")?,
        charge_term_id: read_terminal(reader, "ChargeTermID")?,
        recipients: Recipients::read(frame, reader, "DestTermIDCount", "DestTermID")?,
        content: read_content(frame, reader)?,
        reserve: reader.fixed("Reserve")?,
        tlvs: Tlvs::read(frame, reader)?,
    })
}

fn read_deliver(frame: &Bytes, reader: &mut Reader<'_>) -> Result<Deliver, FieldError> {
    Ok(Deliver {
        msg_id: MsgId(reader.array("MsgID")?),
        is_report: reader.u8("IsReport")?,
        msg_format: reader.u8("MsgFormat")?,
        recv_time: reader.fixed("RecvTime")?,
        src_term_id: read_terminal(reader, "SrcTermID")?,
        dest_term_id: reader.fixed("DestTermID")?,
        content: read_content(frame, reader)?,
        reserve: reader.fixed("Reserve")?,
        tlvs: Tlvs::read(frame, reader)?,
    })
}
