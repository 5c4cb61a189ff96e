//! Networks and nodes as operators run them: real processes over loopback.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Home, Said};

/// A member of a test's network.
struct Member {
    name: String,
    port: u16,
    http: u16,
}

/// A network in a folder, and the processes of its nodes, which are killed with it.
pub(super) struct Network {
    pub(super) home: Home,
    members: Vec<Member>,
    running: Vec<Option<Child>>,
    /// More of the environment of its nodes.
    pub(super) environment: Vec<(&'static str, String)>,
}

/// Ports that nothing listens on, each given once. Not those that the system gives: it may give them to a connection before a node listens there.
pub(super) fn free_ports(count: usize) -> Vec<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 8) as u16 * 1000;
    let ports = std::iter::repeat_with(|| 10_000 + first + NEXT.fetch_add(1, Ordering::Relaxed) % 1000);
    ports.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).take(count).collect()
}

impl Network {
    /// `seats` members with validators.
    pub(super) fn new(seats: usize) -> Network {
        Network::with(seats, "", &[])
    }

    /// The same with more lines on top of the list, and members without a seat.
    fn with(seats: usize, top: &str, seatless: &[&str]) -> Network {
        let home = Home { folder: tempfile::tempdir().unwrap() };
        let ports = free_ports(2 * (seats + seatless.len()));
        let names = (1..=seats)
            .map(|i| format!("hospital-{i}"))
            .chain(seatless.iter().map(|name| (*name).to_owned()));
        let members: Vec<Member> = names
            .zip(ports.chunks(2))
            .map(|(name, ports)| Member { name, port: ports[0], http: ports[1] })
            .collect();
        let mut list = format!("chain = \"trial\"\n{top}parameters = {{ min-validators = {seats} }}\n");
        for (index, member) in members.iter().enumerate() {
            let Member { name, port, http } = member;
            list += &format!(
                "[[member]]\norganisation = \"{name}\"\nname = \"{name}\"\nrole = \"hospital\"\nhttp = \"127.0.0.1:{http}\"\n"
            );
            if index < seats {
                list += &format!("address = \"127.0.0.1:{port}\"\n");
            }
        }
        home.write("members.toml", list);
        home.ok(&["network", "new", "--members", "members.toml", "--out", "network"]);
        let running = members.iter().map(|_| None).collect();
        Network { home, members, running, environment: Vec::new() }
    }

    pub(super) fn folder(&self, index: usize) -> PathBuf {
        self.home.path("network").join(&self.members[index].name)
    }

    pub(super) fn dir(&self, index: usize) -> String {
        format!("network/{}", self.members[index].name)
    }

