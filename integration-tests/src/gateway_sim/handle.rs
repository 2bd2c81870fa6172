//! A running simulator.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hongyan_carrier_wire::field::TerminalId;
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::account::AccountState;
use super::config::{Config, DeliverTo};
use super::control;
use super::faults::{Damage, Faults, Rule, national};
use super::hub::{Command, Hub, lock};
use super::ledger::{MessageView, NumberCount, Stats, texts};
use super::outbox::{Body, Outgoing};
use super::serving::{self, STOP_TIMEOUT};
use super::uplink::{PhoneReport, Uplink};

/// The most messages given out at once.
const MAX_LISTED: usize = 10_000;
/// Which messages to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessageFilter {
    /// Only those to this number.
    pub number: Option<String>,
    /// Only those after this `n`; from the first one unless given.
    pub after: Option<u64>,
    /// At most so many, 10 000 unless fewer are asked for.
    pub limit: Option<usize>,
}

/// A running gateway. Stops when dropped; [`GatewaySim::stop`] waits for the end as well.
#[derive(Debug)]
pub struct GatewaySim {
    controls: Controls,
    addr: SocketAddr,
    control_addr: SocketAddr,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// What can be asked and told while it runs; the control's and the handle's common part.
#[derive(Debug, Clone)]
pub(super) struct Controls {
    hub: Arc<Hub>,
}

impl GatewaySim {
    /// Starts a gateway.
    ///
    /// # Errors
    ///
    /// When an address cannot be bound or a setting cannot be.
    pub async fn start(config: Config) -> Result<Self> {
        config.session.check().context("session")?;
        ensure!(!config.accounts.is_empty(), "accounts: nobody could log in");
        config.receipt.check()?;
        let bind = async |name: &str, at: SocketAddr| {
            TcpListener::bind(at)
                .await
                .with_context(|| format!("{name}: cannot listen on {at}"))
        };
        let carrier = bind("listen", config.listen).await?;
        let control = bind("control", config.control).await?;
        let (addr, control_addr) = (carrier.local_addr()?, control.local_addr()?);
        let shutdown = CancellationToken::new();
        let (hub, mut tasks) = serving::start(config, carrier, &shutdown)?;
        let controls = Controls { hub };
        tasks.push(tokio::spawn(control::serve(
            controls.clone(),
            control,
            shutdown.clone(),
        )));
        Ok(Self {
            controls,
            addr,
            control_addr,
            shutdown,
            tasks,
        })
    }

    /// Where carrier links connect.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where the control answers.
    pub const fn control_addr(&self) -> SocketAddr {
        self.control_addr
    }

    /// Ends all connections and waits until the ports are free.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        for mut task in std::mem::take(&mut self.tasks) {
            if tokio::time::timeout(STOP_TIMEOUT, &mut task).await.is_err() {
                task.abort();
            }
        }
    }

    /// What was counted.
    pub fn stats(&self) -> Stats {
        self.controls.stats()
    }

    /// Messages per second of the clock (Unix), for the last day.
    pub fn seconds(&self) -> Vec<(u64, u64)> {
        self.controls.seconds()
    }

    /// What was counted for one number.
    pub fn number(&self, number: &str) -> NumberCount {
        self.controls.number(number)
    }

    /// Messages that are remembered, oldest first.
    pub fn messages(&self, filter: &MessageFilter) -> Vec<MessageView> {
        self.controls.messages(filter)
    }

    /// Whole texts that a number got, put together from their parts.
    pub fn texts(&self, number: &str) -> Vec<String> {
        self.controls.texts(Some(number))
    }

    /// Waits until the counts are as wanted.
    ///
    /// # Errors
    ///
    /// The counts as they are when the time is over.
    pub async fn wait_for(&self, within: Duration, wanted: impl Fn(&Stats) -> bool) -> Result<Stats> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let stats = self.stats();
            if wanted(&stats) {
                return Ok(stats);
            }
            ensure!(
                tokio::time::Instant::now() < deadline,
                "not so within {within:?}: {stats:?}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The faults in force; counts show what is left of them.
    pub fn faults(&self) -> Faults {
        self.controls.faults()
    }

    /// Replaces all faults.
    pub fn set_faults(&self, faults: Faults) -> Result<()> {
        self.controls.set_faults(faults)
    }

    /// Adds a rule behind those in force.
    pub fn add_rule(&self, rule: Rule) -> Result<()> {
        self.controls.add_rule(rule)
    }

    /// Sends an uplink, now or as soon as the account has a connection; gives the number of `DELIVER`s.
    pub fn uplink(&self, uplink: &Uplink) -> Result<usize> {
        self.controls.uplink(uplink)
    }

    /// Reports about a phone, in a protocol that has that (SGIP).
    pub fn user_report(&self, report: &PhoneReport) -> Result<()> {
        self.controls.user_report(report)
    }

    /// Where the gateway delivers what is for an account, the first one unless given (SGIP).
    pub fn deliver_to(&self, account: Option<&str>, to: DeliverTo) -> Result<()> {
        self.controls.deliver_to(account, to)
    }

    /// Drops one connection, or all; gives how many.
    pub fn drop_connections(&self, only: Option<u64>) -> usize {
        self.controls.command(only, &Command::Drop)
    }

    /// Ends one session, or all, in order; gives how many.
    pub fn terminate(&self, only: Option<u64>) -> usize {
        self.controls.command(only, &Command::Terminate)
    }

    /// Sends octets as they are to one connection, or all; gives how many got them.
    pub fn send_raw(&self, only: Option<u64>, octets: &[u8]) -> usize {
        self.controls.command(only, &Command::Raw(octets.to_vec()))
    }

    /// Forgets messages, counts, faults and what waits to be delivered. Connections stay.
    pub fn reset(&self) {
        self.controls.reset();
    }
}

