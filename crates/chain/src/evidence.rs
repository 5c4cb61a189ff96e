//! Evidence: a file that proves statements about a chain to whoever has its genesis.

use bytes::BufMut;
use commonware_codec::{
    Buf, Encode as _, EncodeSize, Error as CodecError, FixedSize as _, Read, ReadExt as _, Write,
};

use crate::{Claim, Digest, Finality, Genesis, Header, LightClient, Link, Untrusted};

/// The longest file that is read, in bytes.
pub const MAX_EVIDENCE_BYTES: usize = 32 << 20;

/// What every file begins with: letters and the version of the format.
const MAGIC: [u8; 8] = *b"MEDVEIL\x01";

/// The most links and claims of a file.
const MAX_ITEMS: usize = 4096;

/// Statements about one block, or the state after it, with everything that proves them.
///
/// For "X was in this state at height H" the application keeps versions of X: the file then claims, under a recent header, the version in
/// force at H and the next version with its later height, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Digest of the genesis of the chain.
    pub genesis: Digest,
    /// Changes of the validators between genesis and the header, in order.
    pub links: Vec<Link>,
    /// The header that all claims are about.
    pub header: Header,
    /// What makes it final.
    pub finality: Finality,
    /// The statements.
    pub claims: Vec<Claim>,
}

/// Why evidence proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// It is of another chain.
    #[error("the evidence is of the chain {found}, not of {expected}")]
    OtherChain {
        /// Genesis digest that the file names.
        found: Digest,
        /// Genesis digest of the verifier.
        expected: Digest,
    },
    /// A change of validators does not hold.
    #[error("change {number} of the validators does not hold: {reason}")]
    Link {
        /// Which, from 1.
        number: usize,
        /// Why.
        reason: Untrusted,
    },
    /// The header is not final.
    #[error("the header is not final: {0}")]
    Header(Untrusted),
    /// A proof does not lead to the header.
    #[error("the proof of statement {number} does not lead to the header")]
    Claim {
        /// Which, from 1.
        number: usize,
    },
    /// It says nothing.
    #[error("the evidence makes no statement")]
    Nothing,
}

/// Evidence that was verified.
#[derive(Clone, Debug)]
pub struct Verified {
    evidence: Evidence,
}

impl Verified {
    /// The final header.
    pub fn header(&self) -> &Header {
        &self.evidence.header
    }

    /// Statements that hold.
    pub fn claims(&self) -> &[Claim] {
        &self.evidence.claims
    }
}

impl Evidence {
    /// Reads a file.
    ///
    /// # Errors
    /// Fails on anything but a complete file in its only encoding.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        if bytes.len() > MAX_EVIDENCE_BYTES {
            return Err(CodecError::InvalidLength(bytes.len()));
        }
        let evidence: Self = crate::decode(bytes)?;
        // Whatever commonware's decoders let through in two forms would let a file be altered without being refused.
        if evidence.encode() != bytes {
            return Err(CodecError::Invalid("Evidence", "not in canonical form"));
        }
        Ok(evidence)
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode().to_vec()
    }

    /// Checks everything, trusting the genesis alone.
    ///
    /// # Errors
    /// Names the first thing that does not hold.
    pub fn verify(self, genesis: &Genesis) -> Result<Verified, EvidenceError> {
        let expected = genesis.digest();
        if self.genesis != expected {
            return Err(EvidenceError::OtherChain { found: self.genesis, expected });
        }
        if self.claims.is_empty() {
            return Err(EvidenceError::Nothing);
        }
        let mut client = LightClient::new(genesis.clone());
        for (link, number) in self.links.iter().zip(1..) {
            client.follow(link).map_err(|reason| EvidenceError::Link { number, reason })?;
        }
        client.verify(&self.header, &self.finality).map_err(EvidenceError::Header)?;
        match self.claims.iter().position(|claim| !claim.holds(&self.header)) {
            Some(index) => Err(EvidenceError::Claim { number: index + 1 }),
            None => Ok(Verified { evidence: self }),
        }
    }
}

impl Write for Evidence {
    fn write(&self, buf: &mut impl BufMut) {
        MAGIC.write(buf);
        self.genesis.write(buf);
        write_list(&self.links, buf);
        self.header.write(buf);
        self.finality.write(buf);
        write_list(&self.claims, buf);
    }
}

impl EncodeSize for Evidence {
    fn encode_size(&self) -> usize {
        MAGIC.len()
            + Digest::SIZE
            + 2 * u16::SIZE
            + self.links.iter().map(Link::encode_size).sum::<usize>()
            + self.header.encode_size()
            + self.finality.encode_size()
            + self.claims.iter().map(Claim::encode_size).sum::<usize>()
    }
}

impl Read for Evidence {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        if <[u8; 8]>::read(buf)? != MAGIC {
            return Err(CodecError::Invalid("Evidence", "not an evidence file of a known version"));
        }
        Ok(Self {
            genesis: Digest::read(buf)?,
            links: read_list(buf)?,
            header: Header::read(buf)?,
            finality: Finality::read(buf)?,
            claims: read_list(buf)?,
        })
    }
}

fn write_list<T: Write>(list: &[T], buf: &mut impl BufMut) {
    buf.put_u16(u16::try_from(list.len()).expect("there are at most 4096 links and claims"));
    for item in list {
        item.write(buf);
    }
}

fn read_list<T: Read<Cfg = ()>>(buf: &mut impl Buf) -> Result<Vec<T>, CodecError> {
    let count = usize::from(u16::read(buf)?);
    if count > MAX_ITEMS {
        return Err(CodecError::InvalidLength(count));
    }
    (0..count).map(|_| T::read(buf)).collect()
}
