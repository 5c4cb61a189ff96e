//! Keys, studies and the identities that they protect.
//!
//! One [`MasterKey`] belongs to the organisation. A [`Study`] derives everything from it and from the study's id, so that in
//! one study the same patient has the same pseudonym and the same date offset in every file and format, and in another study
//! unlinkable ones: HKDF-SHA256 (RFC 5869) under distinct `info` gives independent keys, and HMAC (RFC 2104) under
//! them is a pseudorandom function.
//!
//! # What an attacker who holds the key learns
//! Everything that this module hides: pseudonyms can be recomputed from guessed identities (there are few enough Chinese
//! resident ids to try them all), offsets undone and noise subtracted. The key file is as sensitive as the raw data.

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::sync::Arc;

use chacha20::ChaCha20Rng;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac as _};
use rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sm3::Sm3;
use zeroize::Zeroizing;

use crate::sha256::HmacSha256;

/// The organisation's secret: 256 uniformly random bits.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// A key file that cannot be used. Nothing of its content is in the message.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// The first line is not [`KEY_HEADER`].
    #[error(
        "not a key file: the first line must be `{KEY_HEADER}`; make one with `medveil key new --out FILE`"
    )]
    Header,
    /// The second line is not 64 hexadecimal digits.
    #[error("damaged key file: line 2 must be 64 hexadecimal digits")]
    Digits,
}

/// The first line of a key file.
pub const KEY_HEADER: &str = "medveil-key-v1";

impl MasterKey {
    /// A key of these bytes, which must come from a cryptographic generator.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        MasterKey(Zeroizing::new(bytes))
    }

    /// Reads the text of a key file.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut lines = text.lines();
        if lines.next().map(str::trim_end) != Some(KEY_HEADER) {
            return Err(KeyError::Header);
        }
        let mut bytes = Zeroizing::new([0u8; 32]);
        let digits = lines.next().unwrap_or_default().trim();
        hex::decode_to_slice(digits, bytes.as_mut_slice()).map_err(|_| KeyError::Digits)?;
        Ok(MasterKey(bytes))
    }

    /// The text of a key file.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{KEY_HEADER}\n{}\n", hex::encode(self.0.as_slice())))
    }

    /// A value that binds the key and reveals nothing of it: what a receipt carries.
    pub fn commitment(&self) -> [u8; 32] {
        let mut out = [0; 32];
        expand(&self.0, &[b"key-commitment"], &mut out);
        Sha256::digest(out).into()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// The family of cryptographic functions (R26).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// HMAC-SHA256.
    #[default]
    International,
    /// HMAC-SM3 (GB/T 32905-2016, GB/T 15852.2-2012).
    National,
}

/// One study's view of the key: pseudonyms, offsets and noise that no other study shares.
pub struct Study {
    id: String,
    suite: Suite,
    root: Zeroizing<[u8; 32]>,
    seed: Zeroizing<[u8; 32]>,
}

impl Study {
    /// The study `id` under `key`. `seed` varies the noise (and only the noise) of repeated runs; without one it follows from the
    /// key and the study, so that a run can be repeated with the key alone.
    pub fn new(key: &MasterKey, id: &str, suite: Suite, seed: Option<[u8; 32]>) -> Self {
        let mut root = Zeroizing::new([0; 32]);
        expand(&key.0, &[b"study", id.as_bytes()], root.as_mut_slice());
        let seed = Zeroizing::new(seed.unwrap_or_else(|| {
            let mut seed = [0; 32];
            expand(&root, &[b"seed"], &mut seed);
            seed
        }));
        Study { id: id.to_owned(), suite, root, seed }
    }

    /// The study's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The functions in use.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Binds the seed of the noise, and hides it: what a receipt carries.
    pub fn seed_commitment(&self) -> [u8; 32] {
        Sha256::new_with_prefix(b"medveil/seed-commitment/v1")
            .chain_update(self.seed.as_slice())
            .finalize()
            .into()
    }

    /// Derives the key for one purpose. The parts are length-prefixed: `["ab", "c"]` and `["a", "bc"]` differ.
    pub fn subkey(&self, purpose: &[&str]) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        let parts: Vec<&[u8]> = purpose.iter().map(|part| part.as_bytes()).collect();
        expand(&self.root, &parts, out.as_mut_slice());
        out
    }

    /// A keyed pseudorandom function for one purpose.
    pub fn prf(&self, purpose: &[&str]) -> Prf {
        Prf::new(self.suite, &self.subkey(purpose))
    }

    /// The source of every random choice made for the records of one file.
    pub fn noise(&self, file: &str) -> NoiseKey {
        let mut key = Zeroizing::new([0; 32]);
        expand(&self.root, &[b"noise", self.seed.as_slice(), file.as_bytes()], key.as_mut_slice());
        NoiseKey { prf: Prf::new(self.suite, &key), first: 0, positions: None }
    }
}

impl fmt::Debug for Study {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Study").field("id", &self.id).field("suite", &self.suite).finish_non_exhaustive()
    }
}

