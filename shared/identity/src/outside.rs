//! TLS to a server that is not of the mesh.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::credentials::{CredentialError, certificates};

/// How to reach a server outside the mesh: it has no SPIFFE id, so it is known by its name and by who vouches for it.
///
/// The files are read again for each connection, so that they rotate without a restart.
#[derive(Debug, Clone)]
pub struct OutsideServer {
    /// PEM certificates of the authorities that may sign the server's certificate. No others are trusted: the
    /// system's own are not asked.
    pub roots_file: PathBuf,
    /// The name that the server's certificate must have: a DNS name or an IP address.
    pub name: String,
    /// Our certificate chain and its key in PEM, for servers that ask for them.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Why there is no TLS with an outside server.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// A file cannot be used.
    #[error(transparent)]
    Files(#[from] CredentialError),
    /// The name is neither a DNS name nor an IP address.
    #[error("the server's name is neither a DNS name nor an IP address")]
    Name,
    /// Our certificate does not go with the key.
    #[error("{file}: {reason}")]
    Pair {
        /// Of the certificate.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The server is not who it should be, does not want us, or is gone.
    #[error("TLS handshake: {0}")]
    Handshake(io::Error),
}

impl OutsideServer {
    /// Makes a connection that stands into one of TLS 1.2 or 1.3. Without a time limit of its own.
    ///
    /// With TLS 1.3 a server that refuses our certificate does so after this has returned, on the first read.
    pub async fn connect<S>(&self, stream: S) -> Result<TlsStream<S>, OutsideError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(self.name.clone()).map_err(|_| OutsideError::Name)?;
        let config = self.config().await?;
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(OutsideError::Handshake)
    }

    async fn config(&self) -> Result<ClientConfig, OutsideError> {
        let mut roots = RootCertStore::empty();
        let refuse = |file: &PathBuf, reason: String| CredentialError::Content {
            file: file.clone(),
            reason,
        };
        let found = certificates(&read(&self.roots_file).await?);
        for root in found.map_err(|reason| refuse(&self.roots_file, reason))? {
            roots
                .add(root)
                .map_err(|error| refuse(&self.roots_file, error.to_string()))?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| OutsideError::Handshake(io::Error::other(error)))?
            .with_root_certificates(roots);
        let Some((cert_file, key_file)) = &self.client else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(&read(cert_file).await?).map_err(|reason| refuse(cert_file, reason))?;
        // The parser's own message could quote the key: say only that it is not one.
        let key = PrivateKeyDer::from_pem_slice(&read(key_file).await?)
            .map_err(|_| refuse(key_file, "is not a private key in PEM".to_owned()))?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| OutsideError::Pair {
                file: cert_file.clone(),
                reason: format!("does not go with the key: {error}"),
            })
    }
}

async fn read(file: &PathBuf) -> Result<Vec<u8>, CredentialError> {
    tokio::fs::read(file)
        .await
        .map_err(|source| CredentialError::Read {
            file: file.clone(),
            source,
        })
}
