use std::io::{Read, Write};
use std::ops::Range;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::envelope::ReadAt;

fn small() -> Scheme {
    Scheme::with_units(5, 7, 1000, 3).unwrap()
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251) as u8).collect()
}

struct Kept {
    layout: Layout,
    sharded: Sharded,
    shards: MemoryShards,
    bytes: Vec<u8>,
}

fn keep(scheme: Scheme, length: usize) -> Kept {
    let bytes = bytes(length);
    let mut writer = ShardWriter::new(MemoryShards::default(), scheme);
    writer.write_all(&bytes).unwrap();
    let (shards, sharded) = writer.finish().unwrap();
    assert_eq!(sharded.length, length as u64);
    Kept { layout: Layout::new(scheme, length as u64), sharded, shards, bytes }
}

impl Kept {
    fn reader<S: ShardSource>(&self, source: S) -> ShardReader<'_, S> {
        ShardReader::new(source, self.layout, &self.sharded.segments)
    }

    fn read(&self, source: impl ShardSource) -> (Result<Vec<u8>, ReadError>, Faults) {
        let mut reader = self.reader(source);
        let mut out = Vec::new();
        let result = reader.read_to_end(&mut out).map(|_| out).map_err(|error| error.downcast().unwrap());
        (result, reader.into_parts().1)
    }

    fn tamper(&self, shard: u8, segment: u64, change: impl FnOnce(&mut Vec<u8>)) -> MemoryShards {
        let mut shards = self.shards.clone();
        change(shards.files.get_mut(&(shard, segment)).unwrap());
        shards
    }
}

#[test]
fn every_set_of_two_lost_members_of_seven_restores() {
    let kept = keep(small(), 7_777);
    let mut sets = 0;
    for first in 0..7 {
        for second in first + 1..7 {
            let mut left = kept.shards.clone();
            left.lose(first);
            left.lose(second);
            let (read, faults) = kept.read(left);
            assert!(read.unwrap() == kept.bytes, "without {first} and {second}");
            assert!(faults.iter().all(|fault| [first, second].contains(&fault.shard)));
            sets += 1;
        }
    }
    assert_eq!(sets, 21);
}

#[test]
fn three_lost_members_of_seven_are_too_many_and_are_named() {
    let kept = keep(small(), 7_777);
    let mut left = kept.shards.clone();
    for shard in [1, 4, 6] {
        left.lose(shard);
    }
    let (read, _) = kept.read(left);
    let Err(ReadError::TooFew { stripe: 0, good: 4, needed: 5, faults }) = read else { panic!("{read:?}") };
    assert_eq!(faults.iter().map(|fault| fault.shard).collect::<Vec<_>>(), [1, 4, 6]);
}

#[test]
fn every_set_of_two_liars_is_named_and_survived() {
    let kept = keep(small(), 7_777);
    let lie = |shards: &mut MemoryShards, shard: u8| {
        for ((of, segment), file) in &mut shards.files {
            if *of == shard {
                let at = kept.layout.piece_range(kept.layout.stripes_of(*segment).start).start;
                file[at + 7] ^= 1;
            }
        }
    };
    for first in 0..7 {
        for second in first + 1..7 {
            let mut shards = kept.shards.clone();
            lie(&mut shards, first);
            lie(&mut shards, second);
            let (read, faults) = kept.read(shards);
            assert!(read.unwrap() == kept.bytes);
            for fault in faults.iter() {
                assert!([first, second].contains(&fault.shard), "{fault}");
                assert_eq!(fault.kind, FaultKind::WrongPiece { stripe: 0 });
            }
            // A liar among the five that are asked first must have been noticed.
            assert_eq!(faults.count(first) > 0, first < 5, "{first} {second}");
        }
    }
}

