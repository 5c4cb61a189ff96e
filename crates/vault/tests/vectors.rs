//! Formats are pinned: what is kept or signed today must be read in ten years. A change of `vectors/encoding.txt` is a decision, not a fix.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;

use chacha20::ChaCha20Rng;
use medveil_vault::committee::ceremony::{Ceremony, Seat};
use medveil_vault::committee::{
    Attestation, Identity, MemberKey, OneTimeKeys, RequestSecrets, SealedPartial, Willingness, WrappedKey,
};
use medveil_vault::envelope::{Envelope, Sealer, Subject, Suite};
use medveil_vault::shards::{MemoryShards, Scheme};
use medveil_vault::upkeep::Placement;
use medveil_vault::{Canonical, DataKey, Digest, ObjectId, object};
use rand_core::SeedableRng;
use sha2::Digest as _;

#[test]
fn encodings_are_those_of_the_vectors() {
    let found: BTreeMap<String, String> =
        values().into_iter().map(|(name, bytes)| (name, digest(&bytes))).collect();
    let expected: BTreeMap<String, String> = include_str!("../vectors/encoding.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, digest)| (name.to_owned(), digest.to_owned()))
        .collect();
    let lines: String = found.iter().map(|(name, digest)| format!("{name} {digest}\n")).collect();
    assert!(found == expected, "vectors/encoding.txt would be:\n{lines}");
}

fn values() -> Vec<(String, Vec<u8>)> {
    let mut values = Vec::new();
    let mut keep = |name: &str, bytes: Vec<u8>| values.push((name.to_owned(), bytes));
    let subject = Subject { object: ObjectId([1; 32]), version: 7 };
    let text: Vec<u8> = (0..70_000u32).map(|at| (at % 251) as u8).collect();
    let key = DataKey::from_bytes(&[2; 32]);
    for suite in [Suite::Aes256Gcm, Suite::Sm4Gcm] {
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let envelope = Envelope::new(suite, subject, &key, &mut rng);
        let mut sealer = Sealer::new(Vec::new(), &envelope, &key).unwrap();
        std::io::copy(&mut text.as_slice(), &mut sealer).unwrap();
        keep(&format!("sealed.{suite:?}"), sealer.finish().unwrap().0);
        let mut shards = MemoryShards::default();
        let scheme = Scheme::with_units(3, 5, 10_000, 4).unwrap();
        let manifest = object::seal(&mut text.as_slice(), &mut shards, &envelope, scheme, &key).unwrap();
        keep(&format!("manifest.{suite:?}"), manifest.encode());
        keep(&format!("manifest-digest.{suite:?}"), manifest.digest().0.to_vec());
        keep(&format!("shards.{suite:?}"), shards.files.into_values().flatten().collect());
    }

    let chain = Digest([9; 32]);
    let seats: Vec<Seat> = (0..4)
        .map(|at| Seat::new(MemberKey::from_seed(&[at; 32]), OneTimeKeys::from_seed(&[at + 9; 32])))
        .collect();
    let candidates = seats.iter().map(Seat::member).collect();
    let mut ceremony = Ceremony::open(chain, 1, candidates, 4, None).unwrap();
    for seat in &seats {
        ceremony.join(seat.member(), seat.join(&ceremony, true)).unwrap();
    }
    ceremony.advance().unwrap();
    for seat in &seats {
        ceremony.deal(seat.member(), seat.deal(&ceremony, None).unwrap()).unwrap();
    }
    ceremony.advance().unwrap();
    // The last falls silent, so that a value is made public.
    for seat in &seats[..3] {
        ceremony.answer(seat.member(), seat.answers(&ceremony).unwrap()).unwrap();
    }
    ceremony.advance().unwrap();
    for seat in &seats[..3] {
        ceremony.close(seat.member(), seat.close(&ceremony, None).unwrap()).unwrap();
    }
    keep("ceremony", ceremony.encode());
    let committee = ceremony.finish().unwrap();
    keep("committee", committee.encode());
    keep("committee-digest", committee.digest().0.to_vec());
    let share = seats[0].share(&ceremony).unwrap();
    keep("share", share.to_secret_bytes().to_vec());

    let identity = Identity::new(&chain, &subject, &Digest([5; 32]), &Digest([6; 32]));
    keep("identity", identity.encode());
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    let wrapped = WrappedKey::wrap(&committee, &identity, &key, &mut rng).unwrap();
    keep("wrapped", wrapped.encode());
    let mut willing = Willingness::default();
    willing.admit(identity).unwrap();
    let partial = share.release(&identity, &willing).unwrap();
    keep("partial", partial.encode());
    let requester = RequestSecrets::new(OneTimeKeys::from_seed(&[8; 32]), identity);
    let keys = requester.public(&committee);
    keep("request", keys.encode());
    let to = &keys.0[&partial.member];
    let sealed = SealedPartial::seal(&partial, to, &identity, &Digest([7; 32]), &mut rng).unwrap();
    keep("sealed-partial", sealed.encode());
    willing.destroy(identity);
    keep("willingness", willing.encode());
    let attestation = Attestation {
        chain,
        member: partial.member,
        subject,
        identity,
        order: Digest([1; 32]),
        manifest: Digest([2; 32]),
        shard: Some(3),
        segments: 4,
        bytes: 5,
    };
    keep("attestation", attestation.digest().0.to_vec());
    let members = committee.members().into_iter().collect();
    keep("placement", Placement::new(&subject.object, &members, 5).encode());
    values
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(sha2::Sha256::digest(bytes))
}
