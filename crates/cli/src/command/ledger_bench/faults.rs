//! What happens to a network that is idle, or loses nodes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use medveil_ledger::action::{AuditNotarise, GovernancePropose, GovernanceVote};
use medveil_ledger::measure::SeatValidator;
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::{AccountId, Action, Body, Digest, ObjectRef, OrganisationId, SigningKey};
use serde_json::{Value, json};

use super::figures::quantile;
use super::load::{self, Senders};
use super::members::{Network, Second};
use super::{LedgerArgs, environment, evidence, megabytes, told};
use crate::command::governance::seat_claim;
use crate::console::Console;
use crate::failure::Failure;

/// Transactions of the idle scenario.
const IDLE: usize = 100;

/// Acts as a member's administrator through a node of choice; what the API answers, and how long it took.
struct Administrator {
    key: SigningKey,
    nonce: u64,
}

impl Administrator {
    fn of(network: &Network, member: usize) -> Result<Self, Failure> {
        Ok(Administrator { key: network.administrator(member)?, nonce: 0 })
    }

    fn act(
        &mut self,
        network: &Network,
        through: usize,
        action: impl Into<Action>,
        wait: Duration,
    ) -> Result<(Value, Duration), Failure> {
        let chain = network.genesis.chain_id();
        let client = network.client(through)?;
        let problem = |error| Failure::unusable(format!("{error:?}"));
        let height = client.status().map_err(problem)?.height;
        let body = Body {
            chain,
            account: AccountId::derive(chain, &self.key.public()),
            signer: self.key.public(),
            nonce: self.nonce,
            expires: height + 500,
            action: action.into(),
        };
        let bytes = body.sign(&self.key).encode();
        self.nonce += 1;
        let start = Instant::now();
        let answer = client.submit(&bytes, wait).map_err(problem)?;
        Ok((answer, start.elapsed()))
    }
}

fn note(number: u64) -> AuditNotarise {
    let digest = |domain| Digest::of(domain, &[&number.to_le_bytes()]);
    AuditNotarise {
        object: ObjectRef::external(digest("medveil/bench-object/2")),
        step: Step::Capture,
        reason: Reason::Treatment,
        details: digest("medveil/bench-details/2"),
    }
}

/// One transaction at a time, at any moment between two blocks.
pub fn idle(args: &LedgerArgs, console: &Console) -> Result<(Value, String), Failure> {
    let (_folder, network, _) = args.start(1000, false)?;
    let count = network.count;
    // Nodes at rest: what they took to start is given back by then, or never.
    std::thread::sleep(Duration::from_secs(30));
    let resident = network.resident();
    let before = network.all_cpu_seconds();
    std::thread::sleep(Duration::from_secs(10));
    let idle_cpu = (network.all_cpu_seconds() - before) / 10.0 / count as f64;
    let mut administrator = Administrator::of(&network, 0)?;
    let mut latencies = Vec::with_capacity(IDLE);
    for number in 0..IDLE {
        // Pauses that share no divisor with the interval of idle blocks.
        std::thread::sleep(Duration::from_millis(300 + (number as u64 * 137) % 900));
        let through = number % count;
        let (answer, took) =
            administrator.act(&network, through, note(number as u64), Duration::from_secs(20))?;
        if answer["outcome"] != "applied" {
            return Err(Failure::Refused(format!("a note was not applied: {answer}")));
        }
        latencies.push(took.as_secs_f64() * 1e3);
    }
    latencies.sort_by(f64::total_cmp);
    let (p50, p99) = (quantile(&latencies, 0.5), quantile(&latencies, 0.99));
    let most = resident.iter().copied().max().unwrap_or(0);
    let met = (p50 <= 400.0, most <= 80_000_000);
    let value = json!({
        "idle_finality_ms": { "p50": p50, "p99": p99, "max": quantile(&latencies, 1.0), "count": IDLE, "claim_p50": 400.0, "met": met.0 },
        "idle_resident_bytes": { "nodes": resident, "claim": 80_000_000, "met": met.1 },
        "idle_cpu_share_per_node": idle_cpu, "environment": environment(args),
    });
    let met = |met| if met { console.text("met", "达到") } else { console.text("missed", "未达到") };
    let text = format!(
        "idle finality, {count} nodes, {IDLE} transactions one at a time through the API: p50 {p50:.0} ms, p99 {p99:.0} ms, max {:.0} ms (claim: p50 400 ms: {})\nmemory of idle nodes: {} (claim: 80 MB: {})\nprocessor of an idle node: {:.1} %",
        quantile(&latencies, 1.0),
        met(p50 <= 400.0),
        megabytes(&resident),
        met(most <= 80_000_000),
        idle_cpu * 100.0,
    );
    Ok((value, text))
}

