//! The patients of a table, each as the combination of the quasi-identifiers of all his released records: what joining tables, or
//! releases, shows of him.
//!
//! A patient costs a fingerprint of his identifier and one of the multiset of his records: the sum of the fingerprints of their tuples, which
//! does not depend on their order. With each earlier release that is compared he costs one more pair, which ties the
//! pseudonym that he has there to him. Nothing of this is written anywhere but the sizes of classes.

use super::bind::Binding;
use super::error::{TableError, Trouble};
use super::execute::{Rows, Transformed};
use crate::action::{Cell, Effect, Secret, Site, Transform};
use crate::assess::{FingerprintMap, SEED, push, spread};
use crate::kind::{Class, Kind};
use crate::plan::{Plan, Unmatched};
use crate::study::{Record, Study};

/// The column that tells whose record a row is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectColumn {
    /// Its name.
    pub column: String,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
}

impl SubjectColumn {
    /// The identity space of its values: equal values of two columns of one space are one patient.
    pub fn namespace(&self) -> &str {
        match self.kind {
            Some(kind) => kind.namespace(),
            None => &self.column,
        }
    }
}

/// Finds the pseudonym that a patient has in an earlier release.
pub struct Tie {
    /// The column of that release.
    pub subject: SubjectColumn,
    transform: Option<Box<dyn Transform>>,
}

impl std::fmt::Debug for Tie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tie").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Tie {
    /// The tie to a release of `plan` in `study`. `None` where its subject column is not released in a form that can be computed again.
    pub fn new(plan: &Plan, study: &Study, subject: SubjectColumn) -> Option<Tie> {
        let Some(rule) = plan.rule_for_column(&subject.column, subject.kind) else {
            let kept = plan.head.unmatched == Unmatched::Keep;
            return kept.then_some(Tie { subject, transform: None });
        };
        let action = plan.rules[rule].action.as_ref();
        match action.method().name {
            "keep" => Some(Tie { subject, transform: None }),
            name if LINKING.contains(&name) => {
                let site = Site { study, kind: subject.kind, label: &subject.column };
                let transform = action.prepare(&site).ok()?;
                Some(Tie { subject, transform: Some(transform) })
            }
            _ => None,
        }
    }

    fn pseudonym(&self, raw: &str, record: &Record<'_>, scratch: &mut String) -> Option<u64> {
        let Some(transform) = &self.transform else { return Some(push(SEED, raw)) };
        let cell = Cell { value: Secret(raw), subject: Some(Secret(raw)), record, occurrence: 0 };
        scratch.clear();
        match transform.apply(&cell, scratch) {
            Ok(Effect::Kept) => Some(push(SEED, raw)),
            Ok(Effect::Replaced) => Some(push(SEED, scratch)),
            Ok(Effect::Removed | Effect::DropRecord) | Err(_) => None,
        }
    }
}

/// Actions that give equal values equal results, so that records can be joined by them.
const LINKING: [&str; 5] = ["keep", "pseudonymize", "encrypt", "hash", "new-uid"];

/// Patients that are followed at most: about 40 bytes each and table.
const MOST_PATIENTS: usize = 10_000_000;

/// The patients of a table.
#[derive(Debug, Default)]
pub struct Persons {
    /// By patient, what is released of all his records.
    pub(crate) signatures: FingerprintMap<u64>,
    /// By earlier release, from a patient's pseudonym there to the patient.
    pub(crate) ties: Vec<FingerprintMap<u64>>,
}

impl Persons {
    fn new(ties: usize) -> Persons {
        Persons { signatures: FingerprintMap::default(), ties: vec![FingerprintMap::default(); ties] }
    }

