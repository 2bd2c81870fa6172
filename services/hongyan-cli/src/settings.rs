//! Where the services are, who they must prove to be, and who we are.

use std::{path::PathBuf, time::Duration};

use hongyan_config::{Mistakes, SecretFile, Source, SourceSpec};
use hongyan_identity::{IdentitySettings, SpiffeId};

/// The prefix of environment variables: `audit.address` is `HONGYAN_CLI_AUDIT_ADDRESS`. Not that of the services, so that
/// the program can be used beside one.
pub(crate) const ENV_PREFIX: &str = "HONGYAN_CLI";

/// A service that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Verify,
    Dispatch,
    Audit,
}

impl Place {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Dispatch => "dispatch",
            Self::Audit => "audit",
        }
    }
}

/// Everything that can be set. A command asks for the addresses that it needs.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `identity.*`.
    pub(crate) identity: IdentitySettings,
    /// `links`: the addresses of the processes of carrier-link-svc.
    pub(crate) links: Vec<String>,
    /// `link.spiffe_id`.
    pub(crate) link_id: String,
    /// `keyring.file`: for the tag of a number; only `audit query --subject` and `audit erase` need it.
    pub(crate) keyring_file: Option<SecretFile>,
    /// `deadline_ms` (10,000): how long an answer may take.
    pub(crate) deadline: Duration,
    /// `verify.address` and `verify.spiffe_id`, and the others alike.
    places: [(Option<String>, String); 3],
}

impl Settings {
    /// Reads the file and the environment.
    pub(crate) fn load(file: Option<PathBuf>) -> Result<Self, Mistakes> {
        Self::read(Source::load(SourceSpec::of_process(file, ENV_PREFIX)))
    }

    fn read(mut source: Source) -> Result<Self, Mistakes> {
        // Named the file, and was used before.
        let _: Option<PathBuf> = source.optional("config");
        let identity = IdentitySettings::read(&mut source);
        let domain = &identity.trust_domain;
        let places = [Place::Verify, Place::Dispatch, Place::Audit].map(|place| {
            let name = place.name();
            let address = address(&mut source, &format!("{name}.address"));
            let key = format!("{name}.spiffe_id");
            (
                address,
                spiffe_id(&mut source, &key, &format!("spiffe://{domain}/svc/{name}")),
            )
        });
        let link_id = spiffe_id(
            &mut source,
            "link.spiffe_id",
            &format!("spiffe://{domain}/svc/carrier-link"),
        );
        let links: Vec<String> = source.list("links");
        if let Some(wrong) = links.iter().find(|link| !is_address(link)) {
            source.note("links", &format!("{wrong:?} {ADDRESS}"));
        }
        let settings = Self {
            links,
            link_id,
            keyring_file: source.secret_file("keyring.file"),
            deadline: source.duration_ms("deadline_ms", 10_000),
            places,
            identity,
        };
        source.finish()?;
        Ok(settings)
    }

    /// Address and SPIFFE id; `Err` says which setting is missing.
    pub(crate) fn place(&self, place: Place) -> Result<(&str, &str), String> {
        let (address, id) = &self.places[place as usize];
        match address {
            Some(address) => Ok((address, id)),
            None => Err(format!("{}.address must be set for this command", place.name())),
        }
    }
}

const ADDRESS: &str = "must be host:port, such as dispatch.example:8443";

fn address(source: &mut Source, key: &str) -> Option<String> {
    let address: Option<String> = source.optional(key);
    if address.as_deref().is_some_and(|address| !is_address(address)) {
        source.note(key, ADDRESS);
    }
    address
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn spiffe_id(source: &mut Source, key: &str, default: &str) -> String {
    let id = source.or(key, default.to_owned());
    if id != default
        && let Err(error) = id.parse::<SpiffeId>()
    {
        source.note(key, &error.to_string());
    }
    id
}

#[cfg(test)]
mod tests {
    use std::fs;

    use hongyan_config::{Source, SourceSpec};

    use super::{Place, Settings};

    const IDENTITY: &str =
        "identity: {cert_file: c, key_file: k, roots_file: r, trust_domain: hongyan.test}\n";

    fn read(yaml: &str) -> Result<Settings, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hongyan.yaml");
        fs::write(&file, yaml).unwrap();
        let spec = SourceSpec {
            file: Some(file),
            env_prefix: super::ENV_PREFIX,
            env: Vec::new(),
        };
        Settings::read(Source::load(spec)).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn ids_follow_from_the_trust_domain_unless_they_are_set() {
        let yaml = format!(
            "{IDENTITY}audit: {{address: 'a:1'}}\ndispatch: {{address: 'd:1', spiffe_id: 'spiffe://other/svc/x'}}\nlinks: 'l:1,l:2'\n"
        );
        let settings = read(&yaml).unwrap();
        assert_eq!(
            settings.place(Place::Audit),
            Ok(("a:1", "spiffe://hongyan.test/svc/audit"))
        );
        assert_eq!(
            settings.place(Place::Dispatch),
            Ok(("d:1", "spiffe://other/svc/x"))
        );
        assert_eq!(settings.links, ["l:1", "l:2"]);
        let missing = settings.place(Place::Verify).unwrap_err();
        assert!(missing.contains("verify.address"), "{missing}");
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let told = read(
            "dispatch: {spiffe_id: nobody, address: nowhere}\nverify: {address: 'host:99999'}\n\
             deadline_ms: 0\nlink: {address: 'x:1'}\nlinks: 'l:1,:2'\n",
        )
        .unwrap_err();
        for key in [
            "identity.cert_file",
            "identity.trust_domain",
            "dispatch.spiffe_id",
            "dispatch.address",
            "verify.address",
            "links (",
            "deadline_ms",
            "link.address",
        ] {
            assert!(told.contains(key), "{key} in {told}");
        }
    }
}
