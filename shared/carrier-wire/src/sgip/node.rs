//! Node ids: the number of an SP or a gateway, which opens every sequence that it gives out.
//!
//! | Who | Digits |
//! |---|---|
//! | SMG | `1` area `X` |
//! | SMSC | `2` area `X` |
//! | SP | `3` area corp |
//! | GNS | `4` area `X` |
//!
//! The area has four digits, a shorter code filled up with `0` on the right (010 is `0100`); corp is the enterprise
//! code of five digits. A node id is unsigned: that of an SP is above 2^31.

/// What cannot be part of a node id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// The area code is no three or four digits that begin with 0.
    #[error("an area code has three or four digits and begins with 0")]
    Area,
    /// The enterprise code has not five digits.
    #[error("an enterprise code has five digits")]
    Corp,
}

/// The node id of an SP, of its area code ("010", "0711") and its enterprise code ("92008").
///
/// # Errors
///
/// [`NodeError`] when one of them is not of its form.
pub fn sp(area: &str, corp: &str) -> Result<u32, NodeError> {
    let area = digits(area, 4).ok_or(NodeError::Area)?;
    let corp = (corp.len() == 5)
        .then(|| digits(corp, 5))
        .flatten()
        .ok_or(NodeError::Corp)?;
    if area >= 1_000 {
        return Err(NodeError::Area);
    }
    Ok(3_000_000_000 + area * 100_000 + corp)
}

/// The node id of a gateway, of its area code and its number there (0 to 9).
///
/// # Errors
///
/// [`NodeError::Area`] when the area code is not of its form, or the number above 9.
pub fn smg(area: &str, number: u8) -> Result<u32, NodeError> {
    let area = digits(area, 4).ok_or(NodeError::Area)?;
    if area >= 1_000 || number > 9 {
        return Err(NodeError::Area);
    }
    Ok(100_000 + area * 10 + u32::from(number))
}

/// Three digits at least, `width` at most, filled up with 0 on the right.
fn digits(text: &str, width: usize) -> Option<u32> {
    if !(3..=width).contains(&text.len()) || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    format!("{text:0<width$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sp_is_its_area_and_its_enterprise_code() {
        assert_eq!(sp("010", "92008"), Ok(3_010_092_008));
        assert_eq!(sp("010", "92008"), Ok(0xB36A_5BE8));
        assert_eq!(sp("0711", "92008"), Ok(3_071_192_008));
        assert_eq!(sp("0711", "92008"), Ok(0xB70E_ABC8));
    }

    #[test]
    fn a_gateway_is_its_area_and_its_number() {
        assert_eq!(smg("010", 0), Ok(101_000));
        assert_eq!(smg("0755", 1), Ok(107_551));
        assert_eq!(smg("010", 10), Err(NodeError::Area));
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for area in ["", "10", "01", "01000", "01a", "755", "+10", "1000"] {
            assert_eq!(sp(area, "92008"), Err(NodeError::Area), "{area}");
        }
        for corp in ["", "9200", "920081", "9200a", "-9200"] {
            assert_eq!(sp("010", corp), Err(NodeError::Corp), "{corp}");
        }
    }
}
