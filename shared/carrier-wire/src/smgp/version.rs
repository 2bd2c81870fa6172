//! The two layouts of SMGP.

/// Layout of a session's PDUs, settled by the login. They differ in the `FixedFee` of a `Submit` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// SMGP 1.3: a `Submit` has no `FixedFee`.
    V1,
    /// SMGP 3.0.
    V3,
}

impl Version {
    /// The layout that a version octet stands for: high nibble major, low nibble minor. Those of major version 1
    /// have the old layout.
    pub const fn of_octet(octet: u8) -> Self {
        if octet >> 4 <= 1 { Self::V1 } else { Self::V3 }
    }

    /// The octet by which this crate names the version: 0x13 or 0x30.
    pub const fn octet(self) -> u8 {
        match self {
            Self::V1 => 0x13,
            Self::V3 => 0x30,
        }
    }

    /// The version below, to fall back to.
    pub const fn lower(self) -> Option<Self> {
        match self {
            Self::V1 => None,
            Self::V3 => Some(Self::V1),
        }
    }

    /// Octets of `FixedFee` in a `Submit`.
    pub const fn fixed_fee_len(self) -> usize {
        match self {
            Self::V1 => 0,
            Self::V3 => 6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn octets_map_to_layouts() {
        assert_eq!(Version::of_octet(0x13), Version::V1);
        assert_eq!(Version::of_octet(0x10), Version::V1);
        assert_eq!(Version::of_octet(0x30), Version::V3);
        assert_eq!(Version::of_octet(0x20), Version::V3);
        for version in [Version::V1, Version::V3] {
            assert_eq!(Version::of_octet(version.octet()), version);
        }
        assert!(Version::V1 < Version::V3);
    }
}
