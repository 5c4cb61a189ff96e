//! What a key of the state is about, and what its value says.
//!
//! Each kind of record is one line of [`subjects!`]: keys, names and decoding derive from it.

use std::fmt;
use std::str::FromStr;

use medveil_ledger::state::validators::ValidatorKey;
use medveil_ledger::state::{self, Record, Versioned};
use medveil_ledger::{
    AccessId, AccountId, Canonical, CertificateId, ChainId, ChallengeId, ConsentId, ContractId, CustodyId,
    DatasetId, DecodeError, Digest, IncidentId, IssuerId, Key, ObjectKind, ObjectRef, OrganisationId,
    PublicKey, ReleaseId, RequestId,
};
use serde::{Serialize, Serializer};

/// What of a subject a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The latest version.
    Head,
    /// A version, counted from 1.
    Version(u64),
    /// A value without history.
    Plain,
}

/// How an id stands in a key and in a name.
trait Id: Sized {
    fn read(bytes: &[u8]) -> Option<Self>;
    fn parse(text: &str) -> Option<Self>;
    fn show(&self) -> String;
}

macro_rules! ids {
    ($($id:ident)*) => {
        $(impl Id for $id {
            fn read(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map($id)
            }

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        })*
    };
}

ids! {
    AccessId AccountId CertificateId ChallengeId ConsentId ContractId CustodyId DatasetId Digest IncidentId IssuerId ReleaseId RequestId ValidatorKey
}

