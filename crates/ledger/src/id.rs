//! Names of things: digests, chains, accounts, organisations, labels, objects.

use std::fmt;
use std::str::FromStr;

use borsh::io::{Read, Result as IoResult, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::encoding::invalid;
use crate::public_key::PublicKey;

/// An id or digest of 32 bytes.
macro_rules! bytes32 {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, borsh::BorshSerialize, borsh::BorshDeserialize,
        )]
        pub struct $name(pub [u8; 32]);

        impl std::fmt::Display for $name {
            /// 64 hexadecimal digits.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::id::NameError;

            fn from_str(text: &str) -> Result<Self, $crate::id::NameError> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| $crate::id::NameError::NotHex)?;
                Ok($name(bytes))
            }
        }

        impl From<$name> for $crate::refusal::FactValue {
            fn from(id: $name) -> Self {
                $crate::refusal::FactValue::Bytes(id.0)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        $crate::id::text_serde!($name);
    };
}

/// Serde by `Display` and `FromStr`.
macro_rules! text_serde {
    ($name:ty) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                <std::borrow::Cow<'_, str> as serde::Deserialize>::deserialize(d)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use {bytes32, text_serde};

bytes32! {
    /// A SHA-256 digest.
    Digest
}

bytes32! {
    /// The chain: the digest of its genesis, so that no two consortia share one.
    ChainId
}

bytes32! {
    /// An account: the digest of chain and first key.
    AccountId
}

bytes32! {
    /// A dataset: the digest of chain, owner and label, so that no organisation can take another's.
    DatasetId
}

bytes32! {
    /// A consent: the digest of chain, patient's handle and number.
    ConsentId
}

bytes32! {
    /// A data-use contract: the digest of chain, owner and label.
    ContractId
}

bytes32! {
    /// A request: the digest of the transaction that made it.
    RequestId
}

bytes32! {
    /// A release: the digest of request and dataset. Its versions follow each other.
    ReleaseId
}

bytes32! {
    /// An access: the digest of the transaction that asked for it.
    AccessId
}

bytes32! {
    /// An auditor's challenge: the digest of the transaction that made it.
    ChallengeId
}

bytes32! {
    /// An incident: the digest of the transaction that reported it.
    IncidentId
}

bytes32! {
    /// An object in custody: the digest of chain, owner and label.
    CustodyId
}

bytes32! {
    /// The certificate of a key of an account: the digest of chain, account and key. Its versions follow each other.
    CertificateId
}

bytes32! {
    /// A certification authority that is admitted: the SHA-256 fingerprint of its certificate.
    IssuerId
}

impl Digest {
    /// The digest of parts under a domain. Every part but the last must have a length that the domain fixes.
    pub fn of(domain: &str, parts: &[&[u8]]) -> Self {
        // The length before the domain keeps one domain from being the beginning of another.
        let mut hash = Sha256::new();
        hash.update([u8::try_from(domain.len()).expect("domains are short literals")]);
        hash.update(domain);
        parts.iter().for_each(|part| hash.update(part));
        Digest(hash.finalize().into())
    }
}

impl AccountId {
    /// The account whose first key this is.
    pub fn derive(chain: ChainId, first_key: &PublicKey) -> Self {
        AccountId(
            Digest::of("medveil/account/1", &[&chain.0, &[first_key.suite() as u8], first_key.bytes()]).0,
        )
    }
}

impl DatasetId {
    /// The dataset that an organisation calls `label`.
    pub fn derive(chain: ChainId, organisation: OrganisationId, label: Slug) -> Self {
        DatasetId(Digest::of("medveil/dataset/1", &[&chain.0, organisation.padded(), label.padded()]).0)
    }
}

impl ConsentId {
    /// The consent of a number that a patient has given.
    pub fn derive(chain: ChainId, patient: AccountId, number: u32) -> Self {
        ConsentId(Digest::of("medveil/consent/1", &[&chain.0, &patient.0, &number.to_be_bytes()]).0)
    }
}

impl ContractId {
    /// The contract that an organisation calls `label`.
    pub fn derive(chain: ChainId, organisation: OrganisationId, label: Slug) -> Self {
        ContractId(Digest::of("medveil/contract/1", &[&chain.0, organisation.padded(), label.padded()]).0)
    }
}

impl ReleaseId {
    /// What a request is given of a dataset.
    pub fn derive(request: RequestId, dataset: DatasetId) -> Self {
        ReleaseId(Digest::of("medveil/release/1", &[&request.0, &dataset.0]).0)
    }
}

impl CustodyId {
    /// The object that an organisation calls `label`.
    pub fn derive(chain: ChainId, organisation: OrganisationId, label: Slug) -> Self {
        CustodyId(Digest::of("medveil/custody/1", &[&chain.0, organisation.padded(), label.padded()]).0)
    }
}

impl CertificateId {
    /// The certificate of an account's key.
    pub fn derive(chain: ChainId, account: AccountId, key: &[u8; 33]) -> Self {
        CertificateId(Digest::of("medveil/certificate/1", &[&chain.0, &account.0, key]).0)
    }
}

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not 64 hexadecimal digits.
    #[error("expected 64 hexadecimal digits")]
    NotHex,
    /// The length is none or more than 32.
    #[error("expected 1 to {max} letters, found {found}")]
    Length {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A character that slugs do not have.
    #[error("expected lowercase letters, digits and single hyphens inside; the fault is at character {at}")]
    Character {
        /// Counted from 1.
        at: usize,
    },
}

/// A short name: 1 to 32 of `a-z`, `0-9` and single hyphens inside.
///
/// It is held in place, padded with zeros, so that it is `Copy` and takes part in keys of fixed length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug([u8; Slug::MAX]);

impl Slug {
    /// The longest.
    pub const MAX: usize = 32;

    /// The slug of a text.
    ///
    /// # Errors
    /// [`NameError`] when it is too long, empty, or has other characters.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > Slug::MAX {
            return Err(NameError::Length { found: bytes.len(), max: Slug::MAX });
        }
        let mut before = b'-';
        for (index, byte) in bytes.iter().enumerate() {
            let inside = *byte == b'-' && before != b'-' && index + 1 < bytes.len();
            if !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || inside) {
                return Err(NameError::Character { at: index + 1 });
            }
            before = *byte;
        }
        let mut padded = [0; Slug::MAX];
        padded[..bytes.len()].copy_from_slice(bytes);
        Ok(Slug(padded))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(Slug::MAX);
        std::str::from_utf8(&self.0[..length]).expect("a slug is ASCII")
    }

    /// The text with zeros after it.
    pub fn padded(&self) -> &[u8; Slug::MAX] {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl FromStr for Slug {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Slug::new(text)
    }
}

