//! The command as people run it: a binary, files, exit codes and what is printed.
#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod anonymize;
mod audits;
mod bad_input;
mod buckets;
mod certificates;
mod contracts;
mod custody;
mod hierarchies;
mod keys;
mod ledger;
mod life;
mod nodes;
mod plans;
mod policies;
mod population;
mod privacy;
mod sources;
mod tampering;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A plan with one action of each sort, for the synthetic hospital's tables and FHIR files.
const PLAN: &str = r#"
[plan]
name = "trial"
version = 1
release-model = "controlled"
unmatched = "keep"

[[rule]]
match = { column = "patient_id" }
action = "pseudonymize"

[[rule]]
match = { column = "resident_id" }
action = "encrypt"

[[rule]]
match = { column = "*_date" }
action = "shift-date"

[[rule]]
match = { column = "glucose" }
action = { laplace = { epsilon = 1.0, lower = 0.0, upper = 40.0, decimals = 1 } }

[[rule]]
match = { fhir = "Resource.id" }
action = "pseudonymize"

[[rule]]
match = { fhir = "nodesByType('Reference').reference" }
action = "pseudonymize"

[[rule]]
match = { fhir = "Patient.birthDate" }
action = "shift-date"

[[rule]]
match = { fhir = "nodesByType('dateTime')" }
action = "shift-date"
"#;

/// A folder of its own, in which the command runs.
struct Home {
    folder: TempDir,
}

/// What a run said.
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Home {
    /// An empty folder with a key, `k.key`, and [`PLAN`] as `plan.toml`.
    fn new() -> Home {
        let home = Home { folder: tempfile::tempdir().unwrap() };
        home.ok(&["key", "new", "--out", "k.key"]);
        home.write("plan.toml", PLAN);
        home
    }

    /// The same with a synthetic hospital in `raw`.
    fn with_hospital() -> Home {
        let home = Home::new();
        home.ok(&["synth", "--patients", "60", "--seed", "7", "--out", "raw"]);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_medveil"));
        command.args(args).args(["--lang", "en"]).current_dir(self.folder.path());
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        Said::from(self.command(args).output().unwrap())
    }

    /// Runs what must succeed.
    fn ok(&self, args: &[&str]) -> Said {
        let said = self.run(args);
        assert_eq!(said.code, Some(0), "{args:?}: {}{}", said.stdout, said.stderr);
        said
    }

    /// De-identifies by the plan of the tests into `out`.
    fn deid(&self, inputs: &[&str], study: &str, out: &str) -> Said {
        let options = ["--plan", "plan.toml", "--key", "k.key", "--study", study, "--out", out];
        self.ok(&[&["deid"], inputs, &options].concat())
    }

    /// The names of what lies in the folder, sorted.
    fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }

    /// Column `name` of a CSV file without quotes, top down.
    fn column(&self, file: &str, name: &str) -> Vec<String> {
        let text = self.text(file);
        let mut lines = text.lines();
        let at = lines.next().unwrap().split(',').position(|column| column == name).unwrap();
        lines.map(|line| line.split(',').nth(at).unwrap().to_owned()).collect()
    }
}

impl Said {
    /// The JSON object that is all of stdout.
    fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout).expect("stdout is one JSON value");
        assert!(value.is_object());
        value
    }

    /// Both streams.
    fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        Said {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
