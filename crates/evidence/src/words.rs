//! Statements in words.

use medveil_ledger::event;
use medveil_ledger::refusal::CATALOGUE;
use medveil_ledger::state::proposal::Outcome as ProposalOutcome;
use medveil_ledger::{Event, Outcome, Refusal};
use serde::Serialize;

use crate::reading::{History, Period, Statement, Until};
use crate::subject::{Subject, Value};

/// A sentence in the two languages of the product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Words {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

fn words(en: impl Into<String>, zh: impl Into<String>) -> Words {
    Words { en: en.into(), zh: zh.into() }
}

impl Statement {
    /// The statement in a sentence. That of a history is without its versions, which have sentences of their own.
    pub fn words(&self) -> Words {
        match self {
            Statement::History(history) => history.words(),
            Statement::Number { subject: Subject::Nonce(account), value } => words(
                format!("the next nonce of account/{account} is {value}"),
                format!("account/{account} 的下一个交易序号是 {value}"),
            ),
            Statement::Number { subject, value } => {
                words(format!("`{subject}` is {value}"), format!("`{subject}` 为 {value}"))
            }
            Statement::Transaction { index, id, body, outcome } => {
                let action = body.as_ref().map(|body| body.action.spec());
                let mut said = words(
                    format!("transaction {id} is number {index} of the block"),
                    format!("交易 {id} 位于该区块第 {index} 位"),
                );
                if let (Some(body), Some(action)) = (body, action) {
                    said.en += &format!(": account/{} asked for `{}`", body.account, action.name);
                    said.zh +=
                        &format!("：account/{} 请求 `{}`（{}）", body.account, action.name, action.doc.zh);
                }
                if let Some(outcome) = outcome {
                    let became = became(outcome);
                    said.en += &format!("; {}", became.en);
                    said.zh += &format!("；{}", became.zh);
                }
                said
            }
            Statement::Event { index, event } => {
                let told = told(event);
                words(
                    format!("event {index} of the block, `{}`: {}", event.kind, told.en),
                    format!("该区块第 {index} 个事件 `{}`：{}", event.kind, told.zh),
                )
            }
        }
    }
}

impl History {
    fn words(&self) -> Words {
        let subject = &self.subject;
        let unit = if matches!(subject, Subject::Trail(_)) {
            ("entries", "条记录")
        } else {
            ("versions", "个版本")
        };
        if self.is_absent() {
            return words(
                format!("there is no `{subject}`, and there never was one"),
                format!("不存在 `{subject}`，此前也从未存在"),
            );
        }
        if self.is_complete() {
            let count = self.versions.len();
            return words(
                format!("`{subject}` has {count} {}, all of them shown", unit.0),
                format!("`{subject}` 共有 {count} {}，已全部列出", unit.1),
            );
        }
        match self.at_most {
            Some(most) if most == self.at_least => words(
                format!("`{subject}` has {most} {}", unit.0),
                format!("`{subject}` 共有 {most} {}", unit.1),
            ),
            Some(most) => words(
                format!("`{subject}` has at most {most} {}", unit.0),
                format!("`{subject}` 至多有 {most} {}", unit.1),
            ),
            None => words(
                format!("`{subject}` has at least {} {}", self.at_least, unit.0),
                format!("`{subject}` 至少有 {} {}", self.at_least, unit.1),
            ),
        }
    }
}

