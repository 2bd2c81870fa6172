//! The order of the steps.

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use anyhow::{Result, anyhow};

use super::{
    aggregator, carriers, forgetting, messages, own_trace::OwnTrace, record, screen::Screen, uplinks, verify,
};
use crate::{
    gateway_sim::GatewaySim,
    harness::{
        mesh::{Client, Gateway, LINKS_OF_THE_EXAMPLE, Mesh, MeshOptions},
        traffic::ReceiptWatcher,
    },
};

/// The insurer of the example catalog.
pub(super) const INSURER: &str = "caller/xinghe-life";
/// Its social-security bureau.
pub(super) const BUREAU: &str = "caller/binhai-hrss";
/// Who looks after the mesh.
pub(super) const OPERATOR: &str = "operator/demo";

/// No step may take longer.
const STEP_LIMIT: Duration = Duration::from_mins(3);

/// What the steps work with and hand to each other.
pub(super) struct Cast {
    pub(super) mesh: Mesh,
    pub(super) insurer: Client,
    pub(super) bureau: Client,
    pub(super) operator: Client,
    /// China Mobile's.
    pub(super) gateway: Gateway,
    /// That of the carrier which is reached by SMPP.
    pub(super) aggregator: GatewaySim,
    pub(super) receipts: ReceiptWatcher,
    /// The sign-up: verification and one-time code in one trace.
    pub(super) sign_up: OwnTrace,
    /// The one-time code's message.
    pub(super) code_id: Option<String>,
    /// The trace of the answered text.
    pub(super) answer_trace: Option<String>,
    /// Messages that callers were told are accepted, by class.
    pub(super) accepted: BTreeMap<&'static str, u64>,
    /// Verifications that were answered.
    pub(super) verified: u64,
}

/// Tells the whole story. Success only where every check held and nothing is left running.
pub async fn run() -> ExitCode {
    let mut screen = Screen::stdout();
    screen.step("The mesh starts: Redis, the services, and a simulated world around them");
    match assemble(&mut screen).await {
        // Boxed: it holds the whole mesh.
        Ok(cast) => Box::pin(tell(&mut screen, cast)).await,
        Err(error) => screen.failed(&error),
    }
    screen.verdict()
}

/// A mesh in which each link speaks its carrier's own protocol.
pub(super) fn options() -> Result<MeshOptions> {
    let mut options = MeshOptions::new()?;
    options.spoken = LINKS_OF_THE_EXAMPLE
        .iter()
        .map(|link| link.name.to_owned())
        .zip(carriers::OWN_PROTOCOLS)
        .collect();
    Ok(options)
}

async fn assemble(screen: &mut Screen) -> Result<Cast> {
    let aggregator = aggregator::start().await?;
    let mut options = options()?;
    options.catalog = Some(aggregator::declared(&aggregator));
    let mut mesh = Mesh::start(options).await?;
    let rows: Vec<[String; 3]> = mesh
        .programs()
        .iter()
        .map(|program| {
            let addresses: Vec<String> = program
                .addresses
                .iter()
                .map(|(name, address)| format!("{name} {address}"))
                .collect();
            [
                program.name().to_owned(),
                program.id().to_string(),
                addresses.join(", "),
            ]
        })
        .collect();
    let count = rows.len();
    screen.table(["program", "process", "listens on"], rows);
    screen.check(
        format!(
            "{count} programs and Redis are ready after {:.1} s",
            screen.step_seconds()
        ),
        true,
    );
    let insurer = mesh.client(INSURER).await?;
    Ok(Cast {
        bureau: mesh.client(BUREAU).await?,
        operator: mesh.client(OPERATOR).await?,
        gateway: mesh.gateways().swap_remove(0),
        aggregator,
        receipts: ReceiptWatcher::start(&insurer, "demo")?,
        insurer,
        mesh,
        sign_up: OwnTrace::begin("a customer signs up"),
        code_id: None,
        answer_trace: None,
        accepted: BTreeMap::new(),
        verified: 0,
    })
}

async fn tell(screen: &mut Screen, mut cast: Cast) {
    step(
        screen,
        "A customer's phone, name and id number are verified",
        async |screen| verify::matching(screen, &mut cast).await,
    )
    .await;
    step(screen, "The same phone under another name", async |screen| {
        verify::mismatching(screen, &mut cast).await
    })
    .await;
    step(
        screen,
        "A one-time code leaves by China Mobile's protocol, and its receipt comes back",
        async |screen| messages::one_time_code(screen, &mut cast).await,
    )
    .await;
    step(
        screen,
        "A second one-time code within the minute is refused",
        async |screen| messages::second_code(screen, &cast).await,
    )
    .await;
    step(screen, "A notice of three segments", async |screen| {
        messages::long_notice(screen, &mut cast).await
    })
    .await;
    step(
        screen,
        "A notice to a customer of each carrier, by CMPP, SGIP, SMGP and SMPP",
        async |screen| carriers::own_protocols(screen, &mut cast).await,
    )
    .await;
    step(screen, "A stream of 2,000 messages", async |screen| {
        messages::stream(screen, &mut cast).await
    })
    .await;
    step(
        screen,
        "A resident texts SBYE#<card> and is answered; an unknown text gets help, with each carrier",
        async |screen| uplinks::texts(screen, &mut cast).await,
    )
    .await;
    step(
        screen,
        "One message's life, by the operator's hand",
        async |screen| record::timeline(screen, &cast).await,
    )
    .await;
    step(
        screen,
        "Its one trace, and that of the answered text",
        async |screen| record::traces(screen, &cast).await,
    )
    .await;
    step(screen, "The record", async |screen| {
        record::counts(screen, &cast).await
    })
    .await;
    step(
        screen,
        "The verified customer asks to be forgotten",
        async |screen| forgetting::erasure(screen, &cast).await,
    )
    .await;
    step(
        screen,
        "No personal data in anything that the mesh wrote",
        async |screen| record::leaks(screen, &mut cast).await,
    )
    .await;
    step(screen, "The mesh drains and ends", async |screen| {
        record::stop(screen, cast).await
    })
    .await;
}

/// A step that fails or hangs is told, and the story goes on: the later steps say more about what is wrong.
async fn step<F>(screen: &mut Screen, title: &str, body: F)
where
    F: AsyncFnOnce(&mut Screen) -> Result<()>,
{
    screen.step(title);
    match tokio::time::timeout(STEP_LIMIT, body(screen)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => screen.failed(&error),
        Err(_) => screen.failed(&anyhow!("not done within {STEP_LIMIT:?}")),
    }
}
