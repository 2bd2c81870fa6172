//! Who logs in, and as what.

use std::fmt;

use crate::field::{FixedStr, TooLong};
use crate::login::{Secret, same};

/// The kind of a login: between whom the connection is. Any octet may come from a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LoginType(pub u8);

impl LoginType {
    /// An SP opens a connection to a gateway, to submit.
    pub const SP_TO_SMG: Self = Self(1);
    /// A gateway opens a connection to an SP, to deliver and to report.
    pub const SMG_TO_SP: Self = Self(2);
    /// Between gateways.
    pub const SMG_TO_SMG: Self = Self(3);
    /// A gateway to the global name server.
    pub const SMG_TO_GNS: Self = Self(4);
    /// The global name server to a gateway.
    pub const GNS_TO_SMG: Self = Self(5);
    /// The main and the standby name server.
    pub const GNS_TO_GNS: Self = Self(6);
    /// A test.
    pub const TEST: Self = Self(11);
}

/// The password of a login. It goes over the wire in clear; its `Debug` shows nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Password(FixedStr<16>);

impl Password {
    /// The password that is this secret.
    ///
    /// # Errors
    ///
    /// [`TooLong`] above 16 octets.
    pub fn of(secret: &Secret) -> Result<Self, TooLong> {
        FixedStr::new(secret.octets()).map(Self)
    }

    /// The field as it stood on the wire.
    pub const fn from_wire(field: FixedStr<16>) -> Self {
        Self(field)
    }

    /// The whole field.
    pub(super) const fn wire(&self) -> &[u8; 16] {
        self.0.wire()
    }

    /// Whether it is this secret; what stands behind the first NUL does not count. How long the comparison takes
    /// does not tell how much of it was right.
    pub fn is(&self, secret: &Secret) -> bool {
        match (FixedStr::<16>::new(self.0.as_bytes()), Self::of(secret)) {
            (Ok(given), Ok(expected)) => same(given.wire(), expected.wire()),
            _ => false,
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<password>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_its_text() {
        let secret = Secret::new("testpw000001");
        let password = Password::of(&secret).unwrap();
        assert!(password.is(&secret));
        assert!(Password::from_wire(FixedStr::from_wire(*b"testpw000001\0xyz")).is(&secret));
        for other in ["", "testpw00000", "testpw0000011", "testpw000002"] {
            assert!(!password.is(&Secret::new(other)), "{other}");
        }
    }

    #[test]
    fn a_secret_that_no_field_holds_is_nobodys_password() {
        let long = Secret::new("0123456789abcdefg");
        assert!(Password::of(&long).is_err());
        let field = Password::from_wire(FixedStr::from_wire(*b"0123456789abcdef"));
        assert!(!field.is(&long));
        assert!(field.is(&Secret::new("0123456789abcdef")));
    }

    #[test]
    fn debug_shows_nothing() {
        let password = Password::of(&Secret::new("testpw000001")).unwrap();
        assert_eq!(format!("{password:?}"), "<password>");
    }
}
