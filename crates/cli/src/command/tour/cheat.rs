//! A hospital edits what it releases. Nothing shows it but an audit; the audit does.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use medveil_custodian::patients::{EnrolmentCode, tie};
use medveil_custodian::{DatasetSettings, Place, Settings, openings_file};
use medveil_deid::plan::Plan;
use medveil_ledger::action::{AccessRequest, ContractPublish, RequestSubmit, RequestVote};
use medveil_ledger::refusal::fact;
use medveil_ledger::state::challenge::Verdict;
use medveil_ledger::state::dataset::HashSuite;
use medveil_ledger::state::request::{Ask, Subject};
use medveil_ledger::template::{Particulars, Template};
use medveil_ledger::vocabulary::{DataClass, Purpose};
use medveil_ledger::{
    ContractId, DatasetId, Digest, Event, IncidentId, ObjectRef, ReleaseId, RequestId, Slug,
};
use medveil_synth::tumours;
use serde_json::json;

use super::super::audit_check::soundness;
use super::super::demo::{CUSTODIAN, DATA_KEY};
use super::challenge::AUDITOR;
use super::contract::set;
use super::forger::{self, Desk, Pen, Secret, Shelf};
use super::{HOSPITALS, INSTITUTE, INSTITUTE_NODE, Step, Tour, height, organisation, request};
use crate::failure::Failure;
use crate::ledger::HttpLedger;
use crate::signer::Signer;

/// The hospital that cheats.
const CHEAT: &str = HOSPITALS[4];

/// What its dataset is called.
const LABEL: &str = "tumours";

/// The dataset's table.
const TABLE: &str = "tumours.csv";

/// Where the changed custodian keeps what is private, in the hospital's folder.
const FOLDER: &str = "data/changed-custodian";

/// The stage that looks bad, and what is written in its place.
const EDIT: (&str, &str) = (",IV,", ",I,");

/// Patients of the registry at most.
const PATIENTS: usize = 300;

/// Rows that are drawn.
const ROWS: u32 = 200;

/// What the registry's contract has done to its records.
const PLAN: &str = r#"
[plan]
name = "tumour-registry"
version = 1
release-model = "controlled"
subject = "patient_id"

[[rule]]
match = { column = "patient_id" }
action = "pseudonymize"

[[rule]]
match = { column = "age" }
action = { generalize = { bin = 20 } }

[[rule]]
match = { column = "stage" }
action = "keep"

[[rule]]
match = { column = "sex" }
action = "keep"

[[rule]]
match = { column = "glucose" }
action = { round = { to = 0.5 } }
"#;

/// The changed custodian's part of the tour.
struct Cheat<'a> {
    tour: &'a Tour<'a>,
    signer: Signer,
    settings: Settings,
    events: RefCell<Vec<Event>>,
    secret: Rc<Secret>,
}

impl<'a> Cheat<'a> {
    /// A registry of tumours in the hospital's folder, and a custodian for it alone beside the node's.
    fn new(tour: &'a Tour<'a>) -> Result<Self, Failure> {
        let home = tour.folder.join(CHEAT);
        for folder in [home.join(LABEL), home.join("plans"), home.join(FOLDER)] {
            std::fs::create_dir_all(&folder).map_err(Failure::unusable)?;
        }
        std::fs::write(home.join("plans/tumour-registry.toml"), PLAN).map_err(Failure::unusable)?;
        let wallets = &tour.wallets[&organisation(CHEAT)];
        let wallets = &wallets[..wallets.len().min(PATIENTS)];
        let registry = tumours::table((1..).zip(wallets.iter().map(|wallet| &wallet.id)));
        std::fs::write(home.join(LABEL).join(TABLE), registry).map_err(Failure::unusable)?;
        let dataset = DatasetSettings {
            label: Slug::new(LABEL).expect("a slug"),
            path: Place::Folder(Path::new(LABEL).join(TABLE)),
            key: DATA_KEY.into(),
            patient: "patient_id".to_owned(),
            level: None,
            hashes: HashSuite::International,
            watch: false,
        };
        let settings = Settings { folder: FOLDER.into(), datasets: vec![dataset], ..Settings::default() };
        let settings = settings.within(&home);
        let ties: Vec<(String, EnrolmentCode)> =
            wallets.iter().map(|wallet| (wallet.id.clone(), wallet.code.clone())).collect();
        tie(&settings.folder, tour.chain, organisation(CHEAT), &ties).map_err(Failure::unusable)?;
        let signer = tour.administrator(CHEAT)?;
        Ok(Cheat { tour, signer, settings, events: RefCell::default(), secret: Rc::default() })
    }

