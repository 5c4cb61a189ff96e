//! Carrying a scenario out.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use medveil_chain::{Bytes, PublicKey};
use medveil_engine::{ChainConfig, Engine, NotQueued, Retention, Snapshot, StateMachine, SubmitError};
use medveil_ledger::{Action, Transaction};
use medveil_simulation::{Link, Node, World};

use crate::{
    adversary::{Cheat, Liar, forged},
    chance::Chance,
    consortium::{Consortium, GENESIS_MS, node_key},
    hospital::Home,
    judge,
    people::Known,
    scenario::{Scenario, Step},
    watch::{Acknowledged, Failure, SETTLE_MS, STALL_MS, Watch},
};

/// What a run came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub failures: Vec<String>,
    /// Of everything that happened.
    pub digest: String,
    pub height: u64,
    pub transactions: usize,
    pub simulated_ms: u64,
    /// When blocks became final, in milliseconds after the start.
    pub finals: Vec<u64>,
    pub crashes: u64,
    /// Members that have thrown old blocks away.
    pub pruning: Vec<usize>,
    /// How often which kind of event, and which reason of a refusal, was in final blocks.
    pub seen: BTreeMap<String, usize>,
    /// Nodes that were asked for an access right after a withdrawal.
    pub asked: u64,
}

/// Carries a scenario out and judges it.
pub fn run(scenario: &Scenario) -> Outcome {
    let consortium = Arc::new(Consortium::new(scenario.size, scenario.epoch_length));
    let start = GENESIS_MS + 1_000;
    let scenario = Arc::new(scenario.clone());
    let (mut outcome, digest) =
        medveil_simulation::run(scenario.seed, start, consortium.machines(), |world| async move {
            let cluster = Arc::new(Cluster::new(scenario, consortium, world));
            cluster.play().await
        });
    outcome.digest = digest;
    outcome
}

/// The running members.
pub struct Cluster {
    pub scenario: Arc<Scenario>,
    pub consortium: Arc<Consortium>,
    pub world: World,
    pub watch: Watch,
    slots: Mutex<Vec<Slot>>,
    network: Mutex<Network>,
    /// What organisations are to ask for next, beside their notes.
    orders: Mutex<BTreeMap<usize, Action>>,
    /// Steps that are not over.
    pending: AtomicU64,
    /// What people know of the chain.
    pub known: Mutex<Known>,
    /// Hospitals with a custodian.
    pub homes: Mutex<Vec<Arc<Home>>>,
}

#[derive(Default)]
struct Slot {
    /// One, or two with one key.
    nodes: Vec<Node>,
    /// Counts starts and ends, so that what was meant for one run does not hit the next.
    turn: u64,
    offset: i64,
    /// It has no node before it takes a seat over, and none after it lost it.
    retired: bool,
}

#[derive(Default)]
struct Network {
    away: BTreeMap<u64, BTreeSet<usize>>,
    strained: BTreeMap<u64, (BTreeSet<usize>, Link)>,
}

impl Cluster {
    fn new(scenario: Arc<Scenario>, consortium: Arc<Consortium>, world: World) -> Self {
        let mut slots: Vec<Slot> = consortium.machines().iter().map(|_| Slot::default()).collect();
        for slot in &mut slots[scenario.size..] {
            slot.retired = true;
        }
        Self {
            known: Mutex::new(Known::new(&consortium)),
            scenario,
            consortium,
            world,
            watch: Watch::default(),
            slots: Mutex::new(slots),
            network: Mutex::default(),
            orders: Mutex::default(),
            pending: AtomicU64::new(0),
            homes: Mutex::default(),
        }
    }

