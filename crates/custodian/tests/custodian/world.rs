//! A hospital with a custodian, on a chain in memory whose blocks the real rules execute.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use medveil_custodian::*;
use medveil_deid::plan::Plan;
use medveil_deid::study::MasterKey;
use medveil_deid::table::{parquet_record, write_records};
use medveil_ledger::action::*;
use medveil_ledger::state::custody::Custody;
use medveil_ledger::state::release::Release;
use medveil_ledger::terms::Terms;
use medveil_ledger::vocabulary::Purpose;
use medveil_ledger::*;
use medveil_synth::tumours;
pub use medveil_synth::tumours::PLAN;

use crate::common::{Chain, key, organisation};
use crate::scene::{ask, permit, research, set, wallet};

/// The hospital.
pub const HOSPITAL: u8 = 1;
/// Who asks.
pub const RESEARCHER: u8 = 3;
/// Who audits.
pub const REGULATOR: u8 = 6;
pub const LABEL: &str = "tumours";

/// What a ledger tells one member: a member's node may be made to lie to its own custodian.
pub type Lie = Rc<dyn Fn(&Key, Option<Vec<u8>>) -> Option<Vec<u8>>>;
/// What a member's node makes of the custodian's actions.
pub type Forge = Rc<dyn Fn(Action) -> Action>;

/// The ledger, as a member sees it.
#[derive(Clone)]
pub struct Book {
    pub chain: Rc<RefCell<Chain>>,
    pub member: u8,
    pub acts: Rc<RefCell<Vec<(&'static str, Outcome)>>>,
    pub lie: Option<Lie>,
    pub forge: Option<Forge>,
    /// Actions after which nobody answers, though they become final.
    pub silent: Rc<Cell<bool>>,
}

impl Reader for Book {
    fn chain(&self) -> ChainId {
        self.chain.borrow().id
    }

    fn tip(&self) -> Result<Tip, LedgerError> {
        let height = self.chain.borrow().height;
        Ok(Tip { height, time_ms: self.time_ms(height)? })
    }

    fn time_ms(&self, height: u64) -> Result<u64, LedgerError> {
        Ok(self.chain.borrow().genesis.time_ms + 1000 * height)
    }

    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, LedgerError> {
        let found = self.chain.borrow().state.get(key).cloned();
        Ok(match &self.lie {
            Some(lie) => lie(key, found),
            None => found,
        })
    }
}

impl Ledger for Book {
    fn organisation(&self) -> OrganisationId {
        organisation(crate::common::MEMBERS[usize::from(self.member) - 1])
    }

    fn events(&self, after: u64, limit: usize) -> Result<Vec<(u64, Event)>, LedgerError> {
        let chain = self.chain.borrow();
        let numbered = (1..).zip(chain.events.iter().cloned());
        Ok(numbered.skip(after as usize).take(limit).collect())
    }

    fn act(&self, action: Action) -> Result<Done, LedgerError> {
        let action = match &self.forge {
            Some(forge) => forge(action),
            None => action,
        };
        let name = action.spec().name;
        let mut chain = self.chain.borrow_mut();
        let transaction = chain.transaction(&key(self.member), action);
        let digest = transaction.digest();
        let outcome = chain.block(&[transaction]).receipts.remove(0).outcome;
        self.acts.borrow_mut().push((name, outcome.clone()));
        Ok(Done { height: chain.height, transaction: digest, outcome })
    }
}

/// Names and contents of files.
type Files = BTreeMap<String, Vec<u8>>;

fn collect(root: &Path, folder: &Path, files: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
            continue;
        }
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        files.insert(name, std::fs::read(&path).unwrap());
    }
}

/// Custody that keeps folders in memory and registers them by the rules.
#[derive(Clone)]
pub struct Safe {
    pub book: Book,
    /// By object and version, names and contents of the files.
    pub kept: Rc<RefCell<BTreeMap<(CustodyId, u64), Files>>>,
    pub down: Rc<Cell<bool>>,
}

