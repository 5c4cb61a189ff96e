//! The world of a simulation: members, the network between them, and time.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use commonware_codec::Encode as _;
use commonware_p2p::{
    Recipients, Sender as _,
    simulated::{self, Control, Network, Oracle, Receiver, SplitTarget},
};
use commonware_runtime::{
    Clock as _, Handle, Runner as _, Spawner as _, Supervisor as _,
    deterministic::{Config, Context, Runner},
};
use commonware_utils::{NZUsize, Probability, SystemTimeExt as _, channel::mpsc, ordered::Set, sync::Mutex};
use medveil_chain::{Bytes, PublicKey};
use medveil_engine::{
    ChainConfig, Engine, Request, Snapshot, StateMachine,
    node::{self, CHANNELS},
};

use crate::{
    host::Host,
    members::{Lists, Members},
    power::Power,
    wire::{Wire, Withheld},
};

/// Requests that wait at a node.
const REQUESTS: usize = 1024;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a link from one member to another is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Mean time that a message takes, in milliseconds.
    pub latency: u64,
    /// Its standard deviation, in milliseconds.
    pub jitter: u64,
    /// Of a hundred messages, how many are lost.
    pub loss: u8,
}

/// Runs a scenario and returns what it returns, with a digest of everything that happened in the run: order of tasks, bytes on disks, messages.
///
/// # Panics
/// When any part of any node panics, and when there is nothing left to wait for.
pub fn run<T, Fut>(
    seed: u64,
    start_ms: u64,
    members: Vec<PublicKey>,
    scenario: impl FnOnce(World) -> Fut,
) -> (T, String)
where
    Fut: Future<Output = T>,
{
    let config = Config::new().with_seed(seed).with_start_time(UNIX_EPOCH + Duration::from_millis(start_ms));
    Runner::new(config).start(|context| async move {
        let auditor = context.auditor();
        let world = World::new(context, seed, members).await;
        let result = scenario(world).await;
        (result, auditor.state())
    })
}

/// Members, the network between them, and time.
pub struct World {
    context: Arc<Context>,
    oracle: Oracle<PublicKey, Context>,
    members: Vec<PublicKey>,
    lists: Lists,
    links: Mutex<BTreeMap<(usize, usize), Link>>,
    /// Held while links change, which takes a while: what is there is what was last asked for.
    wiring: futures::lock::Mutex<()>,
    seed: u64,
    starts: Mutex<u64>,
}

/// The two ends of a channel.
type Ends = (simulated::Sender<PublicKey, Context>, Receiver<PublicKey>);

impl World {
    async fn new(context: Context, seed: u64, members: Vec<PublicKey>) -> Self {
        let config = simulated::Config {
            max_size: node::max_message_size(),
            max_peers_per_set: NZUsize!(64),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(1),
        };
        let all = Set::from_iter_dedup(members.clone());
        let (network, oracle) = Network::new_with_peers(context.child("network"), config, all).await;
        network.start();
        Self {
            context: Arc::new(context),
            oracle,
            members,
            lists: Lists::default(),
            links: Mutex::default(),
            wiring: futures::lock::Mutex::default(),
            seed,
            starts: Mutex::new(0),
        }
    }

    /// Milliseconds since 1970, as an exact clock has it.
    pub fn now(&self) -> u64 {
        self.context.current().epoch_millis()
    }

