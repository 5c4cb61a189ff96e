//! Decisions: whether a request is granted, the same on every node.
//!
//! A decision is a function of the request and the state: of the contract as it stands, of freezes, of terms, of what patients have said, of the contract's policies. It is taken when a request is submitted, again when its committee has
//! approved, again when something is released, and again at every access, so that nothing that has ceased to hold goes on by habit. What was
//! granted is recorded with its [`Obligations`]; a refusal with its reason.
//!
//! What is *spent* by a grant (budgets, rates, the one open request for a dataset) is apart from it, in `spend`: it is checked and taken once.

use crate::call::Halt;
use crate::execute::BlockContext;
use crate::id::{AccountId, ContractId, DatasetId, Digest, ObjectRef, OrganisationId, RequestId};
use crate::policy::{Step, ask_policies};
use crate::refusal::{Refusal, refusals};
use crate::role::Role;
use crate::state::budget::Budget;
use crate::state::consent::{Answer, Consent, answer};
use crate::state::contract::{Contract, ContractRefusal, Standing};
use crate::state::coverage;
use crate::state::dataset::Dataset;
use crate::state::exposure::{self, Exposure};
use crate::state::freeze::Freeze;
use crate::state::key::Key;
use crate::state::patient::Patient;
use crate::state::rate::rate_key;
use crate::state::request::{Ask, Obligations, Request, Subject};
use crate::state::{Missing, Record, Snapshot, State, Versioned};
use crate::terms::{ConsentMode, ExportRule, Terms};
use crate::vocabulary::provision::study_tag;
use crate::vocabulary::{Condition, DataClass, Purpose, Use};

