//! A hospital whose data are Parquet and FHIR Bundles: the same consortium, custodian and auditor.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
use medveil_synth::tumours;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::audits::{PATIENTS, RESEARCHER, Trial, registry};

const FHIR: &str = r#"
[[rule]]
match = { fhir = "Resource.id" }
action = "pseudonymize"

[[rule]]
match = { fhir = "nodesByType('Reference').reference" }
action = "pseudonymize"

[[rule]]
match = { fhir = "Bundle.type" }
action = "keep"

[[rule]]
match = { fhir = "Condition.code" }
action = "keep"

[[rule]]
match = { fhir = "Observation.status" }
action = "keep"

[[rule]]
match = { fhir = "Observation.value.ofType(Quantity).value" }
action = { laplace = { epsilon = 1.0, lower = 0.0, upper = 40.0, decimals = 1 } }
"#;

/// The registry as a file of Parquet, and of each patient a Bundle.
fn extract(folder: &Path) {
    let (mut texts, mut ages, mut glucose) = (vec![Vec::new(); 4], Vec::new(), Vec::new());
    for line in registry().lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        for (column, at) in [0, 1, 2, 4].into_iter().enumerate() {
            texts[column].push(cells[at].to_owned());
        }
        ages.push(cells[3].parse::<i32>().unwrap());
        glucose.push(cells[5].parse::<f64>().unwrap());
    }
    let text = |column: usize| Arc::new(StringArray::from(texts[column].clone())) as ArrayRef;
    let columns: [(&str, ArrayRef); 6] = [
        ("patient_id", text(0)),
        ("name", text(1)),
        ("sex", text(2)),
        ("age", Arc::new(Int32Array::from(ages))),
        ("stage", text(3)),
        ("glucose", Arc::new(Float64Array::from(glucose))),
    ];
    write(&RecordBatch::try_from_iter(columns).unwrap(), &folder.join("visits.parquet"));
    std::fs::create_dir(folder.join("bundles")).unwrap();
    for number in 1..=PATIENTS {
        let id = format!("P{number:04}");
        let bundle = serde_json::json!({
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [
                { "resource": { "resourceType": "Patient", "id": id, "name": [{ "text": format!("王某{number}") }] } },
                { "resource": { "resourceType": "Condition", "subject": { "reference": format!("Patient/{id}") }, "code": { "text": "C34" } } },
                { "resource": {
                    "resourceType": "Observation", "status": "final", "subject": { "reference": format!("Patient/{id}") },
                    "valueQuantity": { "value": f64::from(40 + number % 90) / 10.0 },
                } },
            ],
        });
        let text = serde_json::to_string_pretty(&bundle).unwrap();
        std::fs::write(folder.join(format!("bundles/{number}.json")), text).unwrap();
    }
}

fn write(records: &RecordBatch, path: &Path) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), records.schema(), None).unwrap();
    writer.write(records).unwrap();
    writer.close().unwrap();
}

fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    reader.with_batch_size(1 << 20).build().unwrap().next().unwrap().unwrap()
}

#[test]
fn parquet_and_bundles_are_released_fetched_challenged_and_caught_when_they_were_edited() {
    let trial = Trial::start(&format!("{}{FHIR}", tumours::PLAN), extract);
    let release = trial.released();
    let dataset = trial.network.get(1, "/api/v1/datasets").unwrap();
    assert_eq!(dataset["items"][0]["value"]["fingerprint"]["count"], 3 * PATIENTS);
    trial.ok(RESEARCHER, &["release", "fetch", &release, "--out", "own"]);
    let home = &trial.network.home;
    home.ok(&["verify", "own/receipt.json"]);
    let table = read(&home.path("own/visits.parquet"));
    assert_eq!(table.num_rows() as u32, 2 * PATIENTS);
    let column = |name: &str| table.column_by_name(name).unwrap();
    assert!(column("name").as_string::<i32>().iter().flatten().all(|name| !name.contains("王某")));
    assert_eq!(column("glucose").as_primitive::<Float64Type>().len() as u32, 2 * PATIENTS);
    for number in 1..=PATIENTS {
        let bundle: Value = serde_json::from_str(&home.text(&format!("own/bundles/{number}.json"))).unwrap();
        assert_eq!(
            (&bundle["resourceType"], bundle["entry"].as_array().unwrap().len()),
            (&"Bundle".into(), 3)
        );
        assert!(!bundle.to_string().contains("王某") && !bundle.to_string().contains("P00"));
    }
    let said = trial.checked(&release, "200");
    assert!(said.code == Some(0) && said.stdout.contains("passed"), "{}", said.all());
    // An insider writes better stages into what the custodian keeps.
    let file = trial.release_file(&release, "visits.parquet");
    let kept = read(&file);
    let at = kept.schema().index_of("stage").unwrap();
    let stages: StringArray = kept
        .column(at)
        .as_string::<i32>()
        .iter()
        .map(|stage| stage.map(|stage| stage.replace("IV", "I")))
        .collect();
    let mut columns = kept.columns().to_vec();
    columns[at] = Arc::new(stages);
    write(&RecordBatch::try_new(kept.schema(), columns).unwrap(), &file);
    let said = trial.checked(&release, "50");
    assert!(said.code == Some(1) && said.stdout.contains("altered-value"), "{}", said.all());
}
