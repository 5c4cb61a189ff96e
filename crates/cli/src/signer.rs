//! Signing and handing over transactions.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use medveil_ledger::{AccountId, Action, Body, ChainId, Digest, PublicKey, Signature};
use medveil_node::{AccountKey, Refusal};
use serde_json::{Value, json};

use crate::client::{AccountState, Client, ClientError, NodeArgs};
use crate::command::evidence::genesis;
use crate::console::{Console, Lang};
use crate::failure::Failure;

/// How many heights ahead a transaction expires.
const EXPIRES: u64 = 100;

/// How long one request waits for a transaction to be final.
const WAIT: Duration = Duration::from_secs(20);

/// How often a nonce is read again when another transaction of the account was faster.
const ATTEMPTS: usize = 5;

/// Who signs, and for which chain.
#[derive(Args, Debug, Clone)]
pub struct SignArgs {
    /// Which node is asked.
    #[command(flatten)]
    pub node: NodeArgs,
    /// The key file of the account that signs [default: MEDVEIL_ACCOUNT]
    #[arg(long, value_name = "FILE")]
    pub account: Option<PathBuf>,
    /// The account's id, if the key is not the account's first one
    #[arg(long, value_name = "HEX")]
    pub account_id: Option<AccountId>,
    /// Sign for the chain of this genesis only, whatever the node says
    #[arg(long, value_name = "FILE")]
    pub genesis: Option<PathBuf>,
    /// Return when the node has taken the transaction, not when it is final
    #[arg(long)]
    pub no_wait: bool,
}

/// An account that acts through a node.
pub struct Signer {
    client: Client,
    key: AccountKey,
    chain: ChainId,
    account: AccountId,
    wait: bool,
}

impl Signer {
    /// Reads the key and asks the node for its chain.
    ///
    /// # Errors
    /// No key, an unusable one, or a node of another chain.
    pub fn new(args: &SignArgs, console: &Console) -> Result<Self, Failure> {
        let file = args.account.clone().or_else(|| std::env::var_os("MEDVEIL_ACCOUNT").map(PathBuf::from));
        let file = file.ok_or_else(|| {
            Failure::unusable(console.text(
                "who signs? Name the account's key file with --account FILE, or in MEDVEIL_ACCOUNT",
                "由谁签署？请用 --account 或环境变量 MEDVEIL_ACCOUNT 指定账户密钥文件",
            ))
        })?;
        let key = AccountKey::open(&file).map_err(|refusal| told(&refusal, console))?;
        let client = args.node.client()?;
        let chain = client.status().map_err(|error| error.failure(console))?.chain;
        if let Some(file) = &args.genesis {
            let expected = genesis(file)?.chain_id();
            if expected != chain {
                return Err(Failure::Refused(match console.lang() {
                    Lang::En => format!("the node is of the chain {chain}, the genesis begins {expected}"),
                    Lang::Zh => format!("节点属于链 {chain}，而创世文件对应的链为 {expected}"),
                }));
            }
        }
        let account = args.account_id.unwrap_or_else(|| key.account(chain));
        Ok(Signer { client, key, chain, account, wait: !args.no_wait })
    }

    /// An account whose key is at hand.
    pub fn of(client: Client, chain: ChainId, key: impl Into<AccountKey>, account: AccountId) -> Self {
        Signer { client, key: key.into(), chain, account, wait: true }
    }

    /// The account that signs.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The node that is asked.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The public half of its key.
    pub fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// Its signature over a digest that is no transaction's.
    ///
    /// # Errors
    /// A token that does not sign.
    pub fn sign_digest(&self, digest: Digest) -> Result<Signature, Refusal> {
        self.key.sign_digest(digest)
    }

    /// The chain that is signed for.
    pub fn chain(&self) -> ChainId {
        self.chain
    }

    /// The account that signs, as the ledger has it.
    ///
    /// # Errors
    /// The ledger does not know it, or the node cannot be asked.
    pub fn state(&self, console: &Console) -> Result<AccountState, Failure> {
        self.client.account(self.account).map_err(|error| {
            if error.is_not_found() {
                return Failure::Refused(match console.lang() {
                    Lang::En => format!("the ledger has no account/{}, whose key this is", self.account),
                    Lang::Zh => format!("账本上没有此密钥对应的账户 account/{}", self.account),
                });
            }
            error.failure(console)
        })
    }

    /// Signs, hands over, and waits until the transaction is final; what became of it.
    ///
    /// # Errors
    /// Not taken, not included in time, or refused by a rule.
    pub fn act(&self, action: impl Into<Action>, console: &Console) -> Result<Value, Failure> {
        let answer = self.ask(action, console)?;
        match refusal(&answer, console) {
            Some(refused) => Err(refused),
            None => Ok(answer),
        }
    }

