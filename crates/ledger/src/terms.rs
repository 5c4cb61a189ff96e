//! The terms of a data-use contract, and which of them contradict each other.
//!
//! Terms are data that everybody reads alike. What they cannot say is not enforced, so a contract whose terms contradict each other, or promise what the ledger cannot hold, is refused by name before
//! anybody relies on it.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bounded::BoundedSet;
use crate::id::{DatasetId, Digest, OrganisationId};
use crate::refusal::refusals;
use crate::role::vocabulary;
use crate::template::Template;
use crate::vocabulary::{Condition, DataClass, DataClasses, Purpose, Purposes, Recipients, StudyId};

/// What may be done with which data, by whom, and how.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Terms {
    /// The template that it was made from.
    pub template: Template,
    /// The study that it is of.
    pub study: Option<StudyId>,
    /// The datasets. Owners other than the publisher countersign.
    pub datasets: BoundedSet<DatasetId, 1, 32>,
    /// For what.
    pub purposes: Purposes,
    /// On which conditions.
    pub conditions: BoundedSet<Condition, 0, 16>,
    /// By whom.
    pub recipients: Recipients,
    /// Which data.
    pub classes: DataClasses,
    /// Whether commercial uses are allowed.
    pub commercial: bool,
    /// Whose data: of those who consented, of those who did not object, or by a waiver.
    pub consent: ConsentMode,
    /// What becomes of a release when a consent that it can stand on is withdrawn.
    pub on_withdrawal: OnWithdrawal,
    /// Digest of the de-identification plan (its canonical JSON).
    pub plan: Digest,
    /// How it is released.
    pub release: ReleaseModel,
    /// The highest risk of re-identification that a release may have, in parts per million.
    pub max_risk_ppm: u32,
    /// The fewest patients that a release may be about.
    pub min_cohort: u32,
    /// Privacy loss, in millionths of epsilon.
    pub epsilon: Epsilon,
    /// What a grant costs.
    pub price: Price,
    /// How often may be asked.
    pub rate: RateLimit,
    /// When.
    pub term: Term,
    /// Whose approval a request needs.
    pub approvals: Approvals,
    /// Bounds of a regulatory sandbox, if it is in one.
    pub sandbox: Option<Sandbox>,
    /// Whether data may leave the country.
    pub export: ExportRule,
}

/// On whose word data are used.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum ConsentMode {
    /// Only of patients whose consents cover the use.
    Required,
    /// Of patients none of whose consents denies the use.
    OptOut,
    /// Of all: an ethics committee or the law allows it.
    Waiver {
        /// Digest of its decision.
        ethics: Digest,
    },
}

vocabulary! {
    /// What becomes of releases when a consent is withdrawn. In every case nothing more is accessed.
    OnWithdrawal {
        /// The owner posts another version, without the patient.
        Refresh = 0, "refresh", "重新发布";
        /// Whoever holds the release destroys it.
        Destroy = 1, "destroy", "销毁";
    }
}

vocabulary! {
    /// How data are released (GB/T 37964-2019, clause 6.5, and view only).
    ReleaseModel {
        /// To anyone.
        Public = 0, "public", "完全公开共享";
        /// To recipients under a contract.
        Controlled = 1, "controlled", "受控公开共享";
        /// Only results of computations leave.
        Enclave = 2, "enclave", "领地公开共享";
        /// Seen on a screen, for a time.
        ViewOnly = 3, "view-only", "仅供查看";
    }
}

/// Privacy loss, in millionths of epsilon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Epsilon {
    /// At most for a request.
    pub per_request: u64,
    /// At most under the contract, over all requests, recipients and hospitals.
    pub total: u64,
    /// At most for a recipient, over all contracts of the consortium.
    pub per_recipient: u64,
}

/// What a grant costs, in fen, and who gets it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Price {
    /// Fen for a grant.
    pub fen: u64,
    /// The share of each organisation, in parts of ten thousand.
    pub organisations: BTreeMap<OrganisationId, u16>,
    /// The share of the patients whose data are released.
    pub patients: u16,
}

impl Price {
    /// Nothing.
    pub fn free() -> Self {
        Price { fen: 0, organisations: BTreeMap::new(), patients: 0 }
    }
}

/// How many requests are taken in a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RateLimit {
    /// Of an account.
    pub per_account: u32,
    /// Of an organisation.
    pub per_organisation: u32,
    /// The window, in milliseconds.
    pub window_ms: u64,
}

/// Times, in milliseconds; points since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Term {
    /// Requests are taken from this time on ...
    pub from_ms: u64,
    /// ... until before this one; nothing is accessed later.
    pub until_ms: u64,
    /// How long a grant lasts.
    pub access_ms: u64,
    /// Within what time holders destroy what is to be destroyed.
    pub destroy_ms: u64,
}

/// A data access committee: `needed` of these organisations approve. None needed: the rules decide alone.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Approvals {
    /// Who votes.
    pub committee: BoundedSet<OrganisationId, 0, 16>,
    /// Approvals needed.
    pub needed: u8,
}

