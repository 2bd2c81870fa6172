//! The link's pace as this process sees it: a rate shared with other processes, spent by this process's connections.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use hongyan_queue::Backoff;
use hongyan_throttle::{Budget, Pacer, Rate};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{clock, desk::Desk, slowdown::Slowdown};

/// How far ahead slots are leased.
pub const HORIZON_MS: u64 = 100;
/// Slots that come within this time count as soon.
const SOON_US: u64 = 50_000;
/// Asked again at the latest after this time, whatever happens.
const IDLE_LOOK: Duration = Duration::from_millis(200);

/// The pace of one link.
#[derive(Debug)]
pub struct Pace {
    budget: Budget,
    segments_per_second: u32,
    pacer: Mutex<Pacer>,
    slowdown: Mutex<Slowdown>,
    /// Segments that have left without a slot: the next slots pay for them.
    owed: AtomicU64,
    /// Segments that wait on this process's connections.
    waiting: AtomicUsize,
    /// A connection has work and no slot is in hand.
    wanted: Notify,
}

impl Pace {
    /// At most so many segments a second, over all who share the budget.
    pub fn new(budget: Budget, segments_per_second: u32) -> Self {
        Self {
            budget,
            segments_per_second,
            pacer: Mutex::default(),
            slowdown: Mutex::default(),
            owed: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
        }
    }

    /// A connection has so many segments waiting in the place of so many before.
    pub fn report_waiting(&self, before: usize, now: usize) {
        // Both in one step would be nicer; a moment's wrong sum only leases a slot more or less.
        self.waiting.fetch_add(now, Ordering::Relaxed);
        self.waiting.fetch_sub(before, Ordering::Relaxed);
    }

    /// So many segments have left without asking, because no answer to their first copies came. What leaves next waits for
    /// them: over more than a moment the pace holds. At most a second's worth is owed.
    pub fn owe(&self, segments: u64) {
        if segments > 0 {
            let _ = self
                .owed
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |owed| {
                    Some(
                        owed.saturating_add(segments)
                            .min(u64::from(self.segments_per_second)),
                    )
                });
        }
    }

    /// May one segment leave now?
    pub fn take(&self) -> bool {
        let now_us = clock::unix_us();
        let mut pacer = lock(&self.pacer);
        while self.owed.load(Ordering::Relaxed) > 0 && pacer.take(1, now_us) == 1 {
            self.owed.fetch_sub(1, Ordering::Relaxed);
        }
        let taken = pacer.take(1, now_us) == 1;
        if !taken && pacer.slots(now_us) == 0 {
            // What was in hand has become too old while nothing could be sent.
            self.wanted.notify_one();
        }
        taken
    }

    /// How many segments may leave soon.
    pub fn soon(&self) -> usize {
        lock(&self.pacer).due_by(clock::unix_us() + SOON_US) as usize
    }

    /// How long until the next slot; `None` where none is leased.
    pub fn next_slot(&self) -> Option<Duration> {
        let at = lock(&self.pacer).next_slot_us()?;
        Some(Duration::from_micros(at.saturating_sub(clock::unix_us())))
    }

    /// The carrier asked to slow down: half the pace, and what was leased at the old one is given up.
    pub fn throttled(&self) {
        if lock(&self.slowdown).throttled(clock::unix_ms()) {
            lock(&self.pacer).clear();
        }
    }

    /// The part of the pace that is used now.
    pub fn factor(&self) -> f64 {
        lock(&self.slowdown).factor(clock::unix_ms())
    }

    /// Keeps slots in hand as long as there is work for them, on the desk or on a connection; rings the desk's news when
    /// there are some.
    pub async fn keep(&self, desk: &Desk, shutdown: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        let mut news = desk.news.listen();
        loop {
            let pause = self.lease_once(desk, &mut backoff).await;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause.unwrap_or(IDLE_LOOK)) => {}
                () = news.heard(), if pause.is_none() => {}
                () = self.wanted.notified(), if pause.is_none() => {}
            }
        }
    }

    /// Gives how long to wait before the next look; `None` until something is wanted.
    async fn lease_once(&self, desk: &Desk, backoff: &mut Backoff) -> Option<Duration> {
        let in_hand = lock(&self.pacer).slots(clock::unix_us()) as usize;
        let owed = usize::try_from(self.owed.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        let waiting = self.waiting.load(Ordering::Relaxed) + desk.count();
        // What is owed alone leases nothing: it is paid when there is something to send.
        let demand = if waiting > 0 {
            waiting.saturating_add(owed)
        } else {
            0
        };
        let short = demand.saturating_sub(in_hand);
        if short == 0 {
            return None;
        }
        let rate = Rate::per_second(f64::from(self.segments_per_second) * self.factor());
        let most = (HORIZON_MS * 1_000 / rate.interval_us()).max(1);
        // Half a horizon in hand is enough for the time that asking takes.
        if in_hand as u64 > most / 2 {
            return Some(Duration::from_millis(HORIZON_MS / 10));
        }
        let wanted = u32::try_from(short)
            .unwrap_or(u32::MAX)
            .min(u32::try_from(most).unwrap_or(1));
        match self.budget.lease(wanted, rate, clock::unix_us()).await {
            Ok(lease) if lease.granted > 0 => {
                backoff.reset();
                lock(&self.pacer).add(lease);
                desk.news.ring();
                Some(Duration::from_millis(1))
            }
            Ok(lease) => {
                Some(Duration::from_micros(lease.retry_after_us).clamp(Duration::from_millis(1), IDLE_LOOK))
            }
            Err(error) => {
                tracing::debug!(%error, "no pace was leased");
                Some(backoff.next_wait())
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use hongyan_throttle::{Budget, Lease};

    use super::{HORIZON_MS, Pace, lock};
    use crate::{clock, support::PrivateRedis};

    #[tokio::test]
    async fn what_left_unasked_is_paid_for_by_the_next_slots() {
        let server = PrivateRedis::start();
        let redis = server.connect().await;
        let pace = Pace::new(Budget::new(&redis, "{link:a}:pace".to_owned(), HORIZON_MS), 1_000);
        lock(&pace.pacer).add(Lease {
            first_us: clock::unix_us() - 5,
            interval_us: 1,
            granted: 5,
            retry_after_us: 0,
        });
        pace.owe(0);
        assert!(pace.take(), "nothing is owed");
        pace.owe(2);
        assert!(pace.take(), "two slots pay, the next one is free");
        assert!(pace.take());
        assert!(!pace.take(), "all five are used");
        pace.owe(u64::MAX);
        assert_eq!(
            pace.owed.load(std::sync::atomic::Ordering::Relaxed),
            1_000,
            "a second's worth at most"
        );
    }
}
