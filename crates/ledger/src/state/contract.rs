//! Data-use contracts: terms with a history.

use std::collections::BTreeSet;

use borsh::io::{Read, Result as IoResult, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::key::Domain;
use super::{Record, State, Versioned};
use crate::call::Halt;
use crate::id::{ContractId, DatasetId, OrganisationId, Slug};
use crate::refusal::refusals;
use crate::role::vocabulary;
use crate::terms::{ReleaseModel, Terms};

/// A contract.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Contract {
    /// Who published it.
    pub organisation: OrganisationId,
    /// What the publisher calls it.
    pub label: Slug,
    /// Counts the terms: 1 for the first. A version of the record that only freezes keeps it.
    pub revision: u64,
    /// What may be done.
    pub terms: Terms,
    /// The owners of its datasets.
    pub owners: BTreeSet<OrganisationId>,
    /// Those of them who have not countersigned these terms: nothing is granted as long as there is one.
    pub awaiting: BTreeSet<OrganisationId>,
    /// Whether requests are taken.
    pub standing: Standing,
    /// Who set the standing, and the height since which it holds.
    pub set_by: (OrganisationId, u64),
    /// The text of its policies, which forbid of what the terms allow (CTR-7). INVARIANT: the last field of a record's last part. None is no byte, so that contracts without one are
    /// encoded as before there were any.
    #[borsh(serialize_with = "write_policy", deserialize_with = "read_policy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

fn write_policy<W: Write>(policy: &Option<String>, writer: &mut W) -> IoResult<()> {
    policy.as_ref().map_or(Ok(()), |text| BorshSerialize::serialize(text, writer))
}

fn read_policy<R: Read>(reader: &mut R) -> IoResult<Option<String>> {
    let mut first = [0];
    if reader.read(&mut first)? == 0 {
        return Ok(None);
    }
    String::deserialize_reader(&mut first.as_slice().chain(reader)).map(Some)
}

vocabulary! {
    /// Whether requests are taken and releases used.
    Standing {
        /// They are.
        Open = 0, "open", "有效";
        /// Not for now.
        Frozen = 1, "frozen", "冻结";
        /// Never again.
        Closed = 2, "closed", "终止";
    }
}

impl Record for Contract {
    const DOMAIN: Domain = Domain::Contract;
    type Id = ContractId;
}

refusals! {
    /// Why nothing is done with a contract.
    pub enum ContractRefusal in "contract" {
        /// CTR-1: there is no such contract.
        Unknown { contract: ContractId } = "unknown",
            "there is no contract `{contract}`", "合同不存在";
        /// CTR-1: the contract is not the caller's.
        NotYours { contract: ContractId } = "not_yours",
            "the contract `{contract}` is not one of the caller's organisation", "合同不属于本机构";
        /// CTR-1: not the next revision.
        Revision { expected: u64, got: u64 } = "revision",
            "revision {got}, the next is {expected}", "合同版次不连续";
        /// CTR-1: the same terms again.
        Unchanged { revision: u64 } = "unchanged",
            "the terms are those of revision {revision}", "合同条款没有变化";
        /// CTR-2: there is no such dataset.
        UnknownDataset { dataset: DatasetId } = "unknown_dataset",
            "there is no dataset `{dataset}`", "数据集不存在";
        /// CTR-2: none of the datasets is the publisher's.
        NoDataset {} = "no_dataset",
            "none of the datasets is one of the publisher's", "合同不含本机构的数据集";
        /// CTR-2: there is no such organisation.
        UnknownOrganisation { organisation: OrganisationId } = "unknown_organisation",
            "there is no organisation `{organisation}`", "合同所涉机构不存在";
        /// CTR-3: nothing to sign.
        NothingToSign { contract: ContractId } = "nothing_to_sign",
            "the contract `{contract}` does not wait for the caller's organisation", "无需本机构会签";
        /// CTR-4: data too sensitive for how they are released.
        Level { dataset: DatasetId, level: u64, release: ReleaseModel } = "level",
            "the dataset `{dataset}` of level {level} is not for a release that is `{release}`", "数据敏感级别不允许该发布方式";
        /// CTR-6: it stands so already.
        Standing { standing: Standing, since: u64 } = "standing",
            "the contract has been `{standing}` since height {since}", "合同状态没有变化";
        /// CTR-6: it is closed for ever.
        Closed { since: u64 } = "closed",
            "the contract has been closed since height {since}", "合同已终止";
        /// CTR-6: another organisation froze it.
        FrozenBy { organisation: OrganisationId, since: u64 } = "frozen_by",
            "`{organisation}` has frozen the contract since height {since}, and lifts it", "合同由其他机构冻结";
    }
}

impl State<'_> {
    /// The contract of an id.
    pub(crate) fn contract(&self, contract: &ContractId) -> Result<Versioned<Contract>, Halt> {
        Ok(self.latest(contract)?.ok_or(ContractRefusal::Unknown { contract: *contract })?)
    }
}