    /// The same, where a refusal by a rule is an answer too.
    ///
    /// # Errors
    /// Not taken, or not included in time.
    pub fn ask(&self, action: impl Into<Action>, console: &Console) -> Result<Value, Failure> {
        let action = action.into();
        for _ in 0..ATTEMPTS {
            let nonce = self.state(console)?.nonce;
            let height = self.client.status().map_err(|error| error.failure(console))?.height;
            let body = Body {
                chain: self.chain,
                account: self.account,
                signer: self.key.public(),
                nonce,
                expires: height + EXPIRES,
                action: action.clone(),
            };
            let transaction = self.key.sign(body).map_err(|refusal| told(&refusal, console))?;
            let (id, bytes) = (transaction.digest().to_string(), transaction.encode());
            let wait = if self.wait { WAIT } else { Duration::ZERO };
            match self.client.submit(&bytes, wait) {
                Ok(answer) => return self.outcome(&id, answer, height + EXPIRES, console),
                // Another transaction of the account came first: with the next nonce this one is another.
                Err(error)
                    if matches!(error.code(), Some("transaction.nonce_used" | "mempool.nonce_taken")) =>
                {
                    std::thread::sleep(Duration::from_millis(300));
                }
                Err(ClientError::Problem(problem)) if problem.status == 429 => {
                    std::thread::sleep(Duration::from_secs(1));
                }
                // It may have been taken before the connection broke; signing is deterministic, so it has one id.
                Err(ClientError::Unreachable(what)) => {
                    return match self.client.transaction(&id, WAIT) {
                        Ok(answer) => self.outcome(&id, answer, height + EXPIRES, console),
                        Err(_) => Err(ClientError::Unreachable(what).failure(console)),
                    };
                }
                Err(error) => return Err(error.failure(console)),
            }
        }
        Err(Failure::Refused(
            console
                .text(
                    "other transactions of the account were always faster; try again",
                    "该账户的其他交易总是先行入链，请重试",
                )
                .to_owned(),
        ))
    }

    /// Waits until a transaction that was taken is final, and reads its outcome.
    fn outcome(
        &self,
        id: &str,
        mut answer: Value,
        expires: u64,
        console: &Console,
    ) -> Result<Value, Failure> {
        if !self.wait {
            return Ok(json!({ "id": id, "status": "waiting" }));
        }
        let start = Instant::now();
        while answer["outcome"].is_null() {
            let height = self.client.status().map_err(|error| error.failure(console))?.indexed;
            answer = match self.client.transaction(id, WAIT) {
                Ok(answer) => answer,
                Err(error) if error.is_not_found() && height <= expires => {
                    std::thread::sleep(Duration::from_millis(300));
                    continue;
                }
                Err(error) if error.is_not_found() => {
                    return Err(Failure::Refused(match console.lang() {
                        Lang::En => format!("no block up to height {expires} included the transaction {id}"),
                        Lang::Zh => format!("至高度 {expires} 仍没有区块收录交易 {id}"),
                    }));
                }
                Err(error) => return Err(error.failure(console)),
            };
            if answer["outcome"].is_null() && start.elapsed() > WAIT {
                console.note(match console.lang() {
                    Lang::En => format!(
                        "{id} waits; it can be included until height {expires}, the chain is at {height}"
                    ),
                    Lang::Zh => format!("{id} 等待入链；有效至高度 {expires}，当前高度 {height}"),
                });
            }
        }
        Ok(answer)
    }
}

/// A refusal in the language that is spoken.
pub fn told(refusal: &Refusal, console: &Console) -> Failure {
    Failure::unusable(match console.lang() {
        Lang::En => refusal.to_string(),
        Lang::Zh => refusal.chinese(),
    })
}

/// Why a rule refused a transaction that is final, with its name and the values compared; `None` if it was carried out.
pub fn refusal(answer: &Value, console: &Console) -> Option<Failure> {
    let refused = &answer["outcome"]["refused"];
    if refused.is_null() {
        return None;
    }
    let name = refused["name"].as_str().unwrap_or("?");
    let facts = match refused["facts"].as_object() {
        Some(facts) => {
            let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            facts.iter().map(|(name, of)| format!("{name} {}", value(of))).collect::<Vec<_>>().join(", ")
        }
        None => String::new(),
    };
    let (height, id) = (&answer["height"], answer["id"].as_str().unwrap_or("?"));
    Some(Failure::Refused(match (console.lang(), refused["title_zh"].as_str()) {
        (Lang::Zh, Some(title)) => {
            format!("被规则拒绝：{title}（{name}：{facts}）；已记录于高度 {height}，交易 {id}")
        }
        _ => format!("refused by a rule: {name} ({facts}); recorded at height {height}, transaction {id}"),
    }))
}

/// Prints what became of a transaction. `said` is what was done, in the language that is spoken.
pub fn done(
    answer: &Value,
    extra: Value,
    said: &str,
    as_json: bool,
    console: &Console,
) -> Result<(), Failure> {
    if as_json {
        let mut all = answer.clone();
        if let (Some(all), Some(extra)) = (all.as_object_mut(), extra.as_object()) {
            all.extend(extra.clone());
        }
        return console.json(&all);
    }
    let id = answer["id"].as_str().unwrap_or("?");
    match answer["height"].as_u64() {
        Some(height) => console.print(match console.lang() {
            Lang::En => format!("{said}; final at height {height}, transaction {id}"),
            Lang::Zh => format!("{said}；已于高度 {height} 最终确认，交易 {id}"),
        }),
        None => console.print(match console.lang() {
            Lang::En => format!("{said}: waits for a block, transaction {id}"),
            Lang::Zh => format!("{said}：等待入链，交易 {id}"),
        }),
    }
}
