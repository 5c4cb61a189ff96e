//! Plans applied to FHIR R4 (4.0.1) JSON.
//!
//! Rules name elements by [paths](path) (`match = { fhir = "Patient.name" }`) and are compiled over the [model] of FHIR into an
//! [automaton]. A record, which is a resource or a Bundle of them, is read once by the [walk], which validates
//! every byte and notes what is to change; then the [splice] computes the replacements, since the patient may be named after
//! the first date, and copies the record with them in place.
//!
//! # Guarantees
//! - **First rule wins**: the first rule that matches an element or anything above it governs it ([automaton]).
//! - **Fail closed**: under `unmatched = "drop"`, what no rule governs, elements that FHIR R4 does not have, and JSON of a shape that
//!   its element cannot have are not released. A resource type that FHIR R4 does not have is refused under any plan.
//! - **Links survive**: an action on ids replaces the id in `Resource.id`, in references and in `fullUrl` by one function ([reference](mod@reference)).
//! - **Valid stays valid**: the output is FHIR wherever the input was, but for elements that a resource itself must have
//!   ([splice]). Changed resources carry [security labels](security).
//! - **Untouched bytes stay**: what no rule changes leaves byte for byte, spacing and number spelling included.
//! - Errors name a byte and a path, never a value.
//!
//! A resource's patient is its `patient`, `subject`, `beneficiary`, `individual` or `for`, where that refers to a Patient; the resource itself
//! otherwise. All dates of one patient move together because of it.

use std::sync::Arc;

use medveil_deid::action::{self, ParameterError, Refusal, Site};
use medveil_deid::plan::{Invalid, Match, Plan, Unmatched};
use medveil_deid::report::Loss;
use medveil_deid::study::{Record, Study};

pub mod automaton;
mod criteria;
pub mod demographics;
mod file;
pub mod model;
mod name;
mod opening;
pub mod path;
mod place;
mod primitive;
mod recurring;
pub mod reference;
pub mod scan;
pub mod security;
pub mod splice;
mod survey;
pub mod walk;

pub use file::{FhirFileError, FhirOutcome, deidentify, hash as hash_file};
pub use survey::scan as scan_file;

use automaton::{Automaton, Form, Policy, Program, RuleEffect, Scope};
use model::Model;
use path::{Path, PathError};
use scan::{Fault, FaultKind, Skimmer};
use security::Labels;
use splice::{ByKind, Prepared, Refused, Splicer, Workspace};
use walk::{Tape, Walker};

/// A plan's rules for FHIR, bound to a study. It is shared by threads; each has its own [`Scratch`].
pub struct FhirExecutor {
    program: Arc<Program>,
    rules: Vec<Prepared>,
    /// Where each rule stands in the plan.
    numbers: Vec<usize>,
    plan_rules: usize,
    invalid: Invalid,
}

/// A rule of the plan that cannot be applied to FHIR.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {}: {fault}", rule + 1)]
pub struct FhirPlanError {
    /// The rule, counted from 0.
    pub rule: usize,
    /// Why.
    pub fault: FhirPlanFault,
}

/// Why a rule cannot be applied to FHIR.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FhirPlanFault {
    /// The path is not understood.
    #[error("`match.fhir`, {0}")]
    Path(PathError),
    /// The action cannot be bound to the study.
    #[error("{0}")]
    Action(ParameterError),
}

/// A record that cannot be processed: where, and why. The value is not in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}, {path}: {reason}")]
pub struct RecordError {
    /// The byte in the record, counted from 0.
    pub offset: usize,
    /// The FHIR path.
    pub path: String,
    /// Why.
    pub reason: RecordFault,
}

impl RecordError {
    fn new(bytes: &[u8], offset: usize, reason: RecordFault) -> RecordError {
        RecordError { offset, path: shortened(place::path(bytes, offset)), reason }
    }
}

/// Why a record cannot be processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// It is no FHIR JSON.
    #[error("{0}")]
    Malformed(FaultKind),
    /// An action refuses a value in it.
    #[error("{0}")]
    Refused(Refusal),
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordOutcome {
    /// It was written.
    Written,
    /// A rule drops it.
    Dropped,
    /// Its resource type is none of FHIR R4; the plan says `invalid = "redact"`, so it is left out.
    UnknownType,
}

