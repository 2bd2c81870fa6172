//! Files that hold secrets, as Kubernetes mounts them.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

const MAX_SECRET_OCTETS: u64 = 64 * 1024;

/// The path of a secret. The secret itself is read each time, so that it can be changed without restart, and is never
/// kept, printed or logged here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile(PathBuf);

impl SecretFile {
    /// Names the file; it is not read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The content without the line end that editors add. At most 64 KiB.
    pub fn read(&self) -> Result<String, SecretFileError> {
        let refuse = |reason: String| SecretFileError {
            path: self.0.clone(),
            reason,
        };
        let io = |error: io::Error| refuse(error.to_string());
        if fs::metadata(&self.0).map_err(io)?.len() > MAX_SECRET_OCTETS {
            return Err(refuse(format!("is larger than {MAX_SECRET_OCTETS} octets")));
        }
        let mut text = fs::read_to_string(&self.0).map_err(io)?;
        text.truncate(text.trim_end_matches(['\n', '\r']).len());
        if text.is_empty() {
            return Err(refuse("is empty".to_owned()));
        }
        Ok(text)
    }
}

/// Why a secret could not be read; names the file, never its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFileError {
    path: PathBuf,
    reason: String,
}

impl fmt::Display for SecretFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret file {}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for SecretFileError {}
