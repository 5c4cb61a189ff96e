//! The load: transactions signed before, sent in batches through the nodes' HTTP API, and seen final through it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use medveil_ledger::action::{AccountCreate, AuditNotarise};
use medveil_ledger::role::Capacity;
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::{AccountId, Action, Body, ChainId, Digest, ObjectRef, SigningKey, Suite};
use serde::Deserialize;
use serde_json::Value;
use ureq::Agent;

use super::members::Network;
use crate::client::Client;
use crate::failure::Failure;

/// Heights that a transaction may wait: as many as the parameters of a new network allow.
const EXPIRES: u64 = 1000;

/// An account that sends.
struct Sender {
    key: SigningKey,
    account: AccountId,
    nonce: u64,
}

/// Accounts that send, in groups: one for each thread, each with the node that it sends to.
pub struct Senders {
    chain: ChainId,
    groups: Vec<(usize, Vec<Sender>)>,
}

/// Signed transactions of one group, in the order of sending.
struct Stock {
    node: usize,
    /// Each after its length in four bytes, as the API takes them.
    bytes: Vec<u8>,
    /// Where each begins, and the end.
    starts: Vec<usize>,
    ids: Vec<Digest>,
}

/// How hard the load is.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Transactions that are offered, a second.
    pub rate: u64,
    /// For how long.
    pub seconds: u64,
    /// Transactions of one request.
    pub batch: usize,
    /// Transactions that were handed over and not seen final, at most: beyond that nothing is sent.
    pub in_flight: u64,
}

/// What a load came to.
pub struct Outcome {
    /// Seconds from send to final, of each transaction that was seen final.
    pub latencies: Vec<f64>,
    /// Transactions that were acknowledged and not seen final.
    pub lost: u64,
    /// Transactions that were refused for good, by the name of the reason.
    pub refused: HashMap<String, u64>,
    /// Transactions handed over.
    pub sent: u64,
    /// Seconds of sending.
    pub sending: f64,
    /// Seconds from the first send until the last transaction was seen final.
    pub whole: f64,
    /// How often a node said that it is full.
    pub held_back: u64,
    /// How often a request failed and was sent again.
    pub repeated: u64,
    /// The longest time without a new block.
    pub longest_gap: f64,
}

impl Senders {
    /// Opens accounts through each member's administrator, spread over the nodes; two groups a node.
    ///
    /// # Errors
    /// Accounts that are not opened.
    pub fn open(network: &Network, accounts: usize, suite: Suite) -> Result<Self, Failure> {
        let chain = network.genesis.chain_id();
        let count = network.count;
        let mut groups: Vec<(usize, Vec<Sender>)> =
            (0..2 * count).map(|group| (group % count, Vec::new())).collect();
        let mut seed = 0u64;
        let mut key = || loop {
            seed += 1;
            // Keys of a network that lives as long as the benchmark.
            let secret = Digest::of("medveil/bench-account/1", &[&seed.to_le_bytes()]).0;
            match suite {
                Suite::Sm2 => {
                    if let Some(key) = SigningKey::sm2(secret) {
                        return key;
                    }
                }
                _ => return SigningKey::ed25519(secret),
            }
        };
        for member in 0..count {
            let administrator = network.administrator(member)?;
            let client = network.client(member)?;
            let signer = AccountId::derive(chain, &administrator.public());
            let problem = |error| Failure::unusable(format!("{error:?}"));
            let nonce = client.account(signer).map_err(problem)?.nonce;
            let height = client.status().map_err(problem)?.height;
            let mut last = Digest([0; 32]);
            let mut frames = Vec::new();
            for (number, nonce) in (0..accounts.div_ceil(count)).zip(nonce..) {
                let key = key();
                let account = AccountId::derive(chain, &key.public());
                let body = Body {
                    chain,
                    account: signer,
                    signer: administrator.public(),
                    nonce,
                    expires: height + EXPIRES / 2,
                    action: AccountCreate { key: key.public(), capacity: Capacity::Staff }.into(),
                };
                let transaction = body.sign(&administrator);
                last = transaction.digest();
                frame(&transaction.encode(), &mut frames);
                let group = member + count * (number % 2);
                groups[group].1.push(Sender { key, account, nonce: 0 });
            }
            let results =
                post(&agent(), &network.members()[member].url(), &frames).map_err(Failure::unusable)?;
            if let Some(error) = results.iter().find_map(|result| result.error.as_ref()) {
                return Err(Failure::unusable(format!(
                    "an account was not opened: {} {}",
                    error.code, error.detail
                )));
            }
            let opened = client.transaction(&last.to_string(), Duration::from_secs(30)).map_err(problem)?;
            if opened["outcome"] != "applied" {
                return Err(Failure::unusable(format!("an account was not opened: {}", opened["outcome"])));
            }
        }
        groups.retain(|(_, senders)| !senders.is_empty());
        Ok(Senders { chain, groups })
    }

