//! The whole mesh: Redis, the services, and the simulated world around them.

mod catalog;
mod clients;
mod layout;
mod service;
mod settings;

pub use catalog::{CatalogFiles, ExampleLink, LINKS_OF_THE_EXAMPLE, replaced_once};
pub use clients::{Addresses, Client, Service};
pub use layout::Layout;
pub use service::{Ready, ServiceProcess};
pub use settings::Settings;
