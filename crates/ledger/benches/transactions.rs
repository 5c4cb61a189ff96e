//! What a transaction costs: decode, verify, execute. The ledger's claim is at least 5,000 transactions a second with four replicas on two cores, so that a replica may spend about
//! 100 us on each, the signature included.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::collections::BTreeMap;

use divan::Bencher;
use divan::counter::ItemsCount;
use medveil_ledger::action::{AccountCreate, AuditNotarise};
use medveil_ledger::genesis::Member;
use medveil_ledger::role::{Capacity, Role};
use medveil_ledger::state::Record;
use medveil_ledger::state::certificate::Certificate;
use medveil_ledger::state::issuer::Issuer;
use medveil_ledger::state::organisation::OrganisationName;
use medveil_ledger::state::parameters::Parameters;
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::state::validators::{Seat, ValidatorKey};
use medveil_ledger::x509::{X509, write};
use medveil_ledger::*;

fn main() {
    divan::main();
}

/// Transactions in the block that is measured.
const BLOCK: usize = 2000;
/// Accounts that send them.
const ACCOUNTS: usize = 200;

struct World {
    genesis: Genesis,
    state: BTreeMap<Key, Vec<u8>>,
    block: BlockContext,
    transactions: Vec<Transaction>,
}

/// A hospital with many accounts, each of which notes captures.
fn world(suite: Suite) -> World {
    let admin = SigningKey::ed25519([1; 32]);
    let seat = |number: u8| Seat {
        key: ValidatorKey(SigningKey::ed25519([number; 32]).public().bytes().try_into().unwrap()),
        address: format!("10.0.0.{number}:7001").parse().unwrap(),
    };
    let genesis = Genesis {
        chain: Slug::new("bench").unwrap(),
        time_ms: 0,
        epoch_length: 1000,
        relying_party: RelyingParty { id: "localhost".into(), origins: vec!["http://localhost".into()] },
        thresholds: Default::default(),
        parameters: Parameters { min_validators: 1, ..Parameters::default() },
        members: vec![Member {
            organisation: OrganisationId::new("hospital-1").unwrap(),
            name: OrganisationName::new("第一医院").unwrap(),
            role: Role::Hospital,
            seat: Some(seat(9)),
            accounts: BTreeMap::from([(admin.public(), Capacity::Administrator)]),
        }],
        issuers: Vec::new(),
    };
    let chain = genesis.chain_id();
    let mut state = genesis.writes();
    let keys: Vec<SigningKey> = (0..ACCOUNTS)
        .map(|number| {
            let mut seed = [3; 32];
            seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
            match suite {
                Suite::Sm2 => SigningKey::sm2(seed).unwrap(),
                _ => SigningKey::ed25519(seed),
            }
        })
        .collect();
    let body = |key: &SigningKey, nonce: u64, action: Action| Body {
        chain,
        account: AccountId::derive(chain, &key.public()),
        signer: key.public(),
        nonce,
        expires: 100,
        action,
    };
    let creations: Vec<Verified> = keys
        .iter()
        .zip(0..)
        .map(|(key, nonce)| {
            let action = AccountCreate { key: key.public(), capacity: Capacity::Staff };
            body(&admin, nonce, action.into()).sign(&admin).assume_signature_verified()
        })
        .collect();
    let block = BlockContext { chain, height: 1, epoch: 0, time_ms: 1, epoch_end: false };
    let outcome = execute_block(&block, &creations, &state).unwrap();
    state.extend(outcome.writes.into_iter().filter_map(|(key, value)| Some((key, value?))));
    let transactions = (0..BLOCK)
        .map(|number| {
            let mut object = [7; 32];
            object[..8].copy_from_slice(&(number as u64).to_be_bytes());
            let note = AuditNotarise {
                object: ObjectRef::external(Digest(object)),
                step: Step::Capture,
                reason: Reason::Treatment,
                details: Digest(object),
            };
            let key = &keys[number % ACCOUNTS];
            body(key, (number / ACCOUNTS) as u64, note.into()).sign(key)
        })
        .collect();
    World { genesis, state, block: BlockContext { height: 2, ..block }, transactions }
}

