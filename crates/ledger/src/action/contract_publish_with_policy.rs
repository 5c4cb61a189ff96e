//! `contract.publish-with-policy`: what may be done with which data, and what of it is forbidden all the same.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::contract_publish::{publish, reads};
use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, Slug};
use crate::policy;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::key::Key;
use crate::terms::Terms;
use crate::transaction::Body;

/// Publishes a contract with policies, or other terms and policies of one.
///
/// # Rules
/// > CTR-1: a contract is its publisher's; its id is the digest of chain, publisher and label. Terms are numbered from 1; each differs from the one before.
/// >
/// > CTR-2: datasets and organisations that it names exist; at least one dataset is the publisher's.
/// >
/// > CTR-3: every other owner of a dataset countersigns the terms before anything is granted under them.
/// >
/// > CTR-4: terms that contradict each other are refused.
/// >
/// > CTR-5: a contract that is made from a template keeps what the template fixes.
/// >
/// > CTR-6: a closed contract gets no new terms.
/// >
/// > CTR-7: a policy is Cedar of bounded size and nesting that fits the schema, and each of it can apply.
///
/// See `docs/spec/contracts.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContractPublishWithPolicy {
    /// What the publisher calls it. Labels are public.
    pub label: Slug,
    /// The revision that these terms are.
    pub revision: u64,
    /// The terms.
    pub terms: Terms,
    /// The text of its policies. It is public.
    pub policy: String,
}

impl Execute for ContractPublishWithPolicy {
    // 73 is left to another.
    const SPEC: ActionSpec = ActionSpec {
        number: 74,
        name: "contract.publish-with-policy",
        doc: Text {
            en: "publishes a data-use contract with Cedar policies, or other terms and policies of it",
            zh: "发布或修订带 Cedar 策略的数据使用合同",
        },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff],
            roles: &[Role::Hospital, Role::Research, Role::PublicHealth, Role::Insurer],
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["CTR-1", "CTR-2", "CTR-3", "CTR-4", "CTR-5", "CTR-6", "CTR-7"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(policy::check(&self.policy)?)
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        publish(call, self.label, self.revision, &self.terms, Some(&self.policy))
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.extend(reads(&self.terms));
    }
}
