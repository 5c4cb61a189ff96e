//! Many transactions at once: signed here, handed over in batches, each seen final and applied.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use medveil_ledger::{AccountId, Action, Body, ChainId, SigningKey, Transaction};
use serde_json::{Value, json};

use crate::client::Client;
use crate::console::{Console, Lang};
use crate::failure::Failure;

/// How many heights ahead they expire: half of what the parameters of a new network allow.
const EXPIRES: u64 = 500;

/// Transactions of one request.
const BATCH: usize = 1000;

/// How long all of them are given to be final.
const FINAL: Duration = Duration::from_secs(150);

/// One account's transaction.
pub(super) struct Order<'a> {
    pub(super) account: AccountId,
    pub(super) key: &'a SigningKey,
    pub(super) nonce: u64,
    pub(super) action: Action,
}

/// Signs orders of one kind, hands them over to a node and waits until each is final; the height of the last.
///
/// # Errors
/// One is not taken, not final in time, or refused by a rule.
pub(super) fn carry_out(
    client: &Client,
    chain: ChainId,
    orders: Vec<Order<'_>>,
    console: &Console,
) -> Result<u64, Failure> {
    let failed = |error: crate::client::ClientError| error.failure(console);
    let Some(action) = orders.first().map(|order| order.action.spec().name) else { return Ok(0) };
    let from = client.status().map_err(failed)?;
    let sign = |order: Order<'_>| -> Transaction {
        let Order { account, key, nonce, action } = order;
        let expires = from.height + EXPIRES;
        Body { chain, account, signer: key.public(), nonce, expires, action }.sign(key)
    };
    let signed: Vec<Transaction> = orders.into_iter().map(sign).collect();
    let mut missing: HashMap<String, ()> =
        signed.iter().map(|transaction| (transaction.digest().to_string(), ())).collect();
    for batch in signed.chunks(BATCH) {
        hand_over(client, batch.iter().map(Transaction::encode).collect(), console)?;
    }
    let start = Instant::now();
    let (mut last, mut looked) = (0, from.height);
    while !missing.is_empty() {
        if start.elapsed() > FINAL {
            return Err(Failure::Refused(match console.lang() {
                Lang::En => format!("{} of the transactions `{action}` are not final", missing.len()),
                Lang::Zh => format!("有 {} 笔 `{action}` 交易未最终确认", missing.len()),
            }));
        }
        std::thread::sleep(Duration::from_millis(200));
        // What is listed up to this height now need not be looked at again.
        let upto = client.status().map_err(failed)?.indexed;
        look(client, action, looked, &mut missing, &mut last, console)?;
        looked = upto.max(looked);
    }
    Ok(last)
}

/// Hands over a batch; what does not fit into the node's queue is handed over again.
fn hand_over(client: &Client, mut batch: Vec<Vec<u8>>, console: &Console) -> Result<(), Failure> {
    let start = Instant::now();
    while !batch.is_empty() {
        let results = client.submit_all(&batch).map_err(|error| error.failure(console))?;
        let mut rest = Vec::new();
        for (bytes, result) in batch.into_iter().zip(results) {
            match result {
                None => {}
                Some(problem) if problem.code.starts_with("mempool.") && start.elapsed() < FINAL => {
                    rest.push(bytes)
                }
                Some(problem) => return Err(Failure::Refused(problem.say(console))),
            }
        }
        batch = rest;
        if !batch.is_empty() {
            std::thread::sleep(Duration::from_millis(300));
        }
    }
    Ok(())
}

/// Takes those off the missing ones that the node's list has, newest first, down to a height.
fn look(
    client: &Client,
    action: &str,
    from: u64,
    missing: &mut HashMap<String, ()>,
    last: &mut u64,
    console: &Console,
) -> Result<(), Failure> {
    let mut cursor = String::new();
    loop {
        let page = super::super::get(
            client,
            &format!("/api/v1/transactions?action={action}&limit=500{cursor}"),
            console,
        )?;
        let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
        for item in items {
            let height = item["height"].as_u64().unwrap_or(0);
            if height <= from {
                return Ok(());
            }
            if missing.remove(item["id"].as_str().unwrap_or_default()).is_none() {
                continue;
            }
            if item["outcome"] != json!("applied") {
                return Err(refused(item, console));
            }
            *last = (*last).max(height);
        }
        match page["next"].as_str() {
            Some(next) if !missing.is_empty() => cursor = format!("&cursor={next}"),
            _ => return Ok(()),
        }
    }
}

fn refused(item: &Value, console: &Console) -> Failure {
    let (id, outcome) = (super::super::text(&item["id"]), &item["outcome"]);
    Failure::Refused(match console.lang() {
        Lang::En => format!("transaction {id} was refused: {outcome}"),
        Lang::Zh => format!("交易 {id} 被拒绝：{outcome}"),
    })
}
