//! `POST /api/v1/transactions`: transactions are handed to the node.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use medveil_engine::{NotQueued, SubmitError};
use medveil_ledger::{Digest, Transaction};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;

use crate::{
    app::App,
    frames::{FramesError, MAX_TRANSACTIONS, frames},
    problem::Problem,
    query::Params,
    reply, transactions,
    watch::{Found, until_final},
};

/// Bytes of a body at most.
const MAX_BODY: usize = 4 << 20;

/// Bytes of a body that is too large that are read all the same.
const MAX_DISCARDED: usize = 4 * MAX_BODY;

/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);

/// The endpoint.
pub(crate) async fn post(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let params = Params::read(request.uri(), &["wait"])?;
    let wait = params.wait()?;
    let (parts, body) = request.into_parts();
    match media_type(&parts.headers) {
        Some("application/octet-stream") if wait.is_none() => batch(&app, &parts.headers, body).await,
        Some("application/octet-stream") => {
            Err(Problem::of("request.bad_parameter").detail("`wait` is for one transaction in JSON"))
        }
        Some("application/json") => single(&app, &parts.headers, body, wait).await,
        _ => Err(Problem::of("request.media_type")
            .detail("expected `application/octet-stream` or `application/json`")),
    }
}

/// Many transactions, each after its length in four bytes.
async fn batch(app: &App, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    let turn = app.submission().await?;
    let body = read(headers, body).await?;
    let transactions = transactions_of(&body)?;
    let answers = app.node().engine().submit(transactions.clone()).await;
    drop(turn);
    app.metrics().submitted(&answers);
    let mut full = false;
    // 64 digits and what stands around them: `{"id":"..","status":"waiting"},`.
    let mut json = String::with_capacity(16 + answers.len() * 100);
    json.push_str("{\"results\":[");
    for (index, (answer, bytes)) in answers.iter().zip(&transactions).enumerate() {
        if index > 0 {
            json.push(',');
        }
        match answer {
            Ok(id) => {
                let mut digits = [0; 64];
                hex::encode_to_slice(id.as_ref(), &mut digits).expect("a digest has 32 bytes");
                json.push_str("{\"id\":\"");
                json.push_str(std::str::from_utf8(&digits).expect("digits are ASCII"));
                json.push_str("\",\"status\":\"waiting\"}");
            }
            Err(error) => {
                full |= matches!(error, SubmitError::NotQueued(NotQueued::Full | NotQueued::AccountFull));
                let problem = Problem::not_taken(error, bytes);
                let error =
                    json!({ "code": problem.code, "detail": problem.detail, "title_zh": problem.title.zh });
                json.push_str(&json!({ "error": error }).to_string());
            }
        }
    }
    json.push_str("]}");
    let mut response = reply::json_bytes(StatusCode::OK, json.into_bytes());
    if full {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(1));
    }
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Single<'a> {
    transaction: &'a str,
}

/// One transaction in JSON.
async fn single(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    wait: Option<Duration>,
) -> Result<Response, Problem> {
    let turn = app.submission().await?;
    let body = read(headers, body).await?;
    let malformed = |detail: String| Problem::of("request.malformed").detail(detail);
    let Single { transaction } = serde_json::from_slice(&body).map_err(|error| {
        // The parser's own words could repeat what was sent.
        let (line, column) = (error.line(), error.column());
        malformed(format!(
            "expected `{{\"transaction\": \"HEX\"}}`; it breaks off at line {line}, column {column}"
        ))
    })?;
    let bytes: Bytes = hex::decode(transaction)
        .map_err(|_| malformed("`transaction`: expected an even number of hexadecimal digits".to_owned()))?
        .into();
    let mut answers = app.node().engine().submit(vec![bytes.clone()]).await;
    drop(turn);
    app.metrics().submitted(&answers);
    let id = match answers.pop().unwrap_or(Err(SubmitError::Stopped)) {
        Ok(id) => Digest(id.0),
        Err(error) => return Err(Problem::not_taken(&error, &bytes)),
    };
    let Some(wait) = wait else {
        return Ok(reply::json_with(StatusCode::ACCEPTED, &json!({ "id": id, "status": "waiting" })));
    };
    let expires = Transaction::decode(&bytes).ok().map(|transaction| transaction.body().expires);
    match until_final(app, id, wait, expires).await? {
        Found::Final(row) => {
            let outcome: Value = transactions::outcome(app, &row).await?;
            Ok(reply::json(&json!({
                "id": id, "height": row.place.height, "index": row.place.index, "time_ms": row.time_ms, "outcome": outcome,
            })))
        }
        Found::Waiting if expires.is_some_and(|expires| app.node().index().height() < expires) => {
            Ok(reply::json_with(StatusCode::ACCEPTED, &json!({ "id": id, "status": "waiting" })))
        }
        Found::Waiting | Found::Unknown => Err(Problem::of("mempool.expired")
            .with("id", json!(id))
            .detail("no block included the transaction in time")),
    }
}

/// The whole body, if it is not too large and does not take too long.
async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    timeout(ARRIVAL, collect(length, body)).await.unwrap_or_else(|_| Err(Problem::of("request.too_slow")))
}

async fn collect(length: usize, body: Body) -> Result<Bytes, Problem> {
    let mut bytes = Vec::with_capacity(length.min(MAX_BODY));
    let mut count = 0;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::of("request.malformed").detail("the body breaks off"))?;
        count += chunk.len();
        if count <= MAX_BODY {
            bytes.extend_from_slice(&chunk);
        } else if count > MAX_DISCARDED {
            break;
        }
        // What is too much is read and thrown away for a while: who is still sending does not hear the answer.
    }
    match count {
        0..=MAX_BODY => Ok(bytes.into()),
        _ => Err(Problem::of("request.too_large").detail(format!("at most {MAX_BODY} bytes are allowed"))),
    }
}

/// The transactions of a body.
fn transactions_of(body: &Bytes) -> Result<Vec<Bytes>, Problem> {
    frames(body).map_err(|error| match error {
        FramesError::Empty => Problem::of("request.malformed").detail("there is no transaction"),
        FramesError::TooMany => Problem::of("request.too_many_transactions")
            .detail(format!("at most {MAX_TRANSACTIONS} transactions are allowed")),
        FramesError::BreaksOff { number, at, what } => {
            Problem::of("request.malformed").detail(format!("transaction {number} at byte {at}: {what}"))
        }
    })
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_batch_is_told_with_its_place() {
        let cut = transactions_of(&Bytes::from_static(&[1, 0, 0, 0, 9, 1, 0, 0, 0])).unwrap_err();
        assert_eq!(cut.code, "request.malformed");
        assert_eq!(cut.detail, "transaction 2 at byte 5: 1 bytes should follow, there are 0");
        assert_eq!(transactions_of(&Bytes::new()).unwrap_err().code, "request.malformed");
        let many = Bytes::from(vec![0; 4 * (MAX_TRANSACTIONS + 1)]);
        assert_eq!(transactions_of(&many).unwrap_err().code, "request.too_many_transactions");
    }
}