impl Period {
    /// The version, how long it was in force, and what it says.
    pub fn words(&self) -> Words {
        let value = self.value.words();
        let (version, from) = (self.version, self.from);
        if let Value::Trail(_) = self.value {
            // An entry is not replaced by the next.
            return words(
                format!("entry {version}, at height {from}: {}", value.en),
                format!("第 {version} 条，高度 {from}：{}", value.zh),
            );
        }
        let until = match self.until {
            Until::Replaced(next) if next == from => words(
                format!("was written at height {from} and replaced in the same block"),
                format!("于高度 {from} 写入，并在同一区块内被替换"),
            ),
            Until::Replaced(next) => words(
                format!("was in force from height {from} until height {}", next - 1),
                format!("自高度 {from} 至高度 {} 有效", next - 1),
            ),
            Until::Still(tip) => words(
                format!("is in force from height {from} on, still at height {tip}"),
                format!("自高度 {from} 起有效，至高度 {tip} 仍有效"),
            ),
            Until::Unknown => words(
                format!("took effect at height {from}; until when is not shown"),
                format!("自高度 {from} 起生效，终止高度未示明"),
            ),
        };
        words(
            format!("version {version} {}: {}", until.en, value.en),
            format!("第 {version} 版{}：{}", until.zh, value.zh),
        )
    }
}

impl Value {
    /// What the value says.
    pub fn words(&self) -> Words {
        match self {
            Value::Account(account) => {
                let keys: Vec<String> =
                    account.keys.iter().map(|(key, used)| format!("{key} ({used})")).collect();
                let mut said = words(
                    format!("{} of `{}`, keys {}", account.capacity, account.organisation, keys.join(", ")),
                    format!(
                        "`{}` 的{}，密钥 {}",
                        account.organisation,
                        account.capacity.chinese(),
                        keys.join("、")
                    ),
                );
                note(&mut said, account.closed, "closed", "关闭");
                note(&mut said, account.frozen, "frozen", "冻结");
                said
            }
            Value::Organisation(organisation) => {
                let (name, role, status) =
                    (organisation.name.as_str(), organisation.role, organisation.status);
                let mut said = words(
                    format!("{name}, {role}, {status} since height {}", organisation.since),
                    format!(
                        "{name}，{}，自高度 {} 起{}",
                        role.chinese(),
                        organisation.since,
                        status.chinese()
                    ),
                );
                note(&mut said, organisation.frozen, "frozen", "冻结");
                said
            }
            Value::Charter(charter) => words(
                format!("chain `{}`, epochs of {} blocks", charter.name, charter.epoch_length),
                format!("链 `{}`，每纪元 {} 个区块", charter.name, charter.epoch_length),
            ),
            Value::Parameters(parameters) => {
                use medveil_ledger::state::parameters::Parameter;
                let all: Vec<String> = Parameter::ALL
                    .iter()
                    .map(|parameter| format!("{} = {}", parameter.name(), parameters.get(*parameter)))
                    .collect();
                words(all.join(", "), all.join("，"))
            }
            Value::Roster(roster) => {
                let seats: Vec<&str> =
                    roster.seats.keys().map(|organisation| organisation.as_str()).collect();
                words(
                    format!("{} seats: {}", seats.len(), seats.join(", ")),
                    format!("{} 个席位：{}", seats.len(), seats.join("、")),
                )
            }
            Value::Validators(set) => {
                let names: Vec<&str> =
                    set.validators.iter().map(|validator| validator.organisation.as_str()).collect();
                words(
                    format!("{} validators of epoch {}: {}", names.len(), set.epoch, names.join(", ")),
                    format!("第 {} 纪元的 {} 个验证者：{}", set.epoch, names.len(), names.join("、")),
                )
            }
            Value::ValidatorKey(holder) => words(
                format!("the key of `{}`", holder.organisation),
                format!("`{}` 的公钥", holder.organisation),
            ),
            Value::Proposal(proposal) => {
                let for_it = proposal.votes.iter().filter(|ballot| ballot.approve).count();
                let against = proposal.votes.len() - for_it;
                let outcome = match &proposal.outcome {
                    ProposalOutcome::Open => words(
                        format!("open until height {}", proposal.expires),
                        format!("表决截至高度 {}", proposal.expires),
                    ),
                    ProposalOutcome::Enacted { height } => {
                        words(format!("enacted at height {height}"), format!("已于高度 {height} 执行"))
                    }
                    ProposalOutcome::Failed { height, reason } => words(
                        format!("failed at height {height}: {reason}"),
                        format!("于高度 {height} 无法执行：{}", reason_in_chinese(reason)),
                    ),
                    ProposalOutcome::Rejected { height } => {
                        words(format!("rejected at height {height}"), format!("已于高度 {height} 否决"))
                    }
                };
                let measure = proposal.measure.spec();
                words(
                    format!(
                        "`{}` proposed by `{}`, {for_it} for it and {against} against, {}",
                        measure.name, proposal.organisation, outcome.en
                    ),
                    format!(
                        "`{}` 提出的 `{}`（{}），赞成 {for_it}，反对 {against}，{}",
                        proposal.organisation, measure.name, measure.doc.zh, outcome.zh
                    ),
                )
            }
            Value::Freeze(freeze) => match freeze.since {
                Some(since) => {
                    words(format!("frozen since height {since}"), format!("自高度 {since} 起冻结"))
                }
                None => words("not frozen", "未冻结"),
            },
            Value::Dataset(dataset) => {
                let print = &dataset.fingerprint;
                words(
                    format!(
                        "`{}` of `{}`, {} records, root {}, schema {}, level {}, {}",
                        dataset.label,
                        dataset.organisation,
                        print.count,
                        print.root,
                        print.schema,
                        print.level,
                        print.suite
                    ),
                    format!(
                        "`{}` 的 `{}`，{} 条记录，根 {}，模式 {}，{} 级，{}",
                        dataset.organisation,
                        dataset.label,
                        print.count,
                        print.root,
                        print.schema,
                        print.level,
                        print.suite.chinese()
                    ),
                )
            }
            Value::Trail(entry) => words(
                format!(
                    "{} for {}, by account/{} of `{}`, details {}, transaction {}",
                    entry.step,
                    entry.reason,
                    entry.actor,
                    entry.organisation,
                    entry.details,
                    entry.transaction
                ),
                format!(
                    "{}（{}），操作者 account/{}，责任机构 `{}`，详情摘要 {}，交易 {}",
                    entry.step.chinese(),
                    entry.reason.chinese(),
                    entry.actor,
                    entry.organisation,
                    entry.details,
                    entry.transaction
                ),
            ),
            // Kinds whose value is short enough to be read as it is.
            other => {
                let json = serde_json::to_string(other).expect("values have string keys");
                words(json.clone(), json)
            }
        }
    }
}