    /// Adds a released record of a patient: `cells` are his quasi-identifiers.
    pub fn add<'a>(&mut self, patient: &str, cells: impl Iterator<Item = &'a str>) {
        let tuple = spread(cells.fold(SEED, push));
        let sum = self.signatures.entry(push(SEED, patient)).or_insert(0);
        *sum = sum.wrapping_add(tuple);
    }

    /// Takes in the patients of another part of the table.
    pub(crate) fn absorb(&mut self, part: Persons) -> Result<(), TableError> {
        for (patient, tuples) in part.signatures {
            let sum = self.signatures.entry(patient).or_insert(0);
            *sum = sum.wrapping_add(tuples);
        }
        self.ties.resize_with(self.ties.len().max(part.ties.len()), FingerprintMap::default);
        for (ties, part) in self.ties.iter_mut().zip(part.ties) {
            ties.extend(part);
        }
        match self.signatures.len() > MOST_PATIENTS {
            true => Err(TableError::new(Trouble::TooManyPatients { limit: MOST_PATIENTS })),
            false => Ok(()),
        }
    }
}

/// What is known of the patients of a table after a run.
#[derive(Debug)]
pub struct Linkage {
    /// The column that tells them.
    pub subject: SubjectColumn,
    /// Whether a column is released by which records can be joined.
    pub linkable: bool,
    /// The quasi-identifiers that are released.
    pub quasi_identifiers: Vec<String>,
    /// The patients.
    pub persons: Persons,
}

/// How the patients of a table are followed.
pub(super) struct Follow<'a> {
    subject: usize,
    quasi_identifiers: Vec<usize>,
    ties: &'a [Tie],
    /// Of the same identity space as the subject.
    tied: Vec<bool>,
}

impl<'a> Follow<'a> {
    /// Nothing where no column tells the patient, or no quasi-identifier is released.
    pub(super) fn new(binding: &Binding, ties: &'a [Tie]) -> Option<Follow<'a>> {
        let subject = binding.subject?;
        let released = |c: &&usize| binding.columns[**c].released() && **c != subject;
        let quasi_identifiers: Vec<usize> =
            binding.quasi_identifiers.iter().filter(released).copied().collect();
        let space = column(binding, subject);
        let tied = ties.iter().map(|tie| tie.subject.namespace() == space.namespace()).collect();
        (!quasi_identifiers.is_empty()).then_some(Follow { subject, quasi_identifiers, ties, tied })
    }

    pub(super) fn persons(&self) -> Persons {
        Persons::new(self.ties.len())
    }

    /// The patients of a block, as it is released.
    pub(super) fn block(
        &self,
        binding: &Binding,
        rows: &impl Rows,
        records: &[Record<'_>],
        done: &Transformed,
    ) -> Persons {
        let mut persons = self.persons();
        let mut scratch = String::new();
        for r in (0..rows.rows()).filter(|r| !done.dropped[*r]) {
            let raw = rows.text(r, self.subject);
            if raw.is_empty() {
                continue;
            }
            persons.add(raw, self.quasi_identifiers.iter().map(|c| done.released(binding, rows, r, *c)));
            for (i, tie) in self.ties.iter().enumerate().filter(|(i, _)| self.tied[*i]) {
                if let Some(pseudonym) = tie.pseudonym(raw, &records[r], &mut scratch) {
                    persons.ties[i].insert(pseudonym, push(SEED, raw));
                }
            }
        }
        persons
    }

    pub(super) fn finish(&self, binding: &Binding, persons: Persons) -> Linkage {
        let linkable = binding.columns.iter().any(|column| {
            let identifies = column.finding.kind.is_some_and(|kind| kind.class() == Class::DirectIdentifier);
            column.released() && identifies && LINKING.contains(&column.action())
        });
        let subject = &binding.columns[self.subject];
        let name = |c: &usize| binding.columns[*c].finding.name.clone();
        Linkage {
            subject: column(binding, self.subject),
            linkable: linkable || (subject.released() && LINKING.contains(&subject.action())),
            quasi_identifiers: self.quasi_identifiers.iter().map(name).collect(),
            persons,
        }
    }
}

fn column(binding: &Binding, c: usize) -> SubjectColumn {
    let finding = &binding.columns[c].finding;
    SubjectColumn { column: finding.name.clone(), kind: finding.kind }
}
