//! A chain of one validator, and those who act on it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use medveil_chain::{Evidence, Verified};
use medveil_engine::NodeKey;
use medveil_ledger::{
    AccountId, Action, Body, Digest, Genesis, ObjectRef, SigningKey, Transaction,
    action::{AuditNotarise, DatasetRegister},
    state::{
        dataset::{Fingerprint, HashSuite, Level},
        trail::{Reason, Step},
    },
};
use medveil_node::{Config, Node, OwnPacing};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::oneshot};

/// A node with its API.
pub struct Server {
    pub node: Node,
    pub base: String,
    agent: ureq::Agent,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
}

/// What a request was answered with.
pub struct Answer {
    pub status: u16,
    pub media_type: String,
    pub retry_after: Option<String>,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("{}: {}", self.status, String::from_utf8_lossy(&self.bytes)))
    }

    /// The problem, after a look at its form.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, &problem["code"]), (status, &json!(code)), "{problem}");
        assert_eq!(self.media_type, "application/problem+json");
        assert_eq!(problem["type"], format!("urn:medveil:{code}"));
        assert_eq!(problem["status"], status);
        for member in ["title", "title_zh", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
        }
        problem
    }
}

/// Somebody who signs.
pub struct Actor {
    pub key: SigningKey,
    pub id: AccountId,
    nonce: AtomicU64,
}

/// Seeds of accounts: 1 to 8 of the hospital, 11 and 12 of the research institute.
pub fn key(seed: u8) -> SigningKey {
    SigningKey::ed25519([seed; 32])
}

pub fn genesis() -> Genesis {
    let accounts = |seeds: std::ops::RangeInclusive<u8>| {
        let of = |seed| format!("\"{}\" = \"administrator\"", key(seed).public());
        seeds.map(of).collect::<Vec<_>>().join(", ")
    };
    let text = format!(
        r#"
        chain = "api-test"
        time-ms = 1767225600000
        epoch-length = 50
        [relying-party]
        id = "wallet.example.cn"
        origins = ["https://wallet.example.cn"]
        [parameters]
        min-validators = 1
        [[member]]
        organisation = "hospital-1"
        name = "第一医院"
        role = "hospital"
        accounts = {{ {} }}
        seat = {{ key = "{}", address = "127.0.0.1:7001" }}
        [[member]]
        organisation = "research-1"
        name = "研究所"
        role = "research"
        accounts = {{ {} }}
    "#,
        accounts(1..=8),
        hex::encode(NodeKey::from_seed([9; 32]).public().as_ref()),
        accounts(11..=12),
    );
    Genesis::from_toml(&text).unwrap()
}

/// A folder of a test, empty.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

