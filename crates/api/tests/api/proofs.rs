//! Proofs, checked as somebody checks them who has the genesis only.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use medveil_chain::{Claim, EntryKind, StateProof, Verified};
use medveil_ledger::{
    Canonical as _, DatasetId, Digest, Event, ObjectRef, OrganisationId, Receipt, Slug, Transaction,
    Versioned,
    state::{Record as _, dataset::Dataset, trail::TrailEntry, validators::ValidatorSet},
};
use serde_json::{Value, json};

use crate::fixture::{Answer, Server, actor, external, note, register};

const EVIDENCE: &str = "application/vnd.medveil.evidence";

/// The evidence in an answer, which holds.
#[track_caller]
fn proven(server: &Server, answer: &Value) -> Verified {
    let file =
        STANDARD.decode(answer["proof"]["evidence"].as_str().unwrap_or_else(|| panic!("{answer}"))).unwrap();
    let verified = server.verify(&file);
    assert_eq!(answer["proof"]["height"], verified.header().height);
    verified
}

/// Keys and values that are proven, in their order.
fn states(verified: &Verified) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let state = |claim: &Claim| match claim {
        Claim::State { key, proof: StateProof::Present { value, .. } } => (key.clone(), Some(value.to_vec())),
        Claim::State { key, proof: StateProof::Absent { .. } } => (key.clone(), None),
        Claim::Entry { .. } => panic!("an entry among states"),
    };
    verified.claims().iter().map(state).collect()
}

fn key(key: medveil_ledger::Key) -> Vec<u8> {
    key.as_ref().to_vec()
}

#[test]
fn what_is_in_force_was_in_force_and_never_was_is_proven() {
    let (server, actor) = (Server::shared(), actor(12));
    let organisation = OrganisationId::new("research-1").unwrap();
    let id = DatasetId::derive(server.node.rules().chain(), organisation, Slug::new("proven").unwrap());
    let path = format!("/api/v1/datasets/{id}");
    // Before there is one, its absence is.
    let absent = server.get(&format!("{path}?proof=1"));
    let problem = absent.problem(404, "object.not_found");
    assert_eq!(states(&proven(server, &problem)), [(key(Dataset::head_key(&id)), None)]);

    let first = server.act(&actor, register("proven", 1, 1))["height"].as_u64().unwrap();
    let second = server.act(&actor, register("proven", 2, 2))["height"].as_u64().unwrap();

    let now = server.ok(&format!("{path}?proof=1"));
    let claims = states(&proven(server, &now));
    assert_eq!(claims[0].0, key(Dataset::head_key(&id)));
    let value: Versioned<Dataset> = Versioned::decode(claims[0].1.as_ref().unwrap()).unwrap();
    assert_eq!((value.version, value.height), (2, second));
    assert_eq!(now["value"]["fingerprint"]["root"], json!(value.value.fingerprint.root));

    let third = server.act(&actor, register("proven", 3, 3))["height"].as_u64().unwrap();
    let (one, two) = ((1, first), (2, second));
    let latest = (3, third);
    for (query, versions) in [
        ("version=1", vec![one, two]),
        ("version=2", vec![two, latest]),
        ("version=3", vec![latest]),
        ("version=4", vec![latest]),
        (&format!("at={first}"), vec![one, two]),
        (&format!("at={}", second - 1), vec![one, two]),
        (&format!("at={second}"), vec![two, latest]),
        (&format!("at={third}"), vec![latest]),
    ] {
        let answer = server.get(&format!("{path}?{query}&proof=1"));
        let claims = states(&proven(server, &answer.json()));
        let shown: Vec<(u64, u64)> = claims
            .iter()
            .map(|(at, bytes)| {
                let version: Versioned<Dataset> = Versioned::decode(bytes.as_ref().unwrap()).unwrap();
                // The latest is the head; what it replaced is under keys of its own.
                let expected = match version.version {
                    3 => Dataset::head_key(&id),
                    number => Dataset::version_key(&id, number),
                };
                assert_eq!(*at, key(expected), "{query}");
                (version.version, version.height)
            })
            .collect();
        assert_eq!(shown, versions, "{query}");
        assert_eq!(answer.status, if query == "version=4" { 404 } else { 200 });
    }
    // There was none then: the first version came later.
    let before = server.get(&format!("{path}?at={}&proof=1", first - 1));
    let claims = states(&proven(server, &before.problem(404, "object.not_found")));
    assert_eq!(claims[0].0, key(Dataset::version_key(&id, 1)));
    let version: Versioned<Dataset> = Versioned::decode(claims[0].1.as_ref().unwrap()).unwrap();
    assert!(version.height > first - 1);

    // The file itself.
    let file = server.get_as(&format!("{path}?version=1"), EVIDENCE);
    assert_eq!((file.status, file.media_type.as_str()), (200, EVIDENCE));
    assert_eq!(states(&server.verify(&file.bytes)).len(), 2);
    let nothing = server.get_as(&format!("/api/v1/datasets/{}", Digest([8; 32])), EVIDENCE);
    assert_eq!((nothing.status, nothing.media_type.as_str()), (404, EVIDENCE));
    assert_eq!(states(&server.verify(&nothing.bytes))[0].1, None);
}

