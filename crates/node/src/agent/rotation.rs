//! Another key for the acting account, without a stop.
//!
//! The ledger says which keys an account has. When the one that the node signs with is no longer among them, the node looks for one that is: first in `keys/custodian.next.key`, which
//! then takes the place of `keys/custodian.key`, or in that, if the operator has replaced it. Until it finds one, what it wants of the ledger waits.

use std::{sync::PoisonError, time::Duration};

use medveil_ledger::state::account::Account;

use super::Agent;
use crate::{AccountKey, Refusal, folder::sync_folder, read::ReadError};

/// How often it is looked whether the account has another key.
const BEAT: Duration = Duration::from_secs(1);

/// Follows the account's keys until the services end.
pub(crate) async fn run(agent: Agent) {
    let mut told = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = agent.closed() => return,
        }
        match agent.renew().await {
            Ok(true) => told = false,
            Ok(false) if !told => {
                told = true;
                let (account, key) = (agent.account(), agent.public_key());
                tracing::warn!(
                    %account,
                    %key,
                    "the account has other keys: put one of them into keys/custodian.next.key"
                );
            }
            Ok(false) => {}
            // Asked for too early, or while the engine stops.
            Err(error) => tracing::debug!(%error, "the account's keys cannot be read"),
        }
    }
}

impl Agent {
    /// Whether the key that the agent signs with is the account's; if it is not, another one is looked for first.
    pub(super) async fn renew(&self) -> Result<bool, ReadError> {
        let Some(folder) = self.0.keys.clone() else { return Ok(true) };
        let Some(account) = self.node().latest::<Account>(&self.account()).await? else { return Ok(false) };
        let keys = account.value.keys;
        if keys.used_for(&self.public_key()).is_some() {
            return Ok(true);
        }
        let (id, chain) = (self.account(), self.node().rules().chain());
        let look = move || -> Option<AccountKey> {
            let (next, place) = (folder.next_custodian_key_file(), folder.custodian_key_file());
            let fits = |key: &AccountKey| key.account(chain) == id && keys.used_for(&key.public()).is_some();
            let open = |path| match AccountKey::open(path) {
                Ok(key) => Some(key).filter(fits),
                Err(refusal) => {
                    tracing::debug!(%refusal, "no key for the account");
                    None
                }
            };
            if let Some(key) = open(&next) {
                // The next start reads it from there.
                let moved = std::fs::rename(&next, &place).map_err(|error| Refusal::file(&next, error));
                if let Err(refusal) = moved.and_then(|()| sync_folder(&place)) {
                    tracing::error!(%refusal, "the account's key is not moved to its place; it is used all the same");
                }
                return Some(key);
            }
            open(&place)
        };
        let Ok(Some(key)) = tokio::task::spawn_blocking(look).await else { return Ok(false) };
        tracing::info!(account = %id, key = %key.public(), "the account's other key is used from now on");
        *self.0.key.write().unwrap_or_else(PoisonError::into_inner) = key;
        Ok(true)
    }
}
