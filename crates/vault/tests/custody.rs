//! Seven members keep an object: what thieves, liars and losses can do, with the public interface only.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use chacha20::ChaCha20Rng;
use medveil_vault::committee::ceremony::{Ceremony, Seat};
use medveil_vault::committee::{
    Committee, Identity, KeyShare, MemberKey, OneTimeKeys, RecoverError, RequestSecrets, SealedPartial,
    Willingness, WrappedKey, recover,
};
use medveil_vault::envelope::{Envelope, OpenError, Subject, Suite};
use medveil_vault::manifest::Manifest;
use medveil_vault::object::{self, CustodyError};
use medveil_vault::shards::{FaultKind, MemoryShards, ReadError, Scheme, ShardSource, SourceError};
use medveil_vault::upkeep::{Damage, Health, Pace, Placement, Status, repair, scrub};
use medveil_vault::{Canonical, DataKey, Digest, Member, ObjectId};
use rand_core::SeedableRng;

const CHAIN: Digest = Digest([9; 32]);
const SUBJECT: Subject = Subject { object: ObjectId([1; 32]), version: 1 };
/// What no thief may find: it begins every line of the object.
const MARK: &[u8] = b"patient-of-the-test";

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// An object in the custody of seven members: their shards, shares and what is public.
struct Custody {
    keys: Vec<MemberKey>,
    shares: Vec<KeyShare>,
    committee: Committee,
    identity: Identity,
    wrapped: WrappedKey,
    manifest: Manifest,
    shards: MemoryShards,
    placement: Placement,
    text: Vec<u8>,
}

impl Custody {
    fn new() -> Custody {
        let mut rng = rng(1);
        let keys: Vec<MemberKey> = (0..7).map(|_| MemberKey::generate(&mut rng)).collect();
        let seats: Vec<Seat> =
            keys.iter().map(|key| Seat::new(key.clone(), OneTimeKeys::generate(&mut rng))).collect();
        let ceremony = hold(&seats);
        let committee = ceremony.finish().unwrap();
        let shares = seats.iter().map(|seat| seat.share(&ceremony).unwrap()).collect();

        let text: Vec<u8> =
            (0..60_000u32).flat_map(|row| [MARK, row.to_string().as_bytes(), b",5.4\n"].concat()).collect();
        let key = DataKey::generate(&mut rng);
        let envelope = Envelope::new(Suite::Aes256Gcm, SUBJECT, &key, &mut rng);
        let mut shards = MemoryShards::default();
        let manifest =
            object::seal(&mut text.as_slice(), &mut shards, &envelope, Scheme::default(), &key).unwrap();
        let identity = Identity::new(&CHAIN, &SUBJECT, &Digest([2; 32]), &Digest([3; 32]));
        let wrapped = WrappedKey::wrap(&committee, &identity, &key, &mut rng).unwrap();
        let members = committee.members().into_iter().collect();
        let placement = Placement::new(&SUBJECT.object, &members, 7);
        Custody { keys, shares, committee, identity, wrapped, manifest, shards, placement, text }
    }

    fn member(&self, at: usize) -> Member {
        self.keys[at].member()
    }

    /// Writes everything that a member has on its disk, secrets in the clear, into a folder.
    fn write_disk(&self, at: usize, folder: &Path) {
        let shard = self.placement.shard_of(&self.member(at)).unwrap();
        for ((of, segment), bytes) in &self.shards.files {
            if *of == shard {
                fs::write(folder.join(format!("shard-{of}-{segment}")), bytes).unwrap();
            }
        }
        fs::write(folder.join(format!("share-{at}")), self.shares[at].to_secret_bytes()).unwrap();
        fs::write(folder.join("manifest"), self.manifest.encode()).unwrap();
        fs::write(folder.join("committee"), self.committee.encode()).unwrap();
        fs::write(folder.join("wrapped"), self.wrapped.encode()).unwrap();
    }

