//! An object in the stores of seven members.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::Path;

use chacha20::ChaCha20Rng;
use medveil_vault::envelope::{Envelope, Subject, Suite};
use medveil_vault::manifest::Manifest;
use medveil_vault::shards::{Faults, Scheme, ShardSink, ShardSource, SourceError};
use medveil_vault::store::{MemberStore, StoredShards};
use medveil_vault::upkeep::{Pace, repair};
use medveil_vault::{DataKey, ObjectId, object};
use rand_core::SeedableRng as _;
use serde_json::json;

use super::meter::{Compare, Meter, Text};
use super::{Found, judged};
use crate::console::Console;
use crate::failure::Failure;
use crate::resources;

/// What is asked of sealing and of opening, in megabytes a processor second.
const CLAIM: f64 = 300.0;

/// What is asked of memory, in bytes.
const MEMORY: u64 = 100_000_000;

/// Measures all; stores lie in `folder`.
pub fn measure(folder: &Path, size: u64, console: &Console) -> Result<Found, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        // One piece of work at a time waits for the disk.
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .map_err(Failure::unusable)?;
    let mut found = Found::default();
    // SM4 has no instruction of its own here: a tenth says as much.
    for (suite, name, size) in
        [(Suite::Aes256Gcm, "aes-256-gcm", size), (Suite::Sm4Gcm, "sm4-gcm", size / 10)]
    {
        let bench = Bench::new(&folder.join(name), suite, runtime.handle())?;
        let sealed = bench.alone(size)?;
        found.note(
            &format!("{name}/seal-unwritten"),
            sealed.value(size),
            sealed.line(&format!("{name}, sealed and cut, not written"), size),
        );
        let meter = Meter::start();
        let manifest = bench.seal(size)?;
        let put = meter.stop();
        let meter = Meter::start();
        bench.open(&manifest, &[], &[])?;
        let got = meter.stop();
        let meter = Meter::start();
        bench.open(&manifest, &[0, 3], &[])?;
        let lost = meter.stop();
        let claimed = suite == Suite::Aes256Gcm;
        for (what, text, spent) in [
            ("seal", "sealed and cut into seven stores", put),
            ("open", "fetched and opened", got),
            ("open-two-lost", "fetched and opened, two members lost", lost),
        ] {
            let (mut value, mut line) = (spent.value(size), spent.line(&format!("{name}, {text}"), size));
            if claimed {
                let met = spent.rate(size) >= CLAIM;
                value["claim"] = json!({ "mb_per_cpu_second": CLAIM, "met": met });
                line += &format!(" (claim: {CLAIM:.0}: {})", judged(met, console));
            }
            found.note(&format!("{name}/{what}"), value, line);
        }
        if claimed {
            rebuild(&bench, &manifest, &mut found)?;
        }
        bench.remove(folder, name)?;
    }
    losses(folder, runtime.handle(), size / 20, &mut found)?;
    if let Some(peak) = resources::peak_memory() {
        let met = peak <= MEMORY;
        found.note(
            "peak_memory_bytes",
            json!({ "bytes": peak, "claim": MEMORY, "met": met }),
            format!("peak memory: {:.0} MB (claim: 100 MB: {})", peak as f64 / 1e6, judged(met, console)),
        );
    }
    Ok(found)
}

/// One member has lost everything, another is away: its shard is built anew.
fn rebuild(bench: &Bench, manifest: &Manifest, found: &mut Found) -> Result<(), Failure> {
    let layout = manifest.layout();
    bench.shred(0)?;
    let meter = Meter::start();
    let mut own = bench.members(&[], &[]);
    let others = bench.members(&[0, 3], &[]);
    let report = repair(manifest, 0, 0..layout.segments(), others, &mut own, &mut Pace::unlimited())
        .map_err(Failure::unusable)?;
    let spent = meter.stop();
    if report.repaired != layout.segments() || !report.failed.is_empty() {
        return Err(Failure::Refused(format!("{} segments were not rebuilt", report.failed.len())));
    }
    // What was rebuilt is what was there: all pieces are read with it.
    bench.open(manifest, &[1, 2], &[])?;
    let mut value = spent.value(layout.shard_bytes());
    value["fetched_bytes"] = json!(report.fetched);
    value["object_mb_per_cpu_second"] = json!(spent.rate(manifest.length()));
    let line = format!(
        "{}; of the object's bytes {:.0} MB/cpu-s; {:.0} MB were fetched for it",
        spent.line("one member's shard rebuilt, two lost", layout.shard_bytes()),
        spent.rate(manifest.length()),
        report.fetched as f64 / 1e6,
    );
    found.note("repair", value, line);
    Ok(())
}

