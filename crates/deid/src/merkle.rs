//! Merkle trees over records: one root that binds every record and their order.
//!
//! The shape is that of RFC 6962, 2.1 (Certificate Transparency): leaves and nodes are hashed under different prefixes, a tree of n
//! leaves splits at the largest power of two below n. A leaf is HMAC(key of the dataset, 0x00 || record): without the key the
//! root tells nothing of its records, however few values they can take.
//!
//! [`Builder`] streams: it holds one hash per level, and the roots of at most [`MAX_CHECKPOINTS`] aligned subtrees, which later
//! tell *where* two datasets differ.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sm3::Sm3;

use crate::sha256;
use crate::study::{Prf, Suite};

/// A hash of a tree.
pub type Hash = [u8; 32];

/// Half of the most subtree roots that a [`Builder`] keeps.
pub const MAX_CHECKPOINTS: usize = 256;

/// What is hashed before the record of a leaf (RFC 6962, 2.1).
pub const LEAF: u8 = 0x00;

/// The leaf of a record under the dataset's key.
pub fn leaf(key: &Prf, record: &[u8]) -> Hash {
    key.tag(&[&[LEAF], record])
}

/// The hash above two others.
pub fn node(suite: Suite, left: &Hash, right: &Hash) -> Hash {
    match suite {
        Suite::International => sha256::node(0x01, left, right),
        Suite::National => {
            Sm3::new_with_prefix([0x01]).chain_update(left).chain_update(right).finalize().into()
        }
    }
}

/// Builds a tree from leaves in order.
#[derive(Clone, Debug)]
pub struct Builder {
    suite: Suite,
    count: u64,
    /// Roots of the complete subtrees so far, largest first: one per set bit of `count`.
    stack: Vec<Hash>,
    checkpoints: Checkpoints,
}

/// Roots of the complete, aligned subtrees of `2^level` leaves, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoints {
    /// The subtrees' height.
    pub level: u32,
    /// Their roots.
    #[serde(with = "hex_list")]
    pub roots: Vec<Hash>,
}

impl Builder {
    /// An empty tree.
    pub fn new(suite: Suite) -> Self {
        Builder { suite, count: 0, stack: Vec::new(), checkpoints: Checkpoints::default() }
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let (mut hash, mut level) = (leaf, 0);
        let mut bits = self.count;
        self.checkpoint(level, hash);
        while bits & 1 == 1 {
            let left = self.stack.pop().expect("one hash per set bit of the count");
            hash = node(self.suite, &left, &hash);
            level += 1;
            self.checkpoint(level, hash);
            bits >>= 1;
        }
        self.stack.push(hash);
        self.count += 1;
    }

    /// Number of leaves.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The tree head of what was pushed so far; that of no leaves is the hash of nothing (RFC 6962, 2.1).
    pub fn root(&self) -> Hash {
        let mut hashes = self.stack.iter().rev();
        match hashes.next() {
            Some(last) => hashes.fold(*last, |right, left| node(self.suite, left, &right)),
            None => match self.suite {
                Suite::International => Sha256::digest([]).into(),
                Suite::National => Sm3::digest([]).into(),
            },
        }
    }

    /// The subtree roots kept.
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    fn checkpoint(&mut self, level: u32, hash: Hash) {
        if level != self.checkpoints.level {
            return;
        }
        if self.checkpoints.roots.len() == MAX_CHECKPOINTS * 2 {
            // The new hash is not lost: it comes back as part of its parent.
            self.checkpoints.roots = fold(self.suite, &self.checkpoints.roots);
            self.checkpoints.level += 1;
        } else {
            self.checkpoints.roots.push(hash);
        }
    }
}

/// The next level up; a last root without a sibling is left out.
fn fold(suite: Suite, roots: &[Hash]) -> Vec<Hash> {
    roots.chunks_exact(2).map(|pair| node(suite, &pair[0], &pair[1])).collect()
}

impl Checkpoints {
    /// The first block of records in which two datasets differ, as a half-open range of record numbers from 0.
    ///
    /// `count` is the smaller number of records. The levels may differ; the finer one is folded up.
    pub fn first_difference(&self, other: &Checkpoints, suite: Suite, count: u64) -> std::ops::Range<u64> {
        let level = self.level.max(other.level);
        let (a, b) = (self.folded(level, suite), other.folded(level, suite));
        let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count() as u64;
        // A receipt may say any level.
        let size = 1u64.checked_shl(level).unwrap_or(u64::MAX);
        let (start, end) = (same.saturating_mul(size), (same + 1).saturating_mul(size));
        start.min(count)..end.min(count)
    }

    fn folded(&self, level: u32, suite: Suite) -> Vec<Hash> {
        let mut roots = self.roots.clone();
        for _ in self.level..level {
            // A receipt may say any level, so the number of rounds must not follow from it.
            if roots.is_empty() {
                break;
            }
            roots = fold(suite, &roots);
        }
        roots
    }
}

/// A whole tree in memory, for proofs that leaves are in it (RFC 6962, 2.1.1).
#[derive(Clone, Debug)]
pub struct Tree {
    suite: Suite,
    /// From the leaves up; a last hash without a sibling is on the next level as it is.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree of these leaves.
    pub fn new(suite: Suite, leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(last) = levels.last().filter(|level| level.len() > 1) {
            let above = last.chunks(2).map(|pair| match pair {
                [left, right] => node(suite, left, right),
                alone => alone[0],
            });
            let above = above.collect();
            levels.push(above);
        }
        Tree { suite, levels }
    }

    /// The tree head.
    pub fn root(&self) -> Hash {
        match self.levels.last().and_then(|level| level.first()) {
            Some(root) => *root,
            None => Builder::new(self.suite).root(),
        }
    }

