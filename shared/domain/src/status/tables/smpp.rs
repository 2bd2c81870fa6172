//! SMPP 3.4: `command_status` of every response.

use super::{
    super::Cause::{Carrier, Recipient, Us},
    row::{Row, refused, refused_all},
};

const UNREADABLE: &str =
    "The carrier could not read the request; tell the operators, a repetition will fail too.";
const FIELD: &str =
    "The carrier does not accept a field of the request; check the link's settings with the carrier.";
const SOURCE: &str = "The carrier does not accept the source number or its type; check the link's settings.";
const DESTINATION: &str = "The carrier does not accept the number's type or plan; check the link's settings.";
const BUSY: &str = "The carrier kept asking to slow down; lower the link's pace and send the message again.";
const LOGIN: &str = "The carrier does not accept the login; check system_id, password and system_type.";
const RECEIVER: &str = "The carrier answered as a receiver does, which it is not here; ask the carrier.";
const FAILED: &str = "The carrier could not deliver the message; ask the carrier with the message id.";

pub(super) const SUBMIT: &[Row] = &[
    refused(
        0x01,
        Us,
        "The carrier takes no message this long; check the link's settings with the carrier.",
    ),
    refused_all(0x02, 0x03, Us, UNREADABLE),
    refused(
        0x04,
        Us,
        "This login may not send; check the link's bind with the carrier.",
    ),
    refused(
        0x05,
        Us,
        "The carrier has this login already; check that no other system uses it.",
    ),
    refused_all(0x06, 0x07, Us, FIELD),
    refused(0x08, Carrier, BUSY).slow_down(),
    refused(0x0a, Us, SOURCE),
    refused(
        0x0b,
        Recipient,
        "The carrier does not accept the number; check that it exists and was not ported to another carrier.",
    )
    .reroute(),
    refused(0x0c, Us, UNREADABLE),
    refused_all(0x0d, 0x0f, Us, LOGIN),
    refused(
        0x11,
        Carrier,
        "The carrier could not cancel the message; it may be on its way.",
    ),
    refused(
        0x13,
        Carrier,
        "The carrier could not replace the message; it may be on its way.",
    ),
    refused(0x14, Carrier, BUSY).slow_down(),
    refused(
        0x15,
        Us,
        "The service type is not the one agreed with the carrier; check the link's settings.",
    ),
    refused_all(0x33, 0x34, Us, FIELD),
    refused(0x40, Us, FIELD),
    refused_all(0x42, 0x44, Us, FIELD),
    refused(
        0x45,
        Carrier,
        "The carrier could not take the message and says no more; ask the carrier.",
    ),
    refused_all(0x48, 0x49, Us, SOURCE),
    refused_all(0x50, 0x51, Us, DESTINATION),
    refused(0x53, Us, LOGIN),
    refused_all(0x54, 0x55, Us, FIELD),
    refused(0x58, Carrier, BUSY).slow_down(),
    refused_all(0x61, 0x63, Us, FIELD),
    refused_all(0x64, 0x66, Carrier, RECEIVER),
    refused(
        0x67,
        Carrier,
        "The carrier knows nothing of the message asked about.",
    ),
    refused_all(0xc0, 0xc4, Us, FIELD),
    refused_all(0xfe, 0xff, Carrier, FAILED),
    refused_all(
        0x400,
        0x4ff,
        Carrier,
        "The carrier refused with a code of its maker; ask the carrier what it means.",
    ),
];