refusals! {
    /// Why a request is refused, or what it was granted is not used any more.
    pub enum DecisionRefusal in "decision" {
        /// DEC-2: other terms hold by now.
        Revision { asked: u64, current: u64 } = "revision",
            "asked under revision {asked} of the contract, the current is {current}", "合同已有新版条款";
        /// DEC-2: an owner has not countersigned.
        Awaiting { contract: ContractId, organisation: OrganisationId } = "awaiting",
            "the contract `{contract}` waits for `{organisation}`", "合同尚待会签";
        /// DEC-2: the contract is frozen or closed.
        Standing { contract: ContractId, standing: Standing, since: u64 } = "standing",
            "the contract `{contract}` has been `{standing}` since height {since}", "合同已冻结或终止";
        /// DEC-2: contract or dataset was frozen by a vote.
        Frozen { object: ObjectRef, since: u64 } = "frozen",
            "`{object}` has been frozen since height {since}", "对象已被表决冻结";
        /// DEC-2: not yet.
        NotBegun { from_ms: u64, now_ms: u64 } = "not_begun",
            "the contract begins at {from_ms}, it is {now_ms}", "合同尚未生效";
        /// DEC-2: no longer.
        Ended { until_ms: u64, now_ms: u64 } = "ended",
            "the contract or its sandbox ended at {until_ms}, it is {now_ms}", "合同或沙盒已到期";
        /// DEC-3: the organisation is no recipient.
        Recipient { organisation: OrganisationId, role: Role } = "recipient",
            "`{organisation}`, a `{role}`, is no recipient under the contract", "该机构不是合同约定的接收方";
        /// DEC-3: the purpose is outside of the contract.
        Purpose { purpose: Purpose } = "purpose",
            "the purpose `{purpose}` is not within the contract's", "用途超出合同范围";
        /// DEC-3: the class of data is outside of the contract.
        Class { class: DataClass } = "class",
            "the class `{class}` is not one of the contract's", "数据类别超出合同范围";
        /// DEC-3: the dataset is outside of the contract.
        Dataset { dataset: DatasetId } = "dataset",
            "the dataset `{dataset}` is not one of the contract's", "数据集超出合同范围";
        /// DEC-3: commercial use.
        Commercial {} = "commercial",
            "commercial uses are not allowed", "不允许商业用途";
        /// DEC-3: a condition is not kept or not undertaken.
        Condition { condition: Condition } = "condition",
            "the condition `{condition}` is not met", "未满足附加条件";
        /// DEC-3: data may not leave the country, or not without an assessment.
        Export { rule: ExportRule } = "export",
            "a use abroad, and the rule of export is `{rule}`", "出境不符合合同规定";
        /// DEC-4: a contract for one patient at a time asked for many, or the other way round.
        Subject { one_patient: bool } = "subject",
            "the contract is for one patient at a time: {one_patient}", "申请对象与合同类型不符";
        /// DEC-4: the patient is another hospital's.
        OtherHospital { patient: AccountId, organisation: OrganisationId } = "other_hospital",
            "the patient `{patient}` is none of `{organisation}`, whose dataset is asked for", "患者与数据集不属于同一医院";
        /// DEC-4: the patient has not permitted it.
        NoConsent { patient: AccountId } = "no_consent",
            "no consent in force of the patient `{patient}` covers the use", "患者未授权该用途";
        /// DEC-4: the patient has denied it.
        Denied { patient: AccountId } = "denied",
            "the patient `{patient}` denies the use", "患者已拒绝该用途";
        /// DEC-5: too few consents for a cohort.
        Coverage { organisation: OrganisationId, permits: u64, least: u64 } = "coverage",
            "at most {permits} consents of `{organisation}` can permit it, {least} are needed", "授权人数不足";
        /// DEC-6: more privacy loss than a request may have.
        Epsilon { asked: u64, allowed: u64 } = "epsilon",
            "{asked} millionths of epsilon, {allowed} are allowed for a request", "隐私预算超出单次上限";
        /// DEC-6: a budget is exhausted.
        Budget { of: ObjectRef, spent: u64, asked: u64, total: u64 } = "budget",
            "{spent} of {total} millionths of epsilon of `{of}` are spent, {asked} are asked for", "隐私预算不足";
        /// DEC-7: asked too often.
        Rate { of: ObjectRef, limit: u32, window_ms: u64 } = "rate",
            "`{of}` has asked {limit} times in a window of {window_ms} milliseconds", "申请过于频繁";
        /// DEC-8: another request for the dataset is under way.
        Overlap { dataset: DatasetId, request: RequestId } = "overlap",
            "the request `{request}` of the organisation for the dataset `{dataset}` is under way", "该机构对同一数据集已有未结申请";
        /// DEC-9: the sandbox has its participants.
        Participants { limit: u32 } = "participants",
            "{limit} organisations take part in the sandbox, no more are allowed", "监管沙盒参与机构已满";
        /// REQ-3: the committee is against it.
        Committee { against: u64, members: u64 } = "committee",
            "{against} of {members} organisations of the committee are against it", "审批委员会已否决";
        /// DEC-10: policies of the contract forbid it.
        Policy { dataset: DatasetId, policies: String, because: String } = "policy",
            "of the dataset `{dataset}`, the contract's policies forbid it: `{policies}` ({because})", "合同策略禁止";
        /// DEC-10: the contract has policies that permit, and none of them applies.
        PolicyPermits { dataset: DatasetId, policies: String } = "policy_permits",
            "of the dataset `{dataset}`, none of the contract's policies that permit applies: `{policies}`", "合同策略均未许可";
        /// DEC-10: policies of the contract cannot be evaluated.
        PolicyFailed { dataset: DatasetId, policies: String } = "policy_failed",
            "of the dataset `{dataset}`, the contract's policies cannot be evaluated: `{policies}`", "合同策略无法求值";
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requester {
    pub(crate) account: AccountId,
    pub(crate) organisation: OrganisationId,
    pub(crate) role: Role,
}

impl Request {
    pub(crate) fn by(&self) -> Requester {
        Requester { account: self.requester, organisation: self.organisation, role: self.role }
    }
}

/// A decision's grounds, read once.
pub(crate) struct Decided {
    pub(crate) contract: Versioned<Contract>,
    /// The datasets asked for, with their latest versions.
    pub(crate) datasets: Vec<(DatasetId, Versioned<Dataset>)>,
    pub(crate) obligations: Obligations,
}

/// Decides. `until_ms` is that of a grant that is looked at again; for a new one it follows from the contract.
pub(crate) fn decide(
    state: &State<'_>,
    ask: &Ask,
    by: Requester,
    step: Step,
    until_ms: Option<u64>,
) -> Result<Decided, Halt> {
    let contract_object = ObjectRef::contract(ask.contract);
    // Everything that the request alone tells is asked for at once.
    let datasets = ask.datasets.iter();
    state.need(
        [Contract::head_key(&ask.contract), Freeze::head_key(&contract_object)]
            .into_iter()
            .chain(
                datasets.flat_map(|id| [Dataset::head_key(id), Freeze::head_key(&ObjectRef::dataset(*id))]),
            )
            .chain(match &ask.subject {
                Subject::Cohort => None,
                Subject::Patient { patient, .. } => Some(Patient::head_key(patient)),
            }),
    )?;
    let contract = state.contract(&ask.contract)?;
    let now_ms = state.block().time_ms;
    check_standing(ask, &contract.value, now_ms)?;
    for object in std::iter::once(contract_object).chain(ask.datasets.iter().copied().map(ObjectRef::dataset))
    {
        if let Some(since) = state.frozen_since(&object)? {
            return Err(DecisionRefusal::Frozen { object, since }.into());
        }
    }
    let terms = &contract.value.terms;
    check_scope(ask, by, terms)?;
    let mut found = Vec::with_capacity(ask.datasets.len());
    for dataset in ask.datasets.iter() {
        let record = state.latest::<Dataset>(dataset)?;
        found.push((*dataset, record.ok_or(ContractRefusal::UnknownDataset { dataset: *dataset })?));
    }
    let until_ms = until_ms.unwrap_or_else(|| {
        let sandbox = terms.sandbox.map_or(u64::MAX, |sandbox| sandbox.until_ms);
        now_ms.saturating_add(terms.term.access_ms).min(terms.term.until_ms).min(sandbox)
    });
    check_consent(state, ask, by, terms, &found, until_ms)?;
    ask_policies(state, &contract.value, ask, by, step, &found, until_ms)?;
    let obligations = Obligations {
        plan: terms.plan,
        release: terms.release,
        max_risk_ppm: terms.max_risk_ppm,
        min_cohort: terms.min_cohort,
        epsilon: ask.epsilon,
        fen: terms.price.fen,
        until_ms,
        destroy_ms: terms.term.destroy_ms,
        on_withdrawal: terms.on_withdrawal,
        decided_at: state.block().height,
    };
    Ok(Decided { contract, datasets: found, obligations })
}

/// DEC-2: the contract as it stands.
fn check_standing(ask: &Ask, contract: &Contract, now_ms: u64) -> Result<(), DecisionRefusal> {
    if contract.standing != Standing::Open {
        let (contract_id, (_, since)) = (ask.contract, contract.set_by);
        return Err(DecisionRefusal::Standing { contract: contract_id, standing: contract.standing, since });
    }
    if contract.revision != ask.revision {
        return Err(DecisionRefusal::Revision { asked: ask.revision, current: contract.revision });
    }
    if let Some(organisation) = contract.awaiting.first() {
        return Err(DecisionRefusal::Awaiting { contract: ask.contract, organisation: *organisation });
    }
    let term = contract.terms.term;
    if now_ms < term.from_ms {
        return Err(DecisionRefusal::NotBegun { from_ms: term.from_ms, now_ms });
    }
    let sandbox = contract.terms.sandbox.map_or(u64::MAX, |sandbox| sandbox.until_ms);
    let until_ms = term.until_ms.min(sandbox);
    if now_ms >= until_ms { Err(DecisionRefusal::Ended { until_ms, now_ms }) } else { Ok(()) }
}

/// DEC-3, DEC-6: what is asked for is within the terms.
fn check_scope(ask: &Ask, by: Requester, terms: &Terms) -> Result<(), DecisionRefusal> {
    let Requester { organisation, role, .. } = by;
    if !terms.recipients.include(organisation, role) {
        return Err(DecisionRefusal::Recipient { organisation, role });
    }
    if let Some(dataset) = ask.datasets.iter().find(|dataset| !terms.datasets.contains(dataset)) {
        return Err(DecisionRefusal::Dataset { dataset: *dataset });
    }
    let allowed = |purpose: &Purpose| terms.purposes.iter().any(|broader| purpose.is_within(*broader));
    if let Some(purpose) = ask.purposes.iter().find(|purpose| !allowed(purpose)) {
        return Err(DecisionRefusal::Purpose { purpose: *purpose });
    }
    if let Some(class) = ask.classes.iter().find(|class| !terms.classes.contains(class)) {
        return Err(DecisionRefusal::Class { class: *class });
    }
    if (ask.commercial || ask.purposes.iter().any(|purpose| purpose.is_commercial())) && !terms.commercial {
        return Err(DecisionRefusal::Commercial {});
    }
    if let Some(condition) = terms.conditions.iter().find(|condition| !is_met(**condition, ask, role)) {
        return Err(DecisionRefusal::Condition { condition: *condition });
    }
    if ask.abroad.is_some() && terms.export == ExportRule::Forbidden {
        return Err(DecisionRefusal::Export { rule: terms.export });
    }
    let (asked, allowed) = (ask.epsilon, terms.epsilon.per_request);
    if asked > allowed {
        return Err(DecisionRefusal::Epsilon { asked, allowed });
    }
    Ok(())
}

/// Whether a request meets a condition. What the terms themselves secure (time, place, project, purposes) was checked when they were published.
fn is_met(condition: Condition, ask: &Ask, role: Role) -> bool {
    match condition {
        Condition::NotForProfitOrganisation => Condition::is_not_for_profit(role),
        Condition::NonCommercial => !ask.commercial,
        Condition::NotForProfitNonCommercial => Condition::is_not_for_profit(role) && !ask.commercial,
        Condition::EthicsApproval => ask.ethics.is_some(),
        Condition::Geographical => ask.abroad.is_none(),
        // A contract's purpose may be above these; a request's may not.
        Condition::NoMethods => ask.purposes.iter().all(|p| !p.is_comparable(Purpose::MethodDevelopment)),
        Condition::NoAncestry => ask.purposes.iter().all(|p| !p.is_comparable(Purpose::AncestryResearch)),
        Condition::GeneticStudiesOnly => ask.purposes.iter().all(|p| p.is_within(Purpose::GeneticResearch)),
        other if other.is_undertaken() => ask.undertakings.contains(&other),
        _ => true,
    }
}

/// DEC-4, DEC-5: what patients have said.
fn check_consent(
    state: &State<'_>,
    ask: &Ask,
    by: Requester,
    terms: &Terms,
    datasets: &[(DatasetId, Versioned<Dataset>)],
    until_ms: u64,
) -> Result<(), Halt> {
    let one_patient = terms.is_about_one_patient();
    let owners = datasets.iter().map(|(_, dataset)| dataset.value.organisation);
    let (patient, salt) = match ask.subject {
        Subject::Patient { patient, salt } if one_patient && ask.datasets.len() <= 4 => (patient, salt),
        Subject::Cohort if !one_patient => {
            if terms.consent != ConsentMode::Required {
                return Ok(());
            }
            state.need(owners.clone().flat_map(|owner| coverage::keys(owner, ask.purposes.iter())))?;
            for organisation in owners {
                let permits = state.permits_at_most(organisation, ask.purposes.iter())?;
                let least = u64::from(terms.min_cohort);
                if permits < least {
                    return Err(DecisionRefusal::Coverage { organisation, permits, least }.into());
                }
            }
            return Ok(());
        }
        _ => return Err(DecisionRefusal::Subject { one_patient }.into()),
    };
    let record = state.patient(&patient)?.value;
    for organisation in owners {
        if organisation != record.organisation {
            return Err(DecisionRefusal::OtherHospital { patient, organisation }.into());
        }
    }
    let study = terms.study.zip(salt).map(|(study, salt)| study_tag(&study, &salt));
    let purposes: Vec<Purpose> = ask.purposes.iter().copied().collect();
    let used = Use {
        purposes: &purposes,
        recipient: by.organisation,
        role: by.role,
        classes: &ask.classes,
        commercial: ask.commercial,
        study,
        from_ms: state.block().time_ms,
        until_ms,
    };
    let said = match terms.consent {
        ConsentMode::Waiver { .. } => return Ok(()),
        _ => answer(&state.consents(&patient, &record)?, &used),
    };
    match (said, &terms.consent) {
        (Answer::Denied, _) => Err(DecisionRefusal::Denied { patient }.into()),
        (Answer::Silent, ConsentMode::Required) => Err(DecisionRefusal::NoConsent { patient }.into()),
        _ => Ok(()),
    }
}

/// Whether a patient is in the cohort of a request: the rule by which custodians pick, and auditors check that they did (REL-3, REL-4).
///
/// `consents` are all of the patient's in force in the state after the height at which patients are picked, `from_ms` is that block's time, and `tag` is the [`study_tag`] of the contract's study for this patient,
/// where hospital and patient share a salt.
pub fn is_in_cohort(
    request: &Request,
    terms: &Terms,
    obligations: &Obligations,
    consents: &[Consent],
    from_ms: u64,
    tag: Option<Digest>,
) -> bool {
    let purposes: Vec<Purpose> = request.ask.purposes.iter().copied().collect();
    let used = Use {
        purposes: &purposes,
        recipient: request.organisation,
        role: request.role,
        classes: &request.ask.classes,
        commercial: request.ask.commercial,
        study: tag,
        from_ms,
        until_ms: obligations.until_ms,
    };
    match (&terms.consent, answer(consents, &used)) {
        (ConsentMode::Waiver { .. }, _) | (_, Answer::Permitted) => true,
        (ConsentMode::OptOut, Answer::Silent) => true,
        (_, Answer::Silent | Answer::Denied) => false,
    }
}

/// Why a preview gives no obligations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviewError {
    /// These keys must be loaded first; then call again.
    Missing(Vec<Key>),
    /// It would be refused.
    Refused(Refusal),
}

/// What would be decided about a request in the block under way, were its committee for it: a dry run, without rates, budgets and overlaps.
///
/// # Errors
/// [`PreviewError`].
pub fn preview(
    block: BlockContext,
    snapshot: &dyn Snapshot,
    ask: &Ask,
    account: AccountId,
    organisation: OrganisationId,
    role: Role,
) -> Result<Obligations, PreviewError> {
    let state = State::new(block, snapshot);
    match decide(&state, ask, Requester { account, organisation, role }, Step::Request, None) {
        Ok(decided) => Ok(decided.obligations),
        Err(Halt::Refused(reason)) => Err(PreviewError::Refused(reason)),
        Err(Halt::Missing(Missing(key))) => {
            let mut keys = state.take_wanted();
            keys.push(key);
            keys.sort_unstable();
            keys.dedup();
            Err(PreviewError::Missing(keys))
        }
    }
}

/// DEC-7: counts a request, unless there were too many.
pub(crate) fn count_rate(state: &mut State<'_>, ask: &Ask, by: Requester, terms: &Terms) -> Result<(), Halt> {
    let limits = [
        (ObjectRef::account(by.account), terms.rate.per_account),
        (ObjectRef::organisation(by.organisation), terms.rate.per_organisation),
    ];
    state.need(limits.iter().map(|(of, _)| rate_key(ask.contract, *of)))?;
    for (of, limit) in limits {
        let window_ms = terms.rate.window_ms;
        let rate = state.rate(ask.contract, of, window_ms)?;
        if rate.count >= limit {
            return Err(DecisionRefusal::Rate { of, limit, window_ms }.into());
        }
        state.count(ask.contract, of, rate);
    }
    Ok(())
}

/// DEC-8: opens the datasets for a request of a cohort, unless another of the organisation is under way.
pub(crate) fn open_datasets(
    state: &mut State<'_>,
    ask: &Ask,
    by: Requester,
    request: RequestId,
) -> Result<(), Halt> {
    if ask.subject != Subject::Cohort {
        return Ok(());
    }
    let now_ms = state.block().time_ms;
    state.need(ask.datasets.iter().map(|id| Exposure::head_key(&exposure::id(by.organisation, *id))))?;
    for dataset in ask.datasets.iter().copied() {
        let exposure = state.exposure(by.organisation, dataset)?;
        if let Some(open) = exposure.open {
            let other = state.request(&open)?.value;
            if other.is_open(now_ms) && !other.released.contains(&dataset) {
                return Err(DecisionRefusal::Overlap { dataset, request: open }.into());
            }
        }
        state.set_exposure(by.organisation, dataset, Exposure { open: Some(request), ..exposure })?;
    }
    Ok(())
}

/// The budgets that a request draws on, with their totals: of the contract, of each dataset, and of the recipient over the whole consortium, so that
/// a query split over contracts, studies or hospitals spends as much as one that is not.
fn budgets(
    state: &State<'_>,
    ask: &Ask,
    by: Requester,
    terms: &Terms,
) -> Result<Vec<(ObjectRef, Budget, u64)>, Halt> {
    let contract = ObjectRef::contract(ask.contract);
    let recipient = ObjectRef::organisation(by.organisation);
    let datasets = ask.datasets.iter().copied().map(ObjectRef::dataset);
    let all: Vec<ObjectRef> = [contract, recipient].into_iter().chain(datasets).collect();
    state.need(all.iter().map(Budget::head_key))?;
    let mut budgets = Vec::with_capacity(all.len());
    for of in all {
        let budget = state.budget(&of)?;
        let total = if of == contract {
            terms.epsilon.total
        } else if of == recipient {
            terms.epsilon.per_recipient
        } else {
            budget.ceiling.unwrap_or(u64::MAX)
        };
        budgets.push((of, budget, total));
    }
    Ok(budgets)
}

/// DEC-6, DEC-9: takes what a grant costs, or says which budget or sandbox does not have it.
pub(crate) fn spend(state: &mut State<'_>, ask: &Ask, by: Requester, terms: &Terms) -> Result<(), Halt> {
    // A dataset that is asked for with others pays the whole: the releases are of the same request, and their losses add up for whoever is in more than one.
    let asked = ask.epsilon;
    for (of, mut budget, total) in budgets(state, ask, by, terms)? {
        let before = budget.clone();
        let spent = budget.spent;
        if spent.checked_add(asked).is_none_or(|sum| asked > 0 && sum > total) {
            return Err(DecisionRefusal::Budget { of, spent, asked, total }.into());
        }
        budget.spent = spent + asked;
        if let Some(sandbox) = terms.sandbox.filter(|_| of == ObjectRef::contract(ask.contract)) {
            budget.participants.insert(by.organisation);
            if budget.participants.len() as u64 > u64::from(sandbox.participants) {
                return Err(DecisionRefusal::Participants { limit: sandbox.participants }.into());
            }
        }
        if budget != before {
            state.set_budget(&of, budget)?;
        }
    }
    Ok(())
}

/// Gives back what a grant took of which nothing was released.
pub(crate) fn refund(state: &mut State<'_>, ask: &Ask, by: Requester, terms: &Terms) -> Result<(), Halt> {
    for (of, mut budget, _) in budgets(state, ask, by, terms)? {
        if ask.epsilon > 0 {
            budget.spent -= ask.epsilon;
            state.set_budget(&of, budget)?;
        }
    }
    Ok(())
}
