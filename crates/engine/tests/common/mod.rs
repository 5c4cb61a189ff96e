//! A small state machine, and clusters of nodes that run it over loopback.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use medveil_chain::{Bytes, Digest, Genesis, PublicKey, ValidatorSet};
use medveil_engine::{
    BlockContext, ChainConfig, Config, Engine, Executed, Key, Mode, NodeKey, Peer, Refusal, Snapshot,
    StateMachine, StateSnapshot, Status, Stop, TransactionInfo,
};

/// Accounts that count: a transaction is `account (1) nonce (8) payload`, and account 0 replaces validators by `nonce, seeds..`.
///
/// Keys: `n` + account: its next nonce; `v` + account + nonce: what it wrote; `s`: seeds of the next validators.
pub struct Counter {
    pub seeds: Vec<u8>,
}

pub fn transaction(account: u8, nonce: u64, payload: &[u8]) -> Bytes {
    let mut bytes = vec![account];
    bytes.extend_from_slice(&nonce.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes.into()
}

pub fn nonce_key(account: u8) -> Key {
    vec![b'n', account]
}

pub fn value_key(account: u8, nonce: u64) -> Key {
    let mut key = vec![b'v', account];
    key.extend_from_slice(&nonce.to_be_bytes());
    key
}

pub fn key(seed: u8) -> NodeKey {
    NodeKey::from_seed([seed; 32])
}

pub fn validators(seeds: &[u8]) -> ValidatorSet {
    ValidatorSet::new(seeds.iter().map(|seed| key(*seed).public())).unwrap()
}

fn parse(bytes: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (account, rest) = bytes.split_first()?;
    let (nonce, payload) = rest.split_first_chunk::<8>()?;
    Some((*account, u64::from_be_bytes(*nonce), payload))
}

fn refusal(code: &str) -> Refusal {
    Refusal { code: code.into(), message: code.into() }
}

impl Counter {
    pub fn commitment(&self) -> Digest {
        Genesis::commit_application(&self.genesis_writes())
    }
}

impl StateMachine for Counter {
    fn genesis_writes(&self) -> Vec<(Key, Vec<u8>)> {
        vec![(vec![b's'], self.seeds.clone())]
    }

    fn verify(&self, transactions: &[Bytes]) -> Vec<Result<TransactionInfo, Refusal>> {
        transactions
            .iter()
            .map(|bytes| {
                let (account, nonce, payload) = parse(bytes).ok_or_else(|| refusal("malformed"))?;
                if payload == b"forged" {
                    return Err(refusal("forged"));
                }
                let mut id = [0; 32];
                id[0] = account;
                id[1..9].copy_from_slice(&nonce.to_be_bytes());
                Ok(TransactionInfo { id: id.into(), account: vec![account], nonce, expires: u64::MAX })
            })
            .collect()
    }

    fn check(&self, transaction: &Bytes, _: &BlockContext, state: &dyn StateSnapshot) -> Result<(), Stop> {
        let (account, nonce, _) = parse(transaction).unwrap();
        let next = next_nonce(state, account)?;
        if nonce < next { Err(Stop::Refused(refusal("nonce-used"))) } else { Ok(()) }
    }

    fn reads(&self, _: &BlockContext, _: &[Bytes]) -> Vec<Key> {
        // None are told, so that loading on demand is tried by every test.
        Vec::new()
    }

    fn execute(
        &self,
        block: &BlockContext,
        transactions: &[Bytes],
        state: &dyn StateSnapshot,
        mode: Mode,
    ) -> Result<Executed, Stop> {
        let mut executed = Executed::default();
        let mut nonces = BTreeMap::new();
        let mut seeds = state.get(b"s")?.unwrap().to_vec();
        for (index, bytes) in transactions.iter().enumerate() {
            let (account, nonce, payload) = parse(bytes).unwrap();
            let next = match nonces.get(&account) {
                Some(next) => *next,
                None => next_nonce(state, account)?,
            };
            if nonce != next {
                match mode {
                    Mode::Propose => continue,
                    Mode::Validate => return Err(Stop::Refused(refusal("nonce"))),
                }
            }
            nonces.insert(account, next + 1);
            executed.included.push(index);
            executed.receipts.push(b"done".to_vec());
            executed.events.push([b"wrote ", payload].concat());
            executed.writes.push((value_key(account, nonce), Some(payload.to_vec())));
            if account == 0 {
                seeds = payload.to_vec();
            }
        }
        for (account, next) in nonces {
            executed.writes.push((nonce_key(account), Some(next.to_be_bytes().to_vec())));
        }
        executed.writes.push((vec![b's'], Some(seeds.clone())));
        executed.next_validators = block.epoch_end.then(|| validators(&seeds));
        Ok(executed)
    }

    fn peers(&self, _: &dyn StateSnapshot) -> Result<Vec<Peer>, Stop> {
        Err(Stop::Refused(refusal("configured")))
    }
}

fn next_nonce(state: &dyn StateSnapshot, account: u8) -> Result<u64, Stop> {
    let bytes = state.get(&nonce_key(account))?;
    Ok(bytes.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap())))
}

