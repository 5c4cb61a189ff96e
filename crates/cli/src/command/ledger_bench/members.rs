//! The members of the network under test: one process each, over loopback.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use medveil_ledger::{Genesis, SigningKey};
use medveil_node::keys::{KeyFile, Kind};

use crate::client::{Client, Status};
use crate::console::Console;
use crate::failure::Failure;

/// How long nodes may take to start, all of them.
const START: Duration = Duration::from_secs(60);

/// A network and its running nodes. Nodes are killed when it is dropped.
pub struct Network {
    folder: PathBuf,
    /// The genesis.
    pub genesis: Genesis,
    /// The members, in the order of their names.
    pub members: Vec<Member>,
}

/// One member.
pub struct Member {
    /// The organisation.
    pub name: String,
    /// The member's folder.
    pub folder: PathBuf,
    /// Where its node answers.
    pub url: String,
    process: Option<Child>,
    /// Processor seconds of processes that have ended.
    spent: f64,
}

impl Network {
    /// Makes a network of `count` hospitals in `folder`, and starts all nodes.
    ///
    /// # Errors
    /// What the commands refuse, or nodes that do not start.
    pub fn start(folder: &Path, count: usize, epoch_length: u64, threads: usize) -> Result<Self, Failure> {
        let mut text = format!("chain = \"bench\"\nepoch-length = {epoch_length}\n");
        let mut ports = free_ports(2 * count)?.into_iter();
        let mut members = Vec::with_capacity(count);
        let out = folder.join("network");
        for number in 1..=count {
            let name = format!("hospital-{number}");
            let (peers, http) = (ports.next().unwrap_or(0), ports.next().unwrap_or(0));
            text += &format!(
                "\n[[member]]\norganisation = \"{name}\"\nname = \"第 {number} 医院\"\nrole = \"hospital\"\naddress = \"127.0.0.1:{peers}\"\nhttp = \"127.0.0.1:{http}\"\n"
            );
            let url = format!("http://127.0.0.1:{http}");
            members.push(Member { folder: out.join(&name), name, url, process: None, spent: 0.0 });
        }
        let list = folder.join("members.toml");
        std::fs::write(&list, text).map_err(Failure::unusable)?;
        let made = program()?
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
        let mut network = Network { folder: folder.to_owned(), genesis, members };
        for index in 0..count {
            network.members[index].set("threads = 2", &format!("threads = {threads}"))?;
            network.run(index)?;
        }
        for index in 0..count {
            network.wait_for(index, START, |status| status.indexed > 0)?;
        }
        Ok(network)
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A client of a member's node.
    pub fn client(&self, index: usize) -> Result<Client, Failure> {
        Client::new(&self.members[index].url)
    }

    /// Starts a member's node.
    pub fn run(&mut self, index: usize) -> Result<(), Failure> {
        self.members[index].run()
    }

    /// Waits until a node's status is as wanted; the time that it took.
    ///
    /// # Errors
    /// It is not within `patience`, or the process has ended.
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
            let member = &mut self.members[index];
            if let Some(Ok(Some(ended))) = member.process.as_mut().map(Child::try_wait) {
                let log = std::fs::read_to_string(member.log()).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
                return Err(Failure::unusable(format!(
                    "the node of {} ended ({ended}):\n{last}",
                    member.name
                )));
            }
            if start.elapsed() > patience {
                return Err(Failure::unusable(format!(
                    "the node of {} is not as expected after {} s; its log is {}",
                    member.name,
                    patience.as_secs(),
                    member.log().display()
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The height of the last block that any running node has.
    pub fn height(&self) -> u64 {
        let running = self.members.iter().filter(|member| member.process.is_some());
        let heights = running.filter_map(|member| Client::new(&member.url).ok()?.status().ok());
        heights.map(|status| status.height).max().unwrap_or(0)
    }

    /// Adds a member's second node: the same organisation with another key and address.
    pub fn add(&mut self, member: Member) -> usize {
        self.members.push(member);
        self.members.len() - 1
    }

    /// Says where the logs are, when something went wrong.
    pub fn keep_logs(&self, console: &Console) {
        if let Ok(kept) = tempfile::Builder::new().prefix("medveil-bench-").tempdir() {
            let kept = kept.keep();
            for member in &self.members {
                let _ = std::fs::copy(member.log(), kept.join(format!("{}.log", member.name)));
            }
            console.note(format_args!(
                "{} {}",
                console.text("the nodes' logs:", "节点日志："),
                kept.display()
            ));
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.members.iter_mut().for_each(Member::kill);
    }
}

impl Member {
    /// A member whose folder exists.
    pub fn new(name: String, folder: PathBuf, http: u16) -> Self {
        Member { name, folder, url: format!("http://127.0.0.1:{http}"), process: None, spent: 0.0 }
    }

    fn log(&self) -> PathBuf {
        self.folder.join("node.log")
    }

    /// Replaces a line of `node.toml`, which stands there as a comment with its default.
    fn set(&self, was: &str, is: &str) -> Result<(), Failure> {
        let path = self.folder.join("node.toml");
        let text = std::fs::read_to_string(&path).map_err(Failure::unusable)?;
        let changed = text.replace(&format!("# {was}"), is);
        std::fs::write(&path, changed).map_err(Failure::unusable)
    }

    fn run(&mut self) -> Result<(), Failure> {
        let log =
            std::fs::File::options().create(true).append(true).open(self.log()).map_err(Failure::unusable)?;
        let process = program()?
            .args(["node", "run", "--dir"])
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(Failure::unusable)?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends the process as `kill -9` does.
    pub fn kill(&mut self) {
        self.spent = self.cpu_seconds();
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Whether its process runs.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Its administrator's key.
    pub fn administrator(&self) -> Result<SigningKey, Failure> {
        let path = self.folder.join("keys/administrator.key");
        KeyFile::read(&path, Kind::Account).map(|key| key.signing_key()).map_err(Failure::unusable)
    }

    /// Processor seconds that its processes have used: proc(5), fields 14 and 15 of stat, in ticks of 1/100 s.
    pub fn cpu_seconds(&self) -> f64 {
        let of = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
            Some(ticks as f64 / 100.0)
        };
        self.spent + self.process.as_ref().and_then(|process| of(process.id())).unwrap_or(0.0)
    }

    /// Its resident memory in bytes: proc(5), `VmRSS` of status, in kB.
    pub fn resident(&self) -> u64 {
        let of = |pid: u32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
        };
        self.process.as_ref().and_then(|process| of(process.id())).unwrap_or(0)
    }

    /// Bytes on disk that its engine and its index take.
    pub fn disk(&self) -> (u64, u64) {
        let data = self.folder.join("data");
        let index: u64 = std::fs::read_dir(&data)
            .map(|entries| {
                entries
                    .flatten()
                    .filter(|entry| entry.file_name().to_string_lossy().starts_with("index.sqlite"))
                    .filter_map(|entry| entry.metadata().ok())
                    .map(|metadata| allocated(&metadata))
                    .sum()
            })
            .unwrap_or(0);
        (tree(&data.join("engine")), index)
    }
}

/// This program, which the nodes are processes of.
fn program() -> Result<Command, Failure> {
    Ok(Command::new(std::env::current_exe().map_err(Failure::unusable)?))
}

/// Ports that nobody listens on. They are bound together, so that none comes twice.
pub fn free_ports(count: usize) -> Result<Vec<u16>, Failure> {
    let listeners: Result<Vec<TcpListener>, _> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect();
    let listeners = listeners.map_err(Failure::unusable)?;
    listeners
        .iter()
        .map(|listener| listener.local_addr().map(|at| at.port()).map_err(Failure::unusable))
        .collect()
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
