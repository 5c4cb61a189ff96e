//! The index over blocks that the ledger executed, without consensus.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc, time::Instant};

use medveil_chain::{Block, Body as BlockBody, EntryKind};
use medveil_ledger::{
    AccountId, Action, BlockContext, Body, Canonical as _, Digest, Genesis, Key, ObjectKind, ObjectRef,
    OrganisationId, SigningKey, Transaction,
    action::{AuditNotarise, DatasetRegister, GovernancePropose},
    execute_block,
    measure::AdmitOrganisation,
    role::Role,
    state::{
        dataset::{Fingerprint, HashSuite, Level},
        organisation::OrganisationName,
        trail::{Reason, Step},
    },
};

use super::*;

/// A chain of one hospital whose blocks are made here.
struct Chain {
    rules: Rules,
    state: BTreeMap<Key, Vec<u8>>,
    tip: medveil_chain::Header,
    actors: Vec<(SigningKey, AccountId, u64)>,
}

const EPOCH: u64 = 10;

impl Chain {
    fn new(accounts: u8) -> Self {
        let keys: Vec<SigningKey> = (1..=accounts).map(|seed| SigningKey::ed25519([seed; 32])).collect();
        let list: Vec<String> =
            keys.iter().map(|key| format!("\"{}\" = \"administrator\"", key.public())).collect();
        let seat = medveil_engine::NodeKey::from_seed([9; 32]).public();
        let text = format!(
            r#"
            chain = "index-test"
            time-ms = 1000000
            epoch-length = {EPOCH}
            [relying-party]
            id = "wallet.example.cn"
            origins = ["https://wallet.example.cn"]
            [parameters]
            min-validators = 1
            max-block-transactions = 10000
            max-block-bytes = 3000000
            [[member]]
            organisation = "hospital-1"
            name = "第一医院"
            role = "hospital"
            accounts = {{ {} }}
            seat = {{ key = "{}", address = "127.0.0.1:7001" }}
        "#,
            list.join(", "),
            hex::encode(seat.as_ref()),
        );
        let rules = Rules::new(Genesis::from_toml(&text).unwrap());
        let chain = rules.chain();
        let actors = keys.into_iter().map(|key| {
            let account = AccountId::derive(chain, &key.public());
            (key, account, 0)
        });
        let (state, tip) = (rules.genesis().writes(), rules.chain_genesis().unwrap().header());
        Self { actors: actors.collect(), state, tip, rules }
    }

    fn open(&self, path: PathBuf) -> Result<(Index, Writer), IndexError> {
        Index::open(path, &self.rules, &self.rules.chain_genesis().unwrap())
    }

    fn sign(&mut self, actor: usize, action: impl Into<Action>) -> Transaction {
        let chain = self.rules.chain();
        let expires = self.tip.height + 100;
        let (key, account, nonce) = &mut self.actors[actor];
        let body = Body {
            chain,
            account: *account,
            signer: key.public(),
            nonce: *nonce,
            expires,
            action: action.into(),
        };
        *nonce += 1;
        body.sign(key)
    }

    /// The next block, executed; the signatures are taken for granted.
    fn block(&mut self, transactions: Vec<Transaction>) -> Arc<Block> {
        let genesis = self.rules.chain_genesis().unwrap();
        let (height, time) = (self.tip.height + 1, self.tip.time + 250);
        let epoch_end = genesis.is_last_of_epoch(height);
        let epoch = genesis.epoch_of(height);
        let context = BlockContext { chain: self.rules.chain(), height, epoch, time_ms: time, epoch_end };
        let bytes = transactions.iter().map(|transaction| transaction.encode().into()).collect();
        let verified: Vec<_> = transactions.into_iter().map(Transaction::assume_signature_verified).collect();
        let outcome = execute_block(&context, &verified, &self.state).unwrap();
        for (key, value) in outcome.writes {
            match value {
                Some(value) => self.state.insert(key, value),
                None => self.state.remove(&key),
            };
        }
        let validators = self.rules.chain_genesis().unwrap();
        let body = BlockBody {
            transactions: bytes,
            receipts: outcome.receipts.iter().map(|receipt| receipt.encode().into()).collect(),
            events: outcome.event_leaves.into_iter().map(Into::into).collect(),
            next_validators: outcome.next_validators.map(|_| validators.validators().clone()),
        };
        let header = medveil_chain::Header {
            height,
            time,
            epoch,
            parent: self.tip.digest(),
            transaction_root: body.tree(EntryKind::Transaction).root(),
            receipt_root: body.tree(EntryKind::Receipt).root(),
            event_root: body.tree(EntryKind::Event).root(),
            next_validators: body.next_validators.as_ref().map(medveil_chain::ValidatorSet::digest),
            ..self.tip.clone()
        };
        self.tip = header.clone();
        Arc::new(Block::new(header, body).unwrap())
    }
}

