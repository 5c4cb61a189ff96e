//! The search inside a run: what the rules release of a table is generalised, column by column, until it satisfies the plan's models.
//!
//! ```text
//!   pass 1: rules -> survey (distinct values and tuples) -> hierarchies -> search
//!   pass 2: rules -> levels that were found -> output; records of suppressed classes are dropped
//! ```
//!
//! The outcome is a function of the table, the plan, the key and the seed: the optimum is unique (ties are settled by the levels), and nothing else
//! enters. What is released at level 0 is what the rules released, to the byte.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::bind::Binding;
use super::error::{TableError, Trouble};
use super::execute::{NewColumn, Rows, Transformed, Value};
use super::job::Job;
use super::recode::ranks;
use super::survey::{Focus, Survey};
use crate::action::Effect;
use crate::assess::measured_in_one_pass;
use crate::hierarchy::{BuildError, Hierarchy, draft};
use crate::metric::Metric;
use crate::model::{Distance, Model, ModelKind};
use crate::plan::{Plan, Privacy};
use crate::search::{
    Attribute, Comparison, Counter, Effort, Outcome, Problem, ProblemError, Recoding, SearchResult, Searched,
    SearchedColumn, SearchedModel, Sensitive, Solution, Step, neighbours_of, solve,
};

/// How a table is generalised after its rules.
#[derive(Debug)]
pub struct Generalisation {
    /// The quasi-identifiers that are released.
    columns: Vec<usize>,
    levels: Vec<u8>,
    /// None where nothing changes.
    recoding: Option<Recoding>,
    result: SearchResult,
}

/// Transformations that are searched at most: a plan whose lattice is larger names too many fine columns.
const MOST_NODES: u64 = 100_000_000;

/// The models of a plan, each with its words there.
type Asked = Vec<(String, Model)>;

/// What a plan asks to look at; none where there is nothing to search or to measure.
pub(super) fn focus(plan: &Plan, binding: &Binding) -> Option<Focus> {
    let privacy = plan.privacy.as_ref().filter(|privacy| privacy.asks())?;
    let models = asked(privacy)?;
    if !privacy.searches() && models.iter().all(|(_, model)| measured_in_one_pass(model)) {
        return None;
    }
    let released = |c: &&usize| binding.columns[**c].released();
    let quasi_identifiers: Vec<usize> = binding.quasi_identifiers.iter().filter(released).copied().collect();
    let about = |c: &&usize| {
        let name = &binding.columns[**c].finding.name;
        models
            .iter()
            .any(|(_, model)| model.is_sensitive() && model.attribute.as_ref().is_none_or(|a| a == name))
    };
    let sensitive = binding.sensitive.iter().filter(released).filter(about).copied().collect();
    (!quasi_identifiers.is_empty()).then_some(Focus { quasi_identifiers, sensitive })
}

/// The models of a plan; none if one of them cannot be read, which the gate then says.
fn asked(privacy: &Privacy) -> Option<Asked> {
    let mut models: Asked =
        privacy.models.iter().map(|text| Some((text.clone(), text.parse().ok()?))).collect::<Option<_>>()?;
    let limit =
        privacy.max_risk.map(|limit| (format!("max-risk={limit}"), Model::new(ModelKind::MaxRisk(limit))));
    models.extend(limit);
    Some(models)
}

impl Generalisation {
    /// Searches for the best generalisation of a table that was surveyed.
    ///
    /// # Errors
    /// A hierarchy that cannot be made, with the place of the value; or an interruption. That nothing satisfies the models is no error.
    pub(super) fn search(
        plan: &Plan,
        binding: &Binding,
        focus: &Focus,
        survey: &Survey,
        folder: Option<&Path>,
        job: &Job<'_>,
    ) -> Result<Option<Generalisation>, TableError> {
        let Some(privacy) = plan.privacy.as_ref().filter(|_| survey.kept > 0) else { return Ok(None) };
        let Some(models) = asked(privacy) else { return Ok(None) };
        let table = Table::new(privacy, models, binding, focus, survey, folder)?;
        let (result, levels, recoding) = match table.decide(job)? {
            Ok((searched, levels, recoding)) => (SearchResult::Found(Box::new(searched)), levels, recoding),
            Err(result) => (result, vec![0; focus.quasi_identifiers.len()], None),
        };
        Ok(Some(Generalisation { columns: focus.quasi_identifiers.clone(), levels, recoding, result }))
    }

