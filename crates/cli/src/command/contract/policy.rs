//! The policies of a contract from the command line: where their text is, and what is wrong with it, with its place.

use std::path::Path;

use medveil_ledger::Named as _;
use medveil_ledger::policy::{Fault, Policies, PolicyRefusal};
use medveil_ledger::terms::Terms;
use serde::{Deserialize, Serialize};

use super::terms::TermsArgs;
use crate::console::{Console, Lang};
use crate::failure::Failure;

/// Terms and policy in one file: what --dry-run prints is what --terms reads.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<&'a str>,
    #[serde(flatten)]
    pub terms: &'a Terms,
}

/// Where a file of terms has its policy.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Place {
    policy: Option<String>,
    /// From the folder of the file that names it.
    policy_file: Option<String>,
}

impl Place {
    /// The fields of the file that are no terms.
    pub const NAMES: [&str; 2] = ["policy", "policy-file"];

    /// Whether a file says anything of a policy.
    pub fn is_told(&self) -> bool {
        self.policy.is_some() || self.policy_file.is_some()
    }

    fn text(self, file: &Path) -> Result<Option<String>, Failure> {
        match (self.policy, self.policy_file) {
            (Some(_), Some(_)) => {
                Err(Failure::unusable(format!("{}: both `policy` and `policy-file`", file.display())))
            }
            (None, Some(name)) => read(&file.parent().unwrap_or(Path::new("")).join(name)).map(Some),
            (text, None) => Ok(text),
        }
    }
}

/// The text of the policies, if there are any: of --policy, else of the file of terms.
///
/// # Errors
/// A file cannot be read.
pub(super) fn text(args: &TermsArgs) -> Result<Option<String>, Failure> {
    match (&args.policy, &args.terms) {
        (Some(file), _) => read(file).map(Some),
        (None, Some(file)) => super::terms::place(file)?.text(file),
        (None, None) => Ok(None),
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::unusable(format!("{}: {error}", path.display())))
}

/// Refuses a text that the ledger would refuse, with what stands at the place.
///
/// # Errors
/// [`Failure::Refused`].
pub(super) fn check(text: &str, console: &Console) -> Result<(), Failure> {
    let Err(fault) = Policies::compile(text) else { return Ok(()) };
    let refusal = PolicyRefusal::from(fault.clone());
    let mut told = match (console.lang(), fault.position()) {
        (Lang::En, _) => format!("the ledger would refuse the policy: {fault} ({})", refusal.name()),
        (Lang::Zh, Some(at)) => format!(
            "账本将拒绝该策略：第 {} 行第 {} 列：{}（{}：{fault}）",
            at.line,
            at.column,
            refusal.chinese(),
            refusal.name()
        ),
        (Lang::Zh, None) => {
            format!("账本将拒绝该策略：{}（{}：{fault}）", refusal.chinese(), refusal.name())
        }
    };
    told.push_str(&shown(text, &fault));
    Err(Failure::Refused(told))
}

/// The line at which a fault is, with a mark under the place.
fn shown(text: &str, fault: &Fault) -> String {
    let Some(at) = fault.position() else { return String::new() };
    let line = text.split('\n').nth(at.line as usize - 1).unwrap_or_default().trim_end_matches('\r');
    // What is refused because it is not seen must not reach the terminal either.
    let line: String =
        line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
    let before = line.chars().take(at.column as usize - 1);
    // As wide as what is above it: a tab is a tab, a Chinese character takes two columns.
    let indent: String = before
        .map(|c| match c {
            '\t' => "\t",
            c if c < '\u{1100}' => " ",
            _ => "  ",
        })
        .collect();
    format!("\n  {line}\n  {indent}^")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_shown_under_its_place() {
        let text = "forbid (principal, action, resource) // 数据\n\twhen { context.ethik };";
        let fault = Policies::compile(text).unwrap_err();
        assert_eq!(shown(text, &fault), "\n  \twhen { context.ethik };\n  \t       ^");
        let text = "/* 数据";
        assert_eq!(shown(text, &Policies::compile(text).unwrap_err()), "\n  /* 数据\n     ^");
        let text = "// \u{1b}[1A\u{7}";
        assert_eq!(shown(text, &Policies::compile(text).unwrap_err()), "\n  // \u{fffd}[1A\u{fffd}\n     ^");
    }
}
