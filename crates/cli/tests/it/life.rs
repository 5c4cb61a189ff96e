//! From nothing to a checked release, and back to the patient.

use std::collections::BTreeMap;

use super::{Home, names};

/// Days since 1970 of an ISO date, for offsets.
fn day(date: &str) -> i64 {
    let part = |range: std::ops::Range<usize>| date[range].parse::<i64>().unwrap();
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    // The civil calendar, counted from March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (m * 153 + 2) / 5 + day
}

/// Pseudonym and offset of each patient of a table.
fn identities(home: &Home, file: &str, out: &str, date: &str) -> BTreeMap<String, (String, i64)> {
    let (raw, released) = (format!("raw/{file}"), format!("{out}/{file}"));
    let before = home.column(&raw, "patient_id").into_iter().zip(home.column(&raw, date));
    let after = home.column(&released, "patient_id").into_iter().zip(home.column(&released, date));
    let mut found = BTreeMap::new();
    for ((id, before), (pseudonym, after)) in before.zip(after) {
        let identity = (pseudonym, day(&after) - day(&before));
        let first = found.entry(id).or_insert_with(|| identity.clone());
        assert_eq!(*first, identity, "one patient, one identity in {file}");
    }
    found
}

/// The values of a string member of each line of NDJSON.
fn members(home: &Home, file: &str, pointer: &str) -> Vec<String> {
    home.text(file)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|record| record.pointer(pointer).and_then(|value| value.as_str()).unwrap().to_owned())
        .collect()
}

#[test]
fn a_hospital_is_released_by_safe_harbor_and_checked() {
    let home = Home::with_hospital();
    let args = [
        "deid",
        "raw",
        "--plan",
        "hipaa-safe-harbor",
        "--key",
        "k.key",
        "--study",
        "s",
        "--out",
        "out",
        "--json",
    ];
    let said = home.ok(&args).json();
    assert_eq!(said["files"].as_array().unwrap().len(), 10);
    assert_eq!(said["plan_sha256"].as_str().unwrap().len(), 64);
    assert!(
        ["receipt.json", "report.html", "report.json"]
            .iter()
            .all(|name| home.path("out").join(name).is_file())
    );

    let mut released = String::new();
    for file in ["patients.csv", "visits.csv", "fhir/Patient.ndjson", "report.html", "receipt.json"] {
        released += &home.text(&format!("out/{file}"));
    }
    for column in ["patient_id", "name", "resident_id", "phone", "address"] {
        for value in home.column("raw/patients.csv", column) {
            assert!(!released.contains(&value), "a value of {column} left");
        }
    }
    let said = home.ok(&["verify", "out/receipt.json", "--json"]).json();
    assert_eq!(said["holds"], true);
    let said = home.ok(&["verify", "out/receipt.json", "--raw", "raw", "--key", "k.key", "--json"]).json();
    assert_eq!(said["holds"], true);
    assert!(said["checks"].as_array().unwrap().len() > 30);
}

#[test]
fn one_patient_is_one_identity_in_every_file_and_format_of_a_study_and_another_in_the_next() {
    let home = Home::with_hospital();
    home.deid(&["raw"], "a", "a");
    home.deid(&["raw"], "b", "b");
    let patients = identities(&home, "patients.csv", "a", "birth_date");
    let visits = identities(&home, "visits.csv", "a", "admit_date");
    assert!(patients.len() == 60 && !visits.is_empty());
    for (id, identity) in &visits {
        assert_eq!(patients[id], *identity);
    }
    let ids = members(&home, "raw/fhir/Patient.ndjson", "/id");
    let pseudonyms = members(&home, "a/fhir/Patient.ndjson", "/id");
    let births = members(&home, "raw/fhir/Patient.ndjson", "/birthDate");
    let shifted = members(&home, "a/fhir/Patient.ndjson", "/birthDate");
    for (i, id) in ids.iter().enumerate() {
        assert_eq!(patients[id], (pseudonyms[i].clone(), day(&shifted[i]) - day(&births[i])));
    }
    let subjects = members(&home, "raw/fhir/Encounter.ndjson", "/subject/reference");
    let references = members(&home, "a/fhir/Encounter.ndjson", "/subject/reference");
    let starts = members(&home, "raw/fhir/Encounter.ndjson", "/period/start");
    let moved = members(&home, "a/fhir/Encounter.ndjson", "/period/start");
    for (i, subject) in subjects.iter().enumerate() {
        let (pseudonym, offset) = &patients[subject.strip_prefix("Patient/").unwrap()];
        assert_eq!(references[i], format!("Patient/{pseudonym}"));
        assert_eq!(day(&moved[i]) - day(&starts[i]), *offset);
    }

    let other = identities(&home, "patients.csv", "b", "birth_date");
    assert!(patients.iter().all(|(id, (pseudonym, _))| other[id].0 != *pseudonym));
    let same = patients.iter().filter(|(id, (_, offset))| other[*id].1 == *offset).count();
    assert!(same < 5, "{same} of 60 offsets agree between two studies");
}