    /// Replaces text in a file of a member's folder.
    pub(super) fn edit(&self, index: usize, file: &str, was: &str, is: &str) {
        let path = self.folder(index).join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(was), "{file} has no `{was}`");
        std::fs::write(path, text.replace(was, is)).unwrap();
    }

    pub(super) fn start(&mut self, index: usize) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder(index).join("node.log"))
            .unwrap();
        let mut command = self.home.command(&["node", "run", "--dir", &self.dir(index)]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.running[index] = Some(child);
    }

    pub(super) fn log(&self, index: usize) -> String {
        std::fs::read_to_string(self.folder(index).join("node.log")).unwrap_or_default()
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self, index: usize) {
        let mut child = self.running[index].take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGSTOP: it is there, and answers nothing.
    pub(super) fn pause(&self, index: usize) {
        signal("STOP", self.running[index].as_ref().unwrap().id());
    }

    /// SIGCONT.
    pub(super) fn resume(&self, index: usize) {
        signal("CONT", self.running[index].as_ref().unwrap().id());
    }

    /// SIGTERM; the exit code.
    pub(super) fn stop(&mut self, index: usize) -> Option<i32> {
        let mut child = self.running[index].take().unwrap();
        signal("TERM", child.id());
        wait_for("the node to stop", Duration::from_secs(30), || {
            child.try_wait().unwrap().map(|status| status.code())
        })
    }

    pub(super) fn get(&self, index: usize, path: &str) -> Option<Value> {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build().into();
        let mut answer =
            agent.get(format!("http://127.0.0.1:{}{path}", self.members[index].http)).call().ok()?;
        serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()
    }

    /// Where a member's node answers.
    pub(super) fn url(&self, index: usize) -> String {
        format!("http://127.0.0.1:{}", self.members[index].http)
    }

    fn height(&self, index: usize) -> u64 {
        self.get(index, "/api/v1/status").and_then(|status| status["tip"]["height"].as_u64()).unwrap_or(0)
    }

    /// Waits until a node follows the chain and has this height.
    pub(super) fn reach(&self, index: usize, height: u64) {
        wait_for(
            &format!("{} at height {height}", self.members[index].name),
            Duration::from_secs(90),
            || {
                let ready = self.get(index, "/readyz").is_some();
                (ready && self.height(index) >= height).then_some(())
            },
        );
    }

    /// Notes something in the name of a member through its node, and waits until it is final; the height.
    fn note(&self, index: usize, digest: u8) -> u64 {
        let details = format!("{digest:02x}").repeat(32);
        let (node, key) = (
            format!("http://127.0.0.1:{}", self.members[index].http),
            format!("{}/keys/administrator.key", self.dir(index)),
        );
        let said = self.home.ok(&[
            "audit",
            "notarise",
            &format!("external/{details}"),
            "--step",
            "access",
            "--reason",
            "research",
            "--details",
            &details,
            "--node",
            &node,
            "--account",
            &key,
            "--json",
        ]);
        said.json()["height"].as_u64().unwrap()
    }

    /// Every node that runs has the same block at a height.
    pub(super) fn agree(&self, height: u64) {
        let digests: Vec<String> = (0..self.members.len())
            .filter(|index| self.running[*index].is_some())
            .map(|index| {
                self.reach(index, height);
                let block = self.get(index, &format!("/api/v1/blocks/{height}")).unwrap();
                block["digest"].as_str().unwrap().to_owned()
            })
            .collect();
        assert!(digests.len() > 1 && digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    }

    /// Runs a node that must refuse to start: with this reason, in both languages.
    pub(super) fn refused(&self, index: usize, reason: &str, code: i32) {
        for (lang, prefix) in [("en", "error: "), ("zh", "错误：")] {
            let said = Said::from(
                Command::new(env!("CARGO_BIN_EXE_medveil"))
                    .args(["--lang", lang, "node", "run", "--dir", &self.dir(index)])
                    .current_dir(self.home.folder.path())
                    .envs(self.environment.iter().map(|(name, value)| (name, value)))
                    .stdin(Stdio::null())
                    .output()
                    .unwrap(),
            );
            assert_eq!(said.code, Some(code), "{reason}: {}", said.stderr);
            let line = said
                .stderr
                .lines()
                .find(|line| line.starts_with(prefix))
                .unwrap_or_else(|| panic!("{}", said.stderr));
            assert!(line.contains(reason), "{line}");
            let chinese = line.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
            assert_eq!(chinese, lang == "zh", "{line}");
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for index in 0..self.members.len() {
                let log = self.log(index);
                let end: Vec<_> = log.lines().rev().take(15).collect();
                let name = &self.members[index].name;
                let _ = writeln!(std::io::stderr(), "-- {name} (last line first)\n{}", end.join("\n"));
            }
        }
        for child in self.running.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn signal(name: &str, pid: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
    assert!(status.success());
}

/// Whether a process is there and not only waiting to be looked at.
fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

pub(super) fn wait_for<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < within, "waited {within:?} for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_network_is_made_whole_or_not_at_all() {
    let network = Network::new(4);
    let files =
        ["node.toml", "genesis.toml", "keys/node.key", "keys/custodian.key", "keys/administrator.key"];
    for index in 0..4 {
        assert!(files.iter().all(|file| network.folder(index).join(file).is_file()));
    }
    let home = &network.home;
    let again = home.run(&["network", "new", "--members", "members.toml", "--out", "network"]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("(node.exists)"), "{}", again.stderr);
    home.write("bad.toml", home.text("members.toml").replace("role = \"hospital\"", "role = \"inn\""));
    let bad = home.run(&["network", "new", "--members", "bad.toml", "--out", "other"]);
    assert_eq!(bad.code, Some(2));
    assert!(bad.stderr.contains("members, line 6: unknown variant `inn`"), "{}", bad.stderr);
    assert!(!home.path("other").exists());
    let left = home.names();
    assert_eq!(left, ["bad.toml", "members.toml", "network"], "nothing half-made is left");
}

#[test]
fn a_node_that_must_not_start_says_why() {
    let network = Network::new(2);
    // Settings.
    network.edit(0, "node.toml", "# drift-ms = 5000", "drift = 1");
    network.refused(0, "node.configuration", 2);
    network.edit(0, "node.toml", "drift = 1", "# drift-ms = 5000");
    // Keys.
    let key = network.folder(0).join("keys/node.key");
    let own = std::fs::read(&key).unwrap();
    let mode = |mode: u32| {
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap()
    };
    mode(0o644);
    network.refused(0, "key.open", 1);
    mode(0o600);
    std::fs::copy(network.folder(1).join("keys/node.key"), &key).unwrap();
    network.refused(0, "node.wrong_key", 1);
    std::fs::copy(network.folder(0).join("keys/administrator.key"), &key).unwrap();
    network.refused(0, "key.kind", 1);
    std::fs::write(&key, "secret").unwrap();
    network.refused(0, "key.damaged", 2);
    std::fs::write(&key, own).unwrap();
    // Data.
    let data = network.folder(0).join("data");
    assert!(!data.exists(), "nothing is written before settings and key are right");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("thesis.doc"), "").unwrap();
    network.refused(0, "node.data_foreign", 1);
    std::fs::remove_file(data.join("thesis.doc")).unwrap();
    std::fs::write(data.join("format.toml"), "format = 1000\n").unwrap();
    network.refused(0, "node.data_newer", 1);
    std::fs::remove_file(data.join("format.toml")).unwrap();
    // Addresses.
    let taken = TcpListener::bind(("127.0.0.1", network.members[0].port)).unwrap();
    network.refused(0, "node.address_in_use", 1);
    drop(taken);
    let taken = TcpListener::bind(("127.0.0.1", network.members[0].http)).unwrap();
    network.refused(0, "node.address_in_use", 1);
    drop(taken);
    // By now the folder is marked as this chain's: neither another genesis nor another key may go on with it.
    network.edit(0, "genesis.toml", "chain = \"trial\"", "chain = \"other\"");
    network.refused(0, "node.wrong_genesis", 1);
    network.edit(0, "genesis.toml", "chain = \"other\"", "chain = \"trial\"");
    let name = |index: usize| {
        let text = std::fs::read_to_string(network.folder(index).join("node.toml")).unwrap();
        text.lines().find_map(|line| line.strip_prefix("key = ")).unwrap().to_owned()
    };
    network.edit(0, "node.toml", &name(0), &name(1));
    std::fs::copy(network.folder(1).join("keys/node.key"), &key).unwrap();
    network.refused(0, "node.data_of_other_key", 1);
    std::fs::remove_file(network.folder(0).join("genesis.toml")).unwrap();
    network.refused(0, "node.not_a_folder", 2);
}

#[test]
fn a_node_does_not_start_before_its_genesis() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let network = Network::with(1, &format!("time-ms = {}\n", now + 60_000), &[]);
    network.refused(0, "node.clock_before_genesis", 1);
}

