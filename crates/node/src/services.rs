//! What a node does by itself on the ledger, beside following it.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::{Agent, Custody, Node, Opened, Refusal, Stores, custodian};

/// How long a service may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The services of a running node, and the account that they act with.
#[derive(Default)]
pub struct Services {
    agent: Option<Agent>,
    custody: Option<Custody>,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
}

impl Services {
    /// Starts the services that the folder has an account for, on its open stores. Call it within a tokio runtime.
    ///
    /// # Errors
    /// [`Refusal`]: what keeps one from starting.
    pub fn start(opened: &Opened, stores: Stores, node: &Node) -> Result<Self, Refusal> {
        let (Some(agent), Some(shards)) = (opened.agent(node), stores.shards) else {
            return Ok(Self::default());
        };
        let (custody, mut tasks) = Custody::start(agent.clone(), opened.custody(shards)?)?;
        tasks.push(("acting key", tokio::spawn(crate::agent::rotation::run(agent.clone()))));
        if let Some(settings) = &opened.settings.releases {
            let mut settings = settings.clone().within(opened.folder.root());
            settings.buckets = stores.buckets;
            node.set_openings(settings.folder.clone());
            tasks.push(("releases", custodian::start(settings, &agent, &custody)));
        }
        Ok(Self { agent: Some(agent), custody: Some(custody), tasks })
    }

    /// The account that the node acts with, if it has one.
    pub fn agent(&self) -> Option<&Agent> {
        self.agent.as_ref()
    }

    /// The node's part in custody, if it has one.
    pub fn custody(&self) -> Option<&Custody> {
        self.custody.as_ref()
    }

    /// Ends all services; returns when they have ended. Then the node may be stopped.
    pub async fn stop(self) {
        if let Some(agent) = &self.agent {
            agent.close();
        }
        for (name, task) in self.tasks {
            let abort = task.abort_handle();
            match tokio::time::timeout(PATIENCE, task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(service = name, %error, "a service ended badly"),
                Err(_) => {
                    tracing::warn!(service = name, "a service does not end and is given up");
                    abort.abort();
                }
            }
        }
    }
}
