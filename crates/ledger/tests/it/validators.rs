//! VAL: seats, epochs, keys.

use medveil_ledger::action::{GovernancePropose, ValidatorRotate};
use medveil_ledger::measure::{SeatValidator, SuspendOrganisation, UnseatValidator};
use medveil_ledger::state::parameters::Parameters;
use medveil_ledger::state::validators::{SeatClaim, ValidatorKey, ValidatorSet, peers};
use medveil_ledger::*;

use crate::common::{Chain, bytes, genesis_of, grounds, key, organisation, validator_key};

fn keys(set: &ValidatorSet) -> Vec<ValidatorKey> {
    set.validators.iter().map(|validator| validator.key).collect()
}

fn unseat(name: &str) -> UnseatValidator {
    UnseatValidator { organisation: organisation(name), grounds: grounds() }
}

fn propose(measure: impl Into<Measure>) -> GovernancePropose {
    GovernancePropose { measure: measure.into() }
}

#[test]
fn the_first_validators_are_the_genesis_s_in_the_order_of_their_keys() {
    let chain = Chain::new();
    let set = chain.genesis.validators();
    assert_eq!((set.epoch, set.validators.len()), (0, 7));
    assert!(keys(&set).windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(chain.latest::<ValidatorSet>(&()).unwrap().value, set);
}

#[test]
fn seats_change_with_the_epoch_and_not_before() {
    let mut chain = Chain::new();
    chain.enact(unseat("regulator-2"));
    let rotation = ValidatorRotate { seat: chain.claim("hospital-1", 100) };
    chain.apply_action(&key(1), rotation);
    assert_eq!(chain.latest::<ValidatorSet>(&()).unwrap().value, chain.genesis.validators());
    let outcome = chain.end_epoch();
    let next = outcome.next_validators.unwrap();
    assert_eq!((next.epoch, next.validators.len()), (1, 6));
    assert!(!next.has(organisation("regulator-2")));
    assert!(keys(&next).contains(&bytes(&validator_key(100))));
    assert!(!keys(&next).contains(&bytes(&validator_key(1))));
    assert!(keys(&next).windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(chain.last_kinds(1), ["validators.chosen"]);
    assert_eq!(chain.block(&[]).next_validators, None);
    // An epoch without changes has the same validators under its own number.
    let after = chain.end_epoch().next_validators.unwrap();
    assert_eq!((after.epoch, keys(&after)), (2, keys(&next)));
}

#[test]
fn nodes_connect_to_validators_of_this_epoch_and_the_next() {
    let mut chain = Chain::new();
    let rotation = ValidatorRotate { seat: chain.claim("hospital-1", 100) };
    chain.apply_action(&key(1), rotation);
    let peers = peers(&chain.state).unwrap();
    let has = |key: &SigningKey| peers.iter().any(|peer| peer.key == bytes(key));
    assert!(peers.len() == 8 && has(&validator_key(1)) && has(&validator_key(100)));
}

#[test]
fn a_seat_needs_a_key_that_signed_for_it_and_is_nobody_else_s() {
    let mut chain = Chain::new();
    let rotate = |seat: SeatClaim| ValidatorRotate { seat };
    let good = chain.claim("hospital-1", 100);
    let other = chain.claim("hospital-2", 100);
    assert_eq!(chain.refused(&key(1), rotate(other)).name, "validator.no_possession");
    let mut invalid = SeatClaim { key: ValidatorKey([0; 32]), ..good.clone() };
    invalid.key.0[0] = 2;
    assert_eq!(chain.refused(&key(1), rotate(invalid)).name, "validator.invalid_key");
    let taken = chain.claim("hospital-1", 2);
    let reason = chain.refused(&key(1), rotate(taken));
    assert_eq!(reason.name, "validator.key_taken");
    assert_eq!(reason.fact("holder"), Some(&FactValue::from(organisation("hospital-2"))));
    chain.apply_action(&key(1), rotate(good.clone()));
    assert_eq!(chain.refused(&key(1), rotate(good)).name, "validator.same_seat");
    // Its own old key it may take again; nobody else may, although it is in no seat.
    let old = chain.claim("hospital-2", 1);
    assert_eq!(chain.refused(&key(2), rotate(old)).name, "validator.key_taken");
    let back = chain.claim("hospital-1", 1);
    chain.apply_action(&key(1), rotate(back));
}

#[test]
fn a_member_without_a_seat_is_given_one_only_by_vote() {
    let mut chain = Chain::new();
    chain.enact(unseat("hospital-5"));
    let seat = chain.claim("hospital-5", 101);
    assert_eq!(chain.refused(&key(5), ValidatorRotate { seat: seat.clone() }).name, "validator.no_seat");
    assert_eq!(chain.refused(&key(1), propose(unseat("hospital-5"))).name, "validator.no_seat");
    let forged = SeatValidator { organisation: organisation("hospital-4"), seat: seat.clone() };
    assert_eq!(chain.refused(&key(1), propose(forged)).name, "validator.no_possession");
    chain.enact(SeatValidator { organisation: organisation("hospital-5"), seat });
    assert_eq!(chain.end_epoch().next_validators.unwrap().validators.len(), 7);
}

#[test]
fn seats_are_not_taken_below_the_least_number() {
    let parameters = Parameters { min_validators: 6, ..Parameters::default() };
    let mut chain = Chain::of(genesis_of(parameters, Default::default()));
    chain.enact(unseat("hospital-5"));
    let reason = chain.refused(&key(1), propose(unseat("hospital-4")));
    assert_eq!(reason.to_string(), "validator.too_few (left 5, min 6)");
    let suspend = SuspendOrganisation { organisation: organisation("hospital-4"), grounds: grounds() };
    assert_eq!(chain.refused(&key(1), propose(suspend)).name, "validator.too_few");
    // A member without a seat can be suspended.
    chain.enact(SuspendOrganisation { organisation: organisation("hospital-5"), grounds: grounds() });
}

#[test]
fn at_most_128_seats_are_given() {
    use medveil_ledger::genesis::Member;
    use medveil_ledger::role::Capacity;
    use medveil_ledger::state::organisation::OrganisationName;
    use medveil_ledger::state::validators::Seat;
    let mut genesis = crate::common::genesis();
    for number in 10..131u8 {
        genesis.members.push(Member {
            organisation: organisation(&format!("s-{number:03}")),
            name: OrganisationName::new("成员").unwrap(),
            role: role::Role::Hospital,
            seat: Some(Seat {
                key: bytes(&validator_key(number)),
                address: format!("10.0.0.{number}:7001").parse().unwrap(),
            }),
            accounts: [(key(number).public(), Capacity::Administrator)].into(),
        });
    }
    genesis.members[127].seat = None;
    let mut chain = Chain::of(genesis);
    assert_eq!(chain.genesis.validators().validators.len(), 127);
    let seat = |chain: &Chain, name: &str, number| SeatValidator {
        organisation: organisation(name),
        seat: chain.claim(name, number),
    };
    let last = seat(&chain, "s-130", 200);
    chain.apply_action(&key(1), propose(last));
    for member in (2..=7).chain(10..77) {
        let vote = action::GovernanceVote { proposal: 1, approve: true };
        assert!(matches!(chain.submit(&key(member), vote), Outcome::Applied | Outcome::Refused(_)));
    }
    assert_eq!(chain.proposal(1).status(chain.height), "enacted");
    let admission = measure::AdmitOrganisation {
        organisation: organisation("one-more"),
        name: OrganisationName::new("成员").unwrap(),
        role: role::Role::Hospital,
        administrators: [key(201).public()].into(),
        seat: Some(chain.claim("one-more", 201)),
    };
    assert_eq!(
        chain.refused(&key(1), propose(admission)).to_string(),
        "validator.too_many (seats 129, max 128)"
    );
}
