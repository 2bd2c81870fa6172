//! TLS to a server outside the mesh, over real sockets: whom we believe, who believes us, and what a rotation changes.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use hongyan_identity::{OutsideError, OutsideServer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

type Ca = CertifiedIssuer<'static, KeyPair>;

const NAME: &str = "smsc.example.com";

fn ca() -> Ca {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key in PEM.
fn issue(ca: &Ca, name: &str) -> (String, String) {
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, ca).unwrap().pem(), key.serialize_pem())
}

/// A server with a certificate for `NAME`, which asks for one of `clients`, if given; sends back what it is sent.
async fn serve(ca: &Ca, clients: Option<&Ca>) -> SocketAddr {
    let (certificate, key) = issue(ca, NAME);
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap())
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut octets = [0; 4];
                stream.read_exact(&mut octets).await?;
                stream.write_all(&octets).await?;
                stream.shutdown().await
            });
        }
    });
    address
}

fn server(dir: &Path, trusted: &Ca) -> OutsideServer {
    let roots_file = dir.join("roots.pem");
    fs::write(&roots_file, trusted.pem()).unwrap();
    OutsideServer {
        roots_file,
        name: NAME.to_owned(),
        client: None,
    }
}

fn client(dir: &Path, ca: &Ca) -> (std::path::PathBuf, std::path::PathBuf) {
    let (certificate, key) = issue(ca, "us.example.com");
    let files = (dir.join("cert.pem"), dir.join("key.pem"));
    fs::write(&files.0, certificate).unwrap();
    fs::write(&files.1, key).unwrap();
    files
}

/// A TLS 1.3 client has finished before the server refuses: only reading tells.
async fn call(server: &OutsideServer, address: SocketAddr) -> Result<(), OutsideError> {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = server.connect(stream).await?;
    let mut octets = [0; 4];
    let exchanged = async {
        stream.write_all(b"ping").await?;
        stream.flush().await?;
        stream.read_exact(&mut octets).await
    };
    exchanged.await.map_err(OutsideError::Handshake)?;
    assert_eq!(&octets, b"ping");
    Ok(())
}

#[tokio::test]
async fn a_server_is_believed_by_its_authority_and_its_name() {
    let (known, unknown) = (ca(), ca());
    let address = serve(&known, None).await;
    let dir = tempfile::tempdir().unwrap();
    let good = server(dir.path(), &known);
    call(&good, address).await.unwrap();

    let other_name = OutsideServer {
        name: "other.example.com".to_owned(),
        ..good.clone()
    };
    let refused = call(&other_name, address).await.unwrap_err();
    assert!(matches!(refused, OutsideError::Handshake(_)), "{refused}");

    let no_name = OutsideServer {
        name: "not a name".to_owned(),
        ..good
    };
    assert!(matches!(
        call(&no_name, address).await.unwrap_err(),
        OutsideError::Name
    ));

    let other_dir = tempfile::tempdir().unwrap();
    let stranger = server(other_dir.path(), &unknown);
    let refused = call(&stranger, address).await.unwrap_err();
    assert!(matches!(refused, OutsideError::Handshake(_)), "{refused}");
}

#[tokio::test]
async fn a_server_may_ask_who_we_are() {
    let (authority, ours, theirs) = (ca(), ca(), ca());
    let address = serve(&authority, Some(&ours)).await;
    let dir = tempfile::tempdir().unwrap();
    let anonymous = server(dir.path(), &authority);
    assert!(call(&anonymous, address).await.is_err());
    let known = OutsideServer {
        client: Some(client(dir.path(), &ours)),
        ..anonymous.clone()
    };
    call(&known, address).await.unwrap();
    let other_dir = tempfile::tempdir().unwrap();
    let stranger = OutsideServer {
        client: Some(client(other_dir.path(), &theirs)),
        ..anonymous
    };
    assert!(call(&stranger, address).await.is_err());
}

#[tokio::test]
async fn files_are_read_for_each_connection() {
    let (old, new, ours) = (ca(), ca(), ca());
    let address = serve(&new, Some(&ours)).await;
    let dir = tempfile::tempdir().unwrap();
    let link = OutsideServer {
        client: Some(client(dir.path(), &old)),
        ..server(dir.path(), &old)
    };
    assert!(call(&link, address).await.is_err());
    // The authority of the server and our certificate are replaced in place.
    fs::write(&link.roots_file, new.pem()).unwrap();
    client(dir.path(), &ours);
    call(&link, address).await.unwrap();
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_and_not_quoted() {
    let authority = ca();
    let address = serve(&authority, None).await;
    let dir = tempfile::tempdir().unwrap();
    let good = OutsideServer {
        client: Some(client(dir.path(), &authority)),
        ..server(dir.path(), &authority)
    };
    let (cert_file, key_file) = good.client.clone().unwrap();
    for (file, name) in [
        (&good.roots_file, "roots.pem"),
        (&cert_file, "cert.pem"),
        (&key_file, "key.pem"),
    ] {
        let content = fs::read(file).unwrap();
        fs::write(file, "secret words").unwrap();
        let refused = call(&good, address).await.unwrap_err().to_string();
        assert!(refused.contains(name) && !refused.contains("secret"), "{refused}");
        fs::remove_file(file).unwrap();
        let refused = call(&good, address).await.unwrap_err().to_string();
        assert!(refused.contains(name), "{refused}");
        fs::write(file, content).unwrap();
    }
    // A key that is a key, but of another certificate.
    fs::write(&key_file, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let refused = call(&good, address).await.unwrap_err();
    assert!(matches!(refused, OutsideError::Pair { .. }), "{refused}");
}
