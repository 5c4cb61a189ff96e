//! Refusals: named reasons with the values that were compared.
//!
//! Each module that can say no has an enum of its own, made by [`refusals!`](crate::refusal): a variant is a fact, its name is for machines
//! (`governance.already_voted`), its message for people. What goes into receipts and events is the [`Refusal`] they turn into.

use std::borrow::Cow;
use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::id::{OrganisationId, Slug};

/// A reason that programs can tell apart.
pub trait Named: fmt::Display {
    /// The machine's name, `module.reason`; it keeps its meaning for ever.
    fn name(&self) -> &'static str;

    /// The reason in Chinese, without the values.
    fn chinese(&self) -> &'static str;

    /// The values compared.
    fn facts(&self) -> Vec<Fact>;
}

/// What is registered of a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The machine's name.
    pub name: &'static str,
    /// The rule that it follows from, `ID: what it says`.
    pub rule: &'static str,
    /// The reason in Chinese, without the values.
    pub zh: &'static str,
}

/// Every reason that the ledger can give, by module.
pub const CATALOGUE: &[&[Reason]] = &[
    crate::signature::SignatureFault::ALL,
    crate::execute::Inadmissible::ALL,
    crate::role::AuthorityRefusal::ALL,
    crate::state::account::KeySetFault::ALL,
    crate::action::account_create::AccountRefusal::ALL,
    crate::measure::OrganisationRefusal::ALL,
    crate::governance::GovernanceRefusal::ALL,
    crate::state::validators::SeatRefusal::ALL,
    crate::state::parameters::ParameterRefusal::ALL,
    crate::state::freeze::FreezeRefusal::ALL,
    crate::action::dataset_register::DatasetRefusal::ALL,
    crate::action::audit_notarise::AuditRefusal::ALL,
    crate::state::patient::PatientRefusal::ALL,
    crate::state::consent::ConsentRefusal::ALL,
    crate::terms::TermsRefusal::ALL,
    crate::state::contract::ContractRefusal::ALL,
    crate::policy::PolicyRefusal::ALL,
    crate::decision::DecisionRefusal::ALL,
    crate::state::request::RequestRefusal::ALL,
    crate::state::release::ReleaseRefusal::ALL,
    crate::state::access::AccessRefusal::ALL,
    crate::state::challenge::ChallengeRefusal::ALL,
    crate::state::destruction::DestructionRefusal::ALL,
    crate::state::incident::IncidentRefusal::ALL,
    crate::state::custody::CustodyRefusal::ALL,
    crate::state::certificate::CertificateRefusal::ALL,
    crate::state::issuer::IssuerRefusal::ALL,
    crate::genesis::GenesisFault::ALL,
];

/// Why an action was refused, as receipts record it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Refusal {
    /// The machine's name: `governance.already_voted`.
    pub name: Cow<'static, str>,
    /// The values compared.
    #[serde(serialize_with = "as_map")]
    pub facts: Vec<Fact>,
}

impl Refusal {
    /// The record of a reason.
    pub fn of(reason: &impl Named) -> Self {
        Refusal { name: Cow::Borrowed(reason.name()), facts: reason.facts() }
    }

    /// The value of a fact.
    pub fn fact(&self, name: &str) -> Option<&FactValue> {
        self.facts.iter().find(|fact| fact.name == name).map(|fact| &fact.value)
    }
}

impl fmt::Display for Refusal {
    /// `governance.already_voted (proposal 3, at 17)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (index, fact) in self.facts.iter().enumerate() {
            write!(f, "{}{} {}", if index == 0 { " (" } else { ", " }, fact.name, fact.value)?;
        }
        if self.facts.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

/// A value under a name, in refusals and events.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Fact {
    /// What the value is.
    pub name: Cow<'static, str>,
    /// The value.
    pub value: FactValue,
}

