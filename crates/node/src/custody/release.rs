//! What this member does when the ledger has decided: admit, release, destroy.
//!
//! Events are taken in the order of the chain, so that an object is known before its key is asked for and dropped before what comes after its destruction. What waits for finality
//! goes on in tasks of its own; the place on disk is behind the first event that is not done with.

use std::{collections::BTreeSet, time::Duration};

use medveil_ledger::{
    CustodyId, Digest as LedgerDigest, ObjectKind, ObjectRef, ReleaseId,
    action::{CustodyPostPartial, DestructionAttest},
    bounded::OpaqueBytes,
    id::NameError,
    state::{
        custody::{Custody as Registered, KeyRequest, Partial, partial_id},
        destruction::Destruction,
        release::Release,
    },
};
use medveil_vault::{
    Canonical as _, Digest,
    committee::{SealKey, SealedPartial},
    store::StoreError,
};
use tokio::task::JoinSet;

use super::{Custody, identity, keeping::KeepingError, rng, subject};
use crate::{
    Refusal,
    agent::{ActError, Events, EventsError},
    clock,
    index::{EventRow, Place},
    read::ReadError,
};

/// What is reacted to.
const KINDS: &[&str] =
    &["custody.registered", "custody.key-requested", "access.granted", "destruction.ordered"];