#[test]
fn who_begins_to_lie_while_another_is_lost_is_named_at_that_stripe() {
    // Segments longer than what is decoded at once, and a shorter last stripe.
    let kept = keep(Scheme::with_units(5, 7, 1000, 7).unwrap(), 9_100);
    for liar in 1..7u8 {
        for stripe in 0..kept.layout.stripes() {
            let segment = kept.layout.segment_of(stripe);
            let at = kept.layout.piece_range(stripe).start;
            let mut shards = kept.tamper(liar, segment, |file| file[at] ^= 1);
            shards.lose(0);
            let (read, faults) = kept.read(shards);
            assert!(read.unwrap() == kept.bytes, "{liar} {stripe}");
            let wrong: Vec<_> =
                faults.iter().filter(|fault| fault.shard != 0).map(|fault| &fault.kind).collect();
            // The seventh is asked for nothing as long as the others do.
            let expected = [&FaultKind::WrongPiece { stripe }];
            assert_eq!(wrong, expected[..usize::from(liar < 6)], "{liar} {stripe}");
        }
    }
}

#[test]
fn a_liar_is_asked_last_from_then_on() {
    let kept = keep(small(), 20_000);
    let mut shards = kept.shards.clone();
    for ((shard, _), file) in &mut shards.files {
        if *shard == 0 {
            file[0] ^= 1;
        }
    }
    let (read, faults) = kept.read(shards);
    assert!(read.unwrap() == kept.bytes);
    assert_eq!(faults.count(0), 1, "one wrong piece is enough");
}

#[test]
fn a_wrong_table_is_named_and_another_members_is_taken() {
    let kept = keep(small(), 5_000);
    let range = kept.layout.table_range(0);
    for at in range {
        let shards = kept.tamper(0, 0, |file| file[at] ^= 0x80);
        let (read, faults) = kept.read(shards);
        assert!(read.unwrap() == kept.bytes);
        assert_eq!(faults.iter().next().unwrap().kind, FaultKind::WrongTable);
    }
}

#[test]
fn truncated_oversized_and_swapped_files_are_named() {
    let kept = keep(small(), 7_777);
    let check = SegmentCheck::new(kept.layout, &kept.sharded.segments);
    let file = |shard, segment| kept.shards.files[&(shard, segment)].clone();
    assert_eq!(check.check(0, 0, &file(0, 0)), Ok(()));

    let short = &file(0, 0)[1..];
    assert!(matches!(check.check(0, 0, short), Err(FaultKind::Length { .. })));
    let long = [file(0, 0), vec![0]].concat();
    assert!(matches!(check.check(0, 0, &long), Err(FaultKind::Length { .. })));
    assert!(matches!(check.check(0, 0, &file(1, 0)), Err(FaultKind::WrongPiece { stripe: 0 })));
    assert!(matches!(check.check(0, 0, &file(0, 1)), Err(FaultKind::WrongTable)));
    assert!(matches!(check.check(7, 0, &file(0, 0)), Err(FaultKind::Unknown)));
    assert!(matches!(check.check(0, 9, &file(0, 0)), Err(FaultKind::Unknown)));

    // And a reader goes on without them. What follows a file's end it does not even ask for.
    for (change, noticed) in [(file(1, 0), 1), (file(0, 1), 1), (short.to_vec(), 1), (long, 0)] {
        let (read, faults) = kept.read(kept.tamper(0, 0, |file| *file = change));
        assert!(read.unwrap() == kept.bytes);
        assert!(faults.count(0) >= noticed);
    }
}

#[test]
fn every_flipped_byte_of_a_file_is_found() {
    let kept = keep(Scheme::with_units(2, 3, 200, 2).unwrap(), 390);
    let check = SegmentCheck::new(kept.layout, &kept.sharded.segments);
    for ((shard, segment), file) in &kept.shards.files {
        for at in 0..file.len() {
            let mut file = file.clone();
            file[at] ^= 0xff;
            assert!(check.check(*shard, *segment, &file).is_err(), "shard {shard}, byte {at}");
        }
    }
}

#[test]
fn slow_members_are_named_and_survived() {
    struct Slow(MemoryShards);
    impl ShardSource for Slow {
        fn read(&mut self, shard: u8, segment: u64, range: Range<usize>) -> Result<Vec<u8>, SourceError> {
            match shard {
                2 => Err(SourceError::Slow { waited: Duration::from_secs(5) }),
                _ => self.0.read(shard, segment, range),
            }
        }
    }
    let kept = keep(small(), 7_777);
    let (read, faults) = kept.read(Slow(kept.shards.clone()));
    assert!(read.unwrap() == kept.bytes);
    let fault = faults.iter().next().unwrap();
    assert_eq!(fault.to_string(), "shard 2, segment 0: no answer within 5000 ms");
    assert!(!fault.kind.is_wrong());
}

