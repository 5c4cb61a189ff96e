//! Blocks: a header and what it commits to.

use bytes::BufMut;
use commonware_codec::{Buf, EncodeSize, Error as CodecError, FixedSize as _, Read, ReadExt as _, Write};
use commonware_consensus::{
    Block as ConsensusBlock, BoundedBlock, CertifiableBlock, Heightable, simplex::types::Context,
    types::Height,
};
use commonware_cryptography::{Digestible, ed25519::PublicKey};

use crate::{
    Bytes, Digest, Genesis, Header, MAX_VALIDATORS, ValidatorSet,
    entry::{EntryKind, EntryTree},
};

/// The most bytes that the body of a block may take, encoded.
pub const MAX_BLOCK_BYTES: usize = 4 << 20;

/// The most transactions, receipts and events that a block may hold, each.
pub const MAX_ENTRIES: usize = 1 << 16;

/// The bytes before each list and before each entry of one: a count or a length.
const PREFIX: usize = u32::SIZE;

/// What a block holds beside its header.
///
/// Receipts and events are a function of the transactions and the state. They are kept with the block so that readers of the chain, and members
/// that did not execute it, need no state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// In the order of execution.
    pub transactions: Vec<Bytes>,
    /// What became of each transaction, in the same order.
    pub receipts: Vec<Bytes>,
    /// What happened, in order.
    pub events: Vec<Bytes>,
    /// In the last block of an epoch: the validators of the next.
    pub next_validators: Option<ValidatorSet>,
}

impl Body {
    /// The tree over one list.
    pub fn tree(&self, kind: EntryKind) -> EntryTree {
        EntryTree::new(kind, self.entries(kind))
    }

    /// One of the lists. That of the genesis is empty.
    pub fn entries(&self, kind: EntryKind) -> &[Bytes] {
        match kind {
            EntryKind::Genesis => &[],
            EntryKind::Transaction => &self.transactions,
            EntryKind::Receipt => &self.receipts,
            EntryKind::Event => &self.events,
        }
    }

    /// Whether it is small enough for a block.
    pub fn fits(&self) -> bool {
        [&self.transactions, &self.receipts, &self.events].iter().all(|list| list.len() <= MAX_ENTRIES)
            && self.encode_size() <= MAX_BLOCK_BYTES
    }
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    header: Header,
    body: Body,
}

impl Block {
    /// The block of this header and body; `None` when the header does not commit to the body, or the body is too large.
    pub fn new(header: Header, body: Body) -> Option<Self> {
        let committed = body.fits()
            && body.transactions.len() == body.receipts.len()
            && header.transaction_root == body.tree(EntryKind::Transaction).root()
            && header.receipt_root == body.tree(EntryKind::Receipt).root()
            && header.event_root == body.tree(EntryKind::Event).root()
            && header.next_validators == body.next_validators.as_ref().map(ValidatorSet::digest);
        committed.then_some(Self { header, body })
    }

    /// The block at height 0.
    pub fn genesis(genesis: &Genesis) -> Self {
        Self { header: genesis.header(), body: Body::default() }
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the header commits to.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Number of blocks before this one.
    pub fn height(&self) -> u64 {
        self.header.height
    }
}

impl Write for Block {
    fn write(&self, buf: &mut impl BufMut) {
        self.header.write(buf);
        self.body.write(buf);
    }
}

impl EncodeSize for Block {
    fn encode_size(&self) -> usize {
        self.header.encode_size() + self.body.encode_size()
    }
}

impl Read for Block {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        let header = Header::read(buf)?;
        let body = Body::read(buf)?;
        Self::new(header, body).ok_or(CodecError::Invalid("Block", "the header does not commit to the body"))
    }
}

impl Write for Body {
    fn write(&self, buf: &mut impl BufMut) {
        for list in [&self.transactions, &self.receipts, &self.events] {
            buf.put_u32(u32::try_from(list.len()).expect("a block has at most 65,536 entries"));
            for entry in list {
                buf.put_u32(u32::try_from(entry.len()).expect("a block has at most 4 MiB"));
                buf.put_slice(entry);
            }
        }
        self.next_validators.write(buf);
    }
}

impl EncodeSize for Body {
    fn encode_size(&self) -> usize {
        let list = |list: &Vec<Bytes>| PREFIX + list.iter().map(|entry| PREFIX + entry.len()).sum::<usize>();
        list(&self.transactions)
            + list(&self.receipts)
            + list(&self.events)
            + self.next_validators.encode_size()
    }
}

impl Read for Body {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        let mut left = MAX_BLOCK_BYTES;
        let body = Self {
            transactions: read_list(buf, &mut left)?,
            receipts: read_list(buf, &mut left)?,
            events: read_list(buf, &mut left)?,
            next_validators: Option::<ValidatorSet>::read(buf)?,
        };
        if body.fits() { Ok(body) } else { Err(CodecError::Invalid("Body", "larger than a block may be")) }
    }
}

/// Reads a list of entries that takes at most `left` bytes, which it lowers.
fn read_list(buf: &mut impl Buf, left: &mut usize) -> Result<Vec<Bytes>, CodecError> {
    let count = u32::read(buf)? as usize;
    if count > MAX_ENTRIES {
        return Err(CodecError::InvalidLength(count));
    }
    // Not trusted before the entries are there: each takes at least its prefix.
    let mut list = Vec::with_capacity(count.min(buf.remaining() / PREFIX));
    for _ in 0..count {
        let length = u32::read(buf)? as usize;
        *left = left
            .checked_sub(PREFIX)
            .and_then(|left| left.checked_sub(length))
            .ok_or(CodecError::InvalidLength(length))?;
        list.push(buf.try_take_owned(length).map_err(|_| CodecError::EndOfBuffer)?);
    }
    Ok(list)
}

impl Digestible for Block {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        self.header.digest()
    }
}

impl Heightable for Block {
    fn height(&self) -> Height {
        Height::new(self.header.height)
    }
}

impl ConsensusBlock for Block {
    fn parent(&self) -> Digest {
        self.header.parent
    }
}

impl CertifiableBlock for Block {
    type Context = Context<Digest, PublicKey>;

    fn context(&self) -> Self::Context {
        self.header.context()
    }
}

impl BoundedBlock for Block {
    fn max_encode_size((): &()) -> usize {
        const { assert!(MAX_VALIDATORS * 32 + 2 < MAX_BLOCK_BYTES) };
        Header::MAX_ENCODE_SIZE + MAX_BLOCK_BYTES
    }
}
