//! The risk of a table as it stands.

use std::path::Path;

use medveil_deid::assess::{Assessment, BENCHMARKS, evaluate};
use medveil_deid::plan::ReleaseModel;
use medveil_deid::table::{self, Job};
use serde_json::{Value, json};

use super::deidentify::open;
use super::error::DatasetError;
use super::source::{Format, Source, SourceError, detect};

/// A table that has been measured.
pub struct Assessed(Assessment);

/// Measures a table. Columns are named by their header.
pub fn assess(
    path: &Path,
    quasi_identifiers: &[String],
    sensitive: &[String],
    job: &Job<'_>,
) -> Result<Assessed, DatasetError> {
    let format = detect(path)?;
    let size = std::fs::metadata(path).map(|metadata| metadata.len()).unwrap_or(0);
    let source = Source { path: path.to_owned(), name: String::new(), format, size };
    let file = || path.display().to_string();
    let input = open(&source)?;
    let assessment = match format {
        Format::Csv => table::assess_csv(input, quasi_identifiers, sensitive, job),
        Format::Parquet => table::assess_parquet(input, quasi_identifiers, sensitive, job),
        Format::FhirJson | Format::FhirNdjson => {
            return Err(SourceError::Later { path: file(), format: "FHIR as a single table" }.into());
        }
    };
    assessment.map(Assessed).map_err(|error| DatasetError::Table { file: file(), error })
}

impl Assessed {
    /// The figures, with what the release model asks.
    pub fn figures(&self, model: ReleaseModel) -> Value {
        let evaluation = evaluate(&self.0, None, model, None);
        json!({ "figures": self.0.risk_json()["before"], "records": self.0.records,
                "quasi_identifiers": self.0.quasi_identifiers, "sensitive": self.0.sensitive, "evaluation": evaluation })
    }

    /// The figures in words.
    pub fn lines(&self, model: ReleaseModel, chinese: bool) -> Vec<String> {
        let say = |en: &str, zh: &str| if chinese { zh.to_owned() } else { en.to_owned() };
        let Some(risk) = &self.0.before else {
            return vec![say("the table has no records", "表中没有记录")];
        };
        let evaluation = evaluate(&self.0, None, model, None);
        let percent = |value: f64| format!("{:.2} %", value * 100.0);
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
            format!(
                "{}: {}",
                say("highest journalist risk", "记者风险（最高）"),
                percent(risk.journalist.maximum)
            ),
            format!("{}: {}", say("marketer risk", "营销者风险"), percent(risk.marketer.value)),
        ];
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
