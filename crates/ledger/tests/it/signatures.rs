//! TX-4, TX-6: who signed.

use medveil_ledger::action::{AccountCreate, AuditNotarise};
use medveil_ledger::role::Capacity;
use medveil_ledger::signature::{Assertion, webauthn};
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::*;
use p256::ecdsa::signature::Signer as _;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::common::{Chain, key};

fn note(number: u8) -> AuditNotarise {
    AuditNotarise {
        object: ObjectRef::external(Digest([number; 32])),
        step: Step::Capture,
        reason: Reason::Treatment,
        details: Digest([2; 32]),
    }
}

/// A passkey as a browser would use it.
struct Passkey(p256::ecdsa::SigningKey);

impl Passkey {
    fn new() -> Self {
        Passkey(p256::ecdsa::SigningKey::from_slice(&[33; 32]).unwrap())
    }

    fn public(&self) -> PublicKey {
        PublicKey::WebAuthn(self.0.verifying_key().to_sec1_point(true).as_bytes().try_into().unwrap())
    }

    fn sign(&self, body: Body) -> Transaction {
        use base64::Engine as _;
        let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(body.digest().0);
        let client = format!(
            r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"https://wallet.example.cn","crossOrigin":false}}"#
        );
        let mut authenticator_data = Sha256::digest("wallet.example.cn").to_vec();
        authenticator_data.extend([0x1d, 0, 0, 0, 7]);
        let message = [authenticator_data.clone(), Sha256::digest(&client).to_vec()].concat();
        let signature: p256::ecdsa::Signature = self.0.sign(&message);
        let signature = webauthn::from_der(signature.to_der().as_bytes()).unwrap();
        let assertion = Assertion { authenticator_data, client_data_json: client.into(), signature };
        Transaction::new(body, Signature::WebAuthn(Box::new(assertion))).unwrap()
    }
}

/// Transactions of all three suites, each the first of its account.
fn mixed(count: u8) -> (Chain, Vec<Transaction>) {
    let mut chain = Chain::new();
    let (sm2, passkey) = (SigningKey::sm2([5; 32]).unwrap(), Passkey::new());
    for key in [sm2.public(), passkey.public()] {
        chain.apply_action(&key_of(1), AccountCreate { key, capacity: Capacity::Staff });
    }
    let transactions = (0..count)
        .map(|number| match number % 5 {
            0 => chain.body(&sm2, note(number)).sign(&sm2),
            1 => {
                let account = AccountId::derive(chain.id, &passkey.public());
                let body = chain.body(&sm2, note(number));
                passkey.sign(Body { account, signer: passkey.public(), ..body })
            }
            _ => chain.body(&key(number % 7 + 1), note(number)).sign(&key(number % 7 + 1)),
        })
        .collect();
    (chain, transactions)
}

fn key_of(number: u8) -> SigningKey {
    key(number)
}

#[test]
fn all_suites_act_on_one_chain() {
    let (mut chain, transactions) = mixed(3);
    let transactions: Vec<Verified> = transactions.into_iter().map(|tx| chain.verified(tx)).collect();
    let outcome = chain.block(&transactions);
    assert!(outcome.receipts.iter().all(|receipt| receipt.outcome == Outcome::Applied));
}

#[test]
fn a_passkey_s_assertion_is_for_one_transaction() {
    let (chain, transactions) = mixed(2);
    let passkey = &transactions[1];
    let party = &chain.genesis.relying_party;
    assert_eq!(signature::verify(party, passkey), Ok(()));
    let other = Body { nonce: 1, ..passkey.body().clone() };
    let moved = Transaction::new(other, passkey.signature().clone()).unwrap();
    assert_eq!(signature::verify(party, &moved).unwrap_err().name(), "signature.challenge");
    let elsewhere = RelyingParty { origins: vec!["https://other.example.cn".into()], ..party.clone() };
    assert_eq!(signature::verify(&elsewhere, passkey).unwrap_err().name(), "signature.origin");
}

#[test]
fn key_and_signature_are_of_one_suite() {
    let (_, transactions) = mixed(3);
    let [sm2, _, ed25519] = &transactions[..] else { panic!() };
    let error = Transaction::new(sm2.body().clone(), ed25519.signature().clone()).unwrap_err();
    assert_eq!(error.name(), "encoding.suite_mismatch");
    // Nor is such a thing read.
    let mut bytes = sm2.encode();
    let at = bytes.len() - 65;
    assert_eq!(bytes[at], 1);
    bytes[at] = 0;
    assert_eq!(Transaction::decode(&bytes).unwrap_err().name(), "encoding.suite_mismatch");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A batch says of each transaction what a single check says, whichever are bad.
    #[test]
    fn batches_and_single_checks_agree(bad in proptest::collection::vec(any::<bool>(), 24)) {
        let (chain, transactions) = mixed(24);
        let party = &chain.genesis.relying_party;
        let transactions: Vec<Transaction> = transactions
            .into_iter()
            .zip(&bad)
            .map(|(transaction, bad)| {
                let body = transaction.body().clone();
                let body = if *bad { Body { expires: body.expires + 1, ..body } } else { body };
                Transaction::new(body, transaction.signature().clone()).unwrap()
            })
            .collect();
        let batch = verify_signatures(party, &transactions);
        for ((transaction, result), bad) in transactions.iter().zip(&batch).zip(&bad) {
            prop_assert_eq!(result.is_err(), *bad);
            prop_assert_eq!(result, &signature::verify(party, transaction));
        }
        prop_assert_eq!(verify_signatures(party, &transactions), batch, "the check is deterministic");
    }
}