#[test]
fn threads_and_memory_change_no_byte() {
    let home = Home::with_hospital();
    home.deid(&["raw"], "a", "one");
    for (out, threads, memory) in [("two", "1", "128MB"), ("three", "4", "8MB"), ("four", "3", "1MB")] {
        let how = ["--threads", threads, "--memory", memory];
        let options = ["--plan", "plan.toml", "--key", "k.key", "--study", "a", "--out", out];
        home.ok(&[&["deid", "raw"], &how[..], &options].concat());
        for folder in ["", "/fhir"] {
            for name in names(&home.path(&format!("one{folder}"))) {
                let (a, b) = (format!("one{folder}/{name}"), format!("{out}{folder}/{name}"));
                if home.path(&a).is_dir() || name.starts_with("report.") || name == "receipt.json" {
                    continue;
                }
                assert!(home.read(&a) == home.read(&b), "{name} with {threads} threads and {memory}");
            }
        }
    }
}

#[test]
fn a_draft_of_a_scan_parses_and_runs() {
    let home = Home::with_hospital();
    let said = home.ok(&["scan", "raw", "--json", "--write-plan", "draft.toml"]).json();
    assert_eq!(said["files"].as_array().unwrap().len(), 10);
    home.ok(&["plan", "check", "draft.toml"]);
    // Whoever knows a patient's row and all visits tells most patients of a small hospital apart: said, and left to the plan.
    let args = ["deid", "raw", "--plan", "draft.toml", "--key", "k.key", "--out", "out"];
    let said = home.run(&args);
    assert_eq!(said.code, Some(1), "{}", said.all());
    assert!(said.stderr.contains("linked: ") && !home.path("out").exists(), "{}", said.stderr);
    home.write(
        "draft.toml",
        home.text("draft.toml").replace("[privacy]\n", "[privacy]\nlinked = \"report\"\n"),
    );
    home.ok(&args);
    let released =
        home.text("out/patients.csv") + &home.text("out/visits.csv") + &home.text("out/fhir/Patient.ndjson");
    for name in home.column("raw/patients.csv", "resident_id") {
        assert!(!released.contains(&name));
    }
    // A draft is not written over.
    let said = home.run(&["scan", "raw/visits.csv", "--write-plan", "draft.toml"]);
    assert!(said.code == Some(2) && said.stderr.contains("draft.toml: exists"), "{}", said.all());
}

#[test]
fn a_draft_of_one_table_lists_its_quasi_identifiers_and_runs() {
    let home = Home::with_hospital();
    home.ok(&["scan", "raw/visits.csv", "--write-plan", "draft.toml"]);
    assert!(home.text("draft.toml").contains("quasi-identifiers = ["));
    home.ok(&["deid", "raw/visits.csv", "--plan", "draft.toml", "--key", "k.key", "--out", "out"]);
    home.ok(&["verify", "out/receipt.json", "--raw", "raw/visits.csv", "--key", "k.key"]);
}

#[test]
#[cfg(unix)]
fn a_key_is_private_and_never_overwritten_by_accident() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let mode = std::fs::metadata(home.path("k.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = home.text("k.key");
    let said = home.run(&["key", "new", "--out", "k.key"]);
    assert!(said.code == Some(2) && said.stderr.contains("k.key: exists"), "{}", said.all());
    assert_eq!(home.text("k.key"), before);
    home.ok(&["key", "new", "--out", "other.key"]);
    assert_ne!(home.text("other.key"), before);
    let secret = before.lines().nth(1).unwrap();
    assert!(!said.all().contains(secret));
}

#[test]
fn what_is_kept_leaves_byte_for_byte() {
    let home = Home::new();
    // GB 18030: 姓名 and 张伟, with a quoted comma, doubled quotes and CRLF.
    let gb = b"patient_id,\xd0\xd5\xc3\xfb,code\r\nP1,\xd5\xc5\xce\xb0,\"a,\"\"b\"\"\"\r\nP2,\xd5\xc5\xce\xb0,007\r\n";
    let utf8 = "\u{feff}patient_id;\"n\";code;day\nP1;\"0001.50\";\" x \";2020-1-2\nP2;+1e3;\"\"\"\";\n";
    home.write("gb.csv", gb);
    home.write("utf8.csv", utf8);
    home.write("last.csv", "patient_id,x\nP1,00\nP1,\"\"");
    home.deid(&["gb.csv", "utf8.csv", "last.csv"], "a", "out");
    for (name, raw) in [("gb.csv", &gb[..]), ("utf8.csv", utf8.as_bytes())] {
        let released = home.read(&format!("out/{name}"));
        assert_ne!(released, raw);
        assert_eq!(without_first_fields(&released), without_first_fields(raw), "{name}");
    }
    assert!(home.text("out/last.csv").ends_with(",\"\"") || home.text("out/last.csv").ends_with(",\"\"\n"));
    let args = ["verify", "out/receipt.json", "--key", "k.key", "--raw", "gb.csv", "utf8.csv", "last.csv"];
    home.ok(&args);
}

/// What follows the first delimiter of each line.
fn without_first_fields(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| *byte == b'\n')
        .map(|line| line.iter().position(|byte| b",;".contains(byte)).map_or(line, |at| &line[at..]))
        .collect()
}

