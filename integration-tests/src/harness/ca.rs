//! A certificate authority for tests: SPIFFE ids in the trust domain `hongyan.test`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

/// The trust domain of every mesh that the harness builds.
pub const TRUST_DOMAIN: &str = "hongyan.test";

/// Certificates begin in the past, so that clocks that differ a little do no harm.
const BACKDATED: Duration = Duration::hours(1);
const LIFETIME: Duration = Duration::days(30);

/// `spiffe://hongyan.test/<path>`.
pub fn spiffe(path: &str) -> String {
    format!("spiffe://{TRUST_DOMAIN}/{path}")
}

/// An authority that signs with one key.
pub struct TestCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl std::fmt::Debug for TestCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestCa").finish_non_exhaustive()
    }
}

/// The files of one identity, as a service's settings name them.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `spiffe://hongyan.test/…`.
    pub spiffe: String,
    /// The certificate, PEM.
    pub cert_file: PathBuf,
    /// The private key, PEM.
    pub key_file: PathBuf,
    /// The authorities that the identity trusts, PEM.
    pub roots_file: PathBuf,
}

/// What is special about a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// From an hour ago, for thirty days.
    Usual,
    /// Ended a minute ago.
    Expired,
    /// Begins in an hour.
    NotYet,
    /// Ends after so many seconds.
    Seconds(i64),
}

impl TestCa {
    /// A new authority with a key of its own; two of them do not trust each other.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = OffsetDateTime::now_utc() - BACKDATED;
        params.not_after = OffsetDateTime::now_utc() + LIFETIME;
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// The authority's certificate, PEM: what goes into a roots file.
    pub fn root_pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate and key, both PEM, for `spiffe://hongyan.test/<path>`, good for servers and clients.
    pub fn issue(&self, path: &str, validity: Validity) -> Result<(String, String)> {
        self.issue_for(&spiffe(path), validity)
    }

    /// As [`TestCa::issue`], for any URI: another trust domain, or no SPIFFE id at all.
    pub fn issue_for(&self, uri: &str, validity: Validity) -> Result<(String, String)> {
        let now = OffsetDateTime::now_utc();
        let (not_before, not_after) = match validity {
            Validity::Usual => (now - BACKDATED, now + LIFETIME),
            Validity::Expired => (now - BACKDATED, now - Duration::minutes(1)),
            Validity::NotYet => (now + Duration::hours(1), now + LIFETIME),
            Validity::Seconds(seconds) => (now - BACKDATED, now + Duration::seconds(seconds)),
        };
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name("hongyan");
        params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        params.not_before = not_before;
        params.not_after = not_after;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &*self.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    /// Issues and writes the three files of an identity below `dir`. Called again it renews them in place, with a new
    /// key: each file appears whole, by renaming.
    pub fn write(&self, dir: &Path, path: &str, validity: Validity) -> Result<Identity> {
        let folder = dir.join(path.replace('/', "-"));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let (certificate, key) = self.issue(path, validity)?;
        let identity = Identity {
            spiffe: spiffe(path),
            cert_file: folder.join("cert.pem"),
            key_file: folder.join("key.pem"),
            roots_file: folder.join("roots.pem"),
        };
        write_whole(&identity.key_file, &key)?;
        write_whole(&identity.cert_file, &certificate)?;
        write_whole(&identity.roots_file, &self.root_pem())?;
        Ok(identity)
    }
}

/// Writes a file beside and renames it over, so that no reader sees half of it.
pub fn write_whole(path: &Path, content: &str) -> Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, content)
        .and_then(|()| fs::rename(&beside, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{TestCa, Validity, spiffe};

    #[test]
    fn renewing_changes_key_and_certificate_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let ca = TestCa::new("test").unwrap();
        let first = ca.write(dir.path(), "svc/dispatch", Validity::Usual).unwrap();
        let before = fs::read_to_string(&first.cert_file).unwrap();
        let second = ca.write(dir.path(), "svc/dispatch", Validity::Usual).unwrap();
        assert_eq!(first.cert_file, second.cert_file);
        assert_ne!(before, fs::read_to_string(&second.cert_file).unwrap());
        assert_eq!(second.spiffe, spiffe("svc/dispatch"));
        assert!(
            fs::read_to_string(&second.roots_file)
                .unwrap()
                .contains("BEGIN CERTIFICATE")
        );
        assert!(
            fs::read_to_string(&second.key_file)
                .unwrap()
                .contains("PRIVATE KEY")
        );
    }

    #[test]
    fn authorities_differ() {
        assert_ne!(
            TestCa::new("a").unwrap().root_pem(),
            TestCa::new("a").unwrap().root_pem()
        );
    }
}
