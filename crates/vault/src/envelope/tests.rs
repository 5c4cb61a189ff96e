use std::io::{Read, Write};

use chacha20::ChaCha20Rng;
use proptest::prelude::*;
use rand_core::{Rng, SeedableRng};

use super::*;

const SUBJECT: Subject = Subject { object: ObjectId([1; 32]), version: 3 };

struct Sealed {
    key: DataKey,
    envelope: Envelope,
    bytes: Vec<u8>,
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn text(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng(length as u64).fill_bytes(&mut bytes);
    bytes
}

fn seal_as(suite: Suite, subject: Subject, text: &[u8], seed: u64) -> Sealed {
    let mut rng = rng(seed);
    let key = DataKey::generate(&mut rng);
    let envelope = Envelope::new(suite, subject, &key, &mut rng);
    let mut sealer = Sealer::new(Vec::new(), &envelope, &key).unwrap();
    sealer.write_all(text).unwrap();
    let (bytes, length) = sealer.finish().unwrap();
    assert_eq!(length, text.len() as u64);
    assert_eq!(bytes.len() as u64, sealed_length(length));
    Sealed { key, envelope, bytes }
}

fn seal(text: &[u8]) -> Sealed {
    seal_as(Suite::Aes256Gcm, SUBJECT, text, 1)
}

impl Sealed {
    fn open(&self, bytes: &[u8]) -> Result<Vec<u8>, OpenError> {
        let mut opener = Opener::new(bytes, &self.envelope, &self.key)?;
        let mut out = Vec::new();
        while let Some(chunk) = opener.next_chunk()? {
            out.extend_from_slice(chunk);
        }
        Ok(out)
    }

    fn chunk(&self, position: usize) -> &[u8] {
        let start = position * SEALED_CHUNK_BYTES;
        &self.bytes[start..self.bytes.len().min(start + SEALED_CHUNK_BYTES)]
    }

