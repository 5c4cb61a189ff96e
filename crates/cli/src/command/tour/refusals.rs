//! What the contract does not allow is refused by name, with the values compared, and recorded.

use medveil_ledger::action::RequestSubmit;
use medveil_ledger::state::request::Ask;
use medveil_ledger::vocabulary::{DataClass, Purpose};
use serde_json::{Value, json};

use super::contract::set;
use super::{INSTITUTE, INSTITUTE_NODE, Step, Tour, request};
use crate::failure::Failure;

pub(super) fn out_of_scope(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let contract = tour.study.expect("the contract was published in a step before");
    let ask = request::ask(tour, contract)?;
    let tries: [(&str, &str, &str, &str, Ask); 4] = [
        (
            INSTITUTE,
            "an insurer's purpose",
            "保险用途",
            "decision.purpose",
            Ask { purposes: set([Purpose::Actuarial])?, ..ask.clone() },
        ),
        (
            INSTITUTE,
            "genomes",
            "基因组数据",
            "decision.class",
            Ask { classes: set([DataClass::Genomics])?, ..ask.clone() },
        ),
        (
            INSTITUTE,
            "a commercial use",
            "商业用途",
            "decision.commercial",
            Ask { commercial: true, ..ask.clone() },
        ),
        ("regulator-2", "somebody who is no recipient", "非接收方", "decision.recipient", ask.clone()),
    ];
    let (mut said, mut facts, mut last): (Vec<String>, Vec<Value>, u64) = (Vec::new(), Vec::new(), 0);
    for (who, what, what_zh, reason, ask) in tries {
        let refused = tour.must_refuse(&tour.administrator(who)?, RequestSubmit { ask }, reason)?;
        last = refused.height;
        let compared = match refused.compared() {
            compared if compared.is_empty() => String::new(),
            compared => format!(" ({compared})"),
        };
        said.push(tour.say(
            format!("{what}: {reason}{compared}, recorded at height {last}"),
            format!("{what_zh}：{reason}{compared}，记录于高度 {last}"),
        ));
        facts.push(
            json!({ "reason": reason, "facts": refused.facts, "height": last, "transaction": refused.id }),
        );
        tour.proofs.push(format!("transaction/{}", refused.id));
    }
    Ok(Step {
        said,
        decided: tour
            .say("the contract, by the rules on every node".into(), "合同，由每个节点依规则裁决".into()),
        height: last,
        check: format!("medveil audit trail organisation/{INSTITUTE} --node {}", tour.url(INSTITUTE_NODE)?),
        facts: json!({ "refused": facts }),
    })
}
