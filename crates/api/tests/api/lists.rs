//! Look-ups and lists.

use std::collections::BTreeSet;

use medveil_ledger::{
    AccountId, DatasetId, Digest, ObjectRef, OrganisationId, Slug, action::GovernancePropose,
    measure::AdmitOrganisation, role::Role, state::organisation::OrganisationName,
};
use serde_json::{Value, json};

use crate::fixture::{Server, actor, external, key, note, register};

#[test]
fn a_transaction_is_found_from_the_moment_it_is_taken() {
    let (server, actor) = (Server::shared(), actor(1));
    let transaction = server.sign(&actor, note(external(1), 1));
    let id = transaction.digest().to_string();
    server.get(&format!("/api/v1/transactions/{id}")).problem(404, "transaction.not_found");
    let answer = server.submit(&transaction.encode(), "");
    assert_eq!((answer.status, answer.json()), (202, json!({ "id": id, "status": "waiting" })));
    // Whatever moment it is asked in, it is never unknown.
    let found = loop {
        let found = server.ok(&format!("/api/v1/transactions/{id}"));
        if found["status"] != "waiting" {
            break found;
        }
    };
    assert_eq!(found["outcome"], "applied");
    assert_eq!(found["account"], json!(actor.id));
    assert_eq!(found["organisation"], "hospital-1");
    assert_eq!(found["action"]["type"], "audit.notarise");
    assert_eq!(found["action"]["object"], external(1).to_string());
    assert_eq!(found["nonce"], 0);
    assert_eq!(found["events"][0]["kind"], "audit.notarised");
    assert_eq!(found["events"][0]["transaction"], json!(id));
    assert_eq!(found, server.ok(&format!("/api/v1/transactions/{id}?wait=5")));
    let (height, index) = (found["height"].as_u64().unwrap(), found["index"].as_u64().unwrap());
    let block = server.ok(&format!("/api/v1/blocks/{height}"));
    assert_eq!(block["transactions"][index as usize], json!(id));
    assert_eq!(block["time_ms"], found["time_ms"]);
    let account = server.ok(&format!("/api/v1/accounts/{}", actor.id));
    assert_eq!((&account["nonce"], &account["version"]), (&json!(1), &json!(1)));
    let event = &found["events"][0];
    let again = server.ok(&format!("/api/v1/events/{}/{}", event["height"], event["index"]));
    assert_eq!(&again, event);
}

#[test]
fn a_refused_transaction_tells_why_in_both_languages() {
    let (server, actor) = (Server::shared(), actor(2));
    let transaction = server.sign(&actor, register("wrong", 7, 1));
    let answer = server.submit(&transaction.encode(), "?wait=30").json();
    let refused = &answer["outcome"]["refused"];
    assert_eq!(refused["name"], "dataset.version");
    assert_eq!(refused["facts"], json!({ "expected": 1, "got": 7 }));
    assert!(!refused["title_zh"].as_str().unwrap().is_ascii());
    let id = transaction.digest();
    let found = server.ok(&format!("/api/v1/transactions/{id}"));
    assert_eq!(found["outcome"], answer["outcome"]);
    assert_eq!(found["events"][0]["kind"], "transaction.refused");
    let refused = server.ok(&format!("/api/v1/transactions?account={}&outcome=refused", actor.id));
    assert_eq!(refused["items"][0]["id"], json!(id));
    let about = server.ok(&format!("/api/v1/events?object=transaction/{id}"));
    assert_eq!(about["items"][0], found["events"][0]);
}

