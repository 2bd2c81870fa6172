//! Tells a program that started this one on port 0 where it listens.

use std::{io, net::SocketAddr, path::Path};

/// Writes `{"grpc":"127.0.0.1:40001","admin":"127.0.0.1:40002"}`, whole or not at all.
pub(crate) async fn write(file: &Path, grpc: SocketAddr, admin: SocketAddr) -> io::Result<()> {
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(".unfinished");
    tokio::fs::write(
        &unfinished,
        format!("{{\"grpc\":\"{grpc}\",\"admin\":\"{admin}\"}}\n"),
    )
    .await?;
    tokio::fs::rename(&unfinished, file).await
}

#[cfg(test)]
mod tests {
    use super::write;

    #[tokio::test]
    async fn the_file_appears_whole_and_replaces_an_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ports.json");
        for port in [1, 2] {
            write(&file, ([127, 0, 0, 1], port).into(), ([127, 0, 0, 1], 9).into())
                .await
                .unwrap();
            let expected = format!("{{\"grpc\":\"127.0.0.1:{port}\",\"admin\":\"127.0.0.1:9\"}}\n");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), expected);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