    async fn play(self: Arc<Self>) -> Outcome {
        let start = self.world.now();
        self.watch.seen().progress_ms = start;
        self.wire().await;
        for member in 0..self.scenario.size {
            self.start(member, None).await;
        }
        for organisation in 0..self.scenario.size {
            let cluster = self.clone();
            self.world.spawn(async move { cluster.client(organisation, start).await });
        }
        for (member, cheat) in self.scenario.cheats.clone() {
            let cluster = self.clone();
            self.world.spawn(async move { cluster.cheat(member, cheat).await });
        }
        let cluster = self.clone();
        self.world.spawn(async move { cluster.monitor().await });
        self.people();
        for (index, (at, step)) in self.scenario.steps.clone().into_iter().enumerate() {
            let cluster = self.clone();
            self.pending.fetch_add(1, Ordering::Relaxed);
            self.world.spawn(async move {
                cluster.world.sleep(at).await;
                cluster.clone().step(index as u64, step).await;
                cluster.pending.fetch_sub(1, Ordering::Relaxed);
            });
        }
        self.world.sleep(self.scenario.ends).await;
        self.settle().await;
        judge::judge(&self).await;
        drop(self.learn());
        self.judge_answers();
        let pruning = judge::pruning(&self).await;
        let seen = self.watch.seen();
        Outcome {
            failures: seen.failures.iter().map(ToString::to_string).collect(),
            digest: String::new(),
            height: seen.blocks.last_key_value().map_or(0, |(height, _)| *height),
            transactions: seen.blocks.values().map(|block| block.body().transactions.len()).sum(),
            simulated_ms: self.world.now() - start,
            finals: seen.finals.iter().map(|at| at - start).collect(),
            crashes: seen.crashes,
            pruning,
            seen: self.known.lock().unwrap().claims.seen.clone(),
            asked: seen.asked,
        }
    }

    /// Waits until everything is well: every acknowledged transaction final, every honest member at the tip.
    async fn settle(&self) {
        let deadline = self.world.now() + SETTLE_MS;
        let goal = self.watch.height() + 3;
        while self.world.now() < deadline {
            self.world.sleep(250).await;
            let all_there =
                self.running().into_iter().filter(|member| self.honest(*member)).all(|member| {
                    self.watch.seen().heights.get(&member).is_some_and(|height| *height >= goal)
                });
            let over = self.pending.load(Ordering::Relaxed) == 0;
            if all_there && over && judge::outstanding(self).is_empty() {
                return;
            }
            if !self.watch.seen().failures.is_empty() {
                return;
            }
        }
    }

    pub fn honest(&self, member: usize) -> bool {
        self.scenario.honest(member)
    }

    /// Members whose node runs.
    pub fn running(&self) -> Vec<usize> {
        let slots = self.slots.lock().unwrap();
        (0..slots.len()).filter(|member| !slots[*member].nodes.is_empty()).collect()
    }

    /// Members that are to have a node.
    pub fn seated(&self) -> Vec<usize> {
        let slots = self.slots.lock().unwrap();
        (0..slots.len()).filter(|member| !slots[*member].retired).collect()
    }

    pub fn engine(&self, member: usize) -> Option<Engine> {
        let slots = self.slots.lock().unwrap();
        slots[member].nodes.first().map(|node| node.engine().clone())
    }

    fn config(&self, member: usize, offset: i64) -> ChainConfig {
        let mut config =
            ChainConfig::new(self.consortium.chain_genesis.clone(), node_key(member), Vec::new());
        let seats = self.consortium.rules.genesis().validators().validators;
        config.peers = seats
            .iter()
            .map(|seat| medveil_engine::Peer {
                key: medveil_node::rules::key(&seat.key).unwrap(),
                address: seat.address.to_string(),
            })
            .collect();
        config.retention = Retention { blocks: self.scenario.retention };
        config.clock_offset = offset;
        config
    }

    fn machine(&self, member: usize) -> Arc<dyn StateMachine> {
        match self.scenario.cheat(member) {
            Some(cheat @ (Cheat::ProposesInvalid | Cheat::ProposesForged)) => {
                Arc::new(Liar { rules: self.consortium.rules.clone(), cheat, count: AtomicU64::new(0) })
            }
            _ => self.consortium.rules.clone(),
        }
    }

