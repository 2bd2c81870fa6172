//! What stands on standard input, so that personal data need be in no argument.

use std::io::{BufRead, Read as _};

use crate::answer::Failure;

/// More than any text or person needs.
const MAX_OCTETS: u64 = 64 * 1024;

/// The first line, without its end.
pub(crate) fn line(input: &mut impl BufRead) -> Result<String, Failure> {
    let mut line = String::new();
    input
        .by_ref()
        .take(MAX_OCTETS)
        .read_line(&mut line)
        .map_err(|error| unreadable(&error))?;
    let line = line.trim();
    if line.is_empty() {
        return Err(Failure::Usage("standard input holds no line".to_owned()));
    }
    Ok(line.to_owned())
}

/// All of it, without the line end that editors and `echo` add.
pub(crate) fn all(input: &mut impl BufRead) -> Result<String, Failure> {
    let mut text = String::new();
    input
        .by_ref()
        .take(MAX_OCTETS)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(&error))?;
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    Ok(text)
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::Usage(format!("standard input cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{all, line};

    #[test]
    fn a_line_and_the_rest() {
        let mut input = "  13800138000 \nfirst\nsecond\n\n".as_bytes();
        assert_eq!(line(&mut input).unwrap(), "13800138000");
        assert_eq!(all(&mut input).unwrap(), "first\nsecond");
        assert!(line(&mut input).is_err());
    }

    #[test]
    fn what_is_not_utf_8_is_refused_without_being_shown() {
        let error = all(&mut &b"\xff13800138000"[..]).unwrap_err().to_string();
        assert!(!error.contains("138"), "{error}");
    }
}
