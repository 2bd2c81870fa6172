//! Who is asked about: the elements of a question in their one canonical form, checked before anybody is paid to answer.

mod id_number;
mod name;

pub use id_number::{IdNumber, IdNumberError};
pub use name::{NameError, PersonName};

/// The half-width form of a full-width ASCII character (U+FF01 to U+FF5E); any other stays as it is.
fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => c,
    }
}
