//! The members of the network under test: one process each, over loopback.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use medveil_ledger::{Genesis, SigningKey};
use medveil_node::keys::{KeyFile, Kind};

use crate::client::{Client, Status};
use crate::cluster::{Cluster, LOG, Member, free_ports};
use crate::console::Console;
use crate::failure::Failure;

/// How long nodes may take to start, all of them.
const START: Duration = Duration::from_secs(120);

/// A network and its nodes. They stop when it is dropped.
pub struct Network {
    cluster: Cluster,
    /// The genesis.
    pub genesis: Genesis,
    /// Members that the genesis names; a second node of one of them comes after.
    pub count: usize,
    /// Processor seconds of processes that have ended, by member.
    spent: Vec<f64>,
}

/// What a network is made with.
pub struct Plan {
    /// Members.
    pub count: usize,
    /// Blocks in an epoch.
    pub epoch_length: u64,
    /// Threads of consensus of each node.
    pub threads: u64,
    /// Whether there is a folder for a second node of the second member, with a key of its own; it is not started.
    pub second: bool,
    /// How many of the last members are not started.
    pub absent: usize,
    /// How many of the last members' nodes only read and vote.
    pub mute: usize,
}

/// The second node of a member, for which a vote is needed.
pub struct Second {
    /// Its key.
    pub key: KeyFile,
    /// Where other nodes reach it.
    pub address: String,
}

