//! Reading sealed bytes from shards.

use std::io::{self, Read};
use std::ops::Range;

use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};

use super::fault::{Fault, FaultKind, Faults, ReadError, SourceError};
use super::scheme::Layout;
use super::segment::Table;
use crate::Digest;
use crate::envelope::ReadAt;

/// Gives bytes of shards. Whose shard it is, and how it is reached, is the source's business, and so is a deadline.
pub trait ShardSource {
    /// The bytes `range` of the file of a shard's segment. Nothing about them is believed.
    ///
    /// # Errors
    /// When there are none.
    fn read(&mut self, shard: u8, segment: u64, range: Range<usize>) -> Result<Vec<u8>, SourceError>;
}

impl<S: ShardSource + ?Sized> ShardSource for &mut S {
    fn read(&mut self, shard: u8, segment: u64, range: Range<usize>) -> Result<Vec<u8>, SourceError> {
        (**self).read(shard, segment, range)
    }
}

/// Puts sealed bytes together from any `k` shards, names wrong ones and goes on with others.
///
/// As a [`Read`], errors are [`ReadError`]s inside the [`io::Error`].
pub struct ShardReader<'m, S> {
    source: S,
    layout: Layout,
    segments: &'m [Digest],
    faults: Faults,
    table: Option<(u64, Table)>,
    window: Window,
    /// All pieces of the current stripe, one after the other.
    pieces: Vec<u8>,
    /// The stripe whose pieces `pieces` holds.
    current: Option<u64>,
    /// The next byte that [`Read`] gives.
    position: u64,
    encoder: ReedSolomonEncoder,
    decoder: ReedSolomonDecoder,
    ahead: Ahead,
}

/// Originals that were restored for several stripes at once: setting up the decoder costs as much as decoding a stripe.
#[derive(Default)]
struct Ahead {
    stripes: Range<u64>,
    /// From the pieces of these shards.
    good: Vec<u8>,
    /// By shard: its pieces of these stripes.
    restored: Vec<(u8, Vec<u8>)>,
}

/// Stripes that are decoded at once.
const AHEAD: u64 = 4;

/// Bytes of consecutive stripes of one segment, of those shards that have been asked.
#[derive(Default)]
struct Window {
    stripes: Range<u64>,
    shards: Vec<Asked>,
}

#[derive(Clone, Default)]
enum Asked {
    #[default]
    NotYet,
    Failed,
    Bytes(Vec<u8>),
}

