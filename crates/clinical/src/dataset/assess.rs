//! The risk of a table as it stands.

use std::fs::File;
use std::path::Path;

use medveil_deid::assess::{Assessment, BENCHMARKS, Census, Estimate, InPopulation, evaluate};
use medveil_deid::plan::ReleaseModel;
use medveil_deid::risk::{Population, PopulationRisk, SampleError};
use medveil_deid::table::{self, Job, TableError};
use serde_json::{Value, json};

use super::deidentify::open;
use super::error::DatasetError;
use super::source::{Format, Source, SourceError, detect};

/// A table that has been measured.
pub struct Assessed {
    file: String,
    assessment: Assessment,
}

/// Measures a table. Columns are named by their header.
pub fn assess(
    path: &Path,
    quasi_identifiers: &[String],
    sensitive: &[String],
    job: &Job<'_>,
) -> Result<Assessed, DatasetError> {
    let assessment = read(
        path,
        |input| table::assess_csv(input, quasi_identifiers, sensitive, job),
        |input| table::assess_parquet(input, quasi_identifiers, sensitive, job),
    )?;
    Ok(Assessed { file: path.display().to_string(), assessment })
}

/// Reads one table of either format.
fn read(
    path: &Path,
    csv: impl FnOnce(File) -> Result<Assessment, TableError>,
    parquet: impl FnOnce(File) -> Result<Assessment, TableError>,
) -> Result<Assessment, DatasetError> {
    let format = detect(path)?;
    let size = std::fs::metadata(path).map(|metadata| metadata.len()).unwrap_or(0);
    let source = Source { path: path.to_owned(), name: String::new(), format, size };
    let file = path.display().to_string();
    let input = open(&source)?;
    let read = match format {
        Format::Csv => csv(input),
        Format::Parquet => parquet(input),
        Format::FhirJson | Format::FhirNdjson => {
            return Err(SourceError::Later { path: file, format: "FHIR as a single table" }.into());
        }
    };
    read.map_err(|error| DatasetError::Table { file, error })
}

impl Assessed {
    /// With what can be estimated of a population of which the size is known.
    pub fn in_population(mut self, population: Population) -> Result<Assessed, DatasetError> {
        let done = self.assessment.estimate_population(population);
        self.or_refuse(done)
    }

    /// With what can be counted in a table of the population, which has the same quasi-identifiers and is read by the same job.
    pub fn in_table(mut self, population: &Path, job: &Job<'_>) -> Result<Assessed, DatasetError> {
        let counted = read(
            population,
            |input| table::count_in_csv(input, &self.assessment, job),
            |input| table::count_in_parquet(input, &self.assessment, job),
        )?;
        let done = self.assessment.count_in(&counted);
        self.or_refuse(done)
    }

    fn or_refuse(self, done: Result<(), SampleError>) -> Result<Assessed, DatasetError> {
        match done {
            Ok(()) => Ok(self),
            Err(error) => Err(DatasetError::Population { file: self.file, error }),
        }
    }

    /// The figures, with what the release model asks.
    pub fn figures(&self, model: ReleaseModel) -> Value {
        let evaluation = evaluate(&self.assessment, None, model, None);
        json!({ "figures": self.assessment.risk_json()["before"], "records": self.assessment.records,
                "quasi_identifiers": self.assessment.quasi_identifiers, "sensitive": self.assessment.sensitive, "evaluation": evaluation })
    }

