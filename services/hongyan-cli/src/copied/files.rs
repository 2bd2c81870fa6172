//! The files of a copy.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use hongyan_tlog::{HASH_OCTETS, TILE_WIDTH, Tile, bundle::MAX_ENTRY_OCTETS, tile::Kind};

/// The largest bundle that can be: 256 of the longest entries, each behind its length.
const MAX_BUNDLE_OCTETS: u64 = TILE_WIDTH as u64 * (MAX_ENTRY_OCTETS as u64 + 2);
/// A note or a proof of a range is shorter.
const MAX_TEXT_OCTETS: u64 = 64 * 1024;
const STAGED: &str = "staged";

/// A directory; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Copied(PathBuf);

impl Copied {
    pub(crate) fn at(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A tile or bundle; `None` where it is not there. Nothing is read that is longer than it can be.
    pub(crate) fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, String> {
        let most = match tile.kind() {
            Kind::Entries => MAX_BUNDLE_OCTETS,
            Kind::Hashes(_) => u64::from(TILE_WIDTH) * HASH_OCTETS as u64,
        };
        self.read(&tile.to_string(), most)
    }

    /// A text beside the tiles.
    pub(crate) fn text(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        self.read(name, MAX_TEXT_OCTETS)
    }

    fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, String> {
        let path = self.0.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let meta = file.metadata().map_err(|error| error.to_string())?;
        if !meta.is_file() {
            return Err("is no file".to_owned());
        }
        let mut octets = Vec::with_capacity(usize::try_from(meta.len().min(most)).unwrap_or(0));
        file.take(most + 1)
            .read_to_end(&mut octets)
            .map_err(|error| error.to_string())?;
        if octets.len() as u64 > most {
            return Err(format!("has more than {most} octets"));
        }
        Ok(Some(octets))
    }

    /// Writes a file so that it is there whole or not at all. It is not synced: see [`Copied::sync`].
    pub(crate) fn write(&self, name: &str, octets: &[u8]) -> Result<(), String> {
        let path = self.0.join(name);
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(failed)?;
        }
        let staged = self.0.join(STAGED);
        let mut file = File::create(&staged).map_err(failed)?;
        file.write_all(octets).map_err(failed)?;
        drop(file);
        fs::rename(&staged, &path).map_err(failed)
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), String> {
        match fs::remove_file(self.0.join(name)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(format!("{name}: {error}")),
        }
    }

    /// Removes the partial forms of a tile that is there in full, and older ones of one that is not.
    pub(crate) fn remove_partials(&self, tile: Tile, but: Option<Tile>) -> Result<(), String> {
        let dir = self.0.join(format!("{}.p", tile.full()));
        let failed = |error: io::Error| format!("{}: {error}", dir.display());
        let listed = match fs::read_dir(&dir) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let kept = but.map(|tile| self.0.join(tile.to_string()));
        for entry in listed {
            let path = entry.map_err(failed)?.path();
            if kept.as_ref() != Some(&path) {
                fs::remove_file(&path).map_err(failed)?;
            }
        }
        if kept.is_none() {
            fs::remove_dir(&dir).map_err(failed)?;
        }
        Ok(())
    }

    /// Everything that was written is on disk when this is done.
    pub(crate) fn sync(&self) -> Result<(), String> {
        let failed = |error: io::Error| format!("{}: {error}", self.0.display());
        let dir = File::open(&self.0).map_err(failed)?;
        rustix::fs::syncfs(&dir).map_err(|errno| failed(errno.into()))
    }

    /// The tile, and how wide it was found. A partial one gives way to the full one, which begins alike: so a copy of a log
    /// that went on meanwhile can be checked.
    pub(crate) fn tile_or_full(&self, tile: Tile) -> Result<Option<(Vec<u8>, u16)>, String> {
        if let Some(octets) = self.tile(tile)? {
            return Ok(Some((octets, tile.width())));
        }
        if !tile.is_partial() {
            return Ok(None);
        }
        let full = self.tile(tile.full())?;
        Ok(full.map(|octets| (octets, TILE_WIDTH)))
    }
}

#[cfg(test)]
mod tests {
    use hongyan_tlog::Tile;

    use super::Copied;

    #[test]
    fn what_is_no_file_or_too_long_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let copied = Copied::at(dir.path());
        let tile: Tile = "tile/0/001.p/3".parse().unwrap();
        assert_eq!(copied.tile(tile), Ok(None));
        copied.write(&tile.to_string(), &[7; 96]).unwrap();
        assert_eq!(copied.tile(tile), Ok(Some(vec![7; 96])));
        copied.write("checkpoint", &vec![b'a'; 65_537]).unwrap();
        assert!(copied.text("checkpoint").unwrap_err().contains("65536"));
        std::fs::create_dir_all(dir.path().join("tile/0/002")).unwrap();
        assert!(copied.tile("tile/0/002".parse().unwrap()).is_err());
        copied.write("tile/0/001", &[7; 8_193]).unwrap();
        assert!(copied.tile(tile.full()).unwrap_err().contains("8192"));
    }

    #[test]
    fn partial_tiles_go_when_they_are_of_no_use() {
        let dir = tempfile::tempdir().unwrap();
        let copied = Copied::at(dir.path());
        let [three, nine]: [Tile; 2] = ["tile/0/001.p/3", "tile/0/001.p/9"].map(|path| path.parse().unwrap());
        for tile in [three, nine] {
            copied.write(&tile.to_string(), b"x").unwrap();
        }
        copied.remove_partials(three, Some(nine)).unwrap();
        assert_eq!(
            (copied.tile(three), copied.tile(nine)),
            (Ok(None), Ok(Some(b"x".to_vec())))
        );
        copied.remove_partials(nine, None).unwrap();
        assert_eq!(copied.tile(nine), Ok(None));
        copied.remove_partials(nine, None).unwrap();
    }
}
