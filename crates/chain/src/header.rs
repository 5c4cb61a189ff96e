//! Block headers.

use bytes::BufMut;
use commonware_codec::{
    Buf, Encode as _, EncodeSize, Error as CodecError, FixedSize as _, Read, ReadExt as _, Write,
};
use commonware_consensus::{
    simplex::types::Context,
    types::{Epoch, Round, View},
};
use commonware_cryptography::ed25519::PublicKey;

use crate::{Digest, Genesis, tagged_hash};

/// The version of the encoding, its first byte.
const VERSION: u8 = 1;

/// The operations of the state's log that are needed to rebuild the state: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationsRange {
    /// The first operation that is still needed.
    pub start: u64,
    /// The number of operations ever written.
    pub end: u64,
}

/// What validators sign: everything about a block, by commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Digest of the [`Genesis`]: which chain this is.
    pub genesis: Digest,
    /// Epoch in which the block was proposed.
    pub epoch: u64,
    /// View (attempt) of consensus within the epoch in which it was proposed.
    pub view: u64,
    /// The validator that proposed it.
    pub leader: PublicKey,
    /// View in which the parent was proposed, 0 for the block before the epoch's first.
    pub parent_view: u64,
    /// Digest of the parent's header.
    pub parent: Digest,
    /// Number of blocks before this one.
    pub height: u64,
    /// The proposer's time in milliseconds since 1970 (UTC): later than the parent's, and near the clocks of those who voted.
    pub time: u64,
    /// Root of the block's transactions.
    pub transaction_root: Digest,
    /// Root of the receipts, one a transaction.
    pub receipt_root: Digest,
    /// Root of the events.
    pub event_root: Digest,
    /// Root of the state after the block: proves present and absent keys.
    pub state_root: Digest,
    /// Root of the log of the state's operations, for those who fetch a state.
    pub operations_root: Digest,
    /// Which operations of that log make up the state.
    pub operations: OperationsRange,
    /// Digest of the validators of this epoch.
    pub validators: Digest,
    /// In the last block of an epoch: digest of the validators of the next one.
    pub next_validators: Option<Digest>,
}

impl Header {
    /// The digest of the header, which is the block's.
    pub fn digest(&self) -> Digest {
        tagged_hash("medveil/header/1", &[&self.encode()])
    }

    /// The consensus context in which the block was proposed.
    pub fn context(&self) -> Context<Digest, PublicKey> {
        Context {
            round: Round::new(Epoch::new(self.epoch), View::new(self.view)),
            leader: self.leader.clone(),
            parent: (View::new(self.parent_view), self.parent),
        }
    }

    /// Whether chain, epoch and the presence of the next validators are what `genesis` asks for at this height.
    pub fn fits(&self, genesis: &Genesis) -> bool {
        self.genesis == genesis.digest()
            && self.epoch == genesis.epoch_of(self.height)
            && self.next_validators.is_some() == genesis.is_last_of_epoch(self.height)
    }

    /// Whether `self` is the block right before `child`.
    pub fn is_parent_of(&self, child: &Header) -> bool {
        child.parent == self.digest()
            && self.height.checked_add(1) == Some(child.height)
            && self.genesis == child.genesis
    }

    /// The longest encoding, in bytes.
    pub const MAX_ENCODE_SIZE: usize = 1 + 9 * 32 + 7 * 8 + 1 + 32;
}

impl Write for Header {
    fn write(&self, buf: &mut impl BufMut) {
        VERSION.write(buf);
        self.genesis.write(buf);
        self.epoch.write(buf);
        self.view.write(buf);
        self.leader.write(buf);
        self.parent_view.write(buf);
        self.parent.write(buf);
        self.height.write(buf);
        self.time.write(buf);
        self.transaction_root.write(buf);
        self.receipt_root.write(buf);
        self.event_root.write(buf);
        self.state_root.write(buf);
        self.operations_root.write(buf);
        self.operations.start.write(buf);
        self.operations.end.write(buf);
        self.validators.write(buf);
        self.next_validators.write(buf);
    }
}

impl EncodeSize for Header {
    fn encode_size(&self) -> usize {
        let next = if self.next_validators.is_some() { Digest::SIZE } else { 0 };
        Self::MAX_ENCODE_SIZE - Digest::SIZE + next
    }
}

impl Read for Header {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        if u8::read(buf)? != VERSION {
            return Err(CodecError::Invalid("Header", "unknown version"));
        }
        let header = Self {
            genesis: Digest::read(buf)?,
            epoch: u64::read(buf)?,
            view: u64::read(buf)?,
            leader: PublicKey::read(buf)?,
            parent_view: u64::read(buf)?,
            parent: Digest::read(buf)?,
            height: u64::read(buf)?,
            time: u64::read(buf)?,
            transaction_root: Digest::read(buf)?,
            receipt_root: Digest::read(buf)?,
            event_root: Digest::read(buf)?,
            state_root: Digest::read(buf)?,
            operations_root: Digest::read(buf)?,
            operations: OperationsRange { start: u64::read(buf)?, end: u64::read(buf)? },
            validators: Digest::read(buf)?,
            next_validators: Option::<Digest>::read(buf)?,
        };
        if header.operations.start >= header.operations.end {
            return Err(CodecError::Invalid("Header", "the range of operations is empty"));
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use commonware_cryptography::{Digest as _, Signer as _, ed25519::PrivateKey};

    use super::*;
    use crate::ValidatorSet;

    fn header() -> Header {
        let validators =
            ValidatorSet::new((0..4).map(|seed| PrivateKey::from_seed(seed).public_key())).unwrap();
        Genesis::new("test", 7, 10, validators, Digest::EMPTY).unwrap().header()
    }

    #[test]
    fn the_size_is_the_length_of_the_encoding() {
        let mut header = header();
        assert_eq!(header.encode().len(), header.encode_size());
        header.next_validators = Some(header.validators);
        assert_eq!(header.encode().len(), Header::MAX_ENCODE_SIZE);
    }

    #[test]
    fn every_flipped_bit_is_refused_or_changes_the_digest() {
        let header = header();
        let bytes = header.encode();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.to_vec();
                other[place] ^= 1 << bit;
                if let Ok(read) = crate::decode::<Header>(&other) {
                    assert_ne!(read.digest(), header.digest(), "byte {place}");
                    assert_eq!(read.encode(), other, "byte {place} has two encodings");
                }
            }
        }
    }

    #[test]
    fn every_cut_is_refused() {
        let bytes = header().encode();
        for length in 0..bytes.len() {
            assert!(crate::decode::<Header>(&bytes[..length]).is_err());
        }
    }
}
