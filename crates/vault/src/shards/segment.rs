//! A segment's table, and what a file of a segment must be.

use super::fault::FaultKind;
use super::merkle;
use super::scheme::Layout;
use crate::Digest;

/// The leaves of a segment's pieces: stripe by stripe, shard by shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    leaves: Vec<Digest>,
    total: usize,
    first: u64,
}

impl Table {
    /// The table of these leaves.
    pub(super) fn new(leaves: Vec<Digest>, total: u8, first: u64) -> Table {
        Table { leaves, total: total.into(), first }
    }

    /// Reads the table of `segment` and compares it with what the manifest commits to.
    ///
    /// # Errors
    /// It has another length or another digest.
    pub fn check(bytes: &[u8], layout: &Layout, segment: u64, digest: &Digest) -> Result<Table, FaultKind> {
        let expected = layout.table_range(segment).len();
        if bytes.len() != expected {
            return Err(FaultKind::Length { found: bytes.len() as u64, expected: expected as u64 });
        }
        let leaves =
            bytes.chunks_exact(32).map(|leaf| Digest(leaf.try_into().expect("chunks of 32 bytes"))).collect();
        let table = Table::new(leaves, layout.scheme().total(), layout.stripes_of(segment).start);
        if table.digest() == *digest { Ok(table) } else { Err(FaultKind::WrongTable) }
    }

    /// What the manifest commits to: the root over the stripes' roots.
    pub fn digest(&self) -> Digest {
        let stripes: Vec<Digest> = self.leaves.chunks(self.total).map(merkle::root).collect();
        merkle::root(&stripes)
    }

    /// The leaf of a piece.
    pub fn leaf(&self, shard: u8, stripe: u64) -> Digest {
        self.leaves[(stripe - self.first) as usize * self.total + usize::from(shard)]
    }

    /// The bytes at the end of every segment file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.leaves.iter().flat_map(|leaf| leaf.0).collect()
    }

    /// Whether `piece` is the piece of `shard` in `stripe`.
    pub fn matches(&self, shard: u8, stripe: u64, piece: &[u8]) -> bool {
        merkle::leaf(shard, stripe, piece) == self.leaf(shard, stripe)
    }
}

/// Checks whole segment files, as a member does with what it is given and what it finds on its disk.
#[derive(Clone, Copy, Debug)]
pub struct SegmentCheck<'m> {
    layout: Layout,
    segments: &'m [Digest],
}

impl<'m> SegmentCheck<'m> {
    /// Checks files of an object with this layout, whose tables have these digests.
    pub fn new(layout: Layout, segments: &'m [Digest]) -> SegmentCheck<'m> {
        SegmentCheck { layout, segments }
    }

    /// Checks the file of one shard's segment: its length, its table and each of its pieces.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn check(&self, shard: u8, segment: u64, bytes: &[u8]) -> Result<(), FaultKind> {
        let digest = usize::try_from(segment).ok().and_then(|segment| self.segments.get(segment));
        let (Some(digest), true) = (digest, shard < self.layout.scheme().total()) else {
            return Err(FaultKind::Unknown);
        };
        let expected = self.layout.segment_bytes(segment);
        if bytes.len() != expected {
            return Err(FaultKind::Length { found: bytes.len() as u64, expected: expected as u64 });
        }
        let table = Table::check(&bytes[self.layout.table_range(segment)], &self.layout, segment, digest)?;
        for stripe in self.layout.stripes_of(segment) {
            if !table.matches(shard, stripe, &bytes[self.layout.piece_range(stripe)]) {
                return Err(FaultKind::WrongPiece { stripe });
            }
        }
        Ok(())
    }
}
