//! What is measured, in which order, against which marks.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use hongyan_integration_tests::bench::report::machine;

use super::{
    at_rest,
    events::{EVENT_OCTETS, EVENTS_OF_A_MESSAGE},
    floor::Floors,
    paced,
    reading::{self, Question},
    report::{Report, Row},
    room,
    server::{Server, stages},
    sustained::{self, Load},
};

/// Events a second that are accepted, published and indexed.
pub(crate) const RATE_MARK: f64 = 20_000.0;
/// Appends are timed at this rate.
const PACED: f64 = RATE_MARK / 2.0;
const APPEND_P99_MARK_MS: f64 = 25.0;
const CHECKPOINT_P99_MARK_MS: f64 = 1_500.0;
const VERIFIED_MARK: f64 = 300_000.0;
const OVERHEAD_MARK_PERCENT: f64 = 8.0;
const RESTART_MARK_SECONDS: f64 = 10.0;
/// Events that may wait for index and checkpoint before producers wait: some seconds' work.
const MOST_BEHIND: u64 = 100_000;
/// Where the disk has no room for more, the sustained run is held this far above the mark.
const ABOVE_THE_MARK: f64 = 1.25;
/// Producers that wait for publication: so many events are then under way as a checkpoint's time takes in.
const WAITING_PRODUCERS: usize = 256;

/// How to go about it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) dir: PathBuf,
    pub(crate) sustained: Duration,
    /// It goes no faster than this.
    pub(crate) most_per_second: Option<f64>,
    pub(crate) producers: usize,
    pub(crate) batch: usize,
}

/// Measures everything; `say` is told what is being done.
pub(crate) async fn run(plan: Plan, say: impl Fn(&str)) -> Result<Report> {
    // What comes after the sustained run needs its part.
    let most_events = room::events(&plan.dir, &say)? / 3 * 2;
    // A short run is for trying things, and should not spend most of its time on the rest.
    let short = (plan.sustained / 10).clamp(Duration::from_secs(3), Duration::from_secs(20));
    let mut report = Report {
        machine: machine(),
        ..Report::default()
    };
    say("· floors: bare groups on the disk, bare hashes on one core");
    let floors = Floors::measure(&plan.dir, short.min(Duration::from_secs(5)))?;
    let mut bench = Bench {
        server: Server::start(&plan.dir).await?,
        next: Arc::default(),
        floors,
        short,
        report: &mut report,
    };
    say(&format!(
        "· sustained: {} producers, batches of {}, {} s",
        plan.producers,
        plan.batch,
        plan.sustained.as_secs()
    ));
    let times = bench.sustained(&plan, most_events, &say).await?;
    // Of later events some may be refused.
    let messages = bench.next.load(Ordering::Relaxed) / EVENTS_OF_A_MESSAGE;
    say("· paced: appends, checkpoints");
    bench.paced().await?;
    say("· appends that wait for publication, and the same that do not");
    bench.waiting(&plan, most_events, &say).await?;
    say("· proofs and questions");
    bench.reading(messages, times).await?;
    say("· restarts, verification, disk");
    bench.at_rest().await?;
    bench.server.stop().await?;
    Ok(report)
}

struct Bench<'a> {
    server: Server,
    /// The number of the next event that is made.
    next: Arc<AtomicU64>,
    floors: Floors,
    short: Duration,
    report: &'a mut Report,
}

