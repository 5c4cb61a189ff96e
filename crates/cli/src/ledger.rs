//! The ledger through a node, as an auditor and a custodian read it: by the ledger's own keys.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use medveil_custodian::{LedgerError, Reader, Tip};
use medveil_ledger::{ChainId, Key};

use crate::client::{Client, ClientError};

/// Reads what a node has. It believes the node: an auditor asks the own one.
pub struct HttpLedger {
    client: Client,
    chain: ChainId,
    /// Times of blocks, which do not change.
    times: Mutex<BTreeMap<u64, u64>>,
}

/// Requests that are under way at once.
const AT_ONCE: usize = 8;

/// How long a block may take to be listed.
const LISTED: Duration = Duration::from_secs(5);

fn fault(error: ClientError) -> LedgerError {
    LedgerError(match error {
        ClientError::Problem(problem) => format!("{} ({})", problem.detail, problem.code),
        ClientError::Unreachable(what) | ClientError::Answer(what) => what,
    })
}

impl HttpLedger {
    /// The ledger of a chain through a node.
    pub fn new(client: Client, chain: ChainId) -> Self {
        HttpLedger { client, chain, times: Mutex::default() }
    }
}

impl Reader for HttpLedger {
    fn chain(&self) -> ChainId {
        self.chain
    }

    fn tip(&self) -> Result<Tip, LedgerError> {
        let status = self.client.status().map_err(fault)?;
        if status.chain != self.chain {
            return Err(LedgerError(format!("the node is of the chain {}", status.chain)));
        }
        Ok(Tip { height: status.height, time_ms: status.time_ms })
    }

    fn time_ms(&self, height: u64) -> Result<u64, LedgerError> {
        if let Some(time_ms) = self.times.lock().unwrap_or_else(PoisonError::into_inner).get(&height) {
            return Ok(*time_ms);
        }
        let start = Instant::now();
        let block = loop {
            match self.client.get(&format!("/api/v1/blocks/{height}")) {
                Err(error) if error.is_not_found() && start.elapsed() < LISTED => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                block => break block.map_err(fault)?,
            }
        };
        let time_ms = block["time_ms"].as_u64();
        let time_ms = time_ms.ok_or_else(|| LedgerError(format!("the block {height} has no time")))?;
        self.times.lock().unwrap_or_else(PoisonError::into_inner).insert(height, time_ms);
        Ok(time_ms)
    }

    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, LedgerError> {
        let key = hex::encode(key.as_ref());
        let answer = self.client.get(&format!("/api/v1/state/{key}")).map_err(fault)?;
        let unreadable = || LedgerError("the node's answer about a key cannot be read".to_owned());
        if answer["key"].as_str() != Some(key.as_str()) {
            return Err(unreadable());
        }
        match &answer["value"] {
            serde_json::Value::Null => Ok(None),
            value => {
                let bytes = value.as_str().and_then(|value| hex::decode(value).ok());
                bytes.map(Some).ok_or_else(unreadable)
            }
        }
    }

    fn get_all(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, LedgerError> {
        let share = keys.len().div_ceil(AT_ONCE).max(1);
        let read = |keys: &[Key]| keys.iter().map(|key| self.get(key)).collect::<Result<Vec<_>, _>>();
        let parts: Vec<_> = std::thread::scope(|scope| {
            let parts: Vec<_> = keys.chunks(share).map(|keys| scope.spawn(move || read(keys))).collect();
            let ended = || Err(LedgerError("a thread ended".to_owned()));
            parts.into_iter().map(|part| part.join().unwrap_or_else(|_| ended())).collect()
        });
        Ok(parts.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }
}
