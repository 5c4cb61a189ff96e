//! What cannot be read ends with a clear message: its place, no value, exit code 2, and nothing left behind.

use std::process::Stdio;

use super::{Home, Said};

/// Stands wherever a value stands; no message may show it.
const MARK: &str = "ZQMARKER";

const PLAN: &str = r#"
[plan]
name = "bad"
version = 1
release-model = "controlled"
subject = "pid"
unmatched = "keep"

[[rule]]
match = { column = "pid" }
action = "pseudonymize"

[[rule]]
match = { column = "day" }
action = "shift-date"

[[rule]]
match = { column = "num" }
action = { laplace = { epsilon = 1.0, lower = 0.0, upper = 40.0, decimals = 1 } }
"#;

fn home() -> Home {
    let home = Home::new();
    home.write("bad.toml", PLAN);
    home
}

/// Runs `deid` on a file of this content; it must fail and say all of `wanted`.
fn refuses(name: &str, content: impl AsRef<[u8]>, wanted: &[&str]) {
    let home = home();
    home.write(name, content);
    let plan = if name.ends_with("json") { "hipaa-safe-harbor" } else { "bad.toml" };
    let said = home.run(&["deid", name, "--plan", plan, "--key", "k.key", "--study", "s", "--out", "out"]);
    unusable(&home, &said, wanted);
    assert!(said.stderr.contains(name), "{}", said.stderr);
}

fn unusable(home: &Home, said: &Said, wanted: &[&str]) {
    assert_eq!(said.code, Some(2), "{wanted:?}: {}", said.all());
    assert!(said.stdout.is_empty(), "{}", said.stdout);
    for wanted in wanted {
        assert!(said.stderr.contains(wanted), "`{wanted}` is not in: {}", said.stderr);
    }
    assert!(!said.all().contains(MARK), "a value was shown: {}", said.all());
    assert!(said.stderr.len() < 1000, "a message that nobody reads: {} bytes", said.stderr.len());
    nothing_left(home);
}

/// Neither an output nor a part of one.
fn nothing_left(home: &Home) {
    let names = home.names();
    assert!(!names.iter().any(|name| name == "out" || name.starts_with(".medveil")), "{names:?}");
}

#[test]
fn truncated_tables_are_named_by_row() {
    refuses(
        "t.csv",
        format!("pid,day,num\n{MARK},2020-01-01,3\n{MARK},2020-0"),
        &["row 3", "2 fields where the header has 3"],
    );
    refuses(
        "t.csv",
        format!("pid,day,num\n{MARK},2020-01-01,\"3\n{MARK},2020-01-01,3\n"),
        &["row 2", "never closed"],
    );
}

#[test]
fn binary_data_are_named_by_byte() {
    refuses("t.csv", format!("pid,day,num\n{MARK},2020-01-01,3\n\0\u{1}{MARK}"), &["not a text file: byte"]);
    refuses("t.csv", "", &["the file is empty"]);
    refuses("t.csv", b"\xff\xfep\0i\0d\0", &["UTF-16"]);
    refuses("t.csv", b"\x1f\x8b\x08\0\0\0", &["compressed"]);
}

#[test]
fn mixed_encodings_are_named_by_row_and_byte() {
    let mut text = "pid,day,num\n".to_owned();
    for i in 0..70_000 {
        text += &format!("张伟{MARK}{i},2020-01-01,3\n");
    }
    let mut bytes = text.into_bytes();
    let at = bytes.len();
    bytes.extend_from_slice(b"\xd5\xc5\xce\xb0,2020-01-01,3\n");
    refuses("t.csv", bytes, &["row 70002", "not valid utf-8", &format!("byte {at}")]);
    refuses(
        "t.csv",
        format!("pid,day,num\n{MARK},2020-01-01,")
            .into_bytes()
            .into_iter()
            .chain(*b"\xff\xff\n")
            .collect::<Vec<_>>(),
        &["neither UTF-8 nor GB 18030"],
    );
    let mut bytes = format!("pid,day,num\n{MARK}张伟,2020-01-01,3\n{MARK}").into_bytes();
    bytes.extend_from_slice(b"\xd5\xc5\xce\xb0,2020-01-01,3\n");
    refuses("t.csv", bytes, &["not valid utf-8: byte 48", "if the file mixes encodings"]);
}

#[test]
fn ragged_records_are_named_by_row() {
    refuses(
        "t.csv",
        format!("pid,day,num\n{MARK},2020-01-01,3\n{MARK},2020-01-01,3,{MARK}\n"),
        &["row 3", "4 fields"],
    );
    refuses(
        "t.csv",
        format!("pid,day,num\n\"{MARK}\"{MARK},2020-01-01,3\n"),
        &["row 2", "after the closing quote"],
    );
}

