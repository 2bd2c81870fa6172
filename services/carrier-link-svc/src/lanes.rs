//! Work by priority. Pure.

use std::collections::BTreeMap;

use hongyan_domain::MessageClass;

/// Four lanes, one for each class. Within a lane, work leaves in the order of its number, whenever it was put in: what
/// comes back (to be sent again) stands before what was behind it.
#[derive(Debug)]
pub struct Lanes<T> {
    lanes: [BTreeMap<u64, T>; 4],
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self {
            lanes: std::array::from_fn(|_| BTreeMap::new()),
        }
    }
}

fn place(class: MessageClass) -> usize {
    match class {
        MessageClass::Otp => 0,
        MessageClass::Reply => 1,
        MessageClass::Notice => 2,
        MessageClass::Bulk => 3,
    }
}

impl<T> Lanes<T> {
    /// Puts work in its place.
    pub fn put(&mut self, class: MessageClass, order: u64, work: T) {
        self.lanes[place(class)].insert(order, work);
    }

    /// Takes the first work of the highest class for which `admits` says yes; a class that is not admitted does not stop
    /// the ones behind it.
    pub fn take(&mut self, mut admits: impl FnMut(MessageClass) -> bool) -> Option<T> {
        MessageClass::ALL.into_iter().find_map(|class| {
            let lane = &mut self.lanes[place(class)];
            if lane.is_empty() || !admits(class) {
                return None;
            }
            lane.pop_first().map(|(_, work)| work)
        })
    }

    /// The highest class that has work.
    pub fn highest(&self) -> Option<MessageClass> {
        MessageClass::ALL
            .into_iter()
            .find(|&class| !self.lanes[place(class)].is_empty())
    }

    /// How much work one class has.
    pub fn len_of(&self, class: MessageClass) -> usize {
        self.lanes[place(class)].len()
    }

    /// How much work there is that goes before or with `class`.
    pub fn len_up_to(&self, class: MessageClass) -> usize {
        self.lanes[..=place(class)].iter().map(BTreeMap::len).sum()
    }

    /// How much work there is.
    pub fn count(&self) -> usize {
        self.len_up_to(MessageClass::Bulk)
    }

    /// Takes all work of which `is_wanted` says yes.
    pub fn take_all(&mut self, is_wanted: impl Fn(&T) -> bool) -> Vec<T> {
        let lanes = self.lanes.iter_mut();
        lanes
            .flat_map(|lane| lane.extract_if(.., |_, work| is_wanted(work)).collect::<Vec<_>>())
            .map(|(_, work)| work)
            .collect()
    }

    /// All work, highest first; the lanes are empty then.
    pub fn drain(&mut self) -> Vec<T> {
        self.lanes
            .iter_mut()
            .flat_map(|lane| std::mem::take(lane).into_values())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use hongyan_domain::MessageClass::{Bulk, Notice, Otp, Reply};

    use super::Lanes;

    #[test]
    fn a_one_time_code_passes_everything_else() {
        let mut lanes = Lanes::default();
        for (order, class) in [Bulk, Bulk, Notice, Otp, Reply, Otp].into_iter().enumerate() {
            lanes.put(class, order as u64, order);
        }
        let order: Vec<_> = std::iter::from_fn(|| lanes.take(|_| true)).collect();
        assert_eq!(order, [3, 5, 4, 2, 0, 1]);
    }

    #[test]
    fn what_comes_back_stands_where_it_stood() {
        let mut lanes = Lanes::default();
        for order in 0..4 {
            lanes.put(Notice, order, order);
        }
        let (first, second) = (lanes.take(|_| true).unwrap(), lanes.take(|_| true).unwrap());
        // Both come back, the later one first.
        lanes.put(Notice, second, second);
        lanes.put(Notice, first, first);
        assert_eq!(lanes.drain(), [0, 1, 2, 3]);
        assert_eq!(lanes.count(), 0);
    }

    #[test]
    fn some_work_is_taken_out_and_the_rest_stays_in_order() {
        let mut lanes = Lanes::default();
        for order in 0..5 {
            lanes.put(Bulk, order, order);
        }
        assert_eq!(lanes.take_all(|order| order % 2 == 1), [1, 3]);
        assert_eq!(lanes.drain(), [0, 2, 4]);
    }

    #[test]
    fn a_class_that_may_not_go_keeps_nobody_back() {
        let mut lanes = Lanes::default();
        lanes.put(Notice, 1, "notice");
        lanes.put(Bulk, 0, "bulk");
        assert_eq!(lanes.take(|class| class == Bulk), Some("bulk"));
        assert_eq!(lanes.take(|class| class == Bulk), None);
        assert_eq!(
            (lanes.len_of(Notice), lanes.len_up_to(Reply), lanes.count()),
            (1, 0, 1)
        );
        assert_eq!(lanes.highest(), Some(Notice));
    }
}
