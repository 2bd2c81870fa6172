//! The two layouts of CMPP.

/// Layout of a session's PDUs. 2.0 and 2.1 share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// CMPP 2.0 and 2.1.
    V2,
    /// CMPP 3.0.
    V3,
}

impl Version {
    /// The layout that a version octet stands for: high nibble major, low nibble minor.
    pub const fn of_octet(octet: u8) -> Self {
        if octet >= 0x30 { Self::V3 } else { Self::V2 }
    }

    /// The octet by which this crate names the version: 0x20 or 0x30.
    pub const fn octet(self) -> u8 {
        match self {
            Self::V2 => 0x20,
            Self::V3 => 0x30,
        }
    }

    /// The version below, to fall back to.
    pub const fn lower(self) -> Option<Self> {
        match self {
            Self::V2 => None,
            Self::V3 => Some(Self::V2),
        }
    }

    /// Octets of a phone number field.
    pub const fn terminal_len(self) -> usize {
        match self {
            Self::V2 => 21,
            Self::V3 => 32,
        }
    }

    /// Octets of the field that ends `SUBMIT` and `DELIVER`: Reserve in 2.x, LinkID in 3.0.
    pub const fn tail_len(self) -> usize {
        match self {
            Self::V2 => 8,
            Self::V3 => 20,
        }
    }

    /// Octets of a result or status.
    pub const fn result_len(self) -> usize {
        match self {
            Self::V2 => 1,
            Self::V3 => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn octets_map_to_layouts() {
        assert_eq!(Version::of_octet(0x20), Version::V2);
        assert_eq!(Version::of_octet(0x21), Version::V2);
        assert_eq!(Version::of_octet(0x00), Version::V2);
        assert_eq!(Version::of_octet(0x30), Version::V3);
        assert!(Version::V2 < Version::V3);
    }
}
