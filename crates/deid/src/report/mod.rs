//! Reports: what was done to the data, why, and what risk is left, for a person who signs for it.
//!
//! A [`Report`] is `report.json`; [`Report::to_html`] is `report.html`, the same figures as one self-contained page in Chinese and
//! English. **No value of the data is in either**: names of columns and files, counts, shares and distances only. There is no clock here; the caller
//! says when the run was.

use medveil_privacy::Spend;
use serde::Serialize;
use serde_json::Value;

use crate::assess::{Assessment, Breach, Earlier, Evaluation, Joined, evaluate};
use crate::detect::Language;
use crate::kind::{Kind, Text};
use crate::merkle::{Hash, hex_hash};
use crate::plan::{Linked, Plan, ReleaseModel, Unmatched};
use crate::receipt::{ENGINE, Receipt, RuleReceipt};
use crate::search::{Comparison, SearchResult, Searched};
use crate::table::{BoundColumn, Counts, Side, TableOutcome};

mod generalised;
mod html;
mod search;
mod warning;

pub use search::SearchReport;
pub use warning::Warning;

/// The format's name, in the field `format`.
pub const FORMAT: &str = "medveil-report-v1";

/// A report: see the [module](self).
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: &'static str,
    /// Name and version of what made the release.
    pub engine: &'static str,
    /// When, in the caller's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The study whose pseudonyms and offsets apply.
    pub study: String,
    /// The plan.
    pub plan: PlanSummary,
    /// What the plan's privacy asks, against what was found.
    pub verdict: Verdict,
    /// The most privacy that a record loses to noise, over all files.
    pub loss: Loss,
    /// What binds the release; none before there is a receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Roots>,
    /// The files, in the order of the run.
    pub files: Vec<FileReport>,
    /// Patients over the tables that share them.
    pub linked: Vec<Joined>,
    /// The earlier releases to the same recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
    /// Breaches of the release as a whole, in words.
    pub reasons: Vec<Words>,
}

/// What a report says of the plan.
#[derive(Clone, Debug, Serialize)]
pub struct PlanSummary {
    /// The name.
    pub name: String,
    /// The version.
    pub version: u32,
    /// SHA-256 of the canonical text.
    #[serde(with = "hex_hash")]
    pub sha256: Hash,
    /// What it is for.
    pub title: Words,
    /// Who will see the release.
    pub release_model: ReleaseModel,
    /// The laws and standards that it rests on.
    pub basis: Vec<String>,
    /// What its privacy asks, as it is written there.
    pub requirements: Vec<String>,
    /// What happens to what no rule matches.
    pub unmatched: Unmatched,
}

/// Whether the release is what the plan asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that the plan asks holds in every table that was measured.
    Met,
    /// Something does not.
    Breached,
    /// The plan asks nothing.
    NothingRequired,
    /// Nothing was measured.
    NotMeasured,
}

/// Privacy that noise costs a record: basic composition over its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Loss {
    /// Epsilon.
    pub epsilon: f64,
    /// Delta.
    pub delta: f64,
}

/// The roots in the receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Roots {
    /// Over the inputs.
    #[serde(with = "hex_hash")]
    pub input: Hash,
    /// Over the outputs.
    #[serde(with = "hex_hash")]
    pub output: Hash,
}

/// A sentence in both languages that is made at run time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Words {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// One file.
#[derive(Clone, Debug, Serialize)]
pub struct FileReport {
    /// The path inside the release.
    pub path: String,
    /// The format, such as `csv (utf-8, comma)`.
    pub format: String,
    /// Records read.
    pub records_in: u64,
    /// Records written.
    pub records_out: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// What happened to each column or path.
    pub items: Vec<Item>,
    /// Privacy that noise costs a record of this file; where values repeat in a record, as in FHIR, the one that has most of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// What a reader must know.
    pub warnings: Vec<Warning>,
    /// Risk and utility, for tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assessment: Option<Assessment>,
    /// The verdict on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
    /// The breaches in words.
    pub reasons: Vec<Words>,
    /// How the quasi-identifiers were generalised after the rules, and why so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<Generalised>,
}

