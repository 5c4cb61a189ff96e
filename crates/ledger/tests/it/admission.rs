//! TX-1 to TX-8: which transactions may be in a block.

use medveil_ledger::action::AuditNotarise;
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::*;

use crate::common::{Chain, key};

fn note() -> AuditNotarise {
    AuditNotarise {
        object: ObjectRef::external(Digest([1; 32])),
        step: Step::Capture,
        reason: Reason::Treatment,
        details: Digest([2; 32]),
    }
}

/// What both the mempool's check and a block say of it.
fn fault(chain: &Chain, body: Body) -> Inadmissible {
    let transaction = body.sign(&key(1));
    let block = chain.next_block();
    let Err(AdmissionError::Inadmissible(fault)) =
        admissible(block.chain, block.height, &transaction, &chain.state)
    else {
        panic!("it is admissible");
    };
    let verified = transaction.assume_signature_verified();
    assert_eq!(
        execute_block(&block, std::slice::from_ref(&verified), &chain.state),
        Err(ExecuteError::Inadmissible { index: 0, fault: fault.clone() })
    );
    let (included, outcome) = propose_block(&block, &[verified], &chain.state).unwrap();
    assert!(included.is_empty() && outcome.receipts.is_empty() && outcome.writes.is_empty());
    fault
}

#[test]
fn what_is_admissible_is_included() {
    let mut chain = Chain::new();
    let transaction = chain.transaction(&key(1), note());
    assert_eq!(admissible(chain.id, 1, &transaction, &chain.state), Ok(()));
    chain.apply_action(&key(1), note());
    assert_eq!(chain.nonce(chain.account(&key(1))), 1);
}

#[test]
fn each_rule_of_admission_refuses() {
    let mut chain = Chain::new();
    chain.apply_action(&key(1), note());
    let good = || chain.body(&key(1), note());
    let named = |body: Body| fault(&chain, body).name();
    assert_eq!(named(Body { chain: ChainId([1; 32]), ..good() }), "transaction.wrong_chain");
    assert_eq!(named(Body { expires: 1, ..good() }), "transaction.expired");
    assert_eq!(named(Body { expires: 2 + 1001, ..good() }), "transaction.expiry_too_far");
    assert_eq!(named(Body { account: AccountId([3; 32]), ..good() }), "transaction.unknown_account");
    assert_eq!(named(Body { account: chain.account(&key(2)), ..good() }), "transaction.unknown_key");
    assert_eq!(named(Body { nonce: 0, ..good() }), "transaction.nonce_used");
    assert_eq!(named(Body { nonce: 2, ..good() }), "transaction.nonce_ahead");
    // The bounds themselves are within.
    for expires in [2, 2 + 1000] {
        let transaction = Body { expires, ..good() }.sign(&key(1));
        assert_eq!(admissible(chain.id, 2, &transaction, &chain.state), Ok(()), "{expires}");
    }
}

#[test]
fn values_compared_are_told() {
    let chain = Chain::new();
    let account = chain.account(&key(1));
    let fault = fault(&chain, Body { nonce: 5, ..chain.body(&key(1), note()) });
    assert_eq!(fault, Inadmissible::NonceAhead { account, next: 0, got: 5 });
    assert!(fault.may_pass_later());
    assert_eq!(fault.to_string(), format!("nonce 5 of `{account}` is not the next, which is 0"));
    assert_eq!(fault.facts()[1], refusal::fact("next", 0u64));
}

#[test]
fn a_transaction_larger_than_the_parameter_is_inadmissible() {
    use medveil_ledger::state::parameters::Parameters;
    let parameters = Parameters { max_transaction_bytes: 1024, ..Parameters::default() };
    let chain = Chain::of(crate::common::genesis_of(parameters, Default::default()));
    // Passkeys' assertions are the only part whose size the sender chooses here.
    let assertion = signature::Assertion {
        authenticator_data: vec![0; 512],
        client_data_json: vec![b' '; 1024],
        signature: [0; 64],
    };
    let signer = PublicKey::WebAuthn([2; 33]);
    let body = Body { signer, ..chain.body(&key(1), note()) };
    let transaction = Transaction::new(body, Signature::WebAuthn(Box::new(assertion))).unwrap();
    let limit = 1024;
    let bytes = transaction.encoded_len() as u64;
    let fault = Inadmissible::TooLarge { bytes, limit };
    assert_eq!(fault.name(), "transaction.too_large");
    assert_eq!(admissible(chain.id, 1, &transaction, &chain.state), Err(AdmissionError::Inadmissible(fault)));
}

#[test]
fn a_replayed_transaction_is_inadmissible_in_its_own_block_too() {
    let mut chain = Chain::new();
    let transaction = chain.transaction(&key(1), note());
    let twice = [transaction.clone(), transaction];
    let error = execute_block(&chain.next_block(), &twice, &chain.state).unwrap_err();
    assert!(
        matches!(
            error,
            ExecuteError::Inadmissible { index: 1, fault: Inadmissible::NonceUsed { next: 1, got: 0, .. } }
        ),
        "{error}"
    );
    let (included, _) = propose_block(&chain.next_block(), &twice, &chain.state).unwrap();
    assert_eq!(included, [0]);
    chain.block(&twice[..1]);
}

#[test]
fn consecutive_nonces_of_one_account_fill_one_block_in_order() {
    let mut chain = Chain::new();
    let transactions: Vec<Verified> = (0..5)
        .map(|nonce| chain.verified(Body { nonce, ..chain.body(&key(1), note()) }.sign(&key(1))))
        .collect();
    // Out of order, the proposer takes what fits; in order, all.
    let shuffled: Vec<Verified> = [3, 0, 2, 1, 4].iter().map(|i| transactions[*i].clone()).collect();
    let (included, _) = propose_block(&chain.next_block(), &shuffled, &chain.state).unwrap();
    assert_eq!(included, [1, 3], "0 and then 1; 2 came too early");
    chain.block(&transactions);
    assert_eq!(chain.nonce(chain.account(&key(1))), 5);
}

#[test]
fn a_refused_action_takes_its_nonce_leaves_nothing_else_and_is_recorded() {
    let mut chain = Chain::new();
    let before = chain.state.clone();
    let unknown = AuditNotarise { object: ObjectRef::proposal(7), ..note() };
    let reason = chain.refused(&key(1), unknown);
    assert_eq!(reason.to_string(), "audit.unknown_object (object proposal/7)");
    let account = chain.account(&key(1));
    let changed: Vec<&Key> = chain
        .state
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(*value))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(changed, [&state::key::nonce(&account)]);
    let event = chain.events.last().unwrap();
    assert_eq!(event.kind, "transaction.refused");
    assert_eq!((event.actor, event.height), (Some(account), 1));
    assert_eq!(event.organisation.unwrap().as_str(), "hospital-1");
    assert_eq!(event.fact("reason"), Some(&"audit.unknown_object".into()));
    assert_eq!(event.fact("action"), Some(&"audit.notarise".into()));
    assert_eq!(event.fact("object"), Some(&FactValue::from(ObjectRef::proposal(7))));
}
