//! Merkle trees over the entries of a block: transactions, receipts, events.

use bytes::BufMut;
use commonware_codec::{Buf, EncodeSize, Error as CodecError, Read, ReadExt as _, Write};
use commonware_cryptography::Sha256;
use commonware_storage::bmt;

use crate::{Bytes, Digest, tagged_hash};

/// Which list of a block an entry belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EntryKind {
    /// An entry of the application's genesis; in no block.
    Genesis = 0,
    /// A transaction, as submitted.
    Transaction = 1,
    /// What became of the transaction with the same index.
    Receipt = 2,
    /// Something that the block made happen.
    Event = 3,
}

impl EntryKind {
    fn domain(self) -> &'static str {
        match self {
            Self::Genesis => "medveil/genesis-entry/1",
            Self::Transaction => "medveil/transaction/1",
            Self::Receipt => "medveil/receipt/1",
            Self::Event => "medveil/event/1",
        }
    }

    fn leaf(self, entry: &[u8]) -> Digest {
        tagged_hash(self.domain(), &[entry])
    }
}

impl Write for EntryKind {
    fn write(&self, buf: &mut impl BufMut) {
        (*self as u8).write(buf);
    }
}

impl Read for EntryKind {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        match u8::read(buf)? {
            1 => Ok(Self::Transaction),
            2 => Ok(Self::Receipt),
            3 => Ok(Self::Event),
            tag => Err(CodecError::InvalidEnum(tag)),
        }
    }
}

/// The tree over one list of entries. The root commits to their number, order, kind and bytes.
pub struct EntryTree {
    tree: bmt::Tree<Digest>,
}

impl EntryTree {
    /// The tree over these entries.
    pub fn new(kind: EntryKind, entries: &[Bytes]) -> Self {
        let mut builder = bmt::Builder::<Sha256>::new(entries.len());
        for entry in entries {
            builder.add(&kind.leaf(entry));
        }
        Self { tree: builder.build() }
    }

    /// What the header commits to.
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// The proof that the entry is at `index`; `None` when there is none.
    pub fn prove(&self, index: u32) -> Option<EntryProof> {
        self.tree.proof(index).ok().map(|proof| EntryProof { proof })
    }
}

/// Proof that a list of a block has a certain entry at a certain place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryProof {
    proof: bmt::Proof<Digest>,
}

impl EntryProof {
    /// Whether `entry` is number `index` under `root`.
    pub fn verify(&self, kind: EntryKind, index: u32, entry: &[u8], root: &Digest) -> bool {
        self.proof.verify_element_inclusion::<Sha256>(&kind.leaf(entry), index, root).is_ok()
    }
}

impl Write for EntryProof {
    fn write(&self, buf: &mut impl BufMut) {
        self.proof.write(buf);
    }
}

impl EncodeSize for EntryProof {
    fn encode_size(&self) -> usize {
        self.proof.encode_size()
    }
}

impl Read for EntryProof {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        // The limit is the number of proven entries: one.
        Ok(Self { proof: bmt::Proof::read_cfg(buf, &1)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(n: usize) -> Vec<Bytes> {
        (0..n).map(|i| Bytes::from(format!("entry {i}"))).collect()
    }

    #[test]
    fn each_entry_is_proven_at_its_place_only() {
        for n in [1, 2, 3, 7, 8, 33] {
            let entries = entries(n);
            let tree = EntryTree::new(EntryKind::Event, &entries);
            for index in 0..n as u32 {
                let proof = tree.prove(index).unwrap();
                let entry = &entries[index as usize];
                assert!(proof.verify(EntryKind::Event, index, entry, &tree.root()));
                assert!(!proof.verify(EntryKind::Receipt, index, entry, &tree.root()));
                assert!(!proof.verify(EntryKind::Event, index + 1, entry, &tree.root()));
                assert!(!proof.verify(EntryKind::Event, index, b"other", &tree.root()));
            }
            assert!(tree.prove(n as u32).is_none());
        }
    }

    #[test]
    fn the_root_commits_to_the_number_of_entries() {
        // A tree that repeats the last node of odd levels would give these the same root.
        let three = entries(3);
        let mut four = three.clone();
        four.push(three[2].clone());
        assert_ne!(
            EntryTree::new(EntryKind::Event, &three).root(),
            EntryTree::new(EntryKind::Event, &four).root()
        );
    }

    #[test]
    fn nothing_is_proven_of_an_empty_list() {
        let tree = EntryTree::new(EntryKind::Event, &[]);
        assert!(tree.prove(0).is_none());
        assert_ne!(tree.root(), EntryTree::new(EntryKind::Event, &[Bytes::new()]).root());
    }
}
