//! The states of a message.

/// `message_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageState {
    /// On its way.
    Enroute = 1,
    /// Delivered.
    Delivered = 2,
    /// Its validity is over.
    Expired = 3,
    /// Deleted.
    Deleted = 4,
    /// Cannot be delivered.
    Undeliverable = 5,
    /// Taken by somebody on the phone's behalf; more may follow.
    Accepted = 6,
    /// In a state that the SMSC does not know.
    Unknown = 7,
    /// Refused.
    Rejected = 8,
}

impl MessageState {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Enroute,
        Self::Delivered,
        Self::Expired,
        Self::Deleted,
        Self::Undeliverable,
        Self::Accepted,
        Self::Unknown,
        Self::Rejected,
    ];

    /// The state with this number.
    pub fn of_octet(octet: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.octet() == octet)
    }

    /// The number on the wire.
    pub const fn octet(self) -> u8 {
        self as u8
    }

    /// The state that a text means, in any case, short (`DELIVRD`) or in full (`DELIVERED`).
    pub fn of_stat(stat: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|state| {
            stat.eq_ignore_ascii_case(state.stat().as_bytes()) || stat.eq_ignore_ascii_case(state.name())
        })
    }

    /// The seven letters of a receipt's text.
    pub const fn stat(self) -> &'static str {
        match self {
            Self::Enroute => "ENROUTE",
            Self::Delivered => "DELIVRD",
            Self::Expired => "EXPIRED",
            Self::Deleted => "DELETED",
            Self::Undeliverable => "UNDELIV",
            Self::Accepted => "ACCEPTD",
            Self::Unknown => "UNKNOWN",
            Self::Rejected => "REJECTD",
        }
    }

    /// The full name, which some vendors write.
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Enroute => b"EN_ROUTE",
            Self::Delivered => b"DELIVERED",
            Self::Expired => b"EXPIRED",
            Self::Deleted => b"DELETED",
            Self::Undeliverable => b"UNDELIVERABLE",
            Self::Accepted => b"ACCEPTED",
            Self::Unknown => b"UNKNOWN",
            Self::Rejected => b"REJECTED",
        }
    }

    /// False when another state follows: the message must not be closed.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Enroute | Self::Accepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_agree() {
        for state in MessageState::ALL {
            assert_eq!(MessageState::of_octet(state.octet()), Some(state));
            assert_eq!(MessageState::of_stat(state.stat().as_bytes()), Some(state));
            assert_eq!(MessageState::of_stat(state.name()), Some(state));
            assert_eq!(state.stat().len(), 7);
        }
        assert_eq!(MessageState::of_stat(b"delivrd"), Some(MessageState::Delivered));
        for octet in [0, 9, 255] {
            assert_eq!(MessageState::of_octet(octet), None);
        }
        assert_eq!(MessageState::of_stat(b"MA:0001"), None);
    }

    #[test]
    fn two_states_are_not_the_last() {
        let passing: Vec<_> = MessageState::ALL
            .into_iter()
            .filter(|state| !state.is_final())
            .collect();
        assert_eq!(passing, [MessageState::Enroute, MessageState::Accepted]);
    }
}