#[test]
fn pieces_that_are_of_no_one_stripe_are_refused_whichever_members_answer() {
    // An encoder that commits to a parity piece of its own liking.
    let scheme = Scheme::with_units(2, 4, 128, 1).unwrap();
    let kept = keep(scheme, 128);
    let mut pieces: Vec<Vec<u8>> =
        (0..4).map(|shard| kept.shards.files[&(shard, 0)][..64].to_vec()).collect();
    pieces[2][5] ^= 1;
    let leaves = (0u8..).zip(&pieces).map(|(shard, piece)| merkle::leaf(shard, 0, piece)).collect();
    let table = Table::new(leaves, 4, 0);
    let mut shards = MemoryShards::default();
    for (shard, piece) in (0u8..).zip(pieces) {
        shards.put(shard, 0, &[piece, table.to_bytes()].concat()).unwrap();
    }
    for lost in [&[][..], &[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 3], &[2, 3]] {
        let mut left = shards.clone();
        lost.iter().for_each(|shard| left.lose(*shard));
        let segments = [table.digest()];
        let mut reader = ShardReader::new(left, kept.layout, &segments);
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        let error: ReadError = error.downcast().unwrap();
        assert!(matches!(error, ReadError::Inconsistent { stripe: 0, .. }), "without {lost:?}: {error}");
    }
}

#[test]
fn every_lost_file_is_rebuilt_byte_for_byte() {
    let kept = keep(small(), 7_777);
    for ((shard, segment), file) in &kept.shards.files {
        let mut left = kept.shards.clone();
        left.lose(*shard);
        left.lose((shard + 3) % 7);
        let rebuilt = kept.reader(left).rebuild(*shard, *segment).unwrap();
        assert!(rebuilt == *file, "shard {shard}, segment {segment}");
    }
}

#[test]
fn what_has_no_bytes_is_not_kept() {
    let writer = ShardWriter::new(MemoryShards::default(), small());
    assert_eq!(writer.finish().unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn a_sink_that_fails_stops_the_writer() {
    struct Full;
    impl ShardSink for Full {
        fn put(&mut self, _: u8, _: u64, _: &[u8]) -> std::io::Result<()> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
    }
    let mut writer = ShardWriter::new(Full, small());
    let error = writer.write_all(&bytes(10_000)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_k_shards_of_any_code_give_any_object_back(
        needed in 1u8..6, more in 1u8..5, stripe in 64u32..600, segment in 1u16..5, length in 1usize..5_000,
        order in any::<[u8; 10]>(), range in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let scheme = Scheme::with_units(needed, needed + more, stripe, segment).unwrap();
        let kept = keep(scheme, length);
        let mut shards: Vec<u8> = (0..needed + more).collect();
        shards.sort_by_key(|shard| order[usize::from(*shard)]);
        let mut left = kept.shards.clone();
        shards[usize::from(needed)..].iter().for_each(|shard| left.lose(*shard));
        let (read, _) = kept.read(left.clone());
        prop_assert!(read.unwrap() == kept.bytes);

        let (a, b) = (range.0.index(length), range.1.index(length));
        let (start, end) = (a.min(b), a.max(b) + 1);
        let mut buffer = vec![0; end - start];
        kept.reader(left).read_exact_at(&mut buffer, start as u64).unwrap();
        prop_assert!(buffer == kept.bytes[start..end]);
    }

    #[test]
    fn what_is_read_is_what_was_kept_or_nothing(
        damage in proptest::collection::vec((0u8..7, any::<prop::sample::Index>(), 1u8..), 0..12),
    ) {
        let kept = keep(small(), 2_500);
        let mut shards = kept.shards.clone();
        for (shard, at, change) in damage {
            let file = shards.files.get_mut(&(shard, 0)).unwrap();
            let at = at.index(file.len());
            file[at] ^= change;
        }
        if let (Ok(read), _) = kept.read(shards) {
            prop_assert!(read == kept.bytes);
        }
    }
}
