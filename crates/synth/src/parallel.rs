//! Making pieces on every core and taking them in order, with a bounded number waiting.

use std::sync::mpsc::sync_channel;
use std::thread;

/// Calls `make` for the jobs below `jobs` on every core and gives the results to `take` in the order of the
/// jobs, until it answers `false` or fails. Worker `w` of `t` makes jobs `w`, `w + t`, ..., so the order
/// of output does not depend on timing and no more than three pieces a worker exist at a time.
pub(crate) fn in_order<T: Send, E>(
    jobs: u64,
    make: impl Fn(u64) -> T + Sync,
    mut take: impl FnMut(T) -> Result<bool, E>,
) -> Result<(), E> {
    let workers = thread::available_parallelism().map_or(1, |n| n.get()).min(64);
    thread::scope(|scope| {
        let mut queues = Vec::with_capacity(workers);
        for worker in 0..workers as u64 {
            let (sender, receiver) = sync_channel(1);
            queues.push(receiver);
            let make = &make;
            scope.spawn(move || {
                for job in (worker..jobs).step_by(workers) {
                    // The receiver is gone when enough was taken.
                    if sender.send(make(job)).is_err() {
                        break;
                    }
                }
            });
        }
        for job in 0..jobs {
            // A worker that is gone early has panicked, and the scope passes that on.
            let Ok(piece) = queues[job as usize % workers].recv() else { break };
            if !take(piece)? {
                break;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_order() {
        let mut got = Vec::new();
        let done: Result<(), ()> = in_order(
            100,
            |job| job * 2,
            |piece| {
                got.push(piece);
                Ok(true)
            },
        );
        assert_eq!(done, Ok(()));
        assert_eq!(got, (0..100).map(|job| job * 2).collect::<Vec<_>>());
    }

    #[test]
    fn endless_work_stops_when_told() {
        let mut left = 10;
        let done: Result<(), ()> = in_order(
            u64::MAX,
            |job| job,
            |_| {
                left -= 1;
                Ok(left > 0)
            },
        );
        assert_eq!((done, left), (Ok(()), 0));
        assert_eq!(
            in_order(u64::MAX, |job| job, |piece| if piece < 5 { Ok(true) } else { Err(piece) }),
            Err(5)
        );
    }
}
