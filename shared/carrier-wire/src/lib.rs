//! The carriers' protocols, sans IO: frames, PDUs, text codings, long messages and session state machines.
//!
//! Everything here is a function of bytes and of a time given as an argument: no socket, no clock, no runtime,
//! so each promise can be tested with bytes alone and the same code serves the client (a carrier link) and the
//! server (a gateway, real or simulated).
//!
//! | Module | What it knows |
//! |---|---|
//! | [`frame`] | length-prefixed framing that all four protocols share; bounded before anything is allocated |
//! | [`field`] | fixed-width strings, masked numbers and contents, the reader that names field and offset in its errors |
//! | [`login`] | the shared secret and the ten-digit time that logins are proved with |
//! | [`cmpp`] | CMPP 2.0 and 3.0: PDUs, codec, authenticators, status reports, both sides of a session |
//! | [`session`] | both ends of a session, for every protocol: windows, keep-alive, repetition, ends |
//! | [`sgip`] | SGIP 1.2: PDUs, codec, sequences, sessions of both sides in both directions |
//! | [`smgp`] | SMGP 3.0 and 1.3: PDUs with their optional parameters, codec, authenticators, status reports |
//! | [`smpp`] | SMPP 3.4: PDUs, optional parameters, codec, receipts, message ids, both sides of a session |
//! | [`text`] | message text to octets and back: ASCII, GSM 7-bit, Latin-1, UCS-2, GBK, GB18030 |
//! | [`mod@concat`] | user data headers, and a long message cut into parts that never cut a character |
//! | [`reassembly`] | parts back to one message, bounded in number, size and age |
//!
//! A further protocol is a further module beside these: it brings its PDUs, its codec and a
//! [`Dialect`](session::Dialect) for each side, and takes the rest from here.
//!
//! Input from a peer is never trusted: decoding has no indexing that can fail, every count is checked against
//! its limit before it is used, and what is malformed becomes a typed error that names PDU, field and offset,
//! never the value.

pub mod cmpp;
pub mod concat;
pub mod field;
pub mod frame;
pub mod login;
pub mod reassembly;
pub mod session;
pub mod sgip;
pub mod smgp;
pub mod smpp;
pub mod text;
