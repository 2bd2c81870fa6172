//! As many events as the service takes in for as long as was said: accepted, published, indexed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::{sync::watch, task::JoinSet};

use super::{
    course::RATE_MARK,
    floor::Floors,
    producer::Producer,
    report::Row,
    server::{Server, Stages, stages},
};

/// How the load is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) producers: usize,
    /// Events of one `Append`.
    pub(crate) batch: usize,
    pub(crate) length: Duration,
    /// Not faster than this, events a second.
    pub(crate) most_per_second: f64,
    /// It ends earlier when so many events are on record.
    pub(crate) most_events: u64,
    /// Producers wait while so many events are not yet published and indexed.
    pub(crate) most_behind: u64,
    pub(crate) wait_published: bool,
}

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Seconds that the load went on.
    pub(crate) seconds: f64,
    /// What was done in them.
    pub(crate) stages: Stages,
    /// How long the last stage took to catch up afterwards, seconds.
    pub(crate) catch_up_seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_mib: f64,
    /// The slowest ten seconds: events published and indexed a second.
    pub(crate) worst_per_second: f64,
}

const LOOK: Duration = Duration::from_millis(100);
const SPAN: Duration = Duration::from_secs(10);
const CATCH_UP_LIMIT: Duration = Duration::from_mins(10);

/// Puts the load on; `say` hears how it goes. Events are numbered from `next` on, which moves.
pub(crate) async fn run(
    server: &mut Server,
    load: Load,
    next: &Arc<AtomicU64>,
    say: impl Fn(&str),
) -> Result<Seen> {
    let mut operator = server.operator()?;
    let before = stages(&mut operator).await?;
    let used = server.usage()?;
    let (done, watched) = watch::channel(before.done());
    let shared = Shared {
        load,
        first: next.load(Ordering::Relaxed),
        begun: Instant::now(),
        next: Arc::clone(next),
        answered: Arc::new(AtomicU64::new(before.accepted)),
        done: watched,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for producer in server.producers(load.producers)? {
        callers.spawn(shared.clone().produce(producer));
    }

    let mut spans = Spans::new(start, before);
    let mut now = before;
    while start.elapsed() < load.length && now.accepted < load.most_events {
        tokio::time::sleep(LOOK).await;
        now = stages(&mut operator).await?;
        done.send_replace(now.done());
        if let Some(line) = spans.look(now) {
            let used = server.usage()?;
            say(&format!("{line}  {:.0} MiB", used.resident_mib));
        }
        if let Some(ended) = callers.try_join_next() {
            ended??;
        }
    }
    let (seconds, at_end) = (start.elapsed().as_secs_f64(), now);
    shared.stop.store(true, Ordering::Relaxed);
    let ended = Instant::now();
    let answered = async {
        while let Some(ended) = callers.join_next().await {
            ended??;
        }
        anyhow::Ok(())
    };
    // The stages go on, and some producers wait for them.
    let catch_up = async {
        loop {
            now = stages(&mut operator).await?;
            done.send_replace(now.done());
            if shared.answered.load(Ordering::Relaxed) <= now.done() && now.accepted <= now.done() {
                return anyhow::Ok(());
            }
            ensure!(
                ended.elapsed() < CATCH_UP_LIMIT,
                "the index did not catch up: {now:?}"
            );
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::try_join!(answered, catch_up)?;
    let after = server.usage()?;
    server.must_run()?;
    Ok(Seen {
        seconds,
        stages: Stages {
            accepted: at_end.accepted - before.accepted,
            published: at_end.published.saturating_sub(before.published),
            indexed: at_end.indexed - before.indexed,
        },
        catch_up_seconds: ended.elapsed().as_secs_f64(),
        cpu_seconds: after.cpu_seconds - used.cpu_seconds,
        resident_mib: after.resident_mib,
        worst_per_second: spans.worst,
    })
}

impl Seen {
    /// What the table says of it.
    pub(crate) fn rows(&self, floors: &Floors) -> Vec<Row> {
        let Stages {
            accepted,
            published,
            indexed,
        } = self.stages;
        let rate = |events: u64| events as f64 / self.seconds;
        let stages = [
            ("accepted", accepted),
            ("published", published),
            ("indexed", indexed),
        ];
        let mut rows: Vec<_> = stages
            .into_iter()
            .map(|(stage, events)| {
                Row::new(
                    format!("events {stage}, {:.0} s", self.seconds),
                    rate(events),
                    "/s",
                )
                .at_least(RATE_MARK)
                .over("bare groups and syncs", floors.synced_per_second)
            })
            .collect();
        // A run of less than ten seconds has no slowest ten.
        let slowest = self.worst_per_second.min(rate(self.stages.done()));
        let behind = accepted.saturating_sub(self.stages.done());
        let cpu = self.cpu_seconds * 1_000.0 / accepted.max(1) as f64;
        rows.extend([
            Row::new("published and indexed, slowest ten seconds", slowest, "/s"),
            Row::new("behind at the end", behind as f64, "events"),
            Row::new("until all was done", self.catch_up_seconds, "s"),
            Row::new("CPU of audit-svc for 1,000 events", cpu, "s"),
            Row::new("resident memory", self.resident_mib, "MiB"),
            Row::new(
                "leaf hashes by bare SHA-256, one core",
                floors.hashed_per_second,
                "/s",
            ),
        ]);
        rows
    }
}

#[derive(Clone)]
struct Shared {
    load: Load,
    /// The first event of this load, and when it was made.
    first: u64,
    begun: Instant,
    next: Arc<AtomicU64>,
    /// Events on record by what producers were told.
    answered: Arc<AtomicU64>,
    done: watch::Receiver<u64>,
    stop: Arc<AtomicBool>,
}

impl Shared {
    async fn produce(mut self, producer: Arc<Producer>) -> Result<()> {
        let Load {
            batch,
            most_per_second,
            most_behind,
            wait_published,
            ..
        } = self.load;
        while !self.stop.load(Ordering::Relaxed) {
            let answered = self.answered.load(Ordering::Relaxed);
            let near = answered.saturating_sub(most_behind);
            self.done.wait_for(|done| *done >= near).await?;
            let first = self.next.fetch_add(batch as u64, Ordering::Relaxed);
            let due = Duration::from_secs_f64((first - self.first) as f64 / most_per_second);
            tokio::time::sleep_until((self.begun + due).into()).await;
            producer.append(first, batch, wait_published).await?;
            self.answered.fetch_add(batch as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Ten seconds each.
struct Spans {
    start: Instant,
    begun: Instant,
    at: Stages,
    worst: f64,
}

impl Spans {
    fn new(start: Instant, at: Stages) -> Self {
        Self {
            start,
            begun: start,
            at,
            worst: f64::INFINITY,
        }
    }

    /// What to say when a span is over.
    fn look(&mut self, now: Stages) -> Option<String> {
        let took = self.begun.elapsed();
        if took < SPAN {
            return None;
        }
        let rate = |from: u64, to: u64| to.saturating_sub(from) as f64 / took.as_secs_f64();
        let line = format!(
            "  {:>4} s  {:>10} events  accepted {:>6.0}/s  published {:>6.0}/s  indexed {:>6.0}/s",
            self.start.elapsed().as_secs(),
            now.accepted,
            rate(self.at.accepted, now.accepted),
            rate(self.at.published, now.published),
            rate(self.at.indexed, now.indexed),
        );
        self.worst = self.worst.min(rate(self.at.done(), now.done()));
        self.begun = Instant::now();
        self.at = now;
        Some(line)
    }
}
