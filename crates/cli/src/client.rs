//! A node's HTTP API, as a client.
//!
//! Whatever a node answers is believed only as far as the organisation trusts its own node; what must convince others is proven (`audit export`).

use std::time::Duration;

use clap::Args;
use medveil_ledger::{AccountId, ChainId, OrganisationId};
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::console::{Console, Lang};
use crate::failure::Failure;

/// Where a node answers that nobody named.
const DEFAULT_NODE: &str = "http://127.0.0.1:8080";

/// The longest answer that is read, in bytes: that of an evidence file.
const MAX_ANSWER: u64 = medveil_chain::MAX_EVIDENCE_BYTES as u64;

/// How long a node may take to answer, beyond what it is asked to wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which node is asked.
#[derive(Args, Debug, Clone)]
pub struct NodeArgs {
    /// The node that is asked [default: MEDVEIL_NODE, or http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    pub node: Option<String>,
}

impl NodeArgs {
    /// A client of the node.
    pub fn client(&self) -> Result<Client, Failure> {
        let named = self.node.clone().or_else(|| std::env::var("MEDVEIL_NODE").ok());
        Client::new(named.as_deref().unwrap_or(DEFAULT_NODE))
    }
}

/// A client of one node. Connections are kept.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    base: String,
}

/// What a node says no with (RFC 9457).
#[derive(Clone, Debug)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The reason's name, such as `transaction.nonce_used`.
    pub code: String,
    /// What happened.
    pub detail: String,
    /// The reason in Chinese.
    pub chinese: Option<String>,
}

/// Why a node did not give what it was asked for.
#[derive(Debug)]
pub enum ClientError {
    /// No answer came.
    Unreachable(String),
    /// It says no.
    Problem(Box<Problem>),
    /// It answered what is no answer.
    Answer(String),
}

impl ClientError {
    /// Whether there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, ClientError::Problem(problem) if problem.status == 404)
    }

    /// The reason's name, if the node gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            ClientError::Problem(problem) => Some(&problem.code),
            _ => None,
        }
    }

    /// How the command ends: refused when the node understood and says no.
    pub fn failure(self, console: &Console) -> Failure {
        match self {
            ClientError::Problem(problem) if problem.status < 500 && problem.status != 429 => {
                Failure::Refused(problem.say(console))
            }
            ClientError::Problem(problem) => Failure::Unusable(problem.say(console)),
            ClientError::Unreachable(what) => Failure::Unusable(format!(
                "{}: {what}",
                console.text("the node cannot be reached", "无法连接节点")
            )),
            ClientError::Answer(what) => Failure::Unusable(format!(
                "{}: {what}",
                console.text("the node's answer cannot be read", "节点的回答无法解读")
            )),
        }
    }
}

impl Problem {
    /// The reason in the language that is spoken, with its name and what was compared.
    pub fn say(&self, console: &Console) -> String {
        match (&self.chinese, console.lang()) {
            (Some(chinese), Lang::Zh) => format!("{chinese}（{}：{}）", self.code, self.detail),
            _ => format!("{} ({})", self.detail, self.code),
        }
    }
}

/// What a node says of itself.
#[derive(Clone, Debug)]
pub struct Status {
    /// The ledger's id of the chain.
    pub chain: ChainId,
    /// The height of the last block; 0 if there is none yet.
    pub height: u64,
    /// The time of that block, in milliseconds since 1970: what the rules read as now.
    pub time_ms: u64,
    /// The height up to which objects and transactions are known.
    pub indexed: u64,
    /// Who runs the node.
    pub organisation: Option<OrganisationId>,
}

/// An account as the node's state has it.
#[derive(Clone, Debug)]
pub struct AccountState {
    /// The organisation that it acts for.
    pub organisation: OrganisationId,
    /// Its next nonce after the last block.
    pub nonce: u64,
}

