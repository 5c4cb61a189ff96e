//! Custodian, custody and auditor together: four nodes as processes, a release that nobody asked anybody to make, challenges, and an insider who edits.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use medveil_synth::tumours;
use serde_json::{Value, json};

use super::Said;
use super::nodes::{Network, wait_for};

const MEMBERS: usize = 4;

/// Of which the third asks, and the fourth approves and audits.
pub(super) const RESEARCHER: usize = 2;
const AUDITOR: usize = 3;

pub(super) const PATIENTS: u32 = 60;

const RELEASES: &str = r#"
[releases]
plans = "plans"

[[releases.dataset]]
label = "tumours"
path = "extract"
key = "keys/data.key"
patient = "patient_id"
"#;

/// A consortium with a hospital whose node has a custodian.
pub(super) struct Trial {
    pub(super) network: Network,
}

impl Trial {
    /// Four nodes, the first of which has a custodian for the files that `extract` writes and the contract's plan, and a committee that holds the key of custody.
    pub(super) fn start(plan: &str, extract: impl FnOnce(&Path)) -> Trial {
        let mut network = Network::new(MEMBERS);
        let home = network.folder(0);
        std::fs::create_dir_all(home.join("extract")).unwrap();
        std::fs::create_dir_all(home.join("plans")).unwrap();
        extract(&home.join("extract"));
        std::fs::write(home.join("plans/tumours.toml"), plan).unwrap();
        network.home.write("tumours.toml", plan);
        network.home.write("approval.txt", "approved by the ethics committee, 2026-11-26, 9a02d7");
        network.home.ok(&["key", "new", "--out", &format!("{}/keys/data.key", network.dir(0))]);
        let mut settings = std::fs::File::options().append(true).open(home.join("node.toml")).unwrap();
        settings.write_all(RELEASES.as_bytes()).unwrap();
        (0..MEMBERS).for_each(|index| network.start(index));
        for index in 0..MEMBERS {
            wait_for("the committee", Duration::from_secs(120), || {
                let committee = network.get(index, "/api/v1/committee")?;
                (committee["has_share"] == true && committee["members"].as_object()?.len() == MEMBERS)
                    .then_some(())
            });
        }
        Trial { network }
    }

    /// Runs a command through one member's node in the name of another's administrator.
    pub(super) fn run_at(&self, node: usize, member: usize, args: &[&str]) -> Said {
        let mut command = self.network.home.command(args);
        let key = format!("{}/keys/administrator.key", self.network.dir(member));
        command.env("MEDVEIL_NODE", self.network.url(node)).env("MEDVEIL_ACCOUNT", key);
        Said::from(command.output().unwrap())
    }

    pub(super) fn run(&self, member: usize, args: &[&str]) -> Said {
        self.run_at(member, member, args)
    }

    #[track_caller]
    pub(super) fn ok(&self, member: usize, args: &[&str]) -> Value {
        let said = self.run(member, &[args, &["--json"]].concat());
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.all());
        said.json()
    }

    /// A request that is granted; the release that the custodian makes of it, once it is posted.
    pub(super) fn released(&self) -> String {
        wait_for("the dataset to be registered", Duration::from_secs(30), || {
            let listed = self.network.get(1, "/api/v1/datasets")?;
            (!listed["items"].as_array()?.is_empty()).then_some(())
        });
        let publish = "contract publish --label research --template clinical-research --dataset hospital-1/tumours --plan tumours.toml --consent opt-out --min-cohort 5 --committee hospital-4 --approvals 1 --epsilon 1";
        self.ok(0, &publish.split(' ').collect::<Vec<_>>());
        let submit = "request submit hospital-1/research --ethics-of approval.txt --epsilon 1";
        let asked = self.ok(RESEARCHER, &submit.split(' ').collect::<Vec<_>>());
        let request = asked["request"].as_str().unwrap().to_owned();
        assert_eq!(self.ok(AUDITOR, &["request", "vote", &request, "--approve"])["status"], "granted");
        wait_for("the custodian to post the release", Duration::from_secs(60), || {
            let listed = self.network.get(RESEARCHER, "/api/v1/releases")?;
            Some(listed["items"].as_array()?.first()?["id"].as_str()?.to_owned())
        })
    }

    pub(super) fn release_file(&self, release: &str, name: &str) -> PathBuf {
        self.network.folder(0).join("data/custodian/releases").join(release).join("1").join(name)
    }

    /// What an auditor's check of so many rows says, once the owner has answered.
    pub(super) fn checked(&self, release: &str, rows: &str) -> Said {
        let challenged = self.ok(AUDITOR, &["audit", "challenge", release, "--rows", rows]);
        let (challenge, owner) = (challenged["challenge"].as_str().unwrap(), self.network.url(0));
        self.run(AUDITOR, &["audit", "check", challenge, "--owner-node", &owner, "--patience", "60"])
    }
}

