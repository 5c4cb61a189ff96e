//! TX-9 and execution: pure, in order, within limits, with keys loaded as they are needed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use medveil_ledger::action::{
    AccountCreate, AuditNotarise, ConsentWithdraw, DatasetRegister, GovernancePropose, GovernanceVote,
    RequestSubmit,
};
use medveil_ledger::measure::{ChangeParameters, UnseatValidator};
use medveil_ledger::role::Capacity;
use medveil_ledger::state::dataset::{Fingerprint, HashSuite, Level};
use medveil_ledger::state::parameters::{Parameter, Parameters};
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::*;
use proptest::prelude::*;

use crate::common::{Chain, Lazy, genesis_of, grounds, key, organisation};

fn note(number: u8) -> Action {
    AuditNotarise {
        object: ObjectRef::external(Digest([number; 32])),
        step: Step::Capture,
        reason: Reason::Treatment,
        details: Digest([2; 32]),
    }
    .into()
}

/// Actions of every kind, many of them refused.
fn action(choice: u8, number: u8) -> Action {
    match choice {
        0..=2 => note(number % 4),
        3 => AccountCreate { key: key(100 + number % 4).public(), capacity: Capacity::Staff }.into(),
        4 => GovernanceVote { proposal: u64::from(number % 3), approve: !number.is_multiple_of(5) }.into(),
        5 => {
            let changes = BTreeMap::from([(Parameter::ProposalLifetime, u64::from(number) + 1)]);
            GovernancePropose { measure: ChangeParameters { changes }.into() }.into()
        }
        6 => {
            let organisation = organisation(crate::common::MEMBERS[usize::from(number % 7)]);
            GovernancePropose { measure: UnseatValidator { organisation, grounds: grounds() }.into() }.into()
        }
        _ => DatasetRegister {
            label: Slug::new("visits").unwrap(),
            version: u64::from(number % 3) + 1,
            fingerprint: Fingerprint {
                root: Digest([number; 32]),
                count: 9,
                schema: Digest([1; 32]),
                level: Level::new(2).unwrap(),
                suite: HashSuite::International,
            },
        }
        .into(),
    }
}

