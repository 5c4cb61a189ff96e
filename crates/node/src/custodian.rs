//! The member's custodian on its node: releases, answers and destruction, as the ledger decides them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use medveil_custodian::{
    Custodian, Done, Ledger, LedgerError, Reader, Settings, Tip, Vault, VaultError, bundle,
};
use medveil_ledger::{
    Action, ChainId, CustodyId, Digest, Event, Key, OrganisationId, Outcome, Refusal, Slug,
};
use medveil_vault::envelope::Suite;
use tokio::{runtime::Handle, task::JoinHandle};

use crate::{
    Agent, Custody,
    agent::ActError,
    custody::{self, Desk, Keep, LocalDesk},
    folder::create_private,
    index::{EventFilter, Place},
};

/// The ledger of a node, as a custodian sees it. Its calls block: it is for a thread of its own.
#[derive(Clone, Debug)]
pub struct NodeLedger {
    agent: Agent,
    runtime: Handle,
}

/// How long blocks that the engine has may take to be in the index.
const INDEXED: Duration = Duration::from_secs(5);

/// Between two looks at the sources when nothing becomes final.
const LOOK: Duration = Duration::from_secs(10);

/// After something that did not work.
const AGAIN: Duration = Duration::from_secs(2);

fn fault(error: &dyn std::fmt::Display) -> LedgerError {
    LedgerError(error.to_string())
}

impl NodeLedger {
    /// The ledger of the node that `agent` acts on. Call it within a tokio runtime.
    pub fn new(agent: Agent) -> Self {
        Self { agent, runtime: Handle::current() }
    }
}

impl Reader for NodeLedger {
    fn chain(&self) -> ChainId {
        self.agent.node().rules().chain()
    }

    fn tip(&self) -> Result<Tip, LedgerError> {
        let read = self.agent.node().engine().get(Vec::new());
        let (header, _) = self.runtime.block_on(read).map_err(|error| fault(&error))?;
        Ok(Tip { height: header.height, time_ms: header.time })
    }

    fn time_ms(&self, height: u64) -> Result<u64, LedgerError> {
        let node = self.agent.node().clone();
        self.runtime.block_on(async move {
            let mut progress = node.index().progress();
            let indexed = progress.wait_for(|progress| progress.height >= height);
            let indexed = tokio::time::timeout(INDEXED, indexed).await.map(|found| found.map(drop));
            if !matches!(indexed, Ok(Ok(()))) {
                return Err(LedgerError(format!("the block at height {height} is not in the index yet")));
            }
            let block =
                node.ask_index(move |index| index.block(height)).await.map_err(|error| fault(&error))?;
            Ok(block
                .ok_or_else(|| LedgerError(format!("the node does not have the block at height {height}")))?
                .time_ms)
        })
    }

    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.get_all(std::slice::from_ref(key))?.pop().flatten())
    }

    fn get_all(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, LedgerError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let keys = keys.iter().map(|key| key.as_ref().to_vec()).collect();
        let read = self.agent.node().engine().get(keys);
        let (_, values) = self.runtime.block_on(read).map_err(|error| fault(&error))?;
        Ok(values.into_iter().map(|value| value.map(|bytes| bytes.to_vec())).collect())
    }
}

impl Ledger for NodeLedger {
    fn organisation(&self) -> OrganisationId {
        self.agent.organisation()
    }

    fn events(&self, after: u64, limit: usize) -> Result<Vec<(u64, Event)>, LedgerError> {
        let after = i64::try_from(after).map_err(|error| fault(&error))?;
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let read = self.agent.node().ask_index(move |index| {
            index.events_after(&EventFilter::default(), Place::of_number(after), limit)
        });
        let rows = self.runtime.block_on(read).map_err(|error| fault(&error))?;
        Ok(rows.into_iter().map(|row| (row.place.number() as u64, row.event)).collect())
    }

    fn act(&self, action: Action) -> Result<Done, LedgerError> {
        match self.runtime.block_on(self.agent.act(action)) {
            Ok(done) => {
                Ok(Done { height: done.place.height, transaction: done.id, outcome: Outcome::Applied })
            }
            Err(ActError::Refused { name, facts, id, place }) => {
                let refusal = Refusal { name: name.into(), facts };
                Ok(Done { height: place.height, transaction: id, outcome: Outcome::Refused(refusal) })
            }
            Err(error) => Err(fault(&error)),
        }
    }
}

/// The node's custody, as a custodian sees it.
struct Shelves {
    desk: LocalDesk,
    custody: Custody,
    ledger: NodeLedger,
    /// Where bundles are while they are put into custody.
    work: PathBuf,
}

impl Vault for Shelves {
    fn keep(
        &self,
        folder: &Path,
        label: Slug,
        version: u64,
        policy: Digest,
    ) -> Result<CustodyId, VaultError> {
        keep_folder(&self.desk, &self.work, folder, label, version, policy)
    }

