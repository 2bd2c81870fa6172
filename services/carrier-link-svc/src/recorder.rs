//! Getting jobs done, in order, many in one write.
//!
//! Every job may be repeated, so that an outage of Redis is waited out and the jobs done again. A job that has patience
//! is given up when that ends: its asker must do without.

use std::time::Duration;

use hongyan_queue::{Backoff, QueueError};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::store::{Job, Reply, Store};

/// Beyond this a larger write saves little.
const MOST_AT_ONCE: usize = 256;

/// A job on its way.
#[derive(Debug)]
pub struct Order {
    /// Comes back with the answer.
    pub ticket: u64,
    /// What to do.
    pub job: Job,
    /// When to give up; `None` for what has to be done.
    pub give_up_at: Option<Instant>,
}

/// What became of a job.
#[derive(Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is done and durable.
    Reply(Reply),
    /// The store could not do it, and a repetition would not help.
    Refused(QueueError),
    /// The store was away for too long.
    GaveUp,
}

/// The asking end of a recorder. Its queue is bounded by what one connection can have open: its window, and the
/// deliveries that it may leave unanswered.
#[derive(Debug, Clone)]
pub struct Recorder {
    orders: UnboundedSender<Order>,
}

impl Recorder {
    /// Starts one. It ends when the asking ends are gone and everything is done, or when `stop` is cancelled: then what
    /// is left is given up.
    pub fn start(store: Store, stop: CancellationToken) -> (Self, UnboundedReceiver<(u64, Recorded)>) {
        let (orders, incoming) = unbounded_channel();
        let (answers, answered) = unbounded_channel();
        tokio::spawn(work(store, incoming, answers, stop));
        (Self { orders }, answered)
    }

    /// Nobody takes jobs any more.
    pub fn has_ended(&self) -> bool {
        self.orders.is_closed()
    }

    /// Hands a job over. False where the recorder has ended: nobody will answer.
    pub fn order(&self, order: Order) -> bool {
        self.orders.send(order).is_ok()
    }
}

async fn work(
    store: Store,
    mut incoming: UnboundedReceiver<Order>,
    answers: UnboundedSender<(u64, Recorded)>,
    stop: CancellationToken,
) {
    let mut open: Vec<Order> = Vec::new();
    let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
    loop {
        if open.is_empty() {
            match incoming.recv().await {
                Some(order) => open.push(order),
                None => return,
            }
        }
        while open.len() < MOST_AT_ONCE
            && let Ok(order) = incoming.try_recv()
        {
            open.push(order);
        }
        metrics::histogram!("hongyan_link_store_batch_jobs").record(open.len() as f64);
        let away = match store.run(open.iter().map(|order| &order.job)).await {
            Ok(results) => {
                let tried = std::mem::take(&mut open);
                for (order, result) in tried.into_iter().zip(results) {
                    match result {
                        Ok(reply) => answer(&answers, order.ticket, Recorded::Reply(reply)),
                        Err(error) if error.is_unavailable() => open.push(order),
                        Err(error) => {
                            tracing::error!(%error, "the store refuses a step");
                            answer(&answers, order.ticket, Recorded::Refused(error));
                        }
                    }
                }
                !open.is_empty()
            }
            Err(_) => true,
        };
        if !away {
            backoff.reset();
            continue;
        }
        metrics::counter!("hongyan_link_store_retries_total").increment(1);
        let now = Instant::now();
        let stopped = stop.is_cancelled();
        open.retain(|order| {
            let over = stopped || order.give_up_at.is_some_and(|at| at <= now);
            if over {
                answer(&answers, order.ticket, Recorded::GaveUp);
            }
            !over
        });
        tokio::select! {
            () = tokio::time::sleep(backoff.next_wait()) => {}
            () = stop.cancelled(), if !stopped => {}
        }
    }
}

fn answer(answers: &UnboundedSender<(u64, Recorded)>, ticket: u64, recorded: Recorded) {
    // Nobody listens any more where the slot's task has ended; the step is done all the same.
    let _ = answers.send((ticket, recorded));
}
