//! Keeping and fetching over a desk in memory: interruptions, liars, bad input.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::PathBuf,
    sync::Mutex,
    sync::atomic::{AtomicUsize, Ordering},
};

use medveil_ledger::{
    Action, ChainId, CustodyId, Digest, OrganisationId, Slug, Versioned,
    action::{CustodyReportPartial, CustodyRequestKey},
    state::custody::{Custody as Registered, OneTimeKeys as LedgerKeys},
};
use medveil_vault::{
    Canonical as _, Digest as VaultDigest, Member,
    committee::{
        KeyShare, MemberKey, OneTimeKeys, SealKey, SealedPartial, Willingness,
        ceremony::{Ceremony, Seat},
    },
    envelope::{Subject, Suite},
    shards::SourceError,
};

use super::*;

const CHAIN: ChainId = ChainId([7; 32]);

/// A committee of four, a ledger and shelves, in memory; with faults to order.
struct Desks {
    roster: Roster,
    shares: Vec<KeyShare>,
    registered: Mutex<Option<Versioned<Registered>>>,
    requests: Mutex<BTreeMap<Digest, (Digest, LedgerKeys)>>,
    reports: Mutex<Vec<CustodyReportPartial>>,
    files: Mutex<BTreeMap<(u8, u64), Vec<u8>>>,
    manifest: Mutex<Option<Vec<u8>>>,
    /// Segments that are still taken before the connection breaks.
    room: AtomicUsize,
    placed: AtomicUsize,
    /// Members whose partial is one for another request.
    bad: BTreeSet<usize>,
    /// Members that post nothing.
    silent: BTreeSet<usize>,
    /// Reads that still succeed.
    reads: AtomicUsize,
    /// A shard whose holder never answers, and how often it was asked.
    hangs: Option<u8>,
    hung: AtomicUsize,
}

fn hold(count: u8) -> (Roster, Vec<KeyShare>) {
    let seats: Vec<Seat> = (1..=count)
        .map(|at| Seat::new(MemberKey::from_seed(&[at; 32]), OneTimeKeys::from_seed(&[100 + at; 32])))
        .collect();
    let candidates = seats.iter().map(Seat::member).collect();
    let mut ceremony = Ceremony::open(VaultDigest(CHAIN.0), 1, candidates, count.into(), None).unwrap();
    for seat in &seats {
        ceremony.join(seat.member(), seat.join(&ceremony, true)).unwrap();
    }
    ceremony.advance().unwrap();
    for seat in &seats {
        ceremony.deal(seat.member(), seat.deal(&ceremony, None).unwrap()).unwrap();
    }
    ceremony.advance().unwrap();
    for seat in &seats {
        ceremony.answer(seat.member(), seat.answers(&ceremony).unwrap()).unwrap();
    }
    ceremony.advance().unwrap();
    for seat in &seats {
        ceremony.close(seat.member(), seat.close(&ceremony, None).unwrap()).unwrap();
    }
    let committee = ceremony.finish().unwrap();
    let shares = seats.iter().map(|seat| seat.share(&ceremony).unwrap()).collect();
    let members: BTreeMap<OrganisationId, Member> =
        (1..=count).zip(&seats).map(|(at, seat)| (organisation(at), seat.member())).collect();
    let seats = members.keys().copied().collect();
    (Roster { session: 1, height: 1, committee, members, seats }, shares)
}

fn organisation(at: u8) -> OrganisationId {
    OrganisationId::new(&format!("hospital-{at}")).unwrap()
}

impl Desks {
    fn new() -> Self {
        let (roster, shares) = hold(4);
        Self {
            roster,
            shares,
            registered: Mutex::default(),
            requests: Mutex::default(),
            reports: Mutex::default(),
            files: Mutex::default(),
            manifest: Mutex::default(),
            room: AtomicUsize::new(usize::MAX),
            placed: AtomicUsize::new(0),
            bad: BTreeSet::new(),
            silent: BTreeSet::new(),
            reads: AtomicUsize::new(usize::MAX),
            hangs: None,
            hung: AtomicUsize::new(0),
        }
    }
}