/// Runs a node in this process, on a clock that is `offset` milliseconds off, until `done` gives something.
fn with_clock<T>(folder: &Path, offset: i64, done: impl AsyncFn(&medveil_node::Node) -> Option<T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let now = medveil_node::clock::now_ms();
        let opened = medveil_node::Folder::new(folder).open(now).unwrap();
        let node = opened.start(now, offset).await.unwrap();
        let start = Instant::now();
        let found = loop {
            if let Some(found) = done(&node).await {
                break found;
            }
            assert!(start.elapsed() < Duration::from_secs(90));
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        medveil_node::folder::stop(node).await;
        found
    })
}

#[test]
fn a_node_does_not_start_before_its_newest_block() {
    let network = Network::new(1);
    with_clock(&network.folder(0), 60_000, async |node| {
        node.engine().status().await?.tip.filter(|tip| tip.height >= 2).map(drop)
    });
    network.refused(0, "node.clock_before_tip", 1);
}

#[test]
fn a_validator_whose_clock_is_wrong_says_so() {
    let mut network = Network::new(4);
    (0..3).for_each(|index| network.start(index));
    let reason = with_clock(&network.folder(3), -20_000, async |node| {
        node.readiness().await.into_iter().find(|reason| reason.name() == "node.clock")
    });
    let medveil_node::Unready::Clock { off_by_ms, drift_ms: 5_000 } = reason else { panic!("{reason}") };
    assert!((15_000..25_000).contains(&off_by_ms), "{off_by_ms}");
    network.reach(0, network.height(0) + 2);
}

