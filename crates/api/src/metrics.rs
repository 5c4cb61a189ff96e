//! `GET /metrics`: the engine's figures and the API's, in the text format of Prometheus. Labels are routes and classes, never ids.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use medveil_chain::Digest;
use medveil_engine::{NotQueued, SubmitError};

use crate::{app::App, health, router::ENDPOINTS};

/// Counters of the API.
pub(crate) struct Metrics {
    /// By endpoint; the last one is for paths that are none.
    routes: Vec<RouteMetrics>,
    taken: AtomicU64,
    refused: AtomicU64,
    full: AtomicU64,
    known: AtomicU64,
}

#[derive(Default)]
struct RouteMetrics {
    /// By the status's first digit, from 2 on.
    statuses: [AtomicU64; 4],
    micros: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        let routes = (0..=ENDPOINTS.len()).map(|_| RouteMetrics::default()).collect();
        let zero = AtomicU64::default;
        Self { routes, taken: zero(), refused: zero(), full: zero(), known: zero() }
    }
}

impl Metrics {
    /// A request was answered. `route` is an index into [`ENDPOINTS`], or its length.
    pub(crate) fn answered(&self, route: usize, status: StatusCode, took: Duration) {
        let Some(metrics) = self.routes.get(route) else { return };
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        metrics.statuses[class].fetch_add(1, Relaxed);
        metrics.micros.fetch_add(took.as_micros().try_into().unwrap_or(u64::MAX), Relaxed);
    }

    /// Transactions were handed to the node.
    pub(crate) fn submitted(&self, answers: &[Result<Digest, SubmitError>]) {
        let mut counts = [0; 4];
        for answer in answers {
            let class = match answer {
                Ok(_) => 0,
                Err(SubmitError::Refused(_) | SubmitError::NoBlock | SubmitError::Stopped) => 1,
                Err(SubmitError::NotQueued(NotQueued::Full | NotQueued::AccountFull)) => 2,
                Err(SubmitError::NotQueued(_)) => 3,
            };
            counts[class] += 1;
        }
        for (counter, count) in [&self.taken, &self.refused, &self.full, &self.known].into_iter().zip(counts)
        {
            counter.fetch_add(count, Relaxed);
        }
    }
}

/// The endpoint.
pub(crate) async fn get(State(app): State<App>) -> Response {
    let mut text = app.node().engine().metrics().await;
    // The end mark of OpenMetrics comes after ours.
    if let Some(end) = text.rfind("# EOF") {
        text.truncate(end);
    }
    append(&app, &mut text).await.expect("writing into memory does not fail");
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], text).into_response()
}

async fn append(app: &App, text: &mut String) -> std::fmt::Result {
    let metrics = app.metrics();
    let progress = app.node().index().progress().borrow().clone();
    let ready = u8::from(health::reasons(app).await.is_empty());
    writeln!(text, "# HELP medveil_api_requests Requests answered.\n# TYPE medveil_api_requests counter")?;
    for (route, figures) in metrics.routes.iter().enumerate() {
        for (class, count) in figures.statuses.iter().enumerate() {
            let (count, route, class) = (count.load(Relaxed), name(route), class + 2);
            if count > 0 {
                writeln!(
                    text,
                    "medveil_api_requests_total{{route=\"{route}\",status=\"{class}xx\"}} {count}"
                )?;
            }
        }
    }
    writeln!(
        text,
        "# HELP medveil_api_seconds Time spent on requests.\n# TYPE medveil_api_seconds counter\n# UNIT medveil_api_seconds seconds"
    )?;
    for (route, figures) in metrics.routes.iter().enumerate() {
        let micros = figures.micros.load(Relaxed);
        if micros > 0 {
            let (whole, part) = (micros / 1_000_000, micros % 1_000_000);
            writeln!(text, "medveil_api_seconds_total{{route=\"{}\"}} {whole}.{part:06}", name(route))?;
        }
    }
    writeln!(
        text,
        "# HELP medveil_api_transactions Transactions handed in.\n# TYPE medveil_api_transactions counter"
    )?;
    let counts = [
        ("waiting", &metrics.taken),
        ("refused", &metrics.refused),
        ("full", &metrics.full),
        ("not_queued", &metrics.known),
    ];
    for (result, count) in counts {
        writeln!(text, "medveil_api_transactions_total{{result=\"{result}\"}} {}", count.load(Relaxed))?;
    }
    let mut gauge = |name: &str, help: &str, value: u64| {
        writeln!(text, "# HELP medveil_{name} {help}\n# TYPE medveil_{name} gauge\nmedveil_{name} {value}")
    };
    gauge("api_streams", "Clients that follow live events.", app.streams() as u64)?;
    gauge("index_height", "Height of the read model.", progress.height)?;
    gauge("index_since", "Height from which the read model knows everything.", progress.since)?;
    gauge("ready", "Whether the node follows the chain.", ready.into())?;
    if let Some(status) = app.node().engine().status().await {
        gauge("height", "Height of the chain.", status.tip.map_or(0, |tip| tip.height))?;
        gauge("mempool_transactions", "Transactions that wait.", status.mempool.transactions as u64)?;
        gauge("mempool_bytes", "Bytes of transactions that wait.", status.mempool.bytes as u64)?;
        gauge("validators", "Validators of the epoch.", status.validators.len() as u64)?;
    }
    writeln!(text, "# EOF")
}

fn name(route: usize) -> &'static str {
    ENDPOINTS.get(route).map_or("other", |endpoint| endpoint.path)
}