/// What was done, without values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records written.
    pub written: u64,
    /// Records dropped by a rule.
    pub dropped: u64,
    /// Records and Bundle entries left out because FHIR R4 does not have their type.
    pub unknown_types: u64,
    /// Values removed because their action could not read them.
    pub invalid: u64,
    /// Elements that each rule of the plan changed or removed.
    pub rules: Vec<u64>,
    /// Elements removed because no rule governs them.
    pub unmatched: u64,
    /// The most that noise costs a record that was written, over its values: millionths of epsilon, and delta in units of `10^-12`.
    pub most: (u64, u64),
}

impl Tally {
    /// Adds the figures of another thread.
    pub fn add(&mut self, other: &Tally) {
        self.written += other.written;
        self.dropped += other.dropped;
        self.unknown_types += other.unknown_types;
        self.invalid += other.invalid;
        self.unmatched += other.unmatched;
        self.rules.resize(self.rules.len().max(other.rules.len()), 0);
        self.rules.iter_mut().zip(&other.rules).for_each(|(sum, more)| *sum += more);
        self.most = larger(self.most, other.most);
    }

    /// What noise costs the record that it costs most; none without noise.
    pub fn loss(&self) -> Option<Loss> {
        (self.most != (0, 0)).then(|| Loss::of(self.most))
    }
}

fn larger(one: (u64, u64), other: (u64, u64)) -> (u64, u64) {
    (one.0.max(other.0), one.1.max(other.1))
}

/// One thread's working memory, with the part of the automaton that its data has met.
pub struct Scratch {
    automaton: Automaton,
    tape: Tape,
    skimmer: Skimmer,
    work: Workspace,
    written: u64,
    dropped: u64,
    unknown_types: u64,
    most: (u64, u64),
}

impl Scratch {
    /// Whether the record that was processed last can hold a Patient that [`demographics`] would look at: as itself, or in an `entry`.
    fn may_hold_patients(&self) -> bool {
        let Some(record) = self.tape.resources.first() else { return true };
        demographics::looks_into(Model::r4().get(record.ty).name) || self.tape.unknown_property
    }

    /// About how many bytes at the beginning of what was written last are the same for other records of its kind.
    fn opening(&self) -> usize {
        self.work.opening
    }
}