    fn release(&self, of: impl IntoIterator<Item = usize>) -> Vec<medveil_vault::committee::Partial> {
        let mut willing = Willingness::default();
        willing.admit(self.identity).unwrap();
        of.into_iter().map(|at| self.shares[at].release(&self.identity, &willing).unwrap()).collect()
    }
}

fn hold(seats: &[Seat]) -> Ceremony {
    let candidates = seats.iter().map(Seat::member).collect();
    let mut ceremony = Ceremony::open(CHAIN, 1, candidates, 7, None).unwrap();
    for seat in seats {
        ceremony.join(seat.member(), seat.join(&ceremony, true)).unwrap();
    }
    ceremony.advance().unwrap();
    for seat in seats {
        ceremony.deal(seat.member(), seat.deal(&ceremony, None).unwrap()).unwrap();
    }
    ceremony.advance().unwrap();
    for seat in seats {
        ceremony.answer(seat.member(), seat.answers(&ceremony).unwrap()).unwrap();
    }
    ceremony.advance().unwrap();
    for seat in seats {
        ceremony.close(seat.member(), seat.close(&ceremony, None).unwrap()).unwrap();
    }
    ceremony
}

#[test]
fn a_requester_with_a_quorum_reads_the_object() {
    let custody = Custody::new();
    let request = Digest([6; 32]);
    let requester = RequestSecrets::new(OneTimeKeys::generate(&mut rng(2)), custody.identity);
    let keys = requester.public(&custody.committee);
    keys.check(&custody.committee).unwrap();
    let posted = custody.release(2..7).into_iter().map(|partial| {
        let key = &keys.0[&partial.member];
        SealedPartial::seal(&partial, key, &custody.identity, &request, &mut rng(3)).unwrap()
    });
    let partials: Vec<_> =
        posted.map(|posted| requester.open(&posted, &custody.committee, &request).unwrap()).collect();
    let key = recover(&custody.committee, &custody.identity, &custody.wrapped, &partials).unwrap().key;
    let mut out = Vec::new();
    object::open(&custody.manifest, custody.shards.clone(), &key, &mut out).unwrap();
    assert!(out == custody.text);

    let range = 1_500_000..1_500_100;
    let mut part = Vec::new();
    object::open_range(&custody.manifest, custody.shards.clone(), &key, range.clone(), &mut part).unwrap();
    assert_eq!(part, custody.text[range.start as usize..range.end as usize]);
}

/// Everything of any two members, disks and keys: neither the sealed bytes can be put together nor the key opened, and the disks do not show the text.
#[test]
fn a_thief_with_all_files_of_any_two_members_opens_nothing() {
    let custody = Custody::new();
    for first in 0..7 {
        for second in first + 1..7 {
            let loot = tempfile::tempdir().unwrap();
            custody.write_disk(first, loot.path());
            custody.write_disk(second, loot.path());

            // What is on the disks.
            let mut shards = MemoryShards::default();
            let mut shares = Vec::new();
            let committee = Committee::decode(&fs::read(loot.path().join("committee")).unwrap()).unwrap();
            for entry in fs::read_dir(loot.path()).unwrap() {
                let path = entry.unwrap().path();
                let bytes = fs::read(&path).unwrap();
                assert!(!bytes.windows(MARK.len()).any(|window| window == MARK), "{path:?}");
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                match name.split('-').collect::<Vec<_>>()[..] {
                    ["shard", shard, segment] => {
                        let place = (shard.parse().unwrap(), segment.parse().unwrap());
                        shards.files.insert(place, bytes);
                    }
                    ["share", at] => {
                        let member = custody.member(at.parse().unwrap());
                        shares.push(KeyShare::from_secret_bytes(&bytes, member, &committee).unwrap());
                    }
                    _ => {}
                }
            }
            assert_eq!((shards.files.len(), shares.len()), (2, 2));

            // The key.
            let mut willing = Willingness::default();
            willing.admit(custody.identity).unwrap();
            let partials: Vec<_> =
                shares.iter().map(|share| share.release(&custody.identity, &willing).unwrap()).collect();
            let opened = recover(&committee, &custody.identity, &custody.wrapped, &partials);
            assert!(matches!(opened, Err(RecoverError::TooFew { good: 2, needed: 5, .. })));

            // The sealed bytes, even with the key.
            let key =
                recover(&committee, &custody.identity, &custody.wrapped, &custody.release(0..5)).unwrap().key;
            let opened = object::open(&custody.manifest, shards, &key, &mut io::sink());
            assert!(matches!(
                opened,
                Err(CustodyError::Shards(ReadError::TooFew { good: 2, needed: 5, .. }))
            ));
        }
    }
}