/// A value that may be told in public: there are no patient values on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum FactValue {
    /// A count, a height, a version.
    Number(u64),
    /// A name from a vocabulary, or a slug.
    Text(Cow<'static, str>),
    /// An id or a digest.
    Bytes([u8; 32]),
}

impl fmt::Display for FactValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FactValue::Number(number) => number.fmt(f),
            FactValue::Text(text) => text.fmt(f),
            FactValue::Bytes(bytes) => hex::encode(bytes).fmt(f),
        }
    }
}

impl Serialize for FactValue {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            FactValue::Number(number) => s.serialize_u64(*number),
            FactValue::Text(text) => s.serialize_str(text),
            FactValue::Bytes(bytes) => s.serialize_str(&hex::encode(bytes)),
        }
    }
}

/// Facts as one JSON object.
pub(crate) fn as_map<S: Serializer>(facts: &[Fact], s: S) -> Result<S::Ok, S::Error> {
    let mut map = s.serialize_map(Some(facts.len()))?;
    for fact in facts {
        map.serialize_entry(&fact.name, &fact.value)?;
    }
    map.end()
}

/// A fact.
pub fn fact(name: &'static str, value: impl Into<FactValue>) -> Fact {
    Fact { name: Cow::Borrowed(name), value: value.into() }
}

impl From<u64> for FactValue {
    fn from(number: u64) -> Self {
        FactValue::Number(number)
    }
}

impl From<u32> for FactValue {
    fn from(number: u32) -> Self {
        FactValue::Number(number.into())
    }
}

impl From<usize> for FactValue {
    fn from(number: usize) -> Self {
        FactValue::Number(number as u64)
    }
}

impl From<&'static str> for FactValue {
    fn from(text: &'static str) -> Self {
        FactValue::Text(Cow::Borrowed(text))
    }
}

impl From<String> for FactValue {
    fn from(text: String) -> Self {
        FactValue::Text(Cow::Owned(text))
    }
}

impl From<[u8; 32]> for FactValue {
    fn from(bytes: [u8; 32]) -> Self {
        FactValue::Bytes(bytes)
    }
}

impl From<OrganisationId> for FactValue {
    fn from(organisation: OrganisationId) -> Self {
        FactValue::Text(Cow::Owned(organisation.to_string()))
    }
}

impl From<Slug> for FactValue {
    fn from(slug: Slug) -> Self {
        FactValue::Text(Cow::Owned(slug.to_string()))
    }
}

/// Makes an enum of reasons: variants with typed facts, a machine's name, a message, and the Chinese for people.
///
/// Each reason stands once; name, message, facts and the [`CATALOGUE`] that documentation and tests walk derive from it.
macro_rules! refusals {
    (
        $(#[$meta:meta])*
        pub enum $enum:ident in $module:literal {
            $(
                $(#[doc = $doc:literal])+
                $variant:ident { $($field:ident: $type:ty),* $(,)? } = $name:literal, $en:literal, $zh:literal;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum $enum {
            $(
                $(#[doc = $doc])+
                #[error($en)]
                $variant {
                    $(#[doc = concat!("The fact `", stringify!($field), "`.")] $field: $type),*
                },
            )*
        }

        impl $enum {
            /// Every reason, in the order of declaration.
            pub const ALL: &[$crate::refusal::Reason] = &[$($crate::refusal::Reason {
                name: concat!($module, ".", $name),
                rule: concat!($($doc),+),
                zh: $zh,
            }),*];
        }

        impl $crate::refusal::Named for $enum {
            fn name(&self) -> &'static str {
                match self { $($enum::$variant { .. } => concat!($module, ".", $name)),* }
            }

            fn chinese(&self) -> &'static str {
                match self { $($enum::$variant { .. } => $zh),* }
            }

            fn facts(&self) -> Vec<$crate::refusal::Fact> {
                match self {
                    $($enum::$variant { $($field),* } => {
                        vec![$($crate::refusal::fact(stringify!($field), $field.clone())),*]
                    })*
                }
            }
        }
    };
}

pub(crate) use refusals;
