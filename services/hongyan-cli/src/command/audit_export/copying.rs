//! An export on its way to disk: nothing that is there or comes is believed before it leads to a signed root. No network.

use hongyan_proto::audit::v1::{ExportLeaves, ExportProof};
use hongyan_tlog::{
    HASH_OCTETS, Hash, TILE_WIDTH, Tile,
    bundle::{self, push_entry},
    checkpoint::Checkpoint,
    edge::Edge,
    key::Verifier,
    leaf_hash,
    note::Note,
    range::{Beginning, RangeProof, RangeVerifier},
    tile::{Kind, MAX_LEVEL},
};

use crate::copied::{CHECKPOINT, Copied, PART, Part, UNFINISHED, says_its_place};

const WIDTH: u64 = TILE_WIDTH as u64;

/// Which entries are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The first; begins a bundle.
    pub(super) from: u64,
    /// The one behind the last; ends a bundle, or the log.
    pub(super) until: u64,
    /// All that the log has.
    pub(super) is_whole: bool,
}

/// Why it does not go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Files, or a directory that holds something else.
    Files(String),
    /// The service's answers, or what is there, are not what they should be; with the entry, where it is about one.
    Wrong { index: Option<u64>, why: String },
}

fn wrong(why: impl Into<String>) -> Stop {
    Stop::Wrong {
        index: None,
        why: why.into(),
    }
}

/// A checkpoint whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) checkpoint: Checkpoint,
    pub(super) note: String,
}

impl Signed {
    /// Reads a note that this key must have signed.
    pub(super) fn parse(octets: &[u8], key: &Verifier) -> Result<Self, String> {
        let note = Note::parse(octets).map_err(|error| error.to_string())?;
        note.verified_by(std::slice::from_ref(key))
            .map_err(|error| error.to_string())?;
        Ok(Self {
            checkpoint: Checkpoint::parse_of(key.name(), note.text()).map_err(|error| error.to_string())?,
            note: note.to_string(),
        })
    }
}

/// One export into one directory.
pub(super) struct Copying {
    files: Copied,
    key: Verifier,
    wanted: Wanted,
    /// The entries so far; of a part, with what stands before them. Unknown until a part's first proof comes.
    so_far: Option<Beginning>,
    /// Makes the tiles of a whole log.
    edge: Edge,
    /// The bundle that is not full, and its hashes.
    bundle: Vec<u8>,
    hashes: Vec<Hash>,
    /// The checkpoint that a finished copy had before: the log must be its continuation.
    before: Option<Signed>,
    proved: Option<(Signed, RangeVerifier, RangeProof)>,
}

impl Copying {
    /// Takes up what is in the directory: the whole bundles from the first on. What is damaged is removed, and comes again.
    pub(super) fn open(
        files: Copied,
        key: Verifier,
        wanted: Wanted,
        progress: impl FnMut(u64),
    ) -> Result<Self, Stop> {
        let mut copying = Self {
            so_far: None,
            edge: Edge::new(),
            bundle: Vec::new(),
            hashes: Vec::new(),
            before: None,
            proved: None,
            files,
            key,
            wanted,
        };
        copying.look()?;
        copying.take_up(progress)?;
        Ok(copying)
    }

