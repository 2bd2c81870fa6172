//! This process's certificate, key and roots, live.

use std::{path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio_util::sync::CancellationToken;

use crate::{
    settings::IdentitySettings,
    spiffe::SpiffeId,
    verifier::{ExpectedServer, TrustDomainClient, spiffe_id},
};

const ALPN_HTTP2: &[u8] = b"h2";

/// Why credentials cannot be used; names the file, never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The file is not there or not readable.
    #[error("{file}: {source}")]
    Read {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{file}: {reason}")]
    Content {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Live credentials; cheap to clone. Whole configurations are swapped, so that roots rotate with certificates and a
/// connection never sees half of a change.
#[derive(Clone)]
pub struct Credentials {
    settings: Arc<IdentitySettings>,
    current: Arc<ArcSwap<Material>>,
}

struct Material {
    files: Files,
    id: SpiffeId,
    server: Arc<ServerConfig>,
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: Arc<CryptoProvider>,
}

#[derive(PartialEq, Eq)]
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    roots: Vec<u8>,
}

impl Credentials {
    /// Reads the files and checks that they fit together.
    pub async fn load(settings: &IdentitySettings) -> Result<Self, CredentialError> {
        let material = Material::build(settings, Files::read(settings).await?)?;
        Ok(Self {
            settings: Arc::new(settings.clone()),
            current: Arc::new(ArcSwap::from_pointee(material)),
        })
    }

    /// This process's own id.
    pub fn id(&self) -> SpiffeId {
        self.current.load().id.clone()
    }

    /// The trust domain that this process and its peers belong to.
    pub fn trust_domain(&self) -> &str {
        &self.settings.trust_domain
    }

    /// Looks at the files again. `Ok(true)`: something changed and is in force for connections made from now on. On an
    /// error the old material stays.
    pub async fn reload(&self) -> Result<bool, CredentialError> {
        let files = Files::read(&self.settings).await?;
        if files == self.current.load().files {
            return Ok(false);
        }
        self.current
            .store(Arc::new(Material::build(&self.settings, files)?));
        Ok(true)
    }

    /// Reloads at the set interval until the token is cancelled. A failure is logged once for each new reason.
    pub async fn keep_fresh(self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(self.settings.reload_interval);
        let mut last_failure = String::new();
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            match self.reload().await {
                Ok(changed) => {
                    if changed {
                        tracing::info!(id = %self.id(), "credentials changed");
                        metrics::counter!("hongyan_credential_reloads_total", "outcome" => "ok").increment(1);
                    }
                    last_failure.clear();
                }
                Err(error) => {
                    let reason = error.to_string();
                    if reason != last_failure {
                        tracing::warn!(%error, "new credentials cannot be used; the old ones stay in force");
                        metrics::counter!("hongyan_credential_reloads_total", "outcome" => "failed")
                            .increment(1);
                        last_failure = reason;
                    }
                }
            }
        }
    }

    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        self.current.load().server.clone()
    }

    /// Fails only when key and chain do not fit, which [`Material::build`] has ruled out.
    pub(crate) fn client_config(&self, expected: SpiffeId) -> Result<Arc<ClientConfig>, rustls::Error> {
        let material = self.current.load();
        let verifier = ExpectedServer {
            roots: material.roots.clone(),
            expected,
            algorithms: material.provider.signature_verification_algorithms,
        };
        let mut config = ClientConfig::builder_with_provider(material.provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(material.chain.clone(), material.key.clone_key())?;
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
        config.enable_sni = false;
        Ok(Arc::new(config))
    }
}

impl Files {
    async fn read(settings: &IdentitySettings) -> Result<Self, CredentialError> {
        let read = |file: &PathBuf| {
            let file = file.clone();
            async move {
                tokio::fs::read(&file)
                    .await
                    .map_err(|source| CredentialError::Read { file, source })
            }
        };
        Ok(Self {
            cert: read(&settings.cert_file).await?,
            key: read(&settings.key_file).await?,
            roots: read(&settings.roots_file).await?,
        })
    }
}

impl Material {
    fn build(settings: &IdentitySettings, files: Files) -> Result<Self, CredentialError> {
        let refuse = |file: &PathBuf, reason: String| CredentialError::Content {
            file: file.clone(),
            reason,
        };
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&files.cert).map_err(|reason| refuse(&settings.cert_file, reason))?;
        // The parser's own message could quote the key: say only that it is not one.
        let key = PrivateKeyDer::from_pem_slice(&files.key)
            .map_err(|_| refuse(&settings.key_file, "is not a private key in PEM".to_owned()))?;
        let mut roots = RootCertStore::empty();
        for root in certificates(&files.roots).map_err(|reason| refuse(&settings.roots_file, reason))? {
            roots
                .add(root)
                .map_err(|error| refuse(&settings.roots_file, error.to_string()))?;
        }
        let roots = Arc::new(roots);
        let leaf = chain
            .first()
            .ok_or_else(|| refuse(&settings.cert_file, "is empty".to_owned()))?;
        let id = spiffe_id(leaf).map_err(|_| {
            refuse(
                &settings.cert_file,
                "the leaf does not have one SPIFFE id".to_owned(),
            )
        })?;
        if id.trust_domain() != settings.trust_domain {
            let reason = format!("{id} is not of the trust domain {}", settings.trust_domain);
            return Err(refuse(&settings.cert_file, reason));
        }
        let chain_verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(|error| refuse(&settings.roots_file, error.to_string()))?;
        let verifier = TrustDomainClient {
            chain: chain_verifier,
            trust_domain: settings.trust_domain.clone(),
        };
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| refuse(&settings.cert_file, error.to_string()))?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(|error| refuse(&settings.cert_file, format!("does not go with the key: {error}")))?;
        server.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
        Ok(Self {
            files,
            id,
            server: Arc::new(server),
            roots,
            chain,
            key,
            provider,
        })
    }
}

pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("is not PEM: {error}"))?;
    if found.is_empty() {
        Err("holds no certificate".to_owned())
    } else {
        Ok(found)
    }
}
