//! What a plan does with each column of a table.

use std::fmt;

use super::error::{TableError, Trouble};
use crate::action::{Output, Site, Transform};
use crate::assess::{ColumnSpec, Spec};
use crate::detect::ColumnFinding;
use crate::kind::{Class, Kind};
use crate::plan::{Plan, Unmatched};
use crate::study::Study;

/// The decision for every column.
pub struct Binding {
    /// One entry a column, in order.
    pub columns: Vec<BoundColumn>,
    /// The column that tells the patient.
    pub subject: Option<usize>,
    /// Columns that an attacker may know.
    pub quasi_identifiers: Vec<usize>,
    /// Columns that an attacker wants to learn.
    pub sensitive: Vec<usize>,
}

/// One column and its fate.
pub struct BoundColumn {
    /// What was found in it.
    pub finding: ColumnFinding,
    /// The rule that matched, by its place in the plan.
    pub rule: Option<usize>,
    /// What happens to it.
    pub fate: Fate,
    /// How far a search generalises it further: 0 is what the rule releases.
    pub level: u8,
}

/// What happens to a column.
pub enum Fate {
    /// It leaves as it came.
    Keep,
    /// It is not released at all.
    Drop,
    /// Every value goes through the action.
    Apply {
        /// The action's name.
        action: &'static str,
        /// Whether values keep their type.
        output: Output,
        /// The prepared action.
        transform: Box<dyn Transform>,
    },
}

impl fmt::Debug for BoundColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundColumn")
            .field("name", &self.finding.name)
            .field("rule", &self.rule)
            .field("action", &self.action())
            .finish_non_exhaustive()
    }
}

impl BoundColumn {
    /// The name of what happens: an action, or `drop` for what no rule matched.
    pub fn action(&self) -> &'static str {
        match &self.fate {
            Fate::Keep => "keep",
            Fate::Drop => "drop",
            Fate::Apply { action, .. } => action,
        }
    }

    /// Whether the column is in the output.
    pub fn released(&self) -> bool {
        !matches!(self.fate, Fate::Drop)
    }
}

/// Kinds that tell whose record a row is, the best first.
const SUBJECT_KINDS: [Kind; 4] =
    [Kind::PatientId, Kind::MedicalRecordNumber, Kind::CnResidentId, Kind::InpatientNumber];

impl Binding {
    /// Applies `plan` to columns in which detection found `findings`.
    pub fn new(plan: &Plan, study: &Study, findings: Vec<ColumnFinding>) -> Result<Binding, TableError> {
        let names: Vec<String> = findings.iter().map(|finding| finding.name.clone()).collect();
        let find = |name: &String| {
            names.iter().position(|column| column == name).ok_or_else(|| {
                let help = crate::plan::suggest(name, names.iter().map(String::as_str));
                let help = help.map(|help| format!("; {help}")).unwrap_or_default();
                TableError::new(Trouble::NoColumn { name: name.clone(), help })
            })
        };
        let by_kind = |kind: &Kind| findings.iter().position(|finding| finding.kind == Some(*kind));
        let subject = match &plan.head.subject {
            Some(name) => Some(find(name)?),
            None => SUBJECT_KINDS.iter().find_map(by_kind),
        };

        let mut columns = Vec::with_capacity(findings.len());
        for (i, finding) in findings.into_iter().enumerate() {
            let rule = plan.rule_for_column(&finding.name, finding.kind);
            let fate = match rule {
                None => match plan.head.unmatched {
                    Unmatched::Keep => Fate::Keep,
                    Unmatched::Drop => Fate::Drop,
                },
                Some(rule) => {
                    let action = plan.rules[rule].action.as_ref();
                    let name = action.method().name;
                    let site = Site { study, kind: finding.kind, label: &finding.name };
                    let at = |trouble| TableError::at_column(i + 1, &finding.name, trouble);
                    if name == "keep" {
                        Fate::Keep
                    } else if name == "shift-date" && subject.is_none() {
                        return Err(at(Trouble::NoSubject { action: name }));
                    } else {
                        let transform = action
                            .prepare(&site)
                            .map_err(|error| at(Trouble::Action { action: name, error }))?;
                        Fate::Apply { action: name, output: action.method().output, transform }
                    }
                }
            };
            columns.push(BoundColumn { finding, rule, fate, level: 0 });
        }
        if !columns.iter().any(BoundColumn::released) {
            return Err(TableError::new(Trouble::NothingReleased));
        }

        let privacy = plan.privacy.as_ref();
        let named = |list: &[String]| list.iter().map(find).collect::<Result<Vec<_>, _>>();
        let of_class = |class: Class| -> Vec<usize> {
            (0..columns.len())
                .filter(|i| {
                    columns[*i].finding.kind.is_some_and(|kind| kind.class() == class && relevant(kind))
                })
                .collect()
        };
        let quasi_identifiers = match privacy {
            Some(privacy) if !privacy.quasi_identifiers.is_empty() => named(&privacy.quasi_identifiers)?,
            _ => of_class(Class::QuasiIdentifier),
        };
        let sensitive = match privacy {
            Some(privacy) if !privacy.sensitive.is_empty() => named(&privacy.sensitive)?,
            _ => of_class(Class::Sensitive),
        };
        let sensitive = sensitive.into_iter().filter(|i| !quasi_identifiers.contains(i)).collect();
        Ok(Binding { columns, subject, quasi_identifiers, sensitive })
    }

    /// What the assessment needs to know.
    pub fn spec(&self, utility_stride: u64) -> Spec {
        Spec {
            columns: self
                .columns
                .iter()
                .map(|column| ColumnSpec {
                    name: column.finding.name.clone(),
                    kind: column.finding.kind,
                    action: if column.level > 0 { "generalize" } else { column.action() }.to_owned(),
                    released: column.released(),
                })
                .collect(),
            quasi_identifiers: self.quasi_identifiers.clone(),
            sensitive: self.sensitive.clone(),
            max_classes: MAX_CLASSES,
            utility_stride,
        }
    }
}

/// Equivalence classes that are counted exactly; beyond them classes are sampled.
pub(super) const MAX_CLASSES: usize = 1 << 19;

/// Event dates are no quasi-identifier by themselves unless a plan says so: each visit has another one.
fn relevant(kind: Kind) -> bool {
    kind != Kind::EventDate
}