/// How long it is waited after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// Events that are dealt with at once.
const AT_ONCE: usize = 64;

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Events(#[from] EventsError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Act(#[from] ActError),
    #[error(transparent)]
    System(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keeping(#[from] KeepingError),
    #[error("an event names what is no id: {0}")]
    Name(#[from] NameError),
}

/// Obeys final decisions until the services end.
pub(super) async fn run(custody: Custody) {
    if !custody.caught_up().await {
        return;
    }
    loop {
        let ended = match custody.agent().events("custody", KINDS) {
            Ok(events) => obey(&custody, events).await,
            Err(error) => Err(error.into()),
        };
        match ended {
            Ok(()) | Err(Fault::Act(ActError::Stopped)) => return,
            Err(fault) => tracing::error!(%fault, "decisions about custody are taken up again"),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = custody.agent().closed() => return,
        }
    }
}

async fn obey(custody: &Custody, mut events: Events) -> Result<(), Fault> {
    let mut working: JoinSet<(Place, Result<(), Fault>)> = JoinSet::new();
    let mut open: BTreeSet<Place> = BTreeSet::new();
    let mut upto = events.place();
    loop {
        let batch = tokio::select! {
            batch = events.next(), if working.len() < AT_ONCE => batch?,
            Some(done) = working.join_next() => {
                // A panic in a task is one here.
                let (place, result) = done.map_err(|error| Refusal::file("custody".as_ref(), error))?;
                result?;
                open.remove(&place);
                let done = match open.first() {
                    // The place before the first that is under way.
                    Some(first) => match first.index.checked_sub(1) {
                        Some(index) => Place { height: first.height, index },
                        None => Place { height: first.height - 1, index: u16::MAX },
                    },
                    None => upto,
                };
                events.save(done)?;
                continue;
            }
        };
        let Some(batch) = batch else { return Ok(()) };
        for row in batch.events {
            let (custody, place) = (custody.clone(), row.place);
            match row.event.kind.as_ref() {
                "custody.registered" => admit(&custody, &row).await?,
                "destruction.ordered" => {
                    // Before whatever comes after it; shredding may take its time.
                    if let Some((object, order)) = objects(&custody, &row.event.object).await? {
                        drop_willingness(&custody, object).await?;
                        open.insert(place);
                        working.spawn(async move { (place, destroy(&custody, object, order).await) });
                    }
                }
                _ => {
                    if let Some(request) = row.event.transaction {
                        open.insert(place);
                        working.spawn(async move { (place, release(&custody, request).await) });
                    }
                }
            }
        }
        upto = batch.upto;
        events.advance(upto);
        if open.is_empty() {
            events.save(upto)?;
        }
    }
}

/// An object is in custody: its key may be asked for.
async fn admit(custody: &Custody, row: &EventRow) -> Result<(), Fault> {
    let node = custody.agent().node();
    let object = CustodyId(row.event.object.id);
    let Some(medveil_ledger::FactValue::Number(version)) = row.event.fact("version") else { return Ok(()) };
    let Some(registered) = node.version::<Registered>(&object, *version).await? else { return Ok(()) };
    if node.latest::<Destruction>(&ObjectRef::custody(object)).await?.is_some() {
        return Ok(());
    }
    custody.willing().admit(identity(custody.chain(), object, &registered))?;
    let subject = subject(object, *version);
    custody.registered(&subject, &Digest(registered.value.manifest.0)).await?;
    // The services end when nobody checks any more.
    let _ = custody.0.checks.send(subject);
    Ok(())
}

/// Posts this member's partial for a request, if there is one for it, in time, and not posted.
async fn release(custody: &Custody, request: LedgerDigest) -> Result<(), Fault> {
    let (agent, node) = (custody.agent(), custody.agent().node());
    let Some(asked) = node.latest::<KeyRequest>(&request).await?.map(|asked| asked.value) else {
        // An access to what is not in custody.
        return Ok(());
    };
    let me = agent.organisation();
    let Some(key) = asked.keys.get(&me) else { return Ok(()) };
    let posted = node.latest::<Partial>(&partial_id(request, me)).await?;
    if posted.is_some() || clock::now_ms() >= asked.until_ms {
        return Ok(());
    }
    let Some(registered) = node.version::<Registered>(&asked.object, asked.version).await? else {
        return Ok(());
    };
    let identity = identity(custody.chain(), asked.object, &registered);
    let share = custody.0.standing.borrow().share.clone();
    let Some(share) = share else {
        tracing::warn!(%request, "a partial key is asked for, but this member has no share");
        return Ok(());
    };
    let partial = match share.release(&identity, custody.willing().list()) {
        Ok(partial) => partial,
        Err(error) => {
            tracing::warn!(%request, %error, "no partial key is given");
            return Ok(());
        }
    };
    let sealed = SealedPartial::seal(&partial, &SealKey(key.0), &identity, &Digest(request.0), &mut rng()?);
    let Ok(sealed) = sealed else {
        tracing::warn!(%request, "nothing can be sealed to the one-time key of this request");
        return Ok(());
    };
    let Ok(sealed) = OpaqueBytes::new(sealed.encode()) else { return Ok(()) };
    match agent.act(CustodyPostPartial { request, sealed }).await {
        Ok(done) => tracing::info!(%request, height = done.place.height, "a partial key was given"),
        // Over, destroyed meanwhile, or posted by this node before it stopped.
        Err(ActError::Refused { name, .. }) => {
            tracing::info!(%request, reason = name, "no partial key was given")
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// The object that an order is about, and what the order names.
async fn objects(custody: &Custody, order: &ObjectRef) -> Result<Option<(CustodyId, ObjectRef)>, Fault> {
    match order.kind {
        ObjectKind::Custody => Ok(Some((CustodyId(order.id), *order))),
        ObjectKind::Release => {
            let release = custody.agent().node().latest::<Release>(&ReleaseId(order.id)).await?;
            Ok(release.and_then(|release| Some((release.value.figures.custody?, *order))))
        }
        _ => Ok(None),
    }
}

/// All versions of an object.
async fn versions(custody: &Custody, object: CustodyId) -> Result<u64, Fault> {
    let latest = custody.agent().node().latest::<Registered>(&object).await?;
    Ok(latest.map_or(0, |latest| latest.version))
}

async fn drop_willingness(custody: &Custody, object: CustodyId) -> Result<(), Fault> {
    for version in 1..=versions(custody, object).await? {
        let registered = custody.agent().node().version::<Registered>(&object, version).await?;
        if let Some(registered) = registered {
            custody.willing().destroy(identity(custody.chain(), object, &registered))?;
        }
    }
    Ok(())
}

/// Shreds what lies here of an object, for who attests it; the numbers of segments and bytes.
pub(super) async fn shred(custody: &Custody, object: CustodyId) -> Result<(u64, u64), String> {
    shred_all(custody, object).await.map_err(|fault| fault.to_string())
}

async fn shred_all(custody: &Custody, object: CustodyId) -> Result<(u64, u64), Fault> {
    let (mut segments, mut bytes) = (0, 0);
    for version in 1..=versions(custody, object).await? {
        let shredded = custody.shred(&subject(object, version)).await?;
        segments += shredded.segments;
        bytes += shredded.bytes;
    }
    // A version that was about to be registered has nowhere to go.
    custody.shred(&subject(object, versions(custody, object).await? + 1)).await?;
    Ok((segments, bytes))
}

/// Shreds what lies here and says so on the ledger.
async fn destroy(custody: &Custody, object: CustodyId, order: ObjectRef) -> Result<(), Fault> {
    let (segments, bytes) = loop {
        match shred_all(custody, object).await {
            // Others' keys and destructions do not wait for the store.
            Err(Fault::Store(error) | Fault::Keeping(KeepingError::Store(error))) => {
                tracing::warn!(%object, %error, "cannot be shredded yet");
                tokio::time::sleep(PAUSE).await;
            }
            shredded => break shredded?,
        }
    };
    if custody.0.attests_own && order.kind == ObjectKind::Release {
        let release = custody.agent().node().latest::<Release>(&ReleaseId(order.id)).await?;
        if release.is_some_and(|release| release.value.organisation == custody.organisation()) {
            return Ok(());
        }
    }
    match custody.agent().act(DestructionAttest { object: order }).await {
        Ok(done) => {
            tracing::info!(%object, segments, bytes, height = done.place.height, "destroyed, and attested");
        }
        Err(ActError::Refused { name, .. }) if name == "destruction.attested" => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