#[test]
fn four_curious_members_with_all_sealed_bytes_open_nothing() {
    let custody = Custody::new();
    let partials = custody.release(0..4);
    let opened = recover(&custody.committee, &custody.identity, &custody.wrapped, &partials);
    assert!(matches!(opened, Err(RecoverError::TooFew { good: 4, needed: 5, .. })));
    // A fifth that they make up does not help, nor does a guess at the key.
    let mut made_up = partials.clone();
    let mut fifth = partials[0].clone();
    fifth.member = custody.member(5);
    made_up.push(fifth);
    let opened = recover(&custody.committee, &custody.identity, &custody.wrapped, &made_up);
    assert!(matches!(opened, Err(RecoverError::TooFew { good: 4, needed: 5, .. })));
    let guess = DataKey::generate(&mut rng(5));
    let opened = object::open(&custody.manifest, custody.shards.clone(), &guess, &mut io::sink());
    assert!(matches!(opened, Err(CustodyError::Open(OpenError::WrongKey(_)))));
}

#[test]
fn a_scrub_names_what_is_wrong_and_a_repair_makes_it_whole() {
    let custody = Custody::new();
    let (manifest, whole) = (&custody.manifest, &custody.shards);
    let mut mine = whole.clone();
    mine.files.get_mut(&(2, 0)).unwrap()[1000] ^= 1;
    let report = scrub(manifest, 2, mine.clone(), &mut Pace::unlimited());
    assert_eq!(report.good, manifest.layout().segments() - 1);
    assert_eq!(report.faults, BTreeMap::from([(0, FaultKind::WrongPiece { stripe: 0 })]));
    let lengthened = {
        let mut mine = whole.clone();
        mine.files.get_mut(&(2, 0)).unwrap().push(0);
        scrub(manifest, 2, mine, &mut Pace::unlimited())
    };
    assert!(matches!(lengthened.faults[&0], FaultKind::Length { .. }));

    // Of the others one is absent, or one lies: it is named, and the rest suffices.
    let mut absent = whole.clone();
    absent.lose(0);
    let mut lying = whole.clone();
    lying.files.get_mut(&(1, 0)).unwrap()[0] ^= 1;
    for (others, named) in [(absent, (0, false)), (lying, (1, true))] {
        let mut mine = mine.clone();
        let mut pace = Pace::unlimited();
        let segments = report.faults.keys().copied();
        let repaired = repair(manifest, 2, segments, others, &mut mine, &mut pace).unwrap();
        assert_eq!((repaired.repaired, repaired.failed.len()), (1, 0));
        assert_eq!(repaired.fetched, pace.bytes());
        let faults: Vec<_> =
            repaired.faults.iter().map(|fault| (fault.shard, fault.kind.is_wrong())).collect();
        assert_eq!(faults, [named]);
        assert!(mine == *whole);
    }
}

#[test]
fn a_repair_keeps_to_its_pace() {
    let custody = Custody::new();
    let mut rebuilt = MemoryShards::default();
    let began = std::time::Instant::now();
    let mut pace = Pace::new(20_000_000);
    let report = repair(&custody.manifest, 6, 0..1, custody.shards.clone(), &mut rebuilt, &mut pace).unwrap();
    let due = Duration::from_secs_f64(report.fetched as f64 / 20e6);
    assert!(report.fetched > 1_000_000 && began.elapsed() >= due, "{report:?}");
}

