//! A chain of one validator.

use std::path::Path;
use std::time::Duration;

use medveil_engine::NodeKey;
use medveil_ledger::{Genesis, OrganisationId, SigningKey};
use medveil_node::{Agent, Config, Node, OwnPacing};

/// The hospital's node.
pub fn node_key() -> NodeKey {
    NodeKey::from_seed([9; 32])
}

/// The hospital's acting account.
pub fn custodian() -> SigningKey {
    SigningKey::ed25519([2; 32])
}

/// A genesis of one hospital with an administrator and a custodian.
pub fn genesis() -> Genesis {
    let text = format!(
        r#"
        chain = "node-test"
        time-ms = 1767225600000
        epoch-length = 1000
        [relying-party]
        id = "localhost"
        origins = ["http://localhost:8080"]
        [parameters]
        min-validators = 1
        [[member]]
        organisation = "hospital-1"
        name = "First"
        role = "hospital"
        accounts = {{ "{}" = "administrator", "{}" = "custodian" }}
        seat = {{ key = "{}", address = "127.0.0.1:7001" }}
        "#,
        SigningKey::ed25519([1; 32]).public(),
        custodian().public(),
        hex::encode(node_key().public().as_ref()),
    );
    Genesis::from_toml(&text).unwrap()
}

/// The hospital's node on a folder, making blocks fast.
pub fn start(folder: &Path) -> Node {
    let mut config = Config::new(genesis(), node_key(), folder.into(), "127.0.0.1:0".parse().unwrap());
    config.pacing =
        OwnPacing { idle: Some(Duration::from_millis(100)), busy: Some(Duration::from_millis(10)) };
    Node::start(config, None).unwrap()
}

/// The node's acting account.
pub fn agent(node: &Node, folder: &Path) -> Agent {
    let organisation = OrganisationId::new("hospital-1").unwrap();
    Agent::new(node.clone(), organisation, custodian(), folder.join("agent"))
}

/// Runs a test on a runtime.
pub fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { tokio::time::timeout(Duration::from_secs(120), test).await.unwrap() });
}