impl Drop for GatewaySim {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Controls {
    pub(super) fn stats(&self) -> Stats {
        let waiting = self.hub.waiting();
        lock(&self.hub.ledger).stats(self.hub.carrier.name(), waiting)
    }

    pub(super) fn seconds(&self) -> Vec<(u64, u64)> {
        lock(&self.hub.ledger).seconds()
    }

    pub(super) fn number(&self, number: &str) -> NumberCount {
        let number = TerminalId::new(national(number)).unwrap_or_default();
        lock(&self.hub.ledger).number(&number)
    }

    pub(super) fn messages(&self, filter: &MessageFilter) -> Vec<MessageView> {
        let from = filter.after.unwrap_or(0).saturating_add(1);
        let number = filter.number.as_deref().map(national);
        let limit = filter.limit.unwrap_or(MAX_LISTED).min(MAX_LISTED);
        lock(&self.hub.ledger)
            .messages
            .iter_from(from, |taken| {
                number.is_none_or(|number| number.as_bytes() == taken.number.as_bytes())
            })
            .take(limit)
            .map(|(n, taken, kept)| taken.view(n, self.hub.carrier.show(taken.id), kept))
            .collect()
    }

    pub(super) fn texts(&self, number: Option<&str>) -> Vec<String> {
        let number = number.map(national);
        let ledger = lock(&self.hub.ledger);
        let wanted = ledger.messages.iter_from(0, |taken| {
            number.is_none_or(|number| number.as_bytes() == taken.number.as_bytes())
        });
        texts(wanted.filter_map(|(_, taken, kept)| Some((taken, kept?))))
    }

    pub(super) fn faults(&self) -> Faults {
        lock(&self.hub.faults).current().clone()
    }

    pub(super) fn set_faults(&self, faults: Faults) -> Result<()> {
        self.hub.set_faults(faults)
    }

    pub(super) fn add_rule(&self, rule: Rule) -> Result<()> {
        self.hub.add_rule(rule)
    }

    fn account(&self, name: Option<&str>) -> Result<Arc<AccountState>> {
        match name {
            None => self.hub.accounts.first().cloned(),
            Some(name) => self.hub.account(name),
        }
        .context("account: there is no such account")
    }

    pub(super) fn uplink(&self, uplink: &Uplink) -> Result<usize> {
        let account = self.account(uplink.account.as_deref())?;
        let parts = uplink.parts(self.hub.carrier.as_ref())?;
        let count = parts.len();
        for part in parts {
            self.queue(&account, Body::Uplink(Box::new(part)), &uplink.damage);
        }
        account.tell();
        Ok(count)
    }

    pub(super) fn user_report(&self, report: &PhoneReport) -> Result<()> {
        ensure!(
            self.hub.carrier.reports_phones(),
            "{} has no report about a phone",
            self.hub.carrier.name()
        );
        let account = self.account(report.account.as_deref())?;
        self.queue(&account, Body::UserReport(Box::new(report.report()?)), &[]);
        account.tell();
        Ok(())
    }

    pub(super) fn deliver_to(&self, account: Option<&str>, to: DeliverTo) -> Result<()> {
        let account = self.account(account)?;
        *lock(&account.deliver_to) = Some(to);
        account.tell();
        Ok(())
    }

    fn queue(&self, account: &AccountState, body: Body, damage: &[Damage]) {
        let outgoing = Outgoing {
            body,
            id: self.hub.message_ids(1, OffsetDateTime::now_utc()),
            attempts: 0,
            damage: damage.to_vec(),
        };
        self.hub.count(outgoing.kind(), |count| count.queued += 1);
        self.hub.queue(account, self.hub.now_ms(), outgoing);
    }

    pub(super) fn command(&self, only: Option<u64>, command: &Command) -> usize {
        self.hub.command(only, command)
    }

    pub(super) fn reset(&self) {
        for account in &self.hub.accounts {
            lock(&account.outbox).clear();
        }
        lock(&self.hub.ledger).reset();
        // The set of no faults is always allowed.
        let _ = lock(&self.hub.faults).replace(Faults::default());
    }
}
