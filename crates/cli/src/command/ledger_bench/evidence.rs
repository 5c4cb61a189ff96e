//! Evidence files of a network that has run: how large they are, and how long their verification takes offline.

use std::time::Instant;

use medveil_evidence::Reading;
use serde_json::{Value, json};

use super::figures::quantile;
use super::members::Network;
use crate::console::Console;
use crate::failure::Failure;

/// How often each file is verified.
const ROUNDS: usize = 100;

/// Fetches evidence of each sort from the first node and verifies it, as a third party would.
///
/// # Errors
/// Evidence that cannot be fetched or does not hold.
pub fn measure(network: &Network, console: &Console) -> Result<(Value, String), Failure> {
    let client = network.client(0)?;
    let get = |path: &str| client.get(path).map_err(|error| error.failure(console));
    let newest = get("/api/v1/transactions?limit=1")?;
    let transaction = newest["items"][0]["id"].as_str().unwrap_or_default().to_owned();
    let height = newest["items"][0]["height"].as_u64().unwrap_or(1);
    let details = get(&format!("/api/v1/transactions/{transaction}"))?;
    let object = details["events"][0]["object"].as_str().unwrap_or_default().to_owned();
    let nothing = format!("datasets/{}", "00".repeat(32));
    let trail = format!("audits/{object}");
    let cases = [
        ("state at the tip", "members/hospital-01".to_owned()),
        ("state at a height", format!("members/hospital-01?at={}", height / 2)),
        ("no such object", nothing),
        ("complete trail of one entry", trail),
        ("transaction and receipt", format!("transactions/{transaction}")),
        ("event", format!("events/{height}/0")),
    ];
    let (mut values, mut text) = (Vec::new(), String::new());
    for (name, path) in cases {
        let mut attempts = 0;
        let file = loop {
            attempts += 1;
            match client.get_evidence(&format!("/api/v1/{path}")) {
                Err(_) if attempts < 20 => std::thread::sleep(std::time::Duration::from_millis(500)),
                answer => break answer.map_err(|error| error.failure(console))?,
            }
        };
        let mut times = Vec::with_capacity(ROUNDS);
        let mut reading: Option<Reading> = None;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let read = medveil_evidence::read(&file, &network.genesis);
            times.push(start.elapsed().as_secs_f64() * 1e3);
            reading = Some(read.map_err(|refused| Failure::Refused(format!("{name}: {refused}")))?);
        }
        times.sort_by(f64::total_cmp);
        let (median, most) = (quantile(&times, 0.5), quantile(&times, 0.99));
        let links = reading.map_or(0, |reading| reading.at.validator_changes);
        values.push(json!({
            "name": name, "bytes": file.len(), "verify_ms_p50": median, "verify_ms_p99": most, "validator_changes": links,
        }));
        text += &format!(
            "\nevidence, {name}: {} B, {links} changes of validators, verified in {median:.2} ms (p99 {most:.2})",
            file.len()
        );
    }
    Ok((Value::Array(values), text))
}