impl Client {
    /// A client of the node at `url`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// The address is no http URL.
    pub fn new(url: &str) -> Result<Self, Failure> {
        let base = url.trim_end_matches('/');
        let host = base.strip_prefix("http://").unwrap_or_default();
        if host.is_empty() || host.contains(['/', '?', '#', ' ', '@']) {
            return Err(Failure::unusable(format!("`{url}`: a node is named as http://HOST:PORT")));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(10)))
            .build();
        Ok(Client { agent: config.into(), base: base.to_owned() })
    }

    /// The JSON under a path such as `/api/v1/status`.
    ///
    /// # Errors
    /// [`ClientError`]: unreachable, refused, or not JSON.
    pub fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.get_within(path, PATIENCE)
    }

    fn get_within(&self, path: &str, patience: Duration) -> Result<Value, ClientError> {
        let request = self.agent.get(format!("{}{path}", self.base)).header("accept", "application/json");
        let answer = request.config().timeout_global(Some(patience)).build().call();
        json(self.answered(answer)?)
    }

    /// The bytes under a path.
    ///
    /// # Errors
    /// [`ClientError`]: unreachable, or refused.
    pub fn get_bytes(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let answer = request.config().timeout_global(Some(PATIENCE)).build().call();
        good(self.answered(answer)?).map(|(_, bytes)| bytes)
    }

    /// The evidence file that answers a path. It may prove that there is no such thing: then the node says 404 and sends it all the same.
    ///
    /// # Errors
    /// [`ClientError`]: unreachable, or refused without evidence.
    pub fn get_evidence(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        let request = self
            .agent
            .get(format!("{}{path}", self.base))
            .header("accept", "application/vnd.medveil.evidence");
        let answer = request.config().timeout_global(Some(PATIENCE)).build().call();
        let (status, bytes) = self.answered(answer)?;
        if bytes.starts_with(medveil_evidence::MAGIC) {
            return Ok(bytes);
        }
        good((status, bytes))?;
        Err(ClientError::Answer("it is no evidence file".into()))
    }

    /// A request with a body and one header more; the body of a good answer.
    ///
    /// # Errors
    /// [`ClientError`]: unreachable, or refused.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        header: (&str, &str),
        body: &[u8],
        patience: Duration,
    ) -> Result<Vec<u8>, ClientError> {
        let bad = |error: &dyn std::fmt::Display| ClientError::Unreachable(error.to_string());
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header.0, header.1)
            .header("content-type", "application/octet-stream")
            .body(body)
            .map_err(|error| bad(&error))?;
        let request = self.agent.configure_request(request).timeout_global(Some(patience)).build();
        good(self.answered(self.agent.run(request))?).map(|(_, bytes)| bytes)
    }

    /// Hands over one signed transaction and waits until it is final, at most `wait`.
    ///
    /// # Errors
    /// [`ClientError`]: unreachable, or not taken.
    pub fn submit(&self, transaction: &[u8], wait: Duration) -> Result<Value, ClientError> {
        let query = if wait.is_zero() { String::new() } else { format!("?wait={}", wait.as_secs().max(1)) };
        let body = format!("{{\"transaction\":\"{}\"}}", hex::encode(transaction));
        let request = self
            .agent
            .post(format!("{}/api/v1/transactions{query}", self.base))
            .header("content-type", "application/json");
        let answer = request.config().timeout_global(Some(PATIENCE + wait)).build().send(body.as_bytes());
        json(self.answered(answer)?)
    }

    /// Hands over signed transactions at once, at most 4,096 and 4 MiB; what the node says to each, in their order: `None` is taken.
    ///
    /// # Errors
    /// [`ClientError`]: unreachable, or the whole is not taken.
    pub fn submit_all(&self, transactions: &[Vec<u8>]) -> Result<Vec<Option<Problem>>, ClientError> {
        let mut body = Vec::with_capacity(transactions.iter().map(|bytes| bytes.len() + 4).sum());
        for bytes in transactions {
            let length = u32::try_from(bytes.len()).map_err(|_| lacks("room for a transaction"))?;
            body.extend_from_slice(&length.to_le_bytes());
            body.extend_from_slice(bytes);
        }
        let request = self
            .agent
            .post(format!("{}/api/v1/transactions", self.base))
            .header("content-type", "application/octet-stream");
        let answer = request.config().timeout_global(Some(PATIENCE)).build().send(body.as_slice());
        let answer = json(self.answered(answer)?)?;
        let results = answer["results"].as_array().ok_or_else(|| lacks("results"))?;
        if results.len() != transactions.len() {
            return Err(lacks("a result for each transaction"));
        }
        let said = |result: &Value| {
            let error = &result["error"];
            let text = |field: &str| error[field].as_str().map(str::to_owned);
            (!error.is_null()).then(|| Problem {
                status: 422,
                code: text("code").unwrap_or_default(),
                detail: text("detail").unwrap_or_default(),
                chinese: text("title_zh"),
            })
        };
        Ok(results.iter().map(said).collect())
    }

    /// What became of a transaction, after waiting for it at most `wait`.
    ///
    /// # Errors
    /// [`ClientError`]: unreachable, or not known to the node.
    pub fn transaction(&self, id: &str, wait: Duration) -> Result<Value, ClientError> {
        let path = format!("/api/v1/transactions/{id}?wait={}", wait.as_secs().max(1));
        self.get_within(&path, PATIENCE + wait)
    }

    /// What the node says of itself.
    ///
    /// # Errors
    /// [`ClientError`]: unreachable, or an answer that lacks something.
    pub fn status(&self) -> Result<Status, ClientError> {
        let status = self.get("/api/v1/status")?;
        let chain = status["chain_id"].as_str().and_then(|id| id.parse().ok());
        Ok(Status {
            chain: chain.ok_or_else(|| lacks("chain_id"))?,
            height: status["tip"]["height"].as_u64().unwrap_or(0),
            time_ms: status["tip"]["time_ms"].as_u64().unwrap_or(0),
            indexed: status["indexed"].as_u64().unwrap_or(0),
            organisation: status["organisation"].as_str().and_then(|name| name.parse().ok()),
        })
    }

    /// An account as the node's state has it.
    ///
    /// # Errors
    /// [`ClientError`]: unreachable, unknown, or an answer that lacks something.
    pub fn account(&self, id: AccountId) -> Result<AccountState, ClientError> {
        let account = self.get(&format!("/api/v1/accounts/{id}"))?;
        let organisation = account["value"]["organisation"].as_str().and_then(|name| name.parse().ok());
        Ok(AccountState {
            organisation: organisation.ok_or_else(|| lacks("organisation"))?,
            nonce: account["nonce"].as_u64().ok_or_else(|| lacks("nonce"))?,
        })
    }

    fn answered(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<(u16, Vec<u8>), ClientError> {
        let unreachable = |error: ureq::Error| ClientError::Unreachable(format!("{}: {error}", self.base));
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status().as_u16();
        let bytes = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(unreachable)?;
        Ok((status, bytes))
    }
}

