//! The Redis floor: the bare commands of an accept and of a queue cycle, on a server that fsyncs every write.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;

const ENTRY_OCTETS: usize = 300;

async fn connect(url: &str) -> anyhow::Result<MultiplexedConnection> {
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(10)));
    Ok(redis::Client::open(url)?
        .get_multiplexed_async_connection_with_config(&config)
        .await?)
}

/// `XADD` of one entry, `callers` at once over one connection: entries a second.
pub async fn enqueue(url: &str, callers: usize, length: Duration) -> anyhow::Result<f64> {
    let connection = connect(url).await?;
    let start = Instant::now();
    let workers = (0..callers).map(|_| {
        let mut connection = connection.clone();
        tokio::spawn(async move {
            let body = vec![7_u8; ENTRY_OCTETS];
            let mut done = 0_u64;
            while start.elapsed() < length {
                let mut add = redis::cmd("XADD");
                add.arg("{f}:single")
                    .arg("MAXLEN")
                    .arg("~")
                    .arg(100_000)
                    .arg("*")
                    .arg("b")
                    .arg(&body);
                add.query_async::<String>(&mut connection).await?;
                done += 1;
            }
            anyhow::Ok(done)
        })
    });
    let mut entries = 0;
    for worker in workers.collect::<Vec<_>>() {
        entries += worker.await??;
    }
    Ok(entries as f64 / start.elapsed().as_secs_f64())
}

/// Add, read as a group, acknowledge and trim in batches, `workers` at once on streams of their own: entries a second.
pub async fn cycle(url: &str, workers: usize, batch: usize, length: Duration) -> anyhow::Result<f64> {
    let start = Instant::now();
    let mut running = Vec::with_capacity(workers);
    for worker in 0..workers {
        let mut connection = connect(url).await?;
        running.push(tokio::spawn(async move {
            let stream = format!("{{f}}:cycle:{worker}");
            let body = vec![7_u8; ENTRY_OCTETS];
            let mut create = redis::cmd("XGROUP");
            create
                .arg("CREATE")
                .arg(&stream)
                .arg("g")
                .arg("0")
                .arg("MKSTREAM");
            create.query_async::<()>(&mut connection).await?;
            let mut done = 0_u64;
            while start.elapsed() < length {
                let mut adds = redis::pipe();
                for _ in 0..batch {
                    adds.cmd("XADD")
                        .arg(&stream)
                        .arg("*")
                        .arg("b")
                        .arg(&body)
                        .ignore();
                }
                adds.query_async::<()>(&mut connection).await?;
                let mut read = redis::cmd("XREADGROUP");
                read.arg("GROUP")
                    .arg("g")
                    .arg("c")
                    .arg("COUNT")
                    .arg(batch)
                    .arg("STREAMS")
                    .arg(&stream)
                    .arg(">");
                let taken: redis::streams::StreamReadReply = read.query_async(&mut connection).await?;
                let ids: Vec<String> = taken
                    .keys
                    .into_iter()
                    .flat_map(|key| key.ids)
                    .map(|entry| entry.id)
                    .collect();
                let mut settle = redis::pipe();
                settle.cmd("XACK").arg(&stream).arg("g").arg(&ids).ignore();
                settle.cmd("XTRIM").arg(&stream).arg("MAXLEN").arg(0).ignore();
                settle.query_async::<()>(&mut connection).await?;
                done += ids.len() as u64;
            }
            anyhow::Ok(done)
        }));
    }
    let mut entries = 0;
    for worker in running {
        entries += worker.await??;
    }
    Ok(entries as f64 / start.elapsed().as_secs_f64())
}
