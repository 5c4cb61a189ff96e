//! What goes wrong, as `application/problem+json` (RFC 9457).
//!
//! `code` is for programs: the ledger's own name of a reason (`transaction.nonce_used`) or one of [`REASONS`]. `type` is `urn:medveil:` and the code.
//! `title` and `title_zh` say the same for people. Nothing that a client sent is repeated.

use std::borrow::Cow;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use medveil_engine::{NotQueued, ProveError, SubmitError};
use medveil_ledger::{
    Named, Text, Transaction,
    refusal::{CATALOGUE, Fact, FactValue},
};
use serde_json::{Map, Value, json};

/// What a client is told when something is not as it asked.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: Cow<'static, str>,
    pub(crate) title: Text,
    pub(crate) detail: String,
    facts: Box<[Fact]>,
    members: Box<Map<String, Value>>,
    retry_after: Option<u32>,
}

/// A reason of the API's own.
pub(crate) struct Reason {
    /// For programs.
    pub(crate) code: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) title: Text,
}

macro_rules! reasons {
    ($($code:literal $status:ident $en:literal $zh:literal;)*) => {
        /// Every reason that is not the ledger's.
        pub(crate) const REASONS: &[Reason] = &[$(Reason {
            code: $code,
            status: StatusCode::$status,
            title: Text { en: $en, zh: $zh },
        }),*];
    };
}

reasons! {
    "request.malformed" BAD_REQUEST "The request cannot be read" "请求无法解析";
    "request.unknown_parameter" BAD_REQUEST "There is no such parameter here" "未知的查询参数";
    "request.repeated_parameter" BAD_REQUEST "A parameter is given twice" "查询参数重复";
    "request.bad_parameter" BAD_REQUEST "A parameter cannot be read" "查询参数无效";
    "request.bad_header" BAD_REQUEST "A header cannot be read" "请求头无效";
    "request.too_many_transactions" PAYLOAD_TOO_LARGE "Too many transactions at once" "一次提交的交易过多";
    "request.too_large" PAYLOAD_TOO_LARGE "The request is too large" "请求过大";
    "request.too_slow" REQUEST_TIMEOUT "The request did not arrive in time" "请求接收超时";
    "request.media_type" UNSUPPORTED_MEDIA_TYPE "The content type is not one that is read here" "不支持的内容类型";
    "request.no_such_path" NOT_FOUND "There is nothing here" "路径不存在";
    "request.method" METHOD_NOT_ALLOWED "That cannot be done here" "不支持的请求方法";
    "height.not_reached" UNPROCESSABLE_ENTITY "The chain has not reached this height" "链尚未到达该高度";
    "block.not_found" NOT_FOUND "There is no such block" "区块不存在";
    "block.not_kept" GONE "The block is not kept any more" "区块已不再保留";
    "transaction.not_found" NOT_FOUND "There is no such transaction" "交易不存在";
    "event.not_found" NOT_FOUND "There is no such event" "事件不存在";
    "object.not_found" NOT_FOUND "There is no such object" "对象不存在";
    "object.no_such_version" NOT_FOUND "The object has no such version" "对象没有该版本";
    "proof.nothing" CONFLICT "There is nothing to prove" "没有可证明的内容";
    "proof.not_ready" SERVICE_UNAVAILABLE "The proof is not ready yet" "证明尚未就绪";
    "mempool.duplicate" CONFLICT "The transaction is known already" "交易已存在";
    "mempool.nonce_taken" CONFLICT "Another transaction waits with the same nonce" "相同序号的交易正在等待";
    "mempool.full" TOO_MANY_REQUESTS "The queue is full" "交易队列已满";
    "mempool.account_full" TOO_MANY_REQUESTS "The account's queue is full" "该账户的交易队列已满";
    "mempool.too_large" PAYLOAD_TOO_LARGE "The transaction is too large" "交易过大";
    "mempool.expired" UNPROCESSABLE_ENTITY "The transaction has expired" "交易已过期";
    "node.stopped" SERVICE_UNAVAILABLE "The node is not running" "节点未运行";
    "node.busy" SERVICE_UNAVAILABLE "The node has too much to do" "节点繁忙";
    "node.not_ready" SERVICE_UNAVAILABLE "The node does not follow the chain" "节点未就绪";
    "custody.none" SERVICE_UNAVAILABLE "The node takes no part in custody" "该节点未参与托管";
    "custody.no_committee" SERVICE_UNAVAILABLE "There is no custody committee yet" "托管委员会尚未成立";
    "custody.not_signed" UNAUTHORIZED "The request is not signed as it must be" "请求签名无效";
    "custody.not_allowed" FORBIDDEN "The account may not ask for this" "该账户无权提出此请求";
    "custody.absent" NOT_FOUND "It is not here" "此处没有所求内容";
    "custody.not_taken" UNPROCESSABLE_ENTITY "It is not taken" "不予接收";
    "custody.full" INSUFFICIENT_STORAGE "There is no room for it" "存储空间不足";
    "custody.slow" GATEWAY_TIMEOUT "The member did not answer in time" "成员未及时应答";
    "custody.failed" BAD_GATEWAY "It cannot be had" "无法取得";
    "proof.too_large" UNPROCESSABLE_ENTITY "One file does not prove so much" "单个证明文件容纳不下";
    "state.unreadable" INTERNAL_SERVER_ERROR "The state has something that this software cannot read" "状态数据无法读取";
    "index.failed" INTERNAL_SERVER_ERROR "The read model does not answer" "读模型无响应";
}