fn expand(secret: &[u8; 32], parts: &[&[u8]], out: &mut [u8]) {
    let mut info = b"medveil/v1".to_vec();
    for part in parts {
        info.extend_from_slice(&(part.len() as u64).to_be_bytes());
        info.extend_from_slice(part);
    }
    Hkdf::<Sha256>::new(None, secret)
        .expand(&info, out)
        .expect("HKDF-SHA256 gives up to 255 * 32 bytes and every key here has 32");
}

/// A pseudorandom function: HMAC under a key that has been absorbed once.
#[derive(Clone)]
pub enum Prf {
    /// HMAC-SHA256.
    Sha256(HmacSha256),
    /// HMAC-SM3.
    Sm3(Hmac<Sm3>),
}

impl Prf {
    /// The function of `suite` under `key`.
    pub fn new(suite: Suite, key: &[u8; 32]) -> Self {
        match suite {
            Suite::International => Prf::Sha256(HmacSha256::new(key)),
            Suite::National => Prf::Sm3(Hmac::new_from_slice(key).expect("HMAC takes keys of any length")),
        }
    }

    /// The function of what follows `prefix`: `f.after(a).tag(&[b])` is `f.tag(&[a, b])`. Many messages that begin alike are absorbed to there once.
    pub fn after(&self, prefix: &[u8]) -> Prf {
        match self {
            Prf::Sha256(mac) => Prf::Sha256(mac.after(prefix)),
            Prf::Sm3(mac) => Prf::Sm3(mac.clone().chain_update(prefix)),
        }
    }

    /// The tag of the concatenated parts; the caller keeps them unambiguous.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        match self {
            Prf::Sha256(mac) => mac.tag(parts),
            Prf::Sm3(mac) => {
                let mut mac = mac.clone();
                parts.iter().for_each(|part| mac.update(part));
                mac.finalize().into_bytes().into()
            }
        }
    }
}

impl fmt::Debug for Prf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prf(..)")
    }
}

/// A [`Prf`] that remembers its latest values: the records of one patient stand next to each other, and an HMAC costs more than a
/// comparison. The memory is each thread's own, small, and overwritten as it goes.
#[derive(Clone, Debug)]
pub struct RecentPrf {
    prf: Prf,
    /// Tells the functions of one thread apart.
    id: u64,
}

impl RecentPrf {
    /// Remembers values of `prf`.
    pub fn new(prf: Prf) -> Self {
        let tag = prf.tag(&[b"medveil/recent"]);
        // Odd, so that it is not the 0 of a place that holds nothing.
        RecentPrf { id: u64::from_be_bytes(tag[..8].try_into().expect("a tag has 32 bytes")) | 1, prf }
    }

    /// The tag of a value.
    pub fn tag(&self, value: &[u8]) -> [u8; 32] {
        RECENT.with_borrow_mut(|recent| {
            // A collision costs a computation, never a wrong answer.
            let (words, rest) = value.as_chunks();
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            let hash = words.iter().chain([&last]).fold(self.id, |hash, word| {
                (hash.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            });
            let place = &mut recent[(hash >> 32) as usize % PLACES];
            if place.id != self.id || place.value.as_slice() != value {
                place.id = self.id;
                place.tag = self.prf.tag(&[value]);
                place.value.clear();
                place.value.extend_from_slice(value);
            }
            place.tag
        })
    }
}

/// Values that a thread remembers: a power of two. Few, so that they stay in the fastest cache when every value is another one: with 1024 places `deid`
/// of a table took 3 % longer.
const PLACES: usize = 64;

#[derive(Default)]
struct Recent {
    id: u64,
    value: Zeroizing<Vec<u8>>,
    tag: [u8; 32],
}

thread_local! {
    static RECENT: RefCell<Vec<Recent>> =
        RefCell::new(std::iter::repeat_with(Recent::default).take(PLACES).collect());
}

/// The key of the random choices made for one file's records.
#[derive(Clone, Debug)]
pub struct NoiseKey {
    prf: Prf,
    /// The index of the first record of the file.
    first: u64,
    positions: Option<Arc<[u64]>>,
}

impl NoiseKey {
    /// The same key for a file that is a part of another: its records, numbered from `first`, stand at these positions there, and are given the choices
    /// that they have there. So a record that is released again in another part keeps its noise.
    pub fn at(self, first: u64, positions: Arc<[u64]>) -> Self {
        NoiseKey { first, positions: Some(positions), ..self }
    }

    /// The choices for one record: its position and its leaf (which covers every byte of it).
    ///
    /// A record released again unchanged gets the same noise, so that nobody averages it away; a record of which anything changed
    /// gets fresh noise, so that the difference of two releases tells nothing about the change.
    pub fn record(&self, index: u64, leaf: [u8; 32]) -> Record<'_> {
        let place = |positions: &Arc<[u64]>| {
            let place = usize::try_from(index.checked_sub(self.first)?).ok()?;
            positions.get(place).copied()
        };
        let index = self.positions.as_ref().and_then(place).unwrap_or(index);
        Record { noise: self, index, leaf, key: OnceCell::new() }
    }
}

