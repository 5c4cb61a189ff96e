//! How a command ends when it does not end well.

use std::fmt;
use std::process::ExitCode;

use medveil_clinical::dataset::DatasetError;
use medveil_node::Refusal;

use crate::console::{Console, Lang};

/// Why a command failed, which decides its exit code.
#[derive(Debug)]
pub enum Failure {
    /// Understood, and the answer is no: exit code 1.
    Refused(String),
    /// Wrong usage or unreadable input: exit code 2.
    Unusable(String),
}

impl Failure {
    /// Wrong usage or unreadable input.
    pub fn unusable(message: impl fmt::Display) -> Self {
        Failure::Unusable(message.to_string())
    }

    /// 1 for refused, 2 for unusable.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Refused(_) => ExitCode::from(1),
            Failure::Unusable(_) => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused(message) | Failure::Unusable(message) => f.write_str(message),
        }
    }
}

impl From<DatasetError> for Failure {
    fn from(error: DatasetError) -> Self {
        if error.is_refusal() {
            Failure::Refused(error.to_string())
        } else {
            Failure::Unusable(error.to_string())
        }
    }
}

/// A refusal of a node or its folder in the language that is spoken, with its name.
pub fn refused(refusal: &Refusal, console: &Console) -> Failure {
    let text = match console.lang() {
        Lang::En => format!("{} ({})", refusal.english(), refusal.name()),
        Lang::Zh => format!("{}（{}）", refusal.chinese(), refusal.name()),
    };
    match refusal {
        Refusal::File { .. }
        | Refusal::NotAFolder { .. }
        | Refusal::Configuration { .. }
        | Refusal::Members { .. }
        | Refusal::Genesis { .. }
        | Refusal::KeyDamaged { .. }
        | Refusal::StoreConfiguration { .. }
        | Refusal::UnknownPeer { .. } => Failure::Unusable(text),
        _ => Failure::Refused(text),
    }
}
