//! Where a chain begins.

use bytes::BufMut;
use commonware_codec::{
    Buf, Encode as _, EncodeSize, Error as CodecError, FixedSize as _, Read, ReadExt as _, Write,
};
use commonware_cryptography::{Digest as _, Sha256};
use commonware_storage::{
    mmr,
    qmdb::any::{initial_root, ordered::Update, value::VariableEncoding},
};

use crate::{
    Bytes, Digest, Header, ValidatorSet,
    entry::{EntryKind, EntryTree},
    header::OperationsRange,
    tagged_hash,
};

/// The longest name of a chain, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Why a genesis is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// The name is empty, too long or holds other characters than `a-z`, `0-9` and `-`.
    #[error("the chain's name `{0}` is not 1 to {MAX_NAME_BYTES} of a-z, 0-9 and -")]
    Name(String),
    /// An epoch of fewer than two blocks.
    #[error("an epoch has at least 2 blocks, not {0}")]
    EpochLength(u64),
}

/// What all members agree on before the first block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    chain: String,
    time: u64,
    epoch_length: u64,
    validators: ValidatorSet,
    application: Digest,
}

impl Genesis {
    /// A genesis. `time` is in milliseconds since 1970 (UTC), `epoch_length` in blocks; `application` commits to everything
    /// that the application's genesis holds (see [`Genesis::commit_application`]).
    ///
    /// # Errors
    /// Refuses a name that is not `a-z0-9-` and epochs shorter than two blocks.
    pub fn new(
        chain: impl Into<String>,
        time: u64,
        epoch_length: u64,
        validators: ValidatorSet,
        application: Digest,
    ) -> Result<Self, GenesisError> {
        let chain = chain.into();
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if chain.is_empty() || chain.len() > MAX_NAME_BYTES || !chain.bytes().all(legal) {
            return Err(GenesisError::Name(chain));
        }
        if epoch_length < 2 {
            return Err(GenesisError::EpochLength(epoch_length));
        }
        Ok(Self { chain, time, epoch_length, validators, application })
    }

    /// The commitment to the entries that the application writes into the state before its first block.
    pub fn commit_application<K: AsRef<[u8]>, V: AsRef<[u8]>>(writes: &[(K, V)]) -> Digest {
        let entries: Vec<Bytes> = writes
            .iter()
            .map(|(key, value)| {
                let (key, value) = (key.as_ref(), value.as_ref());
                let mut entry = Vec::with_capacity(8 + key.len() + value.len());
                entry.put_u64(key.len() as u64);
                entry.put_slice(key);
                entry.put_slice(value);
                entry.into()
            })
            .collect();
        EntryTree::new(EntryKind::Genesis, &entries).root()
    }

    /// The chain's name.
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// When the chain begins, in milliseconds since 1970 (UTC). Every block is later.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// Blocks an epoch. Epoch e holds the heights e * length to (e + 1) * length - 1; height 0 is the genesis.
    pub fn epoch_length(&self) -> u64 {
        self.epoch_length
    }

    /// The validators of epoch 0.
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// The commitment to the application's genesis.
    pub fn application(&self) -> &Digest {
        &self.application
    }

    /// The epoch to which a height belongs.
    pub fn epoch_of(&self, height: u64) -> u64 {
        height / self.epoch_length
    }

    /// Whether the epoch ends with this height.
    pub fn is_last_of_epoch(&self, height: u64) -> bool {
        height % self.epoch_length == self.epoch_length - 1
    }

    /// What identifies the chain, and what every header, vote and transaction names.
    pub fn digest(&self) -> Digest {
        tagged_hash("medveil/genesis/1", &[&self.encode()])
    }

