//! Waiting for a condition, with a limit.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

const PERIOD: Duration = Duration::from_millis(20);

/// Asks `condition` every 20 ms until it gives a value; fails after `limit`, saying `what` was waited for.
pub async fn until<T, F, Fut>(what: &str, limit: Duration, mut condition: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return Ok(value);
        }
        if started.elapsed() >= limit {
            bail!("{what}: not within {limit:?}");
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// As [`until`], for a condition that can fail for a while: the last error is told when time runs out.
pub async fn until_ok<T, F, Fut>(what: &str, limit: Duration, mut attempt: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let started = Instant::now();
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if started.elapsed() >= limit => {
                return Err(error.context(format!("{what}: not within {limit:?}")));
            }
            Err(_) => tokio::time::sleep(PERIOD).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{until, until_ok};

    #[tokio::test]
    async fn a_condition_that_never_holds_is_named_when_time_runs_out() {
        let error = until("the cow jumps", Duration::from_millis(50), || async {
            None::<()>
        })
        .await
        .unwrap_err();
        assert!(error.to_string().contains("the cow jumps"));
        let error = until_ok("the moon rises", Duration::from_millis(50), || async {
            Err::<(), _>(anyhow::anyhow!("cloudy"))
        })
        .await
        .unwrap_err();
        assert!(format!("{error:#}").contains("cloudy"));
    }

    #[tokio::test]
    async fn a_condition_is_asked_again_until_it_holds() {
        let mut asked = 0;
        let value = until("third time", Duration::from_secs(10), || {
            asked += 1;
            let now = asked;
            async move { (now == 3).then_some(now) }
        })
        .await
        .unwrap();
        assert_eq!(value, 3);
    }
}