text_serde!(Slug);

impl BorshSerialize for Slug {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        let text = self.as_str().as_bytes();
        writer.write_all(&[u8::try_from(text.len()).expect("a slug is at most 32 bytes")])?;
        writer.write_all(text)
    }
}

impl BorshDeserialize for Slug {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let length = usize::from(u8::deserialize_reader(reader)?);
        let mut bytes = [0; Slug::MAX];
        let bytes = bytes.get_mut(..length).ok_or_else(|| invalid("a name of more than 32 bytes"))?;
        reader.read_exact(bytes).map_err(|_| invalid("a name breaks off"))?;
        let text = std::str::from_utf8(bytes).map_err(|_| invalid("a name is not UTF-8"))?;
        Slug::new(text).map_err(|error| invalid(error.to_string()))
    }
}

/// A member organisation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct OrganisationId(pub Slug);

impl OrganisationId {
    /// The organisation of a name.
    ///
    /// # Errors
    /// [`NameError`] when it is no slug.
    pub fn new(text: &str) -> Result<Self, NameError> {
        Slug::new(text).map(OrganisationId)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The text with zeros after it.
    pub fn padded(&self) -> &[u8; Slug::MAX] {
        self.0.padded()
    }
}

impl fmt::Display for OrganisationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for OrganisationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OrganisationId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        OrganisationId::new(text)
    }
}

text_serde!(OrganisationId);

/// A text for people of at most `MAX` bytes, without control characters. Never about a patient.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, BorshSerialize)]
pub struct BoundedText<const MAX: usize>(String);

