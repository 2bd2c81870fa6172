//! Who a peer is and what it may call.
//!
//! Every connection between services is mutual TLS with SPIFFE ids (the URI in the certificate's subject alternative
//! name); host names play no part. A server admits whoever its roots vouch for *and* who belongs to its trust domain; a
//! client accepts only the one id that it expects, because otherwise any member of the mesh could pose as any other.
//! What a peer may call is said by the [`MethodTable`], and what is not said is refused.
//!
//! Certificates, keys, roots and the table are files. They are read again while the process runs; a change is taken
//! whole (roots too) for connections made from then on, and a file that cannot be used leaves the old one in force.
//!
//! Outside the mesh, where nobody has a SPIFFE id, a server is known by its name and by the authorities that a link or
//! provider names: [`OutsideServer`].
//!
//! This is the one crate that names `rustls`.

mod acceptor;
mod connector;
mod credentials;
mod layer;
mod live_table;
mod method_table;
mod outside;
mod peer;
mod settings;
mod spiffe;
mod verifier;

pub use acceptor::{TlsConn, incoming};
pub use connector::Connector;
pub use credentials::{CredentialError, Credentials};
pub use layer::{MethodTableLayer, MethodTableService};
pub use live_table::LiveMethodTable;
pub use method_table::{MethodTable, MethodTableError, Pattern};
pub use outside::{OutsideError, OutsideServer};
pub use peer::Peer;
pub use settings::IdentitySettings;
pub use spiffe::{InvalidSpiffeId, SpiffeId};

/// Makes ring the process's one source of cryptography. To be called first in `main`: libraries that bring rustls
/// without a provider panic otherwise. A second call does nothing.
pub fn install_crypto_provider() {
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
}
