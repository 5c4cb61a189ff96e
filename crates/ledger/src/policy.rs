//! Policies of contracts: admitted when they are published, asked after the terms. What they are, and how they are evaluated, is in `medveil-policy`; here they are
//! asked about the ledger's requests, and what they say gets its names.

use medveil_policy::{Question, Released, Verdict};

use crate::call::Halt;
use crate::decision::{DecisionRefusal, Requester};
use crate::id::DatasetId;
use crate::refusal::refusals;
use crate::role::Capacity;
use crate::state::account::Account;
use crate::state::contract::Contract;
use crate::state::dataset::Dataset;
use crate::state::request::{Ask, Subject};
use crate::state::{State, Versioned};
use crate::terms::ConsentMode;

pub use medveil_policy::{Fault, Policies, SCHEMA, limits};

refusals! {
    /// Why a text is no policy of a contract.
    pub enum PolicyRefusal in "contract" {
        /// CTR-7: the text is too long.
        Size { bytes: u64, limit: u64 } = "policy_size",
            "a policy of {bytes} bytes, at most {limit} are allowed", "策略文本超出大小上限";
        /// CTR-7: it is nested too deep.
        Depth { depth: u64, limit: u64, line: u64, column: u64 } = "policy_depth",
            "the policy is nested {depth} deep at line {line}, column {column}, at most {limit} are allowed", "策略嵌套过深";
        /// CTR-7: it has too many expressions.
        Expressions { limit: u64, line: u64, column: u64 } = "policy_expressions",
            "the {limit} expressions that a policy may have end before line {line}, column {column}", "策略表达式过多";
        /// CTR-7: there are no policies in the text, or too many.
        Count { policies: u64, limit: u64 } = "policy_count",
            "{policies} policies, from 1 to {limit} are needed", "策略条数不当";
        /// CTR-7: it is not Cedar.
        Syntax { line: u64, column: u64 } = "policy_syntax",
            "the policy cannot be read from line {line}, column {column} on", "策略语法错误";
        /// CTR-7: it uses of Cedar what is not admitted.
        NotAdmitted { line: u64, column: u64 } = "policy_not_admitted",
            "what stands at line {line}, column {column} is not admitted in a policy", "策略使用了不允许的语言成分";
        /// CTR-7: an annotation is none that is known, or its text is none.
        Annotation { line: u64, column: u64 } = "policy_annotation",
            "the annotation at line {line}, column {column} is no `@id` used once or `@reason`", "策略注解不当";
        /// CTR-7: it does not fit the schema.
        Type { line: u64, column: u64 } = "policy_type",
            "what stands at line {line}, column {column} does not fit the schema", "策略与模式不符";
        /// CTR-7: a policy promises what nobody enforces.
        NeverApplies { line: u64, column: u64 } = "policy_never_applies",
            "the policy at line {line}, column {column} can never apply", "策略永远不会生效";
    }
}

impl From<Fault> for PolicyRefusal {
    /// Without what a fault says to people: that is not the same on every node.
    fn from(fault: Fault) -> Self {
        let (line, column) = fault.position().map_or((0, 0), |at| (u64::from(at.line), u64::from(at.column)));
        match fault {
            Fault::Size { bytes } => {
                PolicyRefusal::Size { bytes: bytes as u64, limit: limits::MAX_BYTES as u64 }
            }
            Fault::Depth { depth, .. } => {
                PolicyRefusal::Depth { depth: depth as u64, limit: limits::MAX_DEPTH as u64, line, column }
            }
            Fault::Expressions { .. } => {
                PolicyRefusal::Expressions { limit: limits::MAX_EXPRESSIONS as u64, line, column }
            }
            Fault::Count { policies } => {
                PolicyRefusal::Count { policies: policies as u64, limit: limits::MAX_POLICIES as u64 }
            }
            Fault::Syntax { .. } => PolicyRefusal::Syntax { line, column },
            Fault::NotAdmitted { .. } => PolicyRefusal::NotAdmitted { line, column },
            Fault::Annotation { .. } => PolicyRefusal::Annotation { line, column },
            Fault::Type { .. } => PolicyRefusal::Type { line, column },
            Fault::NeverApplies { .. } => PolicyRefusal::NeverApplies { line, column },
        }
    }
}

/// What is decided: a contract's policies can tell them apart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A request, about all its datasets.
    Request,
    /// That a release of a dataset is posted.
    Release(DatasetId, Released),
    /// That a release of a dataset is used.
    Access(DatasetId, Released),
}

/// Refuses a text that is no policy of a contract (CTR-7).
///
/// # Errors
/// [`PolicyRefusal`].
pub fn check(text: &str) -> Result<(), PolicyRefusal> {
    // Not kept: it may be refused for other reasons, and is asked when a request comes.
    Policies::compile(text)?;
    Ok(())
}

