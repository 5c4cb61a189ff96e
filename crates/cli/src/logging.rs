//! What a node logs: lines for people, or JSON for programs, on standard error. Never what a transaction says.

use std::io::IsTerminal as _;

use medveil_node::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Begins to log, once in a process. A panic is logged like everything else.
///
/// # Errors
/// The filter is no directive.
pub fn start(log: &Log) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&log.filter)
        .map_err(|error| Failure::unusable(format!("node.toml: log.filter = \"{}\": {error}", log.filter)))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or_default();
        tracing::error!(place, message, "a part of the node has failed");
    }));
    Ok(())
}
