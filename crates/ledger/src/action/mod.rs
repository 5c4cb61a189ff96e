//! Actions: what transactions ask for. One file each.
//!
//! An action is read from its bytes, `verify` looks at it alone, `execute` changes the state. Each is registered once, as its [`ActionSpec`]:
//! documentation, help and the authority check derive from it. `docs/guides/adding-an-action.md` is the way to add one.

pub mod access_request;
pub mod account_close;
pub mod account_create;
pub mod account_set_keys;
pub mod audit_answer;
pub mod audit_challenge;
pub mod audit_notarise;
pub mod audit_verdict;
pub mod budget_set;
pub mod certificate_register;
pub mod certificate_revoke;
pub mod committee_post;
pub mod consent_grant;
pub mod consent_narrow;
pub mod consent_withdraw;
pub mod contract_countersign;
pub mod contract_publish;
pub mod contract_publish_with_policy;
pub mod contract_set_standing;
pub mod custody_post_partial;
pub mod custody_register;
pub mod custody_report_partial;
pub mod custody_request_key;
pub mod dataset_register;
pub mod destruction_attest;
pub mod destruction_order;
pub mod governance_propose;
pub mod governance_vote;
pub mod incident_report;
pub mod patient_enrol;
pub mod patient_invite;
pub mod patient_object;
pub mod patient_reenrol;
pub mod patient_set_guardians;
pub mod release_post;
pub mod request_cancel;
pub mod request_submit;
pub mod request_vote;
pub mod validator_rotate;

pub use access_request::AccessRequest;
pub use account_close::AccountClose;
pub use account_create::AccountCreate;
pub use account_set_keys::AccountSetKeys;
pub use audit_answer::AuditAnswer;
pub use audit_challenge::AuditChallenge;
pub use audit_notarise::AuditNotarise;
pub use audit_verdict::AuditVerdict;
pub use budget_set::BudgetSet;
pub use certificate_register::CertificateRegister;
pub use certificate_revoke::CertificateRevoke;
pub use committee_post::CommitteePost;
pub use consent_grant::ConsentGrant;
pub use consent_narrow::ConsentNarrow;
pub use consent_withdraw::ConsentWithdraw;
pub use contract_countersign::ContractCountersign;
pub use contract_publish::ContractPublish;
pub use contract_publish_with_policy::ContractPublishWithPolicy;
pub use contract_set_standing::ContractSetStanding;
pub use custody_post_partial::CustodyPostPartial;
pub use custody_register::CustodyRegister;
pub use custody_report_partial::CustodyReportPartial;
pub use custody_request_key::CustodyRequestKey;
pub use dataset_register::DatasetRegister;
pub use destruction_attest::DestructionAttest;
pub use destruction_order::DestructionOrder;
pub use governance_propose::GovernancePropose;
pub use governance_vote::GovernanceVote;
pub use incident_report::IncidentReport;
pub use patient_enrol::PatientEnrol;
pub use patient_invite::PatientInvite;
pub use patient_object::PatientObject;
pub use patient_reenrol::PatientReenrol;
pub use patient_set_guardians::PatientSetGuardians;
pub use release_post::ReleasePost;
pub use request_cancel::RequestCancel;
pub use request_submit::RequestSubmit;
pub use request_vote::RequestVote;
pub use validator_rotate::ValidatorRotate;

use borsh::BorshSerialize;
use borsh::io::{Result as IoResult, Write};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::Text;
use crate::call::{Call, Halt};
use crate::encoding::{self, DecodeError};
use crate::id::ChainId;
use crate::role::Authority;
use crate::state::key::Key;
use crate::transaction::Body;

/// What is registered of an action.
#[derive(Clone, Copy, Debug)]
pub struct ActionSpec {
    /// The number in the canonical encoding; never used again for another.
    pub number: u16,
    /// The name: `audit.notarise`.
    pub name: &'static str,
    /// What it does.
    pub doc: Text,
    /// Who may ask for it.
    pub authority: Authority,
    /// The rules that it keeps, in `docs/spec`.
    pub rules: &'static [&'static str],
}

/// An action's behaviour.
pub(crate) trait Execute {
    const SPEC: ActionSpec;

    /// Looks at the action alone: signatures and proofs inside it, ranges.
    fn verify(&self, chain: ChainId) -> Result<(), Halt>;

    /// Changes the state, or says why not. What it wrote before saying no is taken back.
    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt>;

    /// Keys that `execute` reads, as far as they are known: they are loaded in advance.
    fn reads(&self, body: &Body, keys: &mut Vec<Key>) {
        let _ = (body, keys);
    }
}