/// The search for a generalisation.
#[derive(Clone, Debug, Serialize)]
pub struct Generalised {
    /// What was found, as it is in the receipt.
    #[serde(flatten)]
    pub found: Searched,
    /// How it compares.
    pub comparison: Comparison,
    /// Why it won, in words.
    pub why: Vec<Words>,
}

/// One column, or what one rule did.
#[derive(Clone, Debug, Serialize)]
pub struct Item {
    /// The column, or the path of the rule.
    pub place: String,
    /// What it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// How sure that is, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
    /// How it was recognised.
    pub recognised: Vec<Words>,
    /// The rule's number from 1; none for what no rule matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// The action, or `drop`.
    pub action: String,
    /// Its parameters.
    pub parameters: Value,
    /// The clause that asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What happened to the values.
    #[serde(flatten)]
    pub counts: Counts,
    /// Privacy that noise costs each value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
}

/// What one rule did, for formats without columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCounts {
    /// The rule's place in the plan, from 0; none for what no rule matched.
    pub rule: Option<usize>,
    /// What happened.
    pub counts: Counts,
}

impl Report {
    /// A report on a run of `plan`.
    pub fn new(plan: &Plan, study: &str, files: Vec<FileReport>) -> Report {
        let plan = PlanSummary::new(plan);
        let worst = |part: fn(&Loss) -> f64| {
            files.iter().filter_map(|file| file.loss.as_ref()).map(part).fold(0.0, f64::max)
        };
        Report {
            format: FORMAT,
            engine: ENGINE,
            time: None,
            study: study.to_owned(),
            verdict: Verdict::of(&plan, &files),
            loss: Loss { epsilon: worst(|loss| loss.epsilon), delta: worst(|loss| loss.delta) },
            plan,
            receipt: None,
            files,
            linked: Vec::new(),
            earlier: None,
            reasons: Vec::new(),
        }
    }

    /// Adds what joining tables and earlier releases shows of patients. Where the plan says `linked = "report"` it is no reason to refuse.
    #[must_use]
    pub fn joined(mut self, linked: Vec<Joined>, earlier: Option<Earlier>, plan: &Plan) -> Report {
        let refuses = plan.privacy.as_ref().is_some_and(|privacy| privacy.linked == Linked::Refuse);
        let words = |joined: &Joined, over_releases| Words {
            en: joined.explain(Language::En, over_releases),
            zh: joined.explain(Language::Zh, over_releases),
        };
        if refuses {
            self.reasons
                .extend(linked.iter().filter(|joined| joined.breaches()).map(|joined| words(joined, false)));
        }
        // What releases add up to is the plan's own measure; `linked` speaks of tables.
        let over_releases =
            earlier.as_ref().map(|earlier| &earlier.joined).filter(|joined| joined.breaches());
        self.reasons.extend(over_releases.map(|joined| words(joined, true)));
        if !self.reasons.is_empty() {
            self.verdict = Verdict::Breached;
        }
        Report { linked, earlier, ..self }
    }

    /// Adds when the run was, as people should read it.
    #[must_use]
    pub fn at(self, time: impl Into<String>) -> Report {
        Report { time: Some(time.into()), ..self }
    }

    /// Adds the roots in the receipt.
    #[must_use]
    pub fn bound_to(self, input: Hash, output: Hash) -> Report {
        Report { receipt: Some(Roots { input, output }), ..self }
    }

    /// The text of `report.json`.
    pub fn to_json_text(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("a report has string keys and finite numbers only");
        text.push('\n');
        text
    }

    /// The text of `report.html`, first shown in that language.
    pub fn to_html(&self, first: Language) -> String {
        html::page(self, first)
    }
}