/// Bounds of a regulatory sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sandbox {
    /// Organisations that may take part.
    pub participants: u32,
    /// Records that may be released, over all releases.
    pub records: u64,
    /// When it closes.
    pub until_ms: u64,
}

vocabulary! {
    /// Whether data may leave the country (Data Security Law, Art. 31 and 36; Measures for Security Assessment of Data Export, 2022).
    ExportRule {
        /// They stay.
        Forbidden = 0, "forbidden", "不得出境";
        /// With an assessment that the request names.
        Assessed = 1, "assessed", "经安全评估可出境";
    }
}

refusals! {
    /// Why terms are no terms of a contract.
    pub enum TermsRefusal in "contract" {
        /// CTR-4: the term is none, or over.
        Term { from_ms: u64, until_ms: u64, now_ms: u64 } = "term",
            "a term from {from_ms} until {until_ms} at {now_ms}: it must end after it begins, and in the future", "合同期限不当";
        /// CTR-4: grants that do not last, or outlast the contract.
        AccessTime { access_ms: u64, term_ms: u64 } = "access_time",
            "grants of {access_ms} milliseconds under a contract of {term_ms}", "授权时长与合同期限矛盾";
        /// CTR-4: commercial purposes without commercial use.
        CommercialPurpose { purpose: Purpose } = "commercial_purpose",
            "`{purpose}` is commercial, and commercial uses are not allowed", "商业目的与非商业条款矛盾";
        /// CTR-4: two terms exclude each other.
        Condition { condition: Condition, term: String } = "condition",
            "the condition `{condition}` contradicts {term}", "附加条件与其他条款矛盾";
        /// CTR-4: a waiver is not for gain.
        CommercialWaiver {} = "commercial_waiver",
            "data of those who were not asked are not for commercial use", "豁免知情同意的数据不得商用";
        /// CTR-4: what is public cannot be destroyed, limited or taken back.
        PublicRelease { term: String } = "public_release",
            "a public release contradicts {term}", "公开发布与其他条款矛盾";
        /// CTR-4: the highest risk.
        Risk { max_risk_ppm: u32, limit_ppm: u32, release: ReleaseModel } = "risk",
            "a risk of {max_risk_ppm} parts per million, at most {limit_ppm} are allowed for `{release}`", "风险阈值超出发布方式的上限";
        /// CTR-4: cohorts too small to hide in.
        Cohort { min_cohort: u32, least: u32 } = "cohort",
            "a cohort of {min_cohort}, at least {least} are asked for", "最小人群规模过小";
        /// CTR-4: one request could spend more than all.
        Epsilon { per_request: u64, total: u64, per_recipient: u64 } = "epsilon",
            "{per_request} millionths of epsilon for a request, {total} for all, {per_recipient} for a recipient", "隐私预算条款矛盾";
        /// CTR-4: shares that do not add up.
        Split { sum: u64, expected: u64 } = "split",
            "the shares are {sum} parts of ten thousand, expected {expected}", "收益分配比例不符";
        /// CTR-4: no request could ever be taken.
        Rate { per_account: u32, per_organisation: u32, window_ms: u64 } = "rate",
            "{per_account} requests of an account and {per_organisation} of an organisation in {window_ms} milliseconds", "频率限制不当";
        /// CTR-4: more approvals than voters.
        Committee { needed: u64, members: u64 } = "committee",
            "{needed} approvals of {members} organisations", "审批人数与委员会不符";
        /// CTR-4: a sandbox without room.
        Sandbox { participants: u32, records: u64, until_ms: u64, now_ms: u64 } = "sandbox",
            "a sandbox of {participants} participants and {records} records until {until_ms} at {now_ms}", "监管沙盒条款不当";
        /// CTR-5: a term that the template fixes.
        Template { template: Template, term: String } = "template",
            "the template `{template}` fixes {term}", "与合同模板的固定条款不符";
    }
}

/// The highest threshold of risk for each model, in parts per million: 0.09 for what anyone gets (a cell size of 11: EMA Policy 0070; CMS), 0.2 under a contract (5), 0.33 where data do not leave (3) (El Emam, *Guide to the
/// De-Identification of Personal Health Information*, 2013, ch. 16). View only is for one patient whom the doctor treats: nothing is hidden from them.
const fn risk_limit_ppm(release: ReleaseModel) -> u32 {
    match release {
        ReleaseModel::Public => 90_910,
        ReleaseModel::Controlled => 200_000,
        ReleaseModel::Enclave => 333_334,
        ReleaseModel::ViewOnly => 1_000_000,
    }
}

/// The smallest cohort that a contract may allow where data of many are released.
const MIN_COHORT: u32 = 5;

/// Parts of ten thousand.
const WHOLE: u64 = 10_000;

impl Terms {
    /// Whether it is about one patient at a time: what is released is seen by the doctor who treats them.
    pub fn is_about_one_patient(&self) -> bool {
        self.release == ReleaseModel::ViewOnly
    }