impl Vault for Safe {
    fn keep(
        &self,
        folder: &Path,
        label: Slug,
        version: u64,
        policy: Digest,
    ) -> Result<CustodyId, VaultError> {
        if self.down.get() {
            return Err(VaultError("too few members answer".into()));
        }
        let id = CustodyId::derive(self.book.chain(), self.book.organisation(), label);
        let latest =
            ledger::latest::<Custody>(&self.book, &id).map_err(|error| VaultError(error.to_string()))?;
        if latest.is_some_and(|latest| latest.version >= version) {
            return Ok(id);
        }
        let mut files = Files::new();
        collect(folder, folder, &mut files);
        self.kept.borrow_mut().insert((id, version), files);
        let wrapped_key = bounded::OpaqueBytes::new(vec![7; 64]).unwrap();
        let register = CustodyRegister { label, version, manifest: Digest([8; 32]), wrapped_key, policy };
        let done = self.book.act(register.into()).map_err(|error| VaultError(error.to_string()))?;
        assert_eq!(done.outcome, Outcome::Applied);
        Ok(id)
    }

    fn destroy(&self, object: CustodyId) -> Result<(), VaultError> {
        self.kept.borrow_mut().retain(|(id, _), _| *id != object);
        Ok(())
    }
}

/// Goes on, unless it is told to stop or to do something.
#[derive(Clone, Default)]
pub struct Hook(pub Option<Rc<dyn Fn(Point) -> bool>>);

impl Interrupt for Hook {
    fn at(&self, point: Point) -> Result<(), Interrupted> {
        match &self.0 {
            Some(hook) if hook(point) => Err(Interrupted(point)),
            _ => Ok(()),
        }
    }
}

/// The hospital's custodian.
pub type Keeper = Custodian<Book, Safe, Hook>;

/// The world of a test.
pub struct World {
    pub home: tempfile::TempDir,
    pub book: Book,
    pub safe: Safe,
    pub dataset: DatasetId,
    pub plan: Plan,
    /// Handles by the numbers of patients, from 1.
    pub handles: BTreeMap<u8, AccountId>,
    pub consents: BTreeMap<u8, ConsentId>,
}

/// The id of the patient of a number.
pub fn patient(number: u8) -> String {
    format!("P{number:04}")
}

/// The registry of these patients.
pub fn table(patients: impl IntoIterator<Item = u8>) -> String {
    tumours::table(patients.into_iter().map(|number| (u32::from(number), patient(number))))
}

/// A registry as a file of Parquet.
pub fn parquet(table: &str) -> Vec<u8> {
    let record = |cells: &[&str]| parquet_record::record(cells.iter().map(|cell| Some(cell.as_bytes())));
    let types = ["text", "text", "dictionary(int8, text)", "int32", "text", "decimal128(4, 1)"];
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header: Vec<&str> =
        lines.next().unwrap().into_iter().zip(types).flat_map(<[&str; 2]>::from).collect();
    let records: Vec<Vec<u8>> = lines.map(|cells| record(&cells)).collect();
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let mut bytes = Vec::new();
    write_records(&record(&header), &records, &mut bytes).unwrap();
    bytes
}

impl World {
    /// A hospital whose dataset has so many patients, with a custodian that has not begun.
    pub fn new(patients: u8) -> Self {
        let home = tempfile::tempdir().unwrap();
        for folder in ["data", "plans"] {
            std::fs::create_dir(home.path().join(folder)).unwrap();
        }
        std::fs::write(home.path().join("data/visits.csv"), table(1..=patients)).unwrap();
        std::fs::write(home.path().join("plans/tumours.toml"), PLAN).unwrap();
        std::fs::write(home.path().join("hospital.key"), MasterKey::from_bytes([5; 32]).to_text().as_bytes())
            .unwrap();
        let chain = Rc::new(RefCell::new(Chain::new()));
        let book = Book {
            chain,
            member: HOSPITAL,
            acts: Rc::default(),
            lie: None,
            forge: None,
            silent: Rc::default(),
        };
        let safe = Safe { book: book.clone(), kept: Rc::default(), down: Rc::default() };
        let dataset = DatasetId::derive(book.chain(), book.organisation(), Slug::new(LABEL).unwrap());
        let plan = Plan::from_toml(PLAN).unwrap();
        World { home, book, safe, dataset, plan, handles: BTreeMap::new(), consents: BTreeMap::new() }
    }

    /// Writes the table as a file of Parquet instead.
    pub fn in_parquet(&self) {
        let data = self.home.path().join("data");
        let table = std::fs::read_to_string(data.join("visits.csv")).unwrap();
        std::fs::remove_file(data.join("visits.csv")).unwrap();
        std::fs::write(data.join("visits.parquet"), parquet(&table)).unwrap();
    }