fn lacks(field: &str) -> ClientError {
    ClientError::Answer(format!("it lacks `{field}`"))
}

/// The answer, unless it is a problem.
fn good((status, bytes): (u16, Vec<u8>)) -> Result<(u16, Vec<u8>), ClientError> {
    if (200..300).contains(&status) {
        return Ok((status, bytes));
    }
    let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let text = |field: &str| said[field].as_str().map(str::to_owned);
    Err(ClientError::Problem(Box::new(Problem {
        status,
        code: text("code").unwrap_or_else(|| format!("http.{status}")),
        detail: text("detail").or_else(|| text("title")).unwrap_or_else(|| format!("status {status}")),
        chinese: text("title_zh"),
    })))
}

fn json(answer: (u16, Vec<u8>)) -> Result<Value, ClientError> {
    let (_, bytes) = good(answer)?;
    serde_json::from_slice(&bytes).map_err(|error| ClientError::Answer(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// A node that gives one answer and tells what it was asked.
    fn node(status: &'static str, body: &'static str) -> (Client, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).unwrap();
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .unwrap();
            // The rest of the question: a socket that is closed with bytes unread takes the answer back.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        (Client::new(&url).unwrap(), asked)
    }

    #[test]
    fn a_problem_is_told_with_its_name_in_both_languages() {
        let body = r#"{"status":409,"code":"transaction.nonce_used","title":"Nonce used","detail":"nonce 3 is used","title_zh":"交易序号已被使用"}"#;
        let (client, asked) = node("409 Conflict", body);
        let error = client.submit(&[1, 2], Duration::from_secs(5)).unwrap_err();
        assert!(asked.join().unwrap().starts_with("POST /api/v1/transactions?wait=5 HTTP/1.1"));
        assert_eq!(error.code(), Some("transaction.nonce_used"));
        let ClientError::Problem(problem) = &error else { panic!() };
        let say = |lang| problem.say(&Console::new(Some(lang)));
        assert_eq!(say(Lang::En), "nonce 3 is used (transaction.nonce_used)");
        assert!(say(Lang::Zh).starts_with("交易序号已被使用"));
        assert!(matches!(error.failure(&Console::new(Some(Lang::En))), Failure::Refused(_)));
    }

    #[test]
    fn evidence_that_there_is_nothing_is_evidence() {
        let (client, _) = node("404 Not Found", "MEDVEIL\u{1}...");
        assert_eq!(client.get_evidence("/api/v1/datasets/00").unwrap(), b"MEDVEIL\x01...");
        let (client, _) = node("404 Not Found", "{}");
        assert!(client.get_evidence("/api/v1/datasets/00").unwrap_err().is_not_found());
        let (client, _) = node("200 OK", "{}");
        assert!(matches!(client.get_evidence("/x"), Err(ClientError::Answer(_))));
    }

    #[test]
    fn what_is_no_answer_is_told_as_that() {
        let (client, _) = node("200 OK", "<html>");
        assert!(matches!(client.get("/x"), Err(ClientError::Answer(_))));
        let (client, _) = node("200 OK", "{\"chain_id\": \"zz\"}");
        assert!(matches!(client.status(), Err(ClientError::Answer(what)) if what.contains("chain_id")));
        let (client, _) = node("503 Service Unavailable", "busy");
        let error = client.get("/x").unwrap_err();
        assert_eq!(error.code(), Some("http.503"));
        assert!(matches!(error.failure(&Console::new(Some(Lang::En))), Failure::Unusable(_)));
        // Nobody listens on the port of a listener that is gone.
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = Client::new(&format!("http://{gone}")).unwrap().get("/x").unwrap_err();
        assert!(matches!(error, ClientError::Unreachable(_)));
    }

    #[test]
    fn a_node_is_named_by_an_http_url() {
        for bad in ["", "127.0.0.1:8080", "https://node", "http://", "http://a/b", "http://a b"] {
            assert!(Client::new(bad).is_err(), "{bad}");
        }
        for good in ["http://127.0.0.1:8080", "http://[::1]:8080/", "http://node.hospital.example"] {
            assert!(Client::new(good).is_ok(), "{good}");
        }
    }
}
