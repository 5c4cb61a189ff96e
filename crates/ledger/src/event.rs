//! Events: what people read.
//!
//! An event tells who did what to which object, which organisation answers for it, and why. Its canonical bytes are a leaf of the block's event
//! root, so that it can be shown to anyone later.

use std::borrow::Cow;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::Text;
use crate::id::{AccountId, Digest, ObjectRef, OrganisationId};
use crate::refusal::{Fact, FactValue, as_map};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Event {
    /// What happened: one of [`KINDS`], such as `dataset.registered`.
    pub kind: Cow<'static, str>,
    /// The block's height.
    pub height: u64,
    /// The transaction that caused it; none for what happens at the end of an epoch.
    pub transaction: Option<Digest>,
    /// The account that acted.
    pub actor: Option<AccountId>,
    /// The organisation that answers for the actor.
    pub organisation: Option<OrganisationId>,
    /// What it happened to.
    pub object: ObjectRef,
    /// The rest, by name.
    #[serde(serialize_with = "as_map")]
    pub facts: Vec<Fact>,
}

impl Event {
    /// The value of a fact.
    pub fn fact(&self, name: &str) -> Option<&FactValue> {
        self.facts.iter().find(|fact| fact.name == name).map(|fact| &fact.value)
    }
}

/// What is registered of a kind of event.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The name; it keeps its meaning for ever.
    pub name: &'static str,
    /// What it tells.
    pub doc: Text,
}

macro_rules! kinds {
    ($($name:literal $en:literal $zh:literal;)*) => {
        /// Every kind of event.
        pub const KINDS: &[Kind] = &[$(Kind { name: $name, doc: Text { en: $en, zh: $zh } }),*];
    };
}

kinds! {
    "account.created" "an account was created" "已创建账户";
    "account.keys-set" "an account has other keys" "账户密钥已更换";
    "account.closed" "an account was closed" "账户已关闭";
    "account.reset" "an account was given other keys by vote" "账户密钥已经表决重置";
    "organisation.admitted" "an organisation was admitted" "已接纳机构";
    "organisation.suspended" "an organisation was suspended" "机构已暂停";
    "organisation.reinstated" "an organisation was reinstated" "机构已恢复";
    "organisation.removed" "an organisation was removed" "机构已移除";
    "validator.seated" "an organisation's validator begins with the next epoch" "机构验证者将于下一纪元生效";
    "validator.unseated" "an organisation's validator ends with the epoch" "机构验证者将于本纪元末退出";
    "validator.rotated" "an organisation's validator has another key or address from the next epoch on" "机构验证者将于下一纪元更换密钥或地址";
    "validators.chosen" "the validators of the next epoch" "下一纪元验证者集合";
    "parameters.changed" "parameters change with the next block" "参数自下一区块起更改";
    "freeze.frozen" "something was frozen" "已冻结";
    "freeze.unfrozen" "a freeze has ended" "已解除冻结";
    "governance.proposed" "a measure was put to the vote" "已提出议案";
    "governance.voted" "an organisation has voted" "机构已表决";
    "governance.enacted" "a measure was carried out" "议案已执行";
    "governance.rejected" "a measure cannot pass any more" "议案已否决";
    "governance.failed" "a measure could not be carried out any more" "议案已无法执行";
    "dataset.registered" "a version of a dataset was registered" "已登记数据集版本";
    "audit.notarised" "an entry was appended to a trail" "审计记录已追加";
    "transaction.refused" "a rule refused what a transaction asked for" "交易请求被规则拒绝";
}

/// The kind of a name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