    /// Refuses terms that contradict each other at a time (CTR-4, CTR-5).
    ///
    /// # Errors
    /// [`TermsRefusal`]: the first contradiction.
    pub fn check(&self, now_ms: u64) -> Result<(), TermsRefusal> {
        self.check_times(now_ms)?;
        self.check_uses()?;
        self.check_conditions()?;
        self.check_privacy()?;
        self.check_price()?;
        let RateLimit { per_account, per_organisation, window_ms } = self.rate;
        if per_account == 0 || per_organisation < per_account || window_ms == 0 {
            return Err(TermsRefusal::Rate { per_account, per_organisation, window_ms });
        }
        let (needed, members) = (u64::from(self.approvals.needed), self.approvals.committee.len() as u64);
        // Organisations that vote on nothing would believe that they are asked.
        if needed > members || (needed == 0 && members > 0) {
            return Err(TermsRefusal::Committee { needed, members });
        }
        self.template.check(self)
    }

    fn check_times(&self, now_ms: u64) -> Result<(), TermsRefusal> {
        let Term { from_ms, until_ms, access_ms, .. } = self.term;
        if from_ms >= until_ms || until_ms <= now_ms {
            return Err(TermsRefusal::Term { from_ms, until_ms, now_ms });
        }
        let term_ms = until_ms - from_ms;
        if access_ms == 0 || access_ms > term_ms {
            return Err(TermsRefusal::AccessTime { access_ms, term_ms });
        }
        match self.sandbox {
            Some(Sandbox { participants, records, until_ms, .. })
                if participants == 0
                    || records == 0
                    || until_ms <= now_ms
                    || until_ms > self.term.until_ms =>
            {
                Err(TermsRefusal::Sandbox { participants, records, until_ms, now_ms })
            }
            _ => Ok(()),
        }
    }

    fn check_uses(&self) -> Result<(), TermsRefusal> {
        if let Some(purpose) =
            self.purposes.iter().find(|purpose| purpose.is_commercial() && !self.commercial)
        {
            return Err(TermsRefusal::CommercialPurpose { purpose: *purpose });
        }
        if self.commercial && matches!(self.consent, ConsentMode::Waiver { .. }) {
            return Err(TermsRefusal::CommercialWaiver {});
        }
        if self.release != ReleaseModel::Public {
            return Ok(());
        }
        let contradicted = if self.on_withdrawal == OnWithdrawal::Destroy {
            "destruction on withdrawal"
        } else if self.sandbox.is_some() {
            "the sandbox"
        } else if self.recipients != Recipients::anyone() {
            "limited recipients"
        } else if self.classes.contains(&DataClass::Restricted) || self.classes.contains(&DataClass::Notes) {
            "the classes `restricted` and `notes`"
        } else if self.price.fen > 0 {
            "a price"
        } else {
            return Ok(());
        };
        Err(TermsRefusal::PublicRelease { term: contradicted.into() })
    }

    fn check_conditions(&self) -> Result<(), TermsRefusal> {
        use Condition::*;
        let within = |broader: Purpose| self.purposes.iter().any(|purpose| purpose.is_within(broader));
        for condition in self.conditions.iter() {
            let contradicted = match condition {
                NonCommercial | NotForProfitNonCommercial if self.commercial => "commercial use",
                Geographical if self.export != ExportRule::Forbidden => "the rule of export",
                ApprovedUser if self.approvals.needed == 0 => "that nobody approves",
                ApprovedProject if self.study.is_none() => "that it is of no study",
                ApprovedInstitution if !self.recipients.are_named() => "recipients by role",
                NoMethods if within(Purpose::MethodDevelopment) => "the purpose `method-development`",
                NoAncestry if within(Purpose::AncestryResearch) => "the purpose `ancestry-research`",
                GeneticStudiesOnly
                    if !self.purposes.iter().all(|p| p.is_within(Purpose::GeneticResearch)) =>
                {
                    "purposes outside of `genetic-research`"
                }
                _ => continue,
            };
            return Err(TermsRefusal::Condition { condition: *condition, term: contradicted.into() });
        }
        Ok(())
    }

    fn check_privacy(&self) -> Result<(), TermsRefusal> {
        let (max_risk_ppm, release) = (self.max_risk_ppm, self.release);
        let limit_ppm = risk_limit_ppm(release);
        if max_risk_ppm > limit_ppm {
            return Err(TermsRefusal::Risk { max_risk_ppm, limit_ppm, release });
        }
        let least = if self.is_about_one_patient() { 1 } else { MIN_COHORT };
        if self.min_cohort < least {
            return Err(TermsRefusal::Cohort { min_cohort: self.min_cohort, least });
        }
        let Epsilon { per_request, total, per_recipient } = self.epsilon;
        if per_request > total || per_request > per_recipient {
            return Err(TermsRefusal::Epsilon { per_request, total, per_recipient });
        }
        Ok(())
    }

    fn check_price(&self) -> Result<(), TermsRefusal> {
        let Price { fen, organisations, patients } = &self.price;
        let sum = organisations.values().copied().map(u64::from).sum::<u64>() + u64::from(*patients);
        let expected = if *fen > 0 { WHOLE } else { 0 };
        if sum == expected && organisations.len() <= 64 {
            Ok(())
        } else {
            Err(TermsRefusal::Split { sum, expected })
        }
    }
}
