//! An ordered parallel map with bounded memory.
//!
//! ```text
//!   source (1 thread)  ->  work (n threads)  ->  sink (the caller's thread, in source order)
//! ```
//!
//! At most `in_flight` items exist at any time, so memory is bounded by configuration and not by the file. The outcome does not
//! depend on timing: results reach the sink in source order, and of several failures the one that comes first *in the source* is
//! returned.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use crossbeam_channel::bounded;

/// How much runs at once.
#[derive(Clone, Copy, Debug)]
pub struct Width {
    /// Threads that do the work.
    pub threads: NonZeroUsize,
    /// Items between source and sink, the ones being worked on included.
    pub in_flight: NonZeroUsize,
}

impl Width {
    /// `threads` workers, with enough items in flight that none of them waits.
    pub fn new(threads: NonZeroUsize) -> Self {
        Width {
            threads,
            in_flight: threads.saturating_mul(const { NonZeroUsize::new(2).unwrap() }).saturating_add(1),
        }
    }
}

/// Maps the items of `source` by `work` and hands the results to `sink` in order.
///
/// # Errors
/// The first failure in source order; whatever came before it has reached the sink.
pub fn run<I, O, E>(
    width: Width,
    mut source: impl FnMut() -> Result<Option<I>, E> + Send,
    work: impl Fn(I) -> Result<O, E> + Sync,
    mut sink: impl FnMut(O) -> Result<(), E>,
) -> Result<(), E>
where
    I: Send,
    O: Send,
    E: Send,
{
    // INVARIANT: an item holds one ticket from before it is read until the sink has consumed it.
    let (give_ticket, take_ticket) = bounded::<()>(width.in_flight.get());
    let (send_item, items) = bounded::<(u64, Result<I, E>)>(width.in_flight.get());
    let (send_result, results) = bounded::<(u64, Result<O, E>)>(width.in_flight.get());
    for _ in 0..width.in_flight.get() {
        // The channel has exactly this capacity, so this never blocks.
        let _ = give_ticket.send(());
    }
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for sequence in 0.. {
                if take_ticket.recv().is_err() {
                    return;
                }
                let (item, last) = match source() {
                    Ok(Some(item)) => (Ok(item), false),
                    Ok(None) => return,
                    Err(error) => (Err(error), true),
                };
                if send_item.send((sequence, item)).is_err() || last {
                    return;
                }
            }
        });
        for _ in 0..width.threads.get() {
            let (items, send_result, work) = (items.clone(), send_result.clone(), &work);
            scope.spawn(move || {
                for (sequence, item) in items {
                    if send_result.send((sequence, item.and_then(work))).is_err() {
                        return;
                    }
                }
            });
        }
        drop((items, send_result));

        // Owned by this closure, so that an early return drops them and thereby ends the other threads, which the scope waits for.
        let (results, give_ticket) = (results, give_ticket);
        let mut early = BTreeMap::new();
        let mut next = 0;
        for (sequence, result) in &results {
            early.insert(sequence, result);
            while let Some(result) = early.remove(&next) {
                sink(result?)?;
                next += 1;
                // The source may be gone already; then nobody waits for the ticket.
                let _ = give_ticket.send(());
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn width(threads: usize) -> Width {
        Width::new(NonZeroUsize::new(threads).unwrap())
    }

    #[test]
    fn results_come_in_source_order_whatever_the_threads() {
        for threads in [1, 2, 8] {
            let (mut n, mut seen) = (0u64, Vec::new());
            let source = || {
                n += 1;
                Ok::<_, ()>((n <= 200).then_some(n))
            };
            let work = |i: u64| {
                if i.is_multiple_of(7) {
                    std::thread::yield_now();
                }
                Ok(i * i)
            };
            run(width(threads), source, work, |o| {
                seen.push(o);
                Ok(())
            })
            .unwrap();
            assert_eq!(seen, (1..=200).map(|i| i * i).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn the_first_failure_in_source_order_is_returned() {
        for threads in [1, 4] {
            let mut n = 0u64;
            let mut reached = 0;
            let result = run(
                width(threads),
                || {
                    n += 1;
                    if n == 90 { Err(90) } else { Ok(Some(n)) }
                },
                |i| if i == 50 || i == 51 { Err(i) } else { Ok(i) },
                |o| {
                    reached = o;
                    Ok(())
                },
            );
            assert_eq!((result, reached), (Err(50), 49));
        }
    }

    #[test]
    fn items_in_flight_are_bounded() {
        let (alive, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut n = 0;
        run(
            width(2),
            || {
                n += 1;
                most.fetch_max(alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                Ok::<_, ()>((n <= 100).then_some(n))
            },
            Ok,
            |_| {
                alive.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            },
        )
        .unwrap();
        assert!(most.load(Ordering::SeqCst) <= 5);
    }

    #[test]
    fn a_failing_sink_stops_the_source() {
        let mut n = 0u64;
        let result = run(
            width(2),
            || {
                n += 1;
                Ok(Some(n))
            },
            Ok,
            |o| if o == 3 { Err("full") } else { Ok(()) },
        );
        assert_eq!(result, Err("full"));
        assert!(n < 20);
    }
}
