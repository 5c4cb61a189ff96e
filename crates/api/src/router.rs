//! The routes, and what is done to every request.

use std::time::Instant;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{any, get, post},
};
use medveil_ledger::Text;

use crate::{
    app::App, audits, blocks, budgets, custody, decisions, destructions, events, health, key_requests,
    metrics, objects, patients, problem::Problem, query::EVIDENCE, state, status, submit, transactions,
};

/// An endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// The method.
    pub method: &'static str,
    /// The path, with parts in braces.
    pub path: &'static str,
    /// What it gives.
    pub doc: Text,
}

macro_rules! endpoints {
    ($($method:ident $path:literal $en:literal $zh:literal;)*) => {
        /// Every endpoint, for documentation and metrics.
        pub const ENDPOINTS: &[Endpoint] = &[$(Endpoint {
            method: stringify!($method),
            path: $path,
            doc: Text { en: $en, zh: $zh },
        }),*];
    };
}

endpoints! {
    GET "/healthz" "the process lives" "进程存活";
    GET "/readyz" "the node follows the chain, or why not" "节点是否跟随链及原因";
    GET "/metrics" "figures for Prometheus" "Prometheus 指标";
    GET "/api/v1/status" "how the node is: tip, validators, peers, queue" "节点状态";
    GET "/api/v1/genesis" "the genesis file" "创世文件";
    POST "/api/v1/transactions" "hands in one transaction (JSON) or up to 4,096 (binary)" "提交交易";
    GET "/api/v1/transactions" "transactions" "交易列表";
    GET "/api/v1/transactions/{id}" "a transaction, what became of it, its events" "单笔交易及结果";
    GET "/api/v1/blocks" "blocks" "区块列表";
    GET "/api/v1/blocks/{height}" "a block with the ids of its transactions" "单个区块";
    GET "/api/v1/events" "events; live ones as text/event-stream" "事件列表与实时事件流";
    GET "/api/v1/events/{height}/{index}" "an event" "单个事件";
    GET "/api/v1/members" "organisations" "成员机构列表";
    GET "/api/v1/members/{id}" "an organisation" "单个机构";
    GET "/api/v1/accounts" "accounts" "账户列表";
    GET "/api/v1/accounts/{id}" "an account and its next nonce" "单个账户及下一序号";
    GET "/api/v1/datasets" "registered datasets" "已登记数据集列表";
    GET "/api/v1/datasets/{id}" "a dataset's fingerprint" "单个数据集指纹";
    GET "/api/v1/consents" "consents" "同意列表";
    GET "/api/v1/consents/{id}" "a consent" "单项同意";
    GET "/api/v1/contracts" "contracts" "数据合约列表";
    GET "/api/v1/contracts/{id}" "a contract" "单个数据合约";
    GET "/api/v1/requests" "requests for data" "数据申请列表";
    GET "/api/v1/requests/{id}" "a request with its decisions" "单项数据申请及裁决";
    GET "/api/v1/releases" "releases" "数据发布列表";
    GET "/api/v1/releases/{id}" "a release" "单次数据发布";
    GET "/api/v1/accesses" "requests for access to a record" "访问申请列表";
    GET "/api/v1/accesses/{id}" "a request for access" "单项访问申请";
    GET "/api/v1/challenges" "audit challenges" "审计质询列表";
    GET "/api/v1/challenges/{id}" "a challenge with its answers" "单项审计质询及答复";
    GET "/api/v1/incidents" "incidents" "安全事件列表";
    GET "/api/v1/incidents/{id}" "an incident" "单个安全事件";
    GET "/api/v1/certificates" "certificates of organisations' SM2 keys" "机构 SM2 密钥证书列表";
    GET "/api/v1/certificates/{id}" "the certificate of a key" "单个密钥的证书";
    GET "/api/v1/issuers" "certification authorities" "证书签发机构列表";
    GET "/api/v1/issuers/{id}" "a certification authority" "单个证书签发机构";
    GET "/api/v1/patients" "patients' handles" "患者标识列表";
    GET "/api/v1/patients/{id}" "a patient's handle" "单个患者标识";
    GET "/api/v1/patients/{id}/consents" "the consents of a patient" "患者的全部授权";
    GET "/api/v1/decisions" "decisions on requests, accesses and releases, with their reasons" "裁决列表及理由";
    GET "/api/v1/decisions/{height}/{index}" "a decision" "单项裁决";
    GET "/api/v1/budgets" "privacy budgets of contracts, datasets and recipients" "隐私预算列表";
    GET "/api/v1/budgets/{kind}/{id}" "a privacy budget" "单个隐私预算";
    GET "/api/v1/destructions" "orders to destroy, with who has attested" "销毁令列表及证明";
    GET "/api/v1/destructions/{kind}/{id}" "an order to destroy" "单项销毁令";
    GET "/api/v1/custody" "objects in custody" "托管对象列表";
    GET "/api/v1/custody/{id}" "an object in custody" "单个托管对象";
    GET "/api/v1/key-requests" "requests for keys of objects in custody" "托管密钥申请列表";
    GET "/api/v1/key-requests/{id}" "a request for a key" "单项托管密钥申请";
    GET "/api/v1/key-requests/{id}/partials" "the partial keys that were given for a request" "密钥申请收到的全部分片";
    GET "/api/v1/partials/{id}" "a member's partial key" "单个密钥分片";
    GET "/api/v1/state/{key}" "the bytes that the state has under a key" "状态中某键的字节";
    GET "/api/v1/custody/{id}/{version}/manifest" "its manifest (signed)" "托管对象清单（须签名）";
    PUT "/api/v1/custody/{id}/{version}/manifest" "offers it to the members (signed)" "向成员提交托管对象清单（须签名）";
    GET "/api/v1/custody/{id}/{version}/holders" "who holds its shards (signed)" "分片持有者（须签名）";
    GET "/api/v1/custody/{id}/{version}/health" "how many more losses it can bear (signed)" "托管健康状况（须签名）";
    POST "/api/v1/custody/{id}/{version}/check" "has the members check and rebuild their shards (signed)" "令成员校验并修复分片（须签名）";
    GET "/api/v1/custody/{id}/{version}/{shard}/{segment}" "bytes of a shard (signed)" "读取分片（须签名）";
    PUT "/api/v1/custody/{id}/{version}/{shard}/{segment}" "gives a segment to its holder (signed)" "存放分片（须签名）";
    GET "/api/v1/committee" "the custody committee" "托管委员会";
    GET "/internal/v1/custody/{id}/{version}/manifest" "a manifest, for members' nodes" "成员节点读取清单";
    PUT "/internal/v1/custody/{id}/{version}/manifest" "offers a manifest, from members' nodes" "成员节点提交清单";
    POST "/internal/v1/custody/{id}/{version}/check" "checks the own shard, for members' nodes" "成员节点请求校验分片";
    GET "/internal/v1/custody/{id}/{version}/{shard}" "the segments that are here, for members' nodes" "成员节点查询分片";
    GET "/internal/v1/custody/{id}/{version}/{shard}/{segment}" "bytes of a segment, for members' nodes" "成员节点读取分片";
    PUT "/internal/v1/custody/{id}/{version}/{shard}/{segment}" "a segment, from members' nodes" "成员节点存放分片";
    GET "/api/v1/proposals" "proposals" "议案列表";
    GET "/api/v1/proposals/{id}" "a proposal with its votes" "单个议案及投票";
    GET "/api/v1/validators" "the validators of each epoch" "各纪元验证者";
    GET "/api/v1/validators/{epoch}" "the validators of an epoch, or `current`" "某纪元或当前验证者";
    GET "/api/v1/parameters" "the versions of the parameters" "参数版本列表";
    GET "/api/v1/parameters/current" "the parameters in force" "当前参数";
    GET "/api/v1/audits" "entries of trails" "审计记录列表";
    GET "/api/v1/audits/{kind}/{id}" "the trail of an object" "对象的审计轨迹";
    GET "/api/v1/audits/challenges/{id}/openings" "what the custodian of this node opened for a challenge, sealed to the auditor" "本节点就质询开启的记录，仅审计方可解封";
}