    /// Signs `count` notes, on all cores, so that signing is not what is measured.
    fn sign(&mut self, count: u64, height: u64) -> Vec<Stock> {
        let groups = self.groups.len() as u64;
        let chain = self.chain;
        std::thread::scope(|scope| {
            let handles: Vec<_> = self
                .groups
                .iter_mut()
                .map(|(node, senders)| {
                    let node = *node;
                    scope.spawn(move || stock(chain, node, senders, count.div_ceil(groups), height))
                })
                .collect();
            handles.into_iter().map(|handle| handle.join().expect("signing does not panic")).collect()
        })
    }
}

fn stock(chain: ChainId, node: usize, senders: &mut [Sender], count: u64, height: u64) -> Stock {
    let mut stock = Stock { node, bytes: Vec::new(), starts: vec![0], ids: Vec::new() };
    let accounts = senders.len() as u64;
    for number in 0..count {
        let sender = &mut senders[(number % accounts) as usize];
        let note = |domain| Digest::of(domain, &[&sender.account.0, &sender.nonce.to_le_bytes()]);
        let action: Action = AuditNotarise {
            object: ObjectRef::external(note("medveil/bench-object/1")),
            step: Step::Capture,
            reason: Reason::Treatment,
            details: note("medveil/bench-details/1"),
        }
        .into();
        let body = Body {
            chain,
            account: sender.account,
            signer: sender.key.public(),
            nonce: sender.nonce,
            expires: height + EXPIRES - 10,
            action,
        };
        sender.nonce += 1;
        let transaction = body.sign(&sender.key);
        stock.ids.push(transaction.digest());
        frame(&transaction.encode(), &mut stock.bytes);
        stock.starts.push(stock.bytes.len());
    }
    stock
}

fn frame(transaction: &[u8], bytes: &mut Vec<u8>) {
    let length = u32::try_from(transaction.len()).expect("a transaction has at most 64 KiB");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(transaction);
}

/// What the API says of one transaction of a batch.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    error: Option<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    code: String,
    #[serde(default)]
    detail: String,
}

#[derive(Deserialize)]
struct Answers {
    results: Vec<Answer>,
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into()
}

/// Hands over a batch; one answer for each transaction.
fn post(agent: &Agent, url: &str, frames: &[u8]) -> Result<Vec<Answer>, String> {
    let request =
        agent.post(format!("{url}/api/v1/transactions")).header("content-type", "application/octet-stream");
    let mut answer = request.send(frames).map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let text =
        answer.body_mut().with_config().limit(16 << 20).read_to_vec().map_err(|error| error.to_string())?;
    if status != 200 {
        return Err(format!("status {status}: {}", String::from_utf8_lossy(&text)));
    }
    serde_json::from_slice(&text).map(|answers: Answers| answers.results).map_err(|error| error.to_string())
}

/// What senders and the observer share.
struct Shared {
    start: Instant,
    /// Transactions acknowledged.
    acknowledged: AtomicU64,
    /// Transactions seen final.
    seen: AtomicU64,
    held_back: AtomicU64,
    repeated: AtomicU64,
    stop: AtomicBool,
    refused: Mutex<HashMap<String, u64>>,
}

/// One transaction's times, in microseconds since the start; 0 is not yet.
#[derive(Default)]
struct Times {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    seen: AtomicU64,
}

