//! Judging a run at its end, against the rules carried out once more, from genesis on, without the engine.

use std::collections::BTreeMap;

use medveil_chain::{Digest, EntryKind};
use medveil_ledger::{BlockContext, Canonical as _, Key, Transaction, Verified, execute_block};

use crate::{
    run::Cluster,
    watch::{Acknowledged, Failure},
};

type State = BTreeMap<Key, Vec<u8>>;

/// What honest members that are up promised and is not final. Expired transactions are free.
pub fn outstanding(cluster: &Cluster) -> Vec<Acknowledged> {
    let running = cluster.running();
    let height = cluster.watch.height();
    let seen = cluster.watch.seen();
    let mut waiting: BTreeMap<Digest, Acknowledged> = seen.acknowledged.clone();
    waiting.retain(|_, promise| {
        cluster.honest(promise.by) && running.contains(&promise.by) && promise.expires > height
    });
    for block in seen.blocks.values() {
        for bytes in &block.body().transactions {
            if let Ok(transaction) = Transaction::decode(bytes) {
                waiting.remove(&transaction.digest().0.into());
            }
        }
    }
    waiting.into_values().collect()
}

/// Looks for every failure that shows at the end.
pub async fn judge(cluster: &Cluster) {
    let watch = &cluster.watch;
    for Acknowledged { by, account, nonce, .. } in outstanding(cluster) {
        watch.fail(Failure::LostAcknowledged { member: by, account, nonce });
    }
    for (by, whom) in cluster.world.blocked().await {
        if cluster.honest(by) && cluster.honest(whom) {
            watch.fail(Failure::Accused { by, whom });
        }
    }
    let Some(mut model) = Model::replay(cluster) else { return };
    let top = watch.height();
    for member in cluster.seated().into_iter().filter(|member| cluster.honest(*member)) {
        let height = watch.seen().heights.get(&member).copied().unwrap_or(0);
        if height + 10 < top {
            watch.fail(Failure::Behind { member, height, of: top });
            continue;
        }
        let Some(engine) = cluster.engine(member) else {
            watch.fail(Failure::Halted { member });
            continue;
        };
        // The state, key by key.
        let keys: Vec<Key> = model.state.keys().copied().collect();
        let asked = keys.iter().map(|key| key.as_ref().to_vec()).collect();
        match engine.get(asked).await {
            Ok((header, values)) => {
                let Some(state) = model.at(cluster, header.height).await else { continue };
                for (key, value) in keys.iter().zip(values) {
                    if value.as_deref() != state.get(key).map(Vec::as_slice) {
                        let key = format!("{key:?}");
                        watch.fail(Failure::State { member, height: header.height, key });
                        break;
                    }
                }
            }
            Err(error) => watch.fail(Failure::Evidence { member, what: error.to_string() }),
        }
        evidence(cluster, member, &keys, top).await;
    }
}

/// Honest members that have a tip and no longer their second block: they prune.
pub async fn pruning(cluster: &Cluster) -> Vec<usize> {
    let mut pruning = Vec::new();
    for member in cluster.seated().into_iter().filter(|member| cluster.honest(*member)) {
        if let Some(engine) = cluster.engine(member)
            && engine.block(2).await.is_none()
        {
            pruning.push(member);
        }
    }
    pruning
}

/// Evidence of values, of an absence and of an entry of an old block holds with the genesis alone.
async fn evidence(cluster: &Cluster, member: usize, keys: &[Key], top: u64) {
    let Some(engine) = cluster.engine(member) else { return };
    let genesis = &cluster.consortium.chain_genesis;
    // Of every age: the first versions of what was noted too.
    let mut asked: Vec<Vec<u8>> =
        keys.iter().step_by(keys.len() / 16 + 1).map(|key| key.as_ref().to_vec()).collect();
    asked.push(b"nothing is here".to_vec());
    let mut wrong = Vec::new();
    match engine.prove(asked).await {
        Ok(evidence) => {
            if let Err(error) = evidence.verify(genesis) {
                wrong.push(error.to_string());
            }
        }
        Err(error) => wrong.push(error.to_string()),
    }
    let entry = {
        let seen = cluster.watch.seen();
        let holds = seen.blocks.iter().find(|(_, block)| !block.body().transactions.is_empty());
        holds.map(|(height, _)| *height).filter(|height| *height < top)
    };
    if let Some(height) = entry
        && engine.block(height).await.is_some()
    {
        match engine.prove_entry(height, EntryKind::Receipt, 0).await {
            Ok(evidence) => {
                if let Err(error) = evidence.verify(genesis) {
                    wrong.push(error.to_string());
                }
            }
            Err(error) => wrong.push(error.to_string()),
        }
    }
    for what in wrong {
        cluster.watch.fail(Failure::Evidence { member, what });
    }
}