    /// Starts a member's node, if it has none.
    pub async fn start(self: &Arc<Self>, member: usize, snapshot: Option<Snapshot>) {
        let offset = {
            let slots = self.slots.lock().unwrap();
            if slots[member].retired || !slots[member].nodes.is_empty() {
                return;
            }
            slots[member].offset
        };
        let config = self.config(member, offset);
        let nodes: Vec<Node> = if self.scenario.cheat(member) == Some(Cheat::Equivocates) {
            let mut other = config.clone();
            // Their proposals differ in time, if in nothing else.
            other.clock_offset += 7;
            let speaks_with: Vec<usize> =
                (0..self.scenario.size).filter(|peer| *peer != member && peer % 2 == 0).collect();
            let machines = [self.machine(member), self.machine(member)];
            self.world.start_twins(member, [config, other], machines, &speaks_with).await.into()
        } else {
            vec![self.world.start(member, config, self.machine(member), snapshot).await]
        };
        if self.scenario.cheat(member) == Some(Cheat::Withholds) {
            let others: Vec<usize> = (0..self.scenario.size).filter(|peer| *peer != member).collect();
            // Nobody is answered; one is told of proposals.
            nodes[0].withhold(4, &others[1..]);
            nodes[0].withhold(3, &others);
        }
        if self.scenario.cheat(member) == Some(Cheat::VotesSelectively) {
            let some: Vec<usize> = (0..self.scenario.size).filter(|peer| peer % 2 == 1).collect();
            nodes[0].withhold(0, &some);
            nodes[0].withhold(1, &some);
        }
        let engine = nodes[0].engine().clone();
        let turn = {
            let mut slots = self.slots.lock().unwrap();
            slots[member].nodes = nodes;
            slots[member].turn += 1;
            slots[member].turn
        };
        if self.honest(member) {
            let cluster = self.clone();
            self.world.spawn(async move { cluster.follow(member, turn, engine).await });
        }
    }

    /// Ends a member's node.
    async fn kill(&self, member: usize) {
        let nodes = {
            let mut slots = self.slots.lock().unwrap();
            slots[member].turn += 1;
            std::mem::take(&mut slots[member].nodes)
        };
        for node in nodes {
            node.kill().await;
        }
    }

    fn turn(&self, member: usize) -> u64 {
        self.slots.lock().unwrap()[member].turn
    }

    /// Reads a member's final blocks, from the first that it has.
    async fn follow(self: Arc<Self>, member: usize, turn: u64, engine: Engine) {
        let mut from = 1;
        while self.turn(member) == turn {
            let mut blocks = engine.blocks(from).await;
            let mut last = None;
            while let Some(block) = blocks.next().await {
                last = Some(block.height());
                self.watch.block(self.world.now(), member, block);
            }
            match last {
                Some(last) => from = last + 1,
                // Who began with a snapshot has no blocks from before.
                None => {
                    let tip = engine.status().await.and_then(|status| status.tip);
                    if let Some(tip) = tip.filter(|tip| tip.height >= from) {
                        from = tip.height;
                    }
                }
            }
            self.world.sleep(200).await;
            if self.turn(member) == turn && !engine.is_running() {
                let dark = {
                    let slots = self.slots.lock().unwrap();
                    slots[member].nodes.iter().any(Node::is_dark)
                };
                if !dark {
                    self.watch.fail(Failure::Halted { member });
                }
                return;
            }
        }
    }

    /// Connects everybody as the faults under way leave it.
    async fn wire(&self) {
        let good = Link { latency: self.scenario.latency, jitter: self.scenario.latency / 4, loss: 0 };
        let (away, strained) = {
            let network = self.network.lock().unwrap();
            (network.away.clone(), network.strained.clone())
        };
        self.world
            .connect(|from, to| {
                if away.values().any(|away| away.contains(&from) != away.contains(&to)) {
                    return None;
                }
                let worst = strained
                    .values()
                    .filter(|(members, _)| members.contains(&from) || members.contains(&to))
                    .map(|(_, link)| *link)
                    .max_by_key(|link| (link.loss, link.latency));
                Some(worst.unwrap_or(good))
            })
            .await;
    }

