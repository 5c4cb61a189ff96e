//! Following the validators of a chain without its blocks.

use bytes::BufMut;
use commonware_codec::{Buf, EncodeSize, Error as CodecError, Read, ReadExt as _, Write};

use crate::{Finality, Genesis, Header, ValidatorSet};

/// Why a header, or a change of validators, is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// The header names another chain, or its epoch does not belong to its height, or it (does not) commit to next validators.
    #[error("the header of height {height} does not fit the genesis")]
    Misplaced {
        /// Its height.
        height: u64,
    },
    /// A header is not the child of the one before it.
    #[error("the header of height {height} does not follow the one before it")]
    BrokenAncestry {
        /// Height of the child.
        height: u64,
    },
    /// The certificate is for another block.
    #[error("the certificate is not for the block of height {height}")]
    OtherBlock {
        /// Height of the block that it should be for.
        height: u64,
    },
    /// The certificate was signed in another epoch.
    #[error("the certificate is of epoch {certificate}, the header of epoch {header}")]
    OtherEpoch {
        /// Epoch of the certificate.
        certificate: u64,
        /// Epoch of the header.
        header: u64,
    },
    /// The header names other validators than those known.
    #[error("the header of epoch {epoch} names other validators than those known for it")]
    OtherValidators {
        /// Epoch of the header.
        epoch: u64,
    },
    /// The signatures are not those of a quorum.
    #[error("the certificate of height {height} is not signed by a quorum")]
    NotSigned {
        /// Height of the block.
        height: u64,
    },
    /// The certificate's epoch lies before those whose validators are known.
    #[error("epoch {epoch} lies before epoch {known_from}, from which on the validators are known")]
    TooOld {
        /// Epoch of the certificate.
        epoch: u64,
        /// First epoch of the known validators.
        known_from: u64,
    },
    /// A link whose header commits to no next validators, or to others than it carries.
    #[error("the header of height {height} does not commit to the validators that follow")]
    OtherNextValidators {
        /// Height of the header.
        height: u64,
    },
    /// A link that changes nothing.
    #[error("the link at height {height} does not change the validators")]
    NoChange {
        /// Height of its header.
        height: u64,
    },
}

/// A change of the validators: the last header of an epoch, final, and the validators that it commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The last header of the epoch.
    pub header: Header,
    /// What makes it final, under the validators before the change.
    pub finality: Finality,
    /// The validators after the change.
    pub next: ValidatorSet,
}

/// Knows the validators of a chain from a certain epoch on, and checks headers by them.
///
/// Epochs in which the validators stay the same need no link: every header names its validators' digest, so a quorum of a
/// set that signs a header of a later epoch says itself that it is still in office.
#[derive(Clone, Debug)]
pub struct LightClient {
    genesis: Genesis,
    validators: ValidatorSet,
    known_from: u64,
}

impl LightClient {
    /// A client that trusts the genesis alone.
    pub fn new(genesis: Genesis) -> Self {
        let validators = genesis.validators().clone();
        Self { genesis, validators, known_from: 0 }
    }

    /// A client that is told the validators of an epoch. **They are not checked**: take them from a verified header.
    pub fn from_checkpoint(genesis: Genesis, epoch: u64, validators: ValidatorSet) -> Self {
        Self { genesis, validators, known_from: epoch }
    }

    /// The chain's genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The validators, as far as known.
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// Takes the validators that a link leads to.
    ///
    /// # Errors
    /// Names what does not hold; the client is then unchanged.
    pub fn follow(&mut self, link: &Link) -> Result<(), Untrusted> {
        let height = link.header.height;
        let next = link.next.digest();
        if link.header.next_validators != Some(next) {
            return Err(Untrusted::OtherNextValidators { height });
        }
        if link.header.validators == next {
            return Err(Untrusted::NoChange { height });
        }
        // The certificate must come from the epoch that ends: a descendant belongs to the next validators.
        if link.finality.epoch() != link.header.epoch {
            return Err(Untrusted::OtherEpoch {
                certificate: link.finality.epoch(),
                header: link.header.epoch,
            });
        }
        self.verify(&link.header, &link.finality)?;
        self.validators = link.next.clone();
        self.known_from = link.header.epoch + 1;
        Ok(())
    }

    /// Checks that a header is final.
    ///
    /// # Errors
    /// Names what does not hold, or that the certificate is from before the known validators.
    pub fn verify(&self, header: &Header, finality: &Finality) -> Result<(), Untrusted> {
        if finality.epoch() < self.known_from {
            return Err(Untrusted::TooOld { epoch: finality.epoch(), known_from: self.known_from });
        }
        finality.verify(header, &self.validators, &self.genesis)
    }
}

impl Write for Link {
    fn write(&self, buf: &mut impl BufMut) {
        self.header.write(buf);
        self.finality.write(buf);
        self.next.write(buf);
    }
}

impl EncodeSize for Link {
    fn encode_size(&self) -> usize {
        self.header.encode_size() + self.finality.encode_size() + self.next.encode_size()
    }
}

impl Read for Link {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        Ok(Self {
            header: Header::read(buf)?,
            finality: Finality::read(buf)?,
            next: ValidatorSet::read(buf)?,
        })
    }
}