#[test]
fn a_transaction_its_receipt_and_its_events_are_proven_at_their_height() {
    let (server, actor) = (Server::shared(), actor(7));
    let transaction = server.sign(&actor, note(external(7), 1));
    let id = transaction.digest();
    server.submit(&transaction.encode(), "?wait=30");
    // Later blocks change nothing about it.
    server.act(&actor, note(external(7), 2));
    let answer = server.ok(&format!("/api/v1/transactions/{id}?proof=1"));
    let verified = proven(server, &answer);
    assert_eq!(verified.header().height, answer["height"].as_u64().unwrap());
    let entries: Vec<_> = verified
        .claims()
        .iter()
        .map(|claim| match claim {
            Claim::Entry { kind, index, entry, .. } => (*kind, u64::from(*index), entry.clone()),
            Claim::State { .. } => panic!("a state among entries"),
        })
        .collect();
    let index = answer["index"].as_u64().unwrap();
    assert_eq!(
        entries.iter().map(|entry| (entry.0, entry.1)).collect::<Vec<_>>(),
        [(EntryKind::Transaction, index), (EntryKind::Receipt, index)]
    );
    assert_eq!(Transaction::decode(&entries[0].2).unwrap(), transaction);
    assert_eq!(Receipt::decode(&entries[1].2).unwrap().transaction, id);

    let event = &answer["events"][0];
    let (height, index) = (event["height"].as_u64().unwrap(), event["index"].as_u64().unwrap());
    let file = server.get_as(&format!("/api/v1/events/{height}/{index}"), EVIDENCE);
    let verified = server.verify(&file.bytes);
    let [Claim::Entry { kind: EntryKind::Event, entry, .. }] = verified.claims() else {
        panic!("not one event")
    };
    let proven_event = Event::decode(entry).unwrap();
    assert_eq!((proven_event.kind.as_ref(), proven_event.transaction), ("audit.notarised", Some(id)));
    // What the index puts together again is the event that the chain has, to the byte.
    let row = server.node.index().event(format!("{height}:{index}").parse().unwrap()).unwrap().unwrap();
    assert_eq!(row.event.encode(), entry.to_vec());

    let block = server.ok(&format!("/api/v1/blocks/{height}?proof=1"));
    assert_eq!(proven(server, &block).header().digest().to_string(), block["digest"].as_str().unwrap());
    let height = empty_block(server);
    server.get(&format!("/api/v1/blocks/{height}?proof=1")).problem(409, "proof.nothing");
    server.get("/api/v1/blocks/0?proof=1").problem(409, "proof.nothing");
}

fn empty_block(server: &Server) -> u64 {
    let blocks = server.ok("/api/v1/blocks?limit=500");
    let empty = |block: &&Value| block["transactions"] == 0 && block["events"] == 0 && block["height"] != 0;
    blocks["items"].as_array().unwrap().iter().find(empty).unwrap()["height"].as_u64().unwrap()
}

#[test]
fn a_trail_is_proven_to_be_complete() {
    let (server, actor) = (Server::shared(), actor(8));
    let object: ObjectRef = external(8);
    let path = format!("/api/v1/audits/{object}");
    let none = server.get(&format!("{path}?proof=1"));
    assert_eq!(
        states(&proven(server, &none.problem(404, "object.not_found"))),
        [(key(TrailEntry::head_key(&object)), None)]
    );
    for details in 1..=3 {
        server.act(&actor, note(object, details));
    }
    let trail = server.ok(&format!("{path}?proof=1"));
    let claims = states(&proven(server, &trail));
    assert_eq!(claims.len(), 3);
    for (at, value) in &claims {
        let entry = Versioned::<TrailEntry>::decode(value.as_ref().unwrap()).unwrap();
        let expected = match entry.version {
            3 => TrailEntry::head_key(&object),
            number => TrailEntry::version_key(&object, number),
        };
        assert_eq!(*at, key(expected));
        assert_eq!(entry.value.details, Digest([entry.version as u8; 32]));
    }
    assert_eq!(trail["items"].as_array().unwrap().len(), 3);
    let second = server.ok(&format!("{path}?version=2&proof=1"));
    assert_eq!(second["value"]["details"], json!(Digest([2; 32])));
    assert_eq!(states(&proven(server, &second)).len(), 2);
}

#[test]
fn the_validators_of_a_past_epoch_are_proven() {
    let server = Server::shared();
    server.until("the second epoch begins", || server.node.index().height() > 50);
    let set = server.ok("/api/v1/validators/0?proof=1");
    let claims = states(&proven(server, &set));
    assert_eq!(claims[0].0, key(ValidatorSet::version_key(&(), 1)));
    let value: Versioned<ValidatorSet> = Versioned::decode(claims[0].1.as_ref().unwrap()).unwrap();
    assert_eq!(value.value.epoch, 0);
    // After a change of epoch the file has the links that lead there.
    let answer: Answer = server.get_as("/api/v1/members/hospital-1", EVIDENCE);
    assert!(server.verify(&answer.bytes).header().epoch >= 1);
}