fn note(object: ObjectRef, details: u64) -> AuditNotarise {
    let details = Digest::of("test", &[&details.to_be_bytes()]);
    AuditNotarise { object, step: Step::Deidentify, reason: Reason::Research, details }
}

fn register(version: u64) -> DatasetRegister {
    let fingerprint = Fingerprint {
        root: Digest([version as u8; 32]),
        count: 1,
        schema: Digest([1; 32]),
        level: Level::new(2).unwrap(),
        suite: HashSuite::National,
    };
    DatasetRegister { label: medveil_ledger::Slug::new("cohort").unwrap(), version, fingerprint }
}

fn admit(name: &str, seed: u8) -> GovernancePropose {
    let measure = AdmitOrganisation {
        organisation: OrganisationId::new(name).unwrap(),
        name: OrganisationName::new("研究所").unwrap(),
        role: Role::Research,
        administrators: [SigningKey::ed25519([seed; 32]).public()].into(),
        seat: None,
    };
    GovernancePropose { measure: measure.into() }
}

fn all(limit: u32) -> Page<Place> {
    Page { before: None, limit }
}

/// Blocks with every kind of thing in them: notes, refusals, proposals, ends of epochs.
fn varied(chain: &mut Chain) -> Vec<Arc<Block>> {
    let mut blocks = Vec::new();
    for round in 0..2 * EPOCH + 5 {
        let object = ObjectRef::external(Digest([(round % 4) as u8; 32]));
        // Some blocks are empty.
        let mut transactions = Vec::new();
        if round % 3 != 1 {
            transactions.push(chain.sign(0, note(object, round)));
            transactions.push(chain.sign(1, note(object, round + 1)));
        }
        match round {
            2 => transactions.push(chain.sign(1, register(1))),
            3 => transactions.push(chain.sign(1, register(7))),
            5 => transactions.push(chain.sign(0, admit("research-9", 90))),
            6 => transactions.push(chain.sign(0, admit("research-9", 91))),
            _ => {}
        }
        blocks.push(chain.block(transactions));
    }
    blocks
}

