//! One log as its publisher has it.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use hongyan_tlog::{
    Hash, Tile,
    checkpoint::Checkpoint,
    key::{Signer, Verifier},
    note::{Note, NoteError},
};

use super::{PublishError, growing::Growing, published::Published};
use crate::record::{FinalCheckpoint, LogId};

/// A checkpoint, and the note that it stands in.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) note: Arc<str>,
    pub(super) checkpoint: Checkpoint,
}

impl Signed {
    /// Reads a note that this key must have signed. `place` is told where it did not.
    pub(super) fn read(
        log: LogId,
        place: &'static str,
        octets: &[u8],
        verifier: &Verifier,
    ) -> Result<Self, PublishError> {
        let wrong = |source| PublishError::Note { place, log, source };
        let note = Note::parse(octets).map_err(wrong)?;
        note.verified_by(std::slice::from_ref(verifier))
            .map_err(|source| match source {
                NoteError::NotSigned => PublishError::OtherKey {
                    place,
                    log,
                    origin: note.text().lines().next().unwrap_or_default().to_owned(),
                    expected: verifier.name().to_owned(),
                },
                other => wrong(other),
            })?;
        let checkpoint = Checkpoint::parse_of(verifier.name(), note.text())
            .map_err(|source| PublishError::Checkpoint { place, log, source })?;
        Ok(Self {
            note: Arc::from(note.to_string()),
            checkpoint,
        })
    }
}

#[derive(Debug)]
pub(super) struct Log {
    pub(super) growing: Growing,
    pub(super) signer: Signer,
    /// In the locks: signed by the log's key alone.
    pub(super) signed: Option<Signed>,
    /// Beside the tiles: the same one or an older one, with what witnesses added.
    pub(super) published: Option<Signed>,
    /// Leaves that the record has.
    pub(super) recorded: u64,
    /// At the start, the last leaf under the checkpoint beside the tiles: where it stands in the record, and its hash.
    /// `None` where there is none, or its entry is not kept any more.
    pub(super) last: Option<(u64, Hash)>,
    /// Its last leaf is one that closes it.
    pub(super) is_closed: bool,
    /// The record's index of its first leaf that no published checkpoint covers.
    pub(super) unpublished_from: Option<u64>,
    /// Files that are not written yet.
    pub(super) unwritten: Vec<(Tile, Bytes)>,
    /// Partial files that are there. They go when a published checkpoint has them in full.
    pub(super) partials: Vec<Tile>,
}

impl Log {
    /// One without a leaf.
    pub(super) fn new(signer: Signer) -> Self {
        Self {
            growing: Growing::default(),
            signer,
            signed: None,
            published: None,
            recorded: 0,
            last: None,
            is_closed: false,
            unpublished_from: None,
            unwritten: Vec::new(),
            partials: Vec::new(),
        }
    }

    /// The files of the log as it is have to be written.
    pub(super) fn stage(&mut self) {
        for (tile, octets) in self.growing.take_files() {
            if tile.is_partial() {
                self.partials.push(tile);
            }
            self.unwritten.push((tile, Bytes::from(octets)));
        }
    }

    /// Signs it as it is.
    pub(super) fn sign(&self, id: LogId) -> Result<Signed, PublishError> {
        let place = "lock";
        let checkpoint = Checkpoint::new(
            self.signer.verifier().name(),
            self.growing.size(),
            self.growing.root(),
        )
        .map_err(|source| PublishError::Checkpoint {
            place,
            log: id,
            source,
        })?;
        let note = Note::sign(&checkpoint.to_string(), &self.signer, unix_s()).map_err(|source| {
            PublishError::Note {
                place,
                log: id,
                source,
            }
        })?;
        Ok(Signed {
            note: Arc::from(note.to_string()),
            checkpoint,
        })
    }

    /// Leaves under the checkpoint in the locks.
    pub(super) fn locked(&self) -> u64 {
        size_of(self.signed.as_ref())
    }

    /// Leaves under the checkpoint beside the tiles.
    pub(super) fn stored(&self) -> u64 {
        size_of(self.published.as_ref())
    }

    pub(super) fn has_unsigned(&self) -> bool {
        self.growing.size() > self.locked()
    }

    /// What is signed, written to its last file, and not published yet.
    pub(super) fn pending(&self) -> Option<&Signed> {
        self.signed
            .as_ref()
            .filter(|_| self.locked() > self.stored() && self.unwritten.is_empty())
    }

    /// A checkpoint of it stands beside the tiles now.
    pub(super) fn is_published(&mut self, published: Signed) {
        if published.checkpoint.size() == self.growing.size() {
            self.unpublished_from = None;
        }
        self.published = Some(published);
    }

    /// The partial files that nobody needs any more, once.
    pub(super) fn take_needless(&mut self) -> Vec<Tile> {
        let size = self.stored();
        let (needless, kept) = std::mem::take(&mut self.partials)
            .into_iter()
            .partition(|tile| tile.full().leaves().1 <= size);
        self.partials = kept;
        needless
    }

    /// What everybody may know of it.
    pub(super) fn told(&self) -> Option<Published> {
        let published = self.published.as_ref()?;
        Some(Published {
            size: published.checkpoint.size(),
            root: *published.checkpoint.root(),
            note: Arc::clone(&published.note),
            verifier: self.signer.verifier().clone(),
        })
    }

    /// The last checkpoint of a log that is closed and signed to its end.
    pub(super) fn end(&self, id: LogId) -> Option<FinalCheckpoint> {
        let signed = self
            .signed
            .as_ref()
            .filter(|_| self.is_closed && !self.has_unsigned())?;
        Some(FinalCheckpoint {
            log: id,
            origin: signed.checkpoint.origin().to_owned(),
            size: signed.checkpoint.size(),
            root: *signed.checkpoint.root(),
            note: Arc::clone(&signed.note),
        })
    }
}

fn size_of(signed: Option<&Signed>) -> u64 {
    signed.map_or(0, |signed| signed.checkpoint.size())
}

fn unix_s() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use hongyan_tlog::{checkpoint::Checkpoint, edge::Edge, key::Signer, note::Note};

    use super::Signed;
    use crate::{record::LogId, testing::signer};

    #[test]
    fn another_key_or_another_organisation_is_told_as_that() {
        let log: LogId = "cdr/2026h2/0".parse().unwrap();
        let of = |organisation: &str| -> Signer { signer().named(&log.origin(organisation)).unwrap() };
        let edge = Edge::new();
        let ours = of("hongyan.test");
        let checkpoint = Checkpoint::new(ours.verifier().name(), edge.size(), edge.root()).unwrap();
        let note = Note::sign(&checkpoint.to_string(), &ours, 0).unwrap().to_string();
        assert!(Signed::read(log, "lock", note.as_bytes(), ours.verifier()).is_ok());
        let theirs = of("example.org");
        let told = Signed::read(log, "lock", note.as_bytes(), theirs.verifier()).unwrap_err();
        let told = told.to_string();
        for part in [
            "lock of cdr/2026h2/0 is of audit.hongyan.test/cdr/2026h2/0",
            "audit.example.org/cdr/2026h2/0",
            "record.signing_key_file",
            "record.organisation",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }
}