#[test]
fn a_cell_of_10_mb_is_refused_unless_it_is_allowed() {
    let cell = MARK.repeat(10_000_000 / MARK.len());
    let text = format!("pid,note\n{MARK},{cell}\n");
    let home = home();
    home.write("t.csv", &text);
    home.write("bad.toml", PLAN);
    let args = ["deid", "t.csv", "--plan", "bad.toml", "--key", "k.key", "--study", "s", "--out", "out"];
    unusable(&home, &home.run(&args), &["row 2", "longer than 4000000 bytes", "--max-record"]);
    home.ok(&[&args[..], &["--max-record", "20MB"]].concat());
    assert!(home.text("out/t.csv").contains(&cell));
}

#[test]
fn headers_that_are_missing_or_double_are_named_by_column() {
    refuses(
        "t.csv",
        format!("pid,day,num,{MARK},{MARK}\na,2020-01-01,3,1,1\n"),
        &["column 5", "the name of column 4"],
    );
    refuses("t.csv", format!("pid,day,,num\n{MARK},2020-01-01,3,1\n"), &["column 3", "no name"]);
    refuses(
        "t.csv",
        "110101199003071234,2020-01-01,3\n110101199003071235,2020-01-01,3\n",
        &["row 1", "--no-header"],
    );
    refuses("t.csv", format!("day,num\n2020-01-01,{MARK}\n"), &["no column is called `pid`"]);
}

#[test]
fn what_is_no_number_is_named_by_cell() {
    for number in ["NaN", "inf", "-Infinity", "1e999", "0x1F", "\"1,5\"", "٣", MARK] {
        let text = format!("pid,day,num\n{MARK},2020-01-01,1\n{MARK},2020-01-01,{number}\n");
        refuses("t.csv", text, &["row 3, column 3 `num`", "not a plain decimal number"]);
    }
}

#[test]
fn numbers_beyond_all_bounds_are_clamped() {
    let home = home();
    home.write("t.csv", format!("pid,day,num\na,2020-01-01,{}\nb,2020-01-01,-{0}\n", "9".repeat(40)));
    home.ok(&["deid", "t.csv", "--plan", "bad.toml", "--key", "k.key", "--study", "s", "--out", "out"]);
    for value in home.column("out/t.csv", "num") {
        assert!((0.0..=40.0).contains(&value.parse::<f64>().unwrap()));
    }
}

#[test]
fn impossible_dates_are_named_by_cell() {
    for date in ["2023-02-30", "2023-13-01", "0000-00-00", "1900-02-29", "2023-02-28T25:00:00Z", MARK] {
        let text = format!("pid,day,num\n{MARK},{date},1\n");
        refuses("t.csv", text, &["row 2, column 2 `day`", "not a date of the calendar"]);
    }
}

#[test]
fn what_an_action_cannot_read_is_removed_where_the_plan_says_so() {
    let home = home();
    home.write("bad.toml", PLAN.replace("unmatched", "invalid = \"redact\"\nunmatched"));
    home.write("t.csv", format!("pid,day,num\na,{MARK},NaN\nb,2020-01-01,1\n"));
    home.ok(&["deid", "t.csv", "--plan", "bad.toml", "--key", "k.key", "--study", "s", "--out", "out"]);
    assert_eq!(home.column("out/t.csv", "day")[0], "");
    assert_eq!(home.column("out/t.csv", "num")[0], "");
    assert!(home.text("out/receipt.json").contains("\"invalid\": 1"));
}