    async fn step(self: Arc<Self>, index: u64, step: Step) {
        match step {
            Step::Crash { member, after, down } => {
                let armed = {
                    let slots = self.slots.lock().unwrap();
                    if let Some(node) = slots[member].nodes.first() {
                        node.lose_power_after(after);
                    }
                    (!slots[member].nodes.is_empty()).then_some(slots[member].turn)
                };
                let Some(turn) = armed else { return };
                self.watch.seen().crashes += 1;
                self.watch.unwell(member, "crash");
                // A node that has nothing to write loses power in a quiet moment.
                let patience = self.world.now() + 3_000;
                while self.world.now() < patience {
                    self.world.sleep(5).await;
                    let slots = self.slots.lock().unwrap();
                    if slots[member].turn != turn || slots[member].nodes.iter().any(Node::is_dark) {
                        break;
                    }
                }
                if self.turn(member) == turn {
                    self.kill(member).await;
                    self.world.sleep(down).await;
                    self.start(member, None).await;
                }
                self.watch.well(member, "crash");
            }
            Step::Kill { member, down } => {
                self.watch.seen().crashes += 1;
                self.watch.unwell(member, "kill");
                self.kill(member).await;
                self.world.sleep(down).await;
                self.start(member, None).await;
                self.watch.well(member, "kill");
            }
            Step::Blackout { down } => {
                let all = self.running();
                self.watch.seen().crashes += all.len() as u64;
                for member in &all {
                    self.watch.unwell(*member, "blackout");
                    self.kill(*member).await;
                }
                self.world.sleep(down).await;
                for member in all {
                    self.start(member, None).await;
                    self.watch.well(member, "blackout");
                }
            }
            Step::Partition { away, lasts } => {
                let away: BTreeSet<usize> = away.into_iter().collect();
                // Who is with fewer is cut off.
                let minority = if away.len() * 2 <= self.scenario.size {
                    away.clone()
                } else {
                    (0..self.scenario.size).filter(|member| !away.contains(member)).collect()
                };
                self.network.lock().unwrap().away.insert(index, away);
                for member in &minority {
                    self.watch.unwell(*member, "partition");
                }
                self.wire().await;
                self.world.sleep(lasts).await;
                self.network.lock().unwrap().away.remove(&index);
                self.wire().await;
                for member in &minority {
                    self.watch.well(*member, "partition");
                }
            }
            Step::Strain { members, latency, jitter, loss, lasts } => {
                let members: BTreeSet<usize> = members.into_iter().collect();
                let link = Link { latency, jitter, loss };
                let bad = loss > 5 || latency > 300;
                self.network.lock().unwrap().strained.insert(index, (members.clone(), link));
                for member in members.iter().filter(|_| bad) {
                    self.watch.unwell(*member, "strain");
                }
                self.wire().await;
                self.world.sleep(lasts).await;
                self.network.lock().unwrap().strained.remove(&index);
                self.wire().await;
                for member in &members {
                    self.watch.well(*member, "strain");
                }
            }
            Step::Clock { member, offset, lasts } => {
                self.watch.unwell(member, "clock");
                for offset in [offset, 0] {
                    self.kill(member).await;
                    self.slots.lock().unwrap()[member].offset = offset;
                    self.start(member, None).await;
                    if offset != 0 {
                        self.world.sleep(lasts).await;
                    }
                }
                self.watch.well(member, "clock");
            }
            Step::Replace { organisation, machine, snapshot } => {
                self.replace(organisation, machine, snapshot).await;
            }
        }
    }

