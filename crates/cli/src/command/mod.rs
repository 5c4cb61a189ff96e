//! One file a command.

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use medveil_deid::study::MasterKey;
use medveil_deid::table::Job;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::args::RunArgs;
use crate::console::Console;
use crate::failure::Failure;

pub mod account;
pub mod anonymize;
pub mod assess;
pub mod audit;
pub mod audit_challenge;
pub mod audit_check;
pub mod authority;
pub mod bench;
pub mod budget;
pub mod certificate;
pub mod consent;
pub mod contract;
pub mod dataset;
pub mod deid;
pub mod demo;
pub mod destruction;
pub mod evidence;
pub mod governance;
pub mod incident;
pub mod key;
pub mod ledger_bench;
pub mod measure;
pub mod named;
pub mod network;
pub mod node;
pub mod patient;
pub mod plan;
pub mod reidentify;
pub mod release;
pub mod release_bench;
pub mod request;
pub mod scan;
pub mod synth;
pub mod tour;
pub mod trail;
pub mod vault;
pub mod vault_bench;
pub mod verify;

/// How a run is carried out, from the command line.
fn job<'a>(args: &RunArgs, cancelled: &'a AtomicBool, progress: &'a (dyn Fn(u64) + Sync)) -> Job<'a> {
    Job {
        threads: args.threads.unwrap_or_else(cores),
        memory: args.memory,
        max_record: args.max_record.min(1 << 30),
        hints: args.hints(),
        cancelled,
        progress,
    }
}

/// The cores of this machine.
fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// The bytes of all files under `inputs`, for progress bars.
fn total_size(inputs: &[PathBuf]) -> u64 {
    fn of(path: &Path) -> u64 {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => std::fs::read_dir(path)
                .map(|entries| entries.flatten().map(|entry| of(&entry.path())).sum())
                .unwrap_or(0),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        }
    }
    inputs.iter().map(|input| of(input)).sum()
}

/// Reads a key file. Nothing of its content is in the message of a failure.
fn read_key(path: &Path) -> Result<MasterKey, Failure> {
    // A key file has 80 bytes; whatever is much larger is none.
    const LARGEST: u64 = 4096;
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| fail(&error))?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| fail(&error))?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    MasterKey::parse(text).map_err(|error| fail(&error))
}

/// Random bytes of the operating system.
fn random() -> Result<Zeroizing<[u8; 32]>, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| Failure::unusable(format!("the system gives no random numbers: {error}")))?;
    Ok(bytes)
}

/// Writes a new file, whole or not at all; what exists is replaced only with `overwrite`.
fn write_new(path: &Path, content: &[u8], overwrite: bool, secret: bool) -> Result<(), Failure> {
    use std::io::Write as _;
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    if path.exists() && !overwrite {
        return Err(fail(&"exists; choose another name, or say --overwrite"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| fail(&error))?;
    file.write_all(content).map_err(|error| fail(&error))?;
    #[cfg(unix)]
    if !secret {
        use std::os::unix::fs::PermissionsExt as _;
        // Temporary files are private; results have ordinary rights.
        let permissions = std::fs::Permissions::from_mode(0o640);
        file.as_file().set_permissions(permissions).map_err(|error| fail(&error))?;
    }
    let _ = secret;
    match overwrite {
        true => file.persist(path).map_err(|error| fail(&error.error))?,
        false => file.persist_noclobber(path).map_err(|error| fail(&error.error))?,
    };
    Ok(())
}

/// A word of one of the ledger's vocabularies.
fn vocabulary<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        all.iter().copied().find(|word| name(*word) == text).ok_or_else(|| {
            let words: Vec<&str> = all.iter().map(|word| name(*word)).collect();
            format!("expected one of {}", words.join(", "))
        })
    }
}

/// The SHA-256 of a file.
fn digest_of(path: &Path) -> Result<medveil_ledger::Digest, Failure> {
    use sha2::Digest as _;
    let fail = |error: std::io::Error| Failure::unusable(format!("{}: {error}", path.display()));
    let mut file = std::fs::File::open(path).map_err(fail)?;
    let mut hash = sha2::Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block).map_err(fail)? {
            0 => return Ok(medveil_ledger::Digest(hash.finalize().into())),
            read => hash.update(&block[..read]),
        }
    }
}

/// A set of what was named on the command line, within the bounds that the ledger has for it.
fn bounded<T: Ord + Copy, const MIN: usize, const MAX: usize>(
    what: &str,
    values: impl IntoIterator<Item = T>,
) -> Result<medveil_ledger::bounded::BoundedSet<T, MIN, MAX>, Failure> {
    medveil_ledger::bounded::BoundedSet::new(values)
        .map_err(|error| Failure::unusable(format!("--{what}: {error}")))
}

