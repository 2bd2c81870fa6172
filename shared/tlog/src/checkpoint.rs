//! Checkpoints: what a log states about itself in a signed note (C2SP `tlog-checkpoint`).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{HASH_OCTETS, Hash};

/// The longest origin, in octets.
pub const MAX_ORIGIN_OCTETS: usize = 255;

/// Why a note's text is no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Fewer than three lines, an empty one, or no line end behind the last.
    #[error("a checkpoint is at least three lines, none empty, each with its end")]
    Shape,
    /// Longer than [`MAX_ORIGIN_OCTETS`].
    #[error("an origin has at most {MAX_ORIGIN_OCTETS} octets")]
    Origin,
    /// No decimal number without leading zeros that fits 64 bits.
    #[error("the size is no decimal number without leading zeros")]
    Size,
    /// Not 32 octets in base64.
    #[error("the root is not {HASH_OCTETS} octets in base64")]
    Root,
    /// Another log's.
    #[error("the checkpoint is of another log")]
    OtherOrigin,
}

/// The size and root of a log at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without further lines.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        if origin.is_empty() || origin.chars().any(char::is_control) {
            return Err(CheckpointError::Shape);
        }
        if origin.len() > MAX_ORIGIN_OCTETS {
            return Err(CheckpointError::Origin);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
            extensions: Vec::new(),
        })
    }

    /// Reads a note's text.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Shape)?.split('\n');
        let mut next = || {
            lines
                .next()
                .filter(|line| !line.is_empty())
                .ok_or(CheckpointError::Shape)
        };
        let (origin, size, root) = (next()?, next()?, next()?);
        let mut checkpoint = Self::new(
            origin,
            decimal(size).ok_or(CheckpointError::Size)?,
            hash(root).ok_or(CheckpointError::Root)?,
        )?;
        for line in lines {
            if line.is_empty() {
                return Err(CheckpointError::Shape);
            }
            checkpoint.extensions.push(line.to_owned());
        }
        Ok(checkpoint)
    }

    /// Reads a note's text that must be of the log with this origin.
    pub fn parse_of(origin: &str, text: &str) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(text)?;
        if checkpoint.origin == origin {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::OtherOrigin)
        }
    }

    /// Which log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over all of them.
    pub fn root(&self) -> &Hash {
        &self.root
    }

    /// Further lines, which mean nothing here.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

/// The note's text.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.root.as_bytes());
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A decimal number without sign and without leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    (canonical && digits).then(|| text.parse().ok()).flatten()
}

/// A hash in base64.
pub(crate) fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok().map(Hash)
}

#[cfg(test)]
mod tests {
    use super::{Checkpoint, CheckpointError};
    use crate::empty_root;

    const EXAMPLE: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn the_example_of_the_specification() {
        let checkpoint = Checkpoint::parse_of("example.com/behind-the-sofa", EXAMPLE).unwrap();
        assert_eq!(checkpoint.size(), 20_852_163);
        assert_eq!(
            checkpoint.root().to_string(),
            "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
        );
        assert_eq!(checkpoint.to_string(), EXAMPLE);
        assert_eq!(
            Checkpoint::parse_of("example.com/other", EXAMPLE),
            Err(CheckpointError::OtherOrigin)
        );
    }

    #[test]
    fn further_lines_are_kept() {
        let text = format!("{EXAMPLE}one\ntwo 2\n");
        let checkpoint = Checkpoint::parse(&text).unwrap();
        assert_eq!(checkpoint.extensions(), ["one", "two 2"]);
        assert_eq!(checkpoint.to_string(), text);
    }

    #[test]
    fn the_empty_log_has_a_checkpoint() {
        let checkpoint = Checkpoint::new("a", 0, empty_root()).unwrap();
        assert_eq!(
            checkpoint.to_string(),
            "a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
        );
        assert_eq!(Checkpoint::parse(&checkpoint.to_string()), Ok(checkpoint));
    }

    #[test]
    fn what_is_no_checkpoint_says_why() {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        for (text, why) in [
            (String::new(), CheckpointError::Shape),
            ("\n".to_owned(), CheckpointError::Shape),
            (format!("a\n1\n{root}"), CheckpointError::Shape),
            (format!("a\n1\n{root}\n\n"), CheckpointError::Shape),
            (format!("a\n1\n{root}\n\nx\n"), CheckpointError::Shape),
            (format!("\n1\n{root}\n"), CheckpointError::Shape),
            ("a\n1\n".to_owned(), CheckpointError::Shape),
            (
                format!("{}\n1\n{root}\n", "a".repeat(256)),
                CheckpointError::Origin,
            ),
            (format!("a\n01\n{root}\n"), CheckpointError::Size),
            (format!("a\n+1\n{root}\n"), CheckpointError::Size),
            (format!("a\n-1\n{root}\n"), CheckpointError::Size),
            (format!("a\n1 \n{root}\n"), CheckpointError::Size),
            (
                format!("a\n18446744073709551616\n{root}\n"),
                CheckpointError::Size,
            ),
            ("a\n1\nAAAA\n".to_owned(), CheckpointError::Root),
            (
                format!("a\n1\n{}\n", root.replace('=', "")),
                CheckpointError::Root,
            ),
            (
                format!("a\n1\n{}\n", root.replace("2I=", "2J=")),
                CheckpointError::Root,
            ),
            (format!("a\n1\n {root}\n"), CheckpointError::Root),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(why), "{text:?}");
        }
    }
}