    /// Lets time pass.
    pub fn sleep(&self, ms: u64) -> Boxed<'static, ()> {
        Box::pin(self.context.sleep(Duration::from_millis(ms)))
    }

    /// Runs something beside.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Handle<()> {
        self.context.child("scenario").spawn(move |_| task)
    }

    /// Connects members: each pair in each direction, as told, or not at all.
    pub async fn connect(&self, link: impl Fn(usize, usize) -> Option<Link>) {
        let _turn = self.wiring.lock().await;
        for from in 0..self.members.len() {
            for to in 0..self.members.len() {
                if from == to {
                    continue;
                }
                let wanted = link(from, to);
                let is = self.links.lock().get(&(from, to)).copied();
                if is == wanted {
                    continue;
                }
                let (sender, receiver) = (self.members[from].clone(), self.members[to].clone());
                if is.is_some() {
                    self.oracle
                        .remove_link(sender.clone(), receiver.clone())
                        .await
                        .expect("the link was added");
                    self.links.lock().remove(&(from, to));
                }
                if let Some(link) = wanted {
                    let quality = simulated::Link {
                        latency: Duration::from_millis(link.latency),
                        jitter: Duration::from_millis(link.jitter),
                        success_rate: Probability::new(u64::from(100 - link.loss), 100)
                            .expect("a part of a hundred is at most one"),
                    };
                    self.oracle.add_link(sender, receiver, quality).await.expect("there was no link");
                    self.links.lock().insert((from, to), link);
                }
            }
        }
    }

    /// Which member has cut off which, for what it saw of it.
    pub async fn blocked(&self) -> Vec<(usize, usize)> {
        let blocked = self.oracle.blocked().await.expect("the network runs");
        let place = |key: &PublicKey| self.members.iter().position(|member| member == key);
        blocked.iter().filter_map(|(by, whom)| Some((place(by)?, place(whom)?))).collect()
    }

    /// Starts the node of a member that has none running, on the disk that it has.
    pub fn start(
        &self,
        member: usize,
        config: ChainConfig,
        machine: Arc<dyn StateMachine>,
        snapshot: Option<Snapshot>,
    ) -> Boxed<'_, Node> {
        Box::pin(async move {
            let me = self.members[member].clone();
            self.forget_blocks(&me).await;
            let mut ends = Vec::new();
            for (channel, quota) in CHANNELS {
                let end = self.oracle.control(me.clone()).register(channel, quota).await;
                ends.push((channel, end.expect("the network runs")));
            }
            self.boot(member, 0, Members::new(me, self.lists.clone()), ends, config, machine, snapshot)
        })
    }

    /// Starts two nodes with the key of one member. The first speaks with some of the others, the second with the rest; both hear everything.
    pub fn start_twins(
        &self,
        member: usize,
        configs: [ChainConfig; 2],
        machines: [Arc<dyn StateMachine>; 2],
        first_speaks_with: &[usize],
    ) -> Boxed<'_, [Node; 2]> {
        let first: BTreeSet<usize> = first_speaks_with.iter().copied().collect();
        Box::pin(async move {
            let me = self.members[member].clone();
            self.forget_blocks(&me).await;
            let mut ends = [Vec::new(), Vec::new()];
            for (channel, quota) in CHANNELS {
                let (sender, receiver) =
                    self.oracle.control(me.clone()).register(channel, quota).await.expect("the network runs");
                let (one, other) =
                    receiver.split_with(self.context.child("twins"), |_: &_| SplitTarget::Both);
                ends[0].push((channel, (sender.clone(), one)));
                ends[1].push((channel, (sender, other)));
            }
            let [config_a, config_b] = configs;
            let [machine_a, machine_b] = machines;
            let [ends_a, ends_b] = ends;
            let list = Members::new(me, self.lists.clone());
            let a = self.boot(member, 0, list.clone(), ends_a, config_a, machine_a, None);
            let b = self.boot(member, 1, list, ends_b, config_b, machine_b, None);
            let (one, rest): (Vec<usize>, Vec<usize>) =
                (0..self.members.len()).partition(|other| first.contains(other));
            for (channel, _) in CHANNELS {
                a.withhold(channel, &rest);
                b.withhold(channel, &one);
            }
            [a, b]
        })
    }

    async fn forget_blocks(&self, me: &PublicKey) {
        for (by, whom) in self.blocked().await {
            if self.members[by] == *me {
                let whom = self.members[whom].clone();
                self.oracle.unblock(me.clone(), whom).await.expect("the network runs");
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "they are what a node is")]
    fn boot(
        &self,
        member: usize,
        twin: usize,
        list: Members,
        ends: Vec<(u64, Ends)>,
        config: ChainConfig,
        machine: Arc<dyn StateMachine>,
        snapshot: Option<Snapshot>,
    ) -> Node {
        let start = {
            let mut starts = self.starts.lock();
            *starts += 1;
            *starts
        };
        let me = self.members[member].clone();
        let power = Power::new(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ start);
        let withheld = Withheld::default();
        let channels: Vec<(Wire, Receiver<PublicKey>)> = ends
            .into_iter()
            .map(|(channel, (inner, receiver))| {
                let wire = Wire {
                    me: me.clone(),
                    channel,
                    inner,
                    lists: self.lists.clone(),
                    withheld: withheld.clone(),
                };
                (wire, receiver)
            })
            .collect();
        let wires = channels.iter().map(|(wire, _)| wire.clone()).collect();
        let blocker: Control<PublicKey, Context> = self.oracle.control(me);
        let network = node::Network { manager: list, blocker, channels };
        let (requests, receiver) = mpsc::channel::<Request>(REQUESTS);
        let host = Host::new(
            self.context
                .child("node")
                .with_attribute("member", member)
                .with_attribute("twin", twin)
                .with_attribute("start", start),
            power.clone(),
        );
        let prefix = format!("member-{member}-{twin}");
        let handle = spawn(host, prefix, config, machine, network, receiver, snapshot);
        Node {
            engine: Engine::attach(requests),
            clock: self.context.clone(),
            members: self.members.clone(),
            power,
            withheld,
            wires,
            handle,
        }
    }
}