    /// The figures in words.
    pub fn lines(&self, model: ReleaseModel, chinese: bool) -> Vec<String> {
        let say = |en: &str, zh: &str| if chinese { zh.to_owned() } else { en.to_owned() };
        let Some(risk) = &self.assessment.before else {
            return vec![say("the table has no records", "表中没有记录")];
        };
        let evaluation = evaluate(&self.assessment, None, model, None);
        let estimated = if risk.exact { String::new() } else { say(" (estimated)", "（估计值）") };
        let mut lines = vec![
            format!("{}: {}", say("records", "记录数"), risk.records),
            format!("{}: {:.0}{estimated}", say("equivalence classes", "等价类数"), risk.classes.value),
            format!(
                "{}: {} - {}",
                say("smallest and largest class", "最小与最大等价类"),
                risk.min_class,
                risk.max_class
            ),
            format!("{}: {}{estimated}", say("sample uniques", "样本唯一记录"), percent(risk.uniques.value)),
            format!(
                "{}: {}",
                say("highest prosecutor risk", "检察官风险（最高）"),
                percent(risk.prosecutor.maximum)
            ),
            format!(
                "{}: {}",
                say("average prosecutor risk", "检察官风险（平均）"),
                percent(risk.prosecutor.average.value)
            ),
        ];
        let population = risk.population.as_deref();
        if let Some(InPopulation::Size(population)) = population {
            lines.extend(estimated_lines(population, &say));
        } else {
            // Counted in the population table if there is one; otherwise the table is its own population.
            lines.push(format!(
                "{}: {}",
                say("highest journalist risk", "记者风险（最高）"),
                percent(risk.journalist.maximum)
            ));
            lines.push(format!("{}: {}", say("marketer risk", "营销者风险"), percent(risk.marketer.value)));
        }
        if let Some(InPopulation::Table(census)) = population {
            lines.extend(census_lines(census, &say));
        }
        match evaluation.journalist_within {
            Some(true) => lines.push(say("the journalist risk meets the threshold", "记者风险未超过阈值")),
            Some(false) => lines.push(say("the journalist risk exceeds the threshold", "记者风险超过阈值")),
            None => {}
        }
        for benchmark in BENCHMARKS {
            let share = risk.share_above(benchmark.threshold).value;
            lines.push(format!(
                "{} {} ({}): {}",
                say("records in classes smaller than", "所在等价类小于该值的记录"),
                benchmark.cell_size,
                benchmark.source,
                percent(share)
            ));
        }
        for diverse in &risk.distinct_l {
            lines.push(format!(
                "{} `{}`: {}",
                say("distinct values per class, at least, of", "每类不同取值数下限"),
                diverse.column.escape_debug(),
                diverse.min
            ));
        }
        let title = evaluation.level.title();
        lines.push(format!(
            "{}: {} ({})",
            say("level (GB/T 42460-2023)", "级别（GB/T 42460-2023）"),
            evaluation.level.number(),
            if chinese { title.zh } else { title.en }
        ));
        lines
    }
}

/// Says a thing in the language that is spoken.
type Say<'a> = dyn Fn(&str, &str) -> String + 'a;

fn estimated_lines(population: &PopulationRisk, say: &Say<'_>) -> Vec<String> {
    let uniques = &population.uniques;
    let matches = &population.matches;
    let mut lines = vec![
        format!(
            "{}: {} ({} {})",
            say("population", "总体人数"),
            population.population,
            say("sampling fraction", "抽样比例"),
            percent(population.sampling_fraction)
        ),
        format!(
            "{}: {} ({})",
            say("unique in the population (estimated)", "总体唯一者占总体的比例（估计值）"),
            with_interval(&uniques.share),
            uniques.method.title()
        ),
        format!(
            "{}: {}",
            say(
                "at most unique, whatever the population is like (95 %)",
                "总体唯一者比例的上限（不依赖模型，95 %）"
            ),
            percent(population.ceiling)
        ),
        format!(
            "{}: {}",
            say("highest journalist risk in the population (estimated)", "总体中的记者风险（最高，估计值）"),
            percent(matches.journalist.maximum)
        ),
        format!(
            "{}: {}",
            say("average journalist risk in the population (estimated)", "总体中的记者风险（平均，估计值）"),
            with_interval(&matches.journalist.average)
        ),
        format!(
            "{}: {}",
            say("marketer risk in the population (estimated)", "总体中的营销者风险（估计值）"),
            with_interval(&matches.marketer)
        ),
    ];
    for outcome in &population.methods {
        let figure = match (&outcome.share, outcome.failure) {
            (Some(share), _) => with_interval(share),
            (None, Some(failure)) => format!("{} ({failure})", say("no figure", "无结果")),
            (None, None) => say("no figure", "无结果"),
        };
        lines.push(format!("  {}: {figure}", outcome.method.title()));
    }
    lines.push(say(
        "the intervals cover chance in the sample, not whether the model fits; the records are taken for a simple random sample",
        "区间只反映抽样的偶然性，不反映模型是否合适；并假定记录是简单随机样本",
    ));
    lines
}

fn census_lines(census: &Census, say: &Say<'_>) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{}: {} ({} {})",
            say("population", "总体人数"),
            census.population,
            say("sampling fraction", "抽样比例"),
            percent(census.sampling_fraction)
        ),
        format!(
            "{}: {}",
            say("persons in the smallest class (k-map)", "总体中最小等价类的人数（k-map）"),
            census.k_map
        ),
        format!(
            "{}: {}",
            say("records of persons unique in the population", "总体唯一者的记录所占比例"),
            with_interval(&census.unique_records)
        ),
        format!(
            "{}: {}",
            say("unique in the population", "总体唯一者占总体的比例"),
            with_interval(&census.uniques)
        ),
    ];
    if census.beyond.value > 0.0 {
        lines.push(format!(
            "{}: {}",
            say(
                "records of classes of which the population has too few: no part of it, or written otherwise",
                "所在等价类在总体中人数不足的记录：不属于该总体，或取值写法不同",
            ),
            with_interval(&census.beyond)
        ));
    }
    lines
}

fn percent(value: f64) -> String {
    format!("{:.2} %", value * 100.0)
}

fn with_interval(estimate: &Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => {
            format!("{} ({} - {})", percent(estimate.value), percent(low), percent(high))
        }
        _ => percent(estimate.value),
    }
}
