//! `medveil audit trail`: everything that happened to a thing, in its order.
//!
//! What happened to a thing itself is not all: a dataset is asked for, released, accessed and challenged under other names. The trail follows them downwards (dataset to
//! request to release to access), never upwards, so that it stays about the thing.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::{ObjectKind, ObjectRef, event};
use serde_json::{Value, json};

use super::evidence;
use crate::client::{Client, NodeArgs};
use crate::console::{Console, Lang};
use crate::failure::Failure;

/// `medveil audit trail`.
#[derive(Args, Debug)]
pub struct TrailArgs {
    /// The object: KIND/ID; patient/HANDLE is the account of a patient
    #[arg(value_parser = parse_object)]
    pub object: ObjectRef,
    /// Only what was noted about it by hand (`medveil audit notarise`)
    #[arg(long)]
    pub notes: bool,
    /// How many events at most; the newest are kept
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub limit: usize,
    /// Which node is asked.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

fn parse_object(text: &str) -> Result<ObjectRef, String> {
    let account = text.strip_prefix("patient/").map(|handle| format!("account/{handle}"));
    account.as_deref().unwrap_or(text).parse().map_err(|_| "expected KIND/ID, such as dataset/HEX".to_owned())
}

/// What belongs to a thing of the first kind: its trail goes on there.
fn goes_on(from: ObjectKind, to: ObjectKind) -> bool {
    use ObjectKind::*;
    matches!(
        (from, to),
        (Dataset, Request | Release)
            | (Contract, Request)
            | (Request, Release | Access)
            | (Release, Access | Challenge | Incident)
            | (Access | Challenge, Incident)
            | (Account, Consent | Request)
            | (Custody, Incident)
    )
}

/// The events about a thing and what belongs to it, oldest first; whether older ones were left out.
pub fn timeline(
    client: &Client,
    object: ObjectRef,
    limit: usize,
    console: &Console,
) -> Result<(Vec<Value>, bool), Failure> {
    let mut events: BTreeMap<(u64, u64), Value> = BTreeMap::new();
    let (mut known, mut queue) = (BTreeSet::from([object]), vec![object]);
    let mut cut = false;
    while let Some(about) = queue.pop() {
        let mut lists = vec![format!("about={about}")];
        if about == object {
            match object.as_organisation() {
                Some(name) => lists = vec![format!("organisation={name}"), format!("about={about}")],
                None if object.kind == ObjectKind::Account => {
                    lists.push(format!("account={}", id_of(&object)))
                }
                None => {}
            }
        }
        for list in lists {
            let (found, more) = pages(client, &format!("/api/v1/events?{list}"), limit, console)?;
            cut |= more;
            for event in found {
                let child = event["object"].as_str().and_then(|text| text.parse::<ObjectRef>().ok());
                if let Some(child) = child.filter(|child| goes_on(about.kind, child.kind))
                    && known.insert(child)
                {
                    queue.push(child);
                }
                let place = (event["height"].as_u64().unwrap_or(0), event["index"].as_u64().unwrap_or(0));
                events.insert(place, event);
            }
        }
    }
    while events.len() > limit {
        events.pop_first();
        cut = true;
    }
    Ok((events.into_values().collect(), cut))
}

fn id_of(object: &ObjectRef) -> String {
    let text = object.to_string();
    text.split_once('/').map_or_else(String::new, |(_, id)| id.to_owned())
}

/// Items of a list, page by page, newest first; whether there are more.
fn pages(
    client: &Client,
    path: &str,
    limit: usize,
    console: &Console,
) -> Result<(Vec<Value>, bool), Failure> {
    let (mut items, mut cursor): (Vec<Value>, String) = (Vec::new(), String::new());
    let joint = if path.contains('?') { '&' } else { '?' };
    loop {
        let wanted = (limit - items.len()).clamp(1, 500);
        let page = super::get(client, &format!("{path}{joint}limit={wanted}{cursor}"), console)?;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(_) if items.len() >= limit => return Ok((items, true)),
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok((items, false)),
        }
    }
}