    /// Files of other data in the place of the table, and a plan for them.
    pub fn holding(mut self, files: impl IntoIterator<Item = (String, String)>, plan: &str) -> Self {
        let data = self.home.path().join("data");
        std::fs::remove_file(data.join("visits.csv")).unwrap();
        for (name, text) in files {
            let path = data.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::write(self.home.path().join("plans/tumours.toml"), plan).unwrap();
        self.plan = Plan::from_toml(plan).unwrap();
        self
    }

    pub fn settings(&self) -> Settings {
        let dataset = DatasetSettings {
            label: Slug::new(LABEL).unwrap(),
            path: Place::Folder("data".into()),
            key: "hospital.key".into(),
            patient: "patient_id".into(),
            level: None,
            hashes: state::dataset::HashSuite::International,
            watch: true,
        };
        Settings { folder: "custodian".into(), datasets: vec![dataset], ..Settings::default() }
            .within(self.home.path())
    }

    /// The custodian, begun again.
    pub fn keeper(&self) -> Keeper {
        self.keeper_with(Hook::default(), self.book.clone())
    }

    pub fn keeper_with(&self, hook: Hook, book: Book) -> Keeper {
        Custodian::open_with(self.settings(), book, self.safe.clone(), hook).unwrap()
    }

    pub fn chain(&self) -> std::cell::RefMut<'_, Chain> {
        self.book.chain.borrow_mut()
    }

    /// Lets patients enrol with the codes that the hospital gives them, and consent to research.
    pub fn consenting(mut self, patients: impl IntoIterator<Item = u8>) -> Self {
        let mut keeper = self.keeper();
        for number in patients {
            self.enrol(&mut keeper, number);
            self.consent(number);
        }
        self
    }

    pub fn enrol(&mut self, keeper: &mut Keeper, number: u8) {
        let until_ms = self.chain().now_ms() + crate::scene::DAY_MS;
        let invited = keeper.invite(&patient(number), until_ms, &set([])).unwrap().unwrap();
        let enrol = PatientEnrol { wallet: wallet(number).public() };
        self.chain().apply_as(invited.handle, &invited.code.key(), enrol);
        self.handles.insert(number, invited.handle);
    }

    pub fn consent(&mut self, number: u8) {
        let handle = self.handles[&number];
        let mut chain = self.chain();
        let provision = permit(&chain, Purpose::HealthResearch);
        let consent = chain.consent(handle, number, provision);
        drop(chain);
        self.consents.insert(number, consent);
    }

    pub fn withdraw(&self, number: u8) {
        let consent = self.consents[&number];
        self.chain().apply_as(self.handles[&number], &wallet(number), ConsentWithdraw { consent });
    }

    /// Publishes a contract and asks for the dataset under it.
    pub fn request(&self, label: &str, change: impl FnOnce(&mut Terms)) -> RequestId {
        let mut chain = self.chain();
        let mut terms = research(&chain, [self.dataset]);
        terms.plan = Digest(self.plan.digest());
        change(&mut terms);
        let contract = chain.publish(HOSPITAL, label, terms);
        chain.request(RESEARCHER, ask(contract, [self.dataset]))
    }

    /// A registered dataset, a granted request, and a turn of the custodian for each.
    pub fn granted(&self) -> RequestId {
        self.keeper().turn().unwrap();
        self.request("research", |_| {})
    }

    pub fn release_id(&self, request: RequestId) -> ReleaseId {
        ReleaseId::derive(request, self.dataset)
    }

    pub fn posted(&self, request: RequestId) -> Option<Versioned<Release>> {
        self.chain().latest::<Release>(&self.release_id(request))
    }

    /// The folder of a version of a release.
    pub fn release_folder(&self, request: RequestId, version: u64) -> PathBuf {
        let release = self.release_id(request).to_string();
        self.home.path().join("custodian/releases").join(release).join(version.to_string())
    }

    /// The released table, as lines without the header.
    pub fn released(&self, request: RequestId, version: u64) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(self.release_folder(request, version).join("visits.csv")).unwrap();
        text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
    }

    /// How often an action was carried out.
    pub fn applied(&self, name: &str) -> usize {
        let acts = self.book.acts.borrow();
        acts.iter().filter(|(act, outcome)| *act == name && *outcome == Outcome::Applied).count()
    }
}
