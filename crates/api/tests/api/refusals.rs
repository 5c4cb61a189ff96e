//! What is refused, and how it is told.

use medveil_ledger::{ChainId, SigningKey};
use serde_json::json;

use crate::fixture::{Server, actor, external, framed, note};

const SUBMIT: &str = "/api/v1/transactions";

#[test]
fn transactions_that_no_block_can_have_are_refused_by_name() {
    let (server, actor) = (Server::shared(), actor(5));
    let body = |nonce| server.body(&actor, nonce, note(external(5), 1));
    let submit = |bytes: &[u8]| server.submit(bytes, "");
    let good = body(0).sign(&actor.key).encode();

    let mut other_chain = body(0);
    other_chain.chain = ChainId([7; 32]);
    submit(&other_chain.sign(&actor.key).encode()).problem(422, "transaction.wrong_chain");

    let mut expired = body(0);
    expired.expires = 1;
    submit(&expired.sign(&actor.key).encode()).problem(422, "transaction.expired");
    let mut eternal = body(0);
    eternal.expires = u64::MAX;
    submit(&eternal.sign(&actor.key).encode()).problem(422, "transaction.expiry_too_far");

    let stranger = SigningKey::ed25519([200; 32]);
    let mut unknown = body(0);
    unknown.signer = stranger.public();
    submit(&unknown.sign(&stranger).encode()).problem(401, "transaction.unknown_key");
    let mut nobody = body(0);
    nobody.account = medveil_ledger::AccountId([3; 32]);
    submit(&nobody.sign(&actor.key).encode()).problem(422, "transaction.unknown_account");

    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(submit(&forged).status, 401);

    // format 1 | chain 32 | account 32 | signer 1 + 32 | nonce 8 | expires 8 | action 2 | ..
    let mut format = good.clone();
    format[0] = 9;
    submit(&format).problem(400, "encoding.unknown_format");
    let mut suite = good.clone();
    suite[65] = 99;
    let problem = submit(&suite).problem(400, "encoding.unknown_suite");
    assert_eq!(problem["facts"], json!({ "number": 99, "at": 65 }));
    let mut action = good.clone();
    action[114] = 0xff;
    submit(&action).problem(400, "encoding.unknown_action");
    submit(&good[..good.len() - 1]).problem(400, "encoding.malformed");
    submit(&[good.clone(), vec![0]].concat()).problem(400, "encoding.trailing_bytes");
    submit(&vec![1; 65 * 1024]).problem(413, "encoding.too_large");
    submit(&[]).problem(400, "encoding.malformed");

    // A future nonce waits for those before it; a used one is told, and so is what is known.
    let second = body(1).sign(&actor.key).encode();
    let taken = submit(&second);
    assert_eq!(taken.status, 202);
    submit(&second).problem(409, "mempool.duplicate");
    let mut rival = body(1);
    rival.action = note(external(5), 2).into();
    submit(&rival.sign(&actor.key).encode()).problem(409, "mempool.nonce_taken");
    let done = server.submit(&good, "?wait=30");
    assert_eq!(done.json()["outcome"], "applied");
    server.ok(&format!("{SUBMIT}/{}?wait=30", taken.json()["id"].as_str().unwrap()));
    let mut replay = body(0);
    replay.action = note(external(5), 3).into();
    let problem = submit(&replay.sign(&actor.key).encode()).problem(409, "transaction.nonce_used");
    assert!(problem["title_zh"].as_str().unwrap().contains("序号"));
    let again = submit(&good);
    assert_eq!(again.status, 409, "{}", again.json());
}

#[test]
fn a_batch_answers_for_each_transaction_in_order() {
    let (server, actor) = (Server::shared(), actor(6));
    let sign = |n| server.sign(&actor, note(external(6), n)).encode();
    let transactions = vec![sign(1), vec![1, 2, 3], sign(2), Vec::new()];
    let answer = server.submit_all(&transactions);
    assert_eq!(answer.status, 200);
    let results = answer.json();
    let codes: Vec<_> =
        results["results"].as_array().unwrap().iter().map(|result| result["error"]["code"].clone()).collect();
    assert_eq!(codes, [json!(null), json!("encoding.malformed"), json!(null), json!("encoding.malformed")]);
    assert_eq!(results["results"][0]["status"], "waiting");
    assert!(results["results"][1]["error"]["title_zh"].as_str().is_some());
    server.ok(&format!("{SUBMIT}/{}?wait=30", results["results"][2]["id"].as_str().unwrap()));
}