    fn of_chunks(&self, positions: &[usize]) -> Vec<u8> {
        positions.iter().flat_map(|position| self.chunk(*position).to_vec()).collect()
    }
}

#[test]
fn what_is_sealed_opens_at_every_length_around_a_chunk() {
    for suite in [Suite::Aes256Gcm, Suite::Sm4Gcm] {
        for length in [0, 1, 15, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1] {
            let text = text(length);
            let sealed = seal_as(suite, SUBJECT, &text, 1);
            assert!(sealed.open(&sealed.bytes).unwrap() == text, "{suite:?}, {length} bytes");
        }
    }
}

#[test]
fn a_truncated_object_is_refused_where_it_breaks_off() {
    let sealed = seal(&text(2 * CHUNK_BYTES + 10));
    for (length, chunk) in [
        (0, 0),
        (10, 0),
        (SEALED_CHUNK_BYTES - 1, 0),
        (SEALED_CHUNK_BYTES, 1),
        (2 * SEALED_CHUNK_BYTES, 2),
        (sealed.bytes.len() - 1, 2),
    ] {
        let error = sealed.open(&sealed.bytes[..length]).unwrap_err();
        assert!(
            matches!(error, OpenError::Truncated { chunk: found } if found == chunk),
            "{length}: {error}"
        );
    }
}

#[test]
fn reordered_repeated_and_left_out_chunks_are_refused_in_their_place() {
    let sealed = seal(&text(3 * CHUNK_BYTES + 10));
    for (order, expected) in [
        (&[1, 0, 2, 3][..], "chunk 1 is in the place of chunk 0"),
        (&[0, 2, 1, 3], "chunk 2 is in the place of chunk 1"),
        (&[0, 0, 1, 2, 3], "chunk 0 comes again in the place of chunk 1"),
        (&[0, 1, 3], "chunk 3 is in the place of chunk 2"),
        (&[0, 1, 2, 3, 3], "bytes follow the last chunk, 3"),
        (&[0, 1, 2], "the object breaks off in chunk 3"),
    ] {
        assert_eq!(sealed.open(&sealed.of_chunks(order)).unwrap_err().to_string(), expected, "{order:?}");
    }
}

#[test]
fn a_chunk_moved_by_rewriting_its_header_is_refused() {
    let sealed = seal(&text(2 * CHUNK_BYTES + 10));
    let mut bytes = sealed.of_chunks(&[1, 0, 2]);
    bytes[16..24].copy_from_slice(&0u64.to_le_bytes());
    assert!(matches!(sealed.open(&bytes), Err(OpenError::Altered { chunk: 0 })));
}

#[test]
fn a_chunk_of_another_object_version_or_sealing_is_refused() {
    let text = text(CHUNK_BYTES + 10);
    let sealed = seal(&text);
    let (object, version) = (ObjectId([2; 32]), SUBJECT.version);
    for foreign in [
        seal_as(Suite::Aes256Gcm, Subject { object, version }, &text, 1),
        seal_as(Suite::Aes256Gcm, Subject { object: SUBJECT.object, version: version + 1 }, &text, 1),
        seal_as(Suite::Sm4Gcm, SUBJECT, &text, 1),
        seal_as(Suite::Aes256Gcm, SUBJECT, &text, 2),
    ] {
        let bytes = [sealed.chunk(0), foreign.chunk(1)].concat();
        assert!(matches!(sealed.open(&bytes), Err(OpenError::Foreign { chunk: 1 })));
        // And with the header that belongs here, so that only the tag can tell.
        let mut bytes = bytes;
        bytes[SEALED_CHUNK_BYTES..SEALED_CHUNK_BYTES + HEADER_BYTES]
            .copy_from_slice(&sealed.chunk(1)[..HEADER_BYTES]);
        assert!(matches!(sealed.open(&bytes), Err(OpenError::Altered { chunk: 1 })));
    }
}

#[test]
fn an_extended_object_is_refused() {
    let sealed = seal(b"text");
    let bytes = [&sealed.bytes[..], &[0]].concat();
    assert!(matches!(sealed.open(&bytes), Err(OpenError::Extended { chunk: 0 })));
}

#[test]
fn another_key_is_named_before_anything_is_read() {
    let (sealed, other) = (seal(b"text"), seal_as(Suite::Aes256Gcm, SUBJECT, b"text", 2));
    assert!(matches!(Opener::new(&sealed.bytes[..], &sealed.envelope, &other.key), Err(WrongKey)));
    assert!(matches!(Sealer::new(Vec::new(), &sealed.envelope, &other.key), Err(WrongKey)));
}

#[test]
fn every_flipped_bit_of_a_small_object_is_refused() {
    let sealed = seal(b"a few bytes of text");
    for at in 0..sealed.bytes.len() {
        for bit in 0..8 {
            let mut bytes = sealed.bytes.clone();
            bytes[at] ^= 1 << bit;
            assert!(sealed.open(&bytes).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn every_flipped_byte_of_a_header_within_an_object_is_refused_at_its_chunk() {
    let sealed = seal(&text(CHUNK_BYTES + 10));
    for at in 0..HEADER_BYTES {
        let mut bytes = sealed.bytes.clone();
        bytes[SEALED_CHUNK_BYTES + at] ^= 0xff;
        let error = sealed.open(&bytes).unwrap_err();
        let (OpenError::Foreign { chunk }
        | OpenError::Repeated { chunk, .. }
        | OpenError::OutOfOrder { chunk, .. }
        | OpenError::BadHeader { chunk }
        | OpenError::Truncated { chunk }) = error
        else {
            panic!("header byte {at}: {error}")
        };
        assert_eq!(chunk, 1);
    }
}

#[test]
fn ranges_are_the_bytes_of_the_whole() {
    let text = text(2 * CHUNK_BYTES + 10);
    let sealed = seal(&text);
    let mut opener =
        RangeOpener::new(&sealed.bytes[..], &sealed.envelope, &sealed.key, text.len() as u64).unwrap();
    let end = text.len() as u64;
    let chunk = CHUNK_BYTES as u64;
    for range in [0..0, 0..1, chunk - 1..chunk + 1, chunk..2 * chunk, 5..end, end - 1..end, end..end] {
        let mut out = Vec::new();
        opener.read(range.clone(), &mut out).unwrap();
        assert!(out == text[range.start as usize..range.end as usize], "{range:?}");
    }
    assert!(matches!(opener.read(0..end + 1, &mut Vec::new()), Err(OpenError::OutOfRange { .. })));
}

#[test]
fn a_range_of_an_object_that_is_longer_or_shorter_than_its_manifest_says_is_refused() {
    let text = text(CHUNK_BYTES + 10);
    let sealed = seal(&text);
    for length in [CHUNK_BYTES as u64, text.len() as u64 - 1, text.len() as u64 + 1] {
        let mut opener = RangeOpener::new(&sealed.bytes[..], &sealed.envelope, &sealed.key, length).unwrap();
        let error = opener.read(length - 1..length, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, OpenError::Length { .. }), "{error}");
    }
}

#[test]
fn a_write_that_fails_leaves_no_sealed_object() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            Ok(taken)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let sealed = seal(b"");
    let mut sealer = Sealer::new(Full(100), &sealed.envelope, &sealed.key).unwrap();
    let error = sealer.write_all(&text(CHUNK_BYTES + 1)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert!(sealer.finish().is_err(), "what follows a lost chunk must not be written as if it were whole");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_cut_of_writes_and_reads_gives_the_same_bytes(
        writes in proptest::collection::vec(1usize..400_000, 0..6),
        read in 1usize..300_000,
    ) {
        let whole = text(writes.iter().sum());
        let (key, envelope) = { let s = seal(b""); (s.key, s.envelope) };
        let mut sealer = Sealer::new(Vec::new(), &envelope, &key).unwrap();
        let mut rest = &whole[..];
        for length in writes {
            sealer.write_all(&rest[..length]).unwrap();
            rest = &rest[length..];
        }
        let (bytes, _) = sealer.finish().unwrap();
        let mut opener = Opener::new(&bytes[..], &envelope, &key).unwrap();
        let (mut out, mut buffer) = (Vec::new(), vec![0; read]);
        loop {
            let count = opener.read(&mut buffer).unwrap();
            if count == 0 { break }
            out.extend_from_slice(&buffer[..count]);
        }
        prop_assert!(out == whole);
    }

    #[test]
    fn a_changed_byte_anywhere_is_refused(length in 0usize..2_000, at in any::<prop::sample::Index>(), change in 1u8..) {
        let sealed = seal(&text(length));
        let mut bytes = sealed.bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(sealed.open(&bytes).is_err());
    }
}
