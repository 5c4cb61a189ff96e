//! What a hospital has on disk: the table of its patients, the plan, the custodian's folder.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use medveil_custodian::{DatasetSettings, Ledger as _, Reader as _, Settings, patients};
use medveil_deid::{plan::Plan, study::MasterKey};
use medveil_ledger::{Digest, state::dataset::HashSuite};

use crate::{
    chance::Chance,
    consortium::Consortium,
    custodian::{Book, View},
    people::{PATIENTS, code_seed, slug},
};

/// Of each patient nothing but a number remains.
const PLAN: &str = r#"
[plan]
name = "simulation"
version = 1
release-model = "controlled"
subject = "patient_id"

[[rule]]
match = { column = "patient_id" }
action = "pseudonymize"

[[rule]]
match = { column = "name" }
action = { mask = { keep-first = 0 } }

[[rule]]
match = { column = "sex" }
action = "redact"

[[rule]]
match = { column = "stage" }
action = "keep"

[[rule]]
match = { column = "glucose" }
action = "keep"
"#;

/// What contracts name.
pub fn plan() -> Digest {
    Digest(Plan::from_toml(PLAN).unwrap().digest())
}

/// Patients of the hospital's table; the first of them have handles.
pub const TABLE: usize = 40;
/// Records of a patient.
const VISITS: usize = 3;

/// The hospital's own: its table, its custodian's folder.
pub struct Home {
    pub folder: tempfile::TempDir,
    pub hospital: usize,
    pub view: Arc<Mutex<View>>,
}

/// The live table of a hospital.
#[derive(Default)]
pub struct Table {
    pub patients: usize,
    /// A value is not what it was.
    pub tampered: bool,
}

impl Table {
    pub fn write(&self, folder: &Path) {
        let mut text = String::from("patient_id,name,sex,stage,glucose\n");
        for visit in 0..self.patients * VISITS {
            let number = visit / VISITS;
            let more = if self.tampered && visit == 1 { "0" } else { "" };
            text += &format!("P{number:04},王某{number},男,m{number},{}.1{more}\n", 4 + visit % 9);
        }
        fs::write(folder.join("data/visits.csv"), text).unwrap();
    }
}

impl Home {
    pub fn new(consortium: &Consortium, hospital: usize, seed: u64) -> Self {
        // In memory, where the machine has such a place: that the disk keeps what it is told to keep is not the question here.
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
        let folder = folder.unwrap();
        for name in ["data", "plans"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("plans/plan.toml"), PLAN).unwrap();
        let key = MasterKey::from_bytes([hospital as u8 + 5; 32]);
        fs::write(folder.path().join("hospital.key"), key.to_text().as_bytes()).unwrap();
        let view = View::new(consortium, Chance::new(seed ^ ((hospital as u64 + 1) << 56)));
        Home { folder, hospital, view: Arc::new(Mutex::new(view)) }
    }

    pub fn settings(&self) -> Settings {
        let dataset = DatasetSettings {
            label: slug("visits"),
            path: medveil_custodian::Place::Folder("data".into()),
            key: "hospital.key".into(),
            patient: "patient_id".into(),
            level: None,
            hashes: HashSuite::International,
            watch: true,
        };
        Settings { folder: "custodian".into(), datasets: vec![dataset], ..Settings::default() }
            .within(self.folder.path())
    }

    pub fn book(&self, consortium: &Arc<Consortium>) -> Book {
        let folder = self.settings().folder;
        Book { consortium: consortium.clone(), hospital: self.hospital, folder, view: self.view.clone() }
    }
}

/// Ties the handles of patients who were invited by an administrator.
pub fn tie(folder: &Path, book: &Book) {
    let codes: Vec<_> = (0..PATIENTS)
        .map(|number| {
            let code = patients::EnrolmentCode::from_seed(code_seed(book.hospital, number));
            (format!("P{number:04}"), code)
        })
        .collect();
    patients::tie(folder, book.chain(), book.organisation(), &codes).unwrap();
}