/// One record, as far as random choices are concerned.
pub struct Record<'a> {
    noise: &'a NoiseKey,
    index: u64,
    leaf: [u8; 32],
    key: OnceCell<[u8; 32]>,
}

impl Record<'_> {
    /// The ChaCha20 stream (RFC 8439 block function) for the choices of one site (see [`site`]).
    pub fn rng(&self, site: u64) -> ChaCha20Rng {
        let key = self.key.get_or_init(|| self.noise.prf.tag(&[&self.index.to_be_bytes(), &self.leaf]));
        let mut rng = ChaCha20Rng::from_seed(*key);
        rng.set_stream(site);
        rng
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("index", &self.index).finish_non_exhaustive()
    }
}

/// The stream number of a column or path; `occurrence` tells repeated elements of one record apart.
pub fn site(label: &str, occurrence: u32) -> u64 {
    let digest = Sha256::new_with_prefix(b"medveil/site/v1")
        .chain_update(occurrence.to_be_bytes())
        .chain_update(label.as_bytes())
        .finalize();
    u64::from_be_bytes(digest[..8].try_into().expect("a SHA-256 digest has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use rand_core::Rng;

    use super::*;

    fn study(id: &str) -> Study {
        Study::new(&MasterKey::from_bytes([7; 32]), id, Suite::International, None)
    }

    #[test]
    fn key_file_round_trips_and_names_what_is_wrong() {
        let key = MasterKey::from_bytes([0xa5; 32]);
        assert_eq!(MasterKey::parse(&key.to_text()).unwrap().commitment(), key.commitment());
        assert_eq!(MasterKey::parse("hello").unwrap_err(), KeyError::Header);
        assert_eq!(MasterKey::parse("medveil-key-v1\n12xy").unwrap_err(), KeyError::Digits);
        assert!(!format!("{key:?}").contains("a5"));
    }

    #[test]
    fn studies_are_unlinkable_and_repeatable() {
        let tag = |id| study(id).prf(&["pseudonym", "record"]).tag(&[b"P1"]);
        assert_eq!(tag("a"), tag("a"));
        assert_ne!(tag("a"), tag("b"));
    }

    #[test]
    fn remembered_tags_are_those_of_the_function() {
        let (one, other) = (study("a").prf(&["x"]), study("b").prf(&["x"]));
        let (recent, recent_other) = (RecentPrf::new(one.clone()), RecentPrf::new(other.clone()));
        for round in 0..3 {
            for n in 0..200u32 {
                let value = (n / (round + 1)).to_be_bytes();
                assert_eq!(recent.tag(&value), one.tag(&[&value]));
                assert_eq!(recent_other.tag(&value), other.tag(&[&value]));
            }
        }
        assert_eq!(recent.tag(b""), one.tag(&[b""]));
    }

    #[test]
    fn a_prefix_that_is_absorbed_counts_in_both_suites() {
        for suite in [Suite::International, Suite::National] {
            let prf = Study::new(&MasterKey::from_bytes([7; 32]), "a", suite, None).prf(&["x"]);
            let (a, b) = ([1; 100], [2; 70]);
            assert_eq!(prf.after(&a).tag(&[&b]), prf.tag(&[&a, &b]));
        }
    }

    #[test]
    fn purposes_are_length_prefixed() {
        let s = study("a");
        assert_ne!(*s.subkey(&["ab", "c"]), *s.subkey(&["a", "bc"]));
    }

    #[test]
    fn noise_changes_with_any_byte_of_the_record_and_with_the_seed_only() {
        let draw = |study: &Study, index, leaf, label| {
            study.noise("f").record(index, leaf).rng(site(label, 0)).next_u64()
        };
        let s = study("a");
        let first = draw(&s, 0, [1; 32], "glucose");
        assert_eq!(first, draw(&s, 0, [1; 32], "glucose"));
        assert_ne!(first, draw(&s, 0, [2; 32], "glucose"));
        assert_ne!(first, draw(&s, 1, [1; 32], "glucose"));
        assert_ne!(first, draw(&s, 0, [1; 32], "hba1c"));
        let part = s.noise("f").at(1, [7, 0].into());
        let of_part = |index| part.record(index, [1; 32]).rng(site("glucose", 0)).next_u64();
        assert_eq!(first, of_part(2), "a record of a part has the noise of its place in the whole");
        assert_eq!(draw(&s, 7, [1; 32], "glucose"), of_part(1));
        let reseeded = Study::new(&MasterKey::from_bytes([7; 32]), "a", Suite::International, Some([9; 32]));
        assert_ne!(first, draw(&reseeded, 0, [1; 32], "glucose"));
        assert_eq!(*s.subkey(&["x"]), *reseeded.subkey(&["x"]));
    }
}
