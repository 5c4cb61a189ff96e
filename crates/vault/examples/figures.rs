//! Prints what custody costs on this machine: `cargo run --release -p medveil-vault --example figures [MB] [DIR]`.
//!
//! An object of `MB` megabytes (1,000 by default) is sealed and cut into 7 shards under DIR (a temporary folder by default) and read back, whole and without
//! two of them. Rates are plaintext megabytes per CPU second of this process, which has one thread.

#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use chacha20::ChaCha20Rng;
use medveil_vault::committee::ceremony::{Ceremony, Seat};
use medveil_vault::committee::{Identity, MemberKey, OneTimeKeys, Willingness, WrappedKey, recover};
use medveil_vault::envelope::{Envelope, ReadAt, Sealer, Subject, Suite};
use medveil_vault::shards::{Scheme, ShardSink, ShardSource, SourceError};
use medveil_vault::{DataKey, Digest, ObjectId, object};
use rand_core::{Rng, SeedableRng};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let megabytes: u64 = arguments.next().map_or(Ok(1000), |text| text.parse())?;
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("medveil-figures-{}", std::process::id()));
    let result = bulk(megabytes, &folder).and_then(|()| keys());
    let _ = fs::remove_dir_all(&folder);
    result
}

fn bulk(megabytes: u64, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    for (suite, megabytes) in [(Suite::Aes256Gcm, megabytes), (Suite::Sm4Gcm, megabytes / 10)] {
        let length = megabytes * 1_000_000;
        let key = DataKey::generate(&mut rng);
        let subject = Subject { object: ObjectId([1; 32]), version: 1 };
        let envelope = Envelope::new(suite, subject, &key, &mut rng);
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)?;

        let clock = Clock::start();
        let mut sealer = Sealer::new(io::sink(), &envelope, &key)?;
        io::copy(&mut Text::new(length), &mut sealer)?;
        sealer.finish()?;
        clock.print(&format!("{suite:?} encrypt alone"), megabytes);

        let clock = Clock::start();
        let mut text = Text::new(length);
        object::seal(&mut text, &mut Nowhere, &envelope, Scheme::default(), &key)?;
        clock.print(&format!("{suite:?} encrypt and shard, not written"), megabytes);

        let clock = Clock::start();
        let mut text = Text::new(length);
        let manifest = object::seal(&mut text, &mut Folder(folder, &[]), &envelope, Scheme::default(), &key)?;
        clock.print(&format!("{suite:?} encrypt and shard"), megabytes);

        for lost in [&[][..], &[0, 3]] {
            let clock = Clock::start();
            let mut out = Compare(Text::new(length), Vec::new());
            object::open(&manifest, Folder(folder, lost), &key, &mut out)?;
            clock.print(&format!("{suite:?} fetch and decrypt, {} lost", lost.len()), megabytes);
        }
        if suite == Suite::Aes256Gcm {
            let clock = Clock::start();
            let layout = manifest.layout();
            let source = Folder(folder, &[0, 3]);
            let mut reader = medveil_vault::shards::ShardReader::new(source, layout, manifest.segments());
            for segment in 0..layout.segments() {
                reader.rebuild(0, segment)?;
            }
            clock.print("rebuild of one shard, 2 lost", megabytes);
        }
    }
    println!("peak memory {} MB", status("VmHWM:")? / 1000);
    Ok(())
}

