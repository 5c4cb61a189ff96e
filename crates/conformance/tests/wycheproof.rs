//! The primitives under keys, pseudonyms and receipts give what is published for them, and refuse what is published as wrong.
//!
//! Project Wycheproof's files stand beside the repository, in `../shared/data/vectors/wycheproof`; without them those tests skip. The
//! vectors of RFC 4231, RFC 5297 (appendix A) and GB/T 32905-2016 (appendix A) are few and stand here.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use aes::cipher::{BlockCipherEncrypt, BlockSizeUser};
use aes::{Aes128, Aes192, Aes256};
use aes_siv::siv::Aes128Siv;
use fpe::ff1::{FF1, FlexibleNumeralString, NumeralStringError};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use sm3::{Digest, Sm3};

/// A file of vectors; `None`, with a line that says so, where it is absent.
fn vectors(name: &str) -> Option<Value> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = ["../../..", "../../../.."]
        .iter()
        .map(|up| root.join(up).join("shared/data/vectors/wycheproof").join(name))
        .find(|path| path.is_file());
    let Some(path) = path else {
        eprintln!("skipped: no {name} in ../shared/data/vectors/wycheproof");
        return None;
    };
    let mut content = fs::read(path).unwrap();
    if name.ends_with(".gz") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(content.as_slice()).read_to_end(&mut plain).unwrap();
        content = plain;
    }
    Some(serde_json::from_slice(&content).unwrap())
}

/// Runs `check` on every test with its group; it gives what is wrong, if anything.
///
/// All tests of a file are run, and their number is the one that the file states, so that none is passed over in silence.
fn run(file: &Value, check: impl Fn(&Value, &Value) -> Result<(), String>) {
    let mut ran = 0;
    for group in file["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            if let Err(fault) = check(group, test) {
                panic!("test {} ({}): {fault}", test["tcId"], test["comment"]);
            }
            ran += 1;
        }
    }
    assert!(ran > 0, "the file has no tests");
    assert_eq!(Some(ran), file["numberOfTests"].as_u64());
}

fn bytes(test: &Value, field: &str) -> Vec<u8> {
    hex::decode(test[field].as_str().unwrap()).unwrap()
}

fn is_valid(test: &Value) -> bool {
    match test["result"].as_str().unwrap() {
        "valid" => true,
        "invalid" => false,
        other => panic!("a result `{other}` needs a decision"),
    }
}

fn has_flag(test: &Value, flag: &str) -> bool {
    test["flags"].as_array().unwrap().iter().any(|found| found == flag)
}

/// The condition as a result that names it.
fn ensure(holds: bool, claim: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("does not hold: {claim}")) }
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(message)
}

#[test]
fn hmac_sha256_accepts_the_tags_of_wycheproof_and_no_modified_one() {
    let Some(file) = vectors("hmac_sha256_test.json") else { return };
    run(&file, |group, test| {
        let mac = hmac_sha256(&bytes(test, "key"), &bytes(test, "msg"));
        let tag = bytes(test, "tag");
        let size = group["tagSize"].as_u64().unwrap() as usize / 8;
        ensure(tag.len() == size, "a tag has the size of its group")?;
        let full = mac.clone().finalize().into_bytes();
        ensure(
            (full[..size] == tag) == is_valid(test),
            "the truncated tag is equal just where the test is valid",
        )?;
        ensure(mac.verify_truncated_left(&tag).is_ok() == is_valid(test), "verification agrees")
    });
}