impl PlanSummary {
    fn new(plan: &Plan) -> PlanSummary {
        let head = &plan.head;
        let or_name = |title: &str| if title.is_empty() { head.name.clone() } else { title.to_owned() };
        let en = or_name(&head.title);
        let zh = if head.title_zh.is_empty() { en.clone() } else { head.title_zh.clone() };
        let mut requirements = Vec::new();
        if let Some(privacy) = &plan.privacy {
            requirements.extend(privacy.models.iter().cloned());
            requirements.extend(privacy.max_risk.map(|limit| format!("max-risk={limit}")));
            requirements.extend(privacy.suppression.map(|limit| format!("suppression={limit}")));
        }
        PlanSummary {
            name: head.name.clone(),
            version: head.version,
            sha256: plan.digest(),
            title: Words { en, zh },
            release_model: head.release_model,
            basis: head.basis.clone(),
            requirements,
            unmatched: head.unmatched,
        }
    }
}

impl Verdict {
    fn of(plan: &PlanSummary, files: &[FileReport]) -> Verdict {
        let mut evaluations = files.iter().filter_map(|file| file.evaluation.as_ref());
        let measured =
            files.iter().any(|file| file.assessment.as_ref().is_some_and(|found| found.after.is_some()));
        if evaluations.any(|evaluation| !evaluation.acceptable) {
            Verdict::Breached
        } else if plan.requirements.is_empty() {
            Verdict::NothingRequired
        } else if measured {
            Verdict::Met
        } else {
            Verdict::NotMeasured
        }
    }
}

impl FileReport {
    /// The report on a table.
    pub fn of_table(path: &str, plan: &Plan, outcome: &TableOutcome) -> FileReport {
        let items: Vec<Item> =
            outcome.columns.iter().map(|(column, counts)| Item::of_column(plan, column, *counts)).collect();
        let evaluation = evaluate(
            &outcome.assessment,
            plan.privacy.as_ref(),
            plan.head.release_model,
            outcome.search.as_ref(),
        );
        let loss = Loss::sum(items.iter().filter_map(|item| item.loss));
        FileReport {
            warnings: warning::of_table(plan, outcome),
            assessment: Some(outcome.assessment.clone()),
            reasons: evaluation.breaches.iter().map(Words::of_breach).collect(),
            evaluation: Some(evaluation),
            loss,
            search: outcome.search.as_ref().and_then(SearchResult::found).map(Generalised::new),
            ..FileReport::bare(path, &outcome.format, &outcome.input, &outcome.output, items)
        }
    }

    /// The report on a file of records without columns, such as FHIR: what each rule did.
    pub fn of_rules(
        path: &str,
        format: &str,
        plan: &Plan,
        (input, output): (&Side, &Side),
        rules: &[RuleCounts],
        loss: Option<Loss>,
    ) -> FileReport {
        let items: Vec<Item> = rules.iter().map(|done| Item::of_rule(plan, done)).collect();
        FileReport {
            warnings: warning::of_rules(&items),
            loss,
            ..FileReport::bare(path, format, input, output, items)
        }
    }

    /// The report on the patients of all FHIR files together.
    pub fn of_patients(plan: &Plan, patients: &Assessment) -> FileReport {
        let evaluation = evaluate(patients, plan.privacy.as_ref(), plan.head.release_model, None);
        FileReport {
            path: "Patient".to_owned(),
            format: "fhir r4".to_owned(),
            records_in: patients.records,
            records_out: patients.released,
            bytes_in: 0,
            bytes_out: 0,
            items: Vec::new(),
            loss: None,
            warnings: Vec::new(),
            assessment: Some(patients.clone()),
            reasons: evaluation.breaches.iter().map(Words::of_breach).collect(),
            evaluation: Some(evaluation),
            search: None,
        }
    }

    fn bare(path: &str, format: &str, input: &Side, output: &Side, items: Vec<Item>) -> FileReport {
        FileReport {
            path: path.to_owned(),
            format: format.to_owned(),
            records_in: input.records,
            records_out: output.records,
            bytes_in: input.bytes,
            bytes_out: output.bytes,
            items,
            loss: None,
            warnings: Vec::new(),
            assessment: None,
            evaluation: None,
            reasons: Vec::new(),
            search: None,
        }
    }
}

