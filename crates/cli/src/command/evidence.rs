//! Evidence files, for `medveil verify` and `medveil audit export`.

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::DateTime;
use medveil_evidence::{MAGIC, Reading, Refused, Statement};
use medveil_ledger::Genesis;
use serde_json::{Value, json};

use crate::console::{Console, Lang};
use crate::failure::Failure;

/// The longest file that is read, in bytes: that of an evidence file.
const MAX_BYTES: u64 = medveil_chain::MAX_EVIDENCE_BYTES as u64;

/// The bytes of a file that says that it is evidence; `None` for other files and those that cannot be opened.
pub fn evidence_in(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    use std::io::Read as _;
    let fail = |error: std::io::Error| Failure::unusable(format!("{}: {error}", path.display()));
    let Ok(file) = std::fs::File::open(path) else { return Ok(None) };
    let mut bytes = Vec::new();
    let mut head = file.take(MAX_BYTES + 1);
    // A folder opens, and fails here.
    if (&mut head).take(MAGIC.len() as u64).read_to_end(&mut bytes).is_err() || bytes != MAGIC {
        return Ok(None);
    }
    head.read_to_end(&mut bytes).map_err(fail)?;
    Ok(Some(bytes))
}

/// Reads a genesis file.
pub fn genesis(path: &Path) -> Result<Genesis, Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fail(&error))?;
    Genesis::from_toml(&text).map_err(|error| fail(&error))
}

/// Checks a file and prints what it says.
pub fn verify(
    bytes: &[u8],
    genesis_file: Option<&Path>,
    as_json: bool,
    console: &Console,
) -> Result<(), Failure> {
    let Some(genesis_file) = genesis_file else {
        let message = console.text(
            "an evidence file is checked against the genesis of its chain: say --genesis FILE",
            "核验证据文件需要其所属链的创世文件：请用 --genesis 指定",
        );
        return Err(Failure::unusable(message));
    };
    let genesis = genesis(genesis_file)?;
    let start = Instant::now();
    let read = medveil_evidence::read(bytes, &genesis);
    let elapsed = start.elapsed();
    match &read {
        Ok(reading) if as_json => console.json(&as_value(reading, bytes.len(), elapsed))?,
        Ok(reading) => print(reading, console)?,
        Err(refused) if as_json => {
            let words = refused.words();
            console.json(&json!({ "holds": false, "difference": words.en, "difference_zh": words.zh }))?;
        }
        Err(refused) => {
            console.print(format_args!(
                "{}  {}",
                console.text("FAILED", "不成立"),
                said(refused, console)
            ))?;
        }
    }
    match read {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::Refused(
            console.text("the evidence does not hold on this chain", "该证据在此链上不成立").to_owned(),
        )),
    }
}

/// Why a file is not evidence, in the language that is spoken.
pub fn said(refused: &Refused, console: &Console) -> String {
    spoken(&refused.words(), console).to_owned()
}

/// What a file says, for programs.
pub fn as_value(reading: &Reading, bytes: usize, elapsed: Duration) -> Value {
    let statements: Vec<Value> = reading
        .statements
        .iter()
        .map(|statement| {
            let mut value = serde_json::to_value(statement).expect("statements have string keys");
            value["words"] = json!(statement.words());
            if let Statement::History(history) = statement {
                for (period, version) in history.versions.iter().zip(0..) {
                    value["versions"][version as usize]["words"] = json!(period.words());
                }
            }
            value
        })
        .collect();
    json!({
        "holds": true, "kind": "evidence", "chain": reading.chain, "chain_id": reading.chain_id, "at": reading.at,
        "time": time(reading.at.time_ms), "statements": statements, "bytes": bytes,
        "elapsed_ms": elapsed.as_secs_f64() * 1e3,
    })
}

/// What a file says, for people.
pub fn print(reading: &Reading, console: &Console) -> Result<(), Failure> {
    let (chain, at) = (&reading.chain, &reading.at);
    let (height, time, changes) = (at.height, time(at.time_ms), at.validator_changes);
    let as_of = match console.lang() {
        Lang::En => format!(
            "chain `{chain}`, as of height {height} ({time}); {changes} changes of validators since the genesis were checked"
        ),
        Lang::Zh => {
            format!("链 `{chain}`，截至高度 {height}（{time}）；已逐一核验创世以来的 {changes} 次验证者变更")
        }
    };
    console.print(format_args!("{}  {as_of}", console.text("holds ", "成立  ")))?;
    for statement in &reading.statements {
        console.print(format_args!("        {}", spoken(&statement.words(), console)))?;
        if let Statement::History(history) = statement {
            for period in &history.versions {
                console.print(format_args!("          {}", spoken(&period.words(), console)))?;
            }
        }
    }
    Ok(())
}

fn spoken<'a>(words: &'a medveil_evidence::Words, console: &Console) -> &'a str {
    console.text(&words.en, &words.zh)
}

/// The ledger's time as people write it.
pub fn time(time_ms: u64) -> String {
    let time = i64::try_from(time_ms).ok().and_then(DateTime::from_timestamp_millis);
    time.map_or_else(|| format!("{time_ms} ms"), |time| time.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string())
}
