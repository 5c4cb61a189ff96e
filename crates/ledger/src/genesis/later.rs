//! What came into the genesis later: certification authorities, and parameters that the first chains did not have.

use borsh::io::{Read, Result as IoResult, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Genesis, GenesisFault};
use crate::encoding::{self, invalid};
use crate::id::{IssuerId, Slug};
use crate::signature::RelyingParty;
use crate::state::certificate::CertificateRefusal;
use crate::state::charter::Thresholds;
use crate::state::issuer::Issuer;
use crate::state::parameters::Parameters;
use crate::x509::{CertificateDer, X509, check_time, fingerprint};

/// A certification authority that is admitted from the beginning.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FirstIssuer {
    /// Its certificate: DER in hexadecimal digits.
    pub certificate: CertificateDer,
}

impl FirstIssuer {
    /// The SHA-256 fingerprint of the certificate.
    pub fn id(&self) -> IssuerId {
        IssuerId(fingerprint(self.certificate.as_ref()).0)
    }

    pub(super) fn read(&self, since: u64) -> Result<Issuer, CertificateRefusal> {
        Issuer::of(&X509::read(self.certificate.as_ref())?, since)
    }
}

impl BorshSerialize for Genesis {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        BorshSerialize::serialize(&self.chain, writer)?;
        BorshSerialize::serialize(&self.time_ms, writer)?;
        BorshSerialize::serialize(&self.epoch_length, writer)?;
        BorshSerialize::serialize(&self.relying_party, writer)?;
        BorshSerialize::serialize(&self.thresholds, writer)?;
        self.parameters.write_first(writer)?;
        BorshSerialize::serialize(&self.members, writer)?;
        let later = self.parameters.later();
        if later.is_empty() && self.issuers.is_empty() {
            return Ok(());
        }
        BorshSerialize::serialize(&TAIL, writer)?;
        BorshSerialize::serialize(&later, writer)?;
        BorshSerialize::serialize(&self.issuers, writer)
    }
}

/// Reads to the end: nothing may follow a genesis.
impl BorshDeserialize for Genesis {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let mut genesis = Genesis {
            chain: Slug::deserialize_reader(reader)?,
            time_ms: u64::deserialize_reader(reader)?,
            epoch_length: u64::deserialize_reader(reader)?,
            relying_party: RelyingParty::deserialize_reader(reader)?,
            thresholds: Thresholds::deserialize_reader(reader)?,
            parameters: Parameters::read_first(reader)?,
            members: Vec::deserialize_reader(reader)?,
            issuers: Vec::new(),
        };
        match encoding::next_byte(reader)? {
            None => return Ok(genesis),
            Some(TAIL) => {}
            Some(_) => return Err(invalid("what follows the members is not known")),
        }
        let later = Vec::<u64>::deserialize_reader(reader)?;
        genesis.parameters = genesis.parameters.with_later(&later)?;
        genesis.issuers = Vec::deserialize_reader(reader)?;
        if later.is_empty() && genesis.issuers.is_empty() {
            return Err(invalid("nothing follows the members, and says so"));
        }
        Ok(genesis)
    }
}

impl Genesis {
    pub(super) fn check_issuers(&self, faults: &mut Vec<GenesisFault>) {
        let (issuers, max) = (self.issuers.len() as u64, Genesis::MAX_ISSUERS as u64);
        if issuers > max {
            faults.push(GenesisFault::TooManyIssuers { issuers, max });
        }
        for pair in self.issuers.windows(2).filter(|pair| pair[0].id() >= pair[1].id()) {
            faults.push(GenesisFault::IssuerOrder { issuer: pair[1].id() });
        }
        for issuer in &self.issuers {
            let valid = issuer.read(0).and_then(|read| {
                check_time(read.not_before_ms.min(self.time_ms), read.not_after_ms, self.time_ms)
            });
            if let Err(reason) = valid {
                faults.push(GenesisFault::Issuer { issuer: issuer.id(), reason: reason.to_string() });
            }
        }
    }
}

/// What begins the part that came later.
const TAIL: u8 = 1;
