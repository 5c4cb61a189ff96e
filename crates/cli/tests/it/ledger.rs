//! A member's node as a process, and the commands that work with it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Home, Said};

/// A network of one member whose node runs in a folder of its own.
pub(super) struct Network {
    pub(super) home: Home,
    url: String,
    node: Child,
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

impl Network {
    fn start() -> Network {
        Network::start_with("", "")
    }

    /// The same with more lines on top of the list of members, and more members.
    pub(super) fn start_with(top: &str, members: &str) -> Network {
        let home = Home::new();
        let [peers, http] = super::nodes::free_ports(2)[..] else { unreachable!("two were asked for") };
        home.write(
            "members.toml",
            format!(
                "chain = \"alone\"\n{top}[parameters]\nmin-validators = 1\n[[member]]\norganisation = \"hospital-1\"\nname = \"第一医院\"\nrole = \"hospital\"\naddress = \"127.0.0.1:{peers}\"\nhttp = \"127.0.0.1:{http}\"\n{members}"
            ),
        );
        home.ok(&["network", "new", "--members", "members.toml", "--out", "net"]);
        let log = std::fs::File::create(home.path("node.log")).unwrap();
        let node = Command::new(env!("CARGO_BIN_EXE_medveil"))
            .args(["node", "run", "--dir", "net/hospital-1"])
            .current_dir(home.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let network = Network { url: format!("http://127.0.0.1:{http}"), node, home };
        let start = Instant::now();
        // Ready means that the chain has begun: before that there is no state to ask for.
        while ureq::get(format!("{}/readyz", network.url)).call().is_err() {
            let log = || network.home.text("node.log");
            assert!(start.elapsed() < Duration::from_secs(60), "the node does not answer:\n{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
        network
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(args);
        command.env("MEDVEIL_NODE", &self.url);
        command.env("MEDVEIL_ACCOUNT", "net/hospital-1/keys/administrator.key");
        command
    }

    pub(super) fn run(&self, args: &[&str]) -> Said {
        Said::from(self.command(args).output().unwrap())
    }

    pub(super) fn ok(&self, args: &[&str]) -> Said {
        let said = self.run(args);
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.all());
        said
    }

    /// Exports evidence, checked against the genesis; what it says.
    pub(super) fn evidence(&self, object: &str, more: &[&str], out: &str) -> String {
        let export = ["audit", "export", object, "--out", out, "--genesis", "net/genesis.toml"];
        self.ok(&[&export, more].concat()).stdout
    }

    fn verify(&self, file: &str) -> Said {
        self.home.run(&["verify", file, "--genesis", "net/genesis.toml"])
    }
}

#[test]
fn the_life_of_a_dataset_on_the_ledger_is_provable_to_others() {
    let network = Network::start();
    network.home.write("visits.csv", "patient_id,age\np1,30\np2,40\n");
    let register = ["dataset", "register", "visits.csv", "--label", "visits", "--key", "k.key", "--json"];
    let first = network.ok(&register).json();
    let (id, height) = (first["dataset"].as_str().unwrap().to_owned(), first["height"].as_u64().unwrap());
    assert_eq!((&first["version"], &first["fingerprint"]["count"]), (&1.into(), &2.into()));

    // The same data again is no version, and the rule that says so is named.
    let again = network.run(&register);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("dataset.unchanged"), "{}", again.stderr);

    network.home.write("visits.csv", "patient_id,age\np1,30\np2,40\np3,50\n");
    let second = network.ok(&register).json();
    assert_eq!(second["version"], 2);
    let replaced = second["height"].as_u64().unwrap();

    let object = format!("dataset/{id}");
    network.home.write("log.json", "{}");
    let note = [
        "audit",
        "notarise",
        &object,
        "--step",
        "access",
        "--reason",
        "research",
        "--details-of",
        "log.json",
    ];
    let noted = network.ok(&[&note[..], &["--json"]].concat()).json();
    assert_eq!(
        network.ok(&["audit", "trail", &object, "--json"]).json()["entries"][0]["value"]["step"],
        "access"
    );

    let then = network.evidence(&object, &["--at", &height.to_string()], "then.evidence");
    assert!(then.contains(&format!("in force from height {height} until height {}", replaced - 1)), "{then}");
    let now = network.evidence(&object, &[], "now.evidence");
    assert!(now.contains("version 2 is in force") && now.contains("3 records"), "{now}");
    let before = network.evidence(&object, &["--at", &(height - 1).to_string()], "before.evidence");
    assert!(before.contains("version 1"), "{before}");
    let trail = network.evidence(&format!("trail/{object}"), &[], "trail.evidence");
    assert!(trail.contains("has 1 entries, all of them shown"), "{trail}");
    let nothing = network.evidence(&format!("dataset/{}", "00".repeat(32)), &[], "nothing.evidence");
    assert!(nothing.contains("there never was one"), "{nothing}");
    let transaction = format!("transaction/{}", noted["id"].as_str().unwrap());
    let included = network.evidence(&transaction, &[], "transaction.evidence");
    assert!(included.contains("asked for `audit.notarise`; it was carried out"), "{included}");
    // The node itself acts on the ledger too: the block may have other events before this one.
    let event = (0..).find(|index| {
        let event = format!("event/{}/{index}", noted["height"]);
        network.evidence(&event, &[], &format!("event-{index}.evidence")).contains("`audit.notarised`")
    });
    let event = format!("event-{}", event.expect("it is among the events of its block"));

    // Offline: the node is gone, the files hold. One byte changed, and the difference is named.
    drop_node(network, |network| {
        for name in ["then", "now", "before", "trail", "nothing", "transaction", &event] {
            let said = network.verify(&format!("{name}.evidence"));
            assert_eq!(said.code, Some(0), "{name}: {}", said.all());
            assert!(said.stdout.starts_with("holds"));
        }
        let mut bytes = network.home.read("now.evidence");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        network.home.write("now.evidence", bytes);
        let said = network.verify("now.evidence");
        assert_eq!(said.code, Some(1));
        assert!(said.stdout.starts_with("FAILED"), "{}", said.all());
        let json =
            network.home.run(&["verify", "then.evidence", "--genesis", "net/genesis.toml", "--json"]).json();
        assert_eq!((&json["holds"], &json["statements"][0]["type"]), (&true.into(), &"history".into()));
        assert_eq!(network.home.run(&["verify", "then.evidence"]).code, Some(2));
        // Another consortium with the same members' names.
        network.home.ok(&["network", "new", "--members", "members.toml", "--out", "other"]);
        let other = network.home.run(&["verify", "then.evidence", "--genesis", "other/genesis.toml"]);
        assert_eq!(other.code, Some(1));
        assert!(other.stdout.contains("is of the chain"), "{}", other.all());
    });
}

fn drop_node(mut network: Network, then: impl FnOnce(&Network)) {
    network.node.kill().unwrap();
    network.node.wait().unwrap();
    then(&network);
}

#[test]
fn accounts_are_opened_and_measures_voted_on_from_the_command_line() {
    let network = Network::start();
    let opened = network
        .ok(&["account", "new", "--out", "doctor.key", "--suite", "sm2", "--capacity", "staff", "--json"])
        .json();
    let account = opened["account"].as_str().unwrap();
    let shown = network.ok(&["account", "show", account, "--json"]).json();
    assert_eq!(shown["value"]["capacity"], "staff");

    // A member of staff notes, but proposes nothing: the SM2 key signs both.
    let external = format!("external/{}", "11".repeat(32));
    let details = "22".repeat(32);
    let note =
        ["audit", "notarise", &external, "--step", "capture", "--reason", "treatment", "--details", &details];
    network.ok(&[&note[..], &["--account", "doctor.key"]].concat());
    let propose = ["governance", "propose", "change-parameters", "expiry-window=2000"];
    let refused = network.run(&[&propose[..], &["--account", "doctor.key"]].concat());
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("authority.capacity"), "{}", refused.stderr);

