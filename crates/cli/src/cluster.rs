//! A network's nodes as processes of this machine: started, waited for, stopped, killed, started again.
//!
//! Each is `medveil node run` of this program, in a process group of its own, so that Ctrl-C reaches only whoever started them, and with a pipe for
//! standard input: when that closes, on purpose or because the starter is gone, the node stops by itself. None is left behind.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use medveil_node::{Folder, Refusal};

use crate::client::{Client, ClientError};

/// Where a node's log lies in its folder.
pub const LOG: &str = "node.log";

/// The ports that members' nodes are given: below those that the system takes for outgoing connections, so that they are free next time, too.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// How long a node is given to stop by itself.
const STOP: Duration = Duration::from_secs(20);

/// What goes wrong with nodes.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A member's folder is not as it must be.
    #[error("{0}")]
    Folder(#[from] Refusal),
    /// The system refuses.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A node ended instead of running.
    #[error("the node of {organisation} ended ({status}): {last}")]
    Ended {
        /// The member.
        organisation: String,
        /// How.
        status: ExitStatus,
        /// The last line of its log.
        last: String,
    },
    /// It takes too long.
    #[error("the node of {organisation} is not ready after {waited:?}: {reason}")]
    NotReady {
        /// The member.
        organisation: String,
        /// So long it was waited for.
        waited: Duration,
        /// What it says.
        reason: String,
    },
    /// There are not enough free ports.
    #[error("no {0} free ports were found")]
    Ports(usize),
}

/// A member's node.
pub struct Member {
    /// The organisation.
    pub organisation: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Where it answers HTTP.
    pub http: SocketAddr,
    child: Option<Child>,
}

impl Member {
    /// Where it answers, as clients name it.
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// The id of its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }
}

/// The nodes of a network. Whoever drops it stops them.
pub struct Cluster {
    /// The members, in the order of their names.
    pub members: Vec<Member>,
    arguments: Vec<String>,
}

