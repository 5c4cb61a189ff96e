//! `contract.publish`: what may be done with which data.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ContractId, Digest, ObjectRef, OrganisationId, Slug};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::contract::{Contract, ContractRefusal, Standing};
use crate::state::dataset::Dataset;
use crate::state::key::Key;
use crate::state::organisation::Organisation;
use crate::terms::{ReleaseModel, Terms};
use crate::transaction::Body;

/// Publishes a contract, or other terms of one. It has no policy afterwards: `contract.publish-with-policy` gives it one.
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
///
/// See `docs/spec/contracts.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContractPublish {
    /// What the publisher calls it. Labels are public.
    pub label: Slug,
    /// The revision that these terms are.
    pub revision: u64,
    /// The terms.
    pub terms: Terms,
}

impl Execute for ContractPublish {
    const SPEC: ActionSpec = ActionSpec {
        number: 70,
        name: "contract.publish",
        doc: Text {
            en: "publishes a data-use contract, or other terms of it", zh: "发布或修订数据使用合同"
        },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff],
            roles: &[Role::Hospital, Role::Research, Role::PublicHealth, Role::Insurer],
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["CTR-1", "CTR-2", "CTR-3", "CTR-4", "CTR-5", "CTR-6"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        publish(call, self.label, self.revision, &self.terms, None)
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.extend(reads(&self.terms));
    }
}

/// Makes terms, with the text of a policy that is admitted, the contract's latest.
pub(super) fn publish(
    call: &mut Call<'_, '_>,
    label: Slug,
    revision: u64,
    terms: &Terms,
    policy: Option<&str>,
) -> Result<(), Halt> {
    let publisher = call.caller.account.organisation;
    let contract = ContractId::derive(call.state.block().chain, publisher, label);
    let before = call.state.latest::<Contract>(&contract)?;
    let last = before.as_ref().map_or(0, |before| before.value.revision);
    if revision != last + 1 {
        return Err(ContractRefusal::Revision { expected: last + 1, got: revision }.into());
    }
    if let Some(before) = &before {
        if before.value.standing == Standing::Closed {
            return Err(ContractRefusal::Closed { since: before.value.set_by.1 }.into());
        }
        if before.value.terms == *terms && before.value.policy.as_deref() == policy {
            return Err(ContractRefusal::Unchanged { revision: last }.into());
        }
    }
    terms.check(call.now_ms())?;
    let owners = owners(call, publisher, terms)?;
    let awaiting: BTreeSet<OrganisationId> =
        owners.iter().copied().filter(|owner| *owner != publisher).collect();
    let version = before.as_ref().map_or(0, |before| before.version);
    let (standing, set_by) =
        before.map_or((Standing::Open, (publisher, call.height())), |b| (b.value.standing, b.value.set_by));
    let mut facts = vec![
        fact("label", label),
        fact("revision", revision),
        fact("template", terms.template),
        fact("plan", terms.plan),
        fact("awaiting", awaiting.len()),
    ];
    facts.extend(policy.map(|text| fact("policy", Digest::of("medveil/policy/1", &[text.as_bytes()]))));
    let record = Contract {
        organisation: publisher,
        label,
        revision,
        terms: terms.clone(),
        owners,
        awaiting,
        standing,
        set_by,
        policy: policy.map(str::to_owned),
    };
    call.state.succeed(&contract, version, record);
    call.emit("contract.published", ObjectRef::contract(contract), facts);
    Ok(())
}

/// Keys of what terms name.
pub(super) fn reads(terms: &Terms) -> impl Iterator<Item = Key> {
    let organisations = named(terms).map(|organisation| Organisation::head_key(&organisation));
    terms.datasets.iter().map(Dataset::head_key).chain(organisations)
}

/// Organisations that vote on requests or are paid.
fn named(terms: &Terms) -> impl Iterator<Item = OrganisationId> {
    terms.approvals.committee.iter().chain(terms.price.organisations.keys()).copied()
}

/// The owners of the datasets (CTR-2).
fn owners(
    call: &Call<'_, '_>,
    publisher: OrganisationId,
    terms: &Terms,
) -> Result<BTreeSet<OrganisationId>, Halt> {
    call.state.need(reads(terms))?;
    for organisation in named(terms) {
        if call.state.latest::<Organisation>(&organisation)?.is_none() {
            return Err(ContractRefusal::UnknownOrganisation { organisation }.into());
        }
    }
    let mut owners = BTreeSet::new();
    for dataset in terms.datasets.iter().copied() {
        let found = call.state.latest::<Dataset>(&dataset)?;
        let found = found.ok_or(ContractRefusal::UnknownDataset { dataset })?.value;
        owners.insert(found.organisation);
        let (level, release) = (found.fingerprint.level.number(), terms.release);
        // GB/T 39725-2020, clause 6.2: level 1 may be public; level 5 is for the treatment of the patient.
        let most = match release {
            ReleaseModel::Public => 1,
            ReleaseModel::Controlled => 4,
            ReleaseModel::Enclave | ReleaseModel::ViewOnly => 5,
        };
        if level > most {
            return Err(ContractRefusal::Level { dataset, level: level.into(), release }.into());
        }
    }
    if owners.contains(&publisher) { Ok(owners) } else { Err(ContractRefusal::NoDataset {}.into()) }
}
