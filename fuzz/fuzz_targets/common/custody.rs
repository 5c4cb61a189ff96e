//! A small object in custody and a committee of four, the same in every run.

use chacha20::ChaCha20Rng;
use medveil_vault::committee::ceremony::{Ceremony, Seat};
use medveil_vault::committee::{Committee, Identity, MemberKey, OneTimeKeys, WrappedKey};
use medveil_vault::envelope::{Envelope, Subject, Suite};
use medveil_vault::manifest::Manifest;
use medveil_vault::shards::{MemoryShards, Scheme};
use medveil_vault::{DataKey, Digest, ObjectId, object};
use rand_core::SeedableRng;

pub const SUBJECT: Subject = Subject { object: ObjectId([1; 32]), version: 7 };

pub struct Object {
    pub text: Vec<u8>,
    pub key: DataKey,
    pub manifest: Manifest,
    pub shards: MemoryShards,
}

/// Seven hundred bytes in five shards of three segments, of which any three suffice.
pub fn object() -> Object {
    let text: Vec<u8> = (0..700u32).map(|at| (at % 251) as u8).collect();
    let key = DataKey::from_bytes(&[2; 32]);
    let envelope = Envelope::new(Suite::Aes256Gcm, SUBJECT, &key, &mut ChaCha20Rng::from_seed([3; 32]));
    let scheme = Scheme::with_units(3, 5, 128, 2).expect("a scheme");
    let mut shards = MemoryShards::default();
    let manifest =
        object::seal(&mut text.as_slice(), &mut shards, &envelope, scheme, &key).expect("memory takes all");
    Object { text, key, manifest, shards }
}

/// Four members, and their ceremony at the beginning of each of its phases; the last is one that can be finished.
pub struct Ceremonies {
    pub seats: Vec<Seat>,
    pub at: Vec<Ceremony>,
    pub committee: Committee,
}

pub fn ceremonies() -> Ceremonies {
    let seats: Vec<Seat> = (0..4)
        .map(|at| Seat::new(MemberKey::from_seed(&[at; 32]), OneTimeKeys::from_seed(&[at + 9; 32])))
        .collect();
    let candidates = seats.iter().map(Seat::member).collect();
    let mut ceremony = Ceremony::open(CHAIN, 1, candidates, 4, None).expect("four are enough");
    let mut at = vec![ceremony.clone()];
    for seat in &seats {
        ceremony.join(seat.member(), seat.join(&ceremony, true)).expect("it joins");
    }
    ceremony.advance().expect("all have joined");
    at.push(ceremony.clone());
    for seat in &seats {
        ceremony.deal(seat.member(), seat.deal(&ceremony, None).expect("it deals")).expect("it is taken");
    }
    ceremony.advance().expect("all have dealt");
    at.push(ceremony.clone());
    for seat in &seats {
        ceremony.answer(seat.member(), seat.answers(&ceremony).expect("it answers")).expect("it is taken");
    }
    ceremony.advance().expect("all have answered");
    at.push(ceremony.clone());
    for seat in &seats {
        ceremony.close(seat.member(), seat.close(&ceremony, None).expect("it closes")).expect("it is taken");
    }
    let committee = ceremony.finish().expect("all were honest");
    at.push(ceremony);
    Ceremonies { seats, at, committee }
}

pub fn identity() -> Identity {
    Identity::new(&CHAIN, &SUBJECT, &Digest([5; 32]), &Digest([6; 32]))
}

pub fn wrapped(committee: &Committee) -> WrappedKey {
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    WrappedKey::wrap(committee, &identity(), &DataKey::from_bytes(&[2; 32]), &mut rng).expect("a committee")
}

const CHAIN: Digest = Digest([9; 32]);
