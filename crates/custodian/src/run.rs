//! A plan on the records of those who are in a release: nothing else of the dataset is given to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use medveil_clinical::dataset::{self, DatasetError, Released, Request, Settled};
use medveil_deid::assess::Assessment;
use medveil_deid::detect::Language;
use medveil_deid::plan::Plan;
use medveil_deid::table::{Hints, Job};
use medveil_ledger::{Digest, ReleaseId, Slug};
use serde::{Deserialize, Serialize};

use crate::keys::ReleaseKeys;
use crate::reason::Reason;
use crate::records::MAX_RECORD;
use crate::settings::Settings;
use crate::source::Dataset;

/// What is known of a release and not given away with it: it opens rows for an auditor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Private {
    /// By file, the records of the source that were given to the plan, by their numbers from 0.
    pub(crate) given: BTreeMap<String, Vec<u64>>,
    /// By file, those of them that the plan dropped, by their places among the given.
    pub(crate) dropped: BTreeMap<String, Vec<u64>>,
    /// By file, the columns that a search made coarser.
    pub(crate) generalised: BTreeMap<String, Vec<String>>,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) root: Digest,
    pub(crate) records: u64,
    pub(crate) suppressed: u64,
    pub(crate) risk_ppm: u32,
    pub(crate) utility_ppm: u32,
    pub(crate) epsilon: u64,
    pub(crate) private: Private,
}

/// Which release a run makes.
pub(crate) struct Purpose<'a> {
    pub(crate) release: ReleaseId,
    pub(crate) version: u64,
    pub(crate) plan: &'a Plan,
    pub(crate) keys: &'a ReleaseKeys,
}

/// The software, as releases name it.
pub(crate) fn engine() -> Slug {
    Slug::new(&format!("medveil-{}", env!("CARGO_PKG_VERSION").replace('.', "-")))
        .expect("name and version are of a slug's alphabet")
}

