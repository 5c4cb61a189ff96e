//! Answers in JSON.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::query::{Cursor, EVIDENCE};

/// An answer in JSON.
pub(crate) fn json(value: &impl Serialize) -> Response {
    json_with(StatusCode::OK, value)
}

/// An answer in JSON with a status.
pub(crate) fn json_with(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("what is answered has a form in JSON");
    json_bytes(status, body)
}

/// An answer in JSON that is written already.
pub(crate) fn json_bytes(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A page: its items, and the cursor of the next one if it is full.
pub(crate) fn page(items: Vec<Value>, limit: u32, last: Option<impl Cursor>) -> Response {
    let next = last.filter(|_| items.len() >= limit as usize).map(|last| last.text());
    json(&json!({ "items": items, "next": next }))
}

/// A part of a list from which items were left out: the cursor of what follows, if anything may.
pub(crate) fn part(items: Vec<Value>, next: Option<impl Cursor>) -> Response {
    json(&json!({ "items": items, "next": next.map(|next| next.text()) }))
}

/// An evidence file.
pub(crate) fn evidence(status: StatusCode, file: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, EVIDENCE)], file).into_response()
}