/// Every pair of members is lost once; every pair lies once.
fn losses(
    folder: &Path,
    runtime: &tokio::runtime::Handle,
    size: u64,
    found: &mut Found,
) -> Result<(), Failure> {
    let bench = Bench::new(&folder.join("losses"), Suite::Aes256Gcm, runtime)?;
    let manifest = bench.seal(size)?;
    let pairs: Vec<[u8; 2]> =
        (0..7).flat_map(|first| (first + 1..7).map(move |second| [first, second])).collect();
    for pair in &pairs {
        let faults = bench.open(&manifest, pair, &[])?;
        let named: Vec<u8> = faults.iter().map(|fault| fault.shard).collect();
        if !named.iter().all(|shard| pair.contains(shard)) {
            return Err(Failure::Refused(format!("shards {pair:?} were lost, {named:?} named")));
        }
    }
    let line = format!("two members lost: all {} sets restore {:.0} MB", pairs.len(), size as f64 / 1e6);
    found.note("lost_pairs_restored", json!(pairs.len()), line);
    let mut named_all = 0;
    for pair in &pairs {
        let faults = bench.open(&manifest, &[], pair)?;
        let wrong: Vec<u8> =
            faults.iter().filter(|fault| fault.kind.is_wrong()).map(|fault| fault.shard).collect();
        if !wrong.iter().all(|shard| pair.contains(shard)) {
            return Err(Failure::Refused(format!("shards {pair:?} lied, {wrong:?} named")));
        }
        // Whose pieces are not needed is not asked: only those that were read can be named.
        let asked = pair.iter().filter(|shard| **shard < manifest.scheme().needed()).count();
        if wrong.len() < asked {
            return Err(Failure::Refused(format!("shards {pair:?} lied, only {wrong:?} named")));
        }
        named_all += usize::from(wrong.len() == 2);
    }
    let line = format!(
        "two members lying: all {} sets restore, every liar that was asked is named, nobody else (both in {named_all} sets; a member whose pieces are not needed is not asked)",
        pairs.len()
    );
    found.note("lying_pairs_survived", json!({ "sets": pairs.len(), "both_named": named_all }), line);
    bench.remove(folder, "losses")
}

/// Seven stores, and a key.
struct Bench {
    stores: Vec<MemberStore>,
    runtime: tokio::runtime::Handle,
    envelope: Envelope,
    key: DataKey,
}

impl Bench {
    fn new(folder: &Path, suite: Suite, runtime: &tokio::runtime::Handle) -> Result<Self, Failure> {
        let stores = (0..Scheme::default().total()).map(|member| {
            let place = folder.join(member.to_string());
            std::fs::create_dir_all(&place).map_err(Failure::unusable)?;
            MemberStore::folder(&place).map_err(Failure::unusable)
        });
        let stores = stores.collect::<Result<_, _>>()?;
        // Nobody's data: the generator needs no randomness.
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let key = DataKey::generate(&mut rng);
        let subject = Subject { object: ObjectId([1; 32]), version: 1 };
        let envelope = Envelope::new(suite, subject, &key, &mut rng);
        Ok(Bench { stores, runtime: runtime.clone(), envelope, key })
    }

    fn members(&self, lost: &[u8], lying: &[u8]) -> Members {
        let shards = |store: &MemberStore| {
            StoredShards::new(store.clone(), self.envelope.subject, self.runtime.clone())
        };
        Members {
            stores: self.stores.iter().map(shards).collect(),
            lost: lost.iter().copied().collect(),
            lying: lying.iter().copied().collect(),
        }
    }

    /// Seals and cuts, and keeps nothing.
    fn alone(&self, size: u64) -> Result<super::meter::Spent, Failure> {
        let meter = Meter::start();
        object::seal(&mut Text::new(size), &mut Nowhere, &self.envelope, Scheme::default(), &self.key)
            .map_err(Failure::unusable)?;
        Ok(meter.stop())
    }

    fn seal(&self, size: u64) -> Result<Manifest, Failure> {
        let mut members = self.members(&[], &[]);
        object::seal(&mut Text::new(size), &mut members, &self.envelope, Scheme::default(), &self.key)
            .map_err(Failure::unusable)
    }

    /// Opens it and compares it with the text.
    fn open(&self, manifest: &Manifest, lost: &[u8], lying: &[u8]) -> Result<Faults, Failure> {
        let mut out = Compare::new(manifest.length());
        let faults = object::open(manifest, self.members(lost, lying), &self.key, &mut out)
            .map_err(|error| Failure::Refused(error.to_string()))?;
        if out.is_whole() { Ok(faults) } else { Err(Failure::Refused("the object ends early".to_owned())) }
    }

    fn shred(&self, member: usize) -> Result<(), Failure> {
        let shredded = self.runtime.block_on(self.stores[member].shred(&self.envelope.subject));
        shredded.map(drop).map_err(Failure::unusable)
    }

    fn remove(self, folder: &Path, name: &str) -> Result<(), Failure> {
        std::fs::remove_dir_all(folder.join(name)).map_err(Failure::unusable)
    }
}

/// The stores of all members, of whom some are lost and some lie.
struct Members {
    stores: Vec<StoredShards>,
    lost: BTreeSet<u8>,
    lying: BTreeSet<u8>,
}

impl ShardSink for Members {
    fn put(&mut self, shard: u8, segment: u64, bytes: &[u8]) -> io::Result<()> {
        self.stores[usize::from(shard)].put(shard, segment, bytes)
    }
}

impl ShardSource for Members {
    fn read(&mut self, shard: u8, segment: u64, range: Range<usize>) -> Result<Vec<u8>, SourceError> {
        if self.lost.contains(&shard) {
            return Err(SourceError::Absent);
        }
        let mut bytes = self.stores[usize::from(shard)].read(shard, segment, range)?;
        if self.lying.contains(&shard) {
            // One bit in every piece.
            bytes.iter_mut().step_by(4096).for_each(|byte| *byte ^= 1);
        }
        Ok(bytes)
    }
}

/// Keeps nothing.
struct Nowhere;

impl ShardSink for Nowhere {
    fn put(&mut self, _: u8, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}