/// The state by the rules alone.
struct Model {
    state: State,
    height: u64,
    /// The last states.
    recent: BTreeMap<u64, State>,
}

impl Model {
    /// Carries out every final block that was seen.
    fn replay(cluster: &Cluster) -> Option<Self> {
        let state = cluster.consortium.rules.genesis().writes();
        let mut model = Self { state, height: 0, recent: BTreeMap::new() };
        model.advance(cluster, cluster.watch.height()).then_some(model)
    }

    /// The state after a block.
    async fn at(&mut self, cluster: &Cluster, height: u64) -> Option<&State> {
        for _ in 0..100 {
            if cluster.watch.height() >= height {
                break;
            }
            cluster.world.sleep(100).await;
        }
        if self.height < height && !self.advance(cluster, height) {
            return None;
        }
        self.recent.get(&height)
    }

    fn advance(&mut self, cluster: &Cluster, to: u64) -> bool {
        let rules = &cluster.consortium.rules;
        let genesis = rules.genesis();
        while self.height < to {
            let height = self.height + 1;
            let Some(block) = cluster.watch.seen().blocks.get(&height).cloned() else {
                cluster.watch.fail(Failure::Invalid { height, what: "nobody showed it".into() });
                return false;
            };
            let header = block.header();
            let context = BlockContext {
                chain: rules.chain(),
                height,
                epoch: header.epoch,
                time_ms: header.time,
                epoch_end: cluster.consortium.chain_genesis.is_last_of_epoch(height),
            };
            if let Err(what) = self.execute(&context, &block, &genesis.relying_party) {
                cluster.watch.fail(Failure::Invalid { height, what });
                return false;
            }
            self.height = height;
            self.recent.insert(height, self.state.clone());
            if self.recent.len() > 64 {
                self.recent.pop_first();
            }
        }
        true
    }

    fn execute(
        &mut self,
        context: &BlockContext,
        block: &medveil_chain::Block,
        party: &medveil_ledger::RelyingParty,
    ) -> Result<(), String> {
        let body = block.body();
        let transactions: Vec<Verified> = body
            .transactions
            .iter()
            .map(|bytes| {
                let transaction = Transaction::decode(bytes).map_err(|fault| fault.to_string())?;
                Verified::check(transaction, party).map_err(|fault| fault.to_string())
            })
            .collect::<Result<_, String>>()?;
        let outcome =
            execute_block(context, &transactions, &self.state).map_err(|error| error.to_string())?;
        let receipts: Vec<Vec<u8>> = outcome.receipts.iter().map(|receipt| receipt.encode()).collect();
        if receipts.iter().map(Vec::as_slice).ne(body.receipts.iter().map(|bytes| &bytes[..])) {
            return Err("other receipts".into());
        }
        if outcome.event_leaves.iter().map(Vec::as_slice).ne(body.events.iter().map(|bytes| &bytes[..])) {
            return Err("other events".into());
        }
        let keys = |set: &medveil_ledger::state::validators::ValidatorSet| -> Vec<[u8; 32]> {
            set.validators.iter().map(|validator| validator.key.0).collect()
        };
        let named = body
            .next_validators
            .as_ref()
            .map(|set| set.keys().map(|key| key.as_ref().try_into().expect("a key has 32 bytes")).collect());
        if outcome.next_validators.as_ref().map(keys) != named {
            return Err("other validators".into());
        }
        for (key, value) in outcome.writes {
            match value {
                Some(value) => self.state.insert(key, value),
                None => self.state.remove(&key),
            };
        }
        Ok(())
    }
}