/// The registry of the tests, as CSV.
pub(super) fn registry() -> String {
    tumours::table((1..=PATIENTS).map(|number| (number, format!("P{number:04}"))))
}

#[test]
fn a_release_made_by_a_running_custodian_is_fetched_challenged_and_caught_when_it_was_edited() {
    let mut trial = Trial::start(tumours::PLAN, |extract| {
        std::fs::write(extract.join("visits.csv"), registry()).unwrap();
    });
    let release = trial.released();
    it_is_fetched_by_who_asked_through_any_node(&trial, &release);
    let challenge = it_passes_though_its_owner_restarts_in_the_middle(&mut trial, &release);
    what_was_opened_is_for_this_auditor_and_challenge(&trial, &release, &challenge);
    an_edited_release_is_caught_and_used_no_more(&trial, &release);
}

fn it_is_fetched_by_who_asked_through_any_node(trial: &Trial, release: &str) {
    let fetched = trial.ok(RESEARCHER, &["release", "fetch", release, "--out", "own"]);
    assert_eq!(fetched["version"], 1);
    let home = &trial.network.home;
    let text = home.text("own/visits.csv");
    assert_eq!(text.lines().count() as u32, 2 * PATIENTS + 1);
    assert!(!text.contains("王某") && !text.contains("P0001"));
    home.ok(&["verify", "own/receipt.json"]);
    // An institute without a node asks another member's: it is given what it was granted the key of ...
    let said = trial.run_at(1, RESEARCHER, &["release", "fetch", release, "--out", "elsewhere"]);
    assert_eq!(said.code, Some(0), "{}", said.all());
    assert_eq!(home.text("elsewhere/visits.csv"), text);
    // ... and others nothing.
    let said = trial.run(1, &["release", "fetch", release, "--out", "stolen"]);
    assert!(said.code == Some(1) && said.stderr.contains("access.not_yours"), "{}", said.all());
    let object =
        trial.network.get(1, &format!("/api/v1/releases/{release}")).unwrap()["value"]["figures"]["custody"]
            .as_str()
            .unwrap()
            .to_owned();
    let said = trial.run_at(1, RESEARCHER, &["vault", "health", &object]);
    assert!(said.code == Some(1) && said.stderr.contains("custody.not_allowed"), "{}", said.all());
    assert!(!home.path("stolen").exists());
}

