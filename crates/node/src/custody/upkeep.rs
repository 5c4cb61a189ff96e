//! Keeping whole what this member holds: in the background, at a pace.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use medveil_ledger::{CustodyId, ObjectKind};
use medveil_vault::{
    envelope::Subject,
    store::{StoreError, StoredShards},
    upkeep::{Pace, repair, scrub},
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    Custody,
    keeping::{Checked, KeepingError, blocking},
    lock,
    peers::HeldShards,
    subject,
};
use crate::{
    clock,
    index::{IndexError, ObjectFilter, ObjectRow, Page, Times},
};

/// How long after the start everything is looked through.
const SETTLE: Duration = Duration::from_secs(20);

/// How long after a repair that could not be done it is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// Objects that are listed at once.
const PAGE: u32 = 256;

/// Checks what is held until the services end: new objects soon, all of them regularly and when the committee changes.
pub(super) async fn run(custody: Custody, mut queue: mpsc::UnboundedReceiver<Subject>) {
    if !custody.caught_up().await {
        return;
    }
    let mut standing = custody.0.standing.subscribe();
    standing.mark_unchanged();
    let every = Duration::from_secs(custody.0.settings.check_hours.get() * 3600);
    let mut next = Instant::now() + SETTLE;
    let mut deep = false;
    let mut again: BTreeMap<Instant, Subject> = BTreeMap::new();
    loop {
        let retry = again.keys().next().copied().unwrap_or(next + every);
        tokio::select! {
            () = custody.agent().closed() => return,
            subject = queue.recv() => match subject {
                Some(subject) => look(&custody, &subject, false, &mut again).await,
                None => return,
            },
            () = tokio::time::sleep_until(retry) => {
                if let Some((_, subject)) = again.pop_first() {
                    look(&custody, &subject, false, &mut again).await;
                }
            }
            changed = standing.changed() => {
                if changed.is_err() {
                    return;
                }
                // What moves to this member is missing here.
                next = Instant::now() + Duration::from_secs(1);
                deep = false;
            }
            () = tokio::time::sleep_until(next) => {
                if let Err(error) = all(&custody, deep, &mut again).await {
                    tracing::warn!(%error, "objects in custody cannot be looked through");
                }
                if let Err(error) = custody.sweep().await {
                    tracing::warn!(%error, "what waits for the ledger cannot be looked through");
                }
                next = Instant::now() + every;
                deep = true;
            }
        }
    }
}

/// Looks through all objects of the ledger.
async fn all(
    custody: &Custody,
    deep: bool,
    again: &mut BTreeMap<Instant, Subject>,
) -> Result<(), IndexError> {
    let mut before = None;
    loop {
        let filter = ObjectFilter { kind: ObjectKind::Custody, organisation: None, times: Times::default() };
        let page = Page { before, limit: PAGE };
        let rows: Vec<ObjectRow> =
            custody.agent().node().ask_index(move |index| index.objects(filter, page)).await?;
        for row in &rows {
            if custody.agent().is_closing() {
                return Ok(());
            }
            let object = CustodyId(row.object.id);
            let latest = custody.known(&subject(object, 1)).await.map_or(0, |known| known.latest);
            for version in 1..=latest {
                look(custody, &subject(object, version), deep, again).await;
            }
        }
        match rows.last() {
            Some(last) if rows.len() >= PAGE as usize => before = Some(last.number),
            _ => return Ok(()),
        }
    }
}

async fn look(custody: &Custody, subject: &Subject, deep: bool, again: &mut BTreeMap<Instant, Subject>) {
    let object = subject.object;
    match custody.check(subject, deep).await {
        Ok(checked) if checked.missing.is_empty() => {}
        Ok(checked) => {
            let missing = checked.missing.len();
            tracing::warn!(%object, version = subject.version, missing, "segments cannot be rebuilt yet");
            again.insert(Instant::now() + AGAIN, *subject);
        }
        // Shredded by who carries out destructions.
        Err(KeepingError::Destroyed) => {}
        Err(error) => {
            tracing::warn!(%object, version = subject.version, %error, "an object cannot be checked yet");
            again.insert(Instant::now() + AGAIN, *subject);
        }
    }
}

impl Custody {
    /// Looks whether this member's shard of an object is there, reads all of it again if `deep`, and rebuilds what is lost or wrong.
    pub(super) async fn check(&self, subject: &Subject, deep: bool) -> Result<Checked, KeepingError> {
        let known = self.known(subject).await?;
        if known.destroyed {
            return Err(KeepingError::Destroyed);
        }
        if known.registered.is_none() {
            return Err(KeepingError::Absent { what: "such object" });
        }
        let manifest = self.shelf().any_manifest(subject).await?;
        let (total, segments) = (manifest.scheme().total(), manifest.layout().segments());
        let Some(shard) = self.own_shard(subject, total, &known) else {
            return Ok(Checked { time_ms: clock::now_ms(), ..Checked::default() });
        };
        // What is remembered of it may be lost where it was kept.
        if self.0.store.manifest(subject, &manifest.digest()).await.is_err() {
            self.0.store.put_manifest(&manifest).await?;
        }
        let holders = self.holders(subject, total, known.height());
        let held = match self.0.store.segments(subject, shard).await {
            Err(StoreError::Absent { .. }) => BTreeSet::new(),
            held => held?,
        };
        let (custody, subject, runtime) = (self.clone(), *subject, tokio::runtime::Handle::current());
        let checked = blocking(move || {
            let mut pace = Pace::new(custody.0.settings.pace_mib.get() << 20);
            let mut own = StoredShards::new(custody.0.store.clone(), subject, runtime.clone());
            let mut checked = Checked { shard: Some(shard), segments, ..Checked::default() };
            let bad: Vec<u64> = if deep {
                scrub(&manifest, shard, own.clone(), &mut pace).faults.into_keys().collect()
            } else {
                (0..segments).filter(|segment| !held.contains(segment)).collect()
            };
            checked.missing.extend(&bad);
            if !bad.is_empty() {
                let others = HeldShards {
                    custody: &custody,
                    runtime,
                    subject,
                    holders: holders.clone(),
                    except: Some(shard),
                };
                let report = repair(&manifest, shard, bad, others, &mut own, &mut pace)?;
                (checked.repaired, checked.fetched) = (report.repaired, report.fetched);
                checked.missing.retain(|segment| report.failed.contains_key(segment));
                for fault in report.faults.iter().filter(|fault| fault.kind.is_wrong()) {
                    if let Some(holder) = holders.get(&fault.shard).copied().flatten() {
                        checked.wrong.insert(holder, fault.to_string());
                    }
                }
            }
            checked.good = segments - checked.missing.len() as u64;
            checked.time_ms = clock::now_ms();
            Ok::<_, std::io::Error>(checked)
        });
        let checked = checked.await?.map_err(|error| crate::Refusal::file("custody".as_ref(), error))?;
        if checked.repaired > 0 {
            let (repaired, fetched) = (checked.repaired, checked.fetched);
            tracing::info!(object = %subject.object, version = subject.version, shard, repaired, fetched, "rebuilt");
        }
        for (member, fault) in &checked.wrong {
            tracing::warn!(object = %subject.object, version = subject.version, %member, fault, "a member gives wrong pieces");
        }
        lock(&self.0.checked).insert((subject.object, subject.version), checked.clone());
        Ok(checked)
    }
}