#[test]
fn a_node_stops_when_told_and_goes_on_where_it_was() {
    let mut network = Network::new(1);
    network.edit(0, "node.toml", "# format = \"text\"", "format = \"json\"");
    network.start(0);
    network.reach(0, 1);
    let height = network.note(0, 7);
    network.refused(0, "node.in_use", 1);
    assert_eq!(network.stop(0), Some(0), "{}", network.log(0));
    let log = network.log(0);
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert_eq!(lines.last().unwrap()["message"], "the node has stopped, everything is on disk");
    assert!(!log.contains(&"07".repeat(32)), "what a transaction says is not logged");
    assert!(!network.folder(0).join("data/control.sock").exists());
    let said = network.home.run(&["node", "status", "--dir", &network.dir(0)]);
    assert!(said.code == Some(1) && said.stderr.contains("(node.not_running)"), "{}", said.stderr);

    network.start(0);
    network.reach(0, height + 1);
    assert!(network.note(0, 8) > height);
    let said = network.home.ok(&["node", "status", "--dir", &network.dir(0), "--json"]).json();
    assert_eq!((&said["organisation"], &said["validator"]), (&"hospital-1".into(), &true.into()));
    assert_eq!(network.stop(0), Some(0));
}

#[test]
fn a_killed_node_returns_to_the_others() {
    let mut network = Network::new(4);
    (0..4).for_each(|index| network.start(index));
    (0..4).for_each(|index| network.reach(index, 2));
    network.note(0, 1);
    network.kill(3);
    let during = network.note(1, 2);
    let said = network.home.ok(&[
        "node",
        "status",
        "--node",
        &format!("http://127.0.0.1:{}", network.members[0].http),
    ]);
    assert!(said.stdout.contains("hospital-4"), "{}", said.stdout);
    network.start(3);
    network.reach(3, during);
    let after = network.note(3, 3);
    network.agree(during);
    network.agree(after);
    assert!((0..4).all(|index| network.stop(index) == Some(0)));
}

#[test]
fn a_member_without_a_seat_begins_with_a_snapshot_and_follows() {
    let mut network = Network::with(4, "", &["university"]);
    let settings = std::fs::read_to_string(network.folder(4).join("node.toml")).unwrap();
    let key = settings.lines().find_map(|line| line.strip_prefix("key = ")).unwrap().to_owned();
    let address = format!("127.0.0.1:{}", network.members[4].port);
    network.edit(4, "node.toml", "listen = \"0.0.0.0:7001\"", &format!("listen = \"{address}\""));
    for index in 0..4 {
        network.edit(index, "node.toml", "[followers]", &format!("[followers]\n{key} = \"{address}\""));
        network.start(index);
    }
    (0..4).for_each(|index| network.reach(index, 1));
    let before = network.note(0, 1);
    let home = &network.home;
    let taken =
        home.ok(&["node", "snapshot", "--dir", "network/hospital-1", "--out", "s.snapshot", "--json"]).json();
    assert!(taken["height"].as_u64().unwrap() >= before);
    let again = home.run(&["node", "snapshot", "--dir", "network/hospital-1", "--out", "s.snapshot"]);
    assert!(again.code == Some(1) && again.stderr.contains("(node.exists)"), "{}", again.stderr);
    // One byte of the state is changed: found out when the node takes it over.
    let mut bytes = home.read("s.snapshot");
    let at = bytes.len() - 40;
    bytes[at] ^= 1;
    home.write("bad.snapshot", bytes);
    let bad = home.run(&["node", "restore", "--from", "bad.snapshot", "--dir", "network/university"]);
    if bad.code == Some(0) {
        network.refused(4, "node.snapshot", 1);
        std::fs::remove_dir_all(network.folder(4).join("data")).unwrap();
    } else {
        assert!(bad.stderr.contains("(node.snapshot)"), "{}", bad.stderr);
    }
    let home = &network.home;
    let restored =
        home.ok(&["node", "restore", "--from", "s.snapshot", "--dir", "network/university", "--json"]).json();
    assert_eq!(restored["height"], taken["height"]);
    let said = home.run(&["node", "restore", "--from", "s.snapshot", "--dir", "network/hospital-1"]);
    assert!(said.code == Some(1) && said.stderr.contains("(node.not_empty)"), "{}", said.stderr);

    network.start(4);
    let after = network.note(1, 2);
    network.reach(4, after);
    network.agree(after);
    let said = network.home.ok(&["node", "status", "--dir", &network.dir(4), "--json"]).json();
    assert_eq!(said["validator"], false);
    assert!(network.log(4).contains("gives this key no seat"));
    assert!(!network.folder(4).join("data/restored.snapshot").exists());
}