fn take(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Desk for Desks {
    fn chain(&self) -> ChainId {
        CHAIN
    }

    fn organisation(&self) -> OrganisationId {
        organisation(1)
    }

    fn roster(&self) -> Result<Option<Roster>, DeskError> {
        Ok(Some(self.roster.clone()))
    }

    fn registered(
        &self,
        _: CustodyId,
        version: Option<u64>,
    ) -> Result<Option<Versioned<Registered>>, DeskError> {
        let found = lock(&self.registered).clone();
        Ok(found.filter(|found| version.is_none_or(|version| version == found.version)))
    }

    fn act(&self, action: Action) -> Result<Digest, DeskError> {
        let id = Digest(*random::<32>().unwrap());
        match action {
            Action::CustodyRegister(action) => {
                let value = Registered {
                    organisation: organisation(1),
                    label: action.label,
                    manifest: action.manifest,
                    wrapped_key: action.wrapped_key,
                    policy: action.policy,
                };
                *lock(&self.registered) = Some(Versioned { version: action.version, height: 5, value });
            }
            Action::CustodyRequestKey(action) => {
                lock(&self.requests).insert(id, (Digest(action.object.0), action.keys));
            }
            Action::CustodyReportPartial(action) => lock(&self.reports).push(action),
            other => panic!("{other:?}"),
        }
        Ok(id)
    }

    fn partials(
        &self,
        request: Digest,
        _: &[OrganisationId],
    ) -> Result<BTreeMap<OrganisationId, Vec<u8>>, DeskError> {
        let registered = lock(&self.registered).clone().unwrap();
        let (object, keys) = lock(&self.requests)[&request].clone();
        let identity = identity(CHAIN, CustodyId(object.0), &registered);
        let mut willing = Willingness::default();
        willing.admit(identity).unwrap();
        let mut posted = BTreeMap::new();
        for (at, share) in self.shares.iter().enumerate().filter(|(at, _)| !self.silent.contains(at)) {
            let organisation = organisation(at as u8 + 1);
            let mut partial = share.release(&identity, &willing).unwrap();
            if self.bad.contains(&at) {
                // A point of the group, but another member's.
                partial.signature = self.shares[(at + 1) % 4].release(&identity, &willing).unwrap().signature;
            }
            let key = SealKey(keys[&organisation].0);
            let request = VaultDigest(request.0);
            let sealed =
                SealedPartial::seal(&partial, &key, &identity, &request, &mut rng().unwrap()).unwrap();
            posted.insert(organisation, sealed.encode());
        }
        Ok(posted)
    }

    fn offer(&self, _: &Subject, _: Slug, manifest: &[u8]) -> Result<Vec<Offered>, DeskError> {
        let mut known = lock(&self.manifest);
        if known.as_deref().is_some_and(|known| known != manifest) {
            lock(&self.files).clear();
        }
        *known = Some(manifest.to_vec());
        let files = lock(&self.files);
        let offered = (0..4u8).map(|shard| Offered {
            shard,
            holder: Some(organisation(shard + 1)),
            segments: files.keys().filter(|(of, _)| *of == shard).map(|(_, segment)| *segment).collect(),
            problem: None,
        });
        Ok(offered.collect())
    }

    fn place(&self, _: &Subject, shard: u8, segment: u64, bytes: Vec<u8>) -> Result<(), DeskError> {
        if !take(&self.room) {
            return Err(DeskError::Unreachable("the connection broke".into()));
        }
        self.placed.fetch_add(1, Ordering::SeqCst);
        lock(&self.files).insert((shard, segment), bytes);
        Ok(())
    }

    fn manifest(&self, _: &Subject) -> Result<Vec<u8>, DeskError> {
        lock(&self.manifest).clone().ok_or(DeskError::Unreachable("none".into()))
    }

    fn read(
        &self,
        _: &Subject,
        shard: u8,
        segment: u64,
        range: Range<usize>,
    ) -> Result<Vec<u8>, SourceError> {
        if self.hangs == Some(shard) {
            self.hung.fetch_add(1, Ordering::SeqCst);
            return Err(SourceError::Slow { waited: std::time::Duration::from_secs(30) });
        }
        if !take(&self.reads) {
            return Err(SourceError::Failed { what: "the connection broke".into() });
        }
        let files = lock(&self.files);
        let file = files.get(&(shard, segment)).ok_or(SourceError::Absent)?;
        Ok(file[range.start.min(file.len())..range.end.min(file.len())].to_vec())
    }

    fn holders(&self, _: &Subject, total: u8) -> Result<BTreeMap<u8, Option<OrganisationId>>, DeskError> {
        Ok((0..total).map(|shard| (shard, Some(organisation(shard + 1)))).collect())
    }
}

struct Scene {
    folder: tempfile::TempDir,
    text: Vec<u8>,
}

impl Scene {
    /// Three segments and a part.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text: Vec<u8> = (0..6_600_000u64).flat_map(|at| (at * 2_654_435_761).to_le_bytes()).collect();
        std::fs::write(folder.path().join("file"), &text).unwrap();
        Self { folder, text }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn keep(&self, desk: &Desks) -> Result<Kept, CustodyError> {
        let (label, state) = (Slug::new("trial").unwrap(), self.path("put.state"));
        let keep = Keep { label, policy: Digest([3; 32]), suite: Suite::Aes256Gcm, state };
        super::keep(desk, &self.path("file"), &keep)
    }

    fn fetch(&self, desk: &Desks, kept: &Kept) -> Result<Fetched, CustodyError> {
        let (object, version) = (kept.object, kept.version);
        let fetch = Fetch { object, version, out: self.path("out"), state: self.path("get.state") };
        super::fetch(desk, &fetch, &|keys| CustodyRequestKey { object, version, keys }.into())
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn what_is_kept_is_fetched_and_nothing_is_left_beside() {
    let (scene, desk) = (Scene::new(), Desks::new());
    let kept = scene.keep(&desk).unwrap();
    assert_eq!((kept.version, kept.holders.len(), kept.missing.len()), (1, 4, 0));
    let fetched = scene.fetch(&desk, &kept).unwrap();
    assert_eq!(fetched.length, scene.text.len() as u64);
    assert!((fetched.faults.is_empty(), fetched.bad_partials.is_empty()) == (true, true));
    assert!(std::fs::read(scene.path("out")).unwrap() == scene.text);
    assert_eq!(scene.names(), ["file", "out"]);
    // What is there is not overwritten.
    assert!(matches!(scene.fetch(&desk, &kept), Err(CustodyError::Exists(_))));
    // No shelf has the text.
    let start = &scene.text[..64];
    assert!(!lock(&desk.files).values().any(|file| file.windows(64).any(|window| window == start)));
}

#[test]
fn a_put_that_breaks_off_goes_on_with_what_is_missing() {
    let (scene, mut desk) = (Scene::new(), Desks::new());
    desk.room = AtomicUsize::new(5);
    let error = scene.keep(&desk).unwrap_err();
    assert!(matches!(error, CustodyError::TooFewHolders { needed: 3, total: 4, .. }), "{error}");
    assert!(lock(&desk.registered).is_none() && scene.path("put.state").exists());
    let before = desk.placed.load(Ordering::SeqCst);
    assert_eq!(before, 5);
    desk.room = AtomicUsize::new(usize::MAX);
    let kept = scene.keep(&desk).unwrap();
    // 4 shards of 4 segments; those that were there were not given again.
    assert_eq!(desk.placed.load(Ordering::SeqCst), 16);
    assert!(!scene.path("put.state").exists());
    scene.fetch(&desk, &kept).unwrap();
    assert!(std::fs::read(scene.path("out")).unwrap() == scene.text);
}

#[test]
fn an_object_that_was_registered_before_the_end_is_not_registered_again() {
    let (scene, desk) = (Scene::new(), Desks::new());
    desk.room.store(5, Ordering::SeqCst);
    scene.keep(&desk).unwrap_err();
    let state = std::fs::read(scene.path("put.state")).unwrap();
    desk.room.store(usize::MAX, Ordering::SeqCst);
    let kept = scene.keep(&desk).unwrap();
    // As if the process had ended after the ledger took it.
    std::fs::write(scene.path("put.state"), state).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(scene.path("put.state"), private).unwrap();
    }
    let again = scene.keep(&desk).unwrap();
    assert_eq!((again.version, again.manifest, again.transaction), (kept.version, kept.manifest, None));
    assert_eq!(scene.names(), ["file"]);
}

#[test]
fn a_file_that_changes_between_attempts_becomes_another_manifest_and_never_a_mixture() {
    let (scene, desk) = (Scene::new(), Desks::new());
    desk.room.store(5, Ordering::SeqCst);
    scene.keep(&desk).unwrap_err();
    let first = lock(&desk.manifest).clone();
    let mut changed = scene.text.clone();
    changed[1 << 24] ^= 1;
    std::fs::write(scene.path("file"), &changed).unwrap();
    desk.room.store(usize::MAX, Ordering::SeqCst);
    let kept = scene.keep(&desk).unwrap();
    assert_ne!(lock(&desk.manifest).clone(), first);
    scene.fetch(&desk, &kept).unwrap();
    assert!(std::fs::read(scene.path("out")).unwrap() == changed);
}

#[test]
fn a_get_that_breaks_off_goes_on_with_its_request_and_shows_nothing_half_written() {
    let (scene, mut desk) = (Scene::new(), Desks::new());
    let kept = scene.keep(&desk).unwrap();
    desk.reads = AtomicUsize::new(6);
    let error = scene.fetch(&desk, &kept).unwrap_err();
    assert!(matches!(error, CustodyError::Object(_)), "{error}");
    assert!(!scene.path("out").exists());
    desk.reads = AtomicUsize::new(usize::MAX);
    let fetched = scene.fetch(&desk, &kept).unwrap();
    assert!(std::fs::read(scene.path("out")).unwrap() == scene.text);
    let requests = lock(&desk.requests);
    assert_eq!(requests.keys().copied().collect::<Vec<_>>(), [fetched.request]);
    assert_eq!(scene.names(), ["file", "out"]);
}

#[test]
fn a_bad_partial_is_survived_and_its_member_reported_with_the_key_that_shows_it() {
    let (scene, mut desk) = (Scene::new(), Desks::new());
    let kept = scene.keep(&desk).unwrap();
    desk.bad = BTreeSet::from([0]);
    let fetched = scene.fetch(&desk, &kept).unwrap();
    assert_eq!(fetched.bad_partials, [(organisation(1), true)]);
    let reports = lock(&desk.reports);
    let [report] = &reports[..] else { panic!("{reports:?}") };
    let keys = &lock(&desk.requests)[&report.request].1;
    let public = medveil_vault::committee::OneTimeSecret::from_bytes(&report.secret.0).key();
    assert_eq!((report.organisation, keys[&organisation(1)].0), (organisation(1), public.0));
}

#[test]
fn with_too_few_good_partials_the_request_stays_and_nothing_is_written() {
    let (scene, mut desk) = (Scene::new(), Desks::new());
    let kept = scene.keep(&desk).unwrap();
    desk.bad = BTreeSet::from([0, 3]);
    let error = scene.fetch(&desk, &kept).unwrap_err();
    assert!(
        matches!(&error, CustodyError::TooFewPartials { good: 2, needed: 3, bad, .. } if bad.len() == 2),
        "{error}"
    );
    assert_eq!(scene.names(), ["file", "get.state"]);
    desk.bad.clear();
    scene.fetch(&desk, &kept).unwrap();
    assert_eq!(lock(&desk.requests).len(), 1);
}

#[test]
fn a_liar_and_a_lost_shard_are_told_apart() {
    let (scene, desk) = (Scene::new(), Desks::new());
    let kept = scene.keep(&desk).unwrap();
    lock(&desk.files).get_mut(&(0, 1)).unwrap()[77] ^= 1;
    let fetched = scene.fetch(&desk, &kept).unwrap();
    let faults: Vec<_> = fetched.faults.iter().map(|(who, _, wrong)| (*who, *wrong)).collect();
    assert_eq!(faults, [(organisation(1), true)]);
    std::fs::remove_file(scene.path("out")).unwrap();
    lock(&desk.files).retain(|(shard, _), _| *shard != 0);
    let fetched = scene.fetch(&desk, &kept).unwrap();
    let faults: Vec<_> = fetched.faults.iter().map(|(who, _, wrong)| (*who, *wrong)).collect();
    assert_eq!(faults, [(organisation(1), false)]);
    // With two of four gone it is refused, and nothing is shown.
    std::fs::remove_file(scene.path("out")).unwrap();
    lock(&desk.files).retain(|(shard, _), _| *shard > 1);
    assert!(matches!(scene.fetch(&desk, &kept), Err(CustodyError::Object(_))));
    assert!(!scene.path("out").exists());
}

#[test]
fn a_member_that_never_answers_is_waited_for_once_and_not_with_every_segment() {
    for hangs in 0..4 {
        let (scene, mut desk) = (Scene::new(), Desks::new());
        let kept = scene.keep(&desk).unwrap();
        desk.hangs = Some(hangs);
        let fetched = scene.fetch(&desk, &kept).unwrap();
        assert!(std::fs::read(scene.path("out")).unwrap() == scene.text);
        // Once for a table, if it was the first to be asked, and once for pieces.
        assert!(desk.hung.load(Ordering::SeqCst) <= 2, "shard {hangs}");
        let named: Vec<_> = fetched.faults.iter().map(|(who, what, wrong)| (*who, what, *wrong)).collect();
        match named[..] {
            [(who, what, false)] => {
                assert!(who == organisation(hangs + 1) && what.contains("30"), "{what}");
            }
            // Three of four suffice: the last may not be needed.
            _ => assert!(named.is_empty() && hangs == 3, "{named:?}"),
        }
    }
}

#[test]
fn pieces_of_another_object_or_of_another_shard_are_named_as_wrong() {
    let (scene, desk) = (Scene::new(), Desks::new());
    let kept = scene.keep(&desk).unwrap();
    let other = (Scene::new(), Desks::new());
    other.0.keep(&other.1).unwrap();
    let own = lock(&desk.files).clone();
    let others = lock(&other.1.files).clone();
    for segment in 0..4 {
        // The same text, sealed under another key for another committee's desk; and the shard of a neighbour, so that it is there twice.
        for wrong in [&others[&(0, segment)], &own[&(1, segment)]] {
            *lock(&desk.files) = own.clone();
            lock(&desk.files).insert((0, segment), wrong.clone());
            let fetched = scene.fetch(&desk, &kept).unwrap();
            assert!(std::fs::read(scene.path("out")).unwrap() == scene.text);
            std::fs::remove_file(scene.path("out")).unwrap();
            let faults: Vec<_> = fetched.faults.iter().map(|(who, _, wrong)| (*who, *wrong)).collect();
            assert_eq!(faults, [(organisation(1), true)]);
        }
    }
}

#[test]
fn cut_and_overlong_shards_are_named_and_do_without() {
    let (scene, desk) = (Scene::new(), Desks::new());
    let kept = scene.keep(&desk).unwrap();
    let own = lock(&desk.files).clone();
    for cut in [0, 1, 100_000] {
        *lock(&desk.files) = own.clone();
        lock(&desk.files).get_mut(&(0, 2)).unwrap().truncate(cut);
        let fetched = scene.fetch(&desk, &kept).unwrap();
        assert!(std::fs::read(scene.path("out")).unwrap() == scene.text);
        std::fs::remove_file(scene.path("out")).unwrap();
        let faults: Vec<_> = fetched.faults.iter().map(|(who, _, wrong)| (*who, *wrong)).collect();
        assert_eq!(faults, [(organisation(1), true)], "{cut}");
    }
    // What follows a file's end is not asked for.
    *lock(&desk.files) = own;
    lock(&desk.files).get_mut(&(0, 2)).unwrap().extend_from_slice(&[7; 1000]);
    let fetched = scene.fetch(&desk, &kept).unwrap();
    assert!(fetched.faults.is_empty() && std::fs::read(scene.path("out")).unwrap() == scene.text);
}

#[test]
fn another_manifest_than_the_ledgers_is_refused() {
    let (scene, desk) = (Scene::new(), Desks::new());
    let kept = scene.keep(&desk).unwrap();
    let mut manifest = lock(&desk.manifest);
    let last = manifest.as_mut().unwrap().last_mut().unwrap();
    *last ^= 1;
    drop(manifest);
    assert!(matches!(scene.fetch(&desk, &kept), Err(CustodyError::Manifest(_))));
    assert!(!scene.path("out").exists());
}

#[test]
fn a_state_file_of_something_else_is_refused_by_name() {
    let (scene, desk) = (Scene::new(), Desks::new());
    let kept = scene.keep(&desk).unwrap();
    let write = |name: &str, bytes: &[u8], mode: u32| {
        let path = scene.path(name);
        std::fs::write(&path, bytes).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    write("get.state", b"damaged", 0o600);
    assert!(matches!(scene.fetch(&desk, &kept), Err(CustodyError::State { .. })));
    write("put.state", b"damaged", 0o600);
    assert!(matches!(scene.keep(&desk), Err(CustodyError::State { .. })));
    write("put.state", b"", 0o644);
    assert!(matches!(scene.keep(&desk), Err(CustodyError::State { what, .. }) if what.contains("mode 644")));
}
