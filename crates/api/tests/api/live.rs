//! Live events.

use std::{
    io::{BufRead, BufReader, Read},
    time::Duration,
};

use serde_json::Value;

use crate::fixture::{Server, external, folder, note, private_actor};

/// A connection that events come over.
struct Stream<R>(BufReader<R>);

/// An event as it comes.
#[derive(Debug, PartialEq)]
struct Message {
    id: String,
    kind: String,
    data: Value,
}

fn connect(server: &Server, query: &str, last: Option<&str>) -> Stream<impl Read + use<>> {
    let mut request = ureq::get(format!("{}/api/v1/events{query}", server.base))
        .config()
        .timeout_recv_body(Some(Duration::from_secs(30)))
        .build()
        .header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = request.call().unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    Stream(BufReader::new(response.into_body().into_reader()))
}

impl<R: Read> Stream<R> {
    /// The next event; `None` at the end.
    fn next(&mut self) -> Option<Message> {
        let (mut id, mut kind) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", value)) => id = value.to_owned(),
                Some(("event", value)) => kind = value.to_owned(),
                Some(("data", value)) => {
                    return Some(Message { id, kind, data: serde_json::from_str(value).unwrap() });
                }
                _ => {}
            }
        }
    }
}

#[test]
fn events_come_once_in_order_and_go_on_where_they_broke_off() {
    let mut server = Server::start(folder("live"), |_| {});
    let (first, second) = (private_actor(1), private_actor(2));
    let mut stream = connect(&server, "?kind=audit.notarised", None);
    let mut other = connect(&server, "?organisation=research-1", None);
    server.act(&first, note(external(1), 1));
    server.act(&second, note(external(1), 2));
    let one = stream.next().unwrap();
    assert_eq!(
        (one.kind.as_str(), one.data["object"].as_str().unwrap()),
        ("audit.notarised", external(1).to_string().as_str())
    );
    assert_eq!(one.data["id"], one.id.as_str());
    let two = stream.next().unwrap();
    assert_eq!(two.data["facts"]["entry"], 2);
    drop(stream);
    // What happened meanwhile is not lost, and nothing comes twice.
    let many: Vec<_> = (0..600).map(|n| server.sign(&first, note(external(2), n as u8)).encode()).collect();
    let answer = server.submit_all(&many).json();
    server.ok(&format!("/api/v1/transactions/{}?wait=30", answer["results"][599]["id"].as_str().unwrap()));
    let mut again = connect(&server, "?kind=audit.notarised", Some(&one.id));
    assert_eq!(again.next().unwrap(), two);
    let entries: Vec<u64> =
        (0..600).map(|_| again.next().unwrap().data["facts"]["entry"].as_u64().unwrap()).collect();
    assert_eq!(entries, (1..=600).collect::<Vec<_>>());
    // And it is live from there on.
    server.act(&second, note(external(1), 3));
    assert_eq!(again.next().unwrap().data["facts"]["entry"], 3);
    let mut from_query = connect(&server, &format!("?object={}&after={}", external(1), one.id), None);
    assert_eq!(from_query.next().unwrap(), two);
    // Only what was asked for: the research institute did nothing until now.
    server.act(&private_actor(11), note(external(3), 1));
    let last = other.next().unwrap();
    assert_eq!(last.data["organisation"], "research-1");
    assert_eq!(again.next().unwrap(), last);
    let bad = ureq::get(format!("{}/api/v1/events", server.base))
        .config()
        .http_status_as_error(false)
        .build()
        .header("accept", "text/event-stream")
        .header("last-event-id", "yesterday")
        .call()
        .unwrap();
    assert_eq!(bad.status(), 400);
    // The end of the API ends them.
    let ended = std::thread::spawn(move || again.next());
    assert!(server.close() < Duration::from_secs(5));
    assert_eq!(ended.join().unwrap(), None);
    server.stop();
}

#[test]
fn a_client_that_reads_nothing_holds_up_nobody_and_misses_nothing() {
    let server = Server::start(folder("slow"), |_| {});
    let actor = private_actor(1);
    let mut slow = connect(&server, "", None);
    let mut last = String::new();
    // More than the connection and all buffers take: 16 blocks are remembered.
    for round in 0..12u16 {
        let many: Vec<_> =
            (0..500).map(|n| server.sign(&actor, note(external(1), n as u8)).encode()).collect();
        let answer = server.submit_all(&many).json();
        last =
            answer["results"][499]["id"].as_str().unwrap_or_else(|| panic!("{round}: {answer}")).to_owned();
    }
    server.ok(&format!("/api/v1/transactions/{last}?wait=30"));
    let mut expected = 1;
    while expected <= 6000 {
        let message = slow.next().unwrap();
        if message.kind == "audit.notarised" {
            assert_eq!(message.data["facts"]["entry"], expected);
            expected += 1;
        }
    }
    server.stop();
}