/// Executes as an engine does: loads what is missing and calls again. The number of passes.
pub fn lazily(
    block: &BlockContext,
    transactions: &[Verified],
    state: &BTreeMap<Key, Vec<u8>>,
) -> (BlockOutcome, usize) {
    let mut loaded: BTreeSet<Key> = block_reads().into_iter().collect();
    for transaction in transactions {
        loaded.extend(reads(transaction.body()));
    }
    let mut lazy = Lazy { state, loaded, asked: RefCell::new(0) };
    for pass in 1.. {
        match execute_block(block, transactions, &lazy) {
            Ok(outcome) => return (outcome, pass),
            Err(ExecuteError::Missing(keys)) => {
                assert!(keys.iter().any(|key| !lazy.loaded.contains(key)), "a key is asked for once");
                lazy.loaded.extend(keys);
            }
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("the loop ends with a result")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The same block gives the same bytes, with all keys at hand or loaded in passes; nonces go up by one per transaction; proposing what was
    /// executed includes all of it.
    #[test]
    fn execution_is_a_function_of_block_transactions_and_state(
        blocks in proptest::collection::vec(
            (proptest::collection::vec((1u8..=7, 0u8..=7, any::<u8>()), 0..25), any::<bool>()), 1..6),
    ) {
        let mut chain = Chain::new();
        for (choices, epoch_end) in blocks {
            let mut nonces = BTreeMap::new();
            let transactions: Vec<Verified> = choices
                .iter()
                .map(|(member, choice, number)| {
                    let body = chain.body(&key(*member), action(*choice, *number));
                    let nonce = nonces.entry(*member).or_insert(body.nonce);
                    let body = Body { nonce: *nonce, ..body };
                    *nonce += 1;
                    body.sign(&key(*member)).assume_signature_verified()
                })
                .collect();
            let block = BlockContext { epoch_end, ..chain.next_block() };
            let outcome = execute_block(&block, &transactions, &chain.state).unwrap();
            prop_assert_eq!(execute_block(&block, &transactions, &chain.state).unwrap(), outcome.clone());
            let (again, passes) = lazily(&block, &transactions, &chain.state);
            prop_assert_eq!(&again, &outcome);
            prop_assert!(passes <= 6, "{} passes", passes);
            let (included, proposed) = propose_block(&block, &transactions, &chain.state).unwrap();
            prop_assert_eq!(included.len(), transactions.len());
            prop_assert_eq!(&proposed, &outcome);
            prop_assert_eq!(outcome.receipts.len(), transactions.len());
            prop_assert_eq!(outcome.next_validators.is_some(), epoch_end);
            for (receipt, transaction) in outcome.receipts.iter().zip(&transactions) {
                prop_assert_eq!(receipt.transaction, transaction.digest());
                prop_assert_eq!(&Receipt::decode(&receipt.encode()).unwrap(), receipt);
            }
            for (event, leaf) in outcome.events.iter().zip(&outcome.event_leaves) {
                prop_assert_eq!(&Event::decode(leaf).unwrap(), event);
            }
            chain.apply(&block, &outcome);
            for (member, nonce) in nonces {
                prop_assert_eq!(chain.nonce(chain.account(&key(member))), nonce);
            }
        }
    }
}

#[test]
fn a_block_of_simple_transactions_takes_two_passes() {
    let chain = Chain::new();
    let transactions: Vec<Verified> =
        (1..=7).map(|member| chain.transaction(&key(member), note(member))).collect();
    // The first finds the organisations, which only accounts name.
    assert_eq!(lazily(&chain.next_block(), &transactions, &chain.state).1, 2);
}

#[test]
fn a_block_of_the_life_of_a_dataset_takes_few_passes() {
    let mut scene = crate::scene::granted().released();
    let (access, post) = (scene.access(1), scene.post(2));
    let chain = &mut scene.chain;
    let provision = crate::scene::permit(chain, vocabulary::Purpose::HealthResearch);
    let (first, second) = (scene.patients[0], scene.patients[1]);
    let transactions = [
        chain.transaction(&key(crate::scene::RESEARCHER), access),
        chain.transaction(&key(1), post),
        chain.transaction_as(first, &crate::scene::wallet(1), ConsentWithdraw { consent: scene.consents[0] }),
        chain.transaction_as(
            second,
            &crate::scene::wallet(2),
            crate::scene::grant(second, 2, vec![provision]),
        ),
        chain.transaction(&key(4), RequestSubmit { ask: crate::scene::ask(scene.contract, [scene.dataset]) }),
    ];
    let block = chain.next_block();
    let (outcome, passes) = lazily(&block, &transactions, &chain.state);
    assert_eq!(outcome, execute_block(&block, &transactions, &chain.state).unwrap());
    assert!(outcome.receipts.iter().all(|receipt| receipt.outcome == Outcome::Applied), "{outcome:?}");
    assert!(passes <= 6, "{passes} passes");
}

#[test]
fn a_block_of_another_chain_or_epoch_is_not_executed() {
    let chain = Chain::new();
    for block in [
        BlockContext { epoch: 1, ..chain.next_block() },
        BlockContext { chain: ChainId([1; 32]), ..chain.next_block() },
    ] {
        assert!(matches!(execute_block(&block, &[], &chain.state), Err(ExecuteError::Context { .. })));
    }
}

#[test]
fn blocks_are_as_large_as_the_parameters_allow() {
    let parameters = Parameters { max_block_transactions: 2, ..Parameters::default() };
    let chain = Chain::of(genesis_of(parameters, Default::default()));
    let transactions: Vec<Verified> =
        (1..=3).map(|member| chain.transaction(&key(member), note(member))).collect();
    let block = chain.next_block();
    assert_eq!(
        execute_block(&block, &transactions, &chain.state),
        Err(ExecuteError::TooLarge { found: 3, limit: 2, unit: "transactions" })
    );
    let (included, outcome) = propose_block(&block, &transactions, &chain.state).unwrap();
    assert_eq!(included, [0, 1]);
    assert_eq!(execute_block(&block, &transactions[..2], &chain.state), Ok(outcome));
}

#[test]
fn blocks_have_at_most_the_bytes_that_the_parameters_allow() {
    let parameters = Parameters { max_block_bytes: 131_072, ..Parameters::default() };
    let chain = Chain::of(genesis_of(parameters, Default::default()));
    let transactions: Vec<Verified> = (0..400)
        .map(|nonce| {
            let body = Body { nonce, ..chain.body(&key(1), note(1)) };
            body.sign(&key(1)).assume_signature_verified()
        })
        .collect();
    let block = chain.next_block();
    let (included, outcome) = propose_block(&block, &transactions, &chain.state).unwrap();
    let bytes = |count: usize| -> usize {
        let transactions: usize =
            transactions[..count].iter().map(|transaction| transaction.encoded_len()).sum();
        let receipts: usize = outcome.receipts.iter().map(|receipt| receipt.encode().len()).sum();
        transactions + receipts + outcome.event_leaves.iter().map(Vec::len).sum::<usize>()
    };
    let all = bytes(included.len());
    assert!(all <= 131_072 && all + all / included.len() > 131_072, "{all} bytes");
    let taken: Vec<Verified> = included.iter().map(|index| transactions[*index].clone()).collect();
    assert_eq!(execute_block(&block, &taken, &chain.state), Ok(outcome));
    assert!(matches!(
        execute_block(&block, &transactions, &chain.state),
        Err(ExecuteError::TooLarge { limit: 131_072, unit: "bytes", .. })
    ));
}
