//! TLS in front of a gateway that has none.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

/// The name in the front's certificate.
pub(crate) const NAME: &str = "smsc.example";

/// An authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes its own certificate.
    pub(crate) fn trust(&self, file: &Path) {
        fs::write(file, self.0.pem()).unwrap();
    }

    /// Certificate and key in PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes a certificate for a client, and its key.
    pub(crate) fn client(&self, directory: &Path) -> (PathBuf, PathBuf) {
        let files = (directory.join("client.pem"), directory.join("client.key"));
        let (certificate, key) = self.issue("us.example");
        fs::write(&files.0, certificate).unwrap();
        fs::write(&files.1, key).unwrap();
        files
    }

    /// How a server with a certificate of ours greets, and asks for one of `clients`.
    fn acceptor(&self, clients: &Self) -> TlsAcceptor {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(clients.0.pem().as_bytes()).unwrap();
        roots.add(root).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let (certificate, key) = self.issue(NAME);
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Takes TLS connections and passes their octets on to a gateway.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    acceptor: Arc<Mutex<TlsAcceptor>>,
    /// Counts how often everything was cut.
    cuts: watch::Sender<u32>,
}

impl Front {
    pub(crate) async fn start(gateway: SocketAddr, server: &Authority, clients: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = Arc::new(Mutex::new(server.acceptor(clients)));
        let (cuts, cut) = watch::channel(0);
        let shared = Arc::clone(&acceptor);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = shared.lock().unwrap().clone();
                let mut cut = cut.clone();
                cut.mark_unchanged();
                tokio::spawn(async move {
                    let mut outer = acceptor.accept(stream).await?;
                    let mut inner = TcpStream::connect(gateway).await?;
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut outer, &mut inner) => {}
                        _ = cut.changed() => {}
                    }
                    std::io::Result::Ok(())
                });
            }
        });
        Self {
            address,
            acceptor,
            cuts,
        }
    }

    /// Another authority signs from now on, and every connection is cut.
    pub(crate) fn change(&self, server: &Authority, clients: &Authority) {
        *self.acceptor.lock().unwrap() = server.acceptor(clients);
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}