/// DEC-10: asks a contract's policies, if it has any, about what the terms allow. About a release, they are asked about its dataset; about a request, about every dataset.
pub(crate) fn ask_policies(
    state: &State<'_>,
    contract: &Contract,
    ask: &Ask,
    by: Requester,
    step: Step,
    datasets: &[(DatasetId, Versioned<Dataset>)],
    until_ms: u64,
) -> Result<(), Halt> {
    let Some(text) = &contract.policy else { return Ok(()) };
    // It was admitted when it was published. Were a later version of Cedar to refuse it, nothing is granted under the contract until it gets another.
    let Ok(policies) = medveil_policy::compiled(text) else {
        let dataset = *ask.datasets.first().expect("a request is of at least one dataset");
        return Err(DecisionRefusal::PolicyFailed { dataset, policies: String::new() }.into());
    };
    // An account that asks is there; a preview may be of one that is not.
    let account: Option<Versioned<Account>> =
        if policies.look_at("capacity") { state.latest(&by.account)? } else { None };
    let capacity = account.map_or(Capacity::Staff, |account| account.value.capacity);
    let (of, step) = match step {
        Step::Request => (None, medveil_policy::Step::Request),
        Step::Release(dataset, released) => (Some(dataset), medveil_policy::Step::Release(released)),
        Step::Access(dataset, released) => (Some(dataset), medveil_policy::Step::Access(released)),
    };
    let datasets: Vec<_> = datasets.iter().filter(|(id, _)| of.is_none_or(|of| of == *id)).collect();
    let ids: Vec<String> = datasets.iter().map(|(id, _)| id.to_string()).collect();
    let datasets: Vec<_> =
        ids.iter().zip(&datasets).map(|(id, (_, dataset))| told(id, &dataset.value)).collect();
    let terms = &contract.terms;
    let purposes: Vec<_> = ask.purposes.iter().map(|purpose| purpose.name()).collect();
    let within: Vec<_> = ask
        .purposes
        .iter()
        .flat_map(|purpose| purpose.with_broader())
        .map(|purpose| purpose.name())
        .collect();
    let classes: Vec<_> = ask.classes.iter().map(|class| class.name()).collect();
    let undertakings: Vec<_> = ask.undertakings.iter().map(|condition| condition.name()).collect();
    let study = terms.study.map(|study| study.to_string());
    let question = Question {
        step,
        account: &by.account.to_string(),
        capacity: capacity.name(),
        organisation: by.organisation.as_str(),
        role: by.role.name(),
        datasets: &datasets,
        together: ask.datasets.len() as u64,
        purposes: &purposes,
        within: &within,
        classes: &classes,
        undertakings: &undertakings,
        commercial: ask.commercial || ask.purposes.iter().any(|purpose| purpose.is_commercial()),
        ethics: ask.ethics.is_some(),
        abroad: ask.abroad.is_some(),
        cohort: ask.subject == Subject::Cohort,
        epsilon: ask.epsilon,
        publisher: contract.organisation.as_str(),
        study: study.as_deref(),
        consent: consent_mode(&terms.consent),
        release: terms.release.name(),
        min_cohort: terms.min_cohort.into(),
        now_ms: state.block().time_ms,
        begins_ms: terms.term.from_ms,
        ends_ms: terms.term.until_ms,
        until_ms,
    };
    let id = |told: String| -> DatasetId { told.parse().expect("an id is told as it is written") };
    Err(match policies.decide(&question) {
        Verdict::Allowed => return Ok(()),
        Verdict::Forbidden { dataset, policies, because } => {
            DecisionRefusal::Policy { dataset: id(dataset), policies, because }.into()
        }
        Verdict::NotPermitted { dataset, policies } => {
            DecisionRefusal::PolicyPermits { dataset: id(dataset), policies }.into()
        }
        Verdict::Failed { dataset, policies } => {
            DecisionRefusal::PolicyFailed { dataset: id(dataset), policies }.into()
        }
    })
}

fn told<'a>(id: &'a str, dataset: &'a Dataset) -> medveil_policy::Dataset<'a> {
    medveil_policy::Dataset {
        id,
        owner: dataset.organisation.as_str(),
        label: dataset.label.as_str(),
        level: dataset.fingerprint.level.number().into(),
        records: dataset.fingerprint.count,
    }
}

/// The word of a mode of consent.
const fn consent_mode(mode: &ConsentMode) -> &'static str {
    match mode {
        ConsentMode::Required => "required",
        ConsentMode::OptOut => "opt-out",
        ConsentMode::Waiver { .. } => "waiver",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Role;
    use crate::terms::ReleaseModel;
    use crate::vocabulary::{Condition, DataClass, Purpose};

    /// The words of an enumeration of the schema.
    fn words(entity: &str) -> Vec<&'static str> {
        let (_, rest) = SCHEMA.split_once(&format!("entity {entity} enum [")).unwrap();
        let (list, _) = rest.split_once(']').unwrap();
        list.split(',').map(|word| word.trim().trim_matches('"')).collect()
    }

    #[test]
    fn the_schema_has_the_words_of_the_ledger() {
        assert_eq!(words("Role"), Role::ALL.iter().map(|word| word.name()).collect::<Vec<_>>());
        assert_eq!(words("Capacity"), Capacity::ALL.iter().map(|word| word.name()).collect::<Vec<_>>());
        assert_eq!(words("Purpose"), Purpose::ALL.iter().map(|word| word.name()).collect::<Vec<_>>());
        assert_eq!(words("DataClass"), DataClass::ALL.iter().map(|word| word.name()).collect::<Vec<_>>());
        assert_eq!(words("Condition"), Condition::ALL.iter().map(|word| word.name()).collect::<Vec<_>>());
        assert_eq!(
            words("ReleaseModel"),
            ReleaseModel::ALL.iter().map(|word| word.name()).collect::<Vec<_>>()
        );
        let ethics = crate::Digest([0; 32]);
        let modes = [ConsentMode::Required, ConsentMode::OptOut, ConsentMode::Waiver { ethics }];
        assert_eq!(words("ConsentMode"), modes.each_ref().map(consent_mode));
    }
}