#[test]
fn faults_in_json_are_named_by_line_and_byte() {
    let good = "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n";
    let deep = format!(
        "{{\"resourceType\":\"Patient\",\"x\":{}\"{MARK}\"{}}}\n",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let double = format!("{{\"resourceType\":\"Patient\",\"id\":\"{MARK}1\",\"id\":\"{MARK}2\"}}\n");
    let cut = format!("{{\"resourceType\":\"Patient\",\"id\":\"{MARK}1\",\"na");
    for (bad, wanted) in [(deep, "byte"), (double, "duplicate key"), (cut, "the record ends")] {
        refuses("t.ndjson", format!("{good}{bad}"), &["line 2, byte ", wanted]);
    }
    let mut bytes = format!("{good}{{\"resourceType\":\"Patient\",\"id\":\"{MARK}").into_bytes();
    bytes.extend_from_slice(b"\xff\xfe\"}\n");
    refuses("t.ndjson", bytes, &["line 2, byte ", "invalid UTF-8"]);
    refuses("t.json", format!("{{\"a\":\"{MARK}\"}}"), &["no `resourceType`"]);
    refuses(
        "t.json",
        format!(
            "{{\"resourceType\":\"Bundle\",\"entry\":[{{\"resource\":{{\"resourceType\":\"Patient\",\"id\":\"{MARK}\",\"id\":\"b\"}}}}]}}"
        ),
        &["Bundle.entry[0].resource.id: duplicate key"],
    );
}

#[test]
fn a_wrong_or_unreadable_key_file_is_named_and_not_shown() {
    let home = home();
    home.write("t.csv", format!("pid,day,num\n{MARK},2020-01-01,1\n"));
    home.write("short.key", format!("medveil-key-v1\n{MARK}\n"));
    home.write("other.key", format!("{MARK}\n"));
    home.write("binary.key", b"\xff\xfe\0\0");
    std::fs::create_dir(home.path("folder.key")).unwrap();
    for key in ["short.key", "other.key", "binary.key", "folder.key", "absent.key"] {
        let said = home.run(&["deid", "t.csv", "--plan", "bad.toml", "--key", key, "--out", "out"]);
        unusable(&home, &said, &[key]);
    }
}

#[test]
fn output_inside_input_and_output_that_exists_are_refused() {
    let home = home();
    std::fs::create_dir_all(home.path("in")).unwrap();
    home.write("in/t.csv", format!("pid,day,num\n{MARK},2020-01-01,1\n"));
    let args = |out: &'static str| ["deid", "in", "--plan", "bad.toml", "--key", "k.key", "--out", out];
    for out in ["in/out", "in", "in/../in/out", "."] {
        // Not even where it is asked for.
        let said = home.run(&[&args(out)[..], &["--overwrite"]].concat());
        unusable(&home, &said, &["lie inside one another"]);
    }
    assert_eq!(super::names(&home.path("in")), ["t.csv"]);
    std::fs::create_dir(home.path("full")).unwrap();
    home.write("full/theirs", "1");
    unusable(&home, &home.run(&args("full")), &["full", "--overwrite"]);
    assert_eq!(super::names(&home.path("full")), ["theirs"]);
    let args = ["deid", "absent", "--plan", "bad.toml", "--key", "k.key", "--out", "out"];
    unusable(&home, &home.run(&args), &["absent: cannot read"]);
}

#[test]
fn a_failed_overwrite_leaves_the_old_release() {
    let home = home();
    home.write("t.csv", "pid,day,num\na,2020-01-01,1\n");
    let args = ["deid", "t.csv", "--plan", "bad.toml", "--key", "k.key", "--out", "kept", "--overwrite"];
    home.ok(&args);
    let before = home.read("kept/t.csv");
    home.write("t.csv", format!("pid,day,num\na,{MARK},1\n"));
    unusable(&home, &home.run(&args), &["row 2"]);
    assert_eq!(home.read("kept/t.csv"), before);
    home.ok(&["verify", "kept/receipt.json"]);
}

#[test]
fn wrong_usage_has_code_2() {
    let home = home();
    for args in [
        &["deid"][..],
        &["verify"],
        &["frobnicate"],
        &["deid", "--seed", MARK],
        &["verify", "r", "--raw", "x"],
    ] {
        assert_eq!(home.run(args).code, Some(2), "{args:?}");
    }
}

#[test]
#[cfg(unix)]
fn an_interrupt_leaves_nothing_behind() {
    let home = Home::new();
    home.ok(&["synth", "--patients", "20000", "--seed", "7", "--out", "raw", "--formats", "csv"]);
    let args = ["deid", "raw", "--plan", "plan.toml", "--key", "k.key", "--study", "s", "--out", "out"];
    let run = home.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The run has begun once its private folder is there.
    while !home.names().iter().any(|name| name.starts_with(".medveil") || name == "out") {
        std::thread::yield_now();
    }
    let killed = std::process::Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    let said = Said::from(run.wait_with_output().unwrap());
    if !killed.success() || said.code == Some(0) {
        println!("skipped: the run was over before the interrupt");
        return;
    }
    unusable(&home, &said, &["interrupted"]);
}

/// A small file system of its own, where this process may mount one.
#[cfg(target_os = "linux")]
struct SmallDisk(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn mount(at: std::path::PathBuf) -> Option<SmallDisk> {
        std::fs::create_dir(&at).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&at).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(SmallDisk(at))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_nothing_behind() {
    let home = Home::with_hospital();
    let Some(disk) = SmallDisk::mount(home.path("disk")) else {
        println!("skipped: no file system can be mounted here");
        return;
    };
    let args = ["deid", "raw", "--plan", "plan.toml", "--key", "k.key", "--study", "s", "--out", "disk/out"];
    unusable(&home, &home.run(&args), &["No space left on device"]);
    assert!(super::names(&disk.0).is_empty());
    let said = home.run(&["synth", "--patients", "500", "--seed", "1", "--out", "disk/out"]);
    unusable(&home, &said, &["No space left on device"]);
    assert!(super::names(&disk.0).is_empty());
}