/// How bytes that are no transaction are told.
const UNREADABLE: &str = "The transaction cannot be read";

impl Problem {
    /// A reason of the API's own. INVARIANT: it is one of [`REASONS`].
    pub(crate) fn of(code: &'static str) -> Self {
        match REASONS.iter().find(|reason| reason.code == code) {
            Some(reason) => Self::new(reason.status, code, reason.title),
            None => Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, Text { en: "Failed", zh: "失败" }),
        }
    }

    fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, title: Text) -> Self {
        let (facts, members) = (Box::default(), Box::default());
        Self {
            status,
            code: code.into(),
            title,
            detail: title.en.to_owned(),
            facts,
            members,
            retry_after: None,
        }
    }

    /// What exactly is not as it should be.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// One more member of the answer.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    /// When to try again, in seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// A reason of the ledger, by its name.
    fn ledger(code: &str, detail: String) -> Self {
        let reason = CATALOGUE.iter().flat_map(|module| module.iter()).find(|reason| reason.name == code);
        let (code, title) = match reason {
            // `TX-7: the nonce is used.`
            Some(reason) => {
                let en = reason.rule.trim().split_once(": ").map_or(reason.rule, |(_, says)| says);
                (Cow::Borrowed(reason.name), Text { en: en.trim_end_matches('.'), zh: reason.zh })
            }
            None => (Cow::Owned(code.to_owned()), Text { en: "A rule says no", zh: "规则不允许" }),
        };
        Self::new(status_of(&code), code, title).detail(detail)
    }

    /// Why a transaction, of which these are the bytes, was not taken.
    pub(crate) fn not_taken(error: &SubmitError, bytes: &[u8]) -> Self {
        match error {
            SubmitError::Refused(refusal) => match Transaction::decode(bytes) {
                // What cannot be read is told in full: where, and in Chinese.
                Err(fault) => {
                    let title = Text { en: UNREADABLE, zh: fault.chinese() };
                    let mut problem =
                        Self::new(status_of(fault.name()), fault.name(), title).detail(fault.to_string());
                    problem.facts = fault.facts().into();
                    problem
                }
                Ok(_) => Self::ledger(&refusal.code, refusal.message.clone()),
            },
            SubmitError::NotQueued(reason) => {
                let problem = match reason {
                    NotQueued::Duplicate => Self::of("mempool.duplicate"),
                    NotQueued::NonceTaken(_) => Self::of("mempool.nonce_taken"),
                    NotQueued::Full => Self::of("mempool.full").retry_after(1),
                    NotQueued::AccountFull => Self::of("mempool.account_full").retry_after(1),
                    NotQueued::TooLarge(_) => Self::of("mempool.too_large"),
                    NotQueued::Expired(_) => Self::of("mempool.expired"),
                };
                problem.detail(reason.to_string())
            }
            SubmitError::NoBlock => Self::of("node.not_ready").detail(error.to_string()).retry_after(1),
            SubmitError::Stopped => Self::of("node.stopped"),
        }
    }

    /// The answer's body.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = json!({
            "type": format!("urn:medveil:{}", self.code),
            "title": capitalised(self.title.en),
            "title_zh": self.title.zh,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
        });
        if !self.facts.is_empty() {
            object["facts"] =
                self.facts.iter().map(|fact| (fact.name.to_string(), fact_json(&fact.value))).collect();
        }
        for (name, value) in self.members.iter() {
            object[name.as_str()] = value.clone();
        }
        object
    }
}

impl From<ProveError> for Problem {
    fn from(error: ProveError) -> Self {
        let problem = match error {
            ProveError::NoSuchBlock(_) => Self::of("block.not_kept"),
            ProveError::NoSuchEntry { .. } => Self::of("event.not_found"),
            ProveError::Stopped => Self::of("node.stopped"),
            ProveError::NoBlock | ProveError::NoCertificate(_) | ProveError::TooFast => {
                Self::of("proof.not_ready").retry_after(1)
            }
        };
        problem.detail(error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.to_json().to_string();
        let mut response =
            (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A fact's value in JSON.
pub(crate) fn fact_json(value: &FactValue) -> Value {
    match value {
        FactValue::Number(number) => json!(number),
        text => json!(text.to_string()),
    }
}

/// The Chinese of a reason that a receipt names.
pub(crate) fn chinese(name: &str) -> Option<&'static str> {
    CATALOGUE
        .iter()
        .flat_map(|module| module.iter())
        .find(|reason| reason.name == name)
        .map(|reason| reason.zh)
}

/// The status of a reason of the ledger for which a transaction is not taken.
fn status_of(code: &str) -> StatusCode {
    match code {
        "encoding.too_large" | "transaction.too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "transaction.nonce_used" => StatusCode::CONFLICT,
        "transaction.unknown_key" => StatusCode::UNAUTHORIZED,
        code if code.starts_with("encoding.") => StatusCode::BAD_REQUEST,
        code if code.starts_with("signature.") => StatusCode::UNAUTHORIZED,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_the_ledger_has_both_titles() {
        for reason in CATALOGUE.iter().flat_map(|module| module.iter()) {
            let problem = Problem::ledger(reason.name, "detail".to_owned()).to_json();
            assert_eq!(problem["type"], format!("urn:medveil:{}", reason.name));
            assert!(!problem["title"].as_str().unwrap().contains(": "), "{}", problem["title"]);
            assert!(!problem["title_zh"].as_str().unwrap().is_empty());
        }
    }

    #[test]
    fn reasons_have_one_code_each() {
        let mut codes: Vec<_> = REASONS.iter().map(|reason| reason.code).collect();
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
