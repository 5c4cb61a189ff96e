//! Plans by their digests: a contract names the plan that is run, nothing else tells it.

use std::path::Path;

use medveil_deid::hierarchy::HierarchySpec;
use medveil_deid::plan::{Plan, builtin};
use medveil_ledger::Digest;

use crate::reason::Reason;

/// The plan of a digest, from the files of a folder or the built-in ones.
///
/// # Errors
/// [`Reason::PlanUnknown`]; [`Reason::PlanFiles`] when files would decide about it that the digest does not cover.
pub(crate) fn find(folder: &Path, digest: Digest) -> Result<Plan, Reason> {
    let read = |path: &Path| -> Option<Plan> {
        let text = std::fs::read_to_string(path).ok()?;
        match path.extension()?.to_str()? {
            "toml" => Plan::from_toml(&text).ok(),
            "json" => Plan::from_json(&text).ok(),
            _ => None,
        }
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of_files = entries.filter_map(|entry| read(&entry.path()));
    let built_in = builtin::list().iter().filter_map(|plan| Plan::from_toml(plan.text).ok());
    let found = of_files.chain(built_in).find(|plan| plan.digest() == digest.0);
    let plan = found.ok_or(Reason::PlanUnknown { plan: digest })?;
    let hierarchies = plan.privacy.iter().flat_map(|privacy| privacy.hierarchies.values());
    match hierarchies.into_iter().any(|spec| matches!(spec, HierarchySpec::File(_))) {
        true => Err(Reason::PlanFiles),
        false => Ok(plan),
    }
}

/// The plan without what it asks of a table as a whole: what is left is done to each record by itself.
pub(crate) fn by_record(plan: &Plan) -> Plan {
    let mut alone =
        Plan::from_json(&plan.to_json().to_string()).expect("the canonical form of a plan is a plan");
    alone.privacy = None;
    alone
}