/// Sends a load and sees it final. `meanwhile` runs beside it, on the caller's thread.
///
/// # Errors
/// What `meanwhile` returns, or an API that cannot be asked at all.
pub fn run<T>(
    network: &mut Network,
    senders: &mut Senders,
    shape: Shape,
    observer: usize,
    meanwhile: impl FnOnce(&mut Network) -> Result<T, Failure>,
) -> Result<(Outcome, T), Failure> {
    let height = network.height();
    let stocks = senders.sign(shape.rate * shape.seconds, height);
    let times: Vec<Vec<Times>> =
        stocks.iter().map(|stock| stock.ids.iter().map(|_| Times::default()).collect()).collect();
    // Eight bytes of a digest tell a million transactions apart.
    let mut places: HashMap<[u8; 8], (u32, u32)> = HashMap::new();
    for (group, stock) in stocks.iter().enumerate() {
        for (index, id) in stock.ids.iter().enumerate() {
            places.insert(short(id), (group as u32, index as u32));
        }
    }
    let urls: Vec<String> = network.members().iter().map(|member| member.url()).collect();
    let client = network.client(observer)?;
    let from = client.status().map_err(|error| Failure::unusable(format!("{error:?}")))?.indexed + 1;
    let shared = Shared {
        start: Instant::now(),
        acknowledged: AtomicU64::new(0),
        seen: AtomicU64::new(0),
        held_back: AtomicU64::new(0),
        repeated: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        refused: Mutex::default(),
    };
    let shared = &shared;
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&client, from, &places, &times, shared));
        let each = shape.rate as f64 / stocks.len() as f64;
        let sending: Vec<_> = stocks
            .iter()
            .zip(&times)
            .map(|(stock, times)| {
                let url = &urls[stock.node];
                scope.spawn(move || send(stock, times, url, each, shape, shared))
            })
            .collect();
        let extra = meanwhile(network);
        let mut sent = 0;
        for handle in sending {
            sent += handle.join().expect("a sender does not panic");
        }
        let sending = shared.start.elapsed().as_secs_f64();
        // What was acknowledged has so long to become final.
        let patience = Instant::now();
        while shared.seen.load(Ordering::Relaxed) < shared.acknowledged.load(Ordering::Relaxed)
            && patience.elapsed() < Duration::from_secs(60)
        {
            std::thread::sleep(Duration::from_millis(50));
        }
        shared.stop.store(true, Ordering::Relaxed);
        let (latencies, last, longest_gap) = watching.join().expect("the observer does not panic");
        let lost = times.iter().flatten().filter(|times| {
            times.acknowledged.load(Ordering::Relaxed) != 0 && times.seen.load(Ordering::Relaxed) == 0
        });
        let outcome = Outcome {
            lost: lost.count() as u64,
            latencies,
            refused: shared
                .refused
                .lock()
                .map(|mut refused| std::mem::take(&mut *refused))
                .unwrap_or_default(),
            sent,
            sending,
            whole: last,
            held_back: shared.held_back.load(Ordering::Relaxed),
            repeated: shared.repeated.load(Ordering::Relaxed),
            longest_gap,
        };
        Ok((outcome, extra?))
    })
}

fn short(id: &Digest) -> [u8; 8] {
    *id.0.first_chunk().expect("a digest has 32 bytes")
}