#[test]
fn a_repair_that_cannot_be_done_says_why_and_keeps_nothing() {
    let custody = Custody::new();
    struct NobodyAnswers;
    impl ShardSource for NobodyAnswers {
        fn read(&mut self, _: u8, _: u64, _: Range<usize>) -> Result<Vec<u8>, SourceError> {
            Err(SourceError::Slow { waited: Duration::from_secs(1) })
        }
    }
    let mut mine = MemoryShards::default();
    let mut pace = Pace::unlimited();
    let report = repair(&custody.manifest, 3, 0..1, NobodyAnswers, &mut mine, &mut pace).unwrap();
    assert!(matches!(report.failed[&0], ReadError::NoTable { segment: 0, .. }));
    assert_eq!((report.repaired, mine), (0, MemoryShards::default()));
}

#[test]
fn a_member_that_is_replaced_gets_its_shard_from_the_others() {
    let custody = Custody::new();
    let gone = custody.member(3);
    let coming = MemberKey::generate(&mut rng(8)).member();
    let mut members: BTreeSet<Member> = custody.committee.members().into_iter().collect();
    members.remove(&gone);
    members.insert(coming);
    let (placement, moves) = custody.placement.after(&SUBJECT.object, &members);
    assert_eq!((moves.len(), moves[0].from, moves[0].to), (1, Some(gone), coming));
    let shard = moves[0].shard;
    assert_eq!(placement.shard_of(&coming), Some(shard));

    let mut others = custody.shards.clone();
    others.lose(shard);
    let mut its = MemoryShards::default();
    let segments = 0..custody.manifest.layout().segments();
    repair(&custody.manifest, shard, segments, others, &mut its, &mut Pace::unlimited()).unwrap();
    let scrubbed = scrub(&custody.manifest, shard, its, &mut Pace::unlimited());
    assert!(scrubbed.faults.is_empty());
}

#[test]
fn health_counts_what_can_still_be_lost() {
    let custody = Custody::new();
    let whole = || Damage::Segments(BTreeSet::new());
    let mut shards: BTreeMap<u8, Damage> = (0..7).map(|shard| (shard, whole())).collect();
    let assess = |shards: &BTreeMap<u8, Damage>| {
        let health = Health::assess(&custody.manifest, shards);
        (health.status, health.spare, health.whole)
    };
    assert_eq!(assess(&shards), (Status::Whole, 2, 7));
    shards.insert(0, Damage::Segments(BTreeSet::from([0])));
    assert_eq!(assess(&shards), (Status::Degraded, 1, 6));
    shards.insert(1, Damage::All);
    assert_eq!(assess(&shards), (Status::Critical, 0, 5));
    shards.remove(&2);
    assert_eq!(assess(&shards), (Status::Lost, -1, 4));
    // A segment that the object does not have is nobody's loss.
    let mut shards: BTreeMap<u8, Damage> = (0..7).map(|shard| (shard, whole())).collect();
    shards.insert(0, Damage::Segments(BTreeSet::from([99])));
    assert_eq!(assess(&shards).0, Status::Whole);
}

#[test]
fn sealing_again_with_the_same_envelope_gives_the_same_shards() {
    let mut rng = rng(4);
    let key = DataKey::generate(&mut rng);
    let envelope = Envelope::new(Suite::Aes256Gcm, SUBJECT, &key, &mut rng);
    let text = vec![7; 3_000_000];
    let seal = |text: &[u8]| {
        let mut shards = MemoryShards::default();
        let mut text = text;
        let manifest = object::seal(&mut text, &mut shards, &envelope, Scheme::default(), &key).unwrap();
        (manifest, shards)
    };
    assert!(seal(&text) == seal(&text));
}
