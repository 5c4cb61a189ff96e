//! The binary `medveil`: share medical data that stays private.

mod args;
mod client;
mod cluster;
mod command;
mod console;
mod desk;
mod failure;
mod help;
mod ledger;
mod logging;
mod resources;
mod signer;

use std::process::ExitCode;

use args::Command;

fn main() -> ExitCode {
    let cli = help::parse();
    let console = console::Console::new(cli.lang);
    let result = match cli.command {
        Command::Scan(args) => command::scan::run(&args, &console),
        Command::Deid(args) => command::deid::run(&args, &console),
        Command::Anonymize(args) => command::anonymize::run(&args, &console),
        Command::Assess(args) => command::assess::run(&args, &console),
        Command::Plan(args) => command::plan::run(&args, &console),
        Command::Key(args) => command::key::run(&args, &console),
        Command::Reidentify(args) => command::reidentify::run(&args, &console),
        Command::Verify(args) => command::verify::run(&args, &console),
        Command::Demo(args) => command::demo::run(&args, &console),
        Command::Network(args) => command::network::run(&args, &console),
        Command::Node(args) => command::node::run(&args, &console),
        Command::Account(args) => command::account::run(&args, &console),
        Command::Patient(args) => command::patient::run(&args, &console),
        Command::Consent(args) => command::consent::run(&args, &console),
        Command::Contract(args) => command::contract::run(&args, &console),
        Command::Request(args) => command::request::run(&args, &console),
        Command::Release(args) => command::release::run(&args, &console),
        Command::Budget(args) => command::budget::run(&args, &console),
        Command::Destruction(args) => command::destruction::run(&args, &console),
        Command::Incident(args) => command::incident::run(&args, &console),
        Command::Dataset(args) => command::dataset::run(&args, &console),
        Command::Vault(args) => command::vault::run(&args, &console),
        Command::Governance(args) => command::governance::run(&args, &console),
        Command::Audit(args) => command::audit::run(&args, &console),
        Command::Synth(args) => command::synth::run(&args, &console),
        Command::Bench(args) => command::bench::run(&args, &console),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console.error(&failure);
            failure.exit_code()
        }
    }
}
