//! Why a service cannot be reached, as far as it can be seen from here.
//!
//! What a client of the mesh is told is the same for every broken connection, because callers treat them alike. Who sits in
//! front of the terminal wants to know which it is.

use std::{io, time::Duration};

use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(2);

/// One line: what a plain connection to the address gives.
pub(crate) async fn look(address: &str, expected: &str) -> String {
    match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
        Err(_) => told(address, expected, Err(&io::Error::from(io::ErrorKind::TimedOut))),
        Ok(Err(error)) => told(address, expected, Err(&error)),
        Ok(Ok(_)) => told(address, expected, Ok(())),
    }
}

fn told(address: &str, expected: &str, connected: Result<(), &io::Error>) -> String {
    match connected {
        Err(error) => format!("{address}: {error}"),
        Ok(()) => format!(
            "{address} takes connections, but no TLS came about: is it {expected}, and do identity.roots_file and the \
             own certificate fit? Its log says more"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::look;

    #[tokio::test]
    async fn nobody_there_and_the_wrong_one_there_are_told_apart() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let there = look(&address, "spiffe://hongyan.test/svc/audit").await;
        assert!(
            there.contains("takes connections") && there.contains("svc/audit"),
            "{there}"
        );
        drop(listener);
        let gone = look(&address, "spiffe://hongyan.test/svc/audit").await;
        assert!(gone.contains(&address) && gone.contains("refused"), "{gone}");
    }
}
