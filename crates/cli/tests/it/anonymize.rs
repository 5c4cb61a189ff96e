//! `medveil anonymize` from file to file.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Home, Said};

/// Is in every value of the table; no message may show it.
const MARK: &str = "ZQ";
const HEADER: [&str; 5] = ["sex", "age", "ward", "diagnosis", "note"];

/// Eighty records of ages 20 to 39 and eight wards; the last record stands alone.
fn records() -> Vec<[String; 5]> {
    let record = |i: usize| {
        let (age, ward) = if i == 79 { (39, 7) } else { (20 + (i * 7) % 15, (i * 5) % 6) };
        let values = [["m", "f"][i % 2].to_owned(), age.to_string(), format!("w{ward}")];
        let [sex, age, ward] = values.map(|value| format!("{MARK}{value}"));
        [sex, age, ward, format!("{MARK}d{}", (i / 3) % 4), format!("{MARK} {i}")]
    };
    (0..80).map(record).collect()
}

fn csv(delimiter: &str, end: &str) -> String {
    let rows = records().into_iter().map(|record| record.join(delimiter));
    [HEADER.join(delimiter)].into_iter().chain(rows).map(|line| line + end).collect()
}

/// Hierarchies of the quasi-identifiers and of the diagnosis: each has a value that does not occur.
fn hierarchies(home: &Home) {
    std::fs::create_dir(home.path("h")).unwrap();
    home.write("h/t_hierarchy_sex.csv", format!("{MARK}m;*\n{MARK}f;*\n{MARK}x;*\n"));
    let age = |age: u32| format!("{MARK}{age};{}-{};{}s;*\n", age / 5 * 5, age / 5 * 5 + 4, age / 10 * 10);
    home.write("h/age.csv", (20..41).map(age).collect::<String>());
    let ward = |ward: u32| format!("{MARK}w{ward},{},*\n", ["north", "south"][ward as usize % 2]);
    home.write("h/ward.csv", (0..9).map(ward).collect::<String>());
    let diagnosis = |d: u32| format!("{MARK}d{d};group {};*\n", d / 2);
    home.write("h/diagnosis.csv", (0..5).map(diagnosis).collect::<String>());
}

fn home() -> Home {
    let home = Home::new();
    home.write("t.csv", csv(",", "\n"));
    hierarchies(&home);
    home
}

const QUASI: [&str; 2] = ["--quasi-identifiers", "sex,age,ward"];

/// The arguments for one table.
fn arguments<'a>(input: &'a str, out: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["anonymize", input, "--hierarchies", "h", "--out", out];
    [&fixed[..], &QUASI, options].concat()
}

/// The sizes of the classes of `sex, age, ward`, without suppressed records, and how many are suppressed.
fn classes(rows: &[Vec<String>]) -> (BTreeMap<Vec<String>, u64>, u64) {
    let (mut sizes, mut suppressed) = (BTreeMap::new(), 0);
    for row in rows {
        if row[..3].iter().all(|cell| cell == "*") {
            suppressed += 1;
        } else {
            *sizes.entry(row[..3].to_vec()).or_default() += 1;
        }
    }
    (sizes, suppressed)
}

fn rows(text: &str, delimiter: char) -> Vec<Vec<String>> {
    text.lines().skip(1).map(|line| line.split(delimiter).map(str::to_owned).collect()).collect()
}

fn refused(home: &Home, said: &Said, code: i32, wanted: &[&str]) {
    assert_eq!(said.code, Some(code), "{}", said.all());
    assert!(said.stdout.is_empty(), "{}", said.stdout);
    for wanted in wanted {
        assert!(said.stderr.contains(wanted), "`{wanted}` is not in: {}", said.stderr);
    }
    assert!(!said.all().contains(MARK), "a value was shown: {}", said.all());
    let names = home.names();
    assert!(!names.iter().any(|name| name.starts_with("out") || name.starts_with(".medveil")), "{names:?}");
}