#[test]
fn pages_stay_as_they_are_while_blocks_come() {
    let (server, actor) = (Server::shared(), actor(3));
    let bytes = |n: u8| server.sign(&actor, note(external(3), n)).encode();
    let first: Vec<_> = (0..25).map(bytes).collect();
    let answer = server.submit_all(&first).json();
    let ids: Vec<Value> =
        answer["results"].as_array().unwrap().iter().map(|result| result["id"].clone()).collect();
    server.ok(&format!("/api/v1/transactions/{}?wait=30", ids[24].as_str().unwrap()));
    let list = format!("/api/v1/transactions?account={}&limit=10", actor.id);
    let mut page = server.ok(&list);
    let mut seen: Vec<Value> = Vec::new();
    for _ in 0..2 {
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        // More arrive while somebody leafs through.
        let more: Vec<_> = (0..3).map(bytes).collect();
        let more = server.submit_all(&more).json();
        server.ok(&format!("/api/v1/transactions/{}?wait=30", more["results"][2]["id"].as_str().unwrap()));
        page = server.ok(&format!("{list}&cursor={}", page["next"].as_str().unwrap()));
    }
    seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
    assert_eq!(page["next"], Value::Null);
    let newest_first: Vec<Value> = ids.into_iter().rev().collect();
    assert_eq!(seen, newest_first);
    // The same filter by object, on events and on the trail.
    let events = server.ok("/api/v1/events?kind=audit.notarised&limit=500&object=external/0303030303030303030303030303030303030303030303030303030303030303");
    assert_eq!(events["items"].as_array().unwrap().len(), 31);
    let object = external(3);
    let trail = server.ok(&format!("/api/v1/audits/{object}?limit=4"));
    assert_eq!((&trail["versions"], &trail["items"][0]["version"]), (&json!(31), &json!(31)));
    let next =
        server.ok(&format!("/api/v1/audits/{object}?limit=4&cursor={}", trail["next"].as_str().unwrap()));
    assert_eq!(next["items"][0]["version"], 27);
    let audits = server.ok(&format!("/api/v1/audits?object={object}&limit=1"));
    assert_eq!(audits["items"][0]["value"], trail["items"][0]["value"]);
    assert_eq!(audits["items"][0]["version"], 31);
}