/// The routes of a node.
pub(crate) fn router(app: App) -> Router {
    let api = Router::new()
        .route("/status", get(status::get))
        .route("/genesis", get(status::genesis))
        .route("/transactions", post(submit::post).get(transactions::list))
        .route("/transactions/{id}", get(transactions::get))
        .route("/blocks", get(blocks::list))
        .route("/blocks/{height}", get(blocks::get))
        .route("/events", get(events::list))
        .route("/events/{height}/{index}", get(events::get))
        .route("/members", get(objects::members))
        .route("/members/{id}", get(objects::member))
        .route("/accounts", get(objects::accounts))
        .route("/accounts/{id}", get(objects::account))
        .route("/datasets", get(objects::datasets))
        .route("/datasets/{id}", get(objects::dataset))
        .route("/consents", get(objects::consents))
        .route("/consents/{id}", get(objects::consent))
        .route("/contracts", get(objects::contracts))
        .route("/contracts/{id}", get(objects::contract))
        .route("/requests", get(objects::requests))
        .route("/requests/{id}", get(objects::request))
        .route("/releases", get(objects::releases))
        .route("/releases/{id}", get(objects::release))
        .route("/accesses", get(objects::accesses))
        .route("/accesses/{id}", get(objects::access))
        .route("/challenges", get(objects::challenges))
        .route("/challenges/{id}", get(objects::challenge))
        .route("/incidents", get(objects::incidents))
        .route("/incidents/{id}", get(objects::incident))
        .route("/certificates", get(objects::certificates))
        .route("/certificates/{id}", get(objects::certificate))
        .route("/issuers", get(objects::issuers))
        .route("/issuers/{id}", get(objects::issuer))
        .route("/patients", get(patients::list))
        .route("/patients/{id}", get(patients::get))
        .route("/patients/{id}/consents", get(patients::consents))
        .route("/decisions", get(decisions::list))
        .route("/decisions/{height}/{index}", get(decisions::get))
        .route("/budgets", get(budgets::list))
        .route("/budgets/{kind}/{id}", get(budgets::get))
        .route("/destructions", get(destructions::list))
        .route("/destructions/{kind}/{id}", get(destructions::get))
        .route("/custody", get(objects::custody_objects))
        .route("/custody/{id}", get(objects::custody_object))
        .route("/key-requests", get(key_requests::list))
        .route("/key-requests/{id}", get(key_requests::get))
        .route("/key-requests/{id}/partials", get(key_requests::partials))
        .route("/partials/{id}", get(key_requests::partial))
        .route("/state/{key}", get(state::get))
        .route("/committee", get(custody::committee))
        .route("/proposals", get(objects::proposals))
        .route("/proposals/{id}", get(objects::proposal))
        .route("/validators", get(objects::validator_sets))
        .route("/validators/{epoch}", get(objects::validator_set))
        .route("/parameters", get(objects::parameters))
        .route("/parameters/current", get(objects::current_parameters))
        .route("/audits", get(audits::list))
        .route("/audits/{kind}/{id}", get(audits::trail))
        .route("/audits/challenges/{id}/openings", get(audits::openings));
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::get))
        .nest("/api/v1", api)
        // Not nested: what is signed is the whole path.
        .route("/api/v1/custody/{id}/{version}/{*rest}", any(custody::own))
        .route("/internal/v1/custody/{id}/{version}/{*rest}", any(custody::members))
        .fallback(|| async { Problem::of("request.no_such_path") })
        .method_not_allowed_fallback(|| async { Problem::of("request.method") })
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