    /// Notes the levels of the columns.
    pub(super) fn mark(&self, binding: &mut Binding) {
        for (c, level) in self.columns.iter().zip(&self.levels) {
            binding.columns[*c].level = *level;
        }
    }

    /// What came of the search.
    pub fn result(&self) -> &SearchResult {
        &self.result
    }

    pub(super) fn into_result(self) -> SearchResult {
        self.result
    }

    /// Generalises a block after its actions, and drops the records of suppressed classes. `first_row` is the row of its first record in error
    /// messages.
    pub(super) fn apply(
        &self,
        binding: &Binding,
        rows: &impl Rows,
        done: &mut Transformed,
        first_row: u64,
    ) -> Result<(), TableError> {
        let Some(recoding) = &self.recoding else { return Ok(()) };
        let (n, q) = (rows.rows(), self.columns.len());
        let mut codes = vec![0_u32; n * q];
        for (i, c) in self.columns.iter().enumerate() {
            // Neighbouring records often agree.
            let mut last: Option<(&str, u32)> = None;
            for r in (0..n).filter(|r| !done.dropped[*r]) {
                let text = done.released(binding, rows, r, *c);
                let code = match last {
                    Some((known, code)) if known == text => code,
                    _ => recoding
                        .code(i, text)
                        .ok_or_else(|| TableError::at_row(first_row + r as u64, Trouble::Changed))?,
                };
                last = Some((text, code));
                codes[r * q + i] = code;
            }
        }
        for r in 0..n {
            if !done.dropped[r] {
                done.dropped[r] = recoding.levels(&codes[r * q..(r + 1) * q]).is_none();
            }
        }
        for (i, (c, level)) in self.columns.iter().zip(&self.levels).enumerate().filter(|(_, (_, l))| **l > 0)
        {
            let mut new = NewColumn::with_capacity(n);
            let counts = &mut done.counts[*c];
            let old = done.columns[*c].as_ref();
            for r in 0..n {
                let before = old.map_or(Value::Kept, |old| old.get(r));
                if done.dropped[r] {
                    new.push(Effect::Removed, "");
                    continue;
                }
                let label = recoding.label(i, *level, codes[r * q + i]);
                let text = match before {
                    Value::Kept => rows.text(r, *c),
                    Value::Removed => "",
                    Value::New(text) => text,
                };
                if label != text && matches!(before, Value::Kept) && !(text.is_empty() && old.is_some()) {
                    counts.kept -= 1;
                    counts.changed += 1;
                }
                match (label.is_empty(), label == text, before) {
                    (_, true, Value::Kept) => new.push(Effect::Kept, ""),
                    (true, _, _) => new.push(Effect::Removed, ""),
                    _ => new.push(Effect::Replaced, label),
                }
            }
            done.columns[*c] = Some(new);
        }
        Ok(())
    }
}

/// A surveyed table, and what is asked of it.
struct Table<'a> {
    privacy: &'a Privacy,
    models: Asked,
    without_attribute: Vec<String>,
    binding: &'a Binding,
    focus: &'a Focus,
    survey: &'a Survey,
    folder: Option<&'a Path>,
    sensitive: Vec<Sensitive>,
    /// By sensitive attribute, from the survey's codes to those of the problem.
    sensitive_codes: Vec<Vec<u32>>,
    /// Records that may be suppressed.
    allowed: u64,
}

/// Hierarchies of the quasi-identifiers.
struct Hierarchies {
    attributes: Vec<Attribute>,
    /// The names of what made them.
    makers: Vec<&'static str>,
    /// By attribute, from the survey's codes to those of the hierarchy.
    codes: Vec<Vec<u32>>,
}

/// The best transformation with its levels and how to apply it, or why there is none.
type Decision = Result<(Searched, Vec<u8>, Option<Recoding>), SearchResult>;

