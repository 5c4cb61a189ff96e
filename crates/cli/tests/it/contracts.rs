//! Contracts, consents and requests as people use them: commands, a consortium of four node processes, a named reason for each no.

use serde_json::{Value, json};

use super::Said;
use super::nodes::Network;

/// A consortium, and who acts in it.
pub struct Consortium {
    pub network: Network,
}

/// A dataset that is registered, a contract over it, patients who consent.
struct Study {
    dataset: String,
    contract: String,
    patients: Vec<String>,
    consents: Vec<String>,
}

const CONTRACT: &str = "hospital-1/research";

impl Consortium {
    pub fn start() -> Consortium {
        let mut network = Network::new(4);
        (0..4).for_each(|index| network.start(index));
        (0..4).for_each(|index| network.reach(index, 1));
        Consortium { network }
    }

    /// Runs a command at a member's node, signed with a key.
    fn run_with(&self, member: usize, key: &str, args: &[&str]) -> Said {
        let mut command = self.network.home.command(args);
        command.env("MEDVEIL_NODE", self.network.url(member)).env("MEDVEIL_ACCOUNT", key);
        Said::from(command.output().unwrap())
    }

    /// In the name of a member's administrator.
    pub fn run(&self, member: usize, args: &[&str]) -> Said {
        self.run_with(member, &format!("{}/keys/administrator.key", self.network.dir(member)), args)
    }

    #[track_caller]
    pub fn ok(&self, member: usize, args: &[&str]) -> Value {
        let said = self.run(member, &[args, &["--json"]].concat());
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.all());
        said.json()
    }

    #[track_caller]
    fn ok_with(&self, member: usize, key: &str, args: &[&str]) -> Value {
        let said = self.run_with(member, key, &[args, &["--json"]].concat());
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.all());
        said.json()
    }

    /// A command that a rule refuses: exit code 1, the reason's name, and what was compared.
    #[track_caller]
    pub fn refused(&self, member: usize, args: &[&str], reason: &str, compared: &[&str]) {
        let said = self.run(member, args);
        assert_eq!(said.code, Some(1), "{args:?}: {}", said.all());
        assert!(said.stderr.contains(reason), "{args:?}: {}", said.stderr);
        for value in compared {
            assert!(said.stderr.contains(value), "`{value}` in {}", said.stderr);
        }
        assert!(said.stdout.is_empty(), "{}", said.stdout);
    }

    /// A patient of the first hospital with a wallet, who permits purposes.
    fn patient(&self, number: usize, permit: &str) -> (String, String) {
        let (code, wallet) = (format!("code-{number}"), format!("wallet-{number}.key"));
        let invited = self.ok(0, &["patient", "invite", "--code-out", &code]);
        let patient = invited["patient"].as_str().unwrap().to_owned();
        let enrolled = self.ok(0, &["patient", "enrol", "--code", &code, "--out", &wallet]);
        assert_eq!(enrolled["patient"], json!(patient));
        let granted = self.ok_with(0, &wallet, &["consent", "grant", "--permit", permit]);
        (patient, granted["consent"].as_str().unwrap().to_owned())
    }

    fn study(&self) -> Study {
        self.network.home.ok(&["key", "new", "--out", "k.key"]);
        self.network.home.write("visits.csv", "patient_id,age\np1,30\np2,40\np3,50\n");
        self.network.home.write("approval.txt", "approved by the ethics committee, 2026-11-26, 5d8f1c");
        let register = ["dataset", "register", "visits.csv", "--label", "visits", "--key", "k.key"];
        let dataset = self.ok(0, &register)["dataset"].as_str().unwrap().to_owned();
        let (patients, consents) = (1..=6).map(|number| self.patient(number, "health-research")).unzip();
        let published = self.ok(
            0,
            &[
                "contract",
                "publish",
                "--label",
                "research",
                "--template",
                "clinical-research",
                "--dataset",
                "hospital-1/visits",
                "--plan",
                "diabetes-research",
                "--min-cohort",
                "6",
                "--committee",
                "hospital-2,hospital-4",
                "--approvals",
                "2",
                "--epsilon",
                "1",
                "--epsilon-total",
                "1.5",
            ],
        );
        assert_eq!((&published["revision"], &published["awaiting"]), (&json!(1), &json!([])));
        Study { dataset, contract: published["contract"].as_str().unwrap().to_owned(), patients, consents }
    }
}