/// A time span such as `90d`, `4h`, `30m`, `45s`; in milliseconds.
fn parse_span(text: &str) -> Result<u64, String> {
    let expected = || "expected a number and a unit: 90d, 4h, 30m, 45s".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let unit_ms: u64 = match unit {
        "d" => 86_400_000,
        "h" => 3_600_000,
        "m" => 60_000,
        "s" => 1_000,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(unit_ms).ok_or_else(expected)
}

/// A privacy loss such as `1` or `0.5`; in millionths of epsilon.
fn parse_epsilon(text: &str) -> Result<u64, String> {
    millionths(text).ok_or_else(|| "expected an epsilon such as 1 or 0.5, with at most 6 decimals".to_owned())
}

/// A decimal number in millionths, exactly.
fn millionths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 6 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u64 = format!("{part:0<6}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(part)
}

/// An object of a node under a path.
fn get(client: &crate::client::Client, path: &str, console: &Console) -> Result<Value, Failure> {
    client.get(path).map_err(|error| error.failure(console))
}

/// What a note or a cause stands for: the ledger gets its digest alone.
#[derive(clap::Args, Debug, Clone)]
#[group(id = "what", required = true, multiple = false)]
pub struct DetailsArgs {
    /// SHA-256 of the details
    #[arg(long, value_name = "HEX", group = "what")]
    pub details: Option<medveil_ledger::Digest>,
    /// A file of details, whose SHA-256 is taken; add something random if its content can be guessed
    #[arg(long, value_name = "FILE", group = "what")]
    pub details_of: Option<PathBuf>,
}

impl DetailsArgs {
    /// The digest.
    fn digest(&self) -> Result<medveil_ledger::Digest, Failure> {
        match (&self.details, &self.details_of) {
            (Some(digest), _) => Ok(*digest),
            (None, Some(path)) => digest_of(path),
            (None, None) => Err(Failure::unusable("--details or --details-of is needed")),
        }
    }
}

/// Which part of a list.
#[derive(clap::Args, Debug, Clone)]
pub struct ListArgs {
    /// Only those of this organisation
    #[arg(long, value_name = "NAME")]
    pub organisation: Option<medveil_ledger::OrganisationId>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// Which node is asked.
    #[command(flatten)]
    pub node: crate::client::NodeArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Prints a list of a node, page by page.
fn list(
    resource: &str,
    args: &ListArgs,
    columns: &[&str],
    console: &Console,
    row: impl Fn(&Value) -> Vec<String>,
) -> Result<(), Failure> {
    let client = args.node.client()?;
    let organisation = args.organisation.map(|name| format!("&organisation={name}")).unwrap_or_default();
    let (mut items, mut cursor): (Vec<Value>, String) = (Vec::new(), String::new());
    while items.len() < args.limit {
        let limit = (args.limit - items.len()).min(100);
        let page = client
            .get(&format!("/api/v1/{resource}?limit={limit}{organisation}{cursor}"))
            .map_err(|error| error.failure(console))?;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    if args.json {
        return console.json(&serde_json::json!({ "items": items }));
    }
    if items.is_empty() {
        return console.print(console.text("none", "无"));
    }
    table(columns, console, items.iter().map(row))
}

/// Prints a table.
fn table(
    columns: &[&str],
    console: &Console,
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<(), Failure> {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(columns.to_vec());
    rows.for_each(|row| {
        table.add_row(row);
    });
    console.print(table)
}

/// A JSON value as a cell.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Prints an object of a node: what it is, since when, and its value line by line.
fn show(object: &Value, console: &Console) -> Result<(), Failure> {
    let since = object["time_ms"].as_u64().map(evidence::time).unwrap_or_default();
    let (id, version, versions) = (text(&object["id"]), text(&object["version"]), text(&object["versions"]));
    let height = text(&object["height"]);
    console.print(match console.lang() {
        crate::console::Lang::En => {
            format!("{id}: version {version} of {versions}, from height {height} ({since}) on")
        }
        crate::console::Lang::Zh => {
            format!("{id}：第 {version} 版（共 {versions} 版），自高度 {height}（{since}）起")
        }
    })?;
    if let Some(status) = object["status"].as_str() {
        console.print(format_args!("  status: {status}"))?;
    }
    for line in serde_json::to_string_pretty(&object["value"]).unwrap_or_default().lines() {
        console.print(format_args!("  {line}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_epsilons_are_read_exactly() {
        assert_eq!((parse_span("4h"), parse_span("90d")), (Ok(14_400_000), Ok(7_776_000_000)));
        for bad in ["", "h", "4", "4w", "-4h", "99999999999999999999d", "四h"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
        assert_eq!((parse_epsilon("1"), parse_epsilon("0.000001")), (Ok(1_000_000), Ok(1)));
        for bad in ["", ".5", "1e3", "-1", "0.0000001", "1.x", "99999999999999999999"] {
            assert!(parse_epsilon(bad).is_err(), "{bad}");
        }
    }
}
