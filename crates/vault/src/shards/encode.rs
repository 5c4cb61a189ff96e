//! Writing shards.

use std::io::{self, Write};

use reed_solomon_simd::ReedSolomonEncoder;

use super::merkle;
use super::scheme::{Layout, Scheme};
use super::segment::Table;
use crate::Digest;

/// Takes the segment files of shards.
pub trait ShardSink {
    /// Takes the file of one segment of one shard. Segments come in order, and of each all shards.
    ///
    /// # Errors
    /// When it cannot be kept. Nothing of it must then be visible.
    fn put(&mut self, shard: u8, segment: u64, bytes: &[u8]) -> io::Result<()>;
}

impl<S: ShardSink + ?Sized> ShardSink for &mut S {
    fn put(&mut self, shard: u8, segment: u64, bytes: &[u8]) -> io::Result<()> {
        (**self).put(shard, segment, bytes)
    }
}

/// What was written: a part of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharded {
    /// Sealed bytes.
    pub length: u64,
    /// The digest of each segment's table.
    pub segments: Vec<Digest>,
}

/// Cuts what is written to it into shards.
pub struct ShardWriter<S> {
    sink: S,
    scheme: Scheme,
    code: ReedSolomonEncoder,
    /// The stripe so far.
    stripe: Vec<u8>,
    /// Where the last pieces of a stripe are filled up with zeros.
    padded: Vec<u8>,
    /// The current segment of each shard.
    files: Vec<Vec<u8>>,
    leaves: Vec<Digest>,
    stripes: u64,
    segments: Vec<Digest>,
    length: u64,
}

impl<S: ShardSink> ShardWriter<S> {
    /// Begins to write shards into `sink`.
    pub fn new(sink: S, scheme: Scheme) -> ShardWriter<S> {
        let (needed, total) = (usize::from(scheme.needed()), usize::from(scheme.total()));
        let stripe = scheme.stripe_bytes() as usize;
        let piece = Layout::new(scheme, stripe as u64).piece_bytes(0);
        ShardWriter {
            sink,
            scheme,
            code: ReedSolomonEncoder::new(needed, total - needed, piece)
                .expect("every scheme is a supported code with pieces of even length"),
            stripe: Vec::with_capacity(stripe),
            padded: Vec::new(),
            files: vec![Vec::new(); total],
            leaves: Vec::new(),
            stripes: 0,
            segments: Vec::new(),
            length: 0,
        }
    }

    /// Writes what is left. Returns the sink and what the manifest says of the shards.
    ///
    /// # Errors
    /// When the sink fails, or nothing was written.
    pub fn finish(mut self) -> io::Result<(S, Sharded)> {
        if !self.stripe.is_empty() {
            let stripe = std::mem::take(&mut self.stripe);
            self.encode(&stripe)?;
        }
        if self.stripes == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no bytes to cut into shards"));
        }
        if !self.leaves.is_empty() {
            self.end_segment()?;
        }
        Ok((self.sink, Sharded { length: self.length, segments: self.segments }))
    }

    fn encode(&mut self, stripe: &[u8]) -> io::Result<()> {
        let needed = usize::from(self.scheme.needed());
        let recovery = usize::from(self.scheme.total()) - needed;
        let piece = Layout::new(self.scheme, stripe.len() as u64).piece_bytes(0);
        let full = stripe.chunks_exact(piece);
        self.padded.clear();
        self.padded.extend_from_slice(full.remainder());
        self.padded.resize((needed - full.len()) * piece, 0);
        let originals = || full.clone().chain(self.padded.chunks_exact(piece));

        self.code.reset(needed, recovery, piece).expect("every scheme is a supported code");
        for original in originals() {
            self.code.add_original_shard(original).expect("as many pieces as configured, of this length");
        }
        let encoded = self.code.encode().expect("all pieces were added");
        let pieces = originals().chain(encoded.recovery_iter());
        let full_stripe = stripe.len() == self.scheme.stripe_bytes() as usize;
        let segment = Layout::new(self.scheme, u64::MAX).segment_bytes(0);
        for ((shard, file), piece) in (0u8..).zip(&mut self.files).zip(pieces) {
            self.leaves.push(merkle::leaf(shard, self.stripes, piece));
            if file.capacity() == 0 && full_stripe {
                // Growing by doubling would end at twice as much.
                file.reserve_exact(segment);
            }
            file.extend_from_slice(piece);
        }
        drop(encoded);

        self.length += stripe.len() as u64;
        self.stripes += 1;
        let layout = Layout::new(self.scheme, u64::MAX);
        if layout.segment_of(self.stripes) > self.segments.len() as u64 {
            self.end_segment()?;
        }
        Ok(())
    }

    fn end_segment(&mut self) -> io::Result<()> {
        let segment = self.segments.len() as u64;
        let first = Layout::new(self.scheme, u64::MAX).stripes_of(segment).start;
        let table = Table::new(std::mem::take(&mut self.leaves), self.scheme.total(), first);
        let bytes = table.to_bytes();
        for (shard, file) in (0u8..).zip(&mut self.files) {
            file.extend_from_slice(&bytes);
            self.sink.put(shard, segment, file)?;
            file.clear();
        }
        self.segments.push(table.digest());
        Ok(())
    }
}

impl<S: ShardSink> Write for ShardWriter<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.scheme.stripe_bytes() as usize;
        let taken = bytes.len().min(size - self.stripe.len());
        if taken == size {
            // A whole stripe, as a sealer writes it, is not copied first.
            self.encode(&bytes[..size])?;
            return Ok(taken);
        }
        self.stripe.extend_from_slice(&bytes[..taken]);
        if self.stripe.len() == size {
            let mut stripe = std::mem::take(&mut self.stripe);
            let encoded = self.encode(&stripe);
            stripe.clear();
            self.stripe = stripe;
            encoded?;
        }
        Ok(taken)
    }

    /// Does nothing: a stripe is written when it is full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