/// What every request goes through: a bound, headers that keep answers from being kept or guessed at, figures, a line in the log.
async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = route(method.as_str(), request.uri().path());
    // Whoever watches the node is answered when it is busy, too.
    let watched = matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics");
    let mut response = match (watched, app.admit()) {
        (true, _) => next.run(request).await,
        (false, Ok(_permit)) => next.run(request).await,
        (false, Err(busy)) => busy.into_response(),
    };
    if (response.status().is_client_error() || response.status().is_server_error()) && !is_told(&response) {
        // What the router itself refuses, such as a path that is no UTF-8.
        let status = response.status();
        let mut problem = Problem::of("request.malformed");
        problem.status = status;
        response = problem.into_response();
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let (status, took) = (response.status(), started.elapsed());
    app.metrics().answered(route, status, took);
    // The route, not the path: ids and queries stay out of the log.
    let path = ENDPOINTS.get(route).map_or("other", |endpoint| endpoint.path);
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(%method, path, status = status.as_u16(), ms = took.as_millis() as u64, "request");
    } else {
        tracing::debug!(%method, path, status = status.as_u16(), ms = took.as_millis() as u64, "request");
    }
    response
}

/// Whether the answer says itself what is wrong.
fn is_told(response: &Response) -> bool {
    let media_type = response.headers().get(header::CONTENT_TYPE);
    media_type.is_some_and(|media_type| media_type == "application/problem+json" || media_type == EVIDENCE)
}

/// The index of an endpoint in [`ENDPOINTS`]; its length for what is none.
fn route(method: &str, path: &str) -> usize {
    let method = if method == "HEAD" { "GET" } else { method };
    let fits = |endpoint: &Endpoint| {
        let (mut pattern, mut path) = (endpoint.path.split('/'), path.split('/'));
        endpoint.method == method
            && loop {
                match (pattern.next(), path.next()) {
                    (None, None) => break true,
                    (Some(pattern), Some(part)) if pattern == part || pattern.starts_with('{') => {}
                    _ => break false,
                }
            }
    };
    ENDPOINTS.iter().position(fits).unwrap_or(ENDPOINTS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_under_their_endpoint() {
        let of = |method, path| ENDPOINTS.get(route(method, path)).map(|endpoint| endpoint.path);
        assert_eq!(of("GET", "/api/v1/events/3/4"), Some("/api/v1/events/{height}/{index}"));
        assert_eq!(of("HEAD", "/api/v1/blocks/3"), Some("/api/v1/blocks/{height}"));
        assert_eq!(route("POST", "/api/v1/transactions"), 5);
        assert_eq!(of("GET", "/api/v1/custody/a/1/health"), Some("/api/v1/custody/{id}/{version}/health"));
        assert_eq!(of("GET", "/api/v1/blocks/3/4"), None);
        assert_eq!(of("DELETE", "/api/v1/blocks"), None);
    }
}