/// The first of seven free ports in a row.
fn seven_ports() -> u16 {
    let start = 12_000 + (std::process::id() % 700) as u16 * 10;
    let free = |first: &u16| (*first..first + 7).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    (start..19_900).step_by(10).find(free).expect("some ports are free")
}

#[test]
fn the_demo_runs_seven_nodes_and_continues_the_same_chain() {
    let home = Home { folder: tempfile::tempdir().unwrap() };
    let port = seven_ports().to_string();
    let demo =
        || home.ok(&["demo", "--dir", "d", "--patients", "20", "--port", &port, "--exit", "--json"]).json();
    let gone = |said: &Value| {
        let pids =
            said["members"].as_array().unwrap().iter().map(|member| member["pid"].as_u64().unwrap() as u32);
        wait_for("all nodes to be gone", Duration::from_secs(10), || {
            pids.clone().all(|pid| !alive(pid)).then_some(())
        });
    };
    let first = demo();
    gone(&first);
    assert_eq!(first["continued"], false);
    let members = first["members"].as_array().unwrap();
    assert_eq!(members.len(), 7);
    assert!(members.iter().all(|member| member["digest"] == members[0]["digest"]));
    let genesis = home.text("d/genesis.toml");
    assert!(home.path("d/hospital-5/patients/visits.csv").is_file());
    assert!(!home.path("d/regulator-1/patients").exists());

    let second = demo();
    gone(&second);
    assert_eq!(second["continued"], true);
    assert_eq!(home.text("d/genesis.toml"), genesis);
    let height = |said: &Value| said["transaction"]["height"].as_u64().unwrap();
    assert!(height(&second) > height(&first), "the chain goes on");
    assert_ne!(second["transaction"]["id"], first["transaction"]["id"]);

    // Killed without a chance to tidy up, it leaves no node behind either.
    let mut killed = home.command(&["demo", "--dir", "d", "--port", &port, "--json"]);
    let mut killed = killed.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = String::new();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(killed.stdout.take().unwrap()));
    let said: Value = loop {
        said += &lines.next().expect("the demo prints its summary").unwrap();
        if let Ok(said) = serde_json::from_str(&said) {
            break said;
        }
    };
    killed.kill().unwrap();
    killed.wait().unwrap();
    gone(&said);
}

#[test]
fn the_demo_stops_within_seconds_on_ctrl_c() {
    let home = Home { folder: tempfile::tempdir().unwrap() };
    let port = (seven_ports() + 10).to_string();
    let mut demo = home.command(&["demo", "--dir", "d", "--patients", "0", "--port", &port]);
    let mut demo = demo.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = std::io::BufReader::new(demo.stderr.take().unwrap());
    for line in std::io::BufRead::lines(stderr) {
        if line.unwrap().contains("Ctrl-C stops all nodes") {
            break;
        }
    }
    let start = Instant::now();
    signal("INT", demo.id());
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    for hospital in ["hospital-1", "regulator-2"] {
        let log = home.text(&format!("d/{hospital}/node.log"));
        assert!(log.trim_end().ends_with("the node has stopped, everything is on disk"), "{log}");
    }
}

#[test]
fn a_demo_does_not_touch_what_is_there() {
    let home = Home { folder: tempfile::tempdir().unwrap() };
    std::fs::create_dir(home.path("d")).unwrap();
    home.write("d/notes.txt", "mine");
    let said = home.run(&["demo", "--dir", "d", "--exit"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("(node.exists)"), "{}", said.stderr);
    assert!(Path::new(&home.path("d")).join("notes.txt").exists());
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().min(65_529).to_string();
    let said = home.run(&["demo", "--dir", "e", "--patients", "0", "--port", &port, "--exit"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("choose another with --port"), "{}", said.stderr);
}
