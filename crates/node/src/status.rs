//! What a node tells of itself.

use std::collections::BTreeMap;

use medveil_chain::PublicKey;
use medveil_ledger::{
    Canonical as _, OrganisationId, Versioned,
    state::{
        Record as _,
        validators::{ValidatorKey, ValidatorSet},
    },
};
use serde::{Deserialize, Serialize};

use crate::Node;

/// The state of a node, as `GET /api/v1/status` and `medveil node status` give it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The name of the chain.
    pub chain: String,
    /// Its id: the digest of the genesis.
    pub chain_id: String,
    /// The organisation that the key belongs to; absent while the ledger gives it no seat.
    pub organisation: Option<String>,
    /// The node's key.
    pub key: String,
    /// Whether it votes in the tip's epoch.
    pub validator: bool,
    /// The last final block whose state is applied.
    pub tip: Option<Tip>,
    /// Validators of the tip's epoch.
    pub validators: Vec<Member>,
    /// Who may connect, and what was heard of them.
    pub peers: Vec<Peer>,
    /// What waits for a block.
    pub mempool: Mempool,
    /// The version of the program.
    pub version: String,
}

/// A final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    /// Its height.
    pub height: u64,
    /// Its time, milliseconds since 1970.
    pub time_ms: u64,
    /// Its epoch.
    pub epoch: u64,
    /// Its digest.
    pub digest: String,
}

/// A validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The organisation, if the ledger names it.
    pub organisation: Option<String>,
    /// Its key.
    pub key: String,
    /// Where it is reached.
    pub address: Option<String>,
}

/// Somebody who may connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// The organisation, if it has a seat.
    pub organisation: Option<String>,
    /// Its key.
    pub key: String,
    /// Where it is reached.
    pub address: String,
    /// The height that it last told.
    pub height: Option<u64>,
    /// Milliseconds since it was heard.
    pub silent_ms: Option<u64>,
}

/// What waits for a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mempool {
    /// Transactions.
    pub transactions: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Accounts that they belong to.
    pub accounts: usize,
}

impl Node {
    /// What the node does; `None` when it has stopped.
    pub async fn report(&self) -> Option<Report> {
        let status = self.engine().status().await?;
        let seats = self.seats().await;
        let seat = |key: &PublicKey| seats.get(key.as_ref());
        let organisation = |key: &PublicKey| seat(key).map(|(organisation, _)| organisation.to_string());
        let validators = status.validators.iter().map(|key| Member {
            organisation: organisation(key),
            key: text(key),
            address: seat(key).map(|(_, address)| address.clone()),
        });
        let peers = status.peers.iter().map(|peer| Peer {
            organisation: organisation(&peer.key),
            key: text(&peer.key),
            address: peer.address.clone(),
            height: peer.height,
            silent_ms: peer.silent_for,
        });
        Some(Report {
            chain: self.rules().genesis().chain.to_string(),
            chain_id: self.rules().chain().to_string(),
            organisation: organisation(&status.key),
            key: text(&status.key),
            validator: status.validator,
            tip: status.tip.as_ref().map(|tip| Tip {
                height: tip.height,
                time_ms: tip.time,
                epoch: tip.epoch,
                digest: tip.digest().to_string(),
            }),
            validators: validators.collect(),
            peers: peers.collect(),
            mempool: Mempool {
                transactions: status.mempool.transactions,
                bytes: status.mempool.bytes,
                accounts: status.mempool.accounts,
            },
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// Organisation and address of each validator's key: as the ledger says now, and as the genesis said.
    async fn seats(&self) -> BTreeMap<[u8; 32], (OrganisationId, String)> {
        let key = ValidatorSet::head_key(&()).as_ref().to_vec();
        let values = self.engine().get(vec![key]).await.map(|(_, values)| values).unwrap_or_default();
        let now =
            values.into_iter().flatten().find_map(|value| Versioned::<ValidatorSet>::decode(&value).ok());
        let now = now.map(|set| set.value.validators).unwrap_or_default();
        let first = self.rules().genesis().validators().validators;
        let seats = first.into_iter().chain(now);
        seats
            .map(|validator| {
                let ValidatorKey(key) = validator.key;
                (key, (validator.organisation, validator.address.to_string()))
            })
            .collect()
    }
}

/// A node's key as lists and files name it: hexadecimal.
fn text(key: &PublicKey) -> String {
    key.to_string()
}
