//! SMGP 3.0 and 1.3: Status of every response. The code for "too fast" is not defined; 1 and the vendors' own are where
//! gateways put it, and a deployment names those of its gateway.

use super::{
    super::Cause::{Carrier, Recipient, Us},
    row::{Row, refused, refused_all},
};

const UNREADABLE: &str =
    "The gateway could not read the request; tell the operators, a repetition will fail too.";
const FIELD: &str =
    "The gateway does not accept a field of the request; check the link's settings with the carrier.";
const FEE: &str = "Fee or service code is not the one agreed with the carrier; check the link's settings.";
const ROUTE: &str = "The gateway has no route to the number; check whether it was ported to another carrier.";

pub(super) const SUBMIT: &[Row] = &[
    refused(
        1,
        Carrier,
        "The gateway kept asking to slow down; lower the link's pace and send the message again.",
    )
    .slow_down(),
    refused(
        2,
        Us,
        "The gateway takes no more connections; set the link's connections to what the carrier allows.",
    ),
    refused(10, Us, UNREADABLE),
    refused(11, Us, UNREADABLE),
    refused(12, Us, UNREADABLE),
    refused(
        20,
        Us,
        "The gateway does not know this address; have the carrier register the link's address.",
    ),
    refused(
        21,
        Us,
        "The proof is wrong; check the link's account, secret and this machine's clock.",
    ),
    refused(
        22,
        Us,
        "The gateway is of an older version; set the link's version to what the carrier names.",
    ),
    refused_all(30, 31, Us, FIELD),
    refused_all(32, 33, Us, FEE),
    refused_all(34, 35, Us, FIELD),
    refused(
        36,
        Us,
        "The gateway takes no message this long; check the link's settings with the carrier.",
    ),
    refused(
        37,
        Us,
        "The message's validity was over at the gateway; check this machine's clock.",
    ),
    refused(38, Us, FIELD),
    refused(39, Recipient, ROUTE).reroute(),
    refused(40, Us, FEE),
    refused(41, Us, FIELD),
    refused(42, Recipient, ROUTE).reroute(),
    refused(43, Us, FEE),
    refused_all(44, 45, Us, FIELD),
    refused(
        46,
        Us,
        "The source number is not the one registered with the carrier; check the link's settings.",
    ),
    refused(
        47,
        Recipient,
        "The gateway does not accept the number; check that it exists and was not ported to another carrier.",
    )
    .reroute(),
    refused(
        48,
        Us,
        "The charged number is not accepted; check the link's charging settings with the carrier.",
    ),
    refused(
        49,
        Us,
        "The provider's code is not the one registered with the carrier; check the link's settings.",
    ),
    refused_all(
        56,
        73,
        Carrier,
        "The carrier's routing between its gateways failed; try again later.",
    ),
    refused(
        74,
        Carrier,
        "The carrier lets the provider send nothing at this time of day; send it again later.",
    ),
    refused(
        75,
        Carrier,
        "The provider's quota of the day is used up; raise it with the carrier or send tomorrow.",
    ),
    refused(
        76,
        Us,
        "The provider's account with the carrier has run out; renew it with the carrier.",
    ),
    refused_all(
        128,
        255,
        Carrier,
        "The gateway refused with a code of its maker; ask the carrier what it means.",
    ),
];
