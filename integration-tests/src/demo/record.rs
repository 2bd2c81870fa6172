//! The steps that look at what the mesh knows and wrote, and the end.

use std::{
    cell::Cell,
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hongyan_proto::audit::v1::{GetHeadRequest, GetHeadResponse};
use serde::Deserialize;

use super::{messages::CODE, screen::Screen, story::Cast};
use crate::harness::{
    leak::LeakSearch,
    mesh::{
        SERVICES,
        people::{BALANCES, PEOPLE},
    },
    running::RunningProgram,
    wait,
};

const TRACE_LIMIT: Duration = Duration::from_secs(30);
const TRACE_QUIET: Duration = Duration::from_secs(2);
const RECORD_LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn timeline(screen: &mut Screen, cast: &Cast) -> Result<()> {
    let id = cast
        .code_id
        .as_deref()
        .context("there is no one-time code to show")?;
    let output = cast
        .mesh
        .cli("operator/demo")?
        .run(&["message", "show", id])
        .await?;
    screen.say(format!("$ hongyan message show {id}"));
    screen.block(&output.stdout);
    if !output.success {
        screen.block(&output.stderr);
    }
    screen.check("the operator's program ends with exit status 0", output.success);
    for word in ["ACCEPTED", "SUBMITTED", "DELIVERED", "DELIVRD"] {
        screen.check(format!("the timeline tells {word}"), output.stdout.contains(word));
    }
    Ok(())
}

#[derive(Deserialize)]
struct SpanOfTrace {
    service: String,
}

pub(super) async fn traces(screen: &mut Screen, cast: &Cast) -> Result<()> {
    let sign_up = [
        "caller",
        "verify-svc",
        "audit-svc",
        "sms-dispatch-svc",
        "carrier-link-svc",
    ];
    one_trace(
        screen,
        cast,
        "the sign-up: verification, code, receipt",
        &cast.sign_up.id(),
        &sign_up,
    )
    .await?;
    let answer = [
        "carrier-link-svc",
        "uplink-router-svc",
        "sms-dispatch-svc",
        "audit-svc",
    ];
    let trace = cast
        .answer_trace
        .as_deref()
        .context("there is no answered text to show")?;
    one_trace(screen, cast, "the answered text", trace, &answer).await
}

async fn one_trace(screen: &mut Screen, cast: &Cast, what: &str, id: &str, expected: &[&str]) -> Result<()> {
    let url = format!("http://{}/traces/{id}", cast.mesh.world.traces);
    // Spans are exported in batches, seconds after they end: the picture is whole when every service has told its part
    // and nothing came for a while.
    let last_change = Cell::new((0, Instant::now()));
    let complete = wait::until_ok(&format!("all spans of {what}"), TRACE_LIMIT, || async {
        let spans: Vec<SpanOfTrace> = reqwest::get(format!("{url}?format=json"))
            .await?
            .error_for_status()?
            .json()
            .await?;
        if last_change.get().0 != spans.len() {
            last_change.set((spans.len(), Instant::now()));
        }
        let services: BTreeSet<String> = spans.into_iter().map(|span| span.service).collect();
        let missing: Vec<&&str> = expected
            .iter()
            .filter(|name| !services.contains(**name))
            .collect();
        ensure!(missing.is_empty(), "no span of {missing:?}");
        ensure!(last_change.get().1.elapsed() >= TRACE_QUIET, "spans still come");
        Ok(services)
    })
    .await;
    let picture = reqwest::get(&url).await?.text().await?;
    screen.say(format!("{what}:"));
    screen.block(&picture);
    match complete {
        Ok(services) => {
            screen.check(format!("one trace over {} services", services.len()), true);
        }
        Err(error) => screen.failed(&error),
    }
    Ok(())
}

pub(super) async fn counts(screen: &mut Screen, cast: &Cast) -> Result<()> {
    let accepted: u64 = cast.accepted.values().sum();
    let expected = [
        ("VERIFY_ANSWERED", cast.verified),
        ("MESSAGE_ACCEPTED", accepted),
        ("MESSAGE_FINAL", accepted),
        ("UPLINK_ROUTED", 4),
    ];
    let audit = cast.operator.audit()?;
    // Events reach the record by their stream, and the counts by the index.
    let waited = wait::until_ok("the record holds every event", RECORD_LIMIT, || async {
        let head = audit.clone().get_head(GetHeadRequest {}).await?.into_inner();
        let behind = expected
            .iter()
            .find(|(action, count)| count_of(&head, action) < *count);
        ensure!(behind.is_none(), "behind in {behind:?}");
        Ok(())
    })
    .await;
    let head = audit.clone().get_head(GetHeadRequest {}).await?.into_inner();
    let counts = &head.events_by_action;
    screen.table(
        ["event", "on record"],
        counts
            .iter()
            .map(|(action, count)| [action.clone(), count.to_string()]),
    );
    screen.say(format!(
        "{} events in all, in {} transparency logs",
        head.size,
        head.logs.len()
    ));
    if let Err(error) = waited {
        screen.failed(&error);
    }
    for (action, count) in expected {
        let found = count_of(&head, action);
        screen.check(format!("{action}: {found}, as callers were told"), found == count);
    }
    screen.check("no numbered event is missing", head.gaps.is_empty());
    Ok(())
}

fn count_of(head: &GetHeadResponse, action: &str) -> u64 {
    head.events_by_action.get(action).copied().unwrap_or(0)
}

pub(super) async fn leaks(screen: &mut Screen, cast: &mut Cast) -> Result<()> {
    let mut secrets: Vec<(String, String)> = vec![("the one-time code".to_owned(), CODE.to_owned())];
    for (n, person) in PEOPLE.iter().enumerate() {
        secrets.push((format!("the name of person {n}"), person.name.to_owned()));
        secrets.push((
            format!("the id number of person {n}"),
            person.id_number.to_owned(),
        ));
        secrets.push((format!("the phone of person {n}"), person.phone.to_owned()));
    }
    for (n, (card, _)) in BALANCES.iter().enumerate() {
        secrets.push((format!("card {n}"), (*card).to_owned()));
    }
    let search = LeakSearch::new(secrets)?;
    let scraped = cast.mesh.scrape().await?;
    let mut searched = search.folder(cast.mesh.layout.root(), |path| {
        cast.mesh.layout.is_of_the_world(path)
    })?;
    for (place, text) in &scraped {
        searched.leaks.extend(search.bytes(place, text.as_bytes()));
        searched.files += 1;
        searched.octets += text.len() as u64;
    }
    screen.say(format!(
        "searched {} files, metrics and spans ({:.1} MiB) for names, numbers, cards and the code in all their writings",
        searched.files,
        searched.octets as f64 / f64::from(1 << 20),
    ));
    for leak in searched.leaks.iter().take(20) {
        screen.say(leak);
    }
    screen.check(
        "nothing was found",
        searched.leaks.is_empty() && searched.octets > 100_000,
    );
    Ok(())
}

pub(super) async fn stop(screen: &mut Screen, cast: Cast) -> Result<()> {
    let Cast {
        mut mesh, receipts, ..
    } = cast;
    receipts.stop().await;
    if screen.has_failed() {
        screen.say(format!(
            "logs, settings and data stay in {}",
            mesh.keep_files().display()
        ));
    }
    let running: Vec<RunningProgram> = mesh.running()?.programs;
    let ended = mesh.stop().await?;
    let drained = ended
        .iter()
        .filter(|(name, _)| SERVICES.contains(&name.as_str()))
        .all(|(_, status)| status.success());
    screen.check(
        "every service drained on SIGTERM and ended with exit status 0",
        drained,
    );
    for (name, status) in ended.iter().filter(|(_, status)| !status.success()) {
        screen.say(format!("{name}: {status}"));
    }
    let left = running.iter().filter(|program| program.is_running()).count();
    screen.check(
        format!("nothing is left running of {} processes", running.len()),
        left == 0,
    );
    Ok(())
}
