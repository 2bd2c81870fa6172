//! Message ids in one form.
//!
//! The id of a message is told twice: in the response to its submit and in its receipt. Many SMSCs write the same
//! number in hexadecimal in the response and in decimal in the receipt's text, with leading zeros in one of them or
//! letters of the other case. `receipted_message_id`, where a receipt has it, is written as in the response.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::receipt::Receipt;

/// Most digits that are read as one number: 128 bits.
const MAX_HEX_DIGITS: usize = 32;
/// Most decimal digits that surely fit 128 bits.
const MAX_DECIMAL_DIGITS: usize = 38;
/// After so many ids of digits alone they are decimal for good: one odd id must not turn all that follow. Of hexadecimal
/// ids of seven digits, so many in a row without a letter do not happen.
const SURELY_DECIMAL: u32 = 64;

/// How an SMSC writes the id in the text of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReceiptIdForm {
    /// Found out. Ids of digits alone are taken for decimal, in responses until one had a letter, in texts until
    /// one had a letter; after 64 of them in a row for good. Right at once for SMSCs that write both in decimal, and for all others but for those ids
    /// that have no letter by chance before the first one that has.
    #[default]
    Auto,
    /// As in the response, be it a number or not.
    Same,
    /// In decimal, where the response has hexadecimal.
    Decimal,
    /// In hexadecimal, where the response has decimal.
    Hex,
}

/// Brings the ids of one link into one form. What [`ReceiptIdForm::Auto`] finds out is kept here, so one of these
/// is shared by all sessions with an SMSC.
#[derive(Debug, Default)]
pub struct MessageIds {
    form: ReceiptIdForm,
    responses: Learned,
    texts: Learned,
}

/// What is found out about the ids in one place.
#[derive(Debug, Default)]
struct Learned {
    are_hex: AtomicBool,
    /// Ids of digits alone that were met before any other.
    decimal: AtomicU32,
}

/// The base in which digits are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Decimal,
    Hex,
}

impl MessageIds {
    /// For an SMSC that writes ids like this.
    pub fn new(form: ReceiptIdForm) -> Self {
        Self {
            form,
            ..Self::default()
        }
    }

    /// The id of a response, or of `receipted_message_id`, in the form to compare and store; empty for an empty id.
    /// Numbers become lower-case hexadecimal without leading zeros, except with [`ReceiptIdForm::Same`].
    pub fn of_response(&self, id: &[u8]) -> String {
        let base = match self.form {
            ReceiptIdForm::Same => None,
            ReceiptIdForm::Decimal => Some(Base::Hex),
            ReceiptIdForm::Hex => Some(Base::Decimal),
            ReceiptIdForm::Auto => Some(self.responses.base_of(id)),
        };
        normalised(id, base)
    }

    /// The id of a receipt's text in the same form.
    pub fn of_text(&self, id: &[u8]) -> String {
        let base = match self.form {
            ReceiptIdForm::Same => None,
            ReceiptIdForm::Decimal => Some(Base::Decimal),
            ReceiptIdForm::Hex => Some(Base::Hex),
            ReceiptIdForm::Auto => Some(self.texts.base_of(id)),
        };
        normalised(id, base)
    }

    /// The id of a receipt: its parameter before its text. `None` when it has neither.
    pub fn of_receipt(&self, receipt: &Receipt) -> Option<String> {
        // Both are looked at: a text's letters teach even where the parameter is used.
        let of_text = receipt.text_id.map(|id| self.of_text(id.as_bytes()));
        let of_parameter = receipt.receipted_id.map(|id| self.of_response(id.as_bytes()));
        of_parameter.or(of_text)
    }
}

impl Learned {
    /// The base of ids that are found out: hexadecimal as soon as one could be nothing else, unless many before it had
    /// digits alone.
    fn base_of(&self, id: &[u8]) -> Base {
        let id = trimmed(id);
        let digits_alone = id.iter().all(u8::is_ascii_digit);
        if !digits_alone && id.len() <= MAX_HEX_DIGITS && id.iter().all(u8::is_ascii_hexdigit) {
            if self.decimal.load(Ordering::Relaxed) < SURELY_DECIMAL {
                self.are_hex.store(true, Ordering::Relaxed);
            }
            return Base::Hex;
        }
        if self.are_hex.load(Ordering::Relaxed) {
            return Base::Hex;
        }
        if digits_alone && !id.is_empty() {
            let count = |met: u32| (met < SURELY_DECIMAL).then_some(met.saturating_add(1));
            let _ = self
                .decimal
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
        }
        Base::Decimal
    }
}

fn trimmed(id: &[u8]) -> &[u8] {
    id.trim_ascii()
}

