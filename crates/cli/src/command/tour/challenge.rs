//! An auditor draws rows of a release, and runs the contract's plan on them again.

use std::path::PathBuf;
use std::time::Duration;

use medveil_ledger::state::challenge::Verdict;
use medveil_ledger::{ChallengeId, ReleaseId};
use serde_json::json;

use super::super::audit_challenge::{Challenged, challenge};
use super::super::audit_check::{Check, Checked, Openings, check, soundness, told};
use super::{HOSPITALS, Step, Tour, height, organisation};
use crate::failure::Failure;

/// Who audits.
pub(super) const AUDITOR: &str = "regulator-1";

/// Rows that are drawn on each side.
const ROWS: u32 = 300;

/// How long an owner may take to answer.
const ANSWERED: Duration = Duration::from_secs(90);

impl Tour<'_> {
    /// Challenges a release of a hospital. The secret lies in the auditor's folder.
    pub(super) fn challenge(&self, release: ReleaseId, rows: u32) -> Result<Challenged, Failure> {
        let folder = self.audits();
        std::fs::create_dir_all(&folder).map_err(Failure::unusable)?;
        challenge(&self.administrator(AUDITOR)?, release, rows, None, &folder, self.console)
    }

    /// Checks what the owner's node hands over, and posts the verdict.
    pub(super) fn judged(&self, owner: &str, challenged: &Challenged) -> Result<Checked, Failure> {
        let plan = Check {
            secret: challenged.secret.clone(),
            openings: Openings::Node(self.client(owner)?),
            patience: ANSWERED,
            out: self.audits().join(format!("challenge-{}.json", challenged.id)),
            posts: true,
        };
        check(&self.administrator(AUDITOR)?, challenged.id, &plan, self.console)
    }

    /// Where the auditor's secrets and reports lie.
    pub(super) fn audits(&self) -> PathBuf {
        self.folder.join(AUDITOR).join("audits")
    }

    /// What came of a challenge, line by line.
    pub(super) fn told(&self, id: ChallengeId, checked: &Checked) -> Vec<String> {
        told(id, checked, self.console).into_iter().map(|line| line.trim().to_owned()).collect()
    }
}

pub(super) fn passed(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let owner = HOSPITALS[0];
    let release = tour.releases[&organisation(owner)];
    let challenged = tour.challenge(release, ROWS)?;
    let id = challenged.id;
    let checked = tour.judged(owner, &challenged)?;
    tour.must(
        checked.verdict == Verdict::Passed,
        &tour.told(id, &checked).join("; "),
        &tour.told(id, &checked).join("；"),
    )?;
    tour.must(
        !challenged.secret.exists(),
        "the one-time secret is still there after the verdict",
        "结论作出后一次性私钥仍在",
    )?;
    tour.proofs.push(format!("challenge/{id}"));
    let mut said = vec![tour.say(
        format!("{AUDITOR} drew {ROWS} rows of {owner}'s release and as many of its source, after it was posted; {owner}'s custodian opened them to {AUDITOR} alone"),
        format!("{AUDITOR} 在发布登记之后抽取 {owner} 发布及来源各 {ROWS} 条；{owner} 的托管程序仅向 {AUDITOR} 开启"),
    )];
    said.extend(tour.told(id, &checked));
    Ok(Step {
        said,
        decided: tour.say(
            format!("{AUDITOR}, by running the contract's plan again"),
            format!("{AUDITOR}，依合同方案重新执行"),
        ),
        height: height(&checked.posted),
        check: format!("medveil audit trail release/{release} --node {}", tour.url("regulator-2")?),
        facts: json!({
            "challenge": id, "release": release, "verdict": checked.verdict,
            "soundness": checked.judgement.as_ref().map(soundness), "judgement": checked.judgement,
        }),
    })
}