impl<'m, S: ShardSource> ShardReader<'m, S> {
    /// Reads an object with this layout, whose tables have these digests.
    pub fn new(source: S, layout: Layout, segments: &'m [Digest]) -> ShardReader<'m, S> {
        let scheme = layout.scheme();
        let (needed, total) = (usize::from(scheme.needed()), usize::from(scheme.total()));
        let supported = "every scheme is a supported code";
        ShardReader {
            source,
            layout,
            segments,
            faults: Faults::default(),
            table: None,
            window: Window::default(),
            pieces: Vec::new(),
            current: None,
            position: 0,
            encoder: ReedSolomonEncoder::new(needed, total - needed, 64).expect(supported),
            decoder: ReedSolomonDecoder::new(needed, total - needed, 64).expect(supported),
            ahead: Ahead::default(),
        }
    }

    /// What was wrong with shards so far.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The source, and what was wrong.
    pub fn into_parts(self) -> (S, Faults) {
        (self.source, self.faults)
    }

    /// Builds the file of a shard's segment from other shards.
    ///
    /// # Errors
    /// When too few are right.
    pub fn rebuild(&mut self, shard: u8, segment: u64) -> Result<Vec<u8>, ReadError> {
        let stripes = self.layout.stripes_of(segment);
        if stripes.is_empty() || shard >= self.layout.scheme().total() {
            return Err(ReadError::NoSuchStripe { stripe: stripes.start });
        }
        let mut file = Vec::with_capacity(self.layout.segment_bytes(segment));
        // What is to be replaced is not asked for.
        self.open_window(stripes.clone());
        self.window.shards[usize::from(shard)] = Asked::Failed;
        for stripe in stripes {
            self.load(stripe)?;
            let piece = self.layout.piece_bytes(stripe);
            file.extend_from_slice(&self.pieces[usize::from(shard) * piece..][..piece]);
        }
        let (_, table) = self.table.as_ref().expect("loading a stripe loads its table");
        file.extend_from_slice(&table.to_bytes());
        Ok(file)
    }

    /// Makes `stripe` the current one, with all its pieces checked.
    fn load(&mut self, stripe: u64) -> Result<(), ReadError> {
        if self.current == Some(stripe) {
            return Ok(());
        }
        self.current = None;
        if stripe >= self.layout.stripes() {
            return Err(ReadError::NoSuchStripe { stripe });
        }
        self.load_table(self.layout.segment_of(stripe))?;
        if !self.window.stripes.contains(&stripe) {
            self.open_window(stripe..stripe + 1);
        }
        let good = self.gather(stripe)?;
        self.complete(stripe, &good)?;
        self.current = Some(stripe);
        Ok(())
    }

    fn open_window(&mut self, stripes: Range<u64>) {
        let total = usize::from(self.layout.scheme().total());
        self.window = Window { stripes, shards: vec![Asked::NotYet; total] };
        self.ahead = Ahead::default();
        self.current = None;
    }

    /// Gets the table of a segment from whichever shard has the right one.
    fn load_table(&mut self, segment: u64) -> Result<(), ReadError> {
        if self.table.as_ref().is_some_and(|(at, _)| *at == segment) {
            return Ok(());
        }
        self.table = None;
        let Some(digest) = usize::try_from(segment).ok().and_then(|at| self.segments.get(at)) else {
            return Err(ReadError::NoTable { segment, faults: Faults::default() });
        };
        let mut faults = Faults::default();
        for shard in self.by_reliability() {
            let given = self
                .source
                .read(shard, segment, self.layout.table_range(segment))
                .map_err(FaultKind::from)
                .and_then(|bytes| Table::check(&bytes, &self.layout, segment, digest));
            match given {
                Ok(table) => {
                    self.table = Some((segment, table));
                    return Ok(());
                }
                Err(kind) => {
                    let fault = Fault { shard, segment, kind };
                    faults.note(fault.clone());
                    self.faults.note(fault);
                }
            }
        }
        Err(ReadError::NoTable { segment, faults })
    }

    /// Puts `k` right pieces of a stripe into `pieces`, and says which.
    fn gather(&mut self, stripe: u64) -> Result<Vec<u8>, ReadError> {
        let segment = self.layout.segment_of(stripe);
        let needed = usize::from(self.layout.scheme().needed());
        let piece = self.layout.piece_bytes(stripe);
        let first = self.layout.piece_range(self.window.stripes.start).start;
        let last = self.layout.piece_range(self.window.stripes.end - 1).end;
        self.pieces.resize(piece * usize::from(self.layout.scheme().total()), 0);

        let mut good = Vec::with_capacity(needed);
        for shard in self.by_reliability() {
            if good.len() == needed {
                break;
            }
            let asked = &mut self.window.shards[usize::from(shard)];
            if matches!(asked, Asked::NotYet) {
                let given = self.source.read(shard, segment, first..last).map_err(FaultKind::from).and_then(
                    |bytes| match (bytes.len() as u64, (last - first) as u64) {
                        (found, expected) if found != expected => Err(FaultKind::Length { found, expected }),
                        _ => Ok(bytes),
                    },
                );
                *asked = match given {
                    Ok(bytes) => Asked::Bytes(bytes),
                    Err(kind) => {
                        self.faults.note(Fault { shard, segment, kind });
                        Asked::Failed
                    }
                };
            }
            let Asked::Bytes(bytes) = asked else { continue };
            let range = self.layout.piece_range(stripe);
            let bytes = &bytes[range.start - first..range.end - first];
            let (_, table) = self.table.as_ref().expect("the table is loaded before its pieces");
            if table.matches(shard, stripe, bytes) {
                self.pieces[usize::from(shard) * piece..][..piece].copy_from_slice(bytes);
                good.push(shard);
            } else {
                self.faults.note(Fault { shard, segment, kind: FaultKind::WrongPiece { stripe } });
            }
        }
        if good.len() < needed {
            return Err(ReadError::TooFew {
                stripe,
                good: good.len() as u8,
                needed: needed as u8,
                faults: self.faults.clone(),
            });
        }
        Ok(good)
    }

    /// Restores the pieces that are not among the `good` ones, and compares every piece with its leaf.
    fn complete(&mut self, stripe: u64, good: &[u8]) -> Result<(), ReadError> {
        let scheme = *self.layout.scheme();
        let (needed, total) = (usize::from(scheme.needed()), usize::from(scheme.total()));
        let piece = self.layout.piece_bytes(stripe);
        let supported = "every scheme is a supported code, and pieces have the layout's length";
        if good.iter().any(|shard| usize::from(*shard) >= needed) {
            if !self.ahead.stripes.contains(&stripe) || self.ahead.good != good {
                self.decode(stripe, good);
            }
            let from = (stripe - self.ahead.stripes.start) as usize * piece;
            for (shard, bytes) in &self.ahead.restored {
                self.pieces[usize::from(*shard) * piece..][..piece]
                    .copy_from_slice(&bytes[from..from + piece]);
            }
        }

        let (originals, recovery) = self.pieces.split_at_mut(needed * piece);
        self.encoder.reset(needed, total - needed, piece).expect(supported);
        for original in originals.chunks_exact(piece) {
            self.encoder.add_original_shard(original).expect(supported);
        }
        let encoded = self.encoder.encode().expect("k pieces were added");
        for (at, bytes) in encoded.recovery_iter().enumerate() {
            let shard = (needed + at) as u8;
            let there = &mut recovery[at * piece..][..piece];
            if !good.contains(&shard) {
                there.copy_from_slice(bytes);
            } else if there != bytes {
                return Err(ReadError::Inconsistent { stripe, shard });
            }
        }
        drop(encoded);

        let (_, table) = self.table.as_ref().expect("the table is loaded before its pieces");
        for (shard, bytes) in (0u8..).zip(self.pieces.chunks_exact(piece)) {
            // A good piece was compared as it came; everything else has just been computed.
            if !good.contains(&shard) && !table.matches(shard, stripe, bytes) {
                return Err(ReadError::Inconsistent { stripe, shard });
            }
        }
        let length = self.layout.stripe_length(stripe);
        if let Some(at) = self.pieces[length..needed * piece].iter().position(|byte| *byte != 0) {
            return Err(ReadError::Inconsistent { stripe, shard: ((length + at) / piece) as u8 });
        }
        Ok(())
    }

    /// Restores the originals that are not among the `good` pieces, of this stripe and of some that follow. Whether the pieces of those are good too is seen when it is their
    /// turn: with others they are decoded again.
    fn decode(&mut self, stripe: u64, good: &[u8]) {
        let scheme = self.layout.scheme();
        let (needed, total) = (usize::from(scheme.needed()), usize::from(scheme.total()));
        let piece = self.layout.piece_bytes(stripe);
        let last = self.window.stripes.end.min(stripe + AHEAD);
        // The object's last stripe may have shorter pieces.
        let count = (stripe..last).take_while(|at| self.layout.piece_bytes(*at) == piece).count();
        let start =
            self.layout.piece_range(stripe).start - self.layout.piece_range(self.window.stripes.start).start;
        let supported = "every scheme is a supported code, and pieces have the layout's length";
        // Each 64 bytes of a piece are coded by themselves, so that pieces one after the other are one piece.
        self.decoder.reset(needed, total - needed, count * piece).expect(supported);
        for shard in good {
            let Asked::Bytes(bytes) = &self.window.shards[usize::from(*shard)] else { continue };
            let bytes = &bytes[start..start + count * piece];
            match usize::from(*shard).checked_sub(needed) {
                None => self.decoder.add_original_shard(usize::from(*shard), bytes),
                Some(at) => self.decoder.add_recovery_shard(at, bytes),
            }
            .expect(supported);
        }
        let decoded = self.decoder.decode().expect("k pieces were added");
        let restored =
            decoded.restored_original_iter().map(|(shard, bytes)| (shard as u8, bytes.to_vec())).collect();
        self.ahead = Ahead { stripes: stripe..stripe + count as u64, good: good.to_vec(), restored };
    }

    /// Shards in the order in which they are asked: those without faults first, among equals those that need no decoding.
    fn by_reliability(&self) -> Vec<u8> {
        let mut shards: Vec<u8> = (0..self.layout.scheme().total()).collect();
        shards.sort_by_key(|shard| self.faults.count(*shard));
        shards
    }
}

impl<S: ShardSource> Read for ShardReader<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.layout.length() || buffer.is_empty() {
            return Ok(0);
        }
        let size = u64::from(self.layout.scheme().stripe_bytes());
        let stripe = self.position / size;
        if !self.window.stripes.contains(&stripe) {
            // Whoever reads on reads the whole segment.
            let end = self.layout.stripes_of(self.layout.segment_of(stripe)).end;
            self.open_window(stripe..end);
        }
        self.load(stripe)?;
        let start = (self.position % size) as usize;
        let taken = buffer.len().min(self.layout.stripe_length(stripe) - start);
        buffer[..taken].copy_from_slice(&self.pieces[start..start + taken]);
        self.position += taken as u64;
        Ok(taken)
    }
}

impl<S: ShardSource> ReadAt for ShardReader<'_, S> {
    fn read_exact_at(&mut self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.layout.length()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let size = u64::from(self.layout.scheme().stripe_bytes());
        while !buffer.is_empty() {
            let stripe = offset / size;
            self.load(stripe)?;
            let start = (offset % size) as usize;
            let taken = buffer.len().min(self.layout.stripe_length(stripe) - start);
            buffer[..taken].copy_from_slice(&self.pieces[start..start + taken]);
            buffer = &mut buffer[taken..];
            offset += taken as u64;
        }
        Ok(())
    }
}