macro_rules! actions {
    ($($action:ident;)*) => {
        /// What a transaction asks for.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Action {
            $(
                #[doc = concat!("See [`", stringify!($action), "`].")]
                $action($action),
            )*
        }

        /// Every action, in the order of their numbers.
        pub const ACTIONS: &[ActionSpec] = &[$(<$action as Execute>::SPEC),*];

        impl Action {
            /// What is registered of it.
            pub const fn spec(&self) -> ActionSpec {
                match self { $(Action::$action(_) => <$action as Execute>::SPEC),* }
            }

            /// Reads an action from the front of the rest of a value of `total` bytes.
            pub(crate) fn read(total: usize, rest: &mut &[u8]) -> Result<Self, DecodeError> {
                let at = total - rest.len();
                let number: u16 = encoding::part(total, rest)?;
                $(
                    if number == <$action as Execute>::SPEC.number {
                        return encoding::part(total, rest).map(Action::$action);
                    }
                )*
                Err(DecodeError::UnknownAction { number, at })
            }

            pub(crate) fn verify(&self, chain: ChainId) -> Result<(), Halt> {
                match self { $(Action::$action(action) => action.verify(chain)),* }
            }

            pub(crate) fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
                match self { $(Action::$action(action) => action.execute(call)),* }
            }

            pub(crate) fn reads(&self, body: &Body, keys: &mut Vec<Key>) {
                match self { $(Action::$action(action) => action.reads(body, keys)),* }
            }
        }

        $(
            impl From<$action> for Action {
                fn from(action: $action) -> Self {
                    Action::$action(action)
                }
            }
        )*

        impl BorshSerialize for Action {
            fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
                BorshSerialize::serialize(&self.spec().number, writer)?;
                match self { $(Action::$action(action) => BorshSerialize::serialize(action, writer)),* }
            }
        }

        impl Serialize for Action {
            /// The action's fields, with its name as `type`.
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                let name = self.spec().name;
                match self { $(Action::$action(action) => Tagged { name, action }.serialize(s)),* }
            }
        }

        impl<'de> Deserialize<'de> for Action {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let mut fields = <serde_json::Map<String, serde_json::Value> as serde::Deserialize>::deserialize(d)?;
                let name = match fields.remove("type") {
                    Some(serde_json::Value::String(name)) => name,
                    _ => return Err(D::Error::missing_field("type")),
                };
                let fields = serde_json::Value::Object(fields);
                $(
                    if name == <$action as Execute>::SPEC.name {
                        return serde_json::from_value(fields).map(Action::$action).map_err(D::Error::custom);
                    }
                )*
                Err(D::Error::custom(format_args!("there is no action `{name}`")))
            }
        }
    };
}

actions! {
    AccountCreate;
    AccountSetKeys;
    AccountClose;
    GovernancePropose;
    GovernanceVote;
    ValidatorRotate;
    DatasetRegister;
    AuditNotarise;
    PatientInvite;
    PatientEnrol;
    PatientReenrol;
    PatientObject;
    PatientSetGuardians;
    ConsentGrant;
    ConsentNarrow;
    ConsentWithdraw;
    ContractPublish;
    ContractCountersign;
    ContractSetStanding;
    ContractPublishWithPolicy;
    BudgetSet;
    RequestSubmit;
    RequestVote;
    RequestCancel;
    ReleasePost;
    AccessRequest;
    AuditChallenge;
    AuditAnswer;
    AuditVerdict;
    DestructionOrder;
    DestructionAttest;
    IncidentReport;
    CustodyRegister;
    CustodyRequestKey;
    CustodyPostPartial;
    CustodyReportPartial;
    CommitteePost;
    CertificateRegister;
    CertificateRevoke;
}

#[derive(Serialize)]
struct Tagged<'a, T> {
    #[serde(rename = "type")]
    name: &'a str,
    #[serde(flatten)]
    action: &'a T,
}

/// The action of a name.
pub fn action(name: &str) -> Option<&'static ActionSpec> {
    ACTIONS.iter().find(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_used_once_and_in_order() {
        for pair in ACTIONS.windows(2) {
            assert!(pair[0].number < pair[1].number, "{} after {}", pair[1].name, pair[0].name);
        }
        for spec in ACTIONS {
            assert_eq!(action(spec.name).unwrap().number, spec.number);
            assert!(!spec.rules.is_empty(), "{} names no rule", spec.name);
        }
    }
}
