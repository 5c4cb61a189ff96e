//! From a challenge and what was opened to a verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use medveil_deid::kind::Class;
use medveil_deid::plan::Plan;
use medveil_ledger::state::challenge::{Challenge, Verdict, row};
use medveil_ledger::state::contract::Contract;
use medveil_ledger::state::dataset::Dataset as Registered;
use medveil_ledger::state::release::Release;
use medveil_ledger::state::request::{Request, RequestStatus, Subject};
use medveil_ledger::{AccountId, ChallengeId, Digest, Versioned};
use medveil_vault::committee::OneTimeSecret;

use super::compare::{Labels, Three, compare, headers_agree};
use super::context::{Context, Row, header_holds, sides};
use super::rerun::{Again, Opened, again, looks_at_table};
use super::{AuditError, Checked, Fault, Finding, Judgement, MAX_FINDINGS, Soundness, Unproven};
use crate::cohort::{Rule, prefetch, takes_everyone};
use crate::keys::{ReleaseKeys, suite};
use crate::layout::{Layout, SchemaFile};
use crate::ledger::{LedgerError, Reader, at, latest, version};
use crate::openings::{Fate, OpenedFile, OpenedRow, Openings, digest};
use crate::plans::by_record;
use crate::run::Purpose;
use crate::source::{place, root};

/// Rows, by their file and number.
type Places = BTreeSet<(usize, u64)>;

/// The verdicts, the gravest first: where several things are wrong, the first of these is given.
const GRAVEST: [Verdict; 7] = [
    Verdict::NoConsent,
    Verdict::UnmaskedField,
    Verdict::InventedRows,
    Verdict::DroppedRows,
    Verdict::OtherPlan,
    Verdict::AlteredValue,
    Verdict::ForeignNoise,
];

/// Rows of a column that must all be wrong before it is another plan that was run, not values that were changed.
const A_RULE: u64 = 5;

/// Judges an answered challenge: opens `sealed` with the secret of the challenge's key, runs the contract's plan on the rows and compares. `scratch` is a folder that only the
/// auditor reads; nothing is left in it.
///
/// # Errors
/// [`AuditError`] when there is nothing to judge. What is wrong with an answer is a finding, not an error.
pub fn judge(
    ledger: &dyn Reader,
    id: ChallengeId,
    sealed: &[u8],
    secret: &OneTimeSecret,
    scratch: &Path,
) -> Result<Judgement, AuditError> {
    let case = Case::of(ledger, id)?;
    if Some(digest(sealed)) != case.challenge.answer {
        return Err(AuditError::NotTheAnswer);
    }
    if secret.key().0 != case.challenge.reader.0 {
        return Err(AuditError::OtherSecret);
    }
    let mut audit = Audit { ledger, case: &case, findings: BTreeSet::new(), checked: Checked::default() };
    let mut unproven = Vec::new();
    match Openings::open(sealed, id, secret) {
        Err(_) => audit.find(Verdict::DroppedRows, Fault::Unreadable, None, None, None),
        Ok(openings) => {
            audit.check(&openings, scratch)?;
            let columns = |(file, columns): &(String, Vec<String>)| {
                columns
                    .iter()
                    .map(|column| Unproven { file: file.clone(), column: column.clone() })
                    .collect::<Vec<_>>()
            };
            unproven = openings.generalised.iter().flat_map(columns).collect();
        }
    }
    Ok(audit.conclude(id, unproven))
}

/// What the ledger says of a challenge.
struct Case {
    challenge: Challenge,
    posted: Versioned<Release>,
    request: Request,
    contract: Contract,
    source: Registered,
}

impl Case {
    fn of(ledger: &dyn Reader, id: ChallengeId) -> Result<Self, AuditError> {
        let unknown = || AuditError::Unknown(id);
        let challenge = latest::<Challenge>(ledger, &id)?.ok_or_else(unknown)?.value;
        if challenge.answer.is_none() {
            return Err(AuditError::Unanswered { due: challenge.due });
        }
        let posted =
            version::<Release>(ledger, &challenge.release, challenge.version)?.ok_or_else(unknown)?;
        let (of, then) = (&posted.value, posted.height);
        let request = at::<Request>(ledger, &of.request, then)?.ok_or_else(unknown)?.value;
        let contract = at::<Contract>(ledger, &request.ask.contract, then)?.ok_or_else(unknown)?.value;
        let source = version::<Registered>(ledger, &of.dataset, of.figures.dataset_version)?;
        let source = source.ok_or_else(unknown)?.value;
        Ok(Case { challenge, posted, request, contract, source })
    }
}

