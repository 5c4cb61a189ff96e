//! Seven node processes: ceremonies over the ledger, and the release of keys.
//!
//! Times of ceremonies are those of blocks: from the one with the first announcement to the one that ends it. Keys are asked for by an owner through its own node.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use medveil_ledger::action::CustodyRequestKey;
use medveil_ledger::{AccountId, Action, Digest, Slug};
use medveil_node::custody::{self, Fetch, Keep};
use medveil_vault::envelope::Suite;
use serde_json::{Value, json};

use super::cheat::Cheat;
use super::meter::{Compare, Text};
use super::{Found, VaultArgs, judged, quantiles};
use crate::command::bench::run_itself;
use crate::command::ledger_bench::members::{Network, Plan};
use crate::console::Console;
use crate::desk::HttpDesk;
use crate::failure::Failure;
use crate::signer::Signer;

/// Members.
const COUNT: usize = 7;

/// What is asked of a key's release, in seconds.
const CLAIM: f64 = 1.0;

/// How long a ceremony may take. One that waits for a member that is down goes by heights, of which an idle chain has one a second or less.
const PATIENCE: Duration = Duration::from_secs(900);

/// The object that goes to the nodes and back is this much smaller than that in stores.
const SHARE: u64 = 5;

/// Bytes of the object whose key is asked for.
const OBJECT: usize = 4096;

/// Measures all; networks lie in `folder`.
pub fn measure(folder: &Path, args: &VaultArgs, console: &Console) -> Result<Found, Failure> {
    let mut found = Found::default();
    {
        let place = folder.join("all");
        std::fs::create_dir_all(&place).map_err(Failure::unusable)?;
        let (mut network, _) = Network::start(&place, &plan(0))?;
        let ran = with_all(&place, &mut network, args, console, &mut found);
        ran.inspect_err(|_| network.keep_logs(console))?;
    }
    {
        let place = folder.join("cheat");
        std::fs::create_dir_all(&place).map_err(Failure::unusable)?;
        let (mut network, _) = Network::start(&place, &Plan { mute: 1, ..plan(0) })?;
        let ran = with_cheat(&mut network, console, &mut found);
        ran.inspect_err(|_| network.keep_logs(console))?;
    }
    let place = folder.join("six");
    std::fs::create_dir_all(&place).map_err(Failure::unusable)?;
    let (mut network, _) = Network::start(&place, &plan(1))?;
    let ran = with_six(&mut network, console, &mut found);
    ran.inspect_err(|_| network.keep_logs(console))?;
    Ok(found)
}

fn plan(absent: usize) -> Plan {
    Plan { count: COUNT, epoch_length: 1000, threads: 2, second: false, absent, mute: 0 }
}

/// All seven run from the beginning.
fn with_all(
    folder: &Path,
    network: &mut Network,
    args: &VaultArgs,
    console: &Console,
    found: &mut Found,
) -> Result<(), Failure> {
    console.note(console.text("a key is made by seven nodes ...", "七个节点生成密钥……"));
    ceremony(network, 1, COUNT, COUNT, "dkg", "key made by seven nodes", found)?;

    console.note(console.text("keys are asked for ...", "申请密钥……"));
    release(folder, network, args.requests, console, found)?;

    console.note(console.text("an object goes to seven nodes and back ...", "对象存入七个节点并取回……"));
    whole(folder, network, args.size as u64 / SHARE, found)?;

    console.note(console.text("a member has lost its share ...", "一个成员丢失密钥分片……"));
    lose_share(network, COUNT - 1)?;
    ceremony(
        network,
        2,
        COUNT,
        COUNT,
        "reshare",
        "reshare by seven nodes, one of which had lost its share",
        found,
    )?;

    console.note(console.text(
        "the same while another member is down; this takes some minutes ...",
        "另一成员停机时同样处理，需数分钟……",
    ));
    network.kill(COUNT - 1)?;
    lose_share(network, COUNT - 2)?;
    let text = "the same, one member down";
    ceremony(network, 3, COUNT - 1, COUNT - 1, "reshare_one_down", text, found)
}