impl<const MAX: usize> BoundedText<MAX> {
    /// The text.
    ///
    /// # Errors
    /// [`NameError`] when it is too long, empty, or has control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if text.is_empty() || text.len() > MAX {
            return Err(NameError::Length { found: text.len(), max: MAX });
        }
        match text.chars().position(char::is_control) {
            Some(index) => Err(NameError::Character { at: index + 1 }),
            None => Ok(BoundedText(text)),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> BorshDeserialize for BoundedText<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        BoundedText::new(String::deserialize_reader(reader)?).map_err(|error| invalid(error.to_string()))
    }
}

impl<const MAX: usize> fmt::Display for BoundedText<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> Serialize for BoundedText<MAX> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for BoundedText<MAX> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        BoundedText::new(<String as Deserialize>::deserialize(d)?).map_err(D::Error::custom)
    }
}

/// What kind of thing an id names. Later rules add kinds at the end.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ObjectKind {
    /// Something that is not on the ledger, named by a digest.
    External = 0,
    /// An account.
    Account = 1,
    /// An organisation.
    Organisation = 2,
    /// A proposal.
    Proposal = 3,
    /// The parameters in force.
    Parameters = 4,
    /// The set of validators.
    Validators = 5,
    /// A transaction.
    Transaction = 6,
    /// A dataset.
    Dataset = 7,
    /// A patient's consent.
    Consent = 8,
    /// A data-use contract.
    Contract = 9,
    /// A request under a contract.
    Request = 10,
    /// What a request was given of a dataset.
    Release = 11,
    /// An access to a release.
    Access = 12,
    /// An auditor's challenge of a release.
    Challenge = 13,
    /// An incident.
    Incident = 14,
    /// An object in custody.
    Custody = 15,
    /// The certificate of an organisation's SM2 key.
    Certificate = 16,
    /// A certification authority.
    Issuer = 17,
}

impl ObjectKind {
    /// Every kind.
    pub const ALL: &[ObjectKind] = &[
        ObjectKind::External,
        ObjectKind::Account,
        ObjectKind::Organisation,
        ObjectKind::Proposal,
        ObjectKind::Parameters,
        ObjectKind::Validators,
        ObjectKind::Transaction,
        ObjectKind::Dataset,
        ObjectKind::Consent,
        ObjectKind::Contract,
        ObjectKind::Request,
        ObjectKind::Release,
        ObjectKind::Access,
        ObjectKind::Challenge,
        ObjectKind::Incident,
        ObjectKind::Custody,
        ObjectKind::Certificate,
        ObjectKind::Issuer,
    ];

    /// The name in events and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            ObjectKind::External => "external",
            ObjectKind::Account => "account",
            ObjectKind::Organisation => "organisation",
            ObjectKind::Proposal => "proposal",
            ObjectKind::Parameters => "parameters",
            ObjectKind::Validators => "validators",
            ObjectKind::Transaction => "transaction",
            ObjectKind::Dataset => "dataset",
            ObjectKind::Consent => "consent",
            ObjectKind::Contract => "contract",
            ObjectKind::Request => "request",
            ObjectKind::Release => "release",
            ObjectKind::Access => "access",
            ObjectKind::Challenge => "challenge",
            ObjectKind::Incident => "incident",
            ObjectKind::Custody => "custody",
            ObjectKind::Certificate => "certificate",
            ObjectKind::Issuer => "issuer",
        }
    }
}

impl From<ObjectKind> for crate::refusal::FactValue {
    fn from(kind: ObjectKind) -> Self {
        kind.name().into()
    }
}

/// A thing: its kind and id. Ids that are names are padded with zeros, numbers stand in the last eight bytes; other ids of those kinds are not read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, BorshSerialize)]
pub struct ObjectRef {
    /// The kind.
    pub kind: ObjectKind,
    /// The id.
    pub id: [u8; 32],
}

impl ObjectRef {
    /// Something that is not on the ledger.
    pub fn external(digest: Digest) -> Self {
        ObjectRef { kind: ObjectKind::External, id: digest.0 }
    }

    /// An account.
    pub fn account(account: AccountId) -> Self {
        ObjectRef { kind: ObjectKind::Account, id: account.0 }
    }

    /// An organisation.
    pub fn organisation(organisation: OrganisationId) -> Self {
        ObjectRef { kind: ObjectKind::Organisation, id: *organisation.padded() }
    }

    /// A dataset.
    pub fn dataset(dataset: DatasetId) -> Self {
        ObjectRef { kind: ObjectKind::Dataset, id: dataset.0 }
    }