#[test]
fn json_has_the_fields_that_programs_rely_on() {
    let home = home();
    let options = ["--sensitive", "diagnosis", "--model", "k=5", "--model", "distinct-l=2"];
    let said = home.ok(&arguments(
        "t.csv",
        "out.csv",
        &[&options[..], &["--suppression", "0.05", "--json"]].concat(),
    ));
    let json = said.json();
    let (sizes, suppressed) = classes(&rows(&home.text("out.csv"), ','));
    assert_eq!(json["rows"], 80);
    assert_eq!(json["lattice_size"], 2 * 4 * 3);
    assert!(json["nodes_checked"].as_u64().is_some_and(|checked| (1..=24).contains(&checked)));
    let levels = json["levels"].as_object().unwrap();
    assert_eq!(levels.keys().collect::<Vec<_>>(), ["sex", "age", "ward"]);
    assert_eq!(json["metric"], "loss");
    assert!(json["score"].as_f64().is_some_and(|score| score > 0.0 && score < 1.0));
    assert!(suppressed <= 4);
    assert_eq!(json["suppressed_rows"], suppressed);
    assert_eq!(json["classes"], sizes.len());
    assert_eq!(json["min_class"], *sizes.values().min().unwrap());
    assert_eq!(json["max_class"], *sizes.values().max().unwrap());
    assert!(json["min_class"].as_u64() >= Some(5));
    let models = json["models"].as_array().unwrap();
    assert_eq!((&models[0]["name"], &models[0]["parameter"]), (&json!("k"), &json!("5")));
    assert_eq!(models[0]["achieved"].as_f64().map(|k| k as u64), json["min_class"].as_u64());
    assert_eq!((&models[1]["name"], &models[1]["parameter"]), (&json!("distinct-l"), &json!("2")));
    assert!(json["elapsed_ms"].as_f64().is_some());
    assert_eq!(json["proven_optimal"], true);
    assert_eq!(json["output_sha256"], hex(&Sha256::digest(home.read("out.csv"))));
    assert!(!said.all().contains(MARK), "{}", said.all());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn other_columns_and_their_order_stay_as_they_are() {
    let home = home();
    home.ok(&arguments("t.csv", "out.csv", &["--model", "k=5", "--suppression", "0.05"]));
    let released = rows(&home.text("out.csv"), ',');
    for (before, after) in records().iter().zip(&released) {
        assert_eq!(before[3..], after[3..]);
    }
    assert!(home.text("out.csv").starts_with("sex,age,ward,diagnosis,note\n"));
    home.ok(&arguments("t.csv", "short.csv", &["--model", "k=5", "--drop", "note,diagnosis"]));
    assert!(home.text("short.csv").starts_with("sex,age,ward\n"));
    assert_eq!(rows(&home.text("short.csv"), ',').len(), 80);
}

#[test]
fn every_dialect_gives_the_same_release_in_that_dialect() {
    let home = home();
    let options = ["--model", "k=5", "--suppression", "0.05"];
    home.ok(&arguments("t.csv", "out.csv", &options));
    let expected = home.text("out.csv");
    for (delimiter, end, mark) in
        [(";", "\n", ""), (",", "\r\n", ""), ("\t", "\n", "\u{feff}"), (";", "\r\n", "\u{feff}")]
    {
        home.write("u.csv", format!("{mark}{}", csv(delimiter, end)));
        home.ok(&arguments("u.csv", "u_out.csv", &[&options[..], &["--overwrite"]].concat()));
        let released = home.text("u_out.csv");
        let same = format!("{mark}{}", expected.replace(',', delimiter).replace('\n', end));
        assert!(released == same, "{delimiter:?} {end:?}");
    }
    // What is kept keeps its quotes.
    let quoted =
        |record: [String; 5]| format!("{},\"{MARK}, \"\"{}\"\"\"\n", record[..4].join(","), record[4]);
    let quoted = HEADER.join(",") + "\n" + &records().into_iter().map(quoted).collect::<String>();
    home.write("q.csv", &quoted);
    home.ok(&arguments("q.csv", "q_out.csv", &options));
    let cells = |text: &str| -> Vec<Option<String>> {
        text.lines().map(|line| line.split_once('"').map(|(_, cell)| cell.to_owned())).collect()
    };
    assert_eq!(cells(&home.text("q_out.csv")), cells(&quoted));
}

#[test]
fn gb_18030_stays_gb_18030() {
    let home = Home::new();
    std::fs::create_dir(home.path("h")).unwrap();
    home.write("h/性别.csv", "男;*\n女;*\n");
    home.write("h/科室.csv", "心内科;内科;*\n呼吸内科;内科;*\n骨科;外科;*\n");
    let row =
        |i: usize| format!("{},{},{i}\n", ["男", "女"][i % 2], ["心内科", "呼吸内科", "骨科"][(i / 2) % 3]);
    let text = format!("性别,科室,血糖\n{}", (0..24).map(row).collect::<String>());
    home.write("t.csv", gb18030(&text));
    let options = [
        "--quasi-identifiers",
        "性别,科室",
        "--model",
        "k=8",
        "--weight",
        "科室=10",
        "--hierarchies",
        "h",
        "--out",
        "out.csv",
    ];
    home.ok(&[&["anonymize", "t.csv"], &options[..]].concat());
    let released = home.read("out.csv");
    assert!(std::str::from_utf8(&released).is_err());
    let text = gb18030_text(&released);
    assert!(text.starts_with("性别,科室,血糖\n*,心内科,0\n*,心内科,1\n*,呼吸内科,2\n"), "{text}");
}

fn gb18030(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}

fn gb18030_text(bytes: &[u8]) -> String {
    encoding_rs::GB18030.decode(bytes).0.into_owned()
}

#[test]
fn parquet_stays_parquet_and_gets_the_same_release() {
    let home = home();
    let fields: Vec<Field> = HEADER.iter().map(|name| Field::new(*name, DataType::Utf8, false)).collect();
    let schema = Arc::new(Schema::new(fields));
    let column = |at: usize| {
        let cells = records().into_iter().map(move |record| record[at].clone());
        Arc::new(StringArray::from_iter_values(cells)) as ArrayRef
    };
    let batch = RecordBatch::try_new(Arc::clone(&schema), (0..5).map(column).collect()).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(home.path("t.parquet")).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    for more in [&["--model", "k=5", "--suppression", "0.05"][..], &["--model", "k=5", "--local"]] {
        let more = [more, &["--overwrite"]].concat();
        home.ok(&arguments("t.csv", "out.csv", &more));
        home.ok(&arguments("t.parquet", "out.parquet", &more));
        let file = File::open(home.path("out.parquet")).unwrap();
        let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        let mut released = String::from("sex,age,ward,diagnosis,note\n");
        for batch in batches {
            let batch = batch.unwrap();
            for row in 0..batch.num_rows() {
                let cell = |column: &ArrayRef| column.as_string::<i32>().value(row).to_owned();
                released += &(batch.columns().iter().map(cell).collect::<Vec<_>>().join(",") + "\n");
            }
        }
        assert_eq!(released, home.text("out.csv"));
    }
}

#[test]
fn local_recoding_loses_less_and_suppresses_nothing() {
    let home = home();
    let model = ["--sensitive", "diagnosis", "--model", "k=4", "--model", "distinct-l=2", "--json"];
    let global =
        home.ok(&arguments("t.csv", "global.csv", &[&model[..], &["--suppression", "1"]].concat())).json();
    let local = home.ok(&arguments("t.csv", "local.csv", &[&model[..], &["--local"]].concat())).json();
    assert_eq!(local["suppressed_rows"], 0);
    assert!(local["score"].as_f64() < global["score"].as_f64(), "{local} {global}");
    assert_eq!(local["global_score"], global["score"]);
    let (sizes, _) = classes(&rows(&home.text("local.csv"), ','));
    assert!(sizes.values().all(|size| *size >= 4), "{sizes:?}");
    for shares in local["level_shares"].as_object().unwrap().values() {
        let sum: f64 = shares.as_array().unwrap().iter().filter_map(Value::as_f64).sum();
        assert!((sum - 1.0).abs() < 1e-9);
    }
    let said = home.run(&arguments("t.csv", "x.csv", &["--model", "k=4", "--local", "--explain"]));
    assert_eq!(said.code, Some(2), "{}", said.all());
}

#[test]
fn an_explanation_names_levels_and_models_and_no_value() {
    let home = home();
    let options = ["--model", "k=5", "--suppression", "0.05", "--explain", "--frontier"];
    let json = home.ok(&arguments("t.csv", "out.csv", &[&options[..], &["--json"]].concat())).json();
    let (explanation, score) = (&json["explanation"], json["score"].as_f64().unwrap());
    for name in ["sex", "age", "ward"] {
        // One level finer is no solution or a worse one; one level coarser is worse.
        for side in ["finer", "coarser"] {
            let neighbour = &explanation[side][name];
            assert!(
                neighbour["score"].as_f64().is_none_or(|other| other >= score),
                "{side} {name}: {neighbour}"
            );
        }
        assert!(explanation["prices"][name]["others_with"].as_f64().is_some());
    }
    let frontier = json["frontier"].as_array().unwrap();
    let at = |k: u64, suppression: f64| {
        let point = frontier.iter().find(|p| p["k"] == k && p["suppression"] == suppression).unwrap();
        point["best"]["score"].as_f64()
    };
    assert_eq!(at(5, 0.05), Some(score));
    assert!(at(2, 0.05) <= at(5, 0.05) && at(5, 1.0) <= at(5, 0.0));
    let said = home.ok(&arguments("t.csv", "out.csv", &[&options[..], &["--overwrite"]].concat()));
    assert!(said.stdout.contains("proven to be the least") && said.stdout.contains("one level finer"));
    assert!(!said.all().contains(MARK), "{}", said.all());
}

#[test]
fn weights_move_the_loss_to_the_other_columns() {
    let home = home();
    let losses = |weight: &str| {
        let options =
            ["--model", "k=6", "--suppression", "0.05", "--weight", weight, "--json", "--overwrite"];
        home.ok(&arguments("t.csv", "out.csv", &options)).json()["losses"].clone()
    };
    let (light, heavy) = (losses("age=0.01"), losses("age=100"));
    assert!(heavy["age"].as_f64() < light["age"].as_f64(), "{light} {heavy}");
    let said = home.run(&arguments("t.csv", "out2.csv", &["--model", "k=6", "--weight", "note=2"]));
    assert!(said.code == Some(2) && said.stderr.contains("`note`, which is not named as a quasi-identifier"));
}

#[test]
fn a_population_table_is_counted() {
    let home = home();
    let table = csv(",", "\n");
    let persons = table.lines().skip(1).map(|line| format!("{line}\n"));
    home.write("p.csv", table.clone() + &persons.clone().collect::<String>() + &persons.collect::<String>());
    let options = ["--population-table", "p.csv", "--suppression", "0.05", "--json"];
    let json =
        home.ok(&arguments("t.csv", "out.csv", &[&options[..], &["--model", "k-map=6"]].concat())).json();
    let achieved = json["models"][0]["achieved"].as_f64().unwrap();
    assert!(achieved >= 6.0 && achieved == 3.0 * json["min_class"].as_f64().unwrap(), "{json}");
    let presence = ["--model", "delta-presence=0,0.34"];
    home.ok(&arguments("t.csv", "presence.csv", &[&options[..], &presence].concat()));
    let said = home.run(&arguments("t.csv", "out3.csv", &["--model", "k-map=6"]));
    assert!(
        said.code == Some(2) && said.stderr.contains("needs a table of the population"),
        "{}",
        said.all()
    );
    home.write("p.csv", table.lines().take(40).map(|line| format!("{line}\n")).collect::<String>());
    let said = home.run(&arguments("t.csv", "out3.csv", &[&options[..], &["--model", "k-map=6"]].concat()));
    assert!(said.stderr.contains("records have no match in the population table"), "{}", said.all());
    assert!(!said.all().contains(MARK) && !home.path("out3.csv").exists());
}

#[test]
fn hierarchies_that_are_lacking_are_drafted() {
    let home = Home::with_hospital();
    let columns = "visit_id,patient_id,name,resident_id,phone,address,insurance_no";
    let quasi = ["--quasi-identifiers", "sex,birth_date,district_code,admit_date"];
    let said = home.ok(&[
        &["anonymize", "raw/visits.csv", "--drop", columns, "--model", "k=3", "--out", "out.csv", "--json"],
        &quasi[..],
    ]
    .concat());
    let drafted = said.json()["drafted_hierarchies"].clone();
    assert_eq!(drafted["birth_date"], "dates");
    assert_eq!(drafted["district_code"], "division");
    assert!(
        said.stderr.contains("`birth_date` has no hierarchy file; drafted one: dates"),
        "{}",
        said.stderr
    );
}

/// Twelve columns of five levels: 244,140,625 nodes.
fn wide(home: &Home, model: &'static str) -> Vec<String> {
    std::fs::create_dir(home.path("wide")).unwrap();
    let rows = (0..16).map(|v| format!("{v};a{};b{};c{};*\n", v / 2, v / 4, v / 8)).collect::<String>();
    let names: Vec<String> = (0..12).map(|c| format!("c{c}")).collect();
    names.iter().for_each(|name| home.write(&format!("wide/{name}.csv"), &rows));
    let row = |i: usize| {
        (0..12).map(|c| ((i * (2 * c + 3) + i / 7) % 16).to_string()).collect::<Vec<_>>().join(",")
    };
    let table: String = (0..200).map(|i| row(i) + "\n").collect();
    home.write("wide.csv", names.join(",") + "\n" + &table);
    let names = names.join(",");
    [
        "anonymize",
        "wide.csv",
        "--hierarchies",
        "wide",
        "--quasi-identifiers",
        &names,
        "--model",
        model,
        "--out",
        "out.csv",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn a_lattice_that_is_too_large_needs_a_deadline_and_then_says_how_good_the_answer_is() {
    let home = Home::new();
    let wide = wide(&home, "k=5");
    let arguments: Vec<&str> = wide.iter().map(String::as_str).collect();
    let said = home.run(&arguments);
    refused(&home, &said, 2, &["244140625 combinations of levels", "--deadline SECONDS"]);
    let json = home.ok(&[&arguments[..], &["--deadline", "0.3", "--json"]].concat()).json();
    assert!(json["min_class"].as_u64() >= Some(5));
    let gap = json["gap"].as_f64().unwrap();
    assert_eq!(json["proven_optimal"].as_bool().unwrap(), gap == 0.0);
    assert!(gap >= 0.0 && gap <= json["score"].as_f64().unwrap());
    assert!(json["elapsed_ms"].as_f64().unwrap() < 20_000.0);
    let text = home.ok(&[&arguments[..], &["--deadline", "0.3", "--overwrite"]].concat()).stdout;
    assert!(
        text.contains("at most above the optimum by") || text.contains("proven to be the least"),
        "{text}"
    );
    // No time at all: the coarsest release, and the truth about it.
    let text = home.ok(&[&arguments[..], &["--deadline", "0", "--overwrite"]].concat()).stdout;
    assert!(text.contains("1.000000, at most above the optimum by 1.000000"), "{text}");
}

#[test]
fn a_deadline_ends_even_a_search_that_finds_nothing() {
    let home = Home::new();
    // Above every node lies one that rules it out, so no node is left to check, and millions are left to pass.
    let wide = wide(&home, "k=200");
    home.write(
        "wide/c0.csv",
        (0..16).map(|v| format!("{v};a{};b{};c{};c{}\n", v / 2, v / 4, v / 8, v / 8)).collect::<String>(),
    );
    let arguments: Vec<&str> = wide.iter().map(String::as_str).collect();
    let start = std::time::Instant::now();
    let said = home.run(&[&arguments[..], &["--deadline", "0.5"]].concat());
    refused(&home, &said, 1, &["no generalisation"]);
    assert!(start.elapsed().as_secs() < 20);
}

#[test]
fn what_exists_is_kept_unless_asked() {
    let home = home();
    home.write("kept.csv", "mine");
    let said = home.run(&arguments("t.csv", "kept.csv", &["--model", "k=5"]));
    refused(&home, &said, 2, &["kept.csv", "--overwrite"]);
    assert_eq!(home.text("kept.csv"), "mine");
    home.ok(&arguments("t.csv", "kept.csv", &["--model", "k=5", "--overwrite"]));
    assert!(home.text("kept.csv").starts_with("sex,age"));
}

#[test]
fn messages_are_chinese_where_asked() {
    let home = home();
    let chinese = |options: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_medveil"));
        let arguments = arguments("t.csv", "zh.csv", options);
        Said::from(
            command.args(arguments).args(["--lang", "zh"]).current_dir(home.folder.path()).output().unwrap(),
        )
    };
    let said = chinese(&["--model", "k=81", "--suppression", "1"]);
    assert_eq!(said.code, Some(2), "{}", said.all());
    let said = chinese(&["--model", "k=5", "--suppression", "0.05", "--explain"]);
    assert_eq!(said.code, Some(0), "{}", said.all());
    for text in ["记录数: 80", "被抑制的记录", "已证明为最小", "准标识符", "已写入"] {
        assert!(said.stdout.contains(text), "`{text}`: {}", said.stdout);
    }
}

#[test]
fn models_that_nothing_satisfies_are_refused_with_exit_code_1() {
    let home = home();
    // 4 diagnoses, and no class of 5.
    let options = ["--sensitive", "diagnosis", "--model", "distinct-l=5"];
    let said = home.run(&arguments("t.csv", "out.csv", &options));
    refused(&home, &said, 1, &["no generalisation satisfies the models within the suppression limit"]);
    // With everything suppressed they hold for nobody, and that is a solution.
    let json = home
        .ok(&arguments("t.csv", "all.csv", &[&options[..], &["--suppression", "1", "--json"]].concat()))
        .json();
    assert_eq!((&json["suppressed_rows"], &json["classes"]), (&json!(80), &json!(0)));
}

#[test]
fn a_value_that_its_hierarchy_lacks_is_named_by_row_and_column() {
    let home = home();
    home.write("h/ward.csv", (0..4).map(|w| format!("{MARK}w{w},*\n")).collect::<String>());
    // The wards are 0, 5, 4, 3, 2, 1, ...: the second record is the first whose ward is not there.
    let said = home.run(&arguments("t.csv", "out.csv", &["--model", "k=5"]));
    refused(
        &home,
        &said,
        2,
        &["t.csv", "row 3, column 3 `ward`", "the hierarchy of this column does not have the value"],
    );
}

#[test]
fn a_hierarchy_that_is_not_monotone_is_named_by_rows_and_level() {
    let home = home();
    home.write(
        "h/ward.csv",
        format!("{MARK}w0;north;{MARK}1;*\n{MARK}w1;south;{MARK}1;*\n{MARK}w2;north;{MARK}2;*\n"),
    );
    let said = home.run(&arguments("t.csv", "out.csv", &["--model", "k=5"]));
    refused(&home, &said, 2, &["ward.csv", "rows 1 and 3", "level 1 (column 2)"]);
}

#[test]
fn a_column_has_one_part() {
    let home = home();
    let refuses = |options: &[&str], wanted: &str| {
        let said = home.run(&arguments("t.csv", "out.csv", &[&["--model", "k=5"], options].concat()));
        refused(&home, &said, 2, &[wanted]);
    };
    refuses(&["--sensitive", "age"], "`age` cannot be both quasi-identifier and sensitive");
    refuses(&["--drop", "age"], "`age` cannot be both quasi-identifier and dropped");
    refuses(&["--sensitive", "note", "--keep", "note"], "`note` cannot be both sensitive and kept");
    refuses(&["--sensitive", "diagnosi"], "no column is called `diagnosi`");
    refuses(&["--drop", "notes"], "no column is called `notes`");
}

#[test]
fn a_class_larger_than_the_table_is_refused() {
    let home = home();
    let said = home.run(&arguments("t.csv", "out.csv", &["--model", "k=81", "--suppression", "1"]));
    refused(&home, &said, 2, &["`k=81` asks for classes of 81 records, and the table has 80"]);
}

#[test]
fn an_empty_table_is_refused() {
    let home = home();
    home.write("t.csv", HEADER.join(",") + "\n");
    let said = home.run(&arguments("t.csv", "out.csv", &["--model", "k=5"]));
    refused(&home, &said, 2, &[]);
    assert!(said.stderr.contains("no records") || said.stderr.contains("empty"), "{}", said.stderr);
    home.write("t.csv", "");
    let said = home.run(&arguments("t.csv", "out.csv", &["--model", "k=5"]));
    refused(&home, &said, 2, &["the file is empty"]);
}

#[test]
fn a_criterion_needs_its_sensitive_attribute() {
    let home = home();
    let refuses = |options: &[&str], wanted: &str| {
        refused(&home, &home.run(&arguments("t.csv", "out.csv", options)), 2, &[wanted]);
    };
    refuses(&["--model", "distinct-l=2"], "`distinct-l=2` is about a sensitive attribute, and none is named");
    refuses(
        &["--model", "note:t=0.2", "--sensitive", "diagnosis"],
        "`note` is not named as a sensitive attribute",
    );
    refuses(
        &["--model", "hierarchical-t=0.2", "--sensitive", "note"],
        "`hierarchical-t=0.2` needs a hierarchy of `note`",
    );
    refuses(&["--model", "sex:k=5"], "`k` is not about a sensitive attribute");
    refuses(&["--model", "kk=5"], "no privacy model is called `kk`");
    refuses(&["--model", "k=5", "--metric", "los"], "no metric is called `los`");
    refuses(&["--model", "k=5", "--suppression", "2"], "from 0 to 1");
    refuses(&[], "--model");
}

#[test]
fn a_direct_identifier_that_is_not_named_is_not_released() {
    let home = home();
    let table = csv(",", "\n").replacen("note", "resident_id", 1);
    let mut serial = 0;
    let rows: String = table
        .lines()
        .map(|line| match line.rsplit_once(',') {
            Some((rest, cell)) if cell.starts_with(MARK) => {
                serial += 1;
                format!("{rest},{}\n", resident_id(serial))
            }
            _ => format!("{line}\n"),
        })
        .collect();
    home.write("t.csv", rows);
    let said = home.run(&arguments("t.csv", "out.csv", &["--model", "k=5"]));
    refused(&home, &said, 2, &["`resident_id` looks like a direct identifier", "--drop", "--keep"]);
    assert!(!said.stderr.contains("33010619"), "{}", said.stderr);
    home.ok(&arguments("t.csv", "dropped.csv", &["--model", "k=5", "--drop", "resident_id"]));
    assert!(!home.text("dropped.csv").contains("33010619"));
    home.ok(&arguments("t.csv", "kept.csv", &["--model", "k=5", "--keep", "resident_id"]));
    assert!(home.text("kept.csv").contains("33010619"));
}

/// A resident id with its check digit (GB 11643-1999).
fn resident_id(serial: u32) -> String {
    let body = format!("3301061980010{}{serial:03}", 1 + serial % 9);
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 =
        body.chars().zip(weights).map(|(digit, weight)| digit.to_digit(10).unwrap_or(0) * weight).sum();
    format!("{body}{}", ["1", "0", "X", "9", "8", "7", "6", "5", "4", "3", "2"][sum as usize % 11])
}

#[test]
fn a_damaged_table_leaves_nothing_behind() {
    let home = home();
    home.write("t.csv", csv(",", "\n") + &format!("{MARK}m,{MARK}20\n"));
    let said = home.run(&arguments("t.csv", "out.csv", &["--model", "k=5"]));
    refused(&home, &said, 2, &["row 82", "2 fields where the header has 5"]);
    std::fs::remove_file(home.path("t.csv")).unwrap();
    refused(&home, &home.run(&arguments("t.csv", "out.csv", &["--model", "k=5"])), 2, &["t.csv"]);
}
