//! The grammar of keyword rules: what a subscriber may type, and which parts of it are fields.
//!
//! A pattern is literal text with fields between: `SBYE#{card}`, `{card}*{password:secret}`. A field is `{name}` or
//! `{name:kind}`; [`Kind`] says which kinds there are and which one a bare name means.
//!
//! People type as their keyboards let them, so text is folded before it is compared: full-width forms count as
//! half-width ones, several spaces as one, and none at the ends of the text, beside a field or beside a punctuation mark of
//! the pattern counts. In literals the case of letters does not matter; in fields it is kept.
//!
//! A pattern whose text could be cut in two ways is refused where that can be seen: two fields need literal text
//! between them.

mod fields;
mod fold;
mod kind;
mod matching;
mod pattern;

pub use fields::{Fields, Secret};
pub use fold::{Folded, MAX_CHARS, fold};
pub use kind::Kind;
pub use matching::Match;
pub use pattern::{Pattern, PatternError};
