//! What a node does for its own machine alone: over a socket in the data folder that the owner of the folder may open and nobody else.
//!
//! One JSON object a line each way. There is no other way to ask for these, so that no port has to be guarded.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
};
use tracing::{info, warn};

use crate::{Folder, Node, Refusal, status::Report};

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// What the node does.
    Status,
    /// A snapshot of the state into a new file.
    Snapshot {
        /// The file; absolute, as the node has another working folder.
        path: PathBuf,
    },
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Response {
    /// To [`Request::Status`].
    Status {
        /// What the node does.
        report: Box<Report>,
        /// Why it cannot be relied on; empty when it can.
        unready: Vec<Reason>,
    },
    /// To [`Request::Snapshot`].
    Snapshot {
        /// The height of the block whose state it holds.
        height: u64,
    },
    /// It is not done.
    Refused(Reason),
}

/// A named reason in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The machine's name.
    pub name: String,
    /// English.
    pub english: String,
    /// Chinese.
    pub chinese: String,
}

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// The longest path of a socket, in bytes, with room to spare for systems other than Linux (sockaddr_un: 108 there, 104 elsewhere).
const MAX_PATH: usize = 100;

/// Answers over the folder's socket until the future is dropped.
///
/// # Errors
/// [`Refusal`]: the socket cannot be made.
pub async fn serve(folder: &Folder, node: Node) -> Result<(), Refusal> {
    let path = folder.control_socket();
    let fail = |error: std::io::Error| Refusal::file(&path, error);
    // Nobody else runs on this folder: what lies here was left by a process that is gone.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fail(error)),
        _ => {}
    }
    let listener = with_short_path(&path, |short| UnixListener::bind(short)).map_err(fail)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let node = node.clone();
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, node).await {
                        warn!(%error, "a request over the control socket broke off");
                    }
                });
            }
            Err(error) => {
                warn!(%error, "the control socket cannot be listened on");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(stream: tokio::net::UnixStream, node: Node) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let mut reading = tokio::io::BufReader::new(tokio::io::AsyncReadExt::take(reading, MAX_LINE));
    reading.read_line(&mut line).await?;
    let response = match serde_json::from_str(&line) {
        Ok(Request::Status) => match node.report().await {
            Some(report) => {
                let unready = node.readiness().await;
                let unready = unready.iter().map(|reason| Reason {
                    name: reason.name().into(),
                    english: reason.english(),
                    chinese: reason.chinese(),
                });
                Response::Status { report: report.into(), unready: unready.collect() }
            }
            None => refused(&Refusal::Engine { error: "it has stopped; its log says why".into() }),
        },
        Ok(Request::Snapshot { path }) => snapshot(&node, &path).await,
        Err(error) => refused(&Refusal::Engine { error: format!("the request is not understood: {error}") }),
    };
    let mut line = serde_json::to_vec(&response)?;
    line.push(b'\n');
    writing.write_all(&line).await
}

async fn snapshot(node: &Node, path: &Path) -> Response {
    if path.symlink_metadata().is_ok() {
        return refused(&Refusal::Exists { path: path.display().to_string() });
    }
    match node.engine().snapshot(path.to_owned()).await {
        Ok(height) => {
            info!(height, "a snapshot was taken");
            Response::Snapshot { height }
        }
        Err(error) => {
            refused(&Refusal::Snapshot { path: path.display().to_string(), error: error.to_string() })
        }
    }
}

fn refused(refusal: &Refusal) -> Response {
    Response::Refused(Reason {
        name: refusal.name().into(),
        english: refusal.english(),
        chinese: refusal.chinese(),
    })
}

/// Asks the node that runs on a folder.
///
/// # Errors
/// [`Refusal::NotRunning`] when none does; otherwise what the system says.
pub fn ask(folder: &Folder, request: &Request, patience: Duration) -> Result<Response, Refusal> {
    let path = folder.control_socket();
    let fail = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => {
            Refusal::NotRunning { path: folder.root().display().to_string() }
        }
        _ => Refusal::file(&path, error),
    };
    let mut stream = with_short_path(&path, |short| UnixStream::connect(short)).map_err(fail)?;
    let mut exchange = || -> std::io::Result<Response> {
        stream.set_read_timeout(Some(patience))?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut answer = String::new();
        BufReader::new(&stream).read_line(&mut answer)?;
        Ok(serde_json::from_str(&answer)?)
    };
    exchange().map_err(fail)
}

/// Runs `f` on the path, or on a short one that means the same where the system takes no longer ones.
fn with_short_path<T>(path: &Path, f: impl FnOnce(&Path) -> std::io::Result<T>) -> std::io::Result<T> {
    use std::os::fd::AsRawFd as _;
    if path.as_os_str().len() <= MAX_PATH || !cfg!(target_os = "linux") {
        return f(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return f(path) };
    let folder = std::fs::File::open(folder)?;
    f(&PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_fixed_forms_and_no_others() {
        let text = serde_json::to_string(&Request::Snapshot { path: "/a".into() }).unwrap();
        assert_eq!(text, r#"{"command":"snapshot","path":"/a"}"#);
        assert_eq!(serde_json::from_str::<Request>(r#"{"command":"status"}"#).unwrap(), Request::Status);
        assert!(serde_json::from_str::<Request>(r#"{"command":"stop"}"#).is_err());
    }

    #[test]
    fn nobody_answers_for_a_folder_without_a_node() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path());
        let refusal = ask(&folder, &Request::Status, Duration::from_secs(1)).unwrap_err();
        assert_eq!(refusal.name(), "node.not_running");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_socket_may_lie_deep() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let path = deep.join("control.sock");
        let listener = with_short_path(&path, |short| std::os::unix::net::UnixListener::bind(short)).unwrap();
        with_short_path(&path, |short| UnixStream::connect(short)).unwrap();
        assert!(path.exists());
        drop(listener);
    }
}