/// Sends the stock of one group at its rate, in order; returns how many were handed over.
fn send(stock: &Stock, times: &[Times], url: &str, rate: f64, shape: Shape, shared: &Shared) -> u64 {
    let agent = agent();
    let (mut next, mut again) = (0, Vec::<usize>::new());
    let mut frames = Vec::new();
    let end = Duration::from_secs(shape.seconds);
    let mut sent = 0;
    loop {
        let elapsed = shared.start.elapsed();
        if next >= stock.ids.len() && again.is_empty() {
            return sent;
        }
        // What could not be handed over when the time is up is dropped: a node that is down must not hold up the rest for ever.
        if elapsed > end + Duration::from_secs(30) {
            let left = (stock.ids.len() - next + again.len()) as u64;
            note(shared, "not handed over in time", left);
            return sent;
        }
        let due = ((elapsed.as_secs_f64() * rate) as usize).min(stock.ids.len());
        let waiting =
            shared.acknowledged.load(Ordering::Relaxed).saturating_sub(shared.seen.load(Ordering::Relaxed));
        let room = shape.in_flight.saturating_sub(waiting) as usize;
        let count = shape.batch.min(due.saturating_sub(next)).min(room);
        // Small requests cost as much as large ones: half a batch, or what is left.
        let worth = count >= shape.batch.div_ceil(2) || (count > 0 && next + count == stock.ids.len());
        if again.is_empty() && !worth {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        }
        frames.clear();
        let batch: Vec<usize> = if again.is_empty() {
            let batch = (next..next + count).collect();
            frames.extend_from_slice(&stock.bytes[stock.starts[next]..stock.starts[next + count]]);
            next += count;
            batch
        } else {
            for index in &again {
                frames.extend_from_slice(&stock.bytes[stock.starts[*index]..stock.starts[*index + 1]]);
            }
            std::mem::take(&mut again)
        };
        let now = shared.start.elapsed().as_micros() as u64;
        for index in &batch {
            // The first attempt counts: being held back is part of the latency.
            let _ = times[*index].sent.compare_exchange(0, now.max(1), Ordering::Relaxed, Ordering::Relaxed);
        }
        match post(&agent, url, &frames) {
            Ok(answers) if answers.len() == batch.len() => {
                let (mut full, now) = (false, shared.start.elapsed().as_micros() as u64);
                for (index, answer) in batch.iter().zip(answers) {
                    match answer.error.as_ref().map(|error| error.code.as_str()) {
                        // It was taken, now or by an attempt whose answer was lost.
                        None | Some("mempool.duplicate" | "transaction.nonce_used") => {
                            times[*index].acknowledged.store(now.max(1), Ordering::Relaxed);
                            shared.acknowledged.fetch_add(1, Ordering::Relaxed);
                            sent += 1;
                        }
                        Some("mempool.full" | "mempool.account_full") => {
                            full = true;
                            again.push(*index);
                        }
                        Some(code) => note(shared, code, 1),
                    }
                }
                if full {
                    shared.held_back.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(250));
                }
            }
            // Signing is deterministic and nonces are in order: sending again does nothing twice.
            Ok(_) | Err(_) => {
                shared.repeated.fetch_add(1, Ordering::Relaxed);
                again = batch;
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }
}

fn note(shared: &Shared, code: &str, count: u64) {
    if let Ok(mut refused) = shared.refused.lock() {
        *refused.entry(code.to_owned()).or_default() += count;
    }
}

/// Follows the blocks through the API; the latencies in seconds, when the last transaction was seen, and the longest time without a block.
fn watch(
    client: &Client,
    from: u64,
    places: &HashMap<[u8; 8], (u32, u32)>,
    times: &[Vec<Times>],
    shared: &Shared,
) -> (Vec<f64>, f64, f64) {
    let mut latencies = Vec::with_capacity(places.len());
    let (mut height, mut last, mut gap, mut block_at) = (from, 0.0, 0.0f64, shared.start.elapsed());
    while !shared.stop.load(Ordering::Relaxed) {
        let Ok(block) = client.get(&format!("/api/v1/blocks/{height}")) else {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        let now = shared.start.elapsed();
        gap = gap.max((now - block_at).as_secs_f64());
        block_at = now;
        height += 1;
        let ids = block["transactions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let seen = ids.iter().filter_map(Value::as_str).filter_map(|id| id.parse::<Digest>().ok());
        for (group, index) in seen.filter_map(|id| places.get(&short(&id))) {
            let times = &times[*group as usize][*index as usize];
            times.seen.store(now.as_micros() as u64, Ordering::Relaxed);
            let sent = times.sent.load(Ordering::Relaxed);
            latencies.push(now.as_secs_f64() - sent as f64 / 1e6);
            last = now.as_secs_f64();
        }
        shared.seen.store(latencies.len() as u64, Ordering::Relaxed);
    }
    (latencies, last, gap)
}