/// Runs the command.
pub fn run(args: &TrailArgs, console: &Console) -> Result<(), Failure> {
    let client = args.node.client()?;
    let mut notes =
        match pages(&client, &format!("/api/v1/audits/{}", args.object), args.limit.max(1), console) {
            Ok((notes, _)) => notes,
            // Nothing was noted about it.
            Err(Failure::Refused(_)) => Vec::new(),
            Err(failure) => return Err(failure),
        };
    // The node gives the newest first; a trail is read from its beginning.
    notes.reverse();
    if args.notes {
        return print_notes(args, &notes, console);
    }
    let (events, cut) = timeline(&client, args.object, args.limit.max(1), console)?;
    if args.json {
        return console
            .json(&json!({ "object": args.object, "entries": notes, "events": events, "cut": cut }));
    }
    if events.is_empty() {
        return console.print(console.text("nothing happened to it", "没有关于它的记录"));
    }
    if cut {
        console.note(
            console.text("older events are left out: say --limit N", "更早的事件未列出：请用 --limit N"),
        );
    }
    let columns = match console.lang() {
        Lang::En => ["event", "time", "what", "object", "organisation", "facts"],
        Lang::Zh => ["事件", "时间", "内容", "对象", "机构", "要素"],
    };
    super::table(
        &columns,
        console,
        events.iter().map(|item| {
            let kind = super::text(&item["kind"]);
            let what = match (console.lang(), event::kind(&kind)) {
                (Lang::Zh, Some(known)) => known.doc.zh.to_owned(),
                _ => kind,
            };
            vec![
                super::text(&item["id"]),
                item["time_ms"].as_u64().map(evidence::time).unwrap_or_default(),
                what,
                short(&super::text(&item["object"])),
                super::text(&item["organisation"]),
                facts(&item["facts"]),
            ]
        }),
    )
}

/// Facts in a line.
fn facts(facts: &Value) -> String {
    let each = facts.as_object().into_iter().flatten();
    each.map(|(name, value)| format!("{name} {}", short(&super::text(value)))).collect::<Vec<_>>().join(", ")
}

/// A text whose digests are cut to twelve digits.
fn short(text: &str) -> String {
    let cut = |part: &str| match part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => format!("{}…", &part[..12]),
        false => part.to_owned(),
    };
    text.split('/').map(cut).collect::<Vec<_>>().join("/")
}

/// What was noted by hand, as it was before there was more.
fn print_notes(args: &TrailArgs, items: &[Value], console: &Console) -> Result<(), Failure> {
    if args.json {
        return console.json(&json!({ "object": args.object, "entries": items }));
    }
    if items.is_empty() {
        return console.print(console.text("nothing was noted about it", "没有关于它的记录"));
    }
    let columns = ["entry", "time", "step", "reason", "organisation", "account", "details"];
    super::table(
        &columns,
        console,
        items.iter().map(|item| {
            let value = &item["value"];
            let of = |field: &str| super::text(&value[field]);
            let (step, reason) = (of("step"), of("reason"));
            let chinese = console.lang() == Lang::Zh;
            let step = match Step::ALL.iter().find(|known| known.name() == step) {
                Some(known) if chinese => known.chinese().to_owned(),
                _ => step,
            };
            let reason = match Reason::ALL.iter().find(|known| known.name() == reason) {
                Some(known) if chinese => known.chinese().to_owned(),
                _ => reason,
            };
            let time = item["time_ms"].as_u64().map(evidence::time).unwrap_or_default();
            vec![
                super::text(&item["version"]),
                time,
                step,
                reason,
                of("organisation"),
                of("actor"),
                of("details"),
            ]
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_is_an_account_and_digests_are_cut() {
        let handle = "ab".repeat(32);
        assert_eq!(parse_object(&format!("patient/{handle}")), parse_object(&format!("account/{handle}")));
        assert!(parse_object("patient/1").is_err());
        assert_eq!(short(&format!("release/{handle}")), "release/abababababab…");
        assert_eq!(short("hospital-1"), "hospital-1");
    }

    #[test]
    fn a_trail_goes_down_and_never_up() {
        for from in ObjectKind::ALL {
            for to in ObjectKind::ALL {
                assert!(!(goes_on(*from, *to) && goes_on(*to, *from)), "{from:?} {to:?}");
            }
        }
    }
}