/// Nodes in this process, each with its folder.
pub struct Cluster {
    pub genesis: Genesis,
    pub peers: Vec<Peer>,
    pub directory: tempfile::TempDir,
    seeds: Vec<u8>,
    ports: Vec<u16>,
    pub change: fn(&mut ChainConfig),
}

impl Cluster {
    /// `all` may connect; the first `validators` of them begin as validators.
    pub fn new(all: &[u8], validators_count: usize, epoch_length: u64) -> Self {
        let seeds: Vec<u8> = all[..validators_count].to_vec();
        let ports: Vec<u16> = {
            let listeners: Vec<_> = all.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
            listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
        };
        let peers = all
            .iter()
            .zip(&ports)
            .map(|(seed, port)| Peer { key: key(*seed).public(), address: format!("127.0.0.1:{port}") })
            .collect();
        let machine = Counter { seeds: seeds.clone() };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let genesis = Genesis::new(
            "test",
            now.as_millis() as u64 - 10_000,
            epoch_length,
            validators(&seeds),
            machine.commitment(),
        )
        .unwrap();
        let directory = tempfile::tempdir().unwrap();
        Self { genesis, peers, directory, seeds, ports, change: |_| {} }
    }

    pub fn config(&self, index: usize, seed: u8) -> Config {
        let mut chain = ChainConfig::new(self.genesis.clone(), key(seed), self.peers.clone());
        chain.pacing.idle = Duration::from_millis(300);
        chain.pacing.busy = Duration::from_millis(50);
        (self.change)(&mut chain);
        Config {
            chain,
            directory: self.folder(index),
            listen: format!("127.0.0.1:{}", self.ports[index]).parse().unwrap(),
            any_source_address: false,
            threads: 2,
        }
    }

    pub fn folder(&self, index: usize) -> std::path::PathBuf {
        self.directory.path().join(index.to_string())
    }

    pub fn machine(&self) -> Arc<dyn StateMachine> {
        Arc::new(Counter { seeds: self.seeds.clone() })
    }

    pub fn start(&self, index: usize, seed: u8) -> Engine {
        Engine::start(self.config(index, seed), self.machine(), None).unwrap()
    }

    pub fn start_from(&self, index: usize, seed: u8, snapshot: &Path) -> Engine {
        let snapshot = Snapshot::open(snapshot, &self.genesis).unwrap();
        Engine::start(self.config(index, seed), self.machine(), Some(snapshot)).unwrap()
    }
}

/// Waits until all nodes have a final block at `height`, and checks that it is the same one.
pub fn reach(engines: &[&Engine], height: u64, within: Duration) {
    let digests: Vec<_> = engines
        .iter()
        .map(|engine| wait(within, || futures::executor::block_on(engine.block(height))).header().digest())
        .collect();
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "a fork at height {height}");
}

/// Waits until there is something.
pub fn wait<T>(within: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < within, "nothing within {within:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn status(engine: &Engine) -> Status {
    futures::executor::block_on(engine.status()).unwrap()
}

pub fn height(engine: &Engine) -> u64 {
    status(engine).tip.map_or(0, |tip| tip.height)
}

/// Hands transactions to a node, once it has a block.
pub fn submit(engine: &Engine, transactions: Vec<Bytes>) {
    reach(&[engine], 1, Duration::from_secs(60));
    for answer in futures::executor::block_on(engine.submit(transactions)) {
        answer.unwrap();
    }
}

/// Waits until a key has a value at a node.
pub fn written(engine: &Engine, key: Key, within: Duration) -> Bytes {
    wait(within, || {
        let (_, values) = futures::executor::block_on(engine.get(vec![key.clone()])).ok()?;
        values.into_iter().next().flatten()
    })
}

pub fn public(seed: u8) -> PublicKey {
    key(seed).public()
}
