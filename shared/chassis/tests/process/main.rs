//! A service in a process of the mesh: what stands before it, how it is called, how it ends. Real sockets, real TLS.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod calling;
mod desk;
mod ending;
mod house;
mod plain_http;
mod serving;