impl FhirExecutor {
    /// Compiles the plan's rules for FHIR and binds their actions to the study.
    pub fn new(plan: &Plan, study: &Study) -> Result<Self, FhirPlanError> {
        let (mut rules, mut paths, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for (rule, found) in plan.rules.iter().enumerate() {
            let fail = |fault| FhirPlanError { rule, fault };
            let Match::Fhir(text) = &found.matcher else { continue };
            let path = Path::parse(text).map_err(|e| fail(FhirPlanFault::Path(e)))?;
            let method = found.action.method().name;
            let plain = found.action.parameters().as_object().is_none_or(serde_json::Map::is_empty);
            let effect = match method {
                "keep" => RuleEffect::Keep,
                "redact" if plain => RuleEffect::Remove,
                _ => RuleEffect::Apply(scope(method)),
            };
            let transform = match effect {
                RuleEffect::Keep | RuleEffect::Remove => None,
                RuleEffect::Apply(_) => {
                    let bind = |kind| {
                        let bound = found.action.prepare(&Site { study, kind, label: text });
                        bound.map_err(|e| fail(FhirPlanFault::Action(e)))
                    };
                    let [birth, date, age, postcode] = Form::KINDS.map(Some);
                    let kinds = [bind(birth)?, bind(date)?, bind(age)?, bind(postcode)?];
                    Some(ByKind { plain: bind(None)?, kinds })
                }
            };
            rules.push(Prepared {
                by_value: transform.as_ref().is_some_and(ByKind::is_by_value),
                transform,
                labels: Labels::of(method),
                identity: matches!(method, "pseudonymize" | "hash" | "encrypt" | "new-uid"),
                shifts: method == "shift-date",
                cost: match Loss::of_parameters(&found.action.parameters()) {
                    // What does not fit is more than anybody grants.
                    Some(loss) => loss.exactly().unwrap_or((u64::MAX, u64::MAX)),
                    None => (0, 0),
                },
            });
            paths.push((path, effect));
            numbers.push(rule);
        }
        let unmatched = match plan.head.unmatched {
            Unmatched::Drop => Policy::Drop,
            Unmatched::Keep => Policy::Keep,
        };
        let program = Arc::new(Program::new(&paths, unmatched, unmatched));
        Ok(FhirExecutor { program, rules, numbers, plan_rules: plan.rules.len(), invalid: plan.head.invalid })
    }

    /// Working memory for one thread.
    pub fn scratch(&self) -> Scratch {
        let counts = vec![0; self.program.rule_count() + 1];
        Scratch {
            automaton: Automaton::new(Arc::clone(&self.program)),
            tape: Tape { counts, ..Tape::default() },
            skimmer: Skimmer::default(),
            work: Workspace::default(),
            written: 0,
            dropped: 0,
            unknown_types: 0,
            most: (0, 0),
        }
    }

    /// Applies the plan to one record (a resource or a Bundle) and appends the outcome to `out`, which nothing is appended to
    /// unless the outcome is [`RecordOutcome::Written`]. `scratch` must be of this executor.
    pub fn record(
        &self,
        bytes: &[u8],
        record: &Record<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<RecordOutcome, RecordError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text, record, scratch, out),
            Err(error) => {
                Err(RecordError::new(bytes, error.valid_up_to(), RecordFault::Malformed(FaultKind::Utf8)))
            }
        }
    }

    /// [`FhirExecutor::record`] for bytes that are known to be UTF-8.
    fn text(
        &self,
        text: &str,
        record: &Record<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<RecordOutcome, RecordError> {
        let error = |offset, reason| RecordError::new(text.as_bytes(), offset, reason);
        scratch.tape.clear();
        scratch.skimmer.clear();
        let strict = self.invalid == Invalid::Fail;
        let Scratch { automaton, tape, skimmer, work, .. } = scratch;
        match Walker::new(text, automaton, tape, skimmer, strict).record() {
            Ok(()) => {}
            Err(Fault { kind: FaultKind::UnknownResource, .. }) if !strict => {
                scratch.unknown_types += 1;
                return Ok(RecordOutcome::UnknownType);
            }
            Err(Fault { offset, kind }) => return Err(error(offset, RecordFault::Malformed(kind))),
        }
        let splicer =
            Splicer { text, tape, automaton, rules: &self.rules, record, invalid: self.invalid, work };
        match splicer.run(out) {
            Ok(true) => {
                scratch.written += 1;
                scratch.most = larger(scratch.most, self.cost(scratch.work.values()));
                Ok(RecordOutcome::Written)
            }
            Ok(false) => {
                scratch.dropped += 1;
                Ok(RecordOutcome::Dropped)
            }
            Err(Refused { offset, refusal }) => Err(error(offset, RecordFault::Refused(refusal))),
        }
    }

    /// What noise costs a record, of which each rule has changed so many values: those of a record have noise of their own, and add up.
    fn cost(&self, values: &[u32]) -> (u64, u64) {
        self.rules.iter().zip(values).fold((0u64, 0u64), |(epsilon, delta), (rule, values)| {
            let times = |cost: u64| cost.saturating_mul(u64::from(*values));
            (epsilon.saturating_add(times(rule.cost.0)), delta.saturating_add(times(rule.cost.1)))
        })
    }

    /// What was done in this memory so far.
    pub fn tally(&self, scratch: &Scratch) -> Tally {
        let mut rules = vec![0; self.plan_rules];
        for (number, count) in self.numbers.iter().zip(&scratch.tape.counts) {
            rules[*number] += count;
        }
        Tally {
            written: scratch.written,
            dropped: scratch.dropped,
            unknown_types: scratch.unknown_types + scratch.tape.unknown_resources,
            invalid: scratch.work.invalid,
            rules,
            unmatched: scratch.tape.counts.last().copied().unwrap_or_default(),
            most: scratch.most,
        }
    }
}

/// A path as a message shows it: of a very deep one the beginning is enough, since the byte is named too.
fn shortened(path: String) -> String {
    const LONGEST: usize = 160;
    match path.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &path[..end]),
        None => path,
    }
}

/// The types that an action can read.
fn scope(method: &str) -> Scope {
    debug_assert!(action::method(method).is_some(), "plans hold registered actions only");
    match method {
        "shift-date" | "age-from-date" => Scope::Dates,
        "round" | "perturb" | "laplace" | "gaussian" => Scope::Numbers,
        _ => Scope::Any,
    }
}