impl Server {
    /// The one that most tests share. It has no end.
    pub fn shared() -> &'static Server {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Server::start(folder("shared"), |_| {}))
    }

    pub fn start(directory: PathBuf, change: impl FnOnce(&mut Config)) -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        let mut config = Config::new(genesis(), NodeKey::from_seed([9; 32]), directory, listen);
        config.pacing =
            OwnPacing { idle: Some(Duration::from_millis(200)), busy: Some(Duration::from_millis(20)) };
        change(&mut config);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let node = Node::start(config, None).unwrap();
        let (stop, stopped) = oneshot::channel();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let served = runtime.spawn(medveil_api::serve(node.clone(), None, listener, async {
            let _ = stopped.await;
        }));
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let server = Self { node, base, agent, runtime, stop: Some(stop), served: Some(served) };
        server.until("the node is ready", || server.get("/readyz").status == 200);
        server
    }

    /// Ends the API, then the node.
    pub fn stop(mut self) {
        self.close();
        self.node.stop();
    }

    /// Ends the API; how long that took.
    pub fn close(&mut self) -> Duration {
        let started = Instant::now();
        drop(self.stop.take());
        if let Some(served) = self.served.take() {
            self.runtime.block_on(served).unwrap().unwrap();
        }
        started.elapsed()
    }

    #[track_caller]
    pub fn until(&self, what: &str, done: impl Fn() -> bool) {
        let started = Instant::now();
        while !done() {
            assert!(started.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.get_as(path, "application/json")
    }

    pub fn get_as(&self, path: &str, accept: &str) -> Answer {
        let request = self.agent.get(format!("{}{path}", self.base)).header("accept", accept);
        answer(request.call().unwrap())
    }

    #[track_caller]
    pub fn ok(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.json());
        assert_eq!(answer.media_type, "application/json");
        answer.json()
    }

    pub fn post(&self, path: &str, media_type: &str, body: &[u8]) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.base)).header("content-type", media_type);
        answer(request.send(body).unwrap())
    }

    pub fn put(&self, path: &str, body: &[u8]) -> Answer {
        answer(self.agent.put(format!("{}{path}", self.base)).send(body).unwrap())
    }

    pub fn delete(&self, path: &str) -> Answer {
        answer(self.agent.delete(format!("{}{path}", self.base)).call().unwrap())
    }

    /// One transaction in JSON.
    pub fn submit(&self, bytes: &[u8], query: &str) -> Answer {
        let body = json!({ "transaction": hex::encode(bytes) }).to_string();
        self.post(&format!("/api/v1/transactions{query}"), "application/json", body.as_bytes())
    }

    /// Many transactions.
    pub fn submit_all(&self, transactions: &[Vec<u8>]) -> Answer {
        self.post("/api/v1/transactions", "application/octet-stream", &framed(transactions))
    }

    /// A transaction of the actor that is final and applied.
    #[track_caller]
    pub fn act(&self, actor: &Actor, action: impl Into<Action>) -> Value {
        let transaction = self.sign(actor, action);
        let answer = self.submit(&transaction.encode(), "?wait=30");
        assert_eq!((answer.status, &answer.json()["outcome"]), (200, &json!("applied")), "{}", answer.json());
        answer.json()
    }

    /// The actor's next transaction.
    pub fn sign(&self, actor: &Actor, action: impl Into<Action>) -> Transaction {
        self.body(actor, actor.nonce.fetch_add(1, Relaxed), action).sign(&actor.key)
    }

    pub fn body(&self, actor: &Actor, nonce: u64, action: impl Into<Action>) -> Body {
        let (chain, signer) = (self.node.rules().chain(), actor.key.public());
        let expires = self.node.index().height() + 500;
        Body { chain, account: actor.id, signer, nonce, expires, action: action.into() }
    }

    /// Evidence that holds, as somebody finds who has the genesis only.
    #[track_caller]
    pub fn verify(&self, file: &[u8]) -> Verified {
        let chain = medveil_node::Rules::new(genesis()).chain_genesis().unwrap();
        Evidence::decode(file).unwrap().verify(&chain).unwrap()
    }
}

/// An account of the genesis. Each is used by one test, so that nonces are not fought over.
pub fn actor(seed: u8) -> Actor {
    static TAKEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    let mut taken = TAKEN.lock().unwrap();
    assert!(!taken.contains(&seed), "account {seed} is another test's");
    taken.push(seed);
    private_actor(seed)
}

/// An account of a chain that one test has for itself.
pub fn private_actor(seed: u8) -> Actor {
    let key = key(seed);
    let id = AccountId::derive(genesis().chain_id(), &key.public());
    Actor { key, id, nonce: AtomicU64::new(0) }
}

/// An account whose key is not its first: a patient with a wallet.
pub fn wallet(key: SigningKey, id: AccountId, nonce: u64) -> Actor {
    Actor { key, id, nonce: AtomicU64::new(nonce) }
}

pub fn note(object: ObjectRef, details: u8) -> AuditNotarise {
    let details = Digest([details; 32]);
    AuditNotarise { object, step: Step::Capture, reason: Reason::Treatment, details }
}

pub fn external(id: u8) -> ObjectRef {
    ObjectRef::external(Digest([id; 32]))
}

pub fn register(label: &str, version: u64, root: u8) -> DatasetRegister {
    let fingerprint = Fingerprint {
        root: Digest([root; 32]),
        count: 10,
        schema: Digest([1; 32]),
        level: Level::new(3).unwrap(),
        suite: HashSuite::International,
    };
    DatasetRegister { label: medveil_ledger::Slug::new(label).unwrap(), version, fingerprint }
}

pub fn framed(transactions: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for transaction in transactions {
        body.extend((transaction.len() as u32).to_le_bytes());
        body.extend(transaction);
    }
    body
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    let (media_type, retry_after) = (header("content-type").unwrap_or_default(), header("retry-after"));
    let bytes = response.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap();
    Answer { status: response.status().as_u16(), media_type, retry_after, bytes }
}
