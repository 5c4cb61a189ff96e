//! Finality: signatures of a quorum of an epoch's validators.

use bytes::BufMut;
use chacha20::ChaCha20Rng;
use commonware_codec::{Buf, Encode as _, EncodeSize, Error as CodecError, Read, ReadExt as _, Write};
pub use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::Finalization;
use commonware_parallel::Sequential;
use rand_core::SeedableRng as _;

use crate::{Digest, Genesis, Header, MAX_VALIDATORS, Untrusted, ValidatorSet, tagged_hash};

/// The most headers between a proven header and the one whose certificate makes it final.
pub const MAX_DESCENDANTS: usize = 256;

/// What votes on a chain are signed under, so that none counts on another chain.
pub fn scheme_namespace(genesis: &Digest) -> Vec<u8> {
    let mut namespace = b"medveil/consensus/1/".to_vec();
    namespace.extend_from_slice(genesis.as_ref());
    namespace
}

/// Signatures of a quorum that one block is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    finalization: Finalization<Scheme, Digest>,
}

impl Certificate {
    /// The block that it makes final.
    pub fn block(&self) -> &Digest {
        &self.finalization.proposal.payload
    }

    /// The epoch in which it was signed.
    pub fn epoch(&self) -> u64 {
        self.finalization.proposal.round.epoch().get()
    }

    /// The form in which consensus has it.
    pub fn as_finalization(&self) -> &Finalization<Scheme, Digest> {
        &self.finalization
    }

    /// Whether a quorum of `validators` signed it, on the chain of `genesis`.
    fn is_signed_by(&self, validators: &ValidatorSet, genesis: &Digest) -> bool {
        let scheme = Scheme::verifier(&scheme_namespace(genesis), validators.participants().clone());
        // Signatures are verified as a batch, whose coefficients an attacker must not foresee while choosing the
        // signatures. They are drawn from a hash of everything that is verified, so no source of randomness is needed.
        let seed = tagged_hash(
            "medveil/batch/1",
            &[genesis.as_ref(), validators.digest().as_ref(), &self.finalization.encode()],
        );
        let mut coefficients =
            ChaCha20Rng::from_seed(*seed.as_ref().first_chunk().expect("a digest has 32 bytes"));
        self.finalization.verify(&mut coefficients, &scheme, &Sequential)
    }
}

impl From<Finalization<Scheme, Digest>> for Certificate {
    fn from(finalization: Finalization<Scheme, Digest>) -> Self {
        Self { finalization }
    }
}

impl Write for Certificate {
    fn write(&self, buf: &mut impl BufMut) {
        self.finalization.write(buf);
    }
}

impl EncodeSize for Certificate {
    fn encode_size(&self) -> usize {
        self.finalization.encode_size()
    }
}

impl Read for Certificate {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        Ok(Self { finalization: Finalization::read_cfg(buf, &MAX_VALIDATORS)? })
    }
}

/// What makes a header final: a certificate of its own or of a descendant.
///
/// A block becomes final with the first of its descendants that does, so not every block has a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finality {
    /// The headers after the one in question, up to the one that has the certificate. Mostly none.
    pub descendants: Vec<Header>,
    /// The certificate of the last descendant, or of the header itself.
    pub certificate: Certificate,
}

impl Finality {
    /// Checks that `header` is final on the chain of `genesis` if `validators` are those of the certificate's epoch.
    ///
    /// # Errors
    /// Names what does not hold.
    pub fn verify(
        &self,
        header: &Header,
        validators: &ValidatorSet,
        genesis: &Genesis,
    ) -> Result<(), Untrusted> {
        let mut last = header;
        if !last.fits(genesis) {
            return Err(Untrusted::Misplaced { height: last.height });
        }
        for next in &self.descendants {
            if !last.is_parent_of(next) {
                return Err(Untrusted::BrokenAncestry { height: next.height });
            }
            if !next.fits(genesis) {
                return Err(Untrusted::Misplaced { height: next.height });
            }
            last = next;
        }
        if *self.certificate.block() != last.digest() {
            return Err(Untrusted::OtherBlock { height: last.height });
        }
        if self.certificate.epoch() != last.epoch {
            return Err(Untrusted::OtherEpoch { certificate: self.certificate.epoch(), header: last.epoch });
        }
        // Without this, votes of a set that shares a quorum with `validators` could be taken for theirs.
        if validators.digest() != last.validators {
            return Err(Untrusted::OtherValidators { epoch: last.epoch });
        }
        if !self.certificate.is_signed_by(validators, &genesis.digest()) {
            return Err(Untrusted::NotSigned { height: last.height });
        }
        Ok(())
    }

    /// The epoch whose validators signed.
    pub fn epoch(&self) -> u64 {
        self.certificate.epoch()
    }
}

impl Write for Finality {
    fn write(&self, buf: &mut impl BufMut) {
        buf.put_u16(u16::try_from(self.descendants.len()).expect("there are at most 256 descendants"));
        for header in &self.descendants {
            header.write(buf);
        }
        self.certificate.write(buf);
    }
}

impl EncodeSize for Finality {
    fn encode_size(&self) -> usize {
        2 + self.descendants.iter().map(Header::encode_size).sum::<usize>() + self.certificate.encode_size()
    }
}

impl Read for Finality {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        let count = usize::from(u16::read(buf)?);
        if count > MAX_DESCENDANTS {
            return Err(CodecError::InvalidLength(count));
        }
        let descendants = (0..count).map(|_| Header::read(buf)).collect::<Result<_, _>>()?;
        Ok(Self { descendants, certificate: Certificate::read(buf)? })
    }
}