/// What became of a transaction.
fn became(outcome: &Outcome) -> Words {
    match outcome {
        Outcome::Applied => words("it was carried out", "已执行"),
        Outcome::Refused(reason) => {
            words(format!("it was refused: {reason}"), format!("被规则拒绝：{}", reason_in_chinese(reason)))
        }
    }
}

fn reason_in_chinese(reason: &Refusal) -> String {
    let known = CATALOGUE.iter().flat_map(|reasons| reasons.iter()).find(|known| known.name == reason.name);
    known.map_or_else(|| reason.to_string(), |known| format!("{}（{reason}）", known.zh))
}

fn told(event: &Event) -> Words {
    let doc = event::kind(&event.kind).map(|kind| kind.doc);
    let mut said = match doc {
        Some(doc) => words(doc.en, doc.zh),
        None => words("", ""),
    };
    said.en += &format!(", `{}`", event.object);
    said.zh += &format!("，`{}`", event.object);
    if let Some(organisation) = event.organisation {
        said.en += &format!(", organisation `{organisation}`");
        said.zh += &format!("，责任机构 `{organisation}`");
    }
    for fact in &event.facts {
        said.en += &format!(", {} {}", fact.name, fact.value);
        said.zh += &format!("，{} {}", fact.name, fact.value);
    }
    said
}

fn note(said: &mut Words, since: Option<u64>, en: &str, zh: &str) {
    if let Some(since) = since {
        said.en += &format!(", {en} since height {since}");
        said.zh += &format!("，自高度 {since} 起{zh}");
    }
}
