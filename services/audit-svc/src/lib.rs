//! Keeps the record that nobody can rewrite, and answers questions about it.

pub mod log;
pub mod record;