    fn turn(&self, release: Option<ReleaseId>) -> Result<(), Failure> {
        let tour = self.tour;
        let desk = Desk {
            reader: HttpLedger::new(tour.client(CHEAT)?, tour.chain),
            signer: &self.signer,
            organisation: organisation(CHEAT),
            console: tour.console,
            events: &self.events,
            secret: self.secret.clone(),
        };
        let shelf = Shelf { desk: tour.desk(CHEAT)?, work: self.settings.folder.join("custody") };
        let release = release.map(|release| forger::folder_of(&self.settings, release));
        let pen = Pen { release, table: TABLE, edit: EDIT, secret: self.secret.clone() };
        forger::turn(&self.settings, desk, shelf, pen)
    }

    /// Tells the custodian what became final.
    fn tell(&self, kind: &'static str, object: ObjectRef) {
        let event = Event {
            kind: kind.into(),
            height: 0,
            transaction: None,
            actor: None,
            organisation: None,
            object,
            facts: vec![fact("owner", organisation(CHEAT))],
        };
        self.events.borrow_mut().push(event);
    }
}

pub(super) fn caught(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let shared: &Tour<'_> = tour;
    let (owner, label) = (organisation(CHEAT), Slug::new("tumours-2026").expect("a slug"));
    let cheat = Cheat::new(shared)?;
    // It registers the data, honestly: what it is caught with is proven against this.
    cheat.turn(None)?;
    let dataset = DatasetId::derive(shared.chain, owner, Slug::new(LABEL).expect("a slug"));
    let plan = Plan::from_toml(PLAN).map_err(Failure::unusable)?;
    let mut terms = Template::ClinicalResearch.terms(&Particulars {
        owner,
        datasets: set([dataset])?,
        plan: Digest(plan.digest()),
        ethics: request::approval(),
        now_ms: shared.now_ms(CHEAT)?,
        committee: set([organisation("regulator-2")])?,
    });
    terms.min_cohort = 5;
    terms.max_risk_ppm = 200_000;
    shared.act(&cheat.signer, ContractPublish { label, revision: 1, terms })?;
    let ask = Ask {
        contract: ContractId::derive(shared.chain, owner, label),
        revision: 1,
        datasets: set([dataset])?,
        purposes: set([Purpose::HealthResearch])?,
        classes: set([DataClass::Demographics, DataClass::Conditions])?,
        commercial: false,
        undertakings: set([])?,
        ethics: Some(request::approval()),
        abroad: None,
        subject: Subject::Cohort,
        query: super::super::request::whole_query(),
        epsilon: 0,
    };
    let researcher = shared.administrator(INSTITUTE)?;
    let submitted = shared.act(&researcher, RequestSubmit { ask })?;
    let id: Digest = super::super::text(&submitted["id"]).parse().map_err(Failure::unusable)?;
    let request = RequestId(id.0);
    shared.act(&shared.administrator("regulator-2")?, RequestVote { request, approve: true })?;

    // The changed custodian edits what the plan made, and posts it in the hospital's name.
    let release = ReleaseId::derive(request, dataset);
    cheat.tell("request.granted", ObjectRef::request(request));
    cheat.turn(Some(release))?;
    let posted = shared.posted(CHEAT, AUDITOR, release, 1)?;
    let records = posted["value"]["figures"]["records"].as_u64().unwrap_or(0);
    let edited = cheat.secret.edited.get();
    shared.must(edited > 0, "nothing was edited", "没有任何改动")?;

    let challenged = shared.challenge(release, ROWS)?;
    cheat.tell("audit.challenged", ObjectRef::challenge(challenged.id));
    cheat.turn(Some(release))?;
    // The hospital's node hands over what its custodian sealed.
    let sealed = openings_file(&cheat.settings.folder, challenged.id);
    let handed = openings_file(&shared.folder.join(CHEAT).join(CUSTODIAN), challenged.id);
    std::fs::copy(&sealed, &handed).map_err(Failure::unusable)?;
    let checked = shared.judged(CHEAT, &challenged)?;
    let told = shared.told(challenged.id, &checked);
    let findings = checked.judgement.as_ref().map_or(&[][..], |found| found.findings.as_slice());
    shared.must(
        checked.verdict == Verdict::AlteredValue
            && !findings.is_empty()
            && findings.iter().all(|finding| finding.column.as_deref() == Some("stage")),
        &format!("the edited stage was not found: {}", told.join("; ")),
        &format!("未发现被改的分期：{}", told.join("；")),
    )?;
    let at = height(&checked.posted);
    let access = AccessRequest { release, version: 2, keys: Default::default() };
    let refused = shared.must_refuse(&researcher, access, "release.failed")?;
    let incident: Digest = super::super::text(&checked.posted["id"]).parse().map_err(Failure::unusable)?;
    let incident = IncidentId(incident.0);
    let opened = shared.get(INSTITUTE_NODE, &format!("/api/v1/incidents/{incident}"))?;
    shared.must(
        opened["value"]["liable"] == json!(CHEAT),
        "the incident names somebody else",
        "事件的责任方有误",
    )?;
    let first = findings.first().and_then(|finding| finding.row).unwrap_or(0);
    let count = findings.len();
    let mut said = vec![
        shared.say(
            format!("{CHEAT} ran a changed custodian on `{LABEL}`: it wrote stage I for IV in {edited} of {records} records before it posted the root, with its own keys; the ledger cannot see that"),
            format!("{CHEAT} 用改动过的托管程序处理 `{LABEL}`：登记根之前把 {records} 条记录中的 {edited} 条由 IV 期改为 I 期，并以自己的密钥签署；账本本身无从察觉"),
        ),
        shared.say(
            format!("{AUDITOR} drew {ROWS} rows on each side: {count} findings, all in the column `stage`, the first in row {first}"),
            format!("{AUDITOR} 两侧各抽取 {ROWS} 条：{count} 项发现，均在 `stage` 列，首项在第 {first} 行"),
        ),
    ];
    said.extend(told.into_iter().take(3));
    said.push(shared.say(
        format!("from height {at} on nobody uses it (release.failed, height {}); incident opened, liable: {CHEAT}", refused.height),
        format!("自高度 {at} 起任何人不得使用（release.failed，高度 {}）；事件已立案，责任方：{CHEAT}", refused.height),
    ));
    let report = shared.audits().join(format!("challenge-{}.json", challenged.id));
    let facts = json!({
        "release": release, "challenge": challenged.id, "verdict": checked.verdict, "edited": edited, "records": records,
        "findings": count, "incident": incident, "liable": CHEAT, "report": report,
        "soundness": checked.judgement.as_ref().map(soundness),
    });
    let decided = shared.say(
        format!("{AUDITOR}, by running the contract's plan again"),
        format!("{AUDITOR}，依合同方案重新执行"),
    );
    let check = format!("medveil incident show {incident} --node {}", shared.url("regulator-2")?);
    drop(cheat);
    tour.proofs.push(format!("challenge/{}", challenged.id));
    tour.proofs.push(format!("incident/{incident}"));
    Ok(Step { said, decided, height: at, check, facts })
}
