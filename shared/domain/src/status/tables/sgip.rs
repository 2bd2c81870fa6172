//! SGIP 1.2: Result of every response, and ErrorCode of `REPORT` behind the word `UNDELIV`.
//!
//! Result and `ErrorCode` share one list. Some libraries have the report's codes shifted; these are the document's.

use super::{
    super::{
        Cause::{Carrier, Recipient, Us},
        MessageStatus::Undelivered,
    },
    row::{Row, refused, word},
};

const LOGIN: &str =
    "The gateway does not accept the login; check name, password and the address registered with it.";
const UNREADABLE: &str =
    "The gateway could not read the request; tell the operators, a repetition will fail too.";
const ILLEGAL_NUMBER: &str =
    "The gateway does not accept the number; check that it exists and was not ported to another carrier.";
const BUSY: &str = "The gateway kept asking to slow down; lower the link's pace and send the message again.";
const UNREACHABLE: &str =
    "The gateway cannot reach the number's network; check whether it was ported to another carrier.";
const NO_ROUTE: &str =
    "The gateway has no route to the number; check whether it was ported to another carrier.";
const CHARGE_NUMBER: &str =
    "The charged number is not accepted; check the link's charging settings with the carrier.";
const HANDSET: &str = "The handset cannot be reached; try again later or by another channel.";
const MEMORY: &str = "The handset's memory is full; try again later or by another channel.";
const NO_MESSAGES: &str = "The handset takes no short messages; use another channel.";
const RECEIVE: &str = "The handset failed to receive the message; try again later.";
const NO_SUBSCRIBER: &str =
    "The network does not know the subscriber; check that the number exists and was not ported.";
const NOT_PROVIDED: &str = "The subscriber's contract has no short messages; use another channel.";
const DEVICE: &str = "The network does not admit the handset; use another channel.";
const SYSTEM: &str = "The carrier's network failed; try again later.";
const QUEUE: &str = "The message centre's queue was full; lower the link's pace and send the message again.";

pub(super) const SUBMIT: &[Row] = &[
    refused(1, Us, LOGIN),
    refused(
        2,
        Us,
        "The gateway has this login already; check that no other system uses it.",
    ),
    refused(
        3,
        Us,
        "The gateway takes no more connections; set the link's connections to what the carrier allows.",
    ),
    refused(
        4,
        Us,
        "The gateway does not take this kind of login; ask the carrier how the account is set up.",
    ),
    refused(5, Us, UNREADABLE),
    refused(6, Recipient, ILLEGAL_NUMBER).reroute(),
    refused(7, Us, UNREADABLE),
    refused(
        8,
        Us,
        "The gateway takes no message this long; check the link's settings with the carrier.",
    ),
    refused(9, Us, UNREADABLE),
    refused(10, Us, UNREADABLE),
    refused(11, Carrier, BUSY).slow_down(),
    refused(21, Recipient, UNREACHABLE).reroute(),
    refused(22, Recipient, NO_ROUTE).reroute(),
    refused(23, Recipient, NO_ROUTE).reroute(),
    refused(24, Us, CHARGE_NUMBER),
    refused(25, Recipient, HANDSET),
    refused(26, Recipient, MEMORY),
    refused(27, Recipient, NO_MESSAGES),
    refused(28, Recipient, RECEIVE),
    refused(29, Recipient, NO_SUBSCRIBER).reroute(),
    refused(30, Recipient, NOT_PROVIDED),
    refused(31, Recipient, DEVICE),
    refused(32, Carrier, SYSTEM),
    refused(33, Carrier, QUEUE).slow_down(),
    refused(
        34,
        Us,
        "Logins follow each other too quickly; lengthen the link's wait between logins.",
    )
    .seen(),
    refused(88, Carrier, BUSY).slow_down().seen(),
    refused(
        90,
        Us,
        "The gateway takes no message this long; check the link's settings with the carrier.",
    )
    .seen(),
    refused(
        93,
        Us,
        "The service is not authorised or cannot be charged; check the account with the carrier.",
    )
    .seen(),
    refused(
        94,
        Us,
        "The service is not authorised or cannot be charged; check the account with the carrier.",
    )
    .seen(),
];

pub(super) const RECEIPT: &[Row] = &[
    word("UNDELIV/6", Undelivered, Recipient, ILLEGAL_NUMBER).reroute(),
    word("UNDELIV/11", Undelivered, Carrier, SYSTEM),
    word("UNDELIV/21", Undelivered, Recipient, UNREACHABLE).reroute(),
    word("UNDELIV/22", Undelivered, Recipient, NO_ROUTE).reroute(),
    word("UNDELIV/23", Undelivered, Recipient, NO_ROUTE).reroute(),
    word("UNDELIV/24", Undelivered, Us, CHARGE_NUMBER),
    word("UNDELIV/25", Undelivered, Recipient, HANDSET),
    word("UNDELIV/26", Undelivered, Recipient, MEMORY),
    word("UNDELIV/27", Undelivered, Recipient, NO_MESSAGES),
    word("UNDELIV/28", Undelivered, Recipient, RECEIVE),
    word("UNDELIV/29", Undelivered, Recipient, NO_SUBSCRIBER).reroute(),
    word("UNDELIV/30", Undelivered, Recipient, NOT_PROVIDED),
    word("UNDELIV/31", Undelivered, Recipient, DEVICE),
    word("UNDELIV/32", Undelivered, Carrier, SYSTEM),
    word("UNDELIV/33", Undelivered, Carrier, QUEUE),
];
