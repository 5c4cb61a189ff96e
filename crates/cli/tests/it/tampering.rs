//! What was done to a release or its receipt is found, and named.

use super::Home;

const RAW: [&str; 2] = ["raw/patients.csv", "raw/visits.csv"];

/// A release of two tables in `out`.
fn released() -> Home {
    let home = Home::with_hospital();
    home.deid(&RAW, "a", "out");
    home
}

/// `verify` says no, and each of `wanted`.
fn refused(home: &Home, wanted: &[&str]) {
    refused_by(home, &["verify", "out/receipt.json"], wanted);
}

fn refused_by(home: &Home, args: &[&str], wanted: &[&str]) {
    let said = home.run(args);
    assert_eq!(said.code, Some(1), "{}", said.all());
    for wanted in wanted {
        assert!(said.stdout.contains(wanted), "`{wanted}` is not in:\n{}", said.stdout);
    }
}

/// Changes the lines of a released file.
fn edit(home: &Home, name: &str, change: impl Fn(&mut Vec<String>)) {
    let mut lines: Vec<String> = home.text(name).lines().map(str::to_owned).collect();
    change(&mut lines);
    home.write(name, lines.join("\n") + "\n");
}

/// Replaces a text in the receipt that must be there.
fn forge(home: &Home, from: &str, to: &str) {
    let receipt = home.text("out/receipt.json");
    assert!(receipt.contains(from));
    home.write("out/receipt.json", receipt.replace(from, to));
}

#[test]
fn a_dropped_row_is_named_with_its_place() {
    let home = released();
    edit(&home, "out/visits.csv", |lines| drop(lines.remove(40)));
    refused(&home, &["FAILED  visits.csv", "1 dropped", "the first difference lies in records"]);
}

#[test]
fn an_added_row_is_named_with_its_place() {
    let home = released();
    edit(&home, "out/visits.csv", |lines| lines.insert(40, lines[7].clone()));
    refused(&home, &["FAILED  visits.csv", "1 added", "the first difference lies in records"]);
}

#[test]
fn an_edited_cell_is_named_to_the_field_for_who_has_key_and_raw_data() {
    let home = released();
    // Line 9 of the file, and its last field.
    edit(&home, "out/visits.csv", |lines| {
        let (rest, _) = lines[8].rsplit_once(',').unwrap();
        lines[8] = format!("{rest},77.77");
    });
    refused(&home, &["FAILED  visits.csv", "the file was changed", "the first difference lies in records"]);
    let args = ["verify", "out/receipt.json", "--key", "k.key", "--raw", RAW[0], RAW[1]];
    refused_by(&home, &args, &["line 9 was edited: field 20"]);
}

#[test]
fn exchanged_rows_are_noticed() {
    let home = released();
    edit(&home, "out/visits.csv", |lines| lines.swap(3, 30));
    refused(&home, &["FAILED  visits.csv", "the file was changed"]);
}

#[test]
fn bytes_outside_of_the_records_are_noticed() {
    let home = released();
    let before = home.read("out/visits.csv");
    home.write("out/visits.csv", [&before[..], b"\n\n"].concat());
    refused(&home, &["FAILED  visits.csv", "bytes outside of the records were changed"]);
    home.write("out/visits.csv", [b"\xef\xbb\xbf", &before[..]].concat());
    refused(&home, &["FAILED  visits.csv"]);
}

#[test]
fn a_removed_byte_order_mark_is_noticed() {
    let home = Home::new();
    home.write("t.csv", b"\xef\xbb\xbfpatient_id,x\nP1,1\nP2,2\n");
    home.deid(&["t.csv"], "a", "out");
    home.ok(&["verify", "out/receipt.json"]);
    let released = home.read("out/t.csv");
    home.write("out/t.csv", released.strip_prefix(b"\xef\xbb\xbf").unwrap());
    refused(&home, &["FAILED  t.csv"]);
}

#[test]
fn a_swapped_plan_is_named() {
    let home = released();
    forge(&home, "\"epsilon\": 1.0", "\"epsilon\": 8.0");
    refused(&home, &["the plan is not the one that the digest names"]);
}

#[test]
fn a_rewritten_receipt_is_found_by_the_key_holder() {
    let home = released();
    forge(&home, "\"dropped\": 0", "\"dropped\": 1");
    let args = ["verify", "out/receipt.json", "--key", "k.key", "--raw", RAW[0], RAW[1]];
    refused_by(
        &home,
        &args,
        &["its authentication code does not hold", "the counts of the receipt are not those of the run"],
    );
}

#[test]
fn another_key_is_named() {
    let home = released();
    home.ok(&["key", "new", "--out", "other.key"]);
    let args = ["verify", "out/receipt.json", "--key", "other.key", "--raw", RAW[0], RAW[1]];
    refused_by(&home, &args, &["the key is not the one that the receipt was made with"]);
}

#[test]
fn another_seed_is_named() {
    let home = released();
    let seed = "5".repeat(64);
    let args = ["verify", "out/receipt.json", "--key", "k.key", "--seed", &seed, "--raw", RAW[0], RAW[1]];
    refused_by(&home, &args, &["the seed is not the one that the receipt was made with"]);
}

#[test]
fn other_raw_data_are_named() {
    let home = released();
    home.ok(&["synth", "--patients", "60", "--seed", "8", "--out", "twin", "--formats", "csv"]);
    let args =
        ["verify", "out/receipt.json", "--key", "k.key", "--raw", "twin/patients.csv", "twin/visits.csv"];
    refused_by(&home, &args, &["FAILED  visits.csv: the raw data are those of the receipt", "the raw file"]);
    let args = ["verify", "out/receipt.json", "--key", "k.key", "--raw", "twin"];
    refused_by(&home, &args, &["the raw data are other files than those of the receipt"]);
}

#[test]
fn a_missing_and_an_extra_file_are_named() {
    let home = released();
    std::fs::rename(home.path("out/visits.csv"), home.path("out/other.csv")).unwrap();
    refused(&home, &["the file is missing", "other.csv is not in the receipt"]);
}

#[test]
fn a_receipt_that_leads_out_of_its_release_is_not_followed() {
    let outside = "MARKER-OUTSIDE";
    for (name, target) in [("relative", "../outside.csv".to_owned()), ("absolute", String::new())] {
        let home = released();
        home.write("outside.csv", format!("a\n{outside}\n"));
        let target = if target.is_empty() { home.path("outside.csv").display().to_string() } else { target };
        forge(&home, "\"path\": \"visits.csv\"", &format!("\"path\": \"{target}\""));
        refused(&home, &["the path leads out of the release; the file is not read"]);
        assert!(!home.run(&["verify", "out/receipt.json"]).all().contains(outside), "{name}");
    }
}

#[test]
fn what_is_no_receipt_is_unusable_rather_than_refused() {
    let home = released();
    for text in ["", "{", "[]", "{\"format\":\"medveil-receipt-v1\"}", "\u{0}"] {
        home.write("out/receipt.json", text);
        let said = home.run(&["verify", "out/receipt.json"]);
        assert_eq!(said.code, Some(2), "{text}: {}", said.all());
        assert!(said.stderr.contains("receipt.json"));
    }
}