#[divan::bench]
fn decode(bencher: Bencher) {
    let world = world(Suite::Ed25519);
    let bytes: Vec<Vec<u8>> = world.transactions.iter().map(Transaction::encode).collect();
    bencher.counter(ItemsCount::new(BLOCK)).bench_local(|| {
        bytes.iter().filter(|bytes| Transaction::decode(divan::black_box(bytes)).is_ok()).count()
    });
}

#[divan::bench(args = [1, 32, 128, 512])]
fn verify_ed25519(bencher: Bencher, batch: usize) {
    let world = world(Suite::Ed25519);
    bencher.counter(ItemsCount::new(512usize)).bench_local(|| {
        world.transactions[..512]
            .chunks(batch)
            .all(|chunk| verify_signatures(&world.genesis.relying_party, chunk).iter().all(Result::is_ok))
    });
}

#[divan::bench]
fn verify_sm2(bencher: Bencher) {
    let world = world(Suite::Sm2);
    bencher.counter(ItemsCount::new(32usize)).bench_local(|| {
        verify_signatures(&world.genesis.relying_party, &world.transactions[..32]).iter().all(Result::is_ok)
    });
}

#[divan::bench]
fn execute(bencher: Bencher) {
    let world = world(Suite::Ed25519);
    let transactions: Vec<Verified> =
        world.transactions.into_iter().map(Transaction::assume_signature_verified).collect();
    bencher.counter(ItemsCount::new(BLOCK)).bench_local(|| {
        let outcome = execute_block(&world.block, &transactions, &world.state).unwrap();
        assert!(outcome.receipts.iter().all(|receipt| receipt.outcome == Outcome::Applied));
        outcome
    });
}

/// What CERT-9 costs: the same block, on a chain that asks for certificates and has them.
#[divan::bench(args = [false, true])]
fn execute_sm2(bencher: Bencher, certified: bool) {
    let mut world = world(Suite::Sm2);
    if certified {
        certify(&mut world);
    }
    let transactions: Vec<Verified> =
        world.transactions.into_iter().map(Transaction::assume_signature_verified).collect();
    bencher.counter(ItemsCount::new(BLOCK)).bench_local(|| {
        let outcome = execute_block(&world.block, &transactions, &world.state).unwrap();
        assert!(outcome.receipts.iter().all(|receipt| receipt.outcome == Outcome::Applied));
        outcome
    });
}

/// A certificate for each account, and the rule that asks for it.
fn certify(world: &mut World) {
    fn put<R: Record>(world: &mut World, id: &R::Id, value: R) {
        world.state.insert(R::head_key(id), Versioned { version: 1, height: 1, value }.encode());
    }
    let authority = SigningKey::sm2([1; 32]).unwrap();
    let name = write::name("Harbour Health", "Root");
    let kind = write::Kind::Authority(None);
    let draft = write::Draft {
        serial: &[1],
        subject: &name,
        key: authority.public(),
        not_before: 0,
        not_after: 9,
        kind,
    };
    let root = X509::read(&write::certificate(&draft, &name, &authority).unwrap()).unwrap();
    put(world, &(), Parameters { min_validators: 1, require_certificates: 1, ..Parameters::default() });
    put(world, &root.issuer_id(), Issuer::of(&root, 0).unwrap());
    for index in 0..ACCOUNTS {
        let body = world.transactions[index].body();
        let (account, key) = (body.account, body.signer);
        let id = CertificateId::derive(body.chain, account, key.bytes().try_into().unwrap());
        let certificate = Certificate {
            account,
            organisation: OrganisationId::new("hospital-1").unwrap(),
            key,
            issuer: root.issuer_id(),
            fingerprint: root.fingerprint,
            serial: root.serial.clone(),
            not_before_ms: 0,
            not_after_ms: 9000,
            revoked: None,
        };
        put(world, &id, certificate);
    }
}

#[divan::bench]
fn admit(bencher: Bencher) {
    let world = world(Suite::Ed25519);
    bencher.counter(ItemsCount::new(ACCOUNTS)).bench_local(|| {
        let first = world.transactions[..ACCOUNTS].iter();
        first.filter(|tx| admissible(world.block.chain, 2, tx, &world.state).is_ok()).count()
    });
}