#[test]
fn bodies_that_cannot_be_read_are_refused_without_being_repeated() {
    let server = Server::shared();
    let binary = |body: &[u8]| server.post(SUBMIT, "application/octet-stream", body);
    binary(&[]).problem(400, "request.malformed");
    binary(&[9, 0, 0, 0, 1]).problem(400, "request.malformed");
    binary(&[255; 10]).problem(400, "request.malformed");
    binary(&vec![0; 4 * 4097]).problem(413, "request.too_many_transactions");
    binary(&vec![0; (4 << 20) + 1]).problem(413, "request.too_large");
    let text = |body: &str| server.post(SUBMIT, "application/json", body.as_bytes());
    for body in [
        "",
        "{",
        "[]",
        "{\"transaction\": 5}",
        "{\"transaction\": \"xyz\"}",
        "{\"transaction\": \"abc\"}",
        "{\"transaction\": \"00\", \"secret-name\": 1}",
    ] {
        let problem = text(body).problem(400, "request.malformed");
        let told = problem.to_string();
        assert!(!told.contains("secret-name") && !told.contains("xyz"), "{told}");
    }
    server.post(SUBMIT, "text/plain", b"00").problem(415, "request.media_type");
    server
        .post(&format!("{SUBMIT}?wait=1"), "application/octet-stream", &framed(&[vec![1]]))
        .problem(400, "request.bad_parameter");
    text("{\"transaction\": \"00\"}").problem(400, "encoding.unknown_format");
}

#[test]
fn queries_and_paths_are_read_strictly() {
    let server = Server::shared();
    let unknown =
        server.get("/api/v1/blocks?organisation=hospital-1").problem(400, "request.unknown_parameter");
    assert!(unknown["detail"].as_str().unwrap().contains("`organisation`"));
    for path in [
        "/api/v1/blocks?limit=0",
        "/api/v1/blocks?cursor=x",
        "/api/v1/transactions?account=12",
        "/api/v1/transactions?action=no.such",
        "/api/v1/transactions?outcome=maybe",
        "/api/v1/transactions?from=today",
        "/api/v1/events?kind=no.such",
        "/api/v1/events?object=dataset",
        "/api/v1/members/hospital-1?version=0",
        "/api/v1/members/hospital-1?version=1&at=1",
        "/api/v1/members/hospital-1?proof=true",
    ] {
        server.get(path).problem(400, "request.bad_parameter");
    }
    server.get("/api/v1/blocks?limit=1&limit=2").problem(400, "request.repeated_parameter");
    for path in [
        "/api/v1/blocks/x",
        "/api/v1/transactions/12",
        "/api/v1/events/1/x",
        "/api/v1/members/Hospital",
        "/api/v1/accounts/1",
        "/api/v1/proposals/one",
        "/api/v1/validators/last",
        "/api/v1/audits/dataset/1",
        "/api/v1/audits/nothing/1",
        "/api/v1/patients/1",
        "/api/v1/patients/x/consents",
        "/api/v1/budgets/patient/1",
        "/api/v1/destructions/release/1",
        "/api/v1/key-requests/1/partials",
        "/api/v1/decisions/x/1",
        "/api/v1/members/%ff",
    ] {
        server.get(path).problem(400, "request.malformed");
    }
    server.get("/api/v1/blocks/99999999").problem(404, "block.not_found");
    server.get("/api/v1/blocks/18446744073709551615").problem(404, "block.not_found");
    server.get("/api/v1/events/1/65535").problem(404, "event.not_found");
    server.get("/api/v1/validators/18446744073709551615").problem(404, "object.no_such_version");
    server.get("/api/v1/physicians").problem(404, "request.no_such_path");
    server.get("/").problem(404, "request.no_such_path");
    server.delete("/api/v1/blocks").problem(405, "request.method");
}

#[test]
fn every_endpoint_that_is_documented_is_there() {
    let server = Server::shared();
    let document = include_str!("../../../../docs/api.md");
    for endpoint in medveil_api::ENDPOINTS {
        assert!(document.contains(&format!("`{} {}`", endpoint.method, endpoint.path)), "{}", endpoint.path);
        let path = endpoint.path.replace("{kind}/{id}", "dataset/x").replace(['{', '}'], "");
        let answer = match endpoint.method {
            "POST" => server.post(&path, "text/plain", b""),
            "PUT" => server.put(&path, b""),
            "GET" => server.get(&path),
            other => panic!("{other} {path}"),
        };
        if answer.status >= 400 {
            let code = answer.json()["code"].as_str().unwrap().to_owned();
            // The node of this server takes no part in custody.
            assert!(answer.status < 500 || code == "custody.none", "{} {path}: {code}", endpoint.method);
            assert!(
                code != "request.no_such_path" && code != "request.method",
                "{} {path}: {code}",
                endpoint.method
            );
        }
    }
}