/// A number as lower-case hexadecimal; anything else in lower case. Leading zeros go either way.
fn normalised(id: &[u8], base: Option<Base>) -> String {
    let id = trimmed(id);
    base.and_then(|base| number(id, base))
        .map_or_else(|| opaque(id), |number| format!("{number:x}"))
}

fn number(id: &[u8], base: Base) -> Option<u128> {
    let digits = std::str::from_utf8(id).ok()?;
    let decimal = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    let hex = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_hexdigit());
    if decimal && base == Base::Decimal && digits.len() <= MAX_DECIMAL_DIGITS {
        digits.parse().ok()
    } else if hex && !(decimal && base == Base::Decimal) && digits.len() <= MAX_HEX_DIGITS {
        // With a letter it can only be hexadecimal, whatever the setting says.
        u128::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

fn opaque(id: &[u8]) -> String {
    let text = String::from_utf8_lossy(id).to_ascii_lowercase();
    let kept = text.trim_start_matches('0');
    if kept.is_empty() && !text.is_empty() {
        "0".to_owned()
    } else {
        kept.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_texts_meet_hexadecimal_responses() {
        for form in [ReceiptIdForm::Decimal, ReceiptIdForm::Auto] {
            let ids = MessageIds::new(form);
            assert_eq!(ids.of_response(b"38601fa"), "38601fa");
            assert_eq!(ids.of_text(b"0059113978"), "38601fa");
            // Digits alone, once it is known that responses are hexadecimal.
            assert_eq!(ids.of_response(b"00012345"), "12345");
            assert_eq!(ids.of_text(b"74565"), "12345");
            assert_eq!(ids.of_response(b"38601FA"), "38601fa");
        }
    }

    #[test]
    fn hexadecimal_texts_meet_decimal_responses() {
        let ids = MessageIds::new(ReceiptIdForm::Hex);
        assert_eq!(ids.of_response(b"59113978"), ids.of_text(b"038601FA"));
        assert_eq!(ids.of_response(b"74565"), ids.of_text(b"12345"));
    }

    #[test]
    fn decimal_in_both_places_needs_no_setting() {
        let ids = MessageIds::new(ReceiptIdForm::Auto);
        assert_eq!(ids.of_response(b"94258431594"), ids.of_text(b"094258431594"));
        let long = b"12345678901234567890123456789012345678";
        assert_eq!(ids.of_response(long), ids.of_text(long));
    }

    #[test]
    fn hexadecimal_in_both_places_is_found_out() {
        let ids = MessageIds::new(ReceiptIdForm::Auto);
        assert_eq!(ids.of_response(b"0aBc"), ids.of_text(b"ABC"));
        assert_eq!(ids.of_response(b"1234"), ids.of_text(b"01234"));
        assert_eq!(ids.of_response(b"1234"), "1234");
    }

    #[test]
    fn one_odd_id_turns_nothing_that_is_certain() {
        let ids = MessageIds::new(ReceiptIdForm::Auto);
        assert_eq!(ids.of_response(b"38601fa"), "38601fa");
        for number in 0..64 {
            assert_eq!(ids.of_text((59_000_000 + number).to_string().as_bytes()).len(), 7);
        }
        assert_eq!(ids.of_text(b"DEAD"), "dead");
        assert_eq!(ids.of_text(b"0059113978"), "38601fa");
    }

    #[test]
    fn what_is_no_number_differs_by_case_and_zeros_alone() {
        for form in [
            ReceiptIdForm::Auto,
            ReceiptIdForm::Same,
            ReceiptIdForm::Decimal,
            ReceiptIdForm::Hex,
        ] {
            let ids = MessageIds::new(form);
            assert_eq!(ids.of_response(b"00X-17z "), "x-17z");
            assert_eq!(ids.of_text(b"x-17Z"), "x-17z");
            let long = [b'9'; 64];
            assert_eq!(ids.of_response(&long), ids.of_text(&long));
            assert_eq!(ids.of_response(b""), "");
            assert_eq!(ids.of_response(b"000"), "0");
        }
        let same = MessageIds::new(ReceiptIdForm::Same);
        assert_ne!(same.of_response(b"10"), same.of_text(b"a"));
        assert_eq!(same.of_response(b"0010"), same.of_text(b"10"));
    }

    #[test]
    fn the_parameter_counts_before_the_text() {
        let ids = MessageIds::new(ReceiptIdForm::Auto);
        let receipt = Receipt {
            receipted_id: Some(crate::smpp::CText::new("38601fa").unwrap()),
            text_id: Some(crate::smpp::CText::new("1").unwrap()),
            ..Receipt::default()
        };
        assert_eq!(ids.of_receipt(&receipt).as_deref(), Some("38601fa"));
        assert_eq!(ids.of_receipt(&Receipt::default()), None);
    }
}