/// Here the engine is compiled for the simulation.
fn spawn(
    host: Host,
    prefix: String,
    config: ChainConfig,
    machine: Arc<dyn StateMachine>,
    network: node::Network<Members, Control<PublicKey, Context>, Wire, Receiver<PublicKey>>,
    requests: mpsc::Receiver<Request>,
    snapshot: Option<Snapshot>,
) -> Handle<()> {
    use commonware_runtime::{Spawner as _, Supervisor as _};
    host.spawn(move |host| async move {
        let engine = host.child("engine");
        let node = node::start(engine, prefix, config, machine, network, requests, snapshot).await;
        let _ = node.await;
    })
}

/// A running node.
pub struct Node {
    engine: Engine,
    clock: Arc<Context>,
    members: Vec<PublicKey>,
    power: Power,
    withheld: Withheld,
    wires: Vec<Wire>,
    handle: Handle<()>,
}

impl Node {
    /// What a node can be asked.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How often the node has changed its disk since it started.
    pub fn steps(&self) -> u64 {
        self.power.steps()
    }

    /// Lets power be lost in the midst of the change to the disk that comes so many from now.
    pub fn lose_power_after(&self, steps: u64) {
        self.power.lose_after(steps);
    }

    /// Whether power was lost. The node is to be [killed](Self::kill) then, to be started again.
    pub fn is_dark(&self) -> bool {
        self.power.is_off()
    }

    /// Loses power now, if it is not lost yet, and ends everything of the node.
    pub fn kill(self) -> Boxed<'static, ()> {
        Box::pin(async move {
            self.power.lose().await;
            self.handle.abort();
            let _ = self.handle.await;
            drop(self.engine);
            while self.power.open_files() > 0 {
                self.clock.sleep(Duration::from_millis(1)).await;
            }
        })
    }

    /// From now on, sends nothing on a channel to these members.
    pub fn withhold(&self, channel: u64, from: &[usize]) {
        let from = from.iter().map(|member| self.members[*member].clone()).collect();
        self.withheld.lock().insert(channel, from);
    }

    /// Sends bytes on a channel to everybody, as if the node had.
    pub fn inject(&self, channel: u64, bytes: Vec<u8>) {
        if let Some(wire) = self.wires.iter().find(|wire| wire.channel == channel) {
            wire.clone().send(Recipients::All, bytes, false);
        }
    }

    /// Passes transactions on to everybody, whatever they are, as if the node had verified them and were at this height.
    pub fn inject_transactions(&self, height: u64, transactions: Vec<Bytes>) {
        let (channel, _) = CHANNELS[5];
        self.inject(channel, (height, transactions).encode().to_vec());
    }
}
