//! Carriers and the number blocks they own.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Msisdn;

/// A carrier of mainland China that owns number blocks. A virtual operator's block counts as the carrier whose network
/// it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Carrier {
    /// 中国移动
    ChinaMobile,
    /// 中国联通
    ChinaUnicom,
    /// 中国电信
    ChinaTelecom,
    /// 中国广电
    ChinaBroadnet,
}

use Carrier::{ChinaBroadnet, ChinaMobile, ChinaTelecom, ChinaUnicom};

/// First, last prefix and its number of digits. The longer prefixes come first, because they are exceptions to the
/// shorter ones; `None` is a block of none of the four (satellite, Star network).
///
/// Source: the MIIT's list of mobile network codes and H0 blocks as of 2023-03-31 (我国公众移动通信网网号及H0分配情况).
const BLOCKS: &[(u64, u64, u32, Option<Carrier>)] = &[
    // Satellite blocks of China Telecom inside 134, and of others inside 174.
    (13_492, 13_493, 5, Some(ChinaTelecom)),
    (13_499, 13_499, 5, Some(ChinaTelecom)),
    (17_400, 17_405, 5, Some(ChinaTelecom)),
    (1_349, 1_349, 4, None),
    (1_740, 1_749, 4, None),
    (1_619, 1_619, 4, None),
    // Virtual operators inside 170.
    (1_700, 1_702, 4, Some(ChinaTelecom)),
    (1_703, 1_703, 4, Some(ChinaMobile)),
    (1_704, 1_704, 4, Some(ChinaUnicom)),
    (1_705, 1_706, 4, Some(ChinaMobile)),
    (1_707, 1_709, 4, Some(ChinaUnicom)),
    (130, 132, 3, Some(ChinaUnicom)),
    (133, 133, 3, Some(ChinaTelecom)),
    (134, 139, 3, Some(ChinaMobile)),
    (145, 146, 3, Some(ChinaUnicom)),
    (147, 148, 3, Some(ChinaMobile)),
    (149, 149, 3, Some(ChinaTelecom)),
    (150, 152, 3, Some(ChinaMobile)),
    (153, 153, 3, Some(ChinaTelecom)),
    (155, 156, 3, Some(ChinaUnicom)),
    (157, 159, 3, Some(ChinaMobile)),
    (162, 162, 3, Some(ChinaTelecom)),
    (165, 165, 3, Some(ChinaMobile)),
    (166, 167, 3, Some(ChinaUnicom)),
    (171, 171, 3, Some(ChinaUnicom)),
    (172, 172, 3, Some(ChinaMobile)),
    (173, 173, 3, Some(ChinaTelecom)),
    (175, 176, 3, Some(ChinaUnicom)),
    (177, 177, 3, Some(ChinaTelecom)),
    (178, 178, 3, Some(ChinaMobile)),
    (180, 181, 3, Some(ChinaTelecom)),
    (182, 184, 3, Some(ChinaMobile)),
    (185, 186, 3, Some(ChinaUnicom)),
    (187, 188, 3, Some(ChinaMobile)),
    (189, 191, 3, Some(ChinaTelecom)),
    (192, 192, 3, Some(ChinaBroadnet)),
    (193, 193, 3, Some(ChinaTelecom)),
    (195, 195, 3, Some(ChinaMobile)),
    (196, 196, 3, Some(ChinaUnicom)),
    (197, 198, 3, Some(ChinaMobile)),
    (199, 199, 3, Some(ChinaTelecom)),
];

impl Carrier {
    /// All, in the order of the protocol's numbers.
    pub const ALL: [Self; 4] = [ChinaMobile, ChinaUnicom, ChinaTelecom, ChinaBroadnet];

    /// Who was given the number's block. A first guess only: since portability a subscriber may have taken the number
    /// to another carrier. `None` for blocks that were given to nobody, or to none of the four.
    pub fn of_prefix(number: &Msisdn) -> Option<Self> {
        BLOCKS
            .iter()
            .find(|(first, last, digits, _)| (*first..=*last).any(|prefix| number.begins(prefix, *digits)))
            .and_then(|(_, _, _, carrier)| *carrier)
    }

    /// The name in files, keys and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            ChinaMobile => "china_mobile",
            ChinaUnicom => "china_unicom",
            ChinaTelecom => "china_telecom",
            ChinaBroadnet => "china_broadnet",
        }
    }
}

/// A name that is none of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be china_mobile, china_unicom, china_telecom or china_broadnet")]
pub struct UnknownCarrier;

impl FromStr for Carrier {
    type Err = UnknownCarrier;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|carrier| carrier.as_str() == name)
            .ok_or(UnknownCarrier)
    }
}

impl TryFrom<String> for Carrier {
    type Error = UnknownCarrier;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<Carrier> for String {
    fn from(carrier: Carrier) -> Self {
        carrier.as_str().to_owned()
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Carrier, Carrier::*};
    use crate::Msisdn;

    fn carrier(prefix: &str) -> Option<Carrier> {
        Carrier::of_prefix(&Msisdn::parse(&format!("{prefix:0<11}")).unwrap())
    }

    #[test]
    fn blocks_are_as_published() {
        let published: [(Carrier, &[&str]); 4] = [
            (
                ChinaMobile,
                &[
                    "1340", "1348", "135", "136", "137", "138", "139", "147", "148", "150", "151", "152",
                    "157", "158", "159", "172", "178", "182", "183", "184", "187", "188", "195", "197",
                    "198", "165", "1703", "1705", "1706",
                ],
            ),
            (
                ChinaUnicom,
                &[
                    "130", "131", "132", "145", "146", "155", "156", "166", "175", "176", "185", "186",
                    "196", "167", "171", "1704", "1707", "1708", "1709",
                ],
            ),
            (
                ChinaTelecom,
                &[
                    "133", "149", "153", "173", "17400", "17405", "177", "180", "181", "189", "190", "191",
                    "193", "199", "13492", "13493", "13499", "162", "1700", "1701", "1702",
                ],
            ),
            (ChinaBroadnet, &["192"]),
        ];
        for (owner, prefixes) in published {
            for prefix in prefixes {
                assert_eq!(carrier(prefix), Some(owner), "{prefix}");
            }
        }
    }

    #[test]
    fn blocks_of_nobody_or_of_others_have_no_carrier() {
        for prefix in [
            "13490", "13491", "17406", "17409", "1741", "1749", "1619", "142", "154", "160", "164", "194",
        ] {
            assert_eq!(carrier(prefix), None, "{prefix}");
        }
    }

    #[test]
    fn names_read_back() {
        for carrier in Carrier::ALL {
            assert_eq!(carrier.as_str().parse(), Ok(carrier));
        }
        assert!("mobile".parse::<Carrier>().is_err());
    }

    proptest! {
        #[test]
        fn the_carrier_depends_on_the_first_five_digits_alone(head in 13_000_u64..20_000, a in 0_u64..1_000_000, b in 0_u64..1_000_000) {
            let of = |tail: u64| Carrier::of_prefix(&Msisdn::parse(&(head * 1_000_000 + tail).to_string()).unwrap());
            prop_assert_eq!(of(a), of(b));
        }
    }
}