    /// What the directory is.
    fn look(&mut self) -> Result<(), Stop> {
        let shown = self.files.path().display().to_string();
        let held = |why: &str| Stop::Files(format!("{shown}: {why}"));
        let unfinished = self.text(UNFINISHED)?;
        let checkpoint = self.text(CHECKPOINT)?;
        if let Some(octets) = &unfinished {
            let part = Part::parse(octets).map_err(|why| held(&format!("{UNFINISHED}: {why}")))?;
            let proof = part
                .proof()
                .map_err(|why| held(&format!("{UNFINISHED}: {why}")))?;
            // 0 stands for the end of a whole log, wherever that is by now.
            let until = if self.wanted.is_whole {
                0
            } else {
                self.wanted.until
            };
            if (part.from, part.until) != (self.wanted.from, until) {
                return Err(held(
                    "holds an unfinished export of other entries; name another directory",
                ));
            }
            let so_far = Beginning::new(part.from, &proof.left);
            self.so_far = Some(so_far.map_err(|error| held(&format!("{UNFINISHED}: {error}")))?);
        } else if self.text(PART)?.is_some() {
            return Err(held("holds a part of a log already; name another directory"));
        } else if checkpoint.is_none() && !self.is_empty()? {
            return Err(held("is not empty, and holds no copy of a log"));
        }
        if let Some(octets) = checkpoint {
            let before = Signed::parse(&octets, &self.key)
                .map_err(|why| held(&format!("{CHECKPOINT}: {why}; it is not of this log")))?;
            if !self.wanted.is_whole {
                return Err(held("holds a whole log; name another directory for a part"));
            }
            let (old, new) = (before.checkpoint.size(), self.wanted.until);
            if new < old {
                return Err(wrong(format!(
                    "the copy has a signed checkpoint of {old} entries, and the service's newest has {new}: \
                     the service's log was rolled back"
                )));
            }
            self.before = Some(before);
        }
        if self.wanted.is_whole {
            self.so_far = Some(Beginning::default());
        }
        if unfinished.is_none() && self.before.is_none() && self.wanted.is_whole {
            self.keep_unfinished(&RangeProof {
                left: Vec::new(),
                right: Vec::new(),
            })?;
        }
        Ok(())
    }

