//! The hashes that commit to pieces.

use crate::Digest;
use crate::digest::tagged_hash;

/// Commits to one piece in its place.
pub(super) fn leaf(shard: u8, stripe: u64, piece: &[u8]) -> Digest {
    tagged_hash("medveil/vault/piece/v1", &[&[shard], &stripe.to_le_bytes(), piece])
}

/// The root of a tree over `leaves`. How many there are is known to whoever checks.
pub(super) fn root(leaves: &[Digest]) -> Digest {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => tagged_hash("medveil/vault/node/v1", &[&left.0, &right.0]),
                // Promoted, not doubled: of two lists that differ in length no one is padded into the other.
                alone => alone[0],
            })
            .collect();
    }
    level.first().copied().unwrap_or_else(|| tagged_hash("medveil/vault/empty/v1", &[]))
}