    /// A patient's consent.
    pub fn consent(consent: ConsentId) -> Self {
        ObjectRef { kind: ObjectKind::Consent, id: consent.0 }
    }

    /// A data-use contract.
    pub fn contract(contract: ContractId) -> Self {
        ObjectRef { kind: ObjectKind::Contract, id: contract.0 }
    }

    /// A request under a contract.
    pub fn request(request: RequestId) -> Self {
        ObjectRef { kind: ObjectKind::Request, id: request.0 }
    }

    /// What a request was given of a dataset.
    pub fn release(release: ReleaseId) -> Self {
        ObjectRef { kind: ObjectKind::Release, id: release.0 }
    }

    /// An access to a release.
    pub fn access(access: AccessId) -> Self {
        ObjectRef { kind: ObjectKind::Access, id: access.0 }
    }

    /// An auditor's challenge of a release.
    pub fn challenge(challenge: ChallengeId) -> Self {
        ObjectRef { kind: ObjectKind::Challenge, id: challenge.0 }
    }

    /// An incident.
    pub fn incident(incident: IncidentId) -> Self {
        ObjectRef { kind: ObjectKind::Incident, id: incident.0 }
    }

    /// An object in custody.
    pub fn custody(custody: CustodyId) -> Self {
        ObjectRef { kind: ObjectKind::Custody, id: custody.0 }
    }

    /// The certificate of an organisation's SM2 key.
    pub fn certificate(certificate: CertificateId) -> Self {
        ObjectRef { kind: ObjectKind::Certificate, id: certificate.0 }
    }

    /// A certification authority.
    pub fn issuer(issuer: IssuerId) -> Self {
        ObjectRef { kind: ObjectKind::Issuer, id: issuer.0 }
    }

    /// A transaction.
    pub fn transaction(transaction: Digest) -> Self {
        ObjectRef { kind: ObjectKind::Transaction, id: transaction.0 }
    }

    /// A proposal.
    pub fn proposal(number: u64) -> Self {
        ObjectRef::numbered(ObjectKind::Proposal, number)
    }

    /// The set of validators of an epoch.
    pub fn validators(epoch: u64) -> Self {
        ObjectRef::numbered(ObjectKind::Validators, epoch)
    }

    /// The parameters.
    pub fn parameters() -> Self {
        ObjectRef::numbered(ObjectKind::Parameters, 0)
    }

    /// The organisation that the reference names; `None` for other kinds and for what is no name.
    pub fn as_organisation(&self) -> Option<OrganisationId> {
        let length = self.id.iter().position(|byte| *byte == 0).unwrap_or(Slug::MAX);
        let text = std::str::from_utf8(&self.id[..length]).ok()?;
        let organisation = OrganisationId::new(text).ok()?;
        (self.kind == ObjectKind::Organisation && *organisation.padded() == self.id).then_some(organisation)
    }

    /// The number of a proposal or epoch; `None` for other kinds.
    pub fn as_number(&self) -> Option<u64> {
        let numbered = matches!(self.kind, ObjectKind::Proposal | ObjectKind::Validators);
        let (zeros, number) = self.id.split_last_chunk::<8>()?;
        (numbered && zeros.iter().all(|byte| *byte == 0)).then(|| u64::from_be_bytes(*number))
    }

    /// Whether the id has the form that the kind's ids have.
    fn is_well_formed(&self) -> bool {
        match self.kind {
            ObjectKind::Organisation => self.as_organisation().is_some(),
            ObjectKind::Proposal | ObjectKind::Validators => self.as_number().is_some(),
            ObjectKind::Parameters => self.id == [0; 32],
            ObjectKind::External
            | ObjectKind::Account
            | ObjectKind::Transaction
            | ObjectKind::Dataset
            | ObjectKind::Consent
            | ObjectKind::Contract
            | ObjectKind::Request
            | ObjectKind::Release
            | ObjectKind::Access
            | ObjectKind::Challenge
            | ObjectKind::Incident
            | ObjectKind::Custody
            | ObjectKind::Certificate
            | ObjectKind::Issuer => true,
        }
    }

    fn numbered(kind: ObjectKind, number: u64) -> Self {
        let mut id = [0; 32];
        id[24..].copy_from_slice(&number.to_be_bytes());
        ObjectRef { kind, id }
    }

