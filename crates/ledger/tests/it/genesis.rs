//! GEN: how a chain begins.

use std::collections::BTreeMap;

use medveil_ledger::genesis::{GenesisError, GenesisFault};
use medveil_ledger::role::Capacity;
use medveil_ledger::state::charter::Threshold;
use medveil_ledger::state::parameters::Parameters;
use medveil_ledger::*;

use crate::certificates::issuer;
use crate::common::{genesis, key};

fn names(genesis: &Genesis) -> Vec<&'static str> {
    genesis.faults().iter().map(Named::name).collect()
}

fn add(genesis: &mut Genesis, key: PublicKey, capacity: Capacity) {
    genesis.members[0].accounts.insert(key, capacity);
}

fn changed(change: impl FnOnce(&mut Genesis)) -> Vec<&'static str> {
    let mut genesis = genesis();
    change(&mut genesis);
    names(&genesis)
}

#[test]
fn what_people_write_is_read_in_any_order_of_members() {
    let genesis = genesis();
    assert_eq!(Genesis::from_toml(&genesis.to_toml()), Ok(genesis.clone()));
    assert_eq!(Genesis::from_json(&serde_json::to_string(&genesis).unwrap()), Ok(genesis.clone()));
    assert_eq!(Genesis::from_canonical(&genesis.encode()), Ok(genesis.clone()));
    let mut shuffled = genesis.clone();
    shuffled.members.reverse();
    assert_eq!(Genesis::from_toml(&shuffled.to_toml()), Ok(genesis.clone()));
    assert!(matches!(Genesis::from_canonical(&shuffled.encode()), Err(GenesisError::Faults(_))));
    assert_eq!(names(&shuffled)[0], "genesis.order");
}

#[test]
fn every_part_of_the_genesis_changes_the_chain() {
    let id = genesis().chain_id();
    let changes: [fn(&mut Genesis); 10] = [
        |genesis| genesis.chain = Slug::new("other").unwrap(),
        |genesis| genesis.time_ms += 1,
        |genesis| genesis.epoch_length += 1,
        |genesis| genesis.relying_party.origins.push("https://a.wallet.example.cn".into()),
        |genesis| genesis.thresholds.freeze.votes = 3,
        |genesis| genesis.parameters.expiry_window += 1,
        |genesis| drop(genesis.members.pop()),
        |genesis| add(genesis, key(99).public(), Capacity::Staff),
        |genesis| genesis.parameters.require_certificates = 1,
        |genesis| genesis.issuers.push(issuer(1)),
    ];
    for change in changes {
        let mut other = genesis();
        change(&mut other);
        assert_eq!(names(&other), [""; 0]);
        assert_ne!(other.chain_id(), id);
    }
}

#[test]
fn each_fault_is_named() {
    assert_eq!(changed(|genesis| genesis.members.clear())[0], "genesis.no_members");
    assert_eq!(
        changed(|genesis| genesis.members.push(genesis.members[6].clone()))[0],
        "genesis.duplicate_member"
    );
    assert_eq!(changed(|genesis| genesis.members[0].accounts.clear()), ["genesis.no_administrator"]);
    assert_eq!(changed(|genesis| add(genesis, key(99).public(), Capacity::Patient)), ["genesis.patient"]);
    assert_eq!(
        changed(|genesis| add(genesis, PublicKey::Sm2([7; 33]), Capacity::Staff)),
        ["genesis.invalid_key"]
    );
    assert_eq!(changed(|genesis| add(genesis, key(2).public(), Capacity::Staff)), ["genesis.duplicate_key"]);
    assert_eq!(
        changed(|genesis| {
            for number in 100..=200 {
                genesis.members[0].accounts.insert(key(number).public(), Capacity::Staff);
            }
        }),
        ["genesis.too_many_accounts"]
    );
    let seat = |genesis: &Genesis, index: usize| genesis.members[index].seat.clone().unwrap();
    assert_eq!(
        changed(|genesis| genesis.members[0].seat.as_mut().unwrap().key = seat(genesis, 1).key),
        ["genesis.duplicate_validator_key"]
    );
    assert_eq!(
        changed(|genesis| genesis.members[0].seat.as_mut().unwrap().address = seat(genesis, 1).address),
        ["genesis.duplicate_address"]
    );
    assert_eq!(
        changed(|genesis| {
            let key = &mut genesis.members[0].seat.as_mut().unwrap().key;
            *key = state::validators::ValidatorKey([0; 32]);
            key.0[0] = 2;
        }),
        ["genesis.invalid_validator_key"]
    );
    assert_eq!(
        changed(|genesis| genesis.members.iter_mut().take(4).for_each(|member| member.seat = None)),
        ["genesis.too_few_validators"]
    );
    assert_eq!(changed(|genesis| genesis.epoch_length = 1), ["genesis.epoch_length"]);
    assert_eq!(changed(|genesis| genesis.parameters.expiry_window = 0), ["genesis.parameters"]);
}

#[test]
fn many_members_and_validators_are_refused() {
    let many = changed(|genesis| {
        let template = genesis.members[0].clone();
        for number in 0..1000u32 {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&number.to_be_bytes());
            let key = SigningKey::ed25519(seed);
            let mut member = template.clone();
            member.organisation = OrganisationId::new(&format!("x-{number:04}")).unwrap();
            member.accounts = BTreeMap::from([(key.public(), Capacity::Administrator)]);
            member.seat.as_mut().unwrap().key.0.copy_from_slice(key.public().bytes());
            member.seat.as_mut().unwrap().address = format!("host-{number}:1").parse().unwrap();
            genesis.members.push(member);
        }
    });
    assert_eq!(many, ["genesis.too_many_members", "genesis.too_many_validators"]);
}

