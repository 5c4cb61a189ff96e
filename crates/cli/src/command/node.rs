//! `medveil node`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use medveil_ledger::Suite;
use medveil_node::control::{self, Request, Response};
use medveil_node::folder::{self, Opened};
use medveil_node::keys::{KeyFile, Kind};
use medveil_node::status::Report;
use medveil_node::{Folder, Node, Services, Stores, clock};
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::client::{ClientError, NodeArgs};
use crate::console::{Console, Lang};
use crate::failure::{Failure, refused};
use crate::logging;

/// `medveil node`.
#[derive(Args, Debug)]
pub struct NodeCommandArgs {
    /// What to do with nodes.
    #[command(subcommand)]
    pub command: NodeCommand,
}

/// What `medveil node` does.
#[derive(Subcommand, Debug)]
pub enum NodeCommand {
    /// Run a member's node until it is told to stop
    #[command(
        after_help = "Example:\n  medveil node run --dir consortium/hospital-1\n\nCtrl-C or SIGTERM stops it when everything is on disk; a second one at once."
    )]
    Run(RunNodeArgs),
    /// Say how a node is: its chain, its height, whom it hears
    #[command(
        after_help = "Examples:\n  medveil node status\n  medveil node status --dir consortium/hospital-1\n\nExit code 1 when the node cannot be relied on at the moment."
    )]
    Status(StatusArgs),
    /// Write the state of a running node to a file, from which another begins
    #[command(
        after_help = "Example:\n  medveil node snapshot --dir consortium/hospital-1 --out monday.snapshot\n\nThe file holds what is on the ledger, no keys. Whoever begins with it checks all of it against the genesis."
    )]
    Snapshot(SnapshotArgs),
    /// Let a node without data begin with a snapshot
    #[command(
        after_help = "Example:\n  medveil node restore --from monday.snapshot --dir consortium/hospital-1\n  medveil node run --dir consortium/hospital-1\n\nA validator that lost its data may vote twice in rounds in which it voted before: let it begin with a new key (`governance rotate-validator`), or with a snapshot taken some minutes after the loss."
    )]
    Restore(RestoreArgs),
    /// Make a node's key, and print its public half for the list of members
    #[command(after_help = "Example:\n  medveil node key --out keys/node.key")]
    Key(KeyArgs),
}

/// `medveil node run`.
#[derive(Args, Debug)]
pub struct RunNodeArgs {
    /// The member's folder
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Answer HTTP here and not where node.toml says
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<SocketAddr>,
    /// Stop when standard input ends: for a process that starts nodes and must not leave them behind
    #[arg(long)]
    pub stop_with_parent: bool,
}

