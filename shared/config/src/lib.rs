//! Typed settings from defaults, a file, the environment and secret files.
//!
//! A service reads its settings field by field from a [`Source`]. A wrong or missing field does not stop the reading: it
//! is noted, a harmless stand-in is given, and [`Source::finish`] reports *every* mistake at once, each with where it
//! was written. Keys that nobody asked for are mistakes too, so that a misspelt setting cannot be silently without
//! effect.
//!
//! A key is dotted (`grpc.listen`). The file is YAML, its nested maps flattened to such keys. The environment variable
//! of `grpc.listen` under the prefix `HONGYAN` is `HONGYAN_GRPC_LISTEN`; it wins over the file, which wins over the
//! default.

mod domain;
mod file;
mod mistake;
mod secret;
mod source;
mod value;

pub use domain::is_domain;
pub use file::{MAX_FILE_OCTETS, Setting};
pub use mistake::{Mistake, Mistakes};
pub use secret::{SecretFile, SecretFileError};
pub use source::{Source, SourceSpec};
pub use value::FromSetting;
