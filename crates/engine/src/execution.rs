//! Calling the state machine, with the keys that it reads loaded for it.

use std::{collections::HashMap, future::Future};

use commonware_glue::stateful::db::DatabaseSet;
use commonware_runtime::Spawner;
use commonware_storage::Context;
use medveil_chain::{Bytes, MAX_KEY_BYTES, MAX_VALUE_BYTES};

use crate::{
    Key, Missing, Refusal, StateSnapshot, Stop,
    store::{Database, Databases},
};

/// What is loaded of a state.
#[derive(Default)]
pub(crate) struct Loaded {
    /// Looked up only, never gone through: its order tells nothing.
    values: HashMap<Key, Option<Bytes>>,
}

impl StateSnapshot for Loaded {
    fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, Missing> {
        match self.values.get(key) {
            Some(value) => Ok(value.as_deref()),
            None => Err(Missing(key.to_vec())),
        }
    }
}

impl Loaded {
    /// Puts values over those of the state.
    pub(crate) fn overlay(&mut self, values: impl IntoIterator<Item = (Key, Option<Bytes>)>) {
        self.values.extend(values);
    }

    /// Loads those keys that are not loaded.
    pub(crate) async fn load(&mut self, keys: Vec<Key>, state: &impl ReadState) {
        let mut keys: Vec<Key> = keys.into_iter().filter(|key| !self.values.contains_key(key)).collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return;
        }
        let values = state.read(&keys.iter().collect::<Vec<_>>()).await;
        self.values.extend(keys.into_iter().zip(values));
    }
}

/// A state that keys can be read from.
pub(crate) trait ReadState: Sync {
    /// The values of the keys, in their order.
    fn read(&self, keys: &[&Key]) -> impl Future<Output = Vec<Option<Bytes>>> + Send;
}

/// A state with the changes of blocks that are not final, as proposals and checks see it.
pub(crate) struct Speculative<'a, E: Context + Spawner>(
    pub(crate) &'a <Databases<E> as DatabaseSet<E>>::Unmerkleized,
);

impl<E: Context + Spawner> ReadState for Speculative<'_, E> {
    async fn read(&self, keys: &[&Key]) -> Vec<Option<Bytes>> {
        self.0.get_many(keys).await.expect("the state can be read, or the node cannot go on")
    }
}

impl<E: Context + Spawner> ReadState for Database<E> {
    async fn read(&self, keys: &[&Key]) -> Vec<Option<Bytes>> {
        self.get_many(keys).await.expect("the state can be read, or the node cannot go on")
    }
}

/// Calls `step` until it no longer misses keys.
///
/// # Panics
/// When it asks for a key that is loaded already: the state machine would never end.
pub(crate) async fn with_state<T>(
    loaded: &mut Loaded,
    state: &impl ReadState,
    step: impl Fn(&Loaded) -> Result<T, Stop>,
) -> Result<T, Refusal> {
    loop {
        match step(loaded) {
            Ok(done) => return Ok(done),
            Err(Stop::Refused(refusal)) => return Err(refusal),
            Err(Stop::Missing(keys)) => {
                let before = loaded.values.len();
                loaded.load(keys, state).await;
                assert!(
                    loaded.values.len() > before,
                    "the state machine asks again for keys that are loaded"
                );
            }
        }
    }
}

/// Whether the state can hold these keys and values.
pub(crate) fn writes_fit(writes: &[(Key, Option<Vec<u8>>)]) -> bool {
    writes.iter().all(|(key, value)| {
        (1..=MAX_KEY_BYTES).contains(&key.len())
            && value.as_ref().is_none_or(|value| value.len() <= MAX_VALUE_BYTES)
    })
}
