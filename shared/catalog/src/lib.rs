//! The declared world: tenants, their callers, access numbers, templates, limits and keyword rules; links; routes.
//!
//! It is three YAML files in one directory, `tenants.yaml`, `links.yaml` and `routes.yaml`, and where a deployment's carriers
//! mean something else by their codes than is built in, a fourth, `codes.yaml`; `examples/` beside this crate holds a
//! commented set that says what each field means. [`Catalog::load`] reads and checks them together, cross
//! references included, and either gives the whole world or every mistake with its file, line and reason.
//! [`LiveCatalog`] does so again whenever the files change; a change with a mistake is refused whole and the catalog
//! before it stays in force.
//!
//! Mistakes in the shape of a file (YAML syntax, unknown or missing fields, a text where a number belongs) end the
//! reading of that file at the first one; mistakes in values and references are all reported together.
//!
//! Secrets are not in the catalog: a link names the file that holds its own, and nothing here opens it.

mod check;
mod error;
mod keyword;
mod link;
mod live;
mod load;
mod model;
mod raw;
mod route;
mod template;
mod tenant;

pub use error::{CatalogError, CatalogErrors, Place};
pub use keyword::{KeywordRule, Keywords, OptOut, PatternField};
pub use link::{
    Alphabet, Bind, CarrierSignature, Cmpp, CmppVersion, ConcatReference, KeepAlive, Link, LongMessages,
    Numbering, Protocol, ReceiptId, Reconnect, Sgip, SignaturePlace, Smgp, SmgpVersion, Smpp, SubmitCoding,
    TextRules, Tls,
};
pub use live::LiveCatalog;
pub use load::{CODES_FILE, FILES, MAX_FILE_OCTETS, parse_codes};
pub use model::Catalog;
pub use route::{CarrierSeen, Readiness, Route, RouteLink};
pub use template::{Template, TemplateError};
pub use tenant::{AccessNumber, Handler, Limits, MAX_SOURCE_DIGITS, Tenant, Window};
