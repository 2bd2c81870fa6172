//! Whether the server keeps what it acknowledged.

use redis::aio::ConnectionLike;

use crate::error::QueueError;

/// What the server's configuration says about loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durability {
    /// `appendonly`: `yes` where writes go to a log.
    pub appendonly: String,
    /// `appendfsync`: `always` where the log is on disk before the answer leaves.
    pub appendfsync: String,
    /// `maxmemory-policy`: `noeviction` where a full server refuses writes in place of deleting queues.
    pub maxmemory_policy: String,
}

impl Durability {
    /// `Err` names the first setting under which acknowledged work can be lost.
    pub fn judge(&self) -> Result<(), QueueError> {
        for (setting, found, needed) in [
            ("appendonly", &self.appendonly, "yes"),
            ("appendfsync", &self.appendfsync, "always"),
            ("maxmemory-policy", &self.maxmemory_policy, "noeviction"),
        ] {
            if found != needed {
                return Err(QueueError::Refused {
                    setting,
                    found: found.clone(),
                    needed,
                });
            }
        }
        Ok(())
    }
}

/// Asks the server. A server that is loading its data is [`QueueError::Unavailable`].
pub(crate) async fn inspect(connection: &mut impl ConnectionLike) -> Result<Durability, QueueError> {
    let failed = |error: redis::RedisError| QueueError::from_redis("CONFIG GET", &error);
    // CONFIG GET answers while the server is loading; PING does not.
    redis::cmd("PING")
        .query_async::<String>(connection)
        .await
        .map_err(failed)?;
    let mut values = Vec::with_capacity(3);
    for name in ["appendonly", "appendfsync", "maxmemory-policy"] {
        let pair: Vec<String> = redis::cmd("CONFIG")
            .arg("GET")
            .arg(name)
            .query_async(connection)
            .await
            .map_err(failed)?;
        let value = pair
            .into_iter()
            .nth(1)
            .ok_or_else(|| QueueError::answer("CONFIG GET", format!("no value of {name}")))?;
        values.push(value);
    }
    let mut values = values.into_iter();
    Ok(Durability {
        appendonly: values.next().unwrap_or_default(),
        appendfsync: values.next().unwrap_or_default(),
        maxmemory_policy: values.next().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::Durability;

    #[test]
    fn each_way_of_losing_work_is_refused_by_its_name() {
        let durable = Durability {
            appendonly: "yes".into(),
            appendfsync: "always".into(),
            maxmemory_policy: "noeviction".into(),
        };
        assert_eq!(durable.judge(), Ok(()));
        for (durability, setting) in [
            (
                Durability {
                    appendonly: "no".into(),
                    ..durable.clone()
                },
                "appendonly",
            ),
            (
                Durability {
                    appendfsync: "everysec".into(),
                    ..durable.clone()
                },
                "appendfsync",
            ),
            (
                Durability {
                    maxmemory_policy: "allkeys-lru".into(),
                    ..durable.clone()
                },
                "maxmemory-policy",
            ),
        ] {
            let refusal = durability.judge().expect_err(setting).to_string();
            assert!(
                refusal.contains(setting) && refusal.contains("accept_loss"),
                "{refusal}"
            );
        }
    }
}