fn keys() -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha20Rng::from_seed([2; 32]);
    let chain = Digest([3; 32]);
    let seats: Vec<Seat> =
        (0..7).map(|_| Seat::new(MemberKey::generate(&mut rng), OneTimeKeys::generate(&mut rng))).collect();
    let members: BTreeSet<_> = seats.iter().map(Seat::member).collect();

    let start = Instant::now();
    let mut ceremony = Ceremony::open(chain, 1, members, 7, None)?;
    for seat in &seats {
        ceremony.join(seat.member(), seat.join(&ceremony, true))?;
    }
    ceremony.advance()?;
    for seat in &seats {
        ceremony.deal(seat.member(), seat.deal(&ceremony, None)?)?;
    }
    ceremony.advance()?;
    for seat in &seats {
        ceremony.answer(seat.member(), seat.answers(&ceremony)?)?;
    }
    ceremony.advance()?;
    for seat in &seats {
        ceremony.close(seat.member(), seat.close(&ceremony, None)?)?;
    }
    let committee = ceremony.finish()?;
    println!("ceremony of 7, all members and the ledger on one thread: {:.0} ms", ms(start));

    let subject = Subject { object: ObjectId([1; 32]), version: 1 };
    let identity = Identity::new(&chain, &subject, &Digest([4; 32]), &Digest([5; 32]));
    let key = DataKey::generate(&mut rng);
    let mut willing = Willingness::default();
    willing.admit(identity)?;
    let shares = seats.iter().map(|seat| seat.share(&ceremony)).collect::<Result<Vec<_>, _>>()?;
    let wrapped = WrappedKey::wrap(&committee, &identity, &key, &mut rng)?;
    let partials =
        shares[..5].iter().map(|share| share.release(&identity, &willing)).collect::<Result<Vec<_>, _>>()?;

    each("wrap", || WrappedKey::wrap(&committee, &identity, &key, &mut rng).map(|_| ()).is_ok());
    each("partial release", || shares[0].release(&identity, &willing).is_ok());
    each("verify a partial", || partials[0].verify(&committee, &identity).is_ok());
    each("recover, 5 partials checked as one", || {
        recover(&committee, &identity, &wrapped, &partials).is_ok()
    });
    Ok(())
}

fn each(what: &str, mut act: impl FnMut() -> bool) {
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            let start = Instant::now();
            assert!(act(), "{what}");
            ms(start)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{what}: {:.2} ms (median of 200)", times[100]);
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

/// Files `SHARD-SEGMENT`, without those of lost shards.
struct Folder<'f>(&'f Path, &'f [u8]);

impl ShardSink for Folder<'_> {
    fn put(&mut self, shard: u8, segment: u64, bytes: &[u8]) -> io::Result<()> {
        fs::write(self.0.join(format!("{shard}-{segment}")), bytes)
    }
}

impl ShardSource for Folder<'_> {
    fn read(&mut self, shard: u8, segment: u64, range: Range<usize>) -> Result<Vec<u8>, SourceError> {
        if self.1.contains(&shard) {
            return Err(SourceError::Absent);
        }
        let mut file =
            File::open(self.0.join(format!("{shard}-{segment}"))).map_err(|_| SourceError::Absent)?;
        let mut bytes = vec![0; range.len()];
        file.read_exact_at(&mut bytes, range.start as u64)
            .map_err(|error| SourceError::Failed { what: error.to_string() })?;
        Ok(bytes)
    }
}

/// Keeps nothing.
struct Nowhere;

impl ShardSink for Nowhere {
    fn put(&mut self, _: u8, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// A text that is no constant and costs little: a block of random bytes, again and again.
struct Text {
    block: Vec<u8>,
    left: u64,
    at: usize,
}

impl Text {
    fn new(length: u64) -> Text {
        let mut block = vec![0; 4 << 20];
        ChaCha20Rng::from_seed([8; 32]).fill_bytes(&mut block);
        Text { block, left: length, at: 0 }
    }
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.block.len() - self.at);
        let taken = (most as u64).min(self.left) as usize;
        buffer[..taken].copy_from_slice(&self.block[self.at..self.at + taken]);
        self.at = (self.at + taken) % self.block.len();
        self.left -= taken as u64;
        Ok(taken)
    }
}

/// Compares what is written with the text.
struct Compare(Text, Vec<u8>);

impl Write for Compare {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.resize(bytes.len(), 0);
        self.0.read_exact(&mut self.1)?;
        if self.1 != bytes {
            return Err(io::Error::other("what was read is not what was sealed"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Clock {
    wall: Instant,
    cpu: f64,
}

impl Clock {
    fn start() -> Clock {
        Clock { wall: Instant::now(), cpu: cpu() }
    }

    fn print(&self, what: &str, megabytes: u64) {
        let (wall, cpu) = (self.wall.elapsed().as_secs_f64(), cpu() - self.cpu);
        let rate = megabytes as f64 / cpu;
        println!("{what}: {megabytes} MB in {cpu:.2} CPU s ({wall:.2} s): {rate:.0} MB per CPU s");
    }
}

/// CPU seconds of this process so far, in ticks of 1/100 s: fields 14 and 15 of `/proc/self/stat`.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let field = |at| after_name.split_whitespace().nth(at).and_then(|text| text.parse::<f64>().ok());
    (field(11).unwrap_or(0.0) + field(12).unwrap_or(0.0)) / 100.0
}

/// A field of `/proc/self/status`, in kB.
fn status(name: &str) -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    Ok(line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0))
}