impl Network {
    /// Makes a network of hospitals in `folder`, and starts the nodes of the genesis.
    ///
    /// # Errors
    /// What the commands refuse, or nodes that do not start.
    pub fn start(folder: &Path, plan: &Plan) -> Result<(Self, Option<Second>), Failure> {
        let count = plan.count;
        let mut text = format!("chain = \"bench\"\nepoch-length = {}\n", plan.epoch_length);
        let ports = free_ports(2 * count + 2).map_err(Failure::unusable)?;
        let out = folder.join("network");
        for number in 1..=count {
            let (peers, http) = (ports[2 * number - 2], ports[2 * number - 1]);
            // A width of two keeps the order of names that of numbers.
            text += &format!(
                "\n[[member]]\norganisation = \"hospital-{number:02}\"\nname = \"第 {number} 医院\"\nrole = \"hospital\"\naddress = \"127.0.0.1:{peers}\"\nhttp = \"127.0.0.1:{http}\"\n"
            );
        }
        let list = folder.join("members.toml");
        std::fs::write(&list, text).map_err(Failure::unusable)?;
        let made = Command::new(std::env::current_exe().map_err(Failure::unusable)?)
            .args(["network", "new", "--lang", "en", "--members"])
            .arg(&list)
            .arg("--out")
            .arg(&out)
            .stdout(Stdio::null())
            .output()
            .map_err(Failure::unusable)?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr).into_owned();
            return Err(Failure::unusable(format!("`network new` failed: {said}")));
        }
        let genesis = crate::command::evidence::genesis(&out.join("genesis.toml"))?;
        let second = match plan.second {
            true => Some(second(&out, &ports[2 * count..])?),
            false => None,
        };
        for number in 1..=count {
            set(
                &out.join(format!("hospital-{number:02}")),
                &[("# threads", format!("threads = {}", plan.threads))],
            )?;
        }
        for number in count - plan.mute + 1..=count {
            set(&out.join(format!("hospital-{number:02}")), &[("custodian", String::new())])?;
        }
        let cluster = Cluster::open(&out, None, &[]).map_err(Failure::unusable)?;
        let spent = vec![0.0; cluster.members.len()];
        let mut network = Network { cluster, genesis, count, spent };
        (0..count - plan.absent).try_for_each(|index| network.run(index))?;
        network.cluster.wait_ready(START, |_| true).map_err(Failure::unusable)?;
        Ok((network, second))
    }

    /// The members and, after them, the second node.
    pub fn members(&self) -> &[Member] {
        &self.cluster.members
    }

    /// A client of a member's node.
    pub fn client(&self, index: usize) -> Result<Client, Failure> {
        Client::new(&self.cluster.members[index].url())
    }

    /// A member's administrator.
    pub fn administrator(&self, index: usize) -> Result<SigningKey, Failure> {
        let path = self.cluster.members[index].folder.join("keys/administrator.key");
        KeyFile::read(&path, Kind::Account).map(|key| key.signing_key()).map_err(Failure::unusable)
    }

    /// Starts a member's node.
    pub fn run(&mut self, index: usize) -> Result<(), Failure> {
        self.cluster.start(index).map_err(Failure::unusable)
    }

    /// Whether all nodes that were started run still.
    ///
    /// # Errors
    /// One has ended.
    pub fn check(&mut self) -> Result<(), Failure> {
        self.cluster.check().map_err(Failure::unusable)
    }

    /// Ends a member's node as `kill -9` does.
    pub fn kill(&mut self, index: usize) -> Result<(), Failure> {
        self.spent[index] = self.cpu_seconds(index);
        self.cluster.kill(index).map_err(Failure::unusable)
    }

    /// Waits until a node's status is as wanted; the time that it took.
    ///
    /// # Errors
    /// It is not within `patience`, or a process has ended.
    pub fn wait_for(
        &mut self,
        index: usize,
        patience: Duration,
        wanted: impl Fn(&Status) -> bool,
    ) -> Result<Duration, Failure> {
        let start = Instant::now();
        let client = self.client(index)?;
        loop {
            match client.status() {
                Ok(status) if wanted(&status) => return Ok(start.elapsed()),
                _ => {}
            }
            self.cluster.check().map_err(Failure::unusable)?;
            if start.elapsed() > patience {
                let (name, seconds) = (&self.cluster.members[index].organisation, patience.as_secs());
                return Err(Failure::unusable(format!(
                    "the node of {name} is not as expected after {seconds} s"
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The height of the last block that any running node has.
    pub fn height(&self) -> u64 {
        let running = self.cluster.members.iter().filter(|member| member.pid().is_some());
        let heights = running.filter_map(|member| Client::new(&member.url()).ok()?.status().ok());
        heights.map(|status| status.height).max().unwrap_or(0)
    }

    /// Keeps the logs, when something went wrong, and says where.
    pub fn keep_logs(&self, console: &Console) {
        if let Ok(kept) = tempfile::Builder::new().prefix("medveil-bench-").tempdir() {
            let kept = kept.keep();
            for (member, number) in self.cluster.members.iter().zip(1..) {
                let _ = std::fs::copy(member.folder.join(LOG), kept.join(format!("{number}.log")));
            }
            console.note(format_args!(
                "{} {}",
                console.text("the nodes' logs:", "节点日志："),
                kept.display()
            ));
        }
    }

    /// Processor seconds that a member's processes have used: proc(5), fields 14 and 15 of stat, in ticks of 1/100 s.
    pub fn cpu_seconds(&self, index: usize) -> f64 {
        let of = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
            Some(ticks as f64 / 100.0)
        };
        self.spent[index] + self.cluster.members[index].pid().and_then(of).unwrap_or(0.0)
    }

    /// Processor seconds of all.
    pub fn all_cpu_seconds(&self) -> f64 {
        (0..self.cluster.members.len()).map(|index| self.cpu_seconds(index)).sum()
    }

    /// The resident memory of each running node in bytes: proc(5), `VmRSS` of status, in kB.
    pub fn resident(&self) -> Vec<u64> {
        let of = |pid: u32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
        };
        self.cluster.members.iter().filter_map(|member| of(member.pid()?)).collect()
    }

    /// Bytes on disk that all engines take, and all indexes.
    pub fn disk(&self) -> (u64, u64) {
        let data = self.cluster.members.iter().map(|member| member.folder.join("data"));
        data.fold((0, 0), |(engine, index), data| {
            let entries = std::fs::read_dir(&data).into_iter().flatten().flatten();
            let of_index: u64 = entries
                .filter(|entry| entry.file_name().to_string_lossy().starts_with("index.sqlite"))
                .filter_map(|entry| entry.metadata().ok())
                .map(|metadata| allocated(&metadata))
                .sum();
            (engine + tree(&data.join("engine")), index + of_index)
        })
    }
}

/// Replaces lines of `node.toml` by what they begin with.
fn set(folder: &Path, lines: &[(&str, String)]) -> Result<(), Failure> {
    let path = folder.join("node.toml");
    let text = std::fs::read_to_string(&path).map_err(Failure::unusable)?;
    let changed: Vec<&str> = text
        .lines()
        .map(|line| {
            let name = line.split(" =").next().unwrap_or_default();
            lines.iter().find(|(wanted, _)| *wanted == name).map_or(line, |(_, is)| is.as_str())
        })
        .collect();
    std::fs::write(&path, changed.join("\n") + "\n").map_err(Failure::unusable)
}

/// The folder of a second node of the second member: what the organisation would copy, a key of its own, and nothing of the data.
fn second(network: &Path, ports: &[u16]) -> Result<Second, Failure> {
    let fail = |error: std::io::Error| Failure::unusable(error);
    let (old, place) = (network.join("hospital-02"), network.join("second-node-of-hospital-02"));
    std::fs::create_dir_all(place.join("keys")).map_err(fail)?;
    for name in ["genesis.toml", "node.toml", "keys/administrator.key"] {
        std::fs::copy(old.join(name), place.join(name)).map_err(fail)?;
    }
    let key = KeyFile::generate(Kind::Node, medveil_ledger::Suite::Ed25519).map_err(Failure::unusable)?;
    key.write(&place.join("keys/node.key")).map_err(Failure::unusable)?;
    let address = format!("127.0.0.1:{}", ports[0]);
    set(
        &place,
        &[
            ("key", format!("key = \"{}\"", key.public())),
            // One node of an organisation acts with its account.
            ("custodian", String::new()),
            ("listen", format!("listen = \"{address}\"")),
            ("http", format!("http = \"127.0.0.1:{}\"", ports[1])),
        ],
    )?;
    Ok(Second { key, address })
}

/// Bytes that a folder takes on disk.
fn tree(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => tree(&entry.path()),
            Ok(metadata) => allocated(&metadata),
            Err(_) => 0,
        })
        .sum()
}

/// Blocks of a file, not its length: files are preallocated and sparse.
fn allocated(metadata: &std::fs::Metadata) -> u64 {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::blocks(metadata) * 512;
    #[cfg(not(unix))]
    metadata.len()
}