    /// What proves that leaf `index` is in the tree, from the leaf up; none for a leaf that the tree does not have.
    pub fn path(&self, index: u64) -> Option<Vec<Hash>> {
        let mut at = usize::try_from(index).ok().filter(|at| *at < self.levels[0].len())?;
        let mut path = Vec::with_capacity(self.levels.len());
        for level in &self.levels[..self.levels.len() - 1] {
            path.extend(level.get(at ^ 1));
            at /= 2;
        }
        Some(path)
    }
}

/// The head of a tree of `count` leaves that has `leaf` at `index`, by a [path](Tree::path); none if a path cannot be so long.
pub fn head_of_path(suite: Suite, leaf: Hash, index: u64, count: u64, path: &[Hash]) -> Option<Hash> {
    if index >= count {
        return None;
    }
    let (mut at, mut width, mut hash) = (index, count, leaf);
    let mut path = path.iter();
    while width > 1 {
        if at ^ 1 < width {
            let sibling = path.next()?;
            hash = if at & 1 == 1 { node(suite, sibling, &hash) } else { node(suite, &hash, sibling) };
        }
        at /= 2;
        width = width.div_ceil(2);
    }
    path.next().is_none().then_some(hash)
}

/// `[u8; 32]` as hexadecimal text.
pub(crate) mod hex_hash {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(hash: &[u8; 32], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(hash))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(d)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(&text, &mut hash)
            .map_err(|_| D::Error::custom("expected 64 hexadecimal digits"))?;
        Ok(hash)
    }
}

mod hex_list {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Hex(#[serde(with = "super::hex_hash")] [u8; 32]);

    pub(super) fn serialize<S: Serializer>(hashes: &[[u8; 32]], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(hashes.iter().map(|hash| Hex(*hash)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<[u8; 32]>, D::Error> {
        Ok(Vec::<Hex>::deserialize(d)?.into_iter().map(|hex| hex.0).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 6962, 2.1, word for word.
    fn tree_head(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node(Suite::International, &tree_head(&leaves[..split]), &tree_head(&leaves[split..]))
            }
        }
    }

    fn build(leaves: &[Hash]) -> Builder {
        let mut builder = Builder::new(Suite::International);
        leaves.iter().for_each(|leaf| builder.push(*leaf));
        builder
    }

    #[test]
    fn certificate_transparency_tree_heads_are_reproduced() {
        // The test vectors of the Certificate Transparency reference implementation (plain SHA-256 leaves).
        let inputs = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let heads = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut builder = Builder::new(Suite::International);
        for (input, head) in inputs.iter().zip(heads) {
            let record = hex::decode(input).unwrap();
            builder.push(Sha256::new_with_prefix([0]).chain_update(record).finalize().into());
            assert_eq!(hex::encode(builder.root()), head);
        }
    }

    #[test]
    fn a_level_that_no_tree_has_is_compared_without_harm() {
        let level = |level| Checkpoints { level, roots: vec![[0; 32]; 3] };
        for far in [63, 64, u32::MAX] {
            assert_eq!(level(far).first_difference(&level(0), Suite::International, 9), 0..9);
            assert_eq!(level(far).first_difference(&level(far), Suite::International, 9), 9..9);
        }
    }

    #[test]
    fn the_block_of_the_first_difference_is_named() {
        let mut leaves: Vec<Hash> = (0..5000u32).map(|i| Sha256::digest(i.to_be_bytes()).into()).collect();
        let before = build(&leaves);
        leaves[3210] = [0; 32];
        let after = build(&leaves);
        let block = before.checkpoints().first_difference(after.checkpoints(), Suite::International, 5000);
        assert!(block.contains(&3210) && block.end - block.start <= 16, "{block:?}");
        leaves.remove(17);
        let block =
            before.checkpoints().first_difference(build(&leaves).checkpoints(), Suite::International, 4999);
        assert!(block.contains(&17) && block.end - block.start <= 16, "{block:?}");
    }

    proptest! {
        /// A leaf is proven at its place and nowhere else; the tree in memory has the head of the one that streams.
        #[test]
        fn a_path_proves_a_leaf_at_its_place(n in 1usize..90, at in any::<proptest::sample::Index>()) {
            let leaves: Vec<Hash> = (0..n).map(|i| Sha256::digest(i.to_be_bytes()).into()).collect();
            let (at, count) = (at.index(n) as u64, n as u64);
            let tree = Tree::new(Suite::International, leaves.clone());
            prop_assert_eq!(tree.root(), build(&leaves).root());
            let (path, leaf) = (tree.path(at).unwrap(), leaves[at as usize]);
            let head = |leaf, at, path: &[Hash]| head_of_path(Suite::International, leaf, at, count, path);
            prop_assert_eq!(head(leaf, at, &path), Some(tree.root()));
            for other in (0..count).filter(|other| *other != at) {
                prop_assert_ne!(head(leaf, other, &path), Some(tree.root()));
            }
            prop_assert_ne!(head([9; 32], at, &path), Some(tree.root()));
            let longer = [path.as_slice(), &[leaf]].concat();
            prop_assert_eq!(head(leaf, at, &longer), None);
            prop_assert_eq!((tree.path(count), head(leaf, count, &path)), (None, None));
        }

        #[test]
        fn streaming_gives_the_tree_head_of_the_rfc(n in 0usize..700) {
            let leaves: Vec<Hash> = (0..n).map(|i| Sha256::digest(i.to_be_bytes()).into()).collect();
            prop_assert_eq!(build(&leaves).root(), tree_head(&leaves));
        }
    }
}