    // One member: its proposal is enacted at once.
    let proposed = network.ok(&[&propose[..], &["--json"]].concat()).json();
    assert_eq!(proposed["proposal"], 1);
    let proposal = network.ok(&["governance", "show", "1", "--json"]).json();
    assert_eq!(proposal["status"], "enacted");
    let vote = network.run(&["governance", "vote", "1", "--approve"]);
    assert_eq!(vote.code, Some(1), "{}", vote.all());
    assert!(network.evidence("parameters", &[], "parameters.evidence").contains("expiry-window = 2000"));

    // A genesis of another chain pins what is signed for.
    network.home.ok(&["network", "new", "--members", "members.toml", "--out", "other"]);
    let pinned = network.run(&[&note[..], &["--genesis", "other/genesis.toml"]].concat());
    assert_eq!(pinned.code, Some(1));
    assert!(pinned.stderr.contains("the node is of the chain"), "{}", pinned.stderr);
}

#[test]
fn what_needs_no_node_says_so() {
    let home = Home::new();
    home.write("visits.csv", "patient_id,age\np1,30\np2,40\n");
    let print =
        ["dataset", "register", "visits.csv", "--label", "visits", "--key", "k.key", "--dry-run", "--json"];
    let found = home.ok(&print).json();
    assert_eq!((&found["fingerprint"]["count"], &found["fingerprint"]["level"]), (&2.into(), &4.into()));
    // The receipt of a run whose study is the label names the same root.
    home.deid(&["visits.csv"], "visits", "out");
    let receipt: serde_json::Value = serde_json::from_str(&home.text("out/receipt.json")).unwrap();
    assert_eq!(receipt["input_root"], found["fingerprint"]["root"]);

    home.ok(&["account", "new", "--out", "a.key"]);
    let exists = home.run(&["account", "new", "--out", "a.key"]);
    assert_eq!(exists.code, Some(2), "{}", exists.all());
    let nobody = ["dataset", "list", "--node", "http://127.0.0.1:9"];
    let said = home.run(&nobody);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("cannot be reached"), "{}", said.stderr);
}
