//! Fuzzing begins with these: see `fuzz/README.md`. With `MEDVEIL_WRITE_SEEDS` set they are written.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use chacha20::ChaCha20Rng;
use medveil_vault::Canonical;
use medveil_vault::Digest;
use medveil_vault::committee::{BadPartial, OneTimeKeys, RequestSecrets, SealedPartial, Willingness};
use medveil_vault::keys::{Passphrase, WorkFactor, lock};
use rand_core::SeedableRng;

#[path = "../../../fuzz/fuzz_targets/common/custody.rs"]
#[allow(dead_code, reason = "shared with the fuzz targets, which use all of it")]
mod custody;

#[test]
fn the_seeds_of_the_fuzz_targets_hold() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus-seeds");
    for (name, bytes) in seeds() {
        let path = folder.join(name);
        if std::env::var_os("MEDVEIL_WRITE_SEEDS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "{name} is not what the code makes");
    }
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let object = custody::object();
    assert_eq!((object.text.len(), object.shards.files.len()), (700, 15));
    let file = [&[7], object.shards.files[&(2, 1)].as_slice()].concat();

    let ceremonies = custody::ceremonies();
    let seat = &ceremonies.seats[1];
    let [joining, dealing, answering, closing, finished] = &ceremonies.at[..] else { panic!("five") };
    // The first byte: phase, and four times whose it is.
    let of = |phase: u8, message: Vec<u8>| [&[phase + 4], message.as_slice()].concat();
    let share = seat.share(finished).unwrap();
    let share_bytes = [&[4], share.to_secret_bytes().as_slice()].concat();

    let identity = custody::identity();
    let mut willing = Willingness::default();
    willing.admit(identity).unwrap();
    let partial = share.release(&identity, &willing).unwrap();
    let keys = OneTimeKeys::from_seed(&[8; 32]);
    let secret = keys.secret(&identity.0, &partial.member).disclose();
    let accusation = BadPartial { member: partial.member, secret };
    let request = RequestSecrets::new(keys, identity).public(&ceremonies.committee);
    let mut rng = ChaCha20Rng::from_seed([6; 32]);
    let to = &request.0[&partial.member];
    let sealed = SealedPartial::seal(&partial, to, &identity, &Digest([7; 32]), &mut rng).unwrap();

    let passphrase = Passphrase::new("open sesame".to_owned());
    let locked = lock(b"a key\n", &passphrase, WorkFactor::new(1).unwrap(), &mut rng).unwrap();
    vec![
        ("manifest/manifest", object.manifest.encode()),
        ("manifest/file", file),
        ("ceremony/join", of(0, seat.join(joining, true).encode())),
        ("ceremony/deal", of(1, seat.deal(dealing, None).unwrap().encode())),
        ("ceremony/answers", of(2, seat.answers(answering).unwrap().encode())),
        ("ceremony/closing", of(3, seat.close(closing, None).unwrap().encode())),
        ("ceremony/ceremony", finished.encode()),
        ("ceremony/committee", ceremonies.committee.encode()),
        ("ceremony/share", share_bytes),
        ("partial/partial", partial.encode()),
        ("partial/sealed", sealed.encode()),
        ("partial/keys", request.encode()),
        ("partial/wrapped", custody::wrapped(&ceremonies.committee).encode()),
        ("partial/accusation", accusation.encode()),
        ("age/locked", locked),
        ("batch/two", vec![2, 0, 0, 0, 7, 8, 0, 0, 0, 0]),
    ]
}