#[test]
fn thresholds_that_a_minority_meets_are_refused() {
    for votes in [0, 2, 3, 8] {
        let faults = changed(|genesis| genesis.thresholds.membership = Threshold { votes, of: 7 });
        assert_eq!(faults, ["genesis.threshold"], "{votes} of 7");
    }
    assert_eq!(changed(|genesis| genesis.thresholds.freeze = Threshold { votes: 3, of: 7 }), [""; 0]);
    assert_eq!(
        changed(|genesis| genesis.thresholds.freeze = Threshold { votes: 2, of: 7 }),
        ["genesis.threshold"]
    );
}

#[test]
fn wallets_are_on_secure_pages_of_the_relying_party() {
    let with = |id: &str, origins: &[&str]| {
        changed(|genesis| {
            genesis.relying_party.id = id.into();
            genesis.relying_party.origins = origins.iter().map(|origin| (*origin).into()).collect();
        })
    };
    let id = "wallet.example.cn";
    for good in ["https://wallet.example.cn", "https://a.wallet.example.cn:8443"] {
        assert_eq!(with(id, &[good]), [""; 0], "{good}");
    }
    assert_eq!(with("localhost", &["http://localhost:8080"]), [""; 0]);
    assert_eq!(with("xn--fiq228c.cn", &["https://xn--fiq228c.cn"]), [""; 0]);
    for bad in [
        "http://wallet.example.cn",
        "https://example.cn",
        "https://evilwallet.example.cn",
        "wallet.example.cn",
        "https://wallet.example.cn/",
        "https://wallet.example.cn:0",
        "https://wallet.example.cn:080",
    ] {
        assert_eq!(with(id, &[bad]), ["genesis.origin"], "{bad}");
    }
    assert_eq!(with(id, &[]), ["genesis.origins"]);
    assert_eq!(with("Wallet", &["https://Wallet"])[0], "genesis.relying_party");
}

#[test]
fn a_text_that_cannot_be_read_tells_where() {
    let text = genesis().to_toml().replace("epoch-length", "epoch-lenght");
    let Err(GenesisError::Syntax(message)) = Genesis::from_toml(&text) else { panic!() };
    assert!(message.contains("line 3") && message.contains("epoch-lenght"), "{message}");
}

#[test]
fn what_came_later_stands_at_the_end_or_not_at_all() {
    let before = genesis().encode();
    for (required, issuers) in [(1, vec![]), (0, vec![issuer(1)]), (1, vec![issuer(1)])] {
        let later = Genesis { issuers, ..genesis() };
        let parameters = Parameters { require_certificates: required, ..later.parameters.clone() };
        let later = Genesis { parameters, ..later };
        let bytes = later.encode();
        assert!(bytes.starts_with(&before));
        assert_eq!(Genesis::from_canonical(&bytes), Ok(later.clone()));
        assert_eq!(Genesis::from_toml(&later.to_toml()), Ok(later.clone()));
        for end in before.len() + 1..bytes.len() {
            assert!(Genesis::decode(&bytes[..end]).is_err(), "{end} bytes");
        }
        assert!(Genesis::decode(&[bytes, vec![0]].concat()).is_err());
    }
    // One value, one encoding: nothing later, and parameters that end with a default.
    let tail = |tail: &[u8]| Genesis::decode(&[&before, tail].concat());
    assert!(tail(&[1, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    let one = |value: u8| [&[1, 1, 0, 0, 0, value], [0; 7].as_slice(), &[0; 4]].concat();
    assert!(tail(&one(0)).is_err() && tail(&one(1)).is_ok());
    assert!(tail(&[2]).is_err());
    let parameters = |value: u8| {
        let first = Parameters::default().encode();
        Parameters::decode(&[first.as_slice(), &[value], &[0; 7]].concat())
    };
    assert_eq!(parameters(1), Ok(Parameters { require_certificates: 1, ..Parameters::default() }));
    assert!(parameters(0).is_err());
    assert_eq!(Parameters::default().encode().len(), 64);
}

#[test]
fn authorities_of_the_genesis_are_valid_and_in_order() {
    let of = |issuers: &[u8]| {
        changed(|genesis| {
            genesis.issuers = issuers.iter().map(|number| issuer(*number)).collect();
            genesis.issuers.sort_by_key(|issuer| issuer.id());
        })
    };
    assert_eq!(of(&[1, 2, 3]), [""; 0]);
    assert_eq!(of(&[1, 1]), ["genesis.issuer_order"]);
    assert_eq!(of(&(1..=17).collect::<Vec<u8>>()), ["genesis.too_many_issuers"]);
    assert_eq!(
        changed(|genesis| {
            genesis.issuers.push(issuer(1));
            genesis.time_ms = 4_102_444_800_000;
        }),
        ["genesis.issuer"]
    );
    let mut shuffled = genesis();
    shuffled.issuers = vec![issuer(1), issuer(2)];
    shuffled.issuers.sort_by_key(|issuer| std::cmp::Reverse(issuer.id()));
    assert_eq!(names(&shuffled), ["genesis.issuer_order"]);
    assert_eq!(Genesis::from_toml(&shuffled.to_toml()).unwrap().issuers.len(), 2);
}

#[test]
fn faults_tell_the_values_compared() {
    let mut genesis = genesis();
    genesis.epoch_length = 1;
    let fault = GenesisFault::EpochLength { epoch_length: 1, min: 2, max: 1_000_000 };
    assert_eq!(genesis.faults(), std::slice::from_ref(&fault));
    assert_eq!(fault.to_string(), "an epoch of 1 blocks is not between 2 and 1000000");
}
