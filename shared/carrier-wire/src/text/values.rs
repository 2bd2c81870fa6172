//! Which number stands for which coding: each protocol has its own list.

use super::Coding;

/// A protocol's numbers for codings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Values {
    /// `Msg_Fmt` of CMPP and `MessageCoding` of SGIP: 0 ASCII, 8 UCS-2, 15 GBK. 3 (SIM card), 4 (binary) and the
    /// classes 0xF5 and 0xF6 are octets.
    MsgFmt,
    /// `MsgFormat` of SMGP: the same, but that 15 is GB18030. 246 is a SIM card's.
    MsgFormat,
    /// `data_coding` of SMPP: 1 ASCII, 3 Latin-1, 8 UCS-2, 2 and 4 octets, and GSM's classes. 0 is whatever the
    /// centre's default alphabet is.
    DataCoding {
        /// What 0 means at this centre: mostly GSM 7-bit, one septet an octet.
        default: Coding,
    },
}

impl Values {
    /// The coding that a number stands for. What stands for none is [`Coding::Other`].
    pub const fn coding(self, value: u8) -> Coding {
        match (self, value) {
            (Self::MsgFmt | Self::MsgFormat, 0) | (Self::DataCoding { .. }, 1) => Coding::Ascii,
            (_, 8) => Coding::Ucs2,
            (Self::MsgFmt, 15) => Coding::Gbk,
            (Self::MsgFormat, 15) => Coding::Gb18030,
            (Self::DataCoding { .. }, 3) => Coding::Latin1,
            (Self::DataCoding { default }, value) => Self::gsm(value, default),
            (Self::MsgFmt | Self::MsgFormat, value) => Coding::Other(value),
        }
    }

    /// GSM 03.38's data coding scheme, whose groups SMPP takes over for what it does not define itself: a message
    /// class (0x10 to 0x1F, 0xF0 to 0xFF) and waiting voice mail (0xC0 to 0xEF) beside an alphabet.
    const fn gsm(value: u8, default: Coding) -> Coding {
        match (value & 0xf0, value & 0x0c) {
            (0x10, 0x08) | (0xe0, _) => Coding::Ucs2,
            (0x10 | 0xf0, 0x00) | (0xf0, 0x08) | (0xc0 | 0xd0, _) => default,
            _ if value == 0 => default,
            _ => Coding::Other(value),
        }
    }

    /// The number to write for a coding; `None` where the protocol has none.
    pub const fn value(self, coding: Coding) -> Option<u8> {
        match (self, coding) {
            (_, Coding::Other(value)) => Some(value),
            (_, Coding::Ucs2) => Some(8),
            (Self::MsgFmt, Coding::Gbk) | (Self::MsgFormat, Coding::Gbk | Coding::Gb18030) => Some(15),
            (Self::DataCoding { .. }, Coding::Ascii) => Some(1),
            (Self::DataCoding { .. }, Coding::Latin1) => Some(3),
            (Self::MsgFmt | Self::MsgFormat, Coding::Ascii)
            | (
                Self::DataCoding {
                    default: Coding::Gsm7,
                },
                Coding::Gsm7,
            )
            | (
                Self::DataCoding {
                    default: Coding::Gsm7Packed,
                },
                Coding::Gsm7Packed,
            ) => Some(0),
            (
                Self::MsgFmt | Self::MsgFormat | Self::DataCoding { .. },
                Coding::Gsm7 | Coding::Gsm7Packed | Coding::Latin1 | Coding::Gbk | Coding::Gb18030,
            ) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Coding, Values};

    const SMPP: Values = Values::DataCoding {
        default: Coding::Gsm7,
    };

    #[test]
    fn each_protocol_has_its_numbers() {
        for (value, cmpp, smgp, smpp) in [
            (0, Coding::Ascii, Coding::Ascii, Coding::Gsm7),
            (1, Coding::Other(1), Coding::Other(1), Coding::Ascii),
            (2, Coding::Other(2), Coding::Other(2), Coding::Other(2)),
            (3, Coding::Other(3), Coding::Other(3), Coding::Latin1),
            (4, Coding::Other(4), Coding::Other(4), Coding::Other(4)),
            (8, Coding::Ucs2, Coding::Ucs2, Coding::Ucs2),
            (15, Coding::Gbk, Coding::Gb18030, Coding::Other(15)),
            (0x10, Coding::Other(0x10), Coding::Other(0x10), Coding::Gsm7),
            (
                0x14,
                Coding::Other(0x14),
                Coding::Other(0x14),
                Coding::Other(0x14),
            ),
            (0x18, Coding::Other(0x18), Coding::Other(0x18), Coding::Ucs2),
            (0xc8, Coding::Other(0xc8), Coding::Other(0xc8), Coding::Gsm7),
            (0xe8, Coding::Other(0xe8), Coding::Other(0xe8), Coding::Ucs2),
            (0xf0, Coding::Other(0xf0), Coding::Other(0xf0), Coding::Gsm7),
            (
                0xf5,
                Coding::Other(0xf5),
                Coding::Other(0xf5),
                Coding::Other(0xf5),
            ),
            (
                0xf6,
                Coding::Other(0xf6),
                Coding::Other(0xf6),
                Coding::Other(0xf6),
            ),
        ] {
            assert_eq!(Values::MsgFmt.coding(value), cmpp, "CMPP {value}");
            assert_eq!(Values::MsgFormat.coding(value), smgp, "SMGP {value}");
            assert_eq!(SMPP.coding(value), smpp, "SMPP {value}");
        }
    }

    #[test]
    fn a_centre_has_the_alphabet_it_has() {
        for default in [Coding::Ascii, Coding::Latin1, Coding::Gsm7Packed] {
            let values = Values::DataCoding { default };
            assert_eq!(values.coding(0), default);
            assert_eq!(values.coding(0xf1), default);
            assert_eq!(values.value(Coding::Gsm7), None);
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for values in [Values::MsgFmt, Values::MsgFormat, SMPP] {
            for coding in [
                Coding::Ascii,
                Coding::Gsm7,
                Coding::Gsm7Packed,
                Coding::Latin1,
                Coding::Ucs2,
                Coding::Gbk,
                Coding::Gb18030,
                Coding::Other(4),
            ] {
                let Some(value) = values.value(coding) else {
                    continue;
                };
                let read = values.coding(value);
                assert!(
                    read == coding || (coding, read) == (Coding::Gbk, Coding::Gb18030),
                    "{values:?} {coding:?} {read:?}: GBK is read as the GB18030 that it is part of"
                );
            }
        }
    }

    #[test]
    fn msg_fmt_passes_through_every_number() {
        for msg_fmt in 0..=255 {
            assert_eq!(Coding::of_msg_fmt(msg_fmt).msg_fmt(), msg_fmt);
        }
    }
}