const SUBMIT: [&str; 7] = ["request", "submit", CONTRACT, "--ethics-of", "approval.txt", "--epsilon", "1"];

#[test]
fn a_consortium_of_four_processes_keeps_to_contracts_and_consents() {
    let consortium = Consortium::start();
    let study = consortium.study();
    what_a_contract_does_not_allow_is_refused_by_name(&consortium);
    let request = a_request_is_granted_by_its_committee_and_takes_from_the_budgets(&consortium, &study);
    a_contract_waits_for_every_owner_of_its_data(&consortium);
    a_frozen_contract_grants_nothing_until_who_froze_it_lifts_it(&consortium);
    an_enrolment_code_is_taken_once_and_a_lost_wallet_is_replaced_in_public(&consortium, &study);
    a_withdrawal_ends_what_was_granted_about_the_patient(&consortium);
    a_withdrawal_leaves_too_few_for_the_next_cohort(&consortium, &study, &request);
    what_happened_is_a_trail_and_provable_to_others(&consortium, &study, &request);
    whoever_reports_does_not_choose_who_is_liable(&consortium, &study);
}

fn what_a_contract_does_not_allow_is_refused_by_name(consortium: &Consortium) {
    consortium.refused(
        2,
        &[&SUBMIT[..], &["--purpose", "actuarial"]].concat(),
        "decision.purpose",
        &["purpose actuarial"],
    );
    consortium.refused(
        2,
        &[&SUBMIT[..], &["--class", "genomics"]].concat(),
        "decision.class",
        &["class genomics"],
    );
    consortium.refused(2, &[&SUBMIT[..], &["--commercial"]].concat(), "decision.commercial", &[]);
    consortium.refused(
        2,
        &[&SUBMIT[..], &["--abroad", "approval.txt"]].concat(),
        "decision.condition",
        &["geographical"],
    );
    consortium.refused(
        2,
        &["request", "submit", CONTRACT, "--ethics-of", "approval.txt", "--epsilon", "1.2"],
        "decision.epsilon",
        &["asked 1200000", "allowed 1000000"],
    );
    consortium.refused(2, &["request", "submit", CONTRACT], "decision.condition", &["ethics-approval"]);
    // Terms that contradict each other: said by a dry run without a transaction, and by the ledger.
    let publish = [
        "contract",
        "publish",
        "--label",
        "bad",
        "--template",
        "clinical-research",
        "--dataset",
        "hospital-1/visits",
        "--plan",
        "diabetes-research",
    ];
    let bad = [&publish[..], &["--max-risk", "0.5"]].concat();
    consortium.refused(0, &bad, "contract.risk", &["max_risk_ppm 500000", "limit_ppm 200000"]);
    let dry = consortium.run(0, &[&bad[..], &["--dry-run"]].concat());
    assert!(dry.code == Some(1) && dry.stderr.contains("contract.risk"), "{}", dry.all());
    // A dry run's terms are what --terms reads; a file with a word that does not exist is told with its place.
    let dry = consortium.run(0, &[&publish[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    consortium.network.home.write("terms.toml", &dry.stdout);
    let again = ["contract", "publish", "--label", "bad", "--terms", "terms.toml", "--dry-run"];
    assert_eq!(consortium.run(0, &again).stdout, dry.stdout);
    consortium.network.home.write("terms.toml", dry.stdout.replace("health-research", "wealth-research"));
    let unread = consortium.run(0, &again);
    assert!(unread.code == Some(2) && unread.stderr.contains("line"), "{}", unread.all());
    // Wrong usage is no refusal.
    assert_eq!(consortium.run(0, &["contract", "publish", "--label", "bad"]).code, Some(2));
    assert_eq!(consortium.run(0, &["request", "submit", "research"]).code, Some(2));
}

fn a_request_is_granted_by_its_committee_and_takes_from_the_budgets(
    consortium: &Consortium,
    study: &Study,
) -> String {
    let asked = consortium.ok(2, &SUBMIT);
    assert_eq!(asked["status"], "pending");
    let request = asked["request"].as_str().unwrap().to_owned();
    let vote = ["request", "vote", &request, "--approve"];
    consortium.refused(2, &vote, "request.not_in_committee", &["organisation hospital-3"]);
    assert_eq!(consortium.ok(1, &vote)["status"], "pending");
    consortium.refused(1, &vote, "request.already_voted", &["organisation hospital-2"]);
    let granted = consortium.ok(3, &vote);
    assert_eq!(granted["status"], "granted");
    assert_eq!(granted["decision"]["granted"]["epsilon"], 1_000_000);
    // The same for the dataset is under way; what is left of the contract's budget is too little for another organisation's.
    consortium.refused(2, &SUBMIT, "decision.overlap", &[&request]);
    let other = consortium.ok(3, &SUBMIT)["request"].as_str().unwrap().to_owned();
    consortium.ok(1, &["request", "vote", &other, "--approve"]);
    let refused = consortium.ok(3, &["request", "vote", &other, "--approve"]);
    assert_eq!((&refused["status"], &refused["reason"]), (&json!("refused"), &json!("decision.budget")));
    let budget = consortium.ok(0, &["budget", "show", &format!("contract/{}", study.contract)]);
    assert_eq!(budget["value"]["spent"], 1_000_000);
    consortium.ok(0, &["budget", "set", "hospital-1/visits", "--epsilon", "1.5"]);
    let listed = consortium.ok(0, &["budget", "list"]);
    let of = |name: &str| listed["items"].as_array().unwrap().iter().find(|item| item["id"] == name).cloned();
    assert_eq!(of(&format!("dataset/{}", study.dataset)).unwrap()["value"]["ceiling"], 1_500_000);
    assert_eq!(of("organisation/hospital-3").unwrap()["value"]["spent"], 1_000_000);
    // Taken back before anything was released, it gives the budget back.
    consortium.ok(2, &["request", "cancel", &request]);
    let budget = consortium.ok(0, &["budget", "show", &format!("contract/{}", study.contract)]);
    assert_eq!(budget["value"]["spent"], 0);
    let shown = consortium.ok(0, &["request", "show", &request]);
    assert!(shown["value"]["status"]["cancelled"]["at"].is_u64(), "{shown}");
    request
}

fn a_contract_waits_for_every_owner_of_its_data(consortium: &Consortium) {
    consortium.network.home.write("other.csv", "patient_id,age\nq1,31\nq2,41\n");
    consortium.ok(1, &["dataset", "register", "other.csv", "--label", "visits", "--key", "k.key"]);
    let publish = [
        "contract",
        "publish",
        "--label",
        "pooled",
        "--template",
        "multi-centre-study",
        "--study",
        "hospital-1/sepsis",
        "--dataset",
        "hospital-1/visits",
        "hospital-2/visits",
        "--plan",
        "diabetes-research",
        "--min-cohort",
        "5",
    ];
    let published = consortium.ok(0, &publish);
    assert_eq!(published["awaiting"], json!(["hospital-2"]));
    let submit = ["request", "submit", "hospital-1/pooled", "--ethics-of", "approval.txt"];
    consortium.refused(2, &submit, "decision.awaiting", &["organisation hospital-2"]);
    let countersign = ["contract", "countersign", "hospital-1/pooled"];
    consortium.refused(3, &countersign, "contract.nothing_to_sign", &[]);
    consortium.ok(1, &countersign);
    // Nobody has consented at the second hospital.
    consortium.refused(2, &submit, "decision.coverage", &["organisation hospital-2", "permits 0", "least 5"]);
}

fn a_frozen_contract_grants_nothing_until_who_froze_it_lifts_it(consortium: &Consortium) {
    consortium.ok(1, &["contract", "freeze", "hospital-1/pooled"]);
    let submit = ["request", "submit", "hospital-1/pooled", "--ethics-of", "approval.txt"];
    consortium.refused(2, &submit, "decision.standing", &["standing frozen"]);
    consortium.refused(
        0,
        &["contract", "reopen", "hospital-1/pooled"],
        "contract.frozen_by",
        &["organisation hospital-2"],
    );
    consortium.ok(1, &["contract", "reopen", "hospital-1/pooled"]);
    consortium.refused(1, &["contract", "close", "hospital-1/pooled"], "contract.not_yours", &[]);
    consortium.ok(0, &["contract", "close", "hospital-1/pooled"]);
    // The same no in Chinese: with the same name and values.
    let mut chinese = std::process::Command::new(env!("CARGO_BIN_EXE_medveil"));
    chinese.args(["--lang", "zh"]).args(submit).current_dir(consortium.network.home.folder.path());
    chinese.env("MEDVEIL_NODE", consortium.network.url(2));
    chinese.env("MEDVEIL_ACCOUNT", format!("{}/keys/administrator.key", consortium.network.dir(2)));
    let said = Said::from(chinese.output().unwrap());
    assert_eq!(said.code, Some(1), "{}", said.all());
    for words in ["错误：被规则拒绝：合同已冻结或终止", "decision.standing", "standing closed"]
    {
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    let contracts = consortium.ok(0, &["contract", "list"]);
    let standing: Vec<&Value> =
        contracts["items"].as_array().unwrap().iter().map(|item| &item["value"]["standing"]).collect();
    assert_eq!(standing, [&json!("closed"), &json!("open")]);
}

fn an_enrolment_code_is_taken_once_and_a_lost_wallet_is_replaced_in_public(
    consortium: &Consortium,
    study: &Study,
) {
    let again = consortium.run(0, &["patient", "enrol", "--code", "code-1", "--out", "thief.key"]);
    // The code's key is no key of the account any more.
    assert!(again.code == Some(1) && again.stderr.contains("transaction.unknown_key"), "{}", again.all());
    assert!(!consortium.network.home.path("thief.key").exists(), "no key is left that is bound to nothing");
    let code = consortium.network.home.text("code-1");
    let mistyped =
        code.replacen(code.chars().next().unwrap(), if code.starts_with('7') { "8" } else { "7" }, 1);
    consortium.network.home.write("mistyped", mistyped);
    let mistyped = consortium.run(0, &["patient", "enrol", "--code", "mistyped", "--out", "thief.key"]);
    assert!(mistyped.code == Some(2) && mistyped.stderr.contains("mistyped"), "{}", mistyped.all());

    let (first, second) = (&study.patients[0], &study.patients[1]);
    consortium.ok_with(0, "wallet-1.key", &["patient", "guardians", second]);
    let shown = consortium.ok(0, &["patient", "show", first]);
    assert_eq!(shown["value"]["guardians"], json!([second]));
    // A guardian gives a consent for the patient; a stranger does not.
    consortium.ok_with(0, "wallet-2.key", &["consent", "grant", "--patient", first, "--deny", "insurance"]);
    let stranger = consortium.run_with(
        0,
        "wallet-3.key",
        &["consent", "grant", "--patient", first, "--permit", "insurance"],
    );
    assert!(stranger.code == Some(1) && stranger.stderr.contains("patient.not_yours"), "{}", stranger.all());
    // Another wallet: asked for by the hospital, objected to by the old key; asked for again, completed by the guardian.
    let new = consortium.network.home.ok(&["account", "new", "--out", "wallet-1b.key", "--json"]).json();
    let reenrol = ["patient", "reenrol", first, "--wallet", new["key"].as_str().unwrap()];
    let asked = consortium.ok(0, &reenrol);
    assert!(asked["ready_ms"].is_u64(), "{asked}");
    consortium.ok_with(0, "wallet-1.key", &["patient", "object"]);
    consortium.ok(0, &reenrol);
    consortium.refused(0, &reenrol, "patient.recovery_waits", &["ready_ms"]);
    let completed = consortium.ok_with(0, "wallet-2.key", &reenrol);
    assert_eq!(completed["ready_ms"], Value::Null);
    let old = consortium.run_with(0, "wallet-1.key", &["consent", "grant", "--permit", "insurance"]);
    assert!(old.code == Some(1) && old.stderr.contains("transaction.unknown_key"), "{}", old.all());
    consortium.ok_with(
        0,
        "wallet-1b.key",
        &["consent", "grant", "--permit", "quality-control", "--account-id", first],
    );
    let consents = consortium.ok(0, &["consent", "list", "--patient", first]);
    assert_eq!(consents["items"].as_array().unwrap().len(), 3);
    let handles = consortium.ok(0, &["patient", "list", "--organisation", "hospital-1"]);
    assert_eq!(handles["items"].as_array().unwrap().len(), 6);
}

fn a_withdrawal_ends_what_was_granted_about_the_patient(consortium: &Consortium) {
    let (patient, _) = consortium.patient(7, "health-research");
    consortium.ok(
        0,
        &[
            "contract",
            "publish",
            "--label",
            "consultation",
            "--template",
            "tele-consultation",
            "--dataset",
            "hospital-1/visits",
            "--plan",
            "tele-consultation",
        ],
    );
    let submit = [
        "request",
        "submit",
        "hospital-1/consultation",
        "--patient",
        &patient,
        "--class",
        "observations,medications",
    ];
    consortium.refused(3, &submit, "decision.no_consent", &[&patient]);
    consortium.refused(
        3,
        &["request", "submit", "hospital-1/consultation"],
        "decision.subject",
        &["one_patient"],
    );
    let granted = consortium.ok_with(
        0,
        "wallet-7.key",
        &["consent", "grant", "--permit", "tele-consultation", "--recipient", "hospital-4", "--for", "2d"],
    );
    // Another hospital is no recipient of this consent.
    consortium.refused(2, &submit, "decision.no_consent", &[&patient]);
    let asked = consortium.ok(3, &submit);
    assert_eq!(asked["status"], "granted");
    let request = asked["request"].as_str().unwrap();
    let withdraw = ["consent", "withdraw", granted["consent"].as_str().unwrap()];
    let withdrawn = consortium.ok_with(0, "wallet-7.key", &withdraw);
    let shown = consortium.ok(3, &["request", "show", request]);
    // In the block of the withdrawal, on every node.
    assert_eq!(
        shown["value"]["status"],
        json!({ "ended": { "reason": "decision.no_consent", "at": withdrawn["height"] } })
    );
    consortium.network.agree(withdrawn["height"].as_u64().unwrap());
    consortium.refused(3, &submit, "decision.no_consent", &[&patient]);
    let again = consortium.run_with(0, "wallet-7.key", &withdraw);
    assert!(again.code == Some(1) && again.stderr.contains("consent.withdrawn"), "{}", again.all());
    // The trail of the patient tells all of it, what was refused included.
    let trail = consortium.ok(0, &["audit", "trail", &format!("patient/{patient}")]);
    let kinds: Vec<&str> =
        trail["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    for kind in [
        "patient.enrolled",
        "consent.granted",
        "request.granted",
        "consent.withdrawn",
        "request.ended",
        "transaction.refused",
    ] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
}

fn a_withdrawal_leaves_too_few_for_the_next_cohort(consortium: &Consortium, study: &Study, request: &str) {
    // Seven patients permit research; the contract asks for six. Narrowed to research on genes, a consent permits this use no more.
    let narrow = ["consent", "narrow", &study.consents[1], "--permit", "genetic-research"];
    consortium.ok_with(0, "wallet-2.key", &narrow);
    let wider = ["consent", "narrow", &study.consents[2], "--permit", "general-research"];
    let wider = consortium.run_with(0, "wallet-3.key", &wider);
    assert!(wider.code == Some(1) && wider.stderr.contains("consent.not_narrower"), "{}", wider.all());
    let asked = consortium.ok(2, &SUBMIT);
    assert_eq!(asked["status"], "pending");
    consortium.ok(2, &["request", "cancel", asked["request"].as_str().unwrap()]);
    consortium.ok_with(0, "wallet-3.key", &["consent", "withdraw", &study.consents[2]]);
    consortium.refused(2, &SUBMIT, "decision.coverage", &["permits 5", "least 6"]);
    assert_ne!(asked["request"], json!(request));
}

fn what_happened_is_a_trail_and_provable_to_others(consortium: &Consortium, study: &Study, request: &str) {
    let trail = consortium.ok(3, &["audit", "trail", &format!("dataset/{}", study.dataset)]);
    let events = trail["events"].as_array().unwrap();
    let has = |kind: &str| events.iter().any(|event| event["kind"] == kind);
    for kind in [
        "dataset.registered",
        "contract.published",
        "request.submitted",
        "request.voted",
        "request.granted",
        "request.refused",
        "budget.set",
    ] {
        assert!(has(kind), "{kind}");
    }
    let heights: Vec<u64> = events.iter().map(|event| event["height"].as_u64().unwrap()).collect();
    assert!(heights.is_sorted() && trail["cut"] == json!(false));
    let short = consortium.ok(3, &["audit", "trail", &format!("dataset/{}", study.dataset), "--limit", "2"]);
    assert_eq!((short["events"].as_array().unwrap().len(), &short["cut"]), (2, &json!(true)));
    for (object, words) in [
        (format!("consent/{}", study.consents[2]), "withdrawn"),
        (format!("contract/{}", study.contract), "research"),
        (format!("request/{request}"), "cancelled"),
        (format!("patient/{}", study.patients[0]), "hospital-1"),
        (format!("budget/dataset/{}", study.dataset), ""),
    ] {
        let out = format!("{}.evidence", object.replace('/', "-"));
        let export =
            ["audit", "export", &object, "--out", &out, "--genesis", "network/hospital-1/genesis.toml"];
        let said = consortium.run(1, &export);
        assert_eq!(said.code, Some(0), "{object}: {}", said.all());
        let verified =
            consortium.network.home.run(&["verify", &out, "--genesis", "network/hospital-4/genesis.toml"]);
        assert_eq!(verified.code, Some(0), "{object}: {}", verified.all());
        assert!(
            verified.stdout.starts_with("holds") && verified.stdout.contains(words),
            "{object}: {}",
            verified.stdout
        );
    }
}

fn whoever_reports_does_not_choose_who_is_liable(consortium: &Consortium, study: &Study) {
    let contract = format!("contract/{}", study.contract);
    let report = |object: &str, what: &str| {
        consortium
            .run(3, &["incident", "report", object, "--what", what, "--details-of", "approval.txt", "--json"])
    };
    let reported = report(&contract, "contract-fault").json();
    assert_eq!(reported["liable"], "hospital-1");
    let wrong = report(&contract, "recipient-breach");
    assert!(wrong.code == Some(1) && wrong.stderr.contains("incident.kind"), "{}", wrong.all());
    let unknown = format!("release/{}", "11".repeat(32));
    let order = ["destruction", "order", &unknown, "--why", "owner"];
    consortium.refused(0, &order, "release.unknown", &[]);
    consortium.refused(0, &["destruction", "attest", &unknown], "destruction.not_ordered", &[]);
    // A release is named by its id alone where nothing else can stand.
    consortium.refused(0, &["release", "access", &"11".repeat(32)], "object.not_found", &[]);
    let listed = consortium.ok(0, &["incident", "list"]);
    assert_eq!(listed["items"][0]["id"], reported["incident"]);
}