#[test]
fn the_key_holder_restores_what_is_reversible_and_nobody_else_does() {
    let home = Home::with_hospital();
    home.deid(&["raw/patients.csv"], "a", "out");
    let raw = home.column("raw/patients.csv", "resident_id");
    assert_ne!(home.column("out/patients.csv", "resident_id"), raw);
    let said =
        home.ok(&["reidentify", "out/patients.csv", "--key", "k.key", "--out", "back.csv", "--json"]).json();
    assert_eq!(said["restored"], 60);
    assert_eq!(home.column("back.csv", "resident_id"), raw);
    assert_eq!(home.column("back.csv", "patient_id"), home.column("out/patients.csv", "patient_id"));

    home.ok(&["key", "new", "--out", "other.key"]);
    let said = home.run(&["reidentify", "out/patients.csv", "--key", "other.key", "--out", "no.csv"]);
    assert!(said.code == Some(1) && !home.path("no.csv").exists(), "{}", said.all());
    let other_study = ["reidentify", "out/patients.csv", "--key", "k.key", "--study", "b", "--out", "no.csv"];
    assert!(home.run(&other_study).code == Some(1) && !home.path("no.csv").exists());
}

#[test]
fn a_release_without_a_key_file_says_what_that_costs_and_still_verifies() {
    let home = Home::with_hospital();
    let said = home.ok(&["deid", "raw/visits.csv", "--plan", "hipaa-safe-harbor", "--out", "out"]);
    assert!(said.stdout.is_empty() && said.stderr.contains("no key file was given"), "{}", said.all());
    home.ok(&["verify", "out/receipt.json"]);
}

#[test]
fn a_release_that_cannot_be_private_enough_is_refused_with_code_1() {
    let home = Home::new();
    home.write("t.csv", "age,sex,diagnosis\n30,F,J06\n41,M,I10\n52,F,E11\n");
    home.write(
        "strict.toml",
        "[plan]\nname = \"strict\"\nversion = 1\nrelease-model = \"public\"\nunmatched = \"keep\"\n\n[privacy]\n\
         quasi-identifiers = [\"age\", \"sex\"]\nmodels = [\"k=2\"]\nsuppression = 0.0\nmetric = \"loss\"\nmax-risk = 0.2\n",
    );
    let said = home.run(&["deid", "t.csv", "--plan", "strict.toml", "--out", "out"]);
    assert_eq!(said.code, Some(1), "{}", said.all());
    assert!(said.stderr.contains("the release is refused"), "{}", said.stderr);
    assert!(!home.path("out").exists());
}

#[test]
fn the_same_seed_makes_the_same_hospital() {
    let home = Home::with_hospital();
    home.ok(&["synth", "--patients", "60", "--seed", "7", "--out", "again", "--json"]).json();
    home.ok(&["synth", "--patients", "60", "--seed", "8", "--out", "other"]);
    for file in ["patients.csv", "visits.csv", "fhir/Patient.ndjson"] {
        let raw = home.read(&format!("raw/{file}"));
        assert!(raw == home.read(&format!("again/{file}")) && raw != home.read(&format!("other/{file}")));
    }
    let said = home.run(&["synth", "--patients", "1", "--seed", "7", "--out", "x", "--formats", "dicom"]);
    assert!(said.code == Some(2) && !home.path("x").exists());
}

#[test]
fn messages_are_chinese_where_asked() {
    let home = Home::with_hospital();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_medveil"));
    let args = ["--lang", "zh", "scan", "raw/patients.csv"];
    let said = super::Said::from(command.args(args).current_dir(home.path("")).output().unwrap());
    assert!(said.code == Some(0) && said.stdout.contains("识别结果"), "{}", said.all());
}