impl Bench<'_> {
    /// Gives when it began and ended, milliseconds since 1970.
    async fn sustained(&mut self, plan: &Plan, most_events: u64, say: &impl Fn(&str)) -> Result<(i64, i64)> {
        // Rather slower for the whole time than faster for a part of it, as long as the mark can be met.
        let has_room = (most_events as f64 / plan.sustained.as_secs_f64()).max(RATE_MARK * ABOVE_THE_MARK);
        let most_per_second = plan.most_per_second.unwrap_or(f64::INFINITY).min(has_room);
        let load = Load {
            producers: plan.producers,
            batch: plan.batch,
            length: plan.sustained,
            most_per_second,
            most_events,
            most_behind: MOST_BEHIND,
            wait_published: false,
        };
        let begun = unix_ms();
        let seen = sustained::run(&mut self.server, load, &self.next, say).await?;
        let ended = unix_ms();
        if seen.stages.accepted >= most_events {
            let note = format!(
                "the sustained run ended after {:.0} s: no room for more events",
                seen.seconds
            );
            say(&format!("  {note}"));
            self.report.note(note);
        }
        if seen.stages.accepted as f64 / seen.seconds > most_per_second * 0.97 {
            self.report.note(format!(
                "the sustained run was held at {most_per_second:.0} events/s, for which the disk has room; what is possible \
                 shows where no append waits"
            ));
        }
        for row in seen.rows(&self.floors) {
            self.report.push(row);
        }
        self.report.note(format!(
            "sustained: {} producers over 4 connections, mutual TLS, batches of {}, at most {MOST_BEHIND} events ahead of \
             index and checkpoints; events of {EVENT_OCTETS} octets, five to a message: three in sms-event, one in cdr, \
             one, with a sealed part, in pd-access",
            plan.producers, plan.batch
        ));
        self.report.note(format!(
            "one bare group of 1,024 such records and its fdatasync: {:.2} ms",
            self.floors.group_ms
        ));
        Ok((begun, ended))
    }

    async fn paced(&mut self) -> Result<()> {
        for batch in [16, 1] {
            let (run, refusal) =
                paced::appends(&mut self.server, PACED, batch, self.short, &self.next).await?;
            let latency = run.latency.context("an open run has latencies")?;
            let what = |point: &str| format!("Append of {batch} at {PACED} events/s, {point}");
            self.report.push(Row::new(what("p50"), latency.p50_ms, "ms"));
            let p99 = Row::new(what("p99"), latency.p99_ms, "ms").over("a bare group", self.floors.group_ms);
            // Producers gather events while an append is under way; one call for each is what they never do.
            self.report.push(match batch {
                1 => p99,
                _ => p99.at_most(APPEND_P99_MARK_MS),
            });
            self.report.push(Row::new(what("p99.9"), latency.p999_ms, "ms"));
            if let Some(refusal) = refusal {
                self.report
                    .note(format!("the first refusal of Append of {batch}: {refusal}"));
                self.report
                    .push(Row::new(what("refused"), run.failed as f64, "calls"));
            }
        }
        let found = paced::checkpoints(&mut self.server, PACED, self.short, &self.next).await?;
        let what = |point: &str| format!("append to signed checkpoint at that rate, {point}");
        self.report.push(Row::new(what("p50"), found.p50_ms, "ms"));
        self.report
            .push(Row::new(what("p99"), found.p99_ms, "ms").at_most(CHECKPOINT_P99_MARK_MS));
        Ok(())
    }

    async fn waiting(&mut self, plan: &Plan, most_events: u64, say: &impl Fn(&str)) -> Result<()> {
        let mut rates = Vec::new();
        for wait_published in [false, true] {
            let load = Load {
                producers: WAITING_PRODUCERS,
                batch: plan.batch,
                length: self.short,
                most_per_second: f64::INFINITY,
                most_events: most_events.saturating_mul(2),
                most_behind: MOST_BEHIND,
                wait_published,
            };
            let seen = sustained::run(&mut self.server, load, &self.next, say).await?;
            rates.push(seen.stages.published as f64 / seen.seconds);
        }
        if let [without, with] = rates[..] {
            let row = Row::new("events published, unbounded rate, no append waits", without, "/s");
            self.report.push(row.at_least(RATE_MARK));
            let row = Row::new("events published, every append waits for it", with, "/s");
            self.report
                .push(row.at_least(RATE_MARK).over("the same without waiting", without));
        }
        Ok(())
    }

    async fn reading(&mut self, messages: u64, times: (i64, i64)) -> Result<()> {
        let now = stages(&mut self.server.operator()?).await?;
        let events = now.accepted as f64 / 1e6;
        let length = self.short / 2;
        let proofs = reading::proofs(&self.server, length).await?;
        let what = |point: &str| format!("proof of an event among {events:.1} million, verified, {point}");
        self.report
            .push(Row::new(what("p50"), proofs.latency.p50_ms, "ms"));
        self.report
            .push(Row::new(what("p99"), proofs.latency.p99_ms, "ms"));
        self.report
            .push(Row::new("proofs, 4 callers", proofs.per_second, "/s"));
        for (question, by) in [
            (Question::Message, "message"),
            (Question::Trace, "trace"),
            (Question::Subject, "subject"),
            (Question::ActorActionTime, "actor, action and time"),
        ] {
            let asked = reading::questions(&self.server, question, messages, times, length).await?;
            let what = |point: &str| format!("query by {by}, {point}");
            self.report
                .push(Row::new(what("p50"), asked.latency.p50_ms, "ms"));
            self.report
                .push(Row::new(what("p99"), asked.latency.p99_ms, "ms"));
        }
        self.report.note(
            "queries come from 4 callers; each is itself put on record, which is one group commit".to_owned(),
        );
        Ok(())
    }

    async fn at_rest(&mut self) -> Result<()> {
        let now = stages(&mut self.server.operator()?).await?;
        let events = now.accepted as f64 / 1e6;
        for (killed, how) in [(false, "told to end"), (true, "killed")] {
            let took = self.server.restart(killed).await?;
            let what = format!("restart with {events:.1} million events, {how}");
            self.report
                .push(Row::new(what, took.as_secs_f64(), "s").at_most(RESTART_MARK_SECONDS));
        }
        let data = self.server.data();
        let rate = at_rest::verified(&self.server, &data).await?;
        let row = Row::new("entries checked by `hongyan audit verify`", rate, "/s");
        let hashes = self.floors.hashed_per_second;
        self.report
            .push(row.at_least(VERIFIED_MARK).over("bare hashes", hashes));
        let now = stages(&mut self.server.operator()?).await?;
        let octets = at_rest::octets(&data, now.published)?;
        let percent = |octets_of: u64| octets_of as f64 * 100.0 / octets.entries.max(1) as f64;
        self.report.push(
            Row::new(
                "octets of the logs above those of their entries",
                percent(octets.tiles.saturating_sub(octets.entries)),
                "%",
            )
            .at_most(OVERHEAD_MARK_PERCENT),
        );
        for (what, octets_of) in [
            (
                "the same, in whole blocks of the disk",
                octets.tiles_on_disk.saturating_sub(octets.entries),
            ),
            ("journal at rest, over the entries", octets.journal),
            ("index, over the entries", octets.index),
        ] {
            self.report.push(Row::new(what, percent(octets_of), "%"));
        }
        self.report.note(format!(
            "an entry has {:.0} octets: the event, who brought it, and its place",
            octets.entries as f64 / now.published.max(1) as f64
        ));
        Ok(())
    }
}

fn unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