    /// Moves an organisation's seat. The machine that had it runs until another holds office.
    async fn replace(self: &Arc<Self>, organisation: usize, machine: usize, snapshot: bool) {
        self.watch.unwell(organisation, "replaced");
        self.watch.unwell(machine, "new");
        self.orders.lock().unwrap().insert(organisation, self.consortium.rotate(organisation, machine));
        let key = node_key(machine).public();
        while !self.in_office().contains(&key) {
            self.world.sleep(200).await;
            if self.world.now() > GENESIS_MS + self.scenario.ends + SETTLE_MS / 2 {
                return;
            }
        }
        let from = if snapshot { self.snapshot(organisation).await } else { None };
        self.slots.lock().unwrap()[machine].retired = false;
        self.start(machine, from).await;
        self.world.sleep(1_500).await;
        self.slots.lock().unwrap()[organisation].retired = true;
        self.kill(organisation).await;
        self.world.sleep(3_000).await;
        self.watch.well(machine, "new");
    }

    /// Keys of the validators that the last final block knows, of the next epoch if it is the last of one.
    pub fn in_office(&self) -> Vec<PublicKey> {
        let seen = self.watch.seen();
        let named =
            seen.blocks.values().filter_map(|block| block.body().next_validators.as_ref()).next_back();
        named.unwrap_or(self.consortium.chain_genesis.validators()).keys().cloned().collect()
    }

    /// A snapshot that another honest member took. `None` if none comes by soon: there is none after the last block of an epoch, and no
    /// next block perhaps without the machine that waits for it.
    async fn snapshot(&self, except: usize) -> Option<Snapshot> {
        let directory = tempfile::tempdir().unwrap();
        let members = self.running().into_iter().filter(|member| *member != except && self.honest(*member));
        for (member, engine) in members.filter_map(|member| Some((member, self.engine(member)?))) {
            let path = directory.path().join(format!("snapshot-{member}"));
            let taken = Arc::new(Mutex::new(false));
            let (told, to) = (taken.clone(), path.clone());
            self.world.spawn(async move { *told.lock().unwrap() = engine.snapshot(to).await.is_ok() });
            for _ in 0..20 {
                self.world.sleep(100).await;
                if *taken.lock().unwrap() {
                    return Some(Snapshot::open(&path, &self.consortium.chain_genesis).unwrap());
                }
            }
        }
        None
    }

    /// An organisation that notes things in audit trails, one after the other, at whatever node answers.
    async fn client(self: Arc<Self>, organisation: usize, start: u64) {
        let mut chance = Chance::new(self.scenario.seed ^ ((organisation as u64 + 1) << 32));
        let mut nonce = 0;
        while self.world.now() < start + self.scenario.ends {
            let pause = chance.between(self.scenario.pause / 2, self.scenario.pause * 3 / 2);
            self.world.sleep(pause).await;
            let burst = if chance.percent(10) { chance.between(2, 20) } else { 1 };
            for _ in 0..burst {
                let order = self.orders.lock().unwrap().remove(&organisation);
                let action = order.unwrap_or_else(|| self.consortium.note(chance.index(5) as u8, nonce));
                let expires = self.watch.height() + 900;
                let transaction = self.consortium.transaction(organisation, nonce, expires, action);
                let promise = Acknowledged { by: 0, account: organisation, nonce, expires };
                self.submit(promise, &transaction, &mut chance).await;
                nonce += 1;
            }
        }
    }