impl Item {
    fn of_column(plan: &Plan, column: &BoundColumn, counts: Counts) -> Item {
        let finding = &column.finding;
        let explain = |language| finding.evidence.iter().map(move |evidence| evidence.explain(language));
        Item {
            place: finding.name.clone(),
            kind: finding.kind,
            confidence: finding.kind.map(|_| finding.confidence),
            recognised: explain(Language::En)
                .zip(explain(Language::Zh))
                .map(|(en, zh)| Words { en, zh })
                .collect(),
            action: column.action().to_owned(),
            ..Item::of_rule(plan, &RuleCounts { rule: column.rule, counts })
        }
    }

    fn of_rule(plan: &Plan, done: &RuleCounts) -> Item {
        let rule = done.rule.and_then(|rule| plan.rules.get(rule));
        let parameters = rule.map_or(Value::Null, |rule| rule.action.parameters());
        let otherwise = match plan.head.unmatched {
            Unmatched::Drop => "drop",
            Unmatched::Keep => "keep",
        };
        Item {
            place: rule.map_or_else(|| "*".to_owned(), |rule| rule.matcher.to_string()),
            kind: None,
            confidence: None,
            recognised: Vec::new(),
            rule: done.rule.map(|rule| rule + 1),
            action: rule.map_or(otherwise, |rule| rule.action.method().name).to_owned(),
            loss: Loss::of_parameters(&parameters),
            parameters,
            source: rule.and_then(|rule| rule.source.clone()),
            counts: done.counts,
        }
    }
}

impl Loss {
    /// What a value costs under an action with these parameters; none where it has no epsilon.
    pub fn of_parameters(parameters: &Value) -> Option<Loss> {
        let epsilon = parameters.get("epsilon")?.as_f64()?;
        let delta = parameters.get("delta").and_then(Value::as_f64).unwrap_or(0.0);
        Some(Loss { epsilon, delta })
    }

    /// What a record of a release has cost, as its receipt and its plan tell: the most of all its tables.
    pub fn of_receipt(receipt: &Receipt, plan: &Plan) -> Loss {
        let of_rule = |done: &RuleReceipt| {
            let rule = plan.rules.get(done.rule?.checked_sub(1)?)?;
            Loss::of_parameters(&rule.action.parameters())
        };
        // Where values repeat in a record, as in FHIR, a receipt does not tell how often.
        let tables = receipt.files.iter().filter(|file| !file.format.starts_with("fhir"));
        let losses = tables.filter_map(|file| Loss::sum(file.rules.iter().filter_map(of_rule)));
        losses.fold(Loss::default(), |most, loss| Loss {
            epsilon: most.epsilon.max(loss.epsilon),
            delta: most.delta.max(loss.delta),
        })
    }

    /// In millionths of epsilon, and of delta in units of `10^-12`; none where that does not fit.
    pub fn exactly(self) -> Option<(u64, u64)> {
        let spend = Spend::new(self.epsilon, self.delta).ok()?;
        Some((spend.epsilon_micros(), spend.delta_picos()))
    }

    /// Of so many millionths of epsilon, and so many `10^-12` of delta.
    pub fn of((epsilon, delta): (u64, u64)) -> Loss {
        Loss { epsilon: epsilon as f64 / 1e6, delta: delta as f64 / 1e12 }
    }

    /// What they cost together, added up exactly in millionths; none where nothing costs.
    pub fn sum(losses: impl Iterator<Item = Loss>) -> Option<Loss> {
        let mut total: Option<Spend> = None;
        for loss in losses {
            let spend = Spend::new(loss.epsilon, loss.delta).ok()?;
            total = Some(total.unwrap_or(Spend::ZERO).checked_add(spend)?);
        }
        total.map(|spend| Loss::of((spend.epsilon_micros(), spend.delta_picos())))
    }
}

impl Words {
    /// The sentence in a language.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }

    fn of_breach(breach: &Breach) -> Words {
        Words { en: breach.explain(Language::En), zh: breach.explain(Language::Zh) }
    }
}

impl From<Text> for Words {
    fn from(text: Text) -> Words {
        Words { en: text.en.to_owned(), zh: text.zh.to_owned() }
    }
}

#[cfg(test)]
pub(crate) mod tests;
