//! Why a file is not evidence.

use medveil_chain::{EvidenceError, Untrusted};

use crate::{Subject, Words};

/// Why a file proves nothing. Statements are numbered from 1, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not a complete file in its only form: altered, cut, or of a later version.
    #[error("the file is damaged or of an unknown version: {0}")]
    Damaged(String),
    /// No chain begins with the genesis.
    #[error("no chain begins with this genesis: {0}")]
    Genesis(String),
    /// The proof does not hold on the chain of the genesis.
    #[error(transparent)]
    Unproven(#[from] EvidenceError),
    /// A key of no kind that is known.
    #[error("statement {number} is about the key {key}, which is of no kind that is known")]
    Key {
        /// Which.
        number: usize,
        /// The key, hexadecimal.
        key: String,
    },
    /// A value that is none of its key's.
    #[error("statement {number} gives `{subject}` a value that cannot be read: {reason}")]
    Value {
        /// Which.
        number: usize,
        /// About what.
        subject: Subject,
        /// Why.
        reason: String,
    },
    /// A value that names another id, version or chain than its key.
    #[error("statement {number} gives `{subject}` a value with another {field} than its key says")]
    Mismatch {
        /// Which.
        number: usize,
        /// About what.
        subject: Subject,
        /// What differs.
        field: &'static str,
    },
    /// An entry of a block that cannot be read, or is of another chain, block or transaction.
    #[error("statement {number} shows an entry of the block that is none: {reason}")]
    Entry {
        /// Which.
        number: usize,
        /// Why.
        reason: String,
    },
    /// Two statements that are not both so.
    #[error("the statements about `{subject}` contradict each other: {what}")]
    Contradiction {
        /// About what.
        subject: Subject,
        /// Which do.
        what: String,
    },
}

impl Refused {
    /// The reason in both languages.
    pub fn words(&self) -> Words {
        Words { en: self.to_string(), zh: self.chinese() }
    }

    fn chinese(&self) -> String {
        match self {
            Refused::Damaged(reason) => format!("文件已损坏、被改动或版本未知（{reason}）"),
            Refused::Genesis(reason) => format!("此创世文件不能作为任何链的起点（{reason}）"),
            Refused::Unproven(error) => unproven(error),
            Refused::Key { number, key } => format!("第 {number} 条陈述所涉的键 {key} 不属于任何已知种类"),
            Refused::Value { number, subject, reason } => {
                format!("第 {number} 条陈述给出的 `{subject}` 的值无法解读（{reason}）")
            }
            Refused::Mismatch { number, subject, field } => {
                format!("第 {number} 条陈述给出的 `{subject}` 的值与其键不符（{field}）")
            }
            Refused::Entry { number, reason } => {
                format!("第 {number} 条陈述所示的区块条目不成立（{reason}）")
            }
            Refused::Contradiction { subject, what } => {
                format!("关于 `{subject}` 的陈述互相矛盾（{what}）")
            }
        }
    }
}

fn unproven(error: &EvidenceError) -> String {
    match error {
        EvidenceError::OtherChain { found, expected } => {
            format!("证据属于另一条链：其创世摘要为 {found}，而非 {expected}")
        }
        EvidenceError::Link { number, reason } => {
            format!("第 {number} 次验证者变更不成立：{}", untrusted(reason))
        }
        EvidenceError::Header(reason) => format!("区块头未最终确认：{}", untrusted(reason)),
        EvidenceError::Claim { number } => format!("第 {number} 条陈述的证明与区块头不符"),
        EvidenceError::Nothing => "证据中没有任何陈述".to_owned(),
    }
}

fn untrusted(reason: &Untrusted) -> String {
    match reason {
        Untrusted::Misplaced { height } => format!("高度 {height} 的区块头与创世文件不符"),
        Untrusted::BrokenAncestry { height } => format!("高度 {height} 的区块头不承接其前一区块"),
        Untrusted::OtherBlock { height } => format!("证书不是高度 {height} 的区块的"),
        Untrusted::OtherEpoch { certificate, header } => {
            format!("证书属于第 {certificate} 纪元，区块头属于第 {header} 纪元")
        }
        Untrusted::OtherValidators { epoch } => format!("第 {epoch} 纪元的区块头所列验证者与已知的不同"),
        Untrusted::NotSigned { height } => format!("高度 {height} 的证书签名未达法定多数"),
        Untrusted::TooOld { epoch, known_from } => {
            format!("第 {epoch} 纪元早于已知验证者的起始纪元 {known_from}")
        }
        Untrusted::OtherNextValidators { height } => {
            format!("高度 {height} 的区块头未承诺其后的验证者")
        }
        Untrusted::NoChange { height } => format!("高度 {height} 的变更没有改变验证者"),
    }
}
