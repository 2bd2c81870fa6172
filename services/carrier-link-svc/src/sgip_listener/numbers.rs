//! The numbers of connections that come and go.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// Gives the lowest free number out.
#[derive(Clone)]
pub(super) struct Numbers(Arc<Mutex<BTreeSet<u16>>>);

/// A number, free again when this is dropped.
pub(super) struct Number {
    number: u16,
    free: Numbers,
}

impl Numbers {
    /// So many numbers, from the first.
    pub(super) fn new(first: u16, count: u16) -> Self {
        let numbers = first..first.saturating_add(count);
        Self(Arc::new(Mutex::new(numbers.collect())))
    }

    /// `None` where all are taken.
    pub(super) fn take(&self) -> Option<Number> {
        let number = self.lock().pop_first()?;
        Some(Number {
            number,
            free: self.clone(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<u16>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Number {
    /// The number.
    pub(super) fn get(&self) -> u16 {
        self.number
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        self.free.lock().insert(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    #[test]
    fn the_lowest_free_number_is_given_out_and_comes_back() {
        let numbers = Numbers::new(7, 2);
        let first = numbers.take().unwrap();
        let second = numbers.take().unwrap();
        assert_eq!((first.get(), second.get()), (7, 8));
        assert!(numbers.take().is_none());
        drop(first);
        assert_eq!(numbers.take().map(|number| number.get()), Some(7));
    }
}