    fn destroy(&self, object: CustodyId) -> Result<(), VaultError> {
        remove_bundles(&self.work, self.ledger.chain(), self.ledger.organisation(), object)
            .map_err(|error| VaultError(format!("{}: {error}", self.work.display())))?;
        let shredded = self.ledger.runtime.block_on(self.custody.shred_object(object)).map_err(VaultError)?;
        tracing::info!(%object, segments = shredded.0, bytes = shredded.1, "shredded");
        Ok(())
    }
}

/// Puts a folder into custody as a version of an object, as one bundle, which lies in `work` meanwhile; a version that is there is left as it is. Blocks.
///
/// # Errors
/// [`VaultError`]; the next call goes on.
pub fn keep_folder(
    desk: &dyn Desk,
    work: &Path,
    folder: &Path,
    label: Slug,
    version: u64,
    policy: Digest,
) -> Result<CustodyId, VaultError> {
    let fault = |error: &dyn std::fmt::Display| VaultError(error.to_string());
    let object = CustodyId::derive(desk.chain(), desk.organisation(), label);
    let (bundle, state) =
        (work.join(format!("{label}-{version}.tar")), work.join(format!("{label}-{version}.state")));
    let kept = desk.registered(object, None).map_err(|error| fault(&error))?;
    if kept.map_or(0, |kept| kept.version) < version || state.exists() {
        create_private(work).map_err(|error| fault(&error))?;
        if !bundle.exists() {
            bundle::pack(folder, &bundle).map_err(|error| fault(&error))?;
        }
        let keep = Keep { label, policy, suite: Suite::Aes256Gcm, state };
        custody::keep(desk, &bundle, &keep).map_err(|error| fault(&error))?;
    }
    match std::fs::remove_file(&bundle) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(fault(&error)),
        _ => Ok(object),
    }
}

/// Removes what an interrupted [`keep_folder`] has left of an object: its bundles, and the keys that they were about to be sealed with.
fn remove_bundles(
    work: &Path,
    chain: ChainId,
    organisation: OrganisationId,
    object: CustodyId,
) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(work) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let label = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.rsplit_once('-'));
        let of = label
            .and_then(|(label, _)| Slug::new(label).ok())
            .map(|label| CustodyId::derive(chain, organisation, label));
        if of == Some(object) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Starts the custodian on a thread of its own. Call it within a tokio runtime.
pub(crate) fn start(settings: Settings, agent: &Agent, custody: &Custody) -> JoinHandle<()> {
    let ledger = NodeLedger::new(agent.clone());
    let shelves = Shelves {
        desk: LocalDesk::new(custody.clone(), Handle::current()),
        custody: custody.clone(),
        ledger: ledger.clone(),
        work: settings.folder.join("custody"),
    };
    let agent = agent.clone();
    tokio::task::spawn_blocking(move || work(&settings, &agent, &ledger, shelves))
}

/// Works for as long as the node's services run: a turn whenever something became final, and now and then for the sources. Blocks.
fn work<V: Vault>(settings: &Settings, agent: &Agent, ledger: &NodeLedger, vault: V) {
    let vault = Arc::new(vault);
    let mut custodian: Option<Custodian<NodeLedger, Arc<V>>> = None;
    let mut progress = agent.node().index().progress();
    while !agent.is_closing() {
        progress.mark_unchanged();
        let turned = match &mut custodian {
            Some(custodian) => custodian.turn().map(|turn| {
                for (step, took) in &turn.steps {
                    tracing::info!(step, ms = took.as_millis() as u64, "the custodian has done a step");
                }
                for (kind, id, version, how) in &turn.ended {
                    tracing::info!(job = ?kind, %id, version, how, "the custodian has finished a job");
                }
            }),
            None => Custodian::open(settings.clone(), ledger.clone(), vault.clone()).map(|opened| {
                custodian = Some(opened);
            }),
        };
        let pause = match turned {
            Ok(()) => LOOK,
            // Before the chain has begun there is nothing to read.
            Err(error) => {
                tracing::warn!(%error, "the custodian goes on later");
                AGAIN
            }
        };
        let waits = async {
            tokio::select! {
                () = agent.closed() => {}
                _ = tokio::time::timeout(pause, progress.changed()) => {}
            }
        };
        ledger.runtime.block_on(waits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_of_a_destroyed_release_goes_and_nothing_else() {
        let work = tempfile::tempdir().unwrap();
        let (chain, owner) = (ChainId([1; 32]), OrganisationId::new("hospital-1").unwrap());
        let label = Slug::new("r-0123456789ab").unwrap();
        let names =
            [format!("{label}-1.tar"), format!("{label}-2.state"), "r-other-1.tar".to_owned(), "x".into()];
        for name in &names {
            std::fs::write(work.path().join(name), "left").unwrap();
        }
        let object = CustodyId::derive(chain, owner, label);
        remove_bundles(work.path(), chain, owner, object).unwrap();
        let there = |name: &String| work.path().join(name).exists();
        assert_eq!(names.each_ref().map(there), [false, false, true, true]);
        remove_bundles(&work.path().join("none"), chain, owner, object).unwrap();
    }
}
