//! Work spread over threads whose results are taken in order.

use std::{
    ops::ControlFlow,
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

/// Results of one thread that wait to be taken: so few that a slow taker holds the others back.
const WAITING: usize = 4;
/// More threads than read one disk with profit.
const MOST_THREADS: usize = 16;

/// Does the work for 0 to before `count` on all processors, and gives the results to `take` one after the other, in order.
/// Ends early where `take` breaks.
pub(crate) fn in_order<T: Send>(
    count: u64,
    work: impl Fn(u64) -> T + Sync,
    mut take: impl FnMut(u64, T) -> ControlFlow<()>,
) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(MOST_THREADS) as u64;
    thread::scope(|scope| {
        // Thread t does t, t + threads, …: whose result comes next is known, and nobody runs ahead.
        let results: Vec<Receiver<T>> = (0..threads.min(count))
            .map(|first| {
                let (sender, receiver) = sync_channel(WAITING);
                let work = &work;
                scope.spawn(move || {
                    let mut at = first;
                    while at < count && sender.send(work(at)).is_ok() {
                        at += threads;
                    }
                });
                receiver
            })
            .collect();
        for (at, from) in (0..count).zip(results.iter().cycle()) {
            let Ok(result) = from.recv() else {
                return;
            };
            if take(at, result).is_break() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::in_order;

    #[test]
    fn results_come_in_order_and_all_of_them() {
        for count in [0, 1, 2, 7, 1_000] {
            let mut taken = Vec::new();
            in_order(
                count,
                |at| at * 2,
                |at, result| {
                    taken.push((at, result));
                    ControlFlow::Continue(())
                },
            );
            assert_eq!(taken, (0..count).map(|at| (at, at * 2)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn it_ends_where_the_taker_ends() {
        let mut last = 0;
        in_order(
            u64::MAX,
            |at| at,
            |at, _| {
                last = at;
                if at == 500 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        assert_eq!(last, 500);
    }
}