impl Id for u64 {
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(u64::from_be_bytes)
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number: &u64| number.to_string() == text)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Id for OrganisationId {
    fn read(bytes: &[u8]) -> Option<Self> {
        ObjectRef { kind: ObjectKind::Organisation, id: bytes.try_into().ok()? }.as_organisation()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Id for ObjectRef {
    fn read(bytes: &[u8]) -> Option<Self> {
        ObjectRef::decode(bytes).ok()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

macro_rules! subjects {
    (
        many { $($(#[doc = $doc:literal])+ $kind:ident($id:ty) = $name:literal, $record:path;)* }
        single { $($(#[doc = $single_doc:literal])+ $single:ident = $single_name:literal, $single_record:path;)* }
    ) => {
        /// A thing that the state keeps.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Subject {
            $($(#[doc = $doc])+ $kind($id),)*
            $($(#[doc = $single_doc])+ $single,)*
            /// An account's next nonce, which has no history.
            Nonce(AccountId),
            /// The number of proposals, which has no history.
            ProposalCount,
        }

        /// What a version of a subject says.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Value {
            $($(#[doc = $doc])+ $kind(Box<$record>),)*
            $($(#[doc = $single_doc])+ $single(Box<$single_record>),)*
        }

        impl Subject {
            fn of_record(domain: u8, id: &[u8]) -> Option<Self> {
                $(if domain == <$record as Record>::DOMAIN as u8 {
                    return <$id as Id>::read(id).map(Subject::$kind);
                })*
                $(if domain == <$single_record as Record>::DOMAIN as u8 {
                    return id.is_empty().then_some(Subject::$single);
                })*
                None
            }

            /// The key of a form; `None` if the subject does not have it.
            pub fn key(&self, form: Form) -> Option<Key> {
                match self {
                    $(Subject::$kind(id) => of::<$record>(id, form),)*
                    $(Subject::$single => of::<$single_record>(&(), form),)*
                    Subject::Nonce(id) => (form == Form::Plain).then(|| state::key::nonce(id)),
                    Subject::ProposalCount => (form == Form::Plain).then(state::key::proposal_count),
                }
            }
        }

        impl Value {
            /// The version that the bytes under a key of the subject are; `None` for subjects without history.
            pub(crate) fn decode(
                subject: &Subject,
                bytes: &[u8],
            ) -> Option<Result<Versioned<Value>, DecodeError>> {
                Some(match subject {
                    $(Subject::$kind(_) => decode::<$record>(bytes, |value| Value::$kind(Box::new(value))),)*
                    $(Subject::$single => {
                        decode::<$single_record>(bytes, |value| Value::$single(Box::new(value)))
                    })*
                    Subject::Nonce(_) | Subject::ProposalCount => return None,
                })
            }
        }

        impl fmt::Display for Subject {
            /// `dataset/HEX`, `organisation/NAME`, `trail/dataset/HEX`, `parameters`: what [`Subject::from_str`] reads.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Subject::$kind(id) => write!(f, concat!($name, "/{}"), id.show()),)*
                    $(Subject::$single => f.write_str($single_name),)*
                    Subject::Nonce(id) => write!(f, "nonce/{id}"),
                    Subject::ProposalCount => f.write_str("proposal-count"),
                }
            }
        }

        impl FromStr for Subject {
            type Err = SubjectError;

            fn from_str(text: &str) -> Result<Self, SubjectError> {
                let (kind, id) = text.split_once('/').unwrap_or((text, ""));
                let found = match kind {
                    $($name => <$id as Id>::parse(id).map(Subject::$kind),)*
                    $($single_name => id.is_empty().then_some(Subject::$single),)*
                    "nonce" => id.parse().ok().map(Subject::Nonce),
                    "proposal-count" => id.is_empty().then_some(Subject::ProposalCount),
                    _ => None,
                };
                // One spelling each.
                found.filter(|found: &Subject| found.to_string() == text).ok_or(SubjectError)
            }
        }
    };
}

subjects! {
    many {
        /// An account.
        Account(AccountId) = "account", state::account::Account;
        /// A member.
        Organisation(OrganisationId) = "organisation", state::organisation::Organisation;
        /// Whose a validator's key is.
        ValidatorKey(ValidatorKey) = "validator-key", state::validators::KeyHolder;
        /// A proposal.
        Proposal(u64) = "proposal", state::proposal::Proposal;
        /// Whether a thing is frozen.
        Freeze(ObjectRef) = "freeze", state::freeze::Freeze;
        /// A dataset.
        Dataset(DatasetId) = "dataset", state::dataset::Dataset;
        /// The trail of a thing; version n is entry n.
        Trail(ObjectRef) = "trail", state::trail::TrailEntry;
        /// A patient.
        Patient(AccountId) = "patient", state::patient::Patient;
        /// A consent.
        Consent(ConsentId) = "consent", state::consent::Consent;
        /// A data-use contract.
        Contract(ContractId) = "contract", state::contract::Contract;
        /// A request.
        Request(RequestId) = "request", state::request::Request;
        /// A release.
        Release(ReleaseId) = "release", state::release::Release;
        /// An access.
        Access(AccessId) = "access", state::access::Access;
        /// A challenge.
        Challenge(ChallengeId) = "challenge", state::challenge::Challenge;
        /// What is left of a privacy budget.
        Budget(ObjectRef) = "budget", state::budget::Budget;
        /// What was learnt of a dataset.
        Exposure(Digest) = "exposure", state::exposure::Exposure;
        /// The destruction of a thing.
        Destruction(ObjectRef) = "destruction", state::destruction::Destruction;
        /// An incident.
        Incident(IncidentId) = "incident", state::incident::Incident;
        /// An object in custody.
        Custody(CustodyId) = "custody", state::custody::Custody;
        /// A request for a key in custody.
        KeyRequest(Digest) = "key-request", state::custody::KeyRequest;
        /// A member's part of a key in custody.
        Partial(Digest) = "partial", state::custody::Partial;
        /// A message of the custody committee.
        Committee(Digest) = "committee", state::custody::CommitteeMessage;
        /// The certificate of an organisation's SM2 key.
        Certificate(CertificateId) = "certificate", state::certificate::Certificate;
        /// A certification authority.
        Issuer(IssuerId) = "issuer", state::issuer::Issuer;
    }
    single {
        /// What the genesis fixes for ever.
        Charter = "charter", state::charter::Charter;
        /// The parameters.
        Parameters = "parameters", state::parameters::Parameters;
        /// The seats as votes have left them.
        Roster = "roster", state::validators::Roster;
        /// The validators; version n are those of epoch n - 1.
        Validators = "validators", state::validators::ValidatorSet;
    }
}

fn of<R: Record>(id: &R::Id, form: Form) -> Option<Key> {
    match form {
        Form::Head => Some(R::head_key(id)),
        Form::Version(0) | Form::Plain => None,
        Form::Version(number) => Some(R::version_key(id, number)),
    }
}

fn decode<R: Record>(bytes: &[u8], value: impl FnOnce(R) -> Value) -> Result<Versioned<Value>, DecodeError> {
    Versioned::<R>::decode(bytes).map(|found| Versioned {
        version: found.version,
        height: found.height,
        value: value(found.value),
    })
}

impl Subject {
    /// The subject and form of a key of the state; `None` for what is not known: keys that the ledger does not have, and values without history that nobody is asked to
    /// prove.
    pub fn of_key(bytes: &[u8]) -> Option<(Self, Form)> {
        let (head, rest) = bytes.split_first_chunk::<2>()?;
        let (form, id) = match head[1] {
            0 => (Form::Head, rest),
            1 => {
                let (id, number) = rest.split_last_chunk::<8>()?;
                (Form::Version(u64::from_be_bytes(*number)), id)
            }
            2 => (Form::Plain, rest),
            _ => return None,
        };
        let plain = |domain: state::key::Domain| form == Form::Plain && domain as u8 == head[0];
        let subject = if plain(state::key::Domain::Nonce) {
            Subject::Nonce(AccountId(id.try_into().ok()?))
        } else if plain(state::key::Domain::ProposalCount) {
            Subject::ProposalCount
        } else {
            Subject::of_record(head[0], id)?
        };
        // Whatever was read must be written so: no second spelling, no rest, no form that the subject does not have.
        (subject.key(form)?.as_ref() == bytes).then_some((subject, form))
    }

    /// The key of the latest version, or of the value without history.
    pub fn head_key(&self) -> Key {
        self.key(Form::Head).or_else(|| self.key(Form::Plain)).expect("every subject has one of the two")
    }

    /// The key of a version, counted from 1; `None` for what has no history.
    pub fn version_key(&self, version: u64) -> Option<Key> {
        self.key(Form::Version(version))
    }
}

impl Value {
    /// What the value says of its own id or number that is not so, if anything: the rules never write such a value.
    pub(crate) fn mismatch(&self, subject: &Subject, version: u64, chain: ChainId) -> Option<&'static str> {
        match (self, subject) {
            (Value::Dataset(dataset), Subject::Dataset(id))
                if DatasetId::derive(chain, dataset.organisation, dataset.label) != *id =>
            {
                Some("owner and label")
            }
            (Value::Certificate(certificate), Subject::Certificate(id))
                if !certificate_is(certificate, *id, chain) =>
            {
                Some("account and key")
            }
            (Value::Charter(charter), _) if charter.chain != chain => Some("chain"),
            (Value::Validators(set), _) if set.epoch.checked_add(1) != Some(version) => Some("epoch"),
            _ => None,
        }
    }
}

fn certificate_is(certificate: &state::certificate::Certificate, id: CertificateId, chain: ChainId) -> bool {
    match &certificate.key {
        PublicKey::Sm2(key) => CertificateId::derive(chain, certificate.account, key) == id,
        _ => false,
    }
}

/// Why a text names no subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected KIND/ID such as `dataset/HEX`, `organisation/NAME`, `proposal/NUMBER` or `trail/KIND/ID`, or `parameters`, `validators`, `roster`, `charter`"
)]
pub struct SubjectError;

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use medveil_ledger::state::key::{self, Domain};
    use proptest::prelude::*;

    use super::*;

    fn subjects() -> Vec<Subject> {
        vec![
            Subject::Account(AccountId([1; 32])),
            Subject::Organisation(OrganisationId::new("hospital-1").unwrap()),
            Subject::Charter,
            Subject::Parameters,
            Subject::Roster,
            Subject::Validators,
            Subject::ValidatorKey(ValidatorKey([2; 32])),
            Subject::Proposal(12),
            Subject::Freeze(ObjectRef::dataset(DatasetId([3; 32]))),
            Subject::Dataset(DatasetId([4; 32])),
            Subject::Trail(ObjectRef::external(Digest([5; 32]))),
            Subject::Consent(ConsentId([7; 32])),
            Subject::Budget(ObjectRef::dataset(DatasetId([8; 32]))),
            Subject::Partial(Digest([9; 32])),
            Subject::Certificate(CertificateId([10; 32])),
            Subject::Issuer(IssuerId([11; 32])),
            Subject::Nonce(AccountId([6; 32])),
            Subject::ProposalCount,
        ]
    }

    #[test]
    fn a_key_tells_what_it_is_about() {
        for subject in subjects() {
            let mut forms = 0;
            for form in [Form::Head, Form::Version(1), Form::Version(u64::MAX), Form::Plain] {
                if let Some(key) = subject.key(form) {
                    assert_eq!(Subject::of_key(key.as_ref()), Some((subject, form)));
                    forms += 1;
                }
            }
            assert!(forms == 3 || forms == 1, "{subject}");
        }
    }

    #[test]
    fn subjects_read_as_they_are_written() {
        for subject in subjects() {
            assert_eq!(subject.to_string().parse(), Ok(subject));
        }
        for bad in [
            "",
            "dataset",
            "dataset/",
            "trail/dataset",
            "external/00",
            "transaction/1",
            "parameters/x",
            "proposal/03",
            "dataset/AB",
        ] {
            assert_eq!(bad.parse::<Subject>(), Err(SubjectError), "{bad}");
        }
    }

    #[test]
    fn version_zero_and_other_forms_are_no_keys() {
        let zero = key::version(Domain::Dataset, &DatasetId([4; 32]), 0);
        assert_eq!(Subject::of_key(zero.as_ref()), None);
        // A nonce has no head, a dataset no plain value, and no domain has the number 0 or 99.
        for (domain, form, length) in
            [(1, 0, 32), (12, 2, 32), (0, 0, 0), (99, 0, 32), (4, 0, 1), (12, 3, 32)]
        {
            let mut bytes = vec![domain, form];
            bytes.resize(2 + length, 7);
            assert_eq!(Subject::of_key(&bytes), None, "{domain} {form}");
        }
        // An organisation's name with a letter that no slug has.
        let mut bytes = vec![3, 0];
        bytes.extend([0xff; 32]);
        assert_eq!(Subject::of_key(&bytes), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_key_in_one_way_or_not_at_all(bytes in proptest::collection::vec(any::<u8>(), 0..48), domain in 0u8..40, form in 0u8..4) {
            let mut bytes = bytes;
            if bytes.len() >= 2 {
                bytes[0] = domain;
                bytes[1] = form;
            }
            if let Some((subject, form)) = Subject::of_key(&bytes) {
                let key = subject.key(form).unwrap();
                prop_assert_eq!(key.as_ref(), bytes.as_slice());
            }
        }
    }
}