/// One cheats whenever it deals; its node only reads and votes.
fn with_cheat(network: &mut Network, console: &Console, found: &mut Found) -> Result<(), Failure> {
    console.note(console.text("a member cheats ...", "一个成员作弊……"));
    let mut cheat = Cheat::new(network, COUNT - 1, console)?;
    let guilty = |guilty: bool| match guilty {
        true => Ok(()),
        false => Err(Failure::Refused("a dealer cheated and was not found guilty".to_owned())),
    };
    guilty(cheat.play(1)?)?;
    let text = "key made by seven, of whom one deals a wrong value and is found guilty";
    ceremony(network, 1, COUNT - 1, COUNT, "dkg_cheat", text, found)?;
    lose_share(network, 0)?;
    // The cheat asks the node that was just started.
    network.wait_for(0, Duration::from_secs(60), |_| true)?;
    guilty(cheat.play(2)?)?;
    let text = "reshare by seven, one of which had lost its share, and one cheats and is found guilty";
    ceremony(network, 2, COUNT - 1, COUNT, "reshare_cheat", text, found)
}

/// One never starts.
fn with_six(network: &mut Network, console: &Console, found: &mut Found) -> Result<(), Failure> {
    console.note(console.text(
        "a key is made while a member is down; this takes some minutes ...",
        "一个成员停机时生成密钥，需数分钟……",
    ));
    let text = "key made by seven members of whom one is down";
    ceremony(network, 1, COUNT - 1, COUNT - 1, "dkg_one_down", text, found)
}

/// Ends a node, takes its share away and starts it again.
fn lose_share(network: &mut Network, index: usize) -> Result<(), Failure> {
    network.kill(index)?;
    let secrets = network.members()[index].folder.join("keys/custody");
    for entry in std::fs::read_dir(&secrets).map_err(Failure::unusable)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("share-") {
            std::fs::remove_file(entry.path()).map_err(Failure::unusable)?;
        }
    }
    network.run(index)
}