#[test]
fn lists_are_narrowed_by_organisation_action_and_time() {
    let (server, actor) = (Server::shared(), actor(11));
    let done = server.act(&actor, register("cohort", 1, 1));
    let time = done["time_ms"].as_u64().unwrap();
    let id = DatasetId::derive(
        server.node.rules().chain(),
        OrganisationId::new("research-1").unwrap(),
        Slug::new("cohort").unwrap(),
    );
    let found = |path: &str| -> Vec<Value> {
        server.ok(path)["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
    };
    let own = "/api/v1/transactions?organisation=research-1&action=dataset.register";
    assert_eq!(found(own), [done["id"].clone()]);
    assert_eq!(found(&format!("{own}&from={time}&to={}", time + 1)), [done["id"].clone()]);
    assert!(found(&format!("{own}&to={time}")).is_empty());
    assert!(found(&format!("{own}&from={}", time + 1)).is_empty());
    assert!(found("/api/v1/transactions?organisation=nobody-1").is_empty());
    let datasets = server.ok("/api/v1/datasets?organisation=research-1");
    assert_eq!(datasets["items"][0]["id"], json!(id));
    assert_eq!(datasets["items"][0]["value"]["label"], "cohort");
    assert_eq!(datasets["items"][0]["created"]["time_ms"], json!(time));
    assert_eq!(found(&format!("/api/v1/datasets?organisation=research-1&from={time}")), [json!(id)]);
    assert!(found(&format!("/api/v1/datasets?organisation=research-1&to={time}")).is_empty());
    let blocks = server.ok(&format!("/api/v1/blocks?from={time}&to={}", time + 1));
    assert_eq!(blocks["items"][0]["height"], done["height"]);
    let events = server
        .ok(&format!("/api/v1/events?organisation=research-1&account={}&kind=dataset.registered", actor.id));
    assert_eq!(events["items"][0]["object"], ObjectRef::dataset(id).to_string());
    // Versions, and what was in force when.
    let second = server.act(&actor, register("cohort", 2, 2));
    let (first, second) = (done["height"].as_u64().unwrap(), second["height"].as_u64().unwrap());
    let dataset = server.ok(&format!("/api/v1/datasets/{id}"));
    assert_eq!((&dataset["version"], &dataset["versions"]), (&json!(2), &json!(2)));
    let old = server.ok(&format!("/api/v1/datasets/{id}?version=1"));
    assert_eq!(old["in_force"], json!({ "from": first, "until": second }));
    for (height, version) in [(first, 1), (second - 1, 1), (second, 2)] {
        let at = server.ok(&format!("/api/v1/datasets/{id}?at={height}"));
        assert_eq!(at["version"], version, "at {height}");
    }
    server.get(&format!("/api/v1/datasets/{id}?at={}", first - 1)).problem(404, "object.not_found");
    server.get(&format!("/api/v1/datasets/{id}?version=3")).problem(404, "object.no_such_version");
    server.get(&format!("/api/v1/datasets/{id}?at=99999999")).problem(422, "height.not_reached");
    server.get(&format!("/api/v1/datasets/{}", Digest([0; 32]))).problem(404, "object.not_found");
}

#[test]
fn an_admitted_organisation_is_a_member_with_its_administrators() {
    let (server, actor) = (Server::shared(), actor(4));
    let administrator = key(77).public();
    let measure = AdmitOrganisation {
        organisation: OrganisationId::new("insurer-1").unwrap(),
        name: OrganisationName::new("保险公司").unwrap(),
        role: Role::Insurer,
        administrators: BTreeSet::from([administrator]),
        seat: None,
    };
    server.act(&actor, GovernancePropose { measure: measure.into() });
    let members = server.ok("/api/v1/members");
    let names: Vec<_> =
        members["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["insurer-1", "research-1", "hospital-1"]);
    let member = server.ok("/api/v1/members/insurer-1");
    assert_eq!(member["value"]["name"], "保险公司");
    let accounts = server.ok("/api/v1/accounts?organisation=insurer-1");
    let id = AccountId::derive(server.node.rules().chain(), &administrator);
    assert_eq!(accounts["items"].as_array().unwrap().len(), 1);
    assert_eq!(accounts["items"][0]["id"], json!(id));
    assert_eq!(server.ok(&format!("/api/v1/accounts/{id}"))["nonce"], 0);
    let proposal = server.ok("/api/v1/proposals/1");
    assert_eq!(
        (&proposal["status"], &proposal["value"]["organisation"]),
        (&json!("enacted"), &json!("hospital-1"))
    );
    assert_eq!(server.ok("/api/v1/proposals")["items"][0]["id"], "1");
    assert_eq!(server.ok("/api/v1/parameters/current")["value"]["min-validators"], 1);
    assert_eq!(server.ok("/api/v1/parameters")["items"][0]["version"], 1);
}

#[test]
fn the_node_tells_how_it_is() {
    let server = Server::shared();
    assert_eq!(server.ok("/healthz")["status"], "alive");
    assert_eq!(server.ok("/readyz")["status"], "ready");
    let status = server.ok("/api/v1/status");
    assert_eq!(status["chain"], "api-test");
    assert_eq!(status["chain_id"], json!(server.node.rules().chain()));
    assert_eq!(status["organisation"], "hospital-1");
    assert_eq!(status["validator"], true);
    assert_eq!(status["validators"][0]["organisation"], "hospital-1");
    assert!(
        status["tip"]["height"].as_u64().unwrap() >= status["indexed"].as_u64().unwrap().saturating_sub(1)
    );
    let genesis = server.get("/api/v1/genesis");
    let text = String::from_utf8(genesis.bytes).unwrap();
    assert_eq!(medveil_ledger::Genesis::from_toml(&text).unwrap(), crate::fixture::genesis());
    // Epochs of 50 blocks: the set of the next one is chosen at the end of the first.
    server.until("the second epoch begins", || server.node.index().height() > 50);
    let sets = server.ok("/api/v1/validators");
    assert_eq!(sets["items"].as_array().unwrap().last().unwrap()["id"], "0");
    assert_eq!(server.ok("/api/v1/validators/0")["value"]["epoch"], 0);
    assert!(server.ok("/api/v1/validators/current")["value"]["epoch"].as_u64().unwrap() >= 1);
    let chosen = server.ok("/api/v1/events?kind=validators.chosen&limit=1");
    assert_eq!(
        (&chosen["items"][0]["transaction"], &chosen["items"][0]["actor"]),
        (&Value::Null, &Value::Null)
    );
    let metrics = String::from_utf8(server.get("/metrics").bytes).unwrap();
    for figure in [
        "medveil_height ",
        "medveil_index_height ",
        "medveil_ready 1",
        "medveil_api_requests_total{route=\"/readyz\",status=\"2xx\"}",
    ] {
        assert!(metrics.contains(figure), "{figure}");
    }
    assert!(metrics.ends_with("# EOF\n") && metrics.matches("# EOF").count() == 1);
    assert!(!metrics.contains("hospital-1") && !metrics.contains(&server.node.rules().chain().to_string()));
}
