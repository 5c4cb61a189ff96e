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
    "patient.invited" "a hospital made a handle for a patient" "已建立患者标识";
    "patient.enrolled" "a wallet was bound to a patient's handle" "患者已绑定钱包";
    "patient.recovery-asked" "a hospital asked for another key for a patient" "医院已申请更换患者密钥";
    "patient.recovery-stopped" "a patient objected to another key" "患者已阻止更换密钥";
    "patient.reenrolled" "a patient has another key" "患者密钥已更换";
    "patient.guardians-set" "a patient named guardians" "患者已指定监护人";
    "consent.granted" "a consent was given" "已给予授权";
    "consent.narrowed" "a consent was narrowed" "授权已缩小";
    "consent.withdrawn" "a consent was withdrawn" "授权已撤回";
    "contract.published" "a contract was published, or other terms of it" "合同已发布";
    "contract.countersigned" "an owner of data agreed to a contract" "数据方已会签合同";
    "contract.standing-set" "a contract was frozen, opened or closed" "合同状态已变更";
    "budget.set" "the privacy budget of a dataset was set" "已设定隐私预算";
    "request.submitted" "data were asked for" "已提交申请";
    "request.voted" "an organisation of the committee voted on a request" "委员会成员已审批";
    "request.granted" "a request was granted, with its obligations" "申请已批准";
    "request.refused" "a request was refused" "申请已拒绝";
    "request.ended" "what a request was granted is over" "授权已终止";
    "request.cancelled" "a request was taken back" "申请已撤销";
    "release.posted" "an owner committed to a release" "已登记发布";
    "release.failed" "a release failed a challenge" "发布未通过质询";
    "access.granted" "a release is used" "已授予访问";
    "audit.challenged" "rows of a release were challenged" "发布受到质询";
    "audit.answered" "a challenge was answered" "质询已答复";
    "audit.decided" "there is a verdict on a challenge" "质询已有结论";
    "destruction.ordered" "something is to be destroyed" "已下令销毁";
    "destruction.attested" "an organisation attested that it has destroyed something" "已证明销毁";
    "incident.opened" "an incident was reported, and who is liable" "事件已立案并定责";
    "custody.registered" "an object, or a version of it, is in custody" "托管对象已登记";
    "custody.key-requested" "an owner asked for the key of its object" "已申请托管对象密钥";
    "custody.partial-posted" "a member gave its partial key" "密钥分片已提交";
    "custody.partial-reported" "a partial key was reported as bad" "密钥分片被举报";
    "committee.posted" "a message of the committee's key generation" "密钥生成消息已发布";
    "certificate.registered" "the certificate of an SM2 key was registered" "已登记 SM2 密钥证书";
    "certificate.revoked" "a certificate was revoked" "证书已吊销";
    "issuer.admitted" "a certification authority was admitted" "已接纳证书签发机构";
    "issuer.removed" "a certification authority was removed" "证书签发机构已移除";
    "transaction.refused" "a rule refused what a transaction asked for" "交易请求被规则拒绝";
}

/// The kind of a name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
