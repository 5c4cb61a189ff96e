//! What can be proven against one header.

use bytes::BufMut;
use commonware_codec::{Buf, EncodeSize, Error as CodecError, RangeCfg, Read, ReadExt as _, Write};
use commonware_cryptography::Sha256;
use commonware_storage::{
    merkle::MAX_PROOF_DIGESTS_PER_ELEMENT,
    mmr,
    qmdb::{
        any::value::VariableEncoding,
        current::ordered::proof::constant::{ExclusionProof, KeyValueProof},
    },
};

use crate::{
    Bytes, Digest, Header,
    entry::{EntryKind, EntryProof},
};

/// The longest key of the state, in bytes. Keys are ordered bytewise; none is empty.
pub const MAX_KEY_BYTES: usize = 128;

/// The longest value of the state, in bytes.
pub const MAX_VALUE_BYTES: usize = 1 << 20;

/// Bytes of a chunk of the bitmap that tells which operations of the state's log are in force.
pub const CHUNK_BYTES: usize = 32;

/// Proof that a key has a value, as the database makes it.
pub type PresenceProof = KeyValueProof<mmr::Family, Vec<u8>, Digest, CHUNK_BYTES>;

/// Proof that a key has no value: the neighbours between which it would stand.
pub type AbsenceProof = ExclusionProof<mmr::Family, Vec<u8>, VariableEncoding<Bytes>, Digest, CHUNK_BYTES>;

/// What the state says about a key, with proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateProof {
    /// It has this value.
    Present {
        /// The value.
        value: Bytes,
        /// Its proof.
        proof: Box<PresenceProof>,
    },
    /// It has none.
    Absent {
        /// The proof.
        proof: Box<AbsenceProof>,
    },
}

impl StateProof {
    /// Whether it holds for `key` under the state root.
    pub fn verify(&self, key: &[u8], root: &Digest) -> bool {
        match self {
            Self::Present { value, proof } => {
                proof.verify::<Sha256, VariableEncoding<Bytes>>(key.to_vec(), value.clone(), root)
            }
            Self::Absent { proof } => proof.verify::<Sha256>(&key.to_vec(), root),
        }
    }
}

/// One statement about a block or the state after it, with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A key of the state has a value, or none.
    State {
        /// The key.
        key: Vec<u8>,
        /// What the state says about it.
        proof: StateProof,
    },
    /// The block holds an entry.
    Entry {
        /// In which list.
        kind: EntryKind,
        /// At which place, from 0.
        index: u32,
        /// The entry.
        entry: Bytes,
        /// Its proof.
        proof: EntryProof,
    },
}

impl Claim {
    /// Whether the claim holds if the header is final. That it is, is not checked here.
    pub fn holds(&self, header: &Header) -> bool {
        match self {
            Self::State { key, proof } => proof.verify(key, &header.state_root),
            Self::Entry { kind, index, entry, proof } => {
                let root = match kind {
                    EntryKind::Genesis => return false,
                    EntryKind::Transaction => &header.transaction_root,
                    EntryKind::Receipt => &header.receipt_root,
                    EntryKind::Event => &header.event_root,
                };
                proof.verify(*kind, *index, entry, root)
            }
        }
    }
}

fn key_config() -> (RangeCfg<usize>, ()) {
    (RangeCfg::from(0..=MAX_KEY_BYTES), ())
}

fn value_config() -> RangeCfg<usize> {
    RangeCfg::from(0..=MAX_VALUE_BYTES)
}

const PRESENT: u8 = 1;
const ABSENT: u8 = 2;
const ENTRY: u8 = 3;

impl Write for Claim {
    fn write(&self, buf: &mut impl BufMut) {
        match self {
            Self::State { key, proof: StateProof::Present { value, proof } } => {
                PRESENT.write(buf);
                key.write(buf);
                value.write(buf);
                proof.write(buf);
            }
            Self::State { key, proof: StateProof::Absent { proof } } => {
                ABSENT.write(buf);
                key.write(buf);
                proof.write(buf);
            }
            Self::Entry { kind, index, entry, proof } => {
                ENTRY.write(buf);
                kind.write(buf);
                index.write(buf);
                entry.write(buf);
                proof.write(buf);
            }
        }
    }
}

impl EncodeSize for Claim {
    fn encode_size(&self) -> usize {
        1 + match self {
            Self::State { key, proof: StateProof::Present { value, proof } } => {
                key.encode_size() + value.encode_size() + proof.encode_size()
            }
            Self::State { key, proof: StateProof::Absent { proof } } => {
                key.encode_size() + proof.encode_size()
            }
            Self::Entry { index, entry, proof, .. } => {
                1 + index.encode_size() + entry.encode_size() + proof.encode_size()
            }
        }
    }
}

impl Read for Claim {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        let digests = MAX_PROOF_DIGESTS_PER_ELEMENT;
        match u8::read(buf)? {
            PRESENT => {
                let key = Vec::read_cfg(buf, &key_config())?;
                let value = Bytes::read_cfg(buf, &value_config())?;
                let proof = Box::new(PresenceProof::read_cfg(buf, &(digests, key_config()))?);
                Ok(Self::State { key, proof: StateProof::Present { value, proof } })
            }
            ABSENT => {
                let key = Vec::read_cfg(buf, &key_config())?;
                let configs = (digests, (key_config(), value_config()), value_config());
                let proof = Box::new(AbsenceProof::read_cfg(buf, &configs)?);
                Ok(Self::State { key, proof: StateProof::Absent { proof } })
            }
            ENTRY => {
                let kind = EntryKind::read(buf)?;
                let index = u32::read(buf)?;
                let entry = Bytes::read_cfg(buf, &RangeCfg::from(0..=crate::MAX_BLOCK_BYTES))?;
                Ok(Self::Entry { kind, index, entry, proof: EntryProof::read(buf)? })
            }
            tag => Err(CodecError::InvalidEnum(tag)),
        }
    }
}