/// Records of all files together: what was opened may say anything.
fn all_records(files: &[OpenedFile]) -> u128 {
    files.iter().map(|file| u128::from(file.records)).sum()
}

/// Whether all columns that are said to have been made coarser for the table as a whole are such as a search of the plan makes coarser: its quasi-identifiers.
fn are_coarser(plan: &Plan, generalised: &[(String, Vec<String>)], schema: &[SchemaFile]) -> bool {
    let named =
        plan.privacy.as_ref().map(|privacy| &privacy.quasi_identifiers).filter(|named| !named.is_empty());
    generalised.iter().all(|(file, columns)| {
        let Some(kinds) = schema.iter().find(|schema| schema.path == *file).map(SchemaFile::kinds) else {
            return false;
        };
        let is_quasi = |column: &String| match named {
            Some(named) => named.contains(column),
            None => kinds
                .get(column)
                .copied()
                .flatten()
                .is_some_and(|kind| kind.class() == Class::QuasiIdentifier),
        };
        looks_at_table(plan) && columns.iter().all(is_quasi)
    })
}

struct Audit<'a> {
    ledger: &'a dyn Reader,
    case: &'a Case,
    findings: BTreeSet<Finding>,
    checked: Checked,
}

impl Audit<'_> {
    fn find(
        &mut self,
        verdict: Verdict,
        fault: Fault,
        file: Option<&str>,
        row: Option<u64>,
        column: Option<String>,
    ) {
        self.findings.insert(Finding { verdict, fault, file: file.map(str::to_owned), row, column });
    }

    fn check(&mut self, openings: &Openings, scratch: &Path) -> Result<(), AuditError> {
        let Some(context) = self.context(openings) else { return Ok(()) };
        let rows = self.rows(&context);
        self.check_order(&context, &rows);
        self.check_ties(&context, &rows);
        self.check_suppression(&context);
        let (may, must) = self.admitted(&context, &rows)?;
        let made = self.run_again(&context, &rows, &may, scratch)?;
        self.check_fates(&context, &rows, (&may, &must), &made);
        Ok(())
    }

    /// What was opened beside the rows, against the ledger. None where rows could not be looked at with it.
    fn context<'a>(&mut self, openings: &'a Openings) -> Option<Context<'a>> {
        let (challenge, figures) = (&self.case.challenge, &self.case.posted.value.figures);
        let mut wrong = Vec::new();
        if openings.release != challenge.release {
            wrong.push((Verdict::DroppedRows, Fault::Unopened));
        }
        let plan = Plan::from_json(&openings.plan).ok();
        let plan = plan.filter(|plan| {
            plan.digest() == figures.plan.0 && plan.digest() == self.case.contract.terms.plan.0
        });
        if plan.is_none() {
            wrong.push((Verdict::OtherPlan, Fault::Plan));
        }
        let keys = ReleaseKeys { key: openings.key, seed: openings.seed };
        let print = &self.case.source.fingerprint;
        let source_suite = suite(print.suite);
        let schema = SchemaFile::parse(&openings.schema).unwrap_or_default();
        let layouts: Vec<Layout> = schema.iter().filter_map(SchemaFile::layout).collect();
        let as_registered = Digest::of("medveil/schema/1", &[openings.schema.as_bytes()]) == print.schema
            && layouts.len() == schema.len()
            && openings.source.len() == schema.len()
            && openings.source.iter().zip(&schema).all(|(file, schema)| file.path == schema.path)
            && root(source_suite, sides(&openings.source)) == print.root.0
            && all_records(&openings.source) == u128::from(print.count)
            && openings
                .source
                .iter()
                .zip(&layouts)
                .all(|(file, layout)| header_holds(source_suite, file, *layout));
        if !as_registered {
            wrong.push((Verdict::AlteredValue, Fault::Source));
        }
        if let Some(plan) = &plan {
            let suite = plan.head.suite;
            if keys.commitment(challenge.release, suite) != figures.seed {
                wrong.push((Verdict::ForeignNoise, Fault::Commitment));
            }
            let known = |file: &OpenedFile| {
                let at = openings.source.iter().position(|source| source.path == file.path);
                at.and_then(|at| layouts.get(at)).is_some_and(|layout| header_holds(suite, file, *layout))
            };
            let as_posted = root(suite, sides(&openings.output)) == figures.root.0
                && all_records(&openings.output) == u128::from(figures.records)
                && openings.output.windows(2).all(|pair| pair[0].path < pair[1].path)
                && openings.output.iter().all(known);
            if !as_posted {
                wrong.push((Verdict::AlteredValue, Fault::Output));
            }
        }
        if plan.as_ref().is_some_and(|plan| !are_coarser(plan, &openings.generalised, &schema)) {
            wrong.push((Verdict::OtherPlan, Fault::Header));
        }
        let rows = challenge.rows as usize;
        if openings.rows.len() != rows || openings.made_of.len() != rows {
            wrong.push((Verdict::DroppedRows, Fault::Unopened));
        }
        for (verdict, fault) in &wrong {
            self.find(*verdict, *fault, None, None, None);
        }
        let plan = plan.filter(|_| wrong.is_empty())?;
        Some(Context { openings, plan, keys, schema, layouts, source_suite })
    }

    /// The rows that were drawn and are in the source; each once.
    fn rows<'a>(&mut self, context: &Context<'a>) -> BTreeMap<(usize, u64), Row<'a>> {
        let (openings, figures) = (context.openings, &self.case.posted.value.figures);
        let (seed, count) = (self.case.challenge.seed, self.case.source.fingerprint.count);
        let mut rows = BTreeMap::new();
        for (number, opened) in (0..).zip(&openings.rows) {
            let drawn = row(&seed, number, count);
            match context.proven(opened).filter(|row| row.opened.row == drawn) {
                Some(row) => drop(rows.insert((row.file, row.record), row)),
                None if opened.row == drawn => {
                    self.find(Verdict::AlteredValue, Fault::Raw, None, Some(drawn), None);
                }
                None => self.find(Verdict::DroppedRows, Fault::Unopened, None, Some(drawn), None),
            }
        }
        for (number, opened) in (0..).zip(&openings.made_of) {
            let drawn = row(&seed, number, figures.records);
            let name = place(drawn, openings.output.iter().map(|file| file.records))
                .map(|(file, _)| openings.output[file].path.as_str());
            let at_place =
                |opened: &&OpenedRow| matches!(opened.fate, Fate::Released { place, .. } if place == drawn);
            match opened.as_ref().filter(at_place).and_then(|opened| context.proven(opened)) {
                Some(row) => {
                    if let Some(before) = rows.get(&(row.file, row.record))
                        && before.opened.fate != row.opened.fate
                    {
                        self.find(Verdict::InventedRows, Fault::NoSource, name, Some(row.opened.row), None);
                    }
                    rows.insert((row.file, row.record), row);
                }
                None => self.find(Verdict::InventedRows, Fault::NoSource, name, None, None),
            }
        }
        self.checked.rows = rows.len() as u64;
        rows
    }

    /// Records of a release stand in the order of the source, one for each row.
    fn check_order(&mut self, context: &Context<'_>, rows: &BTreeMap<(usize, u64), Row<'_>>) {
        let mut last: Option<u64> = None;
        for row in rows.values() {
            let Fate::Released { place, .. } = row.opened.fate else { continue };
            if last.is_some_and(|last| last >= place) {
                let name = &context.schema[row.file].path;
                self.find(Verdict::InventedRows, Fault::NoSource, Some(name), Some(row.opened.row), None);
            }
            last = Some(place);
        }
    }

    /// One patient, one handle.
    fn check_ties(&mut self, context: &Context<'_>, rows: &BTreeMap<(usize, u64), Row<'_>>) {
        let mut handle_of: BTreeMap<String, Option<(AccountId, Digest)>> = BTreeMap::new();
        let mut patient_of: BTreeMap<AccountId, String> = BTreeMap::new();
        for row in rows.values() {
            let tie = row.opened.tie;
            let Some(patient) = context.patient(row) else {
                // What is nobody's has nobody's handle.
                if tie.is_some() {
                    let name = &context.schema[row.file].path;
                    self.find(Verdict::NoConsent, Fault::Tie, Some(name), Some(row.opened.row), None);
                }
                continue;
            };
            let mut same = *handle_of.entry(patient.clone()).or_insert(tie) == tie;
            if let Some((handle, _)) = tie {
                same &= *patient_of.entry(handle).or_insert_with(|| patient.clone()) == patient;
            }
            if !same {
                let name = &context.schema[row.file].path;
                self.find(Verdict::NoConsent, Fault::Tie, Some(name), Some(row.opened.row), None);
            }
        }
    }

    /// How many records may be suppressed at all.
    fn check_suppression(&mut self, context: &Context<'_>) {
        let figures = &self.case.posted.value.figures;
        let drops = context.plan.rules.iter().any(|rule| rule.action.method().name == "drop-row");
        let privacy = context.plan.privacy.as_ref();
        let share = match looks_at_table(&context.plan) {
            true => privacy.and_then(|privacy| privacy.suppression).unwrap_or(0.0),
            false => 0.0,
        };
        let given = figures.records as f64 + figures.suppressed as f64;
        if !drops && figures.suppressed as f64 > (share * given).floor() {
            self.find(Verdict::DroppedRows, Fault::Suppressed, None, None, None);
        }
    }

    /// The rows whose patients may be in the release by the ledger's rule, and those whose have to be. A later version of a release need not take patients who were in none before
    /// (REL-5 lets them in only when they are many).
    fn admitted(
        &self,
        context: &Context<'_>,
        rows: &BTreeMap<(usize, u64), Row<'_>>,
    ) -> Result<(Places, Places), LedgerError> {
        let posted = &self.case.posted;
        let may = self.admitted_at(context, rows, posted.value.figures.cohort_at)?;
        let mut must = may.clone();
        for number in 1..posted.version {
            let earlier = version::<Release>(self.ledger, &self.case.challenge.release, number)?;
            let Some(earlier) = earlier else { continue };
            let then = self.admitted_at(context, rows, earlier.value.figures.cohort_at)?;
            must.retain(|at| then.contains(at));
        }
        Ok((may, must))
    }

    /// The rows whose patients are in the cohort as of a height.
    fn admitted_at(
        &self,
        context: &Context<'_>,
        rows: &BTreeMap<(usize, u64), Row<'_>>,
        height: u64,
    ) -> Result<BTreeSet<(usize, u64)>, LedgerError> {
        let Case { request, contract, source, .. } = self.case;
        let RequestStatus::Granted(obligations) = &request.status else { return Ok(BTreeSet::new()) };
        let rule = Rule {
            request,
            terms: &contract.terms,
            obligations,
            owner: source.organisation,
            height,
            time_ms: self.ledger.time_ms(height)?,
        };
        let handles = rows.values().filter_map(|row| row.opened.tie).map(|(handle, _)| handle);
        let prefetched = prefetch(self.ledger, handles)?;
        let mut known: BTreeMap<Option<(AccountId, Digest)>, bool> = BTreeMap::new();
        let mut admitted = BTreeSet::new();
        let everyone = takes_everyone(request, &contract.terms);
        for (at, row) in rows {
            if !everyone && context.patient(row).is_none() {
                continue;
            }
            let tie = row.opened.tie;
            let in_it = match known.get(&tie) {
                Some(known) => *known,
                None => {
                    let asked = match request.ask.subject {
                        Subject::Cohort => true,
                        Subject::Patient { patient, .. } => tie.is_some_and(|(handle, _)| handle == patient),
                    };
                    let answer = asked && rule.admits(&prefetched, tie)?;
                    known.insert(tie, answer);
                    answer
                }
            };
            if in_it {
                admitted.insert(*at);
            }
        }
        Ok(admitted)
    }

    /// What the plan makes of the rows that are in the release.
    fn run_again(
        &mut self,
        context: &Context<'_>,
        rows: &BTreeMap<(usize, u64), Row<'_>>,
        admitted: &BTreeSet<(usize, u64)>,
        scratch: &Path,
    ) -> Result<BTreeMap<usize, Again>, AuditError> {
        let plan = by_record(&context.plan);
        let purpose = Purpose {
            release: self.case.challenge.release,
            version: self.case.challenge.version,
            plan: &plan,
            keys: &context.keys,
        };
        let mut made = BTreeMap::new();
        for (file, schema) in context.schema.iter().enumerate() {
            let of_file = admitted.iter().filter(|(of, _)| *of == file);
            let records: BTreeMap<u64, &[u8]> =
                of_file.map(|at| (at.1, rows[at].opened.raw.record.as_slice())).collect();
            if records.is_empty() {
                continue;
            }
            self.checked.run_again += records.len() as u64;
            let is_released =
                |record: &u64| matches!(rows[&(file, *record)].opened.fate, Fate::Released { .. });
            let opened = Opened {
                file: &context.openings.source[file],
                schema,
                layout: context.layouts[file],
                released: records.keys().copied().filter(is_released).collect(),
                records,
            };
            match again(&opened, &purpose, scratch) {
                Ok(again) => drop(made.insert(file, again)),
                Err(reason) => {
                    // What fails on these rows failed on all of them: something else was run.
                    tracing::warn!(file = %schema.path, "the plan fails on opened rows: {reason}");
                    self.find(Verdict::OtherPlan, Fault::PlanFails, Some(&schema.path), None, None);
                }
            }
        }
        Ok(made)
    }

    /// Each row went where it had to go, and is there what it has to be.
    fn check_fates(
        &mut self,
        context: &Context<'_>,
        rows: &BTreeMap<(usize, u64), Row<'_>>,
        (may, must): (&Places, &Places),
        made: &BTreeMap<usize, Again>,
    ) {
        for (file, schema) in context.schema.iter().enumerate() {
            let name = schema.path.as_str();
            let output = context.openings.output.iter().find(|output| output.path == name);
            let again = made.get(&file);
            let columns = context.columns(file, again);
            let layout = context.layouts[file];
            if let (Some(output), Some(again)) = (output, again) {
                let released = output.header.as_ref().map(|header| header.record.as_slice());
                if !headers_agree(layout, again.header.as_deref(), released, columns.generalised) {
                    self.find(Verdict::OtherPlan, Fault::Header, Some(name), None, None);
                    continue;
                }
            }
            if again.is_some_and(|again| again.epsilon > self.case.posted.value.figures.epsilon) {
                self.find(Verdict::OtherPlan, Fault::Loss, Some(name), None, None);
            }
            let (mut labels, mut compared) = (Labels::new(), 0);
            let mut altered: BTreeMap<Option<String>, Vec<Finding>> = BTreeMap::new();
            for (at, row) in rows.range((file, 0)..(file + 1, 0)) {
                let number = Some(row.opened.row);
                if !may.contains(at) {
                    match row.opened.fate {
                        Fate::Outside | Fate::Dropped => self.checked.outside += 1,
                        Fate::Released { .. } => {
                            self.find(Verdict::NoConsent, Fault::Consent, Some(name), number, None);
                        }
                    }
                    continue;
                }
                let Some(again) = again else { continue };
                let expected = again.records.get(&row.record).and_then(Option::as_ref);
                match (&row.opened.fate, expected) {
                    (Fate::Outside, _) if !must.contains(at) => self.checked.outside += 1,
                    (Fate::Outside | Fate::Dropped, None) => self.checked.dropped += 1,
                    // A search suppresses records of tables.
                    (Fate::Dropped, Some(_)) if looks_at_table(&context.plan) && !layout.is_fhir() => {
                        self.checked.suppressed += 1;
                    }
                    (Fate::Outside | Fate::Dropped, Some(_)) => {
                        self.find(Verdict::DroppedRows, Fault::LeftOut, Some(name), number, None);
                    }
                    (Fate::Released { .. }, None) => {
                        self.find(Verdict::OtherPlan, Fault::NotDropped, Some(name), number, None);
                    }
                    (Fate::Released { place, released }, Some(expected)) => {
                        if !context.is_released(name, *place, released) {
                            self.find(Verdict::DroppedRows, Fault::Place, Some(name), number, None);
                            continue;
                        }
                        compared += 1;
                        let three =
                            Three { raw: &row.opened.raw.record, expected, released: &released.record };
                        for difference in compare(&context.plan, layout, &columns, &three, &mut labels) {
                            let finding = Finding {
                                verdict: difference.verdict,
                                fault: difference.fault,
                                file: Some(name.to_owned()),
                                row: number,
                                column: difference.column.clone(),
                            };
                            altered.entry(difference.column).or_default().push(finding);
                        }
                    }
                }
            }
            for mut findings in altered.into_values() {
                let changed = |finding: &Finding| {
                    finding.verdict == Verdict::AlteredValue && finding.fault == Fault::Value
                };
                // Every value of a column: a rule, not an edit.
                if compared >= A_RULE && findings.len() as u64 == compared && findings.iter().all(changed) {
                    findings.iter_mut().for_each(|finding| finding.verdict = Verdict::OtherPlan);
                }
                self.findings.extend(findings);
            }
        }
        if self.checked.suppressed > self.case.posted.value.figures.suppressed {
            self.find(Verdict::DroppedRows, Fault::Suppressed, None, None, None);
        }
    }

    fn conclude(self, id: ChallengeId, unproven: Vec<Unproven>) -> Judgement {
        let rank = |verdict: Verdict| GRAVEST.iter().position(|other| *other == verdict);
        let mut findings: Vec<Finding> = self.findings.into_iter().collect();
        findings.sort_by_key(|finding| rank(finding.verdict));
        findings.truncate(MAX_FINDINGS);
        let Challenge { release, version, rows, .. } = self.case.challenge;
        Judgement {
            challenge: id,
            release,
            version,
            verdict: findings.first().map_or(Verdict::Passed, |finding| finding.verdict),
            findings,
            checked: self.checked,
            soundness: Soundness { rows },
            unproven,
        }
    }
}