#[test]
fn hmac_sha256_gives_the_tags_of_rfc_4231() {
    const TRUNCATED: usize = 16;
    let long = [0xaa; 131];
    let counting: Vec<u8> = (1..=25).collect();
    let cases: [(&[u8], &[u8], &str); 7] = [
        (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (&counting, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (&[0x0c; 20], b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
        (
            &long,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            &long,
            b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ];
    for (number, (key, message, expected)) in cases.into_iter().enumerate() {
        let case = number + 1;
        let tag = hex::decode(expected).unwrap();
        assert_eq!(tag.len(), if case == 5 { TRUNCATED } else { 32 }, "case {case}");
        let mac = hmac_sha256(key, message);
        assert!(mac.clone().verify_truncated_left(&tag).is_ok(), "case {case}");
        for bit in 0..8 * tag.len() {
            let mut wrong = tag.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(mac.clone().verify_truncated_left(&wrong).is_err(), "case {case}, bit {bit}");
        }
        // A tag that was cut short is none for who expects it whole.
        assert!(mac.verify_slice(&tag[..tag.len() - 1]).is_err(), "case {case}");
    }
}

#[test]
fn hkdf_sha256_gives_the_keys_of_wycheproof_and_refuses_more_than_255_blocks() {
    let Some(file) = vectors("hkdf_sha256_test.json") else { return };
    run(&file, |_, test| {
        let salt = bytes(test, "salt");
        let kdf = Hkdf::<Sha256>::new(Some(&salt), &bytes(test, "ikm"));
        let mut key = vec![0; test["size"].as_u64().unwrap() as usize];
        let expanded = kdf.expand(&bytes(test, "info"), &mut key);
        ensure(expanded.is_ok() == is_valid(test), "expansion succeeds just where the test is valid")?;
        ensure(expanded.is_err() || key == bytes(test, "okm"), "the key is the published one")?;
        if salt.is_empty() {
            // RFC 5869, 2.2: no salt is a salt of zeros, which is how studies derive their keys.
            let mut unsalted = vec![0; key.len()];
            let expanded =
                Hkdf::<Sha256>::new(None, &bytes(test, "ikm")).expand(&bytes(test, "info"), &mut unsalted);
            ensure(expanded.is_err() || unsalted == key, "no salt is an empty salt")?;
        }
        Ok(())
    });
}

#[test]
fn ff1_gives_the_digits_of_wycheproof_and_refuses_what_is_too_short_or_no_digit() {
    let Some(file) = vectors("aes_ff1_radix10_test.json.gz") else { return };
    run(&file, |_, test| {
        let key = bytes(test, "key");
        match key.len() {
            16 => check_ff1::<Aes128>(&key, test),
            24 => check_ff1::<Aes192>(&key, test),
            32 => check_ff1::<Aes256>(&key, test),
            _ => {
                let ciphers = [
                    Aes128::new_from_slice(&key).is_ok(),
                    Aes192::new_from_slice(&key).is_ok(),
                    Aes256::new_from_slice(&key).is_ok(),
                ];
                ensure(!is_valid(test) && ciphers == [false; 3], "a key of another size is no key of AES")
            }
        }
    });
}

/// Radix 10 to the power of six is the least domain that SP 800-38G Rev. 1 (5.1) allows; the first edition allowed a hundred.
const LEAST_DIGITS: usize = 6;

fn check_ff1<C>(key: &[u8], test: &Value) -> Result<(), String>
where
    C: KeyInit + BlockCipherEncrypt + BlockSizeUser + Clone,
{
    let cipher = FF1::<C>::new(key, 10).map_err(|error| error.to_string())?;
    let tweak = bytes(test, "tweak");
    let Some(plain) = numerals(&test["msg"]) else {
        return ensure(
            has_flag(test, "InvalidPlaintext"),
            "only an invalid plaintext has numbers that are no numerals",
        );
    };
    let sealed = cipher.encrypt(&tweak, &FlexibleNumeralString::from(plain.clone())).map(Vec::<u16>::from);
    if plain.len() < LEAST_DIGITS {
        ensure(
            has_flag(test, "SmallMessageSize") || has_flag(test, "InvalidMessageSize"),
            "a string below six digits is flagged as short",
        )?;
        return ensure(
            matches!(sealed, Err(NumeralStringError::TooShort { .. })),
            "a short string is refused",
        );
    }
    if !is_valid(test) {
        return ensure(
            matches!(sealed, Err(NumeralStringError::InvalidForRadix(10))),
            "what is no digit is refused",
        );
    }
    let expected = numerals(&test["ct"]).ok_or("the ciphertext has numbers that are no numerals")?;
    ensure(sealed.is_ok_and(|sealed| sealed == expected), "the ciphertext is the published one")?;
    let opened = cipher.decrypt(&tweak, &FlexibleNumeralString::from(expected)).map(Vec::<u16>::from);
    ensure(opened.is_ok_and(|opened| opened == plain), "decryption gives the plaintext")
}

/// The numbers as the cipher takes them; `None` if one cannot be a numeral of any radix.
fn numerals(value: &Value) -> Option<Vec<u16>> {
    value.as_array().unwrap().iter().map(|n| u16::try_from(n.as_i64()?).ok()).collect()
}

/// RFC 5297, appendix A: key, associated data (in A.2 the nonce is the last), plaintext, ciphertext.
const SIV: [(&str, &[&str], &str, &str); 2] = [
    (
        "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        &["101112131415161718191a1b1c1d1e1f2021222324252627"],
        "112233445566778899aabbccddee",
        "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c",
    ),
    (
        "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
        &[
            "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
            "102030405060708090a0",
            "09f911029d74e35bd84156c5635688c0",
        ],
        "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
        "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d",
    ),
];

/// The RFC has vectors for keys of 128 bits alone; reversible pseudonyms use the same code with 256.
#[test]
fn aes_siv_gives_the_ciphertexts_of_rfc_5297() {
    for (key, data, plain, sealed) in SIV {
        let (mut cipher, data) = (siv(key), decoded(data));
        assert_eq!(hex::encode(cipher.encrypt(&data, &hex::decode(plain).unwrap()).unwrap()), sealed);
        assert_eq!(hex::encode(cipher.decrypt(&data, &hex::decode(sealed).unwrap()).unwrap()), plain);
    }
}

#[test]
fn aes_siv_refuses_whatever_was_changed() {
    for (key, data, _, sealed) in SIV {
        let (data, sealed) = (decoded(data), hex::decode(sealed).unwrap());
        for bit in 0..8 * sealed.len() {
            let mut wrong = sealed.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(siv(key).decrypt(&data, &wrong).is_err(), "bit {bit} of the ciphertext");
        }
        for length in 0..sealed.len() {
            assert!(siv(key).decrypt(&data, &sealed[..length]).is_err(), "cut to {length} bytes");
        }
        for part in 0..data.len() {
            let mut wrong = data.clone();
            wrong[part][0] ^= 1;
            assert!(siv(key).decrypt(&wrong, &sealed).is_err(), "part {part} of the associated data");
        }
        assert!(siv(key).decrypt(&data[1..], &sealed).is_err(), "less associated data");
        let other = format!("00{}", &key[2..]);
        assert!(siv(&other).decrypt(&data, &sealed).is_err(), "another key");
    }
}

fn siv(key: &str) -> Aes128Siv {
    Aes128Siv::new_from_slice(&hex::decode(key).unwrap()).unwrap()
}

fn decoded(parts: &[&str]) -> Vec<Vec<u8>> {
    parts.iter().map(|part| hex::decode(part).unwrap()).collect()
}

#[test]
fn sm3_gives_the_digests_of_gbt_32905() {
    let cases = [
        ("abc".to_owned(), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        ("abcd".repeat(16), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ];
    for (message, digest) in cases {
        assert_eq!(hex::encode(Sm3::digest(&message)), digest);
        for byte in 0..message.len() {
            let mut other = message.clone().into_bytes();
            other[byte] ^= 1;
            assert_ne!(hex::encode(Sm3::digest(&other)), digest, "byte {byte} changed");
        }
        assert_ne!(hex::encode(Sm3::digest(format!("{message}\0"))), digest, "padded");
        let mut parts = Sm3::new();
        message.bytes().for_each(|byte| Digest::update(&mut parts, [byte]));
        assert_eq!(hex::encode(parts.finalize()), digest, "the same, byte by byte");
    }
}