impl<'a> Table<'a> {
    fn new(
        privacy: &'a Privacy,
        models: Asked,
        binding: &'a Binding,
        focus: &'a Focus,
        survey: &'a Survey,
        folder: Option<&'a Path>,
    ) -> Result<Table<'a>, TableError> {
        let name = |c: &usize| &binding.columns[*c].finding.name;
        // What is not released cannot be learnt.
        let (models, without): (Asked, Asked) = models.into_iter().partition(|(_, model)| {
            let about = |c: &usize| model.attribute.as_ref().is_none_or(|attribute| attribute == name(c));
            !model.is_sensitive() || focus.sensitive.iter().any(about)
        });
        let limit = (privacy.suppression.unwrap_or(0.0) * survey.records as f64).floor() as u64;
        let mut table = Table {
            privacy,
            models,
            without_attribute: without.into_iter().map(|(text, _)| text).collect(),
            binding,
            focus,
            survey,
            folder,
            sensitive: Vec::new(),
            sensitive_codes: Vec::new(),
            allowed: limit.saturating_sub(survey.records - survey.kept),
        };
        for (i, c) in focus.sensitive.iter().enumerate() {
            let (sensitive, codes) = table.sensitive_attribute(focus.quasi_identifiers.len() + i, *c)?;
            table.sensitive.push(sensitive);
            table.sensitive_codes.push(codes);
        }
        Ok(table)
    }

    /// A sensitive attribute with its values in their order, and their codes.
    fn sensitive_attribute(&self, at: usize, column: usize) -> Result<(Sensitive, Vec<u32>), TableError> {
        let values = self.survey.values[at].values();
        let finding = &self.binding.columns[column].finding;
        let order = ranks(values.iter().zip(0..).map(|(value, code)| ((*value).to_owned(), code)).collect());
        let by_tree = |(_, model): &(String, Model)| match &model.kind {
            ModelKind::TCloseness(closeness) => {
                closeness.distance() == Distance::Hierarchical
                    && model.attribute.as_ref().is_none_or(|attribute| *attribute == finding.name)
            }
            _ => false,
        };
        let given = self.privacy.hierarchies.get(&finding.name).cloned();
        let drafted = || self.models.iter().any(by_tree).then(|| draft(finding.kind, &values));
        let Some(spec) = given.or_else(drafted) else {
            let sensitive = Sensitive { name: finding.name.clone(), values: values.len(), hierarchy: None };
            return Ok((sensitive, order));
        };
        // Rows of a hierarchy are the order of values, too.
        let mut ordered = vec![""; values.len()];
        for (code, rank) in order.iter().enumerate() {
            ordered[*rank as usize] = values[code];
        }
        let place = |error: BuildError| {
            let row = value_of(&error).and_then(|number| {
                order
                    .iter()
                    .position(|rank| *rank as usize == number - 1)
                    .map(|code| self.survey.values[at].rows[code])
            });
            self.hierarchy_error(column, row, error)
        };
        let hierarchy = spec.build(&ordered, self.folder).map_err(place)?;
        let codes = codes_of(&hierarchy, &values);
        let sensitive = Sensitive {
            name: finding.name.clone(),
            values: hierarchy.values(),
            hierarchy: Some(Arc::new(hierarchy)),
        };
        Ok((sensitive, codes))
    }

    fn hierarchy_error(&self, column: usize, row: Option<u64>, error: BuildError) -> TableError {
        let (name, trouble) =
            (&self.binding.columns[column].finding.name, Trouble::Hierarchy(Box::new(error)));
        match row {
            Some(row) => TableError::at_cell(row, column + 1, name, trouble),
            None => TableError::at_column(column + 1, name, trouble),
        }
    }

    fn decide(&self, job: &Job<'_>) -> Result<Decision, TableError> {
        if self.models.is_empty() {
            // Only models of attributes that are not released were asked.
            return Ok(Ok((self.untouched(), vec![0; self.focus.quasi_identifiers.len()], None)));
        }
        // Whatever the metric, nothing loses less than leaving the table as it is: no hierarchy is needed to see whether that will do.
        let as_ruled = self.as_ruled();
        let impossible = |error: ProblemError| match error {
            ProblemError::ClassLargerThanTable { .. } => self.nothing(Vec::new(), None),
            other => SearchResult::Impossible { reason: other.to_string() },
        };
        let plain = match self.problem(&as_ruled, 0.0).and_then(|problem| self.solve(&problem, job)) {
            Ok(outcome) => outcome,
            Err(error) => return Ok(Err(impossible(error))),
        };
        job.check()?;
        if let Some(solution) = plain.solution {
            let searched = self.figures(&as_ruled, &solution, Comparison::default());
            return Ok(Ok((searched, vec![0; self.focus.quasi_identifiers.len()], None)));
        }
        if !self.privacy.searches() {
            return Ok(Err(self.nothing(self.violations(&as_ruled, job), None)));
        }
        let hierarchies = self.hierarchies()?;
        let sizes = hierarchies.attributes.iter().map(|attribute| attribute.hierarchy.levels() as u64);
        let nodes = sizes.fold(1_u64, u64::saturating_mul);
        if nodes > MOST_NODES {
            let reason = format!(
                "{nodes} transformations are more than are searched ({MOST_NODES}); give the columns hierarchies of fewer levels, or name fewer quasi-identifiers"
            );
            return Ok(Err(SearchResult::Impossible { reason }));
        }
        let problem = match self.problem(&hierarchies, self.share()) {
            Ok(problem) => problem,
            Err(error) => return Ok(Err(impossible(error))),
        };
        let outcome = match self.solve(&problem, job) {
            Ok(outcome) => outcome,
            Err(error) => return Ok(Err(impossible(error))),
        };
        job.check()?;
        let Some(solution) = outcome.solution else {
            let best = self.least_suppression(&hierarchies, job);
            job.check()?;
            return Ok(Err(self.nothing(self.violations(&as_ruled, job), best)));
        };
        let levels = solution.candidate.levels.clone();
        let steps = self.steps(&problem, &levels);
        let comparison = Comparison { lattice_size: outcome.lattice_size, steps };
        let searched = self.figures(&hierarchies, &solution, comparison);
        Ok(Ok((searched, levels, Some(solution.recoding))))
    }

    /// Each value its own hierarchy of one level.
    fn as_ruled(&self) -> Hierarchies {
        let mut made = Hierarchies { attributes: Vec::new(), makers: Vec::new(), codes: Vec::new() };
        for (i, c) in self.focus.quasi_identifiers.iter().enumerate() {
            let values = self.survey.values[i].values();
            let rows = values.iter().map(|value| vec![(*value).to_owned()]).collect();
            let hierarchy =
                Hierarchy::from_rows(rows).expect("values are distinct, and a kept record has one");
            made.push(self.binding.columns[*c].finding.name.clone(), "", hierarchy, &values);
        }
        made
    }

    fn hierarchies(&self) -> Result<Hierarchies, TableError> {
        let mut made = Hierarchies { attributes: Vec::new(), makers: Vec::new(), codes: Vec::new() };
        for (i, c) in self.focus.quasi_identifiers.iter().enumerate() {
            let dictionary = &self.survey.values[i];
            let values = dictionary.values();
            let finding = &self.binding.columns[*c].finding;
            let given = self.privacy.hierarchies.get(&finding.name).cloned();
            let spec = given.unwrap_or_else(|| draft(finding.kind, &values));
            let hierarchy = spec.build(&values, self.folder).map_err(|error| {
                let row = value_of(&error).and_then(|number| dictionary.rows.get(number - 1).copied());
                self.hierarchy_error(*c, row, error)
            })?;
            made.push(finding.name.clone(), spec.method().name, hierarchy, &values);
        }
        Ok(made)
    }

    fn problem(&self, hierarchies: &Hierarchies, suppression: f64) -> Result<Problem, ProblemError> {
        let domains: Vec<usize> = hierarchies.attributes.iter().map(|a| a.hierarchy.values()).collect();
        let mut counter = Counter::new(&domains, self.sensitive.len())?;
        let q = domains.len();
        let (mut codes, mut sensitive) = (Vec::with_capacity(q), Vec::with_capacity(self.sensitive.len()));
        for (tuple, records) in self.survey.tuples.iter() {
            codes.clear();
            codes
                .extend(tuple[..q].iter().zip(&hierarchies.codes).map(|(code, codes)| codes[*code as usize]));
            sensitive.clear();
            let pairs = tuple[q..].iter().zip(&self.sensitive_codes);
            sensitive.extend(pairs.map(|(code, codes)| codes[*code as usize]));
            counter
                .add_all(&codes, &sensitive, records)
                .expect("the survey holds no more records than are counted");
        }
        Ok(Problem {
            attributes: hierarchies.attributes.clone(),
            sensitive: self.sensitive.clone(),
            tuples: counter.finish(),
            models: self.models.iter().map(|(_, model)| model.clone()).collect(),
            suppression,
            metric: self.metric(),
        })
    }

    fn metric(&self) -> Metric {
        let named = self.privacy.metric.as_deref().and_then(|name| name.parse().ok());
        named.unwrap_or_default()
    }

    /// The limit as a share of the records that are left, such that rounding down gives the limit again.
    fn share(&self) -> f64 {
        ((self.allowed as f64 + 0.5) / self.survey.kept as f64).min(1.0)
    }

    fn solve(&self, problem: &Problem, job: &Job<'_>) -> Result<Outcome, ProblemError> {
        let effort = Effort {
            threads: job.threads,
            memory: job.memory,
            stop: &|| job.cancelled.load(Ordering::Relaxed),
            progress: &|_| {},
        };
        solve(problem, &effort)
    }

    /// Models that the table violates as the rules left it.
    fn violations(&self, as_ruled: &Hierarchies, job: &Job<'_>) -> Vec<(String, u64)> {
        let outcome = self.problem(as_ruled, 1.0).and_then(|problem| self.solve(&problem, job));
        let Some(solution) = outcome.ok().and_then(|outcome| outcome.solution) else { return Vec::new() };
        let violating = self.models.iter().zip(&solution.models);
        violating
            .filter(|(_, achieved)| achieved.violating_rows > 0)
            .map(|((text, _), achieved)| (text.clone(), achieved.violating_rows))
            .collect()
    }

    /// Records that the best transformation suppresses if any number may be.
    fn least_suppression(&self, hierarchies: &Hierarchies, job: &Job<'_>) -> Option<u64> {
        let problem = self.problem(hierarchies, 1.0).ok()?;
        let solution = self.solve(&problem, job).ok()?.solution?;
        Some(solution.candidate.suppressed_rows)
    }

    /// What one level less or more of each column would have given, the finer one first.
    fn steps(&self, problem: &Problem, levels: &[u8]) -> Vec<Step> {
        let Ok((finer, coarser)) = neighbours_of(problem, levels) else { return Vec::new() };
        let columns = problem.attributes.iter().zip(finer.into_iter().zip(coarser));
        columns
            .flat_map(|(attribute, (finer, coarser))| {
                finer.into_iter().chain(coarser).map(|step| Step {
                    column: attribute.name.clone(),
                    level: step.level,
                    score: step.score,
                    suppressed: step.suppressed_rows,
                })
            })
            .collect()
    }

    fn nothing(&self, violations: Vec<(String, u64)>, best: Option<u64>) -> SearchResult {
        SearchResult::Nothing { violations, allowed: self.allowed, records: self.survey.kept, best }
    }

    /// The figures where no model needs any.
    fn untouched(&self) -> Searched {
        Searched {
            metric: self.metric().name().to_owned(),
            score: 0.0,
            suppressed: 0,
            allowed: self.allowed,
            classes: 0,
            columns: Vec::new(),
            models: Vec::new(),
            without_attribute: self.without_attribute.clone(),
            comparison: Comparison::default(),
        }
    }

    fn figures(&self, hierarchies: &Hierarchies, solution: &Solution, comparison: Comparison) -> Searched {
        let columns = hierarchies.attributes.iter().enumerate().map(|(i, attribute)| {
            let level = solution.candidate.levels[i];
            let labels = attribute.hierarchy.codes(usize::from(level));
            let mut released: Vec<u32> =
                hierarchies.codes[i].iter().map(|code| labels[*code as usize]).collect();
            let values = released.len() as u64;
            released.sort_unstable();
            released.dedup();
            SearchedColumn {
                column: attribute.name.clone(),
                hierarchy: hierarchies.makers[i].to_owned(),
                level,
                highest: (attribute.hierarchy.levels() - 1) as u8,
                values,
                labels: released.len() as u64,
                loss: solution.losses[i],
            }
        });
        let models = self.models.iter().zip(&solution.models).map(|((text, _), achieved)| SearchedModel {
            model: text.clone(),
            achieved: achieved.achieved,
            violating: achieved.violating_rows,
        });
        Searched {
            score: solution.candidate.score,
            suppressed: solution.candidate.suppressed_rows,
            classes: solution.candidate.classes,
            columns: columns.collect(),
            models: models.collect(),
            comparison,
            ..self.untouched()
        }
    }
}

impl Hierarchies {
    fn push(&mut self, name: String, maker: &'static str, hierarchy: Hierarchy, values: &[&str]) {
        self.codes.push(codes_of(&hierarchy, values));
        self.makers.push(maker);
        self.attributes.push(Attribute { name, hierarchy: Arc::new(hierarchy), weight: 1.0 });
    }
}

/// The hierarchy's code of each value.
fn codes_of(hierarchy: &Hierarchy, values: &[&str]) -> Vec<u32> {
    let code =
        |value: &&str| hierarchy.code(value).expect("a hierarchy is built for all values of its column");
    values.iter().map(code).collect()
}

/// The number of the value that an error is about, from 1.
fn value_of(error: &BuildError) -> Option<usize> {
    match error {
        BuildError::Value { number, .. } | BuildError::Missing { number } => Some(*number),
        _ => None,
    }
}
