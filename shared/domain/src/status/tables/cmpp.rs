//! CMPP 2.0 and 3.0: Result of `SUBMIT_RESP`, Status of `CONNECT_RESP`, and what Stat was seen to mean.

use super::{
    super::{
        Cause::{Carrier, Content, Recipient, Us},
        MessageStatus::{Submitted, Undelivered, Unknown},
    },
    row::{Row, refused, refused_all, word, words},
};

const UNREADABLE: &str =
    "The carrier could not read the request; tell the operators, a repetition will fail too.";
const FEE: &str = "Fee or service code is not the one agreed with the carrier; check the link's settings.";
const SOURCE: &str =
    "Source number or provider id is not the one registered with the carrier; check the link's settings.";

pub(super) const SUBMIT: &[Row] = &[
    refused(1, Us, UNREADABLE),
    refused(2, Us, UNREADABLE),
    refused(3, Us, UNREADABLE),
    refused(4, Us, UNREADABLE),
    refused(5, Us, FEE),
    refused(
        6,
        Us,
        "The carrier takes no segment this long; check the link's settings with the carrier.",
    ),
    refused(7, Us, FEE),
    refused(
        8,
        Carrier,
        "The carrier kept asking to slow down; lower the link's pace and send the message again.",
    )
    .slow_down(),
    refused(
        9,
        Recipient,
        "This gateway does not serve the number; check whether it was ported to another carrier.",
    )
    .reroute(),
    refused(10, Us, SOURCE),
    refused(11, Us, SOURCE),
    refused(
        12,
        Us,
        "The charged number is not accepted; check the link's fee settings with the carrier.",
    ),
    refused(
        13,
        Recipient,
        "The carrier does not accept the number; check that it exists and was not ported to another carrier.",
    )
    .reroute(),
    refused_all(
        100,
        199,
        Carrier,
        "The gateway refused with a code of its maker or province; ask the carrier what it means.",
    ),
];

pub(super) const LOGIN: &[Row] = &[
    refused(
        1,
        Us,
        "The gateway could not read the login; check the link's protocol and version.",
    ),
    refused(
        2,
        Us,
        "The gateway does not know this address or account; check sp_id and the address registered there.",
    ),
    refused(
        3,
        Us,
        "The proof is wrong; check the link's secret and this machine's clock.",
    ),
    refused(
        4,
        Us,
        "The gateway is of an older version; set the link's version to what the carrier names.",
    ),
    refused(
        5,
        Carrier,
        "The gateway refuses for another reason; often too many logins stand. Ask the carrier.",
    ),
];

pub(super) const RECEIPT: &[Row] = &[
    words(
        "MI:",
        Undelivered,
        Recipient,
        "The validity ran out at the message centre; try again later or by another channel.",
    )
    .seen(),
    words(
        "MJ:",
        Undelivered,
        Carrier,
        "The message centre deleted the message; ask the carrier with the message id if it happens often.",
    )
    .seen(),
    words(
        "MK:",
        Undelivered,
        Recipient,
        "The message centre cannot reach the handset; check the number or use another channel.",
    )
    .seen(),
    words(
        "ML:",
        Submitted,
        Carrier,
        "Wait for the receipt; the message centre only says that it has the message.",
    )
    .seen(),
    words(
        "MM:",
        Unknown,
        Carrier,
        "The message centre lost track of the message; do not send it again blindly.",
    )
    .seen(),
    words(
        "MN:",
        Undelivered,
        Carrier,
        "The message centre rejected the message; check text, signature and the carrier's block lists.",
    )
    .seen(),
    word(
        "MA:0001",
        Undelivered,
        Carrier,
        "Often a block list of the carrier; ask the carrier, and do not send to the number until it is clear.",
    )
    .seen(),
    word(
        "MA:0002",
        Undelivered,
        Content,
        "Often a word that the carrier's filter does not let pass; change the text and have it registered.",
    )
    .seen(),
    word(
        "MA:0003",
        Undelivered,
        Recipient,
        "The carrier has no route to the number; check whether it was ported to another carrier.",
    )
    .seen()
    .reroute(),
    word(
        "MA:0022",
        Undelivered,
        Carrier,
        "Too many messages to this number for the carrier's rules; wait before the next one.",
    )
    .seen(),
];