impl Cluster {
    /// The members whose folders lie in `network`; nothing is started. With `first_port` they answer HTTP on loopback from there on, in the order of their
    /// names, and not where their `node.toml` says. `arguments` go to each process, before the command.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn open(network: &Path, first_port: Option<u16>, arguments: &[&str]) -> Result<Self, ClusterError> {
        let fail = |error| ClusterError::System { what: network.display().to_string(), error };
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(network).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if path.join(medveil_node::Settings::FILE).is_file() {
                folders.push(path);
            }
        }
        folders.sort();
        let members = folders.into_iter().enumerate().map(|(index, folder)| {
            let settings = Folder::new(&folder).settings()?;
            let port = first_port.map(|first| first.saturating_add(u16::try_from(index).unwrap_or(u16::MAX)));
            let http = port.map_or(settings.http, |port| SocketAddr::from(([127, 0, 0, 1], port)));
            Ok(Member { organisation: settings.organisation.to_string(), folder, http, child: None })
        });
        let members = members.collect::<Result<_, Refusal>>()?;
        Ok(Self { members, arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect() })
    }

    /// Starts one node, if it does not run.
    ///
    /// # Errors
    /// The system refuses.
    pub fn start(&mut self, index: usize) -> Result<(), ClusterError> {
        let member = &mut self.members[index];
        if member.child.is_some() {
            return Ok(());
        }
        let fail = |error| ClusterError::System { what: member.folder.display().to_string(), error };
        let log = File::options().create(true).append(true).open(member.folder.join(LOG)).map_err(fail)?;
        let program = std::env::current_exe().map_err(fail)?;
        let mut command = Command::new(program);
        command
            .args(&self.arguments)
            .args(["node", "run", "--stop-with-parent", "--http", &member.http.to_string(), "--dir"])
            .arg(&member.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        member.child = Some(command.spawn().map_err(fail)?);
        Ok(())
    }

    /// Starts all nodes.
    ///
    /// # Errors
    /// The system refuses.
    pub fn start_all(&mut self) -> Result<(), ClusterError> {
        (0..self.members.len()).try_for_each(|index| self.start(index))
    }

    /// Waits until those of the nodes that were started follow the chain. `waiting` is told how many do.
    ///
    /// # Errors
    /// One ended, or is not ready in time, or `waiting` says to give up.
    pub fn wait_ready(
        &mut self,
        within: Duration,
        mut waiting: impl FnMut(usize) -> bool,
    ) -> Result<(), ClusterError> {
        let start = Instant::now();
        loop {
            let mut missing = None;
            let mut ready = 0;
            for member in self.members.iter_mut().filter(|member| member.child.is_some()) {
                check(member)?;
                match readiness(member) {
                    None => ready += 1,
                    Some(reason) => missing = Some((member.organisation.clone(), reason)),
                }
            }
            let go_on = waiting(ready);
            let Some((organisation, reason)) = missing else { return Ok(()) };
            if start.elapsed() > within || !go_on {
                return Err(ClusterError::NotReady { organisation, waited: start.elapsed(), reason });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Fails when a node that was started has ended by itself.
    ///
    /// # Errors
    /// [`ClusterError::Ended`].
    pub fn check(&mut self) -> Result<(), ClusterError> {
        self.members.iter_mut().try_for_each(check)
    }

    /// Kills a node, as a power cut would (SIGKILL).
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self, index: usize) -> Result<(), ClusterError> {
        let member = &mut self.members[index];
        let Some(mut child) = member.child.take() else { return Ok(()) };
        let killed = child.kill().and_then(|()| child.wait());
        killed.map(drop).map_err(|error| ClusterError::System { what: member.organisation.clone(), error })
    }

    /// Stops all nodes and waits until everything is on disk. One that does not stop by itself is killed.
    pub fn stop_all(&mut self) {
        stop(&mut self.members);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop_all();
    }
}

fn stop(members: &mut [Member]) {
    // All at once: each sees its standard input end.
    for child in members.iter_mut().filter_map(|member| member.child.as_mut()) {
        drop(child.stdin.take());
    }
    let start = Instant::now();
    for member in members {
        let Some(mut child) = member.child.take() else { continue };
        while start.elapsed() < STOP && matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        // Of one that has ended nothing is left to kill.
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn check(member: &mut Member) -> Result<(), ClusterError> {
    let ended = member.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
    let Some(status) = ended else { return Ok(()) };
    member.child = None;
    let last = last_line(&member.folder.join(LOG)).unwrap_or_default();
    Err(ClusterError::Ended { organisation: member.organisation.clone(), status, last })
}

/// Why a node is not ready; `None` when it is.
fn readiness(member: &Member) -> Option<String> {
    let client = Client::new(&member.url()).ok()?;
    match client.get("/readyz") {
        Ok(_) => None,
        Err(ClientError::Problem(problem)) => Some(problem.detail.clone()),
        Err(ClientError::Unreachable(what) | ClientError::Answer(what)) => Some(what),
    }
}

/// The last line of a file that says something.
fn last_line(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(4096))).ok()?;
    let mut end = Vec::new();
    file.read_to_end(&mut end).ok()?;
    let end = String::from_utf8_lossy(&end);
    end.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned)
}

/// Free ports of loopback, for addresses that a network keeps.
///
/// # Errors
/// There are not so many.
pub fn free_ports(count: usize) -> Result<Vec<u16>, ClusterError> {
    let mut random = [0; 2];
    // Two networks that are made at once should not look at the same ports; without randomness they may, and one is told that a port is in use.
    let _ = getrandom::fill(&mut random);
    let length = PORTS.end - PORTS.start;
    let offset = u16::from_le_bytes(random) % length;
    let candidates = (0..length).map(|step| PORTS.start + (offset + step) % length);
    let free = candidates.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let ports: Vec<u16> = free.take(count).collect();
    if ports.len() == count { Ok(ports) } else { Err(ClusterError::Ports(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_different() {
        let ports = free_ports(7).unwrap();
        let listeners: Vec<_> =
            ports.iter().map(|port| TcpListener::bind(("127.0.0.1", *port)).unwrap()).collect();
        assert_eq!(listeners.len(), 7);
        assert!(ports.iter().all(|port| PORTS.contains(port)));
    }

    #[test]
    fn the_last_line_that_says_something_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOG);
        std::fs::write(&path, format!("{}\nfirst\nlast\n\n", "x".repeat(5000))).unwrap();
        assert_eq!(last_line(&path).as_deref(), Some("last"));
        assert_eq!(last_line(&folder.path().join("none")), None);
    }

    #[test]
    fn members_are_those_with_folders() {
        let network = tempfile::tempdir().unwrap();
        std::fs::create_dir(network.path().join("notes")).unwrap();
        assert!(Cluster::open(network.path(), None, &[]).unwrap().members.is_empty());
        assert!(Cluster::open(&network.path().join("none"), None, &[]).is_err());
    }
}
