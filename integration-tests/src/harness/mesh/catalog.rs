//! The mesh's catalog: the example one, with the addresses of this mesh's simulators.

use std::{fs, net::SocketAddr, path::Path};

use anyhow::{Context as _, Result, ensure};

use super::spoken::Spoken;
use crate::harness::ca::write_whole;

const TENANTS: &str = include_str!("../../../../shared/catalog/examples/tenants.yaml");
const LINKS: &str = include_str!("../../../../shared/catalog/examples/links.yaml");
const ROUTES: &str = include_str!("../../../../shared/catalog/examples/routes.yaml");

/// The ports that the examples name, and the links and handler that they belong to.
const CMCC_PORT: &str = "port: 7890";
const UNICOM_PORT: &str = "port: 7891";
const TELECOM_PORT: &str = "port: 7892";
const HANDLER: &str = "address: 127.0.0.1:8601";

/// A link of the example catalog: what its gateway must expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExampleLink {
    /// The link's name.
    pub name: &'static str,
    /// Who logs in.
    pub sp_id: &'static str,
    /// With what.
    pub secret: &'static str,
    example_port: &'static str,
}

/// The links of the example catalog. The secrets are the harness's own inventions, short enough for every protocol.
pub const LINKS_OF_THE_EXAMPLE: [ExampleLink; 3] = [
    ExampleLink {
        name: "cmcc-a",
        sp_id: "901234",
        secret: "goose-1",
        example_port: CMCC_PORT,
    },
    ExampleLink {
        name: "unicom-a",
        sp_id: "902345",
        secret: "goose-2",
        example_port: UNICOM_PORT,
    },
    ExampleLink {
        name: "telecom-a",
        sp_id: "903456",
        secret: "goose-3",
        example_port: TELECOM_PORT,
    },
];

/// The catalog's files, as text that a test may change before they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogFiles {
    /// `tenants.yaml`.
    pub tenants: String,
    /// `links.yaml`.
    pub links: String,
    /// `routes.yaml`.
    pub routes: String,
}

impl CatalogFiles {
    /// The example, with the port of each link's gateway (in the order of [`LINKS_OF_THE_EXAMPLE`]) and the handler's.
    pub fn example(gateway_ports: [u16; 3], handler_port: u16) -> Result<Self> {
        let mut links = LINKS.to_owned();
        for (link, port) in LINKS_OF_THE_EXAMPLE.iter().zip(gateway_ports) {
            links = replaced_once(&links, link.example_port, &format!("port: {port}"))?;
        }
        Ok(Self {
            tenants: replaced_once(TENANTS, HANDLER, &format!("address: 127.0.0.1:{handler_port}"))?,
            links,
            routes: ROUTES.to_owned(),
        })
    }

    /// Lets a link speak this; `listener` is where it awaits the gateway's connections, in a protocol that has them.
    pub fn speak(&mut self, link: &str, spoken: Spoken, listener: SocketAddr) -> Result<()> {
        for (field, value) in spoken.fields(listener) {
            self.set_link(link, field, &value)?;
        }
        Ok(())
    }

    /// Sets one field of one link, in the place of what stood there; `value` in one line of YAML.
    pub fn set_link(&mut self, link: &str, field: &str, value: &str) -> Result<()> {
        let begin = format!("  - name: {link}");
        let mut lines: Vec<String> = self.links.lines().map(str::to_owned).collect();
        let is_of_the_link = |line: &String| *line == begin || line.starts_with(&format!("{begin} "));
        let at = lines
            .iter()
            .position(is_of_the_link)
            .with_context(|| format!("the example catalog has no link {link}"))?;
        let block = at + 1;
        let end = lines
            .iter()
            .skip(block)
            .position(|line| line.starts_with("  - "))
            .map_or(lines.len(), |next| block + next);
        let key = format!("    {field}:");
        let set = format!("{key} {value}");
        match lines[block..end].iter().position(|line| line.starts_with(&key)) {
            Some(place) => lines[block + place] = set,
            None => lines.insert(block, set),
        }
        self.links = lines.join("\n") + "\n";
        Ok(())
    }

    /// Writes them, each appearing whole, and the links' secrets.
    pub fn write(&self, catalog: &Path, secrets: &Path) -> Result<()> {
        fs::create_dir_all(secrets)?;
        for link in LINKS_OF_THE_EXAMPLE {
            write_whole(&secrets.join(link.name), link.secret)?;
        }
        write_whole(&catalog.join("links.yaml"), &self.links)?;
        write_whole(&catalog.join("routes.yaml"), &self.routes)?;
        write_whole(&catalog.join("tenants.yaml"), &self.tenants)
    }
}

/// Fails where the example no longer holds what is to be replaced, so that a change there cannot go unseen.
pub fn replaced_once(text: &str, what: &str, with: &str) -> Result<String> {
    ensure!(
        text.matches(what).count() == 1,
        "the example catalog does not hold `{what}` once"
    );
    let (before, after) = text.split_once(what).context("it was there a line ago")?;
    Ok(format!("{before}{with}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{CatalogFiles, LINKS_OF_THE_EXAMPLE, Spoken};

    #[test]
    fn the_example_takes_this_meshs_addresses() {
        let files = CatalogFiles::example([11, 12, 13], 14).unwrap();
        for port in ["port: 11", "port: 12", "port: 13"] {
            assert!(files.links.contains(port), "{port}");
        }
        assert!(files.tenants.contains("127.0.0.1:14"));
        for link in LINKS_OF_THE_EXAMPLE {
            assert!(files.links.contains(&format!("- name: {}", link.name)));
            assert!(files.links.contains(&format!("account: \"{}\"", link.sp_id)));
        }
    }
    #[test]
    fn a_link_takes_fields_of_its_own_and_leaves_the_others_alone() {
        let example = CatalogFiles::example([11, 12, 13], 14).unwrap();
        let mut files = example.clone();
        files.set_link("unicom-a", "window", "32").unwrap();
        files.set_link("unicom-a", "window", "8").unwrap();
        assert_eq!(files.links.matches("\n    window: 8\n").count(), 1);
        assert!(!files.links.contains("window: 32"));
        assert!(files.links.contains("\n    window: 16 "), "that of cmcc-a");
        assert!(files.set_link("nobody", "window", "8").is_err());

        let listener = "127.0.0.1:8811".parse().unwrap();
        let mut files = example;
        for (link, spoken) in LINKS_OF_THE_EXAMPLE
            .iter()
            .zip([Spoken::Smpp, Spoken::Sgip, Spoken::Smgp1])
        {
            files.speak(link.name, spoken, listener).unwrap();
        }
        for line in [
            "    protocol: smpp",
            "    service_id: \"\"",
            "    protocol: sgip",
            "    protocol: smgp",
            "    version: \"1.3\"",
        ] {
            assert_eq!(
                files.links.lines().filter(|one| *one == line).count(),
                1,
                "{line}"
            );
        }
    }
}