/// Waits until the first `nodes` have their shares in the committee of a session, and tells how long it took.
fn ceremony(
    network: &mut Network,
    session: u64,
    nodes: usize,
    members: usize,
    name: &str,
    text: &str,
    found: &mut Found,
) -> Result<(), Failure> {
    let start = Instant::now();
    let mut over = Value::Null;
    for index in 0..nodes {
        let client = network.client(index)?;
        loop {
            if let Ok(committee) = client.get("/api/v1/committee") {
                let there = committee["session"].as_u64().unwrap_or(0);
                if there == session && committee["has_share"] == true {
                    over = committee;
                    break;
                }
                if there > session {
                    return Err(Failure::Refused(format!(
                        "{text}: ceremony {there} came instead of {session}"
                    )));
                }
            }
            network.check()?;
            if start.elapsed() > PATIENCE {
                return Err(Failure::Refused(format!("{text}: not over after {} s", PATIENCE.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let seated = over["members"].as_object().map_or(0, serde_json::Map::len);
    if seated != members {
        return Err(Failure::Refused(format!("{text}: {seated} members have a share, not {members}")));
    }
    let height = over["height"].as_u64().unwrap_or(0);
    let (first, posts) = announcement(network, session)?;
    let client = network.client(0)?;
    let time = |height: u64| -> Result<u64, Failure> {
        let block = client.get(&format!("/api/v1/blocks/{height}"));
        let block = block.map_err(|error| Failure::unusable(format!("{error:?}")))?;
        block["time_ms"].as_u64().ok_or_else(|| Failure::unusable("a block has no time"))
    };
    let seconds = time(height)?.saturating_sub(time(first)?) as f64 / 1e3;
    let heights = height - first;
    found.note(
        name,
        json!({ "seconds": seconds, "heights": heights, "posts": posts, "members": seated }),
        format!("{text}: {seconds:.2} s from the first announcement to the last log, {heights} heights, {posts} posts"),
    );
    Ok(())
}

/// The height of a ceremony's first post, and how many there are.
fn announcement(network: &Network, session: u64) -> Result<(u64, usize), Failure> {
    let client = network.client(0)?;
    let (mut first, mut posts, mut cursor) = (None, 0, String::new());
    loop {
        let page = client.get(&format!("/api/v1/events?kind=committee.posted&limit=100{cursor}"));
        let page = page.map_err(|error| Failure::unusable(format!("{error:?}")))?;
        for event in page["items"].as_array().into_iter().flatten() {
            if event["facts"]["session"].as_u64() == Some(session) {
                // The newest come first.
                first = event["height"].as_u64();
                posts += 1;
            }
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    first.map(|first| (first, posts)).ok_or_else(|| Failure::unusable("the ceremony has no posts"))
}

/// An object is kept, and its key asked for again and again.
fn release(
    folder: &Path,
    network: &Network,
    requests: u64,
    console: &Console,
    found: &mut Found,
) -> Result<(), Failure> {
    let key = network.administrator(0)?;
    let chain = network.genesis.chain_id();
    let account = AccountId::derive(chain, &key.public());
    let desk = HttpDesk::new(Signer::of(network.client(0)?, chain, key, account), console)?;
    let fail = |error: custody::CustodyError| Failure::Refused(error.to_string());
    let file = folder.join("object");
    let text = vec![7; OBJECT];
    std::fs::write(&file, &text).map_err(Failure::unusable)?;
    let label = Slug::new("bench").map_err(Failure::unusable)?;
    let state = folder.join("put.state");
    let keep = Keep { label, policy: Digest([0; 32]), suite: Suite::Aes256Gcm, state };
    let kept = custody::keep(&desk, &file, &keep).map_err(fail)?;
    let (object, version) = (kept.object, kept.version);
    let (mut keys, mut all) = (Vec::new(), Vec::new());
    for number in 0..requests {
        // At any moment between two blocks.
        std::thread::sleep(Duration::from_millis(200 + (number * 137) % 900));
        let out = folder.join(format!("out-{number}"));
        let fetch = Fetch { object, version, out: out.clone(), state: folder.join("get.state") };
        let start = Instant::now();
        let ask = |keys| Action::from(CustodyRequestKey { object, version, keys });
        let fetched = custody::fetch(&desk, &fetch, &ask).map_err(fail)?;
        all.push(start.elapsed().as_secs_f64());
        keys.push(fetched.key_after.as_secs_f64());
        if std::fs::read(&out).map_err(Failure::unusable)? != text || !fetched.bad_partials.is_empty() {
            return Err(Failure::Refused("what was fetched is not what was kept".to_owned()));
        }
    }
    let ((p50, p95), (all_p50, all_p95)) = (quantiles(keys), quantiles(all));
    let met = p50 <= CLAIM;
    found.note(
        "key_release",
        json!({
            "requests": requests, "p50_seconds": p50, "p95_seconds": p95,
            "whole_fetch_p50_seconds": all_p50, "whole_fetch_p95_seconds": all_p95,
            "claim": { "p50_seconds": CLAIM, "met": met },
        }),
        format!(
            "release of a key, {requests} requests one at a time: from the request's finality to the key p50 {p50:.2} s, p95 {p95:.2} s (claim: p50 1 s: {}); from asking to the file, request and shards included, p50 {all_p50:.2} s, p95 {all_p95:.2} s",
            judged(met, console)
        ),
    );
    Ok(())
}

/// An object is put into custody and taken out again by the commands, as processes of their own.
fn whole(folder: &Path, network: &Network, size: u64, found: &mut Found) -> Result<(), Failure> {
    let (file, out) = (folder.join("large"), folder.join("large-again"));
    let mut text = File::create(&file).map_err(Failure::unusable)?;
    std::io::copy(&mut Text::new(size), &mut text).map_err(Failure::unusable)?;
    drop(text);
    let member = &network.members()[0];
    let (url, key) = (member.url(), member.folder.join("keys/administrator.key").display().to_string());
    let (file, out) = (file.display().to_string(), out.display().to_string());
    let sign = ["--node", &url, "--account", &key, "--json"];
    for (name, text, command) in [
        (
            "put",
            "`vault put` to seven nodes",
            [&["vault", "put", &file, "--label", "large"][..], &sign].concat(),
        ),
        ("get", "`vault get` from them", [&["vault", "get", "large", "--out", &out][..], &sign].concat()),
    ] {
        let before = network.all_cpu_seconds();
        let said = run_itself(&command, Stdio::inherit())?;
        let nodes = network.all_cpu_seconds() - before;
        let number = |name: &str| said["resources"][name].as_f64().unwrap_or(0.0);
        let (wall, cpu, peak) = (number("wall_seconds"), number("cpu_seconds"), number("peak_memory_bytes"));
        let megabytes = size as f64 / 1e6;
        found.note(
            name,
            json!({
                "bytes": size, "wall_seconds": wall, "cpu_seconds": cpu, "nodes_cpu_seconds": nodes,
                "mb_per_cpu_second": megabytes / cpu.max(0.005), "peak_memory_bytes": peak,
            }),
            format!(
                "{text}: {megabytes:.0} MB in {wall:.2} s; the command took {cpu:.2} cpu s ({:.0} MB/cpu-s) and {:.0} MB, the nodes {nodes:.2} cpu s",
                megabytes / cpu.max(0.005),
                peak / 1e6,
            ),
        );
    }
    let mut compare = Compare::new(size);
    let mut again = File::open(&out).map_err(Failure::unusable)?;
    std::io::copy(&mut again, &mut compare).map_err(Failure::unusable)?;
    if compare.is_whole() { Ok(()) } else { Err(Failure::Refused("what came back is shorter".to_owned())) }
}