/// `medveil node status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Which node is asked.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Ask the node that runs on this folder, over its own socket
    #[arg(long, value_name = "DIR", conflicts_with = "node")]
    pub dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil node snapshot`.
#[derive(Args, Debug)]
pub struct SnapshotArgs {
    /// The member's folder
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// The file, which must not exist
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil node restore`.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// The snapshot
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// The member's folder
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil node key`.
#[derive(Args, Debug)]
pub struct KeyArgs {
    /// The key file, which must not exist
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// How long a node may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a snapshot may take.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(3600);

/// Runs the command.
pub fn run(args: &NodeCommandArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        NodeCommand::Run(args) => run_node(args, console),
        NodeCommand::Status(args) => status(args, console),
        NodeCommand::Snapshot(args) => snapshot(args, console),
        NodeCommand::Restore(args) => restore(args, console),
        NodeCommand::Key(args) => key(args, console),
    }
}

fn run_node(args: &RunNodeArgs, console: &Console) -> Result<(), Failure> {
    let refuse = |refusal| refused(&refusal, console);
    let mut opened = Folder::new(&args.dir).open(clock::now_ms()).map_err(refuse)?;
    opened.settings.http = args.http.unwrap_or(opened.settings.http);
    logging::start(&opened.settings.log)?;
    // Before the node starts, so that an address in use is told at once.
    let listener = folder::bind("http", opened.settings.http).map_err(refuse)?;
    listener.set_nonblocking(true).map_err(Failure::unusable)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::unusable)?;
    let ended = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Failure::unusable)?;
        let signals = Signals::new().map_err(Failure::unusable)?;
        let mut signals = signals;
        let stores = tokio::select! {
            stores = opened.stores() => stores.map_err(refuse)?,
            // A store that does not answer is waited for.
            signal = signals.next() => {
                tracing::info!(signal, "stopped before the start");
                return Ok(());
            }
        };
        let node = opened.start(clock::now_ms(), 0).await.map_err(refuse)?;
        serve(&opened, stores, node, listener, signals, args.stop_with_parent, console).await
    });
    // What does not end by itself, such as a custodian's run over much data, is taken up again by the next start.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

/// Runs a node that has started, until it ends or is told to.
async fn serve(
    opened: &Opened,
    stores: Stores,
    node: Node,
    listener: tokio::net::TcpListener,
    mut signals: Signals,
    stop_with_parent: bool,
    console: &Console,
) -> Result<(), Failure> {
    let settings = &opened.settings;
    info!(
        organisation = %settings.organisation,
        chain = %node.rules().chain(),
        key = %settings.key,
        listen = %settings.listen,
        http = %settings.http,
        version = env!("CARGO_PKG_VERSION"),
        "the node runs"
    );
    if !opened.has_seat() {
        warn!(
            "the genesis gives this key no seat: the node follows without a vote where [followers] of other members let it in, until the ledger gives it a seat"
        );
    }
    let services = match Services::start(opened, stores, &node) {
        Ok(services) => services,
        Err(refusal) => {
            folder::stop(node).await;
            return Err(refused(&refusal, console));
        }
    };
    match services.agent() {
        Some(agent) => info!(account = %agent.account(), "the node acts on the ledger"),
        None => warn!("node.toml names no custodian: the node reads and votes, and takes no part in custody"),
    }
    let (stop, mut stopping) = watch::channel(false);
    let mut api =
        tokio::spawn(medveil_api::serve(node.clone(), services.custody().cloned(), listener, async move {
            // That the sender is gone means the same.
            let _ = stopping.wait_for(|stop| *stop).await;
        }));
    let (folder, controlled) = (opened.folder.clone(), node.clone());
    let control = tokio::spawn(async move {
        if let Err(refusal) = control::serve(&folder, controlled).await {
            warn!(reason = refusal.name(), "no control socket: {}", refusal.english());
        }
    });
    let ended = tokio::select! {
        name = signals.next() => { info!(signal = name, "the node is told to stop"); Ok(()) }
        () = parent_gone(stop_with_parent) => { info!("the process that started the node is gone or lets go of it"); Ok(()) }
        () = halted(&node) => { error!("the engine has stopped"); Err(("the node has stopped; its log says why", "节点已停止，原因见日志")) }
        served = &mut api => {
            let error = served.map_or_else(|error| error.to_string(), |served| served.err().map(|error| error.to_string()).unwrap_or_default());
            error!(error, "HTTP is not answered any more");
            Err(("HTTP is not answered any more; the log says why", "HTTP 服务已停止，原因见日志"))
        }
    };
    // Whoever asks again does not want to wait.
    tokio::spawn(async move {
        signals.next().await;
        std::process::exit(130);
    });
    control.abort();
    let _ = stop.send(true);
    if !api.is_finished() {
        // It ends by itself within its own bound; what it reports now changes nothing.
        let _ = api.await;
    }
    services.stop().await;
    folder::stop(node).await;
    let _ = std::fs::remove_file(opened.folder.control_socket());
    info!("the node has stopped, everything is on disk");
    ended.map_err(|(english, chinese)| Failure::Refused(console.text(english, chinese).to_owned()))
}

/// The signals that ask a process to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// Waits until standard input ends: the process at the other end of the pipe holds it for as long as it lives.
async fn parent_gone(watched: bool) {
    if !watched {
        return std::future::pending().await;
    }
    let (gone, told) = tokio::sync::oneshot::channel();
    // A thread of its own, as a read of standard input cannot be given up.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = gone.send(());
    });
    let _ = told.await;
}

/// Waits until the engine ends by itself: the disk is full, or execution differs from a final block.
async fn halted(node: &Node) {
    while node.engine().is_running() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn status(args: &StatusArgs, console: &Console) -> Result<(), Failure> {
    let (report, unready) = match &args.dir {
        Some(dir) => {
            match control::ask(&Folder::new(dir), &Request::Status, PATIENCE)
                .map_err(|refusal| refused(&refusal, console))?
            {
                Response::Status { report, unready } => {
                    let say = |reason: &control::Reason| match console.lang() {
                        Lang::En => format!("{} ({})", reason.english, reason.name),
                        Lang::Zh => format!("{}（{}）", reason.chinese, reason.name),
                    };
                    (json!(report), unready.iter().map(say).collect())
                }
                other => return Err(unexpected(other, console)),
            }
        }
        None => {
            let client = args.node.client()?;
            let report = client.get("/api/v1/status").map_err(|error| error.failure(console))?;
            let unready = match client.get("/readyz") {
                Ok(_) => Vec::new(),
                Err(ClientError::Problem(problem)) => vec![problem.say(console)],
                Err(error) => return Err(error.failure(console)),
            };
            (report, unready)
        }
    };
    if args.json {
        let mut report = report;
        report["unready"] = json!(unready);
        console.json(&report)?;
    } else {
        print(&report, console)?;
    }
    if unready.is_empty() { Ok(()) } else { Err(Failure::Refused(unready.join("; "))) }
}

/// Prints how a node is.
fn print(report: &Value, console: &Console) -> Result<(), Failure> {
    let report: Report = serde_json::from_value(report.clone())
        .map_err(|error| Failure::unusable(format!("the node's answer cannot be read: {error}")))?;
    let line = |name: (&str, &str), value: String| {
        console.print(format_args!("{:<14}{value}", console.text(name.0, name.1)))
    };
    line(("chain", "链"), format!("{} {}", report.chain, report.chain_id))?;
    let vote = if report.validator {
        console.text("votes", "有表决权")
    } else {
        console.text("follows", "仅跟随")
    };
    line(("member", "成员"), format!("{} ({vote})", report.organisation.as_deref().unwrap_or("-")))?;
    line(("key", "公钥"), report.key.clone())?;
    match &report.tip {
        Some(tip) => {
            let age = clock::now_ms().saturating_sub(tip.time_ms) / 1000;
            line(
                ("height", "高度"),
                match console.lang() {
                    Lang::En => format!("{} (epoch {}, {age} s ago)", tip.height, tip.epoch),
                    Lang::Zh => format!("{}（纪元 {}，{age} 秒前）", tip.height, tip.epoch),
                },
            )?;
        }
        None => line(("height", "高度"), console.text("no block yet", "尚无区块").to_owned())?,
    }
    line(("waiting", "待入链"), report.mempool.transactions.to_string())?;
    let columns = match console.lang() {
        Lang::En => ["peer", "address", "height", "heard"],
        Lang::Zh => ["其他成员", "地址", "高度", "最近联系"],
    };
    let rows = report.peers.iter().map(|peer| {
        let heard = match (peer.silent_ms, console.lang()) {
            (Some(silent), Lang::En) => format!("{} s ago", silent / 1000),
            (Some(silent), Lang::Zh) => format!("{} 秒前", silent / 1000),
            (None, _) => console.text("not yet", "尚未").to_owned(),
        };
        let height = peer.height.map(|height| height.to_string()).unwrap_or_default();
        let name = peer.organisation.clone().unwrap_or_else(|| peer.key.clone());
        vec![name, peer.address.clone(), height, heard]
    });
    super::table(&columns, console, rows)
}

fn snapshot(args: &SnapshotArgs, console: &Console) -> Result<(), Failure> {
    let path = std::path::absolute(&args.out).map_err(Failure::unusable)?;
    let request = Request::Snapshot { path };
    let answer = control::ask(&Folder::new(&args.dir), &request, SNAPSHOT_PATIENCE);
    match answer.map_err(|refusal| refused(&refusal, console))? {
        Response::Snapshot { height } if args.json => {
            console.json(&json!({ "out": args.out, "height": height }))
        }
        Response::Snapshot { height } => console.print(match console.lang() {
            Lang::En => format!("{}: the state after block {height}", args.out.display()),
            Lang::Zh => format!("{}：区块 {height} 之后的状态", args.out.display()),
        }),
        other => Err(unexpected(other, console)),
    }
}

/// What was not asked for, or is not done.
fn unexpected(response: Response, console: &Console) -> Failure {
    match response {
        Response::Refused(reason) => Failure::Refused(match console.lang() {
            Lang::En => format!("{} ({})", reason.english, reason.name),
            Lang::Zh => format!("{}（{}）", reason.chinese, reason.name),
        }),
        _ => Failure::unusable(console.text("the node's answer cannot be read", "节点的回答无法解读")),
    }
}

fn restore(args: &RestoreArgs, console: &Console) -> Result<(), Failure> {
    let height = Folder::new(&args.dir)
        .restore(&args.from, clock::now_ms())
        .map_err(|refusal| refused(&refusal, console))?;
    if args.json {
        return console.json(&json!({ "dir": args.dir, "height": height }));
    }
    console.print(match console.lang() {
        Lang::En => format!("the node of {} begins after block {height} when it is run", args.dir.display()),
        Lang::Zh => format!("{} 的节点下次运行时将从区块 {height} 之后开始", args.dir.display()),
    })
}

fn key(args: &KeyArgs, console: &Console) -> Result<(), Failure> {
    let refuse = |refusal| refused(&refusal, console);
    let key = KeyFile::generate(Kind::Node, Suite::Ed25519).map_err(refuse)?;
    key.write(&args.out).map_err(refuse)?;
    if args.json {
        return console.json(&json!({ "out": args.out, "key": key.public() }));
    }
    console.print(key.public())?;
    console.note(format_args!(
        "{} {}",
        args.out.display(),
        console.text(
            "written. Keep it: whoever has it votes in the member's name",
            "已写入。请妥善保管：持有者可以该成员的名义投票",
        )
    ));
    Ok(())
}