    /// The id as people write it.
    fn id_text(&self) -> String {
        match (self.as_organisation(), self.as_number()) {
            (Some(organisation), _) => organisation.to_string(),
            (None, Some(number)) => number.to_string(),
            (None, None) => hex::encode(self.id),
        }
    }
}

impl fmt::Display for ObjectRef {
    /// `dataset/HEX`, `organisation/NAME`, `proposal/NUMBER`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.name(), self.id_text())
    }
}

impl fmt::Debug for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl BorshDeserialize for ObjectRef {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let kind = ObjectKind::deserialize_reader(reader)?;
        let object = ObjectRef { kind, id: <[u8; 32]>::deserialize_reader(reader)? };
        if object.is_well_formed() { Ok(object) } else { Err(invalid("an id that its kind does not have")) }
    }
}

/// Why a text is not the name of an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `KIND/ID`, such as `dataset/HEX`, `organisation/NAME` or `proposal/NUMBER`")]
pub struct ObjectError;

impl FromStr for ObjectRef {
    type Err = ObjectError;

    fn from_str(text: &str) -> Result<Self, ObjectError> {
        let (kind, id) = text.split_once('/').ok_or(ObjectError)?;
        let kind = *ObjectKind::ALL.iter().find(|known| known.name() == kind).ok_or(ObjectError)?;
        let object = match kind {
            ObjectKind::Organisation => {
                ObjectRef::organisation(OrganisationId::new(id).map_err(|_| ObjectError)?)
            }
            ObjectKind::Proposal | ObjectKind::Validators => {
                ObjectRef::numbered(kind, id.parse().map_err(|_| ObjectError)?)
            }
            _ => ObjectRef { kind, id: id.parse::<Digest>().map_err(|_| ObjectError)?.0 },
        };
        // One spelling each: no leading zeros, no upper case.
        if object.is_well_formed() && object.to_string() == text { Ok(object) } else { Err(ObjectError) }
    }
}

text_serde!(ObjectRef);

impl From<ObjectRef> for crate::refusal::FactValue {
    fn from(object: ObjectRef) -> Self {
        object.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Canonical;

    #[test]
    fn slugs_have_one_spelling() {
        for good in ["a", "hospital-1", "0", &"x".repeat(32)] {
            let slug = Slug::new(good).unwrap();
            assert_eq!(slug.as_str(), good);
            assert_eq!(Slug::decode(&slug.encode()).unwrap(), slug);
        }
        for bad in ["", "-a", "a-", "a--b", "A", "a b", "医院", "a\0", &"x".repeat(33)] {
            assert!(Slug::new(bad).is_err(), "{bad:?}");
            let mut bytes = vec![bad.len() as u8];
            bytes.extend(bad.as_bytes());
            assert!(Slug::decode(&bytes).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn objects_read_as_they_are_written() {
        for object in [
            ObjectRef::external(Digest([7; 32])),
            ObjectRef::organisation(OrganisationId::new("hospital-1").unwrap()),
            ObjectRef::proposal(12),
            ObjectRef::validators(0),
            ObjectRef::parameters(),
        ] {
            assert_eq!(object.to_string().parse(), Ok(object));
            assert_eq!(ObjectRef::decode(&object.encode()), Ok(object));
        }
        for kind in
            [ObjectKind::Organisation, ObjectKind::Proposal, ObjectKind::Validators, ObjectKind::Parameters]
        {
            let object = ObjectRef { kind, id: [0xff; 32] };
            assert!(ObjectRef::decode(&object.encode()).is_err(), "{kind:?}");
            assert!(object.to_string().parse::<ObjectRef>().is_err(), "{kind:?}");
        }
        for bad in ["proposal/012", "dataset/AB", "nothing/1", "proposal", "organisation/A"] {
            assert_eq!(bad.parse::<ObjectRef>(), Err(ObjectError), "{bad}");
        }
    }

    #[test]
    fn texts_for_people_are_bounded_and_have_no_control_characters() {
        type Text = BoundedText<8>;
        assert!(Text::new("市一医").is_err());
        assert!(Text::new("市一").is_ok());
        assert!(Text::new("a\nb").is_err());
        assert!(Text::new("").is_err());
        assert!(Text::decode(&String::from("a\u{7}").encode()).is_err());
    }
}
