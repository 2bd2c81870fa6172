//! Result codes, of a response and of a failed [`super::pdu::Report`] alike.

/// Done.
pub const OK: u8 = 0;
/// Illegal login: name, password or number is wrong.
pub const ILLEGAL_LOGIN: u8 = 1;
/// The same login again on one connection.
pub const REPEATED_LOGIN: u8 = 2;
/// Too many connections of this login.
pub const TOO_MANY_CONNECTIONS: u8 = 3;
/// The login type is wrong.
pub const LOGIN_TYPE: u8 = 4;
/// A parameter has not its form.
pub const PARAMETER_FORMAT: u8 = 5;
/// A number is illegal, for one because it lacks "86".
pub const ILLEGAL_NUMBER: u8 = 6;
/// The message id is wrong.
pub const MESSAGE_ID: u8 = 7;
/// The length of the message is wrong.
pub const LENGTH: u8 = 8;
/// The sequence is illegal, also one that repeats with another content.
pub const SEQUENCE: u8 = 9;
/// An operation that the name server does not allow.
pub const GNS_OPERATION: u8 = 10;
/// The node is busy: slow down and try again.
pub const NODE_BUSY: u8 = 11;
/// The destination cannot be reached.
pub const UNREACHABLE: u8 = 21;
/// Routing failed.
pub const ROUTING: u8 = 22;
/// There is no route.
pub const NO_ROUTE: u8 = 23;
/// The charged number is invalid.
pub const CHARGE_NUMBER: u8 = 24;
/// The user cannot be reached.
pub const USER_UNREACHABLE: u8 = 25;
/// The phone's memory is full.
pub const MEMORY_FULL: u8 = 26;
/// The phone takes no short messages.
pub const NO_SHORT_MESSAGES: u8 = 27;
/// The phone failed to receive.
pub const RECEIVE_ERROR: u8 = 28;
/// The subscriber is unknown.
pub const UNKNOWN_SUBSCRIBER: u8 = 29;
/// The service is not provided.
pub const NOT_PROVIDED: u8 = 30;
/// The device is illegal.
pub const ILLEGAL_DEVICE: u8 = 31;
/// The system failed.
pub const SYSTEM_FAILURE: u8 = 32;
/// The queue of the message centre is full; in practice also "too many a second".
pub const QUEUE_FULL: u8 = 33;

/// Stands for the result of an answer that told none. No octet has this value.
pub const NONE_TOLD: u32 = 256;
