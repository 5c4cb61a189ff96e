//! Partial keys, sealed and open, keys of requests, wrapped keys and accusations from any bytes.
//!
//! Claims: nothing panics; what is read is written the same, byte for byte; whatever a member posts, the requester gets its partial, the only one that there is, or a proof that it was bad, and
//! everybody finds what the requester found.

#![no_main]

use std::sync::OnceLock;

use chacha20::ChaCha20Rng;
use libfuzzer_sys::fuzz_target;
use medveil_vault::committee::{
    BadPartial, Committee, KeyShare, OneTimeKeys, Partial, RequestKeys, RequestSecrets, SealedPartial, Verdict,
    Willingness, WrappedKey, recover,
};
use medveil_vault::{Canonical, Digest};
use rand_core::SeedableRng as _;

#[path = "common/custody.rs"]
#[allow(dead_code, reason = "each target uses a part")]
mod custody;

const REQUEST: Digest = Digest([7; 32]);

fuzz_target!(|data: &[u8]| {
    let known = known();
    let identity = custody::identity();
    if let Some(partial) = same::<Partial>(data)
        && partial.verify(&known.committee, &identity).is_ok()
    {
        assert!(known.partials.contains(&partial), "a partial that no member made");
    }
    if let Some(keys) = same::<RequestKeys>(data) {
        let _ = keys.check(&known.committee);
    }
    if let Some(wrapped) = same::<WrappedKey>(data)
        && wrapped.check().is_ok()
    {
        match recover(&known.committee, &identity, &wrapped, &known.partials) {
            Ok(_) => assert!(wrapped == custody::wrapped(&known.committee), "another key of the identity"),
            Err(error) => drop(error.to_string()),
        }
    }
    if let Some(accusation) = same::<BadPartial>(data) {
        let keys = known.secrets.public(&known.committee);
        for sealed in &known.sealed {
            let verdict = accusation.judge(sealed, &keys, &known.committee, &identity, &REQUEST);
            assert!(!matches!(verdict, Verdict::Guilty(_)), "an honest member is found guilty");
        }
    }
    let Some(sealed) = same::<SealedPartial>(data) else { return };
    match known.secrets.open(&sealed, &known.committee, &REQUEST) {
        Ok(partial) => assert!(known.partials.contains(&partial), "a partial that no member made"),
        Err(bad) => {
            let keys = known.secrets.public(&known.committee);
            let verdict = bad.judge(&sealed, &keys, &known.committee, &identity, &REQUEST);
            let of_a_member = known.committee.contains(&sealed.member);
            assert_eq!(matches!(verdict, Verdict::Guilty(_)), of_a_member, "{verdict:?}");
        }
    }
});

fn same<T: Canonical>(data: &[u8]) -> Option<T> {
    let value = T::decode(data).ok()?;
    assert_eq!(value.encode(), data, "one value, one encoding");
    Some(value)
}

struct Known {
    committee: Committee,
    secrets: RequestSecrets,
    partials: Vec<Partial>,
    sealed: Vec<SealedPartial>,
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let ceremonies = custody::ceremonies();
        let (identity, committee) = (custody::identity(), ceremonies.committee);
        let finished = ceremonies.at.last().expect("there are five");
        let mut willing = Willingness::default();
        willing.admit(identity).expect("nothing is destroyed");
        let shares: Vec<KeyShare> =
            ceremonies.seats.iter().map(|seat| seat.share(finished).expect("each has one")).collect();
        let partials: Vec<Partial> =
            shares.iter().map(|share| share.release(&identity, &willing).expect("it is willing")).collect();
        let secrets = RequestSecrets::new(OneTimeKeys::from_seed(&[8; 32]), identity);
        let keys = secrets.public(&committee);
        let mut rng = ChaCha20Rng::from_seed([6; 32]);
        let sealed = partials
            .iter()
            .map(|partial| {
                let key = &keys.0[&partial.member];
                SealedPartial::seal(partial, key, &identity, &REQUEST, &mut rng).expect("a key")
            })
            .collect();
        Known { committee, secrets, partials, sealed }
    })
}