fn it_passes_though_its_owner_restarts_in_the_middle(trial: &mut Trial, release: &str) -> String {
    let said = trial.run(RESEARCHER, &["audit", "challenge", release]);
    assert!(said.code == Some(1) && said.stderr.contains("challenge.not_auditor"), "{}", said.all());
    let names = trial.network.home.names();
    assert!(!names.iter().any(|name| name.ends_with(".secret")), "{names:?}");

    trial.network.kill(0);
    let challenged = trial.ok(AUDITOR, &["audit", "challenge", release, "--rows", "200"]);
    let challenge = challenged["challenge"].as_str().unwrap().to_owned();
    let secret = format!("challenge-{challenge}.secret");
    assert_eq!((&challenged["secret"], &challenged["owner"]), (&json!(secret), &json!("hospital-1")));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(trial.network.home.path(&secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let early = trial.run(AUDITOR, &["audit", "check", &challenge, "--patience", "0"]);
    assert!(early.code == Some(1) && early.stderr.contains("not been answered"), "{}", early.all());
    trial.network.start(0);

    let owner = trial.network.url(0);
    let check = ["audit", "check", &challenge, "--owner-node", &owner, "--patience", "90"];
    let looked = trial.ok(AUDITOR, &[&check[..], &["--dry-run"]].concat());
    assert_eq!((&looked["verdict"], &looked["transaction"]), (&json!("passed"), &Value::Null));
    let checked = trial.ok(AUDITOR, &check);
    assert_eq!(checked["verdict"], "passed");
    assert!(checked["judgement"]["checked"]["run_again"].as_u64().unwrap() > 80, "{checked}");
    let sample = &checked["soundness"];
    assert_eq!(sample["rows"], 200);
    assert!((sample["confidence_for_1_percent"].as_f64().unwrap() - 0.866).abs() < 1e-3);
    let home = &trial.network.home;
    assert!(!home.path(&secret).exists(), "the secret is gone with the verdict");
    let report = home.text(&format!("challenge-{challenge}.json"));
    assert!(report.contains("\"verdict\":\"passed\"") && !report.contains("王某"));
    // The auditor's node may have the block before the owner's.
    wait_for("the verdict at the owner's node", Duration::from_secs(30), || {
        let found = trial.network.get(0, &format!("/api/v1/challenges/{challenge}")).unwrap();
        (found["value"]["verdict"] == "passed").then_some(())
    });
    challenge
}

fn what_was_opened_is_for_this_auditor_and_challenge(trial: &Trial, release: &str, judged: &str) {
    let home = &trial.network.home;
    let sealed = trial.network.folder(0).join("data/custodian/openings").join(format!("{judged}.sealed"));
    std::fs::copy(sealed, home.path("judged.sealed")).unwrap();
    assert!(!String::from_utf8_lossy(&home.read("judged.sealed")).contains("王某"));
    let challenged = trial.ok(AUDITOR, &["audit", "challenge", release, "--rows", "5", "--secret", "mine"]);
    let challenge = challenged["challenge"].as_str().unwrap();
    let check = |more: &[&str]| {
        let args = ["audit", "check", challenge, "--patience", "60", "--dry-run"];
        trial.run(AUDITOR, &[&args[..], more].concat())
    };
    // The openings of another challenge, the secret of another one, a node that has none, no secret at all.
    let other = check(&["--openings", "judged.sealed", "--secret", "mine"]);
    assert!(other.code == Some(1) && other.stderr.contains("not the openings"), "{}", other.all());
    trial.ok(AUDITOR, &["audit", "challenge", release, "--rows", "1", "--secret", "other"]);
    let owner = trial.network.url(0);
    let wrong = check(&["--owner-node", &owner, "--secret", "other"]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("the secret is not"), "{}", wrong.all());
    let elsewhere = check(&["--secret", "mine"]);
    assert!(elsewhere.code == Some(1) && elsewhere.stderr.contains("--owner-node"), "{}", elsewhere.all());
    let without = check(&["--owner-node", &owner]);
    assert_eq!(without.code, Some(2), "{}", without.all());
    assert!(!home.path(&format!("challenge-{challenge}.json")).exists());
}

fn an_edited_release_is_caught_and_used_no_more(trial: &Trial, release: &str) {
    // An insider edits what the custodian keeps: it is not what was posted any more.
    let file = trial.release_file(release, "visits.csv");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(",IV,", ",I,")).unwrap();
    let said = trial.checked(release, "50");
    assert_eq!(said.code, Some(1), "{}", said.all());
    assert!(
        said.stdout.contains("altered-value") && said.stdout.contains("soundness: n = 50"),
        "{}",
        said.all()
    );
    assert!(said.stderr.contains("does not pass: altered-value"), "{}", said.stderr);
    let said = trial.run(RESEARCHER, &["release", "fetch", release, "--out", "failed"]);
    assert!(said.code == Some(1) && said.stderr.contains("release.failed"), "{}", said.all());
    let incidents = trial.network.get(1, "/api/v1/incidents").unwrap();
    assert_eq!(incidents["items"][0]["value"]["liable"], "hospital-1");
}