    /// The header at height 0. Nothing is in the state yet: its state root is all zeros and proves nothing.
    pub fn header(&self) -> Header {
        let empty = |kind| EntryTree::new(kind, &[]).root();
        Header {
            genesis: self.digest(),
            epoch: 0,
            view: 0,
            leader: self.validators.keys().next().expect("a validator set is never empty").clone(),
            parent_view: 0,
            parent: Digest::EMPTY,
            height: 0,
            time: self.time,
            transaction_root: empty(EntryKind::Transaction),
            receipt_root: empty(EntryKind::Receipt),
            event_root: empty(EntryKind::Event),
            state_root: Digest::EMPTY,
            operations_root: initial_root::<mmr::Family, Update<Vec<u8>, VariableEncoding<Bytes>>, Sha256>(),
            operations: OperationsRange { start: 0, end: 1 },
            validators: self.validators.digest(),
            next_validators: None,
        }
    }
}

impl Write for Genesis {
    fn write(&self, buf: &mut impl BufMut) {
        u8::try_from(self.chain.len()).expect("a name has at most 64 bytes").write(buf);
        buf.put_slice(self.chain.as_bytes());
        self.time.write(buf);
        self.epoch_length.write(buf);
        self.validators.write(buf);
        self.application.write(buf);
    }
}

impl EncodeSize for Genesis {
    fn encode_size(&self) -> usize {
        1 + self.chain.len() + 2 * u64::SIZE + self.validators.encode_size() + Digest::SIZE
    }
}

impl Read for Genesis {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        let length = usize::from(u8::read(buf)?);
        let name: Bytes = buf.try_take_owned(length).map_err(|_| CodecError::EndOfBuffer)?;
        let chain = String::from_utf8(name.to_vec())
            .map_err(|_| CodecError::Invalid("Genesis", "the chain's name is not text"))?;
        Self::new(chain, u64::read(buf)?, u64::read(buf)?, ValidatorSet::read(buf)?, Digest::read(buf)?)
            .map_err(|_| {
                CodecError::Invalid("Genesis", "the chain's name or the epoch's length is not valid")
            })
    }
}

#[cfg(test)]
mod tests {
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};

    use super::*;

    fn genesis(name: &str, epoch_length: u64) -> Result<Genesis, GenesisError> {
        let validators =
            ValidatorSet::new((0..4).map(|seed| PrivateKey::from_seed(seed).public_key())).unwrap();
        Genesis::new(name, 1_700_000_000_000, epoch_length, validators, Digest::EMPTY)
    }

    #[test]
    fn names_and_epochs_are_checked() {
        assert!(genesis("east-2", 100).is_ok());
        for name in ["", "East", "a b", &"a".repeat(65)] {
            assert_eq!(genesis(name, 100), Err(GenesisError::Name(name.into())));
        }
        assert_eq!(genesis("east", 1), Err(GenesisError::EpochLength(1)));
    }

    #[test]
    fn each_field_changes_the_digest() {
        let digests = [
            genesis("east", 100).unwrap().digest(),
            genesis("west", 100).unwrap().digest(),
            genesis("east", 101).unwrap().digest(),
        ];
        assert!(digests[0] != digests[1] && digests[0] != digests[2]);
    }

    #[test]
    fn the_encoding_is_read_back() {
        let genesis = genesis("east", 100).unwrap();
        assert_eq!(crate::decode::<Genesis>(&genesis.encode()).unwrap(), genesis);
    }

    #[test]
    fn the_commitment_tells_keys_from_values() {
        let one = Genesis::commit_application(&[(b"a".as_slice(), b"bc".as_slice())]);
        let other = Genesis::commit_application(&[(b"ab".as_slice(), b"c".as_slice())]);
        assert_ne!(one, other);
    }

    #[test]
    fn the_last_height_of_an_epoch_belongs_to_it() {
        let genesis = genesis("east", 100).unwrap();
        assert!(genesis.is_last_of_epoch(99) && !genesis.is_last_of_epoch(100));
        assert_eq!((genesis.epoch_of(99), genesis.epoch_of(100)), (0, 1));
    }
}
