//! What an idle node takes. Not for every run: it waits.

use std::time::Duration;

use crate::fixture::{Server, folder};

#[test]
#[ignore = "measures: cargo test --release -p medveil-api --test api -- --ignored --nocapture memory"]
fn memory_of_an_idle_node() {
    let server = Server::start(folder("memory"), |_| {});
    for seconds in [2, 10, 20] {
        std::thread::sleep(Duration::from_secs(seconds));
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = |name| status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        println!("{} height {}", line("VmRSS"), server.node.index().height());
    }
    server.stop();
}
