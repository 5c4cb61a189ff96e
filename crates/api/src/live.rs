//! Live events: `GET /api/v1/events` with `Accept: text/event-stream` (Server-Sent Events, HTML Living Standard 9.2).
//!
//! The id of an event is its place, `HEIGHT:INDEX`; a client that comes again with `Last-Event-ID` misses nothing. Events come from memory as blocks become final;
//! who is too slow for that gets them from the index at its own pace, so that it holds up nobody and nothing is left out. Who takes nothing for a minute is let go.

use std::{convert::Infallible, time::Duration};

use axum::{
    http::{HeaderMap, Uri},
    response::{
        IntoResponse as _, Response, Sse,
        sse::{Event as Message, KeepAlive},
    },
};
use medveil_ledger::Event;
use medveil_node::index::{EventFilter, Place};
use tokio::sync::{OwnedSemaphorePermit, broadcast::error::RecvError, mpsc};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    app::App,
    events::{FILTERS, filter, with_place},
    problem::Problem,
    query::Params,
};

/// Events that are read from the index at once.
const PAGE: u32 = 256;

/// Events that wait for the connection.
const BUFFER: usize = 64;

/// How long a client may take nothing.
const STALL: Duration = Duration::from_secs(60);

/// Begins to send events to a client.
pub(crate) fn follow(app: App, uri: &Uri, headers: &HeaderMap) -> Result<Response, Problem> {
    let [a, b, c, d] = FILTERS;
    let params = Params::read(uri, &[a, b, c, d, "after"])?;
    let filter = filter(&params)?;
    let header = match headers.get("last-event-id") {
        Some(id) => Some(id.to_str().ok().and_then(|id| id.parse::<Place>().ok()).ok_or_else(|| {
            Problem::of("request.bad_header").detail("`Last-Event-ID`: expected `HEIGHT:INDEX`")
        })?),
        None => None,
    };
    let after = header.or(params.parse("after", "`HEIGHT:INDEX`")?);
    let permit = app.admit_stream()?;
    let (sender, receiver) = mpsc::channel(BUFFER);
    let mut client =
        Client { sender, filter, after: after.unwrap_or(app.node().index().end()), _permit: permit };
    tokio::spawn(async move {
        tokio::select! {
            _ = client.feed(&app) => {}
            () = app.closed() => {}
        }
    });
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default()).into_response())
}

/// Somebody who follows.
struct Client {
    sender: mpsc::Sender<Result<Message, Infallible>>,
    filter: EventFilter,
    /// The place up to which everything was sent.
    after: Place,
    _permit: OwnedSemaphorePermit,
}

/// The client is gone, or takes nothing any more.
struct Gone;

impl Client {
    async fn feed(&mut self, app: &App) -> Result<(), Gone> {
        let index = app.node().index();
        // Before the look into the index, so that nothing falls between.
        let mut live = index.events();
        loop {
            self.catch_up(app).await?;
            loop {
                let block = tokio::select! {
                    block = live.recv() => block,
                    () = self.sender.closed() => return Err(Gone),
                };
                let block = match block {
                    Ok(block) => block,
                    // Too slow: the index has what passed by.
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Ok(()),
                };
                for (event, index) in block.events.iter().zip(0..) {
                    let place = Place { height: block.height, index };
                    if place > self.after && self.filter.matches(event) {
                        self.send(event, place, block.time_ms).await?;
                    }
                }
                self.after = self.after.max(Place { height: block.height, index: u16::MAX });
            }
        }
    }

    /// Sends what the index has after what was sent.
    async fn catch_up(&mut self, app: &App) -> Result<(), Gone> {
        loop {
            let end = app.node().index().end();
            let (filter, after) = (self.filter.clone(), self.after);
            let rows =
                app.index(move |index| index.events_after(&filter, after, PAGE)).await.map_err(|_| Gone)?;
            for row in &rows {
                self.send(&row.event, row.place, row.time_ms).await?;
            }
            if rows.len() < PAGE as usize {
                self.after = self.after.max(end);
                return Ok(());
            }
        }
    }

    async fn send(&mut self, event: &Event, place: Place, time_ms: u64) -> Result<(), Gone> {
        let data = with_place(event, place, time_ms).to_string();
        let message = Message::default().id(place.to_string()).event(event.kind.as_ref()).data(data);
        match timeout(STALL, self.sender.send(Ok(message))).await {
            Ok(Ok(())) => {
                self.after = place;
                Ok(())
            }
            _ => Err(Gone),
        }
    }
}
