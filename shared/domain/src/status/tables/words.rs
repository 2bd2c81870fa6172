//! The status words of receipts that CMPP, SMGP and SMPP share, and into which SGIP's State is put.

use super::{
    super::{
        Cause::{Carrier, None, Recipient},
        MessageStatus::{Delivered, Submitted, Undelivered, Unknown},
    },
    row::{Row, word, words},
};

pub(super) const RECEIPT: &[Row] = &[
    word("DELIVRD", Delivered, None, "Nothing to do: the handset has it."),
    word(
        "ACCEPTD",
        Submitted,
        None,
        "Wait for the receipt; the carrier only says that it has the message.",
    ),
    word(
        "ENROUTE",
        Submitted,
        None,
        "Wait for the receipt; the carrier only says that it is on its way.",
    ),
    word(
        "EXPIRED",
        Undelivered,
        Recipient,
        "The handset was off or out of reach for the whole validity; try again later or by another channel.",
    ),
    word(
        "UNDELIV",
        Undelivered,
        Recipient,
        "The handset cannot be reached or takes no messages; check the number or use another channel.",
    ),
    word(
        "DELETED",
        Undelivered,
        Carrier,
        "The carrier deleted the message; ask the carrier with the message id if it happens often.",
    ),
    word(
        "REJECTD",
        Undelivered,
        Carrier,
        "The carrier's rules rejected the message; check text, signature and the carrier's block lists.",
    ),
    word(
        "UNKNOWN",
        Unknown,
        Carrier,
        "The carrier lost track of the message; it may have arrived, so do not send it again blindly.",
    ),
];

/// Words of the form `MA:0001`: two letters name the network element (CMPP and SMGP), the rest is its own code, which
/// differs from province to province.
pub(super) const NETWORK: &[Row] = &[
    words(
        "MA:",
        Undelivered,
        Carrier,
        "The carrier's message centre did not answer; try again later.",
    ),
    words(
        "MB:",
        Undelivered,
        Carrier,
        "The carrier's message centre refused; ask the carrier what the code means in its province.",
    ),
    words(
        "MC:",
        Undelivered,
        Carrier,
        "The message centre sent no report; the message may have arrived, so do not send it again blindly.",
    ),
    words(
        "CA:",
        Undelivered,
        Recipient,
        "The carrier's account system did not answer; the subscriber's account may be suspended. Try again later.",
    ),
    words(
        "CB:",
        Undelivered,
        Recipient,
        "The carrier's account system refused; the subscriber's account may be empty or suspended.",
    ),
    words(
        "DA:",
        Undelivered,
        Carrier,
        "The carrier's service platform did not answer; try again later.",
    ),
    words(
        "DB:",
        Undelivered,
        Carrier,
        "The carrier's service platform refused; check with the carrier that service and number are authorised.",
    ),
    words(
        "SA:",
        Undelivered,
        Carrier,
        "The carrier had no answer from the provider's side; ask the carrier with the message id.",
    ),
    words(
        "SB:",
        Undelivered,
        Carrier,
        "The carrier reports an error of the provider's side; ask the carrier with the message id.",
    ),
    words(
        "IA:",
        Undelivered,
        Carrier,
        "The next gateway did not answer; try again later, and check whether the number was ported.",
    ),
    words(
        "IB:",
        Undelivered,
        Carrier,
        "The next gateway refused; check whether the number was ported to another carrier.",
    ),
    words(
        "IC:",
        Undelivered,
        Carrier,
        "The next gateway sent no report; the message may have arrived, so do not send it again blindly.",
    ),
];
