//! `medveil release`: what requests were given.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use medveil_ledger::action::AccessRequest;
use medveil_ledger::{Action, CustodyId, ReleaseId};
use medveil_node::custody::{self, Fetch, Fetched};
use serde_json::json;

use super::governance::Common;
use super::{ListArgs, evidence, get, vault};
use crate::client::NodeArgs;
use crate::console::{Console, Lang};
use crate::desk::HttpDesk;
use crate::failure::Failure;
use crate::signer::{Signer, done};

/// `medveil release`.
#[derive(Args, Debug)]
pub struct ReleaseArgs {
    /// What to do with releases.
    #[command(subcommand)]
    pub command: ReleaseCommand,
}

/// What `medveil release` does.
#[derive(Subcommand, Debug)]
pub enum ReleaseCommand {
    /// List releases, the newest first
    #[command(after_help = "Example:\n  medveil release list --organisation hospital-1")]
    List(ListArgs),
    /// Show a release: its figures, roots, plan, and whether it failed a challenge
    #[command(
        after_help = "Example:\n  medveil release show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    Show {
        /// The release's id
        release: ReleaseId,
        /// Which node is asked.
        #[command(flatten)]
        node: NodeArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Ask to use a release: decided anew, and recorded
    #[command(
        after_help = "Example:\n  medveil release access 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account researcher.key\n\nFor a release that is handed over another way than by custody; every use is an access of its own."
    )]
    Access {
        /// The release's id
        release: ReleaseId,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
    /// Take a release that is kept in custody: ask for it, open it with the members' partial keys, unpack it
    #[command(
        after_help = "Example:\n  medveil release fetch 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --out release --account researcher.key\n\nThe access is decided anew and recorded. After an interruption the same command goes on."
    )]
    Fetch {
        /// The release's id
        release: ReleaseId,
        /// The folder, which must not exist
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
}

/// Runs the command.
pub fn run(args: &ReleaseArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        ReleaseCommand::List(args) => {
            let columns = ["owner", "version", "patients", "records", "risk", "failed", "request", "id"];
            super::list("releases", args, &columns, console, |item| {
                let value = &item["value"];
                let figures = &value["figures"];
                let risk = figures["risk-ppm"].as_u64().map(percent).unwrap_or_default();
                vec![
                    super::text(&value["organisation"]),
                    super::text(&item["version"]),
                    super::text(&figures["patients"]),
                    super::text(&figures["records"]),
                    risk,
                    super::text(&value["failed"]),
                    super::text(&value["request"]),
                    super::text(&item["id"]),
                ]
            })
        }
        ReleaseCommand::Show { release, node, json } => {
            let found = get(&node.client()?, &format!("/api/v1/releases/{release}"), console)?;
            if *json { console.json(&found) } else { super::show(&found, console) }
        }
        ReleaseCommand::Access { release, common } => access(*release, common, console),
        ReleaseCommand::Fetch { release, out, common } => fetch(*release, out, common, console),
    }
}

/// Parts per million as a percentage.
pub fn percent(ppm: u64) -> String {
    format!("{}.{:02} %", ppm / 10_000, ppm % 10_000 / 100)
}

fn access(release: ReleaseId, common: &Common, console: &Console) -> Result<(), Failure> {
    let signer = Signer::new(&common.sign, console)?;
    let found = get(signer.client(), &format!("/api/v1/releases/{release}"), console)?;
    let version = found["version"].as_u64().unwrap_or(0);
    let action = AccessRequest { release, version, keys: Default::default() };
    let answer = signer.act(action, console)?;
    let id = super::text(&answer["id"]);
    let access = signer.client().get(&format!("/api/v1/accesses/{id}")).unwrap_or_default();
    let until_ms = access["value"]["until_ms"].as_u64();
    let until = until_ms.map(evidence::time).unwrap_or_default();
    let said = match console.lang() {
        Lang::En => format!("access/{id} to version {version} of release/{release} until {until}"),
        Lang::Zh => format!("access/{id}：可访问 release/{release} 第 {version} 版，至 {until}"),
    };
    let extra = json!({ "access": id, "release": release, "version": version, "until_ms": until_ms });
    done(&answer, extra, &said, common.json, console)
}

fn fetch(release: ReleaseId, out: &Path, common: &Common, console: &Console) -> Result<(), Failure> {
    let desk = vault::desk(&common.sign, console)?;
    let Taken { version, object, fetched } = take(&desk, release, out, console)?;
    if common.json {
        return console.json(&json!({
            "release": release, "version": version, "object": object, "access": fetched.request, "out": out,
            "bytes": fetched.length, "asked_ms": fetched.asked.as_millis() as u64,
            "key_ms": fetched.key_after.as_millis() as u64, "first_bytes_ms": fetched.first_bytes.as_millis() as u64,
        }));
    }
    console.print(match console.lang() {
        Lang::En => {
            format!("{}: version {version} of release/{release}; access/{}", out.display(), fetched.request)
        }
        Lang::Zh => {
            format!("{}：release/{release} 第 {version} 版；access/{}", out.display(), fetched.request)
        }
    })
}

/// A release that was taken out of custody.
pub struct Taken {
    /// Its version.
    pub version: u64,
    /// What it is in custody.
    pub object: CustodyId,
    /// What taking it out was.
    pub fetched: Fetched,
}

/// Takes the latest version of a release out of custody into a folder, which is there whole or not at all.
///
/// # Errors
/// The folder exists, the access is refused, or custody does not give it.
pub fn take(
    desk: &HttpDesk<'_>,
    release: ReleaseId,
    out: &Path,
    console: &Console,
) -> Result<Taken, Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", out.display()));
    if out.symlink_metadata().is_ok() {
        return Err(fail(&console.text("exists; choose another name", "已存在，请换一个名称")));
    }
    let found = get(desk.signer().client(), &format!("/api/v1/releases/{release}"), console)?;
    let released = found["version"].as_u64().unwrap_or(0);
    let object: CustodyId =
        found["value"]["figures"]["custody"].as_str().and_then(|id| id.parse().ok()).ok_or_else(|| {
            let text = (
                "the release is not kept in custody (release access)",
                "该发布未纳入托管（请用 release access）",
            );
            Failure::Refused(console.text(text.0, text.1).to_owned())
        })?;
    let version = vault::latest(desk, object, console)?;
    let beside = |end: &str| {
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        out.with_file_name(format!(".{name}.{end}"))
    };
    let (bundle, unpacked) = (beside("bundle"), beside("unpacked"));
    let wanted = Fetch { object, version, out: bundle.clone(), state: beside("medveil-get") };
    let ask = |keys| Action::from(AccessRequest { release, version: released, keys });
    // One that an interruption left behind is whole, but its request may be long over: it is fetched anew.
    let _ = std::fs::remove_file(&bundle);
    let fetched = custody::fetch(desk, &wanted, &ask).map_err(|error| vault::failure(error, console))?;
    vault::note(&fetched, console);
    let _ = std::fs::remove_dir_all(&unpacked);
    let placed = medveil_custodian::bundle::unpack(&bundle, &unpacked)
        .map_err(|error| fail(&error))
        .and_then(|()| std::fs::rename(&unpacked, out).map_err(|error| fail(&error)));
    let _ = std::fs::remove_file(&bundle);
    if placed.is_err() {
        let _ = std::fs::remove_dir_all(&unpacked);
    }
    placed?;
    Ok(Taken { version: released, object, fetched })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_per_million_are_a_percentage() {
        assert_eq!(
            (percent(90_910), percent(0), percent(1_000_000)),
            ("9.09 %".into(), "0.00 %".into(), "100.00 %".into())
        );
    }
}
