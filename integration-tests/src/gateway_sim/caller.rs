//! The gateway's own connections to clients, in SGIP: opened when something is due, ended when nothing is.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::account::{AccountState, LoginSlot};
use super::config::DeliverTo;
use super::connection::{self, Begin};
use super::faults::ConnectionEffects;
use super::hub::{Hub, lock};
use super::protocol::{Sgip, SgipCaller};

/// How long a listener may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Waits between attempts that did not come as far as a login; doubled each time, up to the second.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Calls for one account until the gateway stops.
pub(super) async fn call(
    hub: Arc<Hub>,
    gateway: Sgip,
    account: Arc<AccountState>,
    shutdown: CancellationToken,
) {
    let mut wait = FIRST_WAIT;
    loop {
        let to = tokio::select! {
            to = work(&hub, &account) => to,
            () = shutdown.cancelled() => return,
        };
        if deliver(&hub, gateway, &account, &to, &shutdown).await {
            wait = FIRST_WAIT;
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = wait.saturating_mul(2).min(LONGEST_WAIT),
            () = shutdown.cancelled() => return,
        }
    }
}

/// Waits until something is due, and there is somewhere to deliver it.
async fn work(hub: &Hub, account: &AccountState) -> DeliverTo {
    let mut news = account.listen();
    loop {
        let due_ms = lock(&account.outbox).next_due_ms();
        let to = lock(&account.deliver_to).clone();
        let wake = match (due_ms, to) {
            (Some(due_ms), Some(to)) if due_ms <= hub.now_ms() => return to,
            (Some(due_ms), Some(_)) => Some(tokio::time::Instant::from_std(hub.instant(due_ms))),
            _ => None,
        };
        let sleep = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => {}
            changed = news.changed() => if changed.is_err() {
                // The account lives as long as the gateway: this is the end.
                std::future::pending::<()>().await;
            },
        }
    }
}

/// Opens a connection and delivers until nothing is left. False when it did not come as far as a login.
async fn deliver(
    hub: &Arc<Hub>,
    gateway: Sgip,
    account: &Arc<AccountState>,
    to: &DeliverTo,
    shutdown: &CancellationToken,
) -> bool {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&to.address)).await;
    let failed = |why: String| {
        let (id, _) = hub.register(to.address.clone(), true);
        hub.unregister(id, why);
        false
    };
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return failed(format!("connect: {}", error.kind())),
        Err(_) => return failed("connect: timed out".to_owned()),
    };
    // Without it each answer waits for a delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let protocol = match SgipCaller::new(gateway, to) {
        Ok(protocol) => Arc::new(protocol),
        Err(error) => return failed(format!("{error:#}")),
    };
    let begin = Begin {
        hub: Arc::clone(hub),
        protocol,
        peer: to.address.clone(),
        effects: ConnectionEffects::default(),
        calls: Some(LoginSlot::unlimited(hub, Arc::clone(account))),
    };
    connection::serve(begin, stream, shutdown.clone()).await
}
