//! Who waits for a transaction.

use std::collections::HashMap;
use std::sync::Mutex;

use medveil_ledger::Digest;
use tokio::sync::oneshot;

use super::{Place, lock};

/// Those who asked to be told when a transaction is final.
#[derive(Default)]
pub(crate) struct Waiters(Mutex<HashMap<Digest, Vec<oneshot::Sender<Place>>>>);

impl Waiters {
    pub(crate) fn add(&self, transaction: Digest) -> oneshot::Receiver<Place> {
        let (sender, receiver) = oneshot::channel();
        let mut waiters = lock(&self.0);
        // Who gave up leaves nothing behind.
        if waiters.len() >= CROWD {
            waiters.retain(|_, senders| {
                senders.retain(|sender| !sender.is_closed());
                !senders.is_empty()
            });
        }
        waiters.entry(transaction).or_default().push(sender);
        receiver
    }

    /// Tells those who wait for any of these.
    pub(crate) fn tell(&self, transactions: &[(Digest, Place)]) {
        let mut waiters = lock(&self.0);
        if waiters.is_empty() {
            return;
        }
        for (transaction, place) in transactions {
            for sender in waiters.remove(transaction).into_iter().flatten() {
                // Who gave up does not hear it.
                let _ = sender.send(*place);
            }
        }
    }
}

/// From so many on, those who gave up are looked for.
const CROWD: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_who_waits_is_told_once() {
        let waiters = Waiters::default();
        let (a, b) = (Digest([1; 32]), Digest([2; 32]));
        let (mut first, mut second, mut other) = (waiters.add(a), waiters.add(a), waiters.add(b));
        let place = Place { height: 3, index: 1 };
        waiters.tell(&[(a, place)]);
        assert_eq!((first.try_recv(), second.try_recv()), (Ok(place), Ok(place)));
        assert!(other.try_recv().is_err());
    }

    #[test]
    fn those_who_gave_up_are_forgotten() {
        let waiters = Waiters::default();
        for n in 0..4 * CROWD {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            drop(waiters.add(Digest(id)));
        }
        assert!(lock(&waiters.0).len() <= CROWD);
    }
}