    fn is_empty(&self) -> Result<bool, Stop> {
        match std::fs::read_dir(self.files.path()) {
            Ok(mut entries) => Ok(entries.next().is_none()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(Stop::Files(format!("{}: {error}", self.files.path().display()))),
        }
    }

    fn text(&self, name: &str) -> Result<Option<Vec<u8>>, Stop> {
        let named = |why| Stop::Files(format!("{}: {why}", self.files.path().join(name).display()));
        self.files.text(name).map_err(named)
    }

    fn keep_unfinished(&self, proof: &RangeProof) -> Result<(), Stop> {
        let until = if self.wanted.is_whole {
            0
        } else {
            self.wanted.until
        };
        let left_only = RangeProof {
            left: proof.left.clone(),
            right: Vec::new(),
        };
        let part = Part::new(self.wanted.from, until, &left_only);
        self.files
            .write(UNFINISHED, &part.to_octets())
            .map_err(Stop::Files)
    }

    /// Reads what is there. The last bundle comes again in any case, so that there is always a proof to be had.
    fn take_up(&mut self, mut progress: impl FnMut(u64)) -> Result<(), Stop> {
        while self.so_far.is_some() && self.next() + WIDTH < self.wanted.until {
            let Some(tile) = Tile::new(Kind::Entries, self.next() / WIDTH, TILE_WIDTH) else {
                return Ok(());
            };
            let named = |why| Stop::Files(format!("{tile}: {why}"));
            let Some(octets) = self.files.tile(tile).map_err(named)? else {
                return Ok(());
            };
            let Some(entries) = self.sound(tile, &octets) else {
                return self.files.remove(&tile.to_string()).map_err(named);
            };
            for entry in entries {
                self.push(entry)?;
            }
            progress(self.next());
        }
        Ok(())
    }

    /// The entries of a bundle that is whole, and whose hashes are those that were written beside it.
    fn sound<'a>(&self, tile: Tile, octets: &'a [u8]) -> Option<Vec<&'a [u8]>> {
        let entries = bundle::entries(octets, TILE_WIDTH).ok()?;
        let beside = Tile::new(Kind::Hashes(0), tile.index(), TILE_WIDTH)?;
        let there = self.files.tile(beside).ok()??;
        let hashes = bundle::leaf_hashes(&entries);
        let are_those = hashes.iter().flat_map(Hash::as_bytes).eq(&there);
        let mut placed = (self.next()..).zip(&entries);
        let origin = self.key.name();
        let are_here = placed.all(|(index, entry)| says_its_place(origin, index, entry).is_ok());
        (are_those && are_here).then_some(entries)
    }

    /// The entry that is wanted next.
    pub(super) fn next(&self) -> u64 {
        self.so_far.as_ref().map_or(self.wanted.from, Beginning::size)
    }

    /// The proof of what comes, and so of what is there.
    pub(super) fn begin(&mut self, proof: &ExportProof) -> Result<(), Stop> {
        let hashes = |field: &str, octets: &[prost::bytes::Bytes]| {
            let one =
                |octets: &prost::bytes::Bytes| <[u8; HASH_OCTETS]>::try_from(&octets[..]).ok().map(Hash);
            let all: Option<Vec<_>> = octets.iter().map(one).collect();
            all.ok_or_else(|| wrong(format!("{field} are not hashes of {HASH_OCTETS} octets")))
        };
        let next = self.next();
        if (proof.from, proof.until) != (next, self.wanted.until) {
            return Err(wrong(format!(
                "{} to {} was asked, and {} to {} is answered",
                next, self.wanted.until, proof.from, proof.until
            )));
        }
        let signed = Signed::parse(proof.note.as_bytes(), &self.key)
            .map_err(|why| wrong(format!("the checkpoint of the export: {why}")))?;
        let sides = RangeProof {
            left: hashes("left_hashes", &proof.left_hashes)?,
            right: hashes("right_hashes", &proof.right_hashes)?,
        };
        let tree = (signed.checkpoint.size(), *signed.checkpoint.root());
        let verifier = RangeVerifier::new((next, self.wanted.until), tree, &sides)
            .map_err(|error| wrong(error.to_string()))?;
        match &self.so_far {
            Some(so_far) if so_far.roots() != sides.left => {
                return Err(wrong(format!(
                    "the {} entries that are in {} are not those that the service has there",
                    next - self.wanted.from,
                    self.files.path().display()
                )));
            }
            Some(_) => {}
            None => {
                self.keep_unfinished(&sides)?;
                let so_far = Beginning::new(next, &sides.left);
                self.so_far = Some(so_far.map_err(|error| wrong(error.to_string()))?);
            }
        }
        self.proved = Some((signed, verifier, sides));
        Ok(())
    }

    /// Entries that came.
    pub(super) fn take(&mut self, leaves: &ExportLeaves) -> Result<(), Stop> {
        if leaves.first != self.next() {
            return Err(wrong(format!(
                "entry {} should come, and {} came",
                self.next(),
                leaves.first
            )));
        }
        for leaf in &leaves.leaves {
            let index = self.next();
            let at = |why: String| Stop::Wrong {
                index: Some(index),
                why,
            };
            let Some((_, verifier, _)) = &mut self.proved else {
                return Err(wrong("entries came before their proof"));
            };
            verifier
                .push(leaf_hash(leaf))
                .map_err(|error| at(error.to_string()))?;
            says_its_place(self.key.name(), index, leaf).map_err(at)?;
            self.push(leaf)?;
        }
        Ok(())
    }

    /// One entry more; what becomes full is written.
    fn push(&mut self, entry: &[u8]) -> Result<(), Stop> {
        let index = self.next();
        push_entry(&mut self.bundle, entry).map_err(|error| Stop::Wrong {
            index: Some(index),
            why: error.to_string(),
        })?;
        let hash = leaf_hash(entry);
        self.hashes.push(hash);
        if let Some(so_far) = &mut self.so_far {
            so_far.push(hash);
        }
        let mut full = Vec::new();
        if self.wanted.is_whole {
            self.edge.push(hash, &mut full);
            self.continues_before()?;
        }
        for (tile, octets) in full {
            // The tile over the entries themselves is written below, for a part as well.
            if tile.kind() != Kind::Hashes(0) {
                self.put(tile, &octets)?;
            }
        }
        if self.next().is_multiple_of(WIDTH) {
            self.write_bundle(TILE_WIDTH)?;
        }
        Ok(())
    }

    /// The log of now is the one that the copy was of.
    fn continues_before(&self) -> Result<(), Stop> {
        match &self.before {
            Some(before)
                if before.checkpoint.size() == self.edge.size()
                    && *before.checkpoint.root() != self.edge.root() =>
            {
                Err(wrong(format!(
                    "the first {} entries are not those of the signed checkpoint that is in {}: the log was \
                     rewritten, or the copy was",
                    self.edge.size(),
                    self.files.path().display()
                )))
            }
            _ => Ok(()),
        }
    }

    /// The bundle as it is, and the tile of its hashes.
    fn write_bundle(&mut self, width: u16) -> Result<(), Stop> {
        let number = (self.next() - u64::from(width)) / WIDTH;
        let hashes: Vec<u8> = self.hashes.drain(..).flat_map(|hash| hash.0).collect();
        let bundle = std::mem::take(&mut self.bundle);
        for (kind, octets) in [(Kind::Entries, bundle), (Kind::Hashes(0), hashes)] {
            if let Some(tile) = Tile::new(kind, number, width) {
                self.put(tile, &octets)?;
            }
        }
        Ok(())
    }

    fn put(&self, tile: Tile, octets: &[u8]) -> Result<(), Stop> {
        let named = |why| Stop::Files(format!("{tile}: {why}"));
        if self
            .files
            .tile(tile)
            .is_ok_and(|there| there.as_deref() == Some(octets))
        {
            return Ok(());
        }
        self.files.write(&tile.to_string(), octets).map_err(named)
    }

    /// Everything came: does it lead to the signed roots? `newest` is the checkpoint of the log's end that was wanted.
    /// Gives the checkpoint that stands in the copy.
    pub(super) fn finish(mut self, newest: &Signed) -> Result<Signed, Stop> {
        let Some((signed, verifier, sides)) = self.proved.take() else {
            return Err(wrong("the export ended before its proof"));
        };
        verifier.finish().map_err(|error| wrong(error.to_string()))?;
        let rest = (self.next() % WIDTH) as u16;
        if rest > 0 {
            self.write_bundle(rest)?;
        }
        let kept = if self.wanted.is_whole {
            if self.edge.root() != *newest.checkpoint.root() {
                return Err(wrong(
                    "two signed checkpoints of the service contradict each other",
                ));
            }
            let partial: Vec<_> = self.edge.partial().collect();
            for (tile, octets) in partial {
                self.put(tile, &octets)?;
            }
            newest
        } else {
            let left = self.left_of_part()?;
            let right = sides.right;
            let part = Part::new(self.wanted.from, self.wanted.until, &RangeProof { left, right });
            self.files.write(PART, &part.to_octets()).map_err(Stop::Files)?;
            &signed
        };
        // The checkpoint comes last: a copy that has one has all that it covers.
        self.files.sync().map_err(Stop::Files)?;
        self.files
            .write(CHECKPOINT, kept.note.as_bytes())
            .map_err(Stop::Files)?;
        self.files.remove(UNFINISHED).map_err(Stop::Files)?;
        self.remove_old_partials()?;
        self.files.sync().map_err(Stop::Files)?;
        Ok(kept.clone())
    }

    /// As the first proof of this part had it.
    fn left_of_part(&self) -> Result<Vec<Hash>, Stop> {
        let octets = self.text(UNFINISHED)?;
        let octets = octets.ok_or_else(|| Stop::Files(format!("{UNFINISHED} is gone")))?;
        let proof = Part::parse(&octets).and_then(|part| part.proof());
        Ok(proof
            .map_err(|why| Stop::Files(format!("{UNFINISHED}: {why}")))?
            .left)
    }

    /// Those of the checkpoint that stood there before.
    fn remove_old_partials(&self) -> Result<(), Stop> {
        let (Some(before), true) = (&self.before, self.wanted.is_whole) else {
            return Ok(());
        };
        let (old, new) = (before.checkpoint.size(), self.wanted.until);
        for kind in (0..=MAX_LEVEL).map(Kind::Hashes).chain([Kind::Entries]) {
            if let Some(tile) = Tile::all(kind, old).last().filter(Tile::is_partial) {
                let now = Tile::holding(kind, tile.index() * WIDTH, new).filter(Tile::is_partial);
                self.files.remove_partials(tile, now).map_err(Stop::Files)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