    /// Hands a transaction in until a node takes it, or has it.
    pub async fn submit(&self, mut promise: Acknowledged, transaction: &Bytes, chance: &mut Chance) {
        self.watch.seen().submitted += 1;
        let id = Transaction::decode(transaction).unwrap().digest().0.into();
        loop {
            // Mostly at home.
            let member = if chance.percent(70) { promise.account } else { chance.index(self.scenario.size) };
            // Not to a machine that is about to be given up: it keeps its promises only while it runs.
            let given_up = self.watch.seen().unwell.get(&member).is_some_and(|why| why.contains("replaced"));
            if let Some(engine) = self.engine(member).filter(|_| !given_up) {
                let answers = engine.submit(vec![transaction.clone()]).await;
                match &answers[0] {
                    // What a cheat promises is nothing: somebody honest must have it too.
                    _ if !self.honest(member) => {}
                    // Known already: it has promised before.
                    Ok(_) | Err(SubmitError::NotQueued(NotQueued::Duplicate)) => {
                        promise.by = member;
                        self.watch.seen().acknowledged.insert(id, promise);
                        return;
                    }
                    Err(SubmitError::Refused(refusal)) if refusal.code == "transaction.nonce_used" => return,
                    // Another node's clock, height or state may be behind; or it has no room.
                    Err(_) => {}
                }
            }
            self.world.sleep(chance.between(20, 400)).await;
            if self.world.now() > GENESIS_MS + 1_000 + self.scenario.ends + SETTLE_MS / 2 {
                return;
            }
        }
    }

    /// What a cheating member does beside running its node.
    async fn cheat(self: Arc<Self>, member: usize, cheat: Cheat) {
        let mut chance = Chance::new(self.scenario.seed ^ 0x5eed ^ member as u64);
        let mut nonce = 1_000_000;
        loop {
            self.world.sleep(chance.between(300, 1_500)).await;
            let past: Vec<Bytes> = {
                let seen = self.watch.seen();
                seen.blocks.values().flat_map(|block| block.body().transactions.clone()).collect()
            };
            let height = self.watch.height();
            nonce += 1;
            let victim = chance.index(self.scenario.size);
            let note = self.consortium.note(1, nonce);
            let forgery = forged(&self.consortium.transaction(victim, nonce, height + 500, note));
            let forged_for_itself = {
                let slots = self.slots.lock().unwrap();
                let Some(node) = slots[member].nodes.first() else { continue };
                match cheat {
                    Cheat::Forges => node.inject_transactions(height, vec![forgery]),
                    Cheat::Replays if !past.is_empty() => {
                        let again = (0..20).map(|_| past[chance.index(past.len())].clone()).collect();
                        node.inject_transactions(height, again);
                    }
                    Cheat::Babbles => {
                        let bytes =
                            (0..chance.between(0, 200)).map(|_| chance.between(0, 256) as u8).collect();
                        node.inject(chance.between(0, 6), bytes);
                    }
                    _ => {}
                }
                (cheat == Cheat::ProposesForged).then(|| node.engine().clone())
            };
            // Into its own mempool, whose rules take it: it is next in its account's order.
            if let Some(engine) = forged_for_itself {
                let note = self.consortium.note(2, nonce);
                let forgery = forged(&self.consortium.transaction(
                    victim,
                    next_nonce(&past, victim, &self),
                    height + 500,
                    note,
                ));
                let _ = engine.submit(vec![forgery]).await;
            }
        }
    }

    /// Looks whether blocks become final while enough members are well.
    async fn monitor(self: Arc<Self>) {
        let mut steady_since = self.world.now();
        loop {
            self.world.sleep(500).await;
            let now = self.world.now();
            let office = self.in_office();
            let running = self.running();
            let well = office
                .iter()
                .filter_map(|key| self.consortium.machines().iter().position(|machine| machine == key))
                .filter(|member| {
                    running.contains(member) && self.honest(*member) && self.watch.is_well(*member)
                })
                .count();
            if well < office.len() - (office.len() - 1) / 3 {
                steady_since = now;
            }
            let since = steady_since.max(self.watch.seen().progress_ms);
            if now - since > STALL_MS {
                let height = self.watch.height();
                self.watch.fail(Failure::Stall { height, since_ms: now - since });
                return;
            }
        }
    }
}

/// The next nonce of an organisation's account after these transactions.
fn next_nonce(past: &[Bytes], organisation: usize, cluster: &Cluster) -> u64 {
    let account = cluster.consortium.organisations[organisation].account;
    let of_account = |bytes: &&Bytes| {
        Transaction::decode(bytes).is_ok_and(|transaction| transaction.body().account == account)
    };
    past.iter().filter(of_account).count() as u64
}