#[test]
fn events_come_back_as_the_chain_has_them_to_the_byte() {
    let mut chain = Chain::new(2);
    let folder = tempfile::tempdir().unwrap();
    let (index, mut writer) = chain.open(folder.path().join("index.sqlite")).unwrap();
    let blocks = varied(&mut chain);
    writer.apply(&blocks).unwrap();
    let mut leaves: Vec<(Place, Vec<u8>)> = Vec::new();
    for block in &blocks {
        let events = block.body().events.iter().enumerate();
        leaves.extend(
            events.map(|(at, leaf)| (Place { height: block.height(), index: at as u16 }, leaf.to_vec())),
        );
    }
    let rows = index.events_after(&EventFilter::default(), Place::first(0), 10_000).unwrap();
    let read: Vec<_> = rows.iter().map(|row| (row.place, row.event.encode())).collect();
    assert_eq!(read, leaves);
    let kinds: std::collections::BTreeSet<_> = rows.iter().map(|row| row.event.kind.to_string()).collect();
    for kind in ["audit.notarised", "validators.chosen", "organisation.admitted", "transaction.refused"] {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
    // What happens when an epoch ends belongs to no transaction; everything else belongs to the one that it names.
    for block in &blocks {
        for (at, bytes) in block.body().transactions.iter().enumerate() {
            let id = Transaction::decode(bytes).unwrap().digest();
            let row = index.transaction(id).unwrap().unwrap();
            assert_eq!(row.place, Place { height: block.height(), index: at as u16 });
            let own = index.events_at(Place { index: row.first_event, ..row.place }, row.events).unwrap();
            assert!(!own.is_empty() && own.iter().all(|event| event.event.transaction == Some(id)));
        }
        assert_eq!(index.transaction_ids(block.height()).unwrap().len(), block.body().transactions.len());
    }
}

#[test]
fn filters_are_those_of_a_plain_search() {
    let mut chain = Chain::new(2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    let (mut index, mut writer) = chain.open(path.clone()).unwrap();
    let blocks = varied(&mut chain);
    // Runs of a few digests, so that there are some; the last digests stay in memory, and are read again when it is opened.
    writer.run = 7;
    for (at, block) in blocks.into_iter().enumerate() {
        writer.apply(&[block]).unwrap();
        if at == 12 {
            drop((index, writer));
            (index, writer) = chain.open(path.clone()).unwrap();
            writer.run = 7;
        }
    }
    let runs: u32 =
        Connection::open(&path).unwrap().query_row("SELECT count(*) FROM run", (), |row| row.get(0)).unwrap();
    assert!(runs >= 6, "{runs} runs");
    let rows = index.event_list(&EventFilter::default(), all(10_000)).unwrap();
    let any = EventFilter::default;
    let hospital = OrganisationId::new("hospital-1").ok();
    let mut filters = vec![
        EventFilter { kind: Some("audit.notarised".into()), ..any() },
        EventFilter { organisation: hospital, ..any() },
        EventFilter { organisation: OrganisationId::new("nobody").ok(), ..any() },
        EventFilter { actor: Some(chain.actors[1].1), kind: Some("transaction.refused".into()), ..any() },
        EventFilter { kind: Some("validators.chosen".into()), organisation: hospital, ..any() },
        EventFilter { actor: Some(AccountId([5; 32])), ..any() },
        EventFilter { actor: Some(chain.actors[0].1), ..any() },
        EventFilter {
            actor: Some(chain.actors[1].1),
            object: Some(ObjectRef::external(Digest([1; 32]))),
            kind: Some("audit.notarised".into()),
            ..any()
        },
    ];
    let objects: std::collections::BTreeSet<_> = rows.iter().map(|row| row.event.object).collect();
    filters.extend(objects.into_iter().map(|object| EventFilter { object: Some(object), ..any() }));
    filters.push(EventFilter { object: Some(ObjectRef::transaction(Digest([1; 32]))), ..any() });
    for filter in filters {
        let expected: Vec<_> = rows.iter().filter(|row| filter.matches(&row.event)).cloned().collect();
        assert_eq!(index.event_list(&filter, all(10_000)).unwrap(), expected, "{filter:?}");
        let mut oldest = index.events_after(&filter, Place::first(0), 10_000).unwrap();
        oldest.reverse();
        assert_eq!(oldest, expected, "{filter:?}");
        // Page by page it is the same.
        let (mut paged, mut page) = (Vec::new(), all(3));
        loop {
            let rows = index.event_list(&filter, page).unwrap();
            let Some(last) = rows.last() else { break };
            page.before = Some(last.place);
            paged.extend(rows);
        }
        assert_eq!(paged, expected, "{filter:?}");
    }
    for row in index.transactions(&TransactionFilter::default(), all(10_000)).unwrap() {
        assert_eq!(index.transaction(row.id).unwrap(), Some(row));
    }
    assert_eq!(index.transaction(Digest([77; 32])).unwrap(), None);
    let transactions = index.transactions(&TransactionFilter::default(), all(10_000)).unwrap();
    let any = TransactionFilter::default;
    for filter in [
        TransactionFilter { refused: Some(true), ..any() },
        TransactionFilter { refused: Some(false), ..any() },
        TransactionFilter { refused: Some(true), account: Some(chain.actors[1].1), ..any() },
        TransactionFilter { refused: Some(true), organisation: hospital, ..any() },
        TransactionFilter { action: Some("dataset.register".into()), ..any() },
        TransactionFilter { account: Some(chain.actors[0].1), ..any() },
        TransactionFilter { account: Some(AccountId([5; 32])), ..any() },
    ] {
        let asked = |row: &&TransactionRow| {
            filter.refused.is_none_or(|refused| row.refusal.is_some() == refused)
                && filter.account.is_none_or(|account| row.account == account)
                && filter.organisation.is_none_or(|organisation| row.organisation == Some(organisation))
                && filter.action.as_ref().is_none_or(|action| row.action == *action)
        };
        let expected: Vec<_> = transactions.iter().filter(asked).cloned().collect();
        assert_eq!(index.transactions(&filter, all(10_000)).unwrap(), expected, "{filter:?}");
    }
    // Times are those of blocks: from, up to but without.
    let time = |height: u64| 1_000_000 + 250 * height;
    let times = Times { from: Some(time(3)), to: Some(time(5)) };
    let heights: Vec<_> = index
        .blocks(times, Page { before: None, limit: 9 })
        .unwrap()
        .iter()
        .map(|block| block.height)
        .collect();
    assert_eq!(heights, [4, 3]);
    let between = Times { from: Some(time(3) + 1), to: Some(time(4) - 1) };
    assert!(index.blocks(between, Page { before: None, limit: 9 }).unwrap().is_empty());
}

#[test]
fn blocks_are_taken_once_and_in_order() {
    let mut chain = Chain::new(2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    let (index, mut writer) = chain.open(path.clone()).unwrap();
    let blocks = varied(&mut chain);
    writer.apply(&blocks[..4]).unwrap();
    // The stream may begin again before where it broke off.
    writer.apply(&blocks[1..6]).unwrap();
    assert_eq!(index.height(), 6);
    assert!(matches!(writer.apply(&blocks[7..8]), Err(IndexError::Gap { height: 6, found: 8 })));
    assert_eq!(index.height(), 6);
    drop((index, writer));
    let (index, mut writer) = chain.open(path).unwrap();
    assert_eq!(index.height(), 6);
    writer.apply(&blocks[6..]).unwrap();
    let other = chain.open(folder.path().join("other.sqlite")).unwrap();
    let mut once = other.1;
    once.apply(&blocks).unwrap();
    let list = |index: &Index| {
        let transactions = index.transactions(&TransactionFilter::default(), all(10_000)).unwrap();
        (transactions, index.event_list(&EventFilter::default(), all(10_000)).unwrap())
    };
    assert_eq!(list(&index), list(&other.0));
}

#[test]
fn an_index_that_begins_late_says_so() {
    let mut chain = Chain::new(2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    let (index, mut writer) = chain.open(path.clone()).unwrap();
    let blocks = varied(&mut chain);
    writer.skip_to(8).unwrap();
    writer.apply(&blocks[7..]).unwrap();
    let progress = index.progress().borrow().clone();
    assert_eq!((progress.since, progress.height), (8, blocks.len() as u64));
    assert_eq!(index.block(5).unwrap(), None);
    assert_eq!(index.block(8).unwrap().unwrap().height, 8);
    // Times are found across what is missing.
    let since = Times { from: Some(1_000_250), to: None };
    assert_eq!(index.blocks(since, Page { before: Some(10), limit: 9 }).unwrap().len(), 2);
    drop((index, writer));
    let (index, _) = chain.open(path).unwrap();
    assert_eq!(index.progress().borrow().since, 8);
}

#[test]
fn nominees_have_accounts_once_their_organisation_is_admitted() {
    let mut chain = Chain::new(2);
    let folder = tempfile::tempdir().unwrap();
    let (index, mut writer) = chain.open(folder.path().join("index.sqlite")).unwrap();
    let propose = chain.sign(0, admit("research-9", 90));
    let again = chain.sign(1, admit("research-9", 91));
    writer.apply(&[chain.block(vec![propose, again])]).unwrap();
    let organisation = OrganisationId::new("research-9").ok();
    let filter = ObjectFilter { kind: ObjectKind::Account, organisation, times: Times::default() };
    let accounts = index.objects(filter, Page { before: None, limit: 10 }).unwrap();
    let first = AccountId::derive(chain.rules.chain(), &SigningKey::ed25519([90; 32]).public());
    assert_eq!(accounts.iter().map(|row| row.object).collect::<Vec<_>>(), [ObjectRef::account(first)]);
}

/// `cargo test --release -p medveil-node -- --ignored --nocapture index_throughput`
#[test]
#[ignore = "measures for a minute"]
fn index_throughput() {
    const BLOCKS: u64 = 200;
    const TRANSACTIONS: u64 = 1250;
    let mut chain = Chain::new(64);
    let folder = tempfile::tempdir().unwrap();
    let (index, mut writer) = chain.open(folder.path().join("index.sqlite")).unwrap();
    let on_cpu = || -> f64 {
        let figures = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        figures.split(' ').next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
    };
    let (mut wrote, mut cpu, mut chain_bytes) = (std::time::Duration::ZERO, 0.0, 0);
    for height in 0..BLOCKS {
        let transactions = (0..TRANSACTIONS).map(|n| {
            // Each about another patient's record: the most that there is to write.
            let object =
                ObjectRef::external(Digest::of("object", &[&height.to_be_bytes(), &n.to_be_bytes()]));
            chain.sign((n % 64) as usize, note(object, n))
        });
        let transactions = transactions.collect();
        let block = chain.block(transactions);
        let body = block.body();
        chain_bytes += [&body.transactions, &body.receipts, &body.events]
            .iter()
            .flat_map(|list| list.iter())
            .map(|entry| entry.len())
            .sum::<usize>();
        let (started, before) = (Instant::now(), on_cpu());
        writer.apply(&[block]).unwrap();
        wrote += started.elapsed();
        cpu += on_cpu() - before;
        // The state would outgrow the memory of the test.
        if height % 20 == 19 {
            let count = (height + 1) * TRANSACTIONS;
            let each = |seconds: f64| seconds * 1e6 / count as f64;
            println!(
                "{count} transactions: {:.1} us each, {:.1} us of them on a CPU",
                each(wrote.as_secs_f64()),
                each(cpu)
            );
        }
    }
    let count = BLOCKS * TRANSACTIONS;
    let connection = Connection::open(folder.path().join("index.sqlite")).unwrap();
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let size = fs::metadata(folder.path().join("index.sqlite")).unwrap().len();
    println!("{} bytes a transaction in the index, {} in blocks", size / count, chain_bytes as u64 / count);
    let mut sizes =
        connection.prepare("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC").ok();
    if let Some(sizes) = &mut sizes {
        for row in sizes.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).unwrap() {
            let (name, size) = row.unwrap();
            println!("  {name}: {}", size as u64 / count);
        }
    }
    let transactions = index.transactions(&TransactionFilter::default(), all(500)).unwrap();
    for (what, ask) in [
        (
            "by id",
            Box::new(|n: usize| drop(index.transaction(transactions[n % 500].id).unwrap()))
                as Box<dyn Fn(usize)>,
        ),
        (
            "50 of an account",
            Box::new(|n| {
                let filter =
                    TransactionFilter { account: Some(chain.actors[n % 64].1), ..Default::default() };
                drop(index.transactions(&filter, all(50)).unwrap());
            }),
        ),
        (
            "50 events of a kind",
            Box::new(|_| {
                let filter = EventFilter { kind: Some("audit.notarised".into()), ..Default::default() };
                drop(index.event_list(&filter, all(50)).unwrap());
            }),
        ),
        ("1,250 ids of a block", Box::new(|n| drop(index.transaction_ids(n as u64 % BLOCKS + 1).unwrap()))),
    ] {
        let started = Instant::now();
        (0..200).for_each(&ask);
        println!("{what}: {:.0} us", started.elapsed().as_secs_f64() * 1e6 / 200.0);
    }
}
