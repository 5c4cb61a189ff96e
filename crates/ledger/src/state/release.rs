//! Releases: what a custodian made for a request, as it commits to it.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::key::Domain;
use super::{Record, State, Versioned};
use crate::call::Halt;
use crate::id::{ChallengeId, CustodyId, DatasetId, Digest, OrganisationId, ReleaseId, RequestId, Slug};
use crate::refusal::refusals;

/// What the custodian says of a release.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Figures {
    /// The version of the dataset that was read.
    pub dataset_version: u64,
    /// Patients were picked by the consents in the state after this height.
    pub cohort_at: u64,
    /// Root over the leaves of the output.
    pub root: Digest,
    /// Patients in it.
    pub patients: u64,
    /// Records in it.
    pub records: u64,
    /// Records that were suppressed.
    pub suppressed: u64,
    /// Commitment to the seed of all noise and draws.
    pub seed: Digest,
    /// Digest of the plan that was run.
    pub plan: Digest,
    /// The software that ran it, with its version.
    pub engine: Slug,
    /// The measured risk of re-identification, in parts per million.
    pub risk_ppm: u32,
    /// Information kept, in parts per million.
    pub utility_ppm: u32,
    /// Privacy loss, in millionths of epsilon.
    pub epsilon: u64,
    /// Over all earlier releases of the dataset to the recipient: the least number above 0 of patients that are in this one and not in that one; 0 when each holds all of this one's. Of a later
    /// version: the same over earlier versions too; 0 when one of them holds all of its patients.
    pub added: u64,
    /// The same for patients that are in that one and not in this one; 0 for a later version.
    pub removed: u64,
    /// Where it is kept, if it is in custody.
    pub custody: Option<CustodyId>,
}

/// What a request was given of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Release {
    /// The request.
    pub request: RequestId,
    /// The dataset.
    pub dataset: DatasetId,
    /// Its owner, who answers for the release.
    pub organisation: OrganisationId,
    /// The transaction that posted this version.
    pub transaction: Digest,
    /// What the custodian says of it.
    pub figures: Figures,
    /// The challenge that it failed; nothing of it is accessed any more.
    pub failed: Option<ChallengeId>,
}

impl Record for Release {
    const DOMAIN: Domain = Domain::Release;
    type Id = ReleaseId;
}

refusals! {
    /// Why a release is not taken, or not used.
    pub enum ReleaseRefusal in "release" {
        /// REL-1: there is no such release.
        Unknown { release: ReleaseId } = "unknown",
            "there is no release `{release}`", "发布不存在";
        /// REL-1: the dataset is not in the request.
        Dataset { dataset: DatasetId } = "dataset",
            "the dataset `{dataset}` is not in the request", "数据集不在申请范围内";
        /// REL-1: the dataset is not the caller's.
        NotOwner { dataset: DatasetId, organisation: OrganisationId } = "not_owner",
            "the dataset `{dataset}` is one of `{organisation}`", "数据集属于其他机构";
        /// REL-1: not the next version.
        Version { expected: u64, got: u64 } = "version",
            "version {got}, the next is {expected}", "发布版本号不连续";
        /// REL-2: the source has changed since.
        DatasetVersion { read: u64, latest: u64 } = "dataset_version",
            "version {read} of the dataset was read, the latest is {latest}", "数据集版本不是最新";
        /// REL-2: more records than the dataset has.
        Records { records: u64, limit: u64 } = "records",
            "{records} records, the dataset has {limit}", "发布记录数多于数据集";
        /// REL-2: another plan.
        Plan { expected: Digest, got: Digest } = "plan",
            "the plan `{got}` was run, the contract's is `{expected}`", "执行的方案与合同不符";
        /// REL-2: too risky.
        Risk { risk_ppm: u32, max_risk_ppm: u32 } = "risk",
            "a risk of {risk_ppm} parts per million, at most {max_risk_ppm} are allowed", "重识别风险超过合同上限";
        /// REL-2: more privacy loss than granted.
        Epsilon { spent: u64, granted: u64 } = "epsilon",
            "{spent} millionths of epsilon, {granted} were granted", "隐私预算超出授权";
        /// REL-3: too few patients to hide in.
        CohortSmall { patients: u64, least: u64 } = "cohort_small",
            "{patients} patients, at least {least} are asked for", "人群规模小于下限";
        /// REL-3: more patients than consents.
        CohortLarge { patients: u64, permits: u64 } = "cohort_large",
            "{patients} patients, and consents of at most {permits} can permit it", "人数多于可能的授权数";
        /// REL-3: the height at which patients were picked.
        CohortHeight { cohort_at: u64, decided_at: u64, height: u64 } = "cohort_height",
            "patients as of height {cohort_at}: it must be at or after the decision at {decided_at}, and before {height}", "人群选取高度不当";
        /// REL-4: consents have changed since patients were picked.
        Stale { cohort_at: u64, changed_at: u64 } = "stale",
            "patients as of height {cohort_at}, consents have changed at {changed_at}", "人群选取后授权已变化";
        /// REL-5: the difference to an earlier release would show a few patients.
        Differencing { difference: u64, least: u64 } = "differencing",
            "{difference} patients differ from an earlier release to the recipient, 0 or at least {least} are asked for", "与先前发布的差异可暴露少数患者";
        /// REL-6: the sandbox is full.
        Sandbox { records: u64, limit: u64 } = "sandbox",
            "{records} records with these, {limit} are allowed in the sandbox", "超出监管沙盒数据量";
        /// REL-7: it failed a challenge.
        Failed { release: ReleaseId, challenge: ChallengeId } = "failed",
            "the release `{release}` failed the challenge `{challenge}`", "该发布未通过质询";
        /// REL-7: its destruction is ordered.
        Destroyed { release: ReleaseId, since: u64 } = "destroyed",
            "the destruction of the release `{release}` was ordered at height {since}", "该发布已下令销毁";
    }
}

impl State<'_> {
    /// The release of an id.
    pub(crate) fn release(&self, release: &ReleaseId) -> Result<Versioned<Release>, Halt> {
        Ok(self.latest(release)?.ok_or(ReleaseRefusal::Unknown { release: *release })?)
    }
}
