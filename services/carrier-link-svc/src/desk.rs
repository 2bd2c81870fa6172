//! Messages that this process has taken off the queues and no connection has yet: a small heap for each class, so that
//! a one-time code is taken at once, however much else there is.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use hongyan_domain::MessageClass;
use hongyan_queue::StreamId;
use tokio::sync::Notify;

use crate::{lanes::Lanes, signal::Signal, store::Place, work::Work};

/// The desk of one link.
#[derive(Debug)]
pub struct Desk {
    lanes: Mutex<Lanes<Work>>,
    /// The most messages of one class that wait here.
    capacity: usize,
    next_order: AtomicU64,
    /// Rung when there is work, or when it may go on.
    pub news: Signal,
    room: Notify,
    /// All entries that this process holds for the link, on the desk or on a connection: their leases must be renewed.
    in_hand: Mutex<HashSet<Place>>,
}

impl Desk {
    /// With room for so many messages of each class.
    pub fn new(capacity: usize) -> Self {
        Self {
            lanes: Mutex::default(),
            capacity,
            next_order: AtomicU64::new(0),
            news: Signal::default(),
            room: Notify::new(),
            in_hand: Mutex::default(),
        }
    }

    /// The number of the next message that comes in.
    pub fn next_order(&self) -> u64 {
        self.next_order.fetch_add(1, Ordering::Relaxed)
    }

    /// How many messages of a class may still be taken off the queue.
    pub fn room_for(&self, class: MessageClass) -> usize {
        self.capacity.saturating_sub(lock(&self.lanes).len_of(class))
    }

    /// Waits until a message left the desk.
    pub async fn room_made(&self) {
        self.room.notified().await;
    }

    /// Puts a message on the desk, new or coming back.
    pub fn put(&self, work: Work) {
        lock(&self.lanes).put(work.outbound.class, work.order, work);
        self.news.ring();
    }

    /// Takes the first message of the highest class that is admitted.
    pub fn take(&self, admits: impl FnMut(MessageClass) -> bool) -> Option<Work> {
        let work = lock(&self.lanes).take(admits);
        if work.is_some() {
            self.room.notify_waiters();
        }
        work
    }

    /// How many messages wait.
    pub fn count(&self) -> usize {
        lock(&self.lanes).count()
    }

    /// Everything that waits.
    pub fn clear(&self) -> Vec<Work> {
        let all = lock(&self.lanes).drain();
        self.room.notify_waiters();
        all
    }

    /// Another process holds these by now: what of them still lies here is its to send. Gives how many lay here. One that
    /// is on a connection goes on: its intent is written, and the other process sees it.
    pub fn forget(&self, lost: &HashSet<(Arc<str>, StreamId)>) -> usize {
        let is_lost = |work: &Work| lost.contains(&(Arc::clone(&work.place.stream), work.place.id));
        let gone = lock(&self.lanes).take_all(is_lost);
        for work in &gone {
            self.let_go(&work.place);
        }
        gone.len()
    }

    /// This process holds the entry from now on. False where it holds it already.
    pub fn hold(&self, place: &Place) -> bool {
        lock(&self.in_hand).insert(place.clone())
    }

    /// It does no longer.
    pub fn let_go(&self, place: &Place) {
        lock(&self.in_hand).remove(place);
    }

    /// All that it holds.
    pub fn held(&self) -> Vec<Place> {
        lock(&self.in_hand).iter().cloned().collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
