//! A research institute becomes a member: proposed by one organisation, decided by the votes of the others.

use medveil_ledger::Suite;
use medveil_ledger::action::{GovernancePropose, GovernanceVote};
use medveil_ledger::measure::AdmitOrganisation;
use medveil_ledger::role::Role;
use medveil_ledger::state::organisation::OrganisationName;
use medveil_node::keys::{KeyFile, Kind};
use serde_json::json;

use super::{HOSPITALS, INSTITUTE, Step, Tour, height, organisation};
use crate::failure::{Failure, refused};

pub(super) fn admitted(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    tour.first_time()?;
    let path = tour.institute_key();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Failure::unusable)?;
    }
    let key = KeyFile::generate(Kind::Account, Suite::Ed25519)
        .map_err(|refusal| refused(&refusal, tour.console))?;
    key.write(&path).map_err(|refusal| refused(&refusal, tour.console))?;
    let measure = AdmitOrganisation {
        organisation: organisation(INSTITUTE),
        name: OrganisationName::new("临海医学研究所 Linhai Institute of Medicine")
            .map_err(Failure::unusable)?,
        role: Role::Research,
        administrators: [key.public()].into(),
        seat: None,
    };
    let proposer = tour.administrator(HOSPITALS[0])?;
    let mut answer = tour.act(&proposer, GovernancePropose { measure: measure.into() })?;
    let newest = tour.get(HOSPITALS[0], "/api/v1/proposals?limit=1")?;
    let number: u64 = super::super::text(&newest["items"][0]["id"]).parse().map_err(Failure::unusable)?;
    let mut votes = vec![HOSPITALS[0].to_owned()];
    let voters: Vec<String> = tour.cluster.members.iter().map(|member| member.organisation.clone()).collect();
    let mut enacted = false;
    for voter in voters.iter().filter(|voter| *voter != HOSPITALS[0]) {
        let vote = GovernanceVote { proposal: number, approve: true };
        answer = tour.act(&tour.administrator(voter)?, vote)?;
        votes.push(voter.clone());
        enacted = tour.get(voter, &format!("/api/v1/proposals/{number}"))?["status"] == json!("enacted");
        if enacted {
            break;
        }
    }
    tour.must(enacted, "all organisations voted for it, and it was not enacted", "全部机构赞成而议案未执行")?;
    let member = tour.get(HOSPITALS[1], &format!("/api/v1/members/{INSTITUTE}"))?;
    tour.must(
        member["value"]["role"] == json!("research"),
        "another node does not have the member",
        "另一节点上没有该成员",
    )?;
    tour.proofs.push(format!("organisation/{INSTITUTE}"));
    let (count, all) = (votes.len(), voters.len());
    Ok(Step {
        said: vec![tour.say(
            format!(
                "`{}` proposed to admit `{INSTITUTE}`; with {count} of {all} votes it was enacted",
                HOSPITALS[0]
            ),
            format!("`{}` 提议接纳 `{INSTITUTE}`；获得 {all} 票中的 {count} 票后即执行", HOSPITALS[0]),
        )],
        decided: votes.join(", "),
        height: height(&answer),
        check: format!("medveil governance show {number} --node {}", tour.url(HOSPITALS[1])?),
        facts: json!({ "proposal": number, "votes": votes, "voters": all }),
    })
}
