//! The pieces PDUs are made of: fixed-width strings, phone numbers and contents that mask themselves, and the
//! reader whose errors say which field of which PDU ended where.

mod numbers;
mod octets;
mod personal;
mod reader;

pub use numbers::Numbers;
pub use octets::{FixedStr, TooLong};
pub use personal::{Content, TerminalId};
pub use reader::{FieldError, Reader};