/// Runs a plan on the records of some patients into the folder `out`, which appears whole or not at all. `everyone` also takes records that are nobody's.
pub(crate) fn run(
    dataset: &Dataset,
    patients: &[Vec<Option<String>>],
    members: &BTreeSet<String>,
    everyone: bool,
    purpose: &Purpose<'_>,
    out: &Path,
    settings: &Settings,
) -> Result<Made, Reason> {
    let failed = |error: std::io::Error| Reason::PlanFailed { fault: error.to_string() };
    let work = tempfile::Builder::new().prefix("run-").tempdir_in(&settings.folder).map_err(failed)?;
    let (mut private, mut settled) = (Private::default(), BTreeMap::new());
    for ((records, schema), patients) in dataset.files.iter().zip(&dataset.schema).zip(patients) {
        let of_member = |patient: &Option<String>| match patient {
            Some(patient) => members.contains(patient),
            None => everyone,
        };
        let given: Vec<u64> =
            (0..).zip(patients).filter(|(_, patient)| of_member(patient)).map(|(record, _)| record).collect();
        if given.is_empty() {
            continue;
        }
        let path = work.path().join(&records.name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        records.write_part(&given, &path)?;
        let file = Settled {
            format: Some(records.layout.format()),
            hints: records.layout.hints(),
            kinds: schema.kinds(),
            positions: given.as_slice().into(),
        };
        settled.insert(records.name.clone(), file);
        private.given.insert(records.name.clone(), given);
    }
    if private.given.is_empty() {
        return Err(Reason::Empty);
    }
    let released = deidentify(work.path(), &settled, purpose, out, settings)?;
    Ok(measure(&released, private))
}

/// Runs a plan on the files of a folder.
pub(crate) fn deidentify(
    input: &Path,
    settled: &BTreeMap<String, Settled>,
    purpose: &Purpose<'_>,
    out: &Path,
    settings: &Settings,
) -> Result<Released, Reason> {
    let Purpose { release, version, plan, keys } = *purpose;
    let suite = plan.head.suite;
    let inputs = [PathBuf::from(input)];
    let request = Request {
        inputs: &inputs,
        plan,
        key: &keys.master(),
        study: &keys.study(release, suite),
        folder: None,
        output_leaf_key: keys.output_leaf_key(release, suite, version),
        earlier: &[],
        time: "",
        language: Language::Zh,
        settled,
    };
    let job = Job {
        threads: settings.threads,
        memory: settings.memory_mib.get() << 20,
        max_record: MAX_RECORD,
        hints: Hints::default(),
        cancelled: &AtomicBool::new(false),
        progress: &|_| (),
    };
    dataset::deidentify(&request, out, true, &job).map_err(|error| match error {
        DatasetError::Refused { reasons, .. } => Reason::PlanRefused { fault: reasons.join("; ") },
        other => Reason::PlanFailed { fault: other.to_string() },
    })
}

/// The figures of a release.
fn measure(released: &Released, mut private: Private) -> Made {
    let (receipt, report) = (&released.receipt, &released.report);
    let assessed: Vec<&Assessment> =
        report.files.iter().filter_map(|file| file.assessment.as_ref()).collect();
    let of_tables =
        assessed.iter().filter_map(|table| table.after.as_ref()).map(|after| after.prosecutor.maximum);
    let of_joined = report
        .linked
        .iter()
        .filter(|joined| joined.min_class > 0)
        .map(|joined| 1.0 / joined.min_class as f64);
    let risk = of_tables.chain(of_joined).fold(0.0, f64::max);
    let kept: Vec<f64> = assessed
        .iter()
        .flat_map(|table| &table.utility.columns)
        .filter_map(|column| column.entropy_kept)
        .map(|kept| kept.clamp(0.0, 1.0))
        .collect();
    let records: u64 = receipt.files.iter().map(|file| file.output.records).sum();
    let suppressed: u64 = receipt.files.iter().map(|file| file.dropped).sum();
    let utility = match kept.len() {
        // No table was measured: what is left is the share of records.
        0 => records as f64 / (records + suppressed).max(1) as f64,
        columns => kept.iter().sum::<f64>() / columns as f64,
    };
    private.dropped = released
        .dropped
        .iter()
        .filter(|(_, all)| !all.is_empty())
        .map(|(name, all)| (name.clone(), all.clone()))
        .collect();
    for file in &receipt.files {
        let columns = file.search.iter().flat_map(|search| &search.columns);
        let coarser: Vec<String> =
            columns.filter(|column| column.level > 0).map(|column| column.column.clone()).collect();
        if !coarser.is_empty() {
            private.generalised.insert(file.path.clone(), coarser);
        }
    }
    Made {
        root: Digest(receipt.output_root),
        records,
        suppressed,
        risk_ppm: ppm_up(risk) as u32,
        utility_ppm: (utility * 1e6).floor() as u32,
        epsilon: loss_of(released),
        private,
    }
}

/// What noise costs the record that it costs most, in millionths of epsilon.
pub(crate) fn loss_of(released: &Released) -> u64 {
    ppm_up(released.report.loss.epsilon)
}

/// Millionths, rounded up: what limits the risk must not be rounded away. Errors of the last bits are not.
fn ppm_up(share: f64) -> u64 {
    (share * 1e6 - 1e-6).ceil().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_risk_is_rounded_up_and_a_whole_number_is_kept() {
        assert_eq!(
            (ppm_up(1.0 / 11.0), ppm_up(0.2), ppm_up(0.0), ppm_up(1.0)),
            (90_910, 200_000, 0, 1_000_000)
        );
        assert_eq!((ppm_up(3.0), ppm_up(0.1 + 0.2)), (3_000_000, 300_000));
    }

    #[test]
    fn the_engine_s_name_is_a_slug() {
        assert!(engine().as_str().starts_with("medveil-"));
    }
}