/// `kill -9` of one node in the middle of a load.
pub fn crash(args: &LedgerArgs, console: &Console) -> Result<(Value, String), Failure> {
    let (_folder, mut network, _) = args.start(1000, false)?;
    let mut senders = Senders::open(&network, args.accounts as usize, args.suite.suite())?;
    let shape = args.shape();
    let victim = network.count - 1;
    let third = Duration::from_secs(args.seconds / 3);
    let ran = load::run(&mut network, &mut senders, shape, 0, |network| {
        std::thread::sleep(third);
        network.kill(victim)?;
        std::thread::sleep(third.min(Duration::from_secs(10)));
        let missed = network.height();
        network.run(victim)?;
        let start = Instant::now();
        // At the tip: within one block of the others, as they are at that moment.
        let mut ready = None;
        loop {
            let there = network.client(victim)?.status().ok().map(|status| (status.height, status.indexed));
            if there.is_some() && ready.is_none() {
                ready = Some(start.elapsed());
            }
            let tip = network.client(0)?.status().map_err(|error| error.failure(console))?.height;
            if there.is_some_and(|(height, _)| height + 1 >= tip) {
                break;
            }
            if start.elapsed() > Duration::from_secs(120) {
                return Err(Failure::Refused("the node is not back at the tip after 120 s".into()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok((missed, ready.unwrap_or_default().as_secs_f64(), start.elapsed().as_secs_f64()))
    });
    let (outcome, (height, answers, back)) = ran.inspect_err(|_| network.keep_logs(console))?;
    let (_, mut value, mut text) = told("crash of one", &outcome);
    let forks = check_forks(&network, console)?;
    let met = outcome.lost == 0 && back <= 5.0 && forks.1 == 0;
    value["crash"] = json!({
        "restarted_at_height": height, "seconds_until_it_answers": answers, "seconds_back_at_tip": back,
        "blocks_compared": forks.0, "blocks_that_differ": forks.1, "claim_seconds": 5.0, "met": met,
    });
    value["environment"] = environment(args);
    text += &format!(
        "\nkill -9 of one of {}: restarted at height {height}, answers after {answers:.2} s, back at the tip after {back:.2} s (claim: 5 s); acknowledged and lost: {} (claim: 0); {} blocks compared, {} differ: {}",
        network.count,
        outcome.lost,
        forks.0,
        forks.1,
        if met { console.text("met", "达到") } else { console.text("missed", "未达到") },
    );
    Ok((value, text))
}

/// Two down: progress. Three down: none. One returns: progress. A validator is replaced while another is down.
pub fn down(args: &LedgerArgs, console: &Console) -> Result<(Value, String), Failure> {
    // Short epochs, so that a replacement takes effect soon.
    let (_folder, mut network, second) = args.start(20, true)?;
    let second = second.ok_or_else(|| Failure::unusable("the second node has no folder"))?;
    down_in(args, &second, &mut network, console).inspect_err(|_| network.keep_logs(console))
}

fn down_in(
    args: &LedgerArgs,
    second: &Second,
    network: &mut Network,
    console: &Console,
) -> Result<(Value, String), Failure> {
    let count = network.count;
    let tolerated = (count - 1) / 3;
    let mut administrator = Administrator::of(network, 0)?;
    let wait = Duration::from_secs(60);
    let mut value = json!({});
    let mut text = String::new();

    // As many down as may be: transactions go on.
    (0..tolerated).try_for_each(|index| network.kill(count - 1 - index))?;
    let mut slowest: f64 = 0.0;
    for number in 0..10 {
        let (answer, took) = administrator.act(network, 0, note(number), wait)?;
        if answer["outcome"] != "applied" {
            return Err(Failure::Refused(format!("no progress with {tolerated} of {count} down: {answer}")));
        }
        slowest = slowest.max(took.as_secs_f64());
    }
    text +=
        &format!("{tolerated} of {count} down: progress; the slowest of 10 transactions took {slowest:.2} s");
    value["tolerated_down"] = json!({ "down": tolerated, "slowest_seconds": slowest });

    // One more: nothing becomes final.
    network.kill(count - 1 - tolerated)?;
    std::thread::sleep(Duration::from_secs(2));
    let before = network.height();
    let (answer, _) = administrator.act(network, 0, note(100), Duration::ZERO)?;
    let id = answer["id"].as_str().unwrap_or_default().to_owned();
    std::thread::sleep(Duration::from_secs(15));
    let after = network.height();
    let waiting = network.client(0)?.transaction(&id, Duration::from_secs(1));
    let is_final = waiting.is_ok_and(|answer| answer["height"].is_u64());
    if after != before || is_final {
        return Err(Failure::Refused(format!(
            "{} of {count} down, and the chain went from height {before} to {after}",
            tolerated + 1
        )));
    }
    let down = tolerated + 1;
    text += &format!("\n{down} of {count} down: no progress in 15 s (height {after})");

    // One returns.
    network.run(count - 1 - tolerated)?;
    let start = Instant::now();
    let answer = network.client(0)?.transaction(&id, wait).map_err(|error| error.failure(console))?;
    if answer["outcome"] != "applied" {
        return Err(Failure::Refused(format!("no recovery when one returned: {answer}")));
    }
    let recovery = start.elapsed().as_secs_f64();
    text +=
        &format!("\none returns: the waiting transaction is final {recovery:.2} s after its process started");
    value["too_many_down"] = json!({ "down": down, "progress": false, "recovery_seconds": recovery });

    // All but one are there again; another validator is replaced by a vote.
    for index in 1..tolerated {
        network.run(count - 1 - index)?;
    }
    let gone = count - 1;
    let tip = network.height();
    for index in 0..gone {
        network.wait_for(index, wait, |status| status.height >= tip)?;
    }
    let new = count;
    let (replaced, took) = replace(network, second, &mut administrator, console)?;
    text += &format!(
        "\n`{replaced}` replaced by vote while `{}` is down: the new node follows and the old one is out {took:.1} s after the proposal (epochs of 20 blocks)",
        network.members()[gone].organisation
    );
    value["replacement"] = json!({ "organisation": replaced, "seconds": took });

    // The one that was down all the time comes back to a chain with other validators.
    network.run(gone)?;
    let tip = network.height();
    let back = network.wait_for(gone, Duration::from_secs(120), |status| status.height >= tip)?;
    text += &format!("\nthe one that was down is back at the tip after {:.2} s", back.as_secs_f64());
    value["replacement"]["missing_one_back_seconds"] = json!(back.as_secs_f64());
    let (answer, _) = administrator.act(network, new, note(200), wait)?;
    if answer["outcome"] != "applied" {
        return Err(Failure::Refused(format!("the new node does not take transactions: {answer}")));
    }

    let forks = check_forks(network, console)?;
    if forks.1 > 0 {
        return Err(Failure::Refused(format!("a fork: {} of {} blocks differ", forks.1, forks.0)));
    }
    text += &format!("\nno fork: {} blocks compared between all nodes", forks.0);
    value["blocks_compared"] = json!(forks.0);
    let (files, lines) = evidence::measure(network, console)?;
    value["evidence"] = files;
    text += &lines;
    value["environment"] = environment(args);
    Ok((value, text))
}

/// Replaces the second member's validator by its second node, by vote.
fn replace(
    network: &mut Network,
    second: &Second,
    administrator: &mut Administrator,
    console: &Console,
) -> Result<(String, f64), Failure> {
    const OLD: usize = 1;
    let (wait, new) = (Duration::from_secs(60), network.count);
    let name = network.members()[OLD].organisation.clone();
    let organisation = OrganisationId::new(&name).map_err(Failure::unusable)?;
    let address = second.address.parse().map_err(Failure::unusable)?;
    let seat = seat_claim(&second.key, network.genesis.chain_id(), organisation, address)?;
    let start = Instant::now();
    let measure = SeatValidator { organisation, seat }.into();
    let (answer, _) = administrator.act(network, 0, GovernancePropose { measure }, wait)?;
    if answer["outcome"] != "applied" {
        return Err(Failure::Refused(format!("the proposal was not taken: {answer}")));
    }
    let client = network.client(0)?;
    let mut status = String::new();
    for member in 1..network.count {
        let mut voter = Administrator::of(network, member)?;
        voter.act(network, 0, GovernanceVote { proposal: 1, approve: true }, wait)?;
        let proposal = client.get("/api/v1/proposals/1").map_err(|error| error.failure(console))?;
        status = proposal["status"].as_str().unwrap_or_default().to_owned();
        if status != "open" {
            break;
        }
    }
    if status != "enacted" {
        return Err(Failure::Refused(format!("the proposal is {status}, not enacted")));
    }
    network.run(new)?;
    // In office: the status names the new key among the validators.
    let public = second.key.public().to_string();
    let digits = public.trim_start_matches("ed25519:");
    loop {
        let status = client.get("/api/v1/status").map_err(|error| error.failure(console))?;
        if status["validators"].to_string().contains(digits) {
            break;
        }
        if start.elapsed() > Duration::from_secs(120) {
            return Err(Failure::Refused("the new key is not in office after 120 s".into()));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    network.kill(OLD)?;
    let tip = network.height();
    network.wait_for(new, Duration::from_secs(60), |status| status.height > tip)?;
    Ok((name, start.elapsed().as_secs_f64()))
}

/// Compares the digests of all blocks that running nodes have: how many heights, and how many of them differ.
fn check_forks(network: &Network, console: &Console) -> Result<(usize, usize), Failure> {
    let mut digests: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for member in network.members().iter().filter(|member| member.pid().is_some()) {
        let client = crate::client::Client::new(&member.url())?;
        let mut cursor = String::new();
        loop {
            let page = client
                .get(&format!("/api/v1/blocks?limit=100{cursor}"))
                .map_err(|error| error.failure(console))?;
            for block in page["items"].as_array().into_iter().flatten() {
                let (height, digest) = (block["height"].as_u64().unwrap_or(0), block["digest"].to_string());
                let known = digests.entry(height).or_default();
                if !known.contains(&digest) {
                    known.push(digest);
                }
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
    }
    Ok((digests.len(), digests.values().filter(|known| known.len() > 1).count()))
}
