//! CERT: certificates of organisations' SM2 keys.

use std::collections::BTreeMap;

use medveil_ledger::action::*;
use medveil_ledger::genesis::FirstIssuer;
use medveil_ledger::measure::*;
use medveil_ledger::role::{Capacity, KeyUse};
use medveil_ledger::state::Record as _;
use medveil_ledger::state::account::KeySet;
use medveil_ledger::state::certificate::Certificate;
use medveil_ledger::state::issuer::Issuer;
use medveil_ledger::state::parameters::{Parameter, Parameters};
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::x509::write::{self, Draft, Kind};
use medveil_ledger::x509::{CertificateDer, fingerprint, pem};
use medveil_ledger::*;

use crate::blocks::lazily;
use crate::common::{Chain, genesis_of, grounds, key, organisation};

/// 2026-01-01, when the chain begins, in seconds.
const BEGIN: u64 = 1_767_225_600;
const DAY: u64 = 86_400;

/// The SM2 key of an authority.
fn authority(number: u8) -> SigningKey {
    SigningKey::sm2([number; 32]).unwrap()
}

/// The SM2 key of a doctor, whose account member 1 opens.
fn doctor() -> SigningKey {
    SigningKey::sm2([0x31; 32]).unwrap()
}

fn authority_name(number: u8) -> Vec<u8> {
    write::name("Harbour Health", &format!("Root {number}"))
}

fn der(bytes: Vec<u8>) -> CertificateDer {
    CertificateDer::new(bytes).unwrap()
}

fn draft<'a>(subject: &'a [u8], key: &SigningKey) -> Draft<'a> {
    Draft {
        serial: &[7],
        subject,
        key: key.public(),
        not_before: BEGIN - DAY,
        not_after: BEGIN + DAY,
        kind: Kind::Signer,
    }
}

/// An authority that signs itself, with so many below it at most.
fn root(number: u8, below: Option<u8>) -> Vec<u8> {
    let name = authority_name(number);
    let key = authority(number);
    let draft = Draft { not_after: BEGIN + 3650 * DAY, kind: Kind::Authority(below), ..draft(&name, &key) };
    write::certificate(&draft, &name, &key).unwrap()
}

/// An authority of the genesis.
pub fn issuer(number: u8) -> FirstIssuer {
    FirstIssuer { certificate: der(root(number, None)) }
}

fn issuer_id(number: u8) -> IssuerId {
    issuer(number).id()
}

/// A certificate of authority 1, after a change of what it says.
fn issued(change: impl FnOnce(&mut Draft<'_>)) -> Vec<u8> {
    let (subject, key) = (write::name("成员 1", "doctor"), doctor());
    let mut draft = draft(&subject, &key);
    change(&mut draft);
    write::certificate(&draft, &authority_name(1), &authority(1)).unwrap()
}

fn register(certificate: Vec<u8>) -> CertificateRegister {
    CertificateRegister { issuer: issuer_id(1), certificate: der(certificate), intermediate: None }
}

/// A chain on which authority 1 is admitted and member 1 has opened the doctor's account.
pub struct World {
    pub chain: Chain,
}

impl World {
    fn new(require_certificates: u64) -> Self {
        let parameters = Parameters { require_certificates, ..Parameters::default() };
        let mut genesis = genesis_of(parameters, Default::default());
        genesis.issuers.push(issuer(1));
        let mut chain = Chain::of(genesis);
        let opened = AccountCreate { key: doctor().public(), capacity: Capacity::Staff };
        chain.apply_action(&key(1), opened);
        World { chain }
    }

    fn id(&self) -> CertificateId {
        let key = doctor().public().bytes().try_into().unwrap();
        CertificateId::derive(self.chain.id, self.chain.account(&doctor()), &key)
    }

    fn refused(&mut self, action: impl Into<Action>) -> String {
        self.chain.refused(&doctor(), action).name.into_owned()
    }

    fn applied(&mut self, action: impl Into<Action>) {
        self.chain.apply_action(&doctor(), action);
    }

    fn revoke(&self, certificate: &[u8]) -> CertificateRevoke {
        let (certificate, fingerprint) = (self.id(), fingerprint(certificate));
        CertificateRevoke { certificate, fingerprint, cause: Cause::Compromise }
    }

    fn require(&mut self, required: u64) {
        let changes = BTreeMap::from([(Parameter::RequireCertificates, required)]);
        self.chain.enact(ChangeParameters { changes });
    }

    /// The doctor's next transaction at a time, in a block of its own.
    fn at(&mut self, seconds: u64, action: impl Into<Action>) -> Outcome {
        let block = BlockContext { time_ms: seconds * 1000, ..self.chain.next_block() };
        let transaction = self.chain.transaction(&doctor(), action);
        self.chain.block_in(block, &[transaction]).receipts.remove(0).outcome
    }

    fn rotate(&self, to: PublicKey) -> AccountSetKeys {
        AccountSetKeys { account: self.chain.account(&doctor()), keys: KeySet::of(to) }
    }
}

/// A chain that wants certificates, with one that was registered and one that was revoked.
pub fn certified() -> World {
    let mut world = World::new(1);
    let first = issued(|_| {});
    world.applied(register(first.clone()));
    world.applied(world.revoke(&first));
    world.applied(register(issued(|draft| draft.serial = &[8])));
    world
}

fn note() -> AuditNotarise {
    AuditNotarise {
        object: ObjectRef::organisation(organisation("hospital-1")),
        step: Step::Capture,
        reason: Reason::Treatment,
        details: Digest([2; 32]),
    }
}

fn name_of(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused(reason) => reason.name.into_owned(),
        Outcome::Applied => "applied".into(),
    }
}

#[test]
fn a_certificate_is_kept_with_what_it_says_and_provable() {
    let mut world = World::new(0);
    let certificate = issued(|_| {});
    world.applied(register(certificate.clone()));
    let kept = world.chain.latest::<Certificate>(&world.id()).unwrap();
    assert_eq!((kept.version, kept.height), (1, 2));
    let Certificate { account, organisation: of, key, issuer, fingerprint: print, .. } = &kept.value;
    assert_eq!((*account, *key), (world.chain.account(&doctor()), doctor().public()));
    assert_eq!((*of, *issuer), (organisation("hospital-1"), issuer_id(1)));
    assert_eq!((*print, kept.value.serial.as_ref()), (fingerprint(&certificate), [7].as_slice()));
    assert_eq!(
        (kept.value.not_before_ms, kept.value.not_after_ms),
        ((BEGIN - DAY) * 1000, (BEGIN + DAY) * 1000)
    );
    assert_eq!(kept.value.revoked, None);
    assert_eq!(world.chain.last_kinds(1), ["certificate.registered"]);
    // The next one takes its place, and the one before stays provable.
    let next = issued(|draft| draft.serial = &[8]);
    world.applied(register(next.clone()));
    let kept = world.chain.latest::<Certificate>(&world.id()).unwrap();
    assert_eq!((kept.version, kept.value.fingerprint), (2, fingerprint(&next)));
    // Both have a trail.
    for object in [ObjectRef::certificate(world.id()), ObjectRef::issuer(issuer_id(1))] {
        world.applied(AuditNotarise { object, ..note() });
    }
}

#[test]
fn the_path_of_another_s_software_is_taken() {
    macro_rules! vector {
        ($file:literal) => {
            pem::read(pem::CERTIFICATE, include_str!(concat!("../../vectors/gmt-0015-2012/", $file))).unwrap()
        };
    }
    let mut world = World::new(1);
    let root = vector!("openssl-root.pem");
    world.chain.enact(AdmitIssuer { certificate: der(root.clone()) });
    let action = CertificateRegister {
        issuer: IssuerId(fingerprint(&root).0),
        certificate: der(vector!("openssl-hospital.pem")),
        intermediate: Some(der(vector!("openssl-middle.pem"))),
    };
    assert_eq!(world.refused(note()), "certificate.required");
    world.applied(action.clone());
    world.applied(note());
    assert_eq!(world.refused(action), "certificate.same");
}

#[test]
fn what_is_not_of_the_profile_or_not_the_caller_s_is_refused() {
    let mut world = World::new(0);
    let good = issued(|_| {});
    let mut trailing = good.clone();
    trailing.push(0);
    assert_eq!(world.refused(register(trailing)), "certificate.malformed");
    let mut changed = good.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    assert_eq!(world.refused(register(changed)), "certificate.signature");

    // Parts in other spellings, with a signature that holds.
    let oid = |oid: &str| -> Vec<u8> {
        let found = match oid {
            "sm2" => "06082a811ccf5501822d",
            "p256" => "06082a8648ce3d030107",
            "sm2-with-sm3" => "06082a811ccf55018375",
            _ => "06082a8648ce3d040302",
        };
        hex::decode(found).unwrap()
    };
    let swapped = |was: &str, is: &str| {
        let (subject, key) = (write::name("成员 1", "doctor"), doctor());
        let mut body = write::body(&draft(&subject, &key), &authority_name(1)).unwrap();
        let (was, is) = (oid(was), oid(is));
        let at = body.windows(was.len()).position(|window| window == was).unwrap();
        body[at..at + was.len()].copy_from_slice(&is);
        register(write::signed(&body, &authority(1)).unwrap())
    };
    assert_eq!(world.refused(swapped("sm2", "p256")), "certificate.curve");
    assert_eq!(world.refused(swapped("sm2-with-sm3", "ecdsa")), "certificate.algorithm");

    let with = |extensions: &[Vec<u8>]| {
        let (subject, key) = (write::name("成员 1", "doctor"), doctor());
        let body = write::body_with(&draft(&subject, &key), &authority_name(1), &extensions.concat());
        register(write::signed(&body.unwrap(), &authority(1)).unwrap())
    };
    let usage = write::extension("2.5.29.15", true, &write::tlv(3, &[7, 0x80]));
    let policy = write::extension("2.5.29.36", true, &write::tlv(0x30, &[]));
    assert_eq!(world.refused(with(&[usage, policy])), "certificate.extension");
    let enciphers = write::extension("2.5.29.15", true, &write::tlv(3, &[5, 0x20]));
    assert_eq!(world.refused(with(&[enciphers])), "certificate.usage");
    let authority_s = issued(|draft| draft.kind = Kind::Authority(None));
    assert_eq!(world.refused(register(authority_s)), "certificate.is_authority");

    // Another organisation, and the account's in other letters.
    for name in ["成员 2", "成员 1 ", ""] {
        let subject = write::name(name, "doctor");
        let other = draft(&subject, &doctor());
        let other = write::certificate(&other, &authority_name(1), &authority(1)).unwrap();
        assert_eq!(world.refused(register(other)), "certificate.organisation", "{name}");
    }
    // Another key: a colleague's, and one of no account.
    let other = issued(|draft| draft.key = authority(9).public());
    assert_eq!(world.refused(register(other)), "certificate.key");
    assert_eq!(
        world.chain.refused(&key(1), register(good.clone())).name,
        "certificate.key",
        "an administrator does not hand in a colleague's"
    );
    // Nothing of it stays.
    assert_eq!(world.chain.latest::<Certificate>(&world.id()), None);
    world.applied(register(good.clone()));
    assert_eq!(world.refused(register(good)), "certificate.same");
}

#[test]
fn an_issuer_is_one_that_the_members_admitted() {
    let mut world = World::new(0);
    let unknown = CertificateRegister { issuer: issuer_id(2), ..register(issued(|_| {})) };
    assert_eq!(world.refused(unknown.clone()), "issuer.unknown");
    world.chain.enact(AdmitIssuer { certificate: issuer(2).certificate });
    // Admitted, but it is the other who has signed.
    assert_eq!(world.refused(unknown), "certificate.issuer_name");
    let in_its_name = |number| {
        let (subject, key) = (write::name("成员 1", "doctor"), doctor());
        write::certificate(&draft(&subject, &key), &authority_name(2), &authority(number)).unwrap()
    };
    let by = |certificate| CertificateRegister { issuer: issuer_id(2), ..register(certificate) };
    assert_eq!(world.refused(by(in_its_name(1))), "certificate.signature");
    world.applied(by(in_its_name(2)));

    // Removed, its certificates count as none; admitted again, they count again.
    world.require(1);
    world.applied(note());
    let remove = RemoveIssuer { issuer: issuer_id(2), grounds: grounds() };
    world.chain.enact(remove.clone());
    assert_eq!(world.refused(note()), "issuer.removed");
    let again =
        CertificateRegister { certificate: der(issued(|draft| draft.serial = &[9])), ..by(in_its_name(2)) };
    assert_eq!(world.refused(again), "issuer.removed");
    let refused = |world: &mut World, measure: Measure| {
        world.chain.refused(&key(1), GovernancePropose { measure }).name.into_owned()
    };
    assert_eq!(refused(&mut world, remove.into()), "issuer.removed");
    world.chain.enact(AdmitIssuer { certificate: issuer(2).certificate });
    world.applied(note());
    let kept = world.chain.latest::<Issuer>(&issuer_id(2)).unwrap();
    assert_eq!((kept.version, kept.value.removed), (3, None));

    let admitted = AdmitIssuer { certificate: issuer(1).certificate };
    assert_eq!(refused(&mut world, admitted.into()), "issuer.exists");
    let nobody = RemoveIssuer { issuer: issuer_id(3), grounds: grounds() };
    assert_eq!(refused(&mut world, nobody.into()), "issuer.unknown");
    let no_authority = AdmitIssuer { certificate: der(issued(|_| {})) };
    assert_eq!(refused(&mut world, no_authority.into()), "certificate.not_authority");
    let name = authority_name(4);
    let late = Draft { kind: Kind::Authority(None), not_after: BEGIN - 1, ..draft(&name, &authority(4)) };
    let late = AdmitIssuer { certificate: der(write::certificate(&late, &name, &authority(4)).unwrap()) };
    assert_eq!(refused(&mut world, late.into()), "certificate.expired");
}

#[test]
fn one_authority_may_stand_between_unless_the_issuer_says_none() {
    let mut world = World::new(0);
    for (number, below) in [(2, Some(0)), (3, Some(1))] {
        world.chain.enact(AdmitIssuer { certificate: der(root(number, below)) });
    }
    let middle_name = write::name("Harbour Health", "Members");
    let middle = |by: u8, kind| {
        let key = authority(8);
        let draft = Draft { kind, not_after: BEGIN + DAY / 2, ..draft(&middle_name, &key) };
        der(write::certificate(&draft, &authority_name(by), &authority(by)).unwrap())
    };
    let (subject, key) = (write::name("成员 1", "doctor"), doctor());
    let below = write::certificate(&draft(&subject, &key), &middle_name, &authority(8)).unwrap();
    let path = |number: u8, below: &[u8], intermediate| CertificateRegister {
        issuer: IssuerId(fingerprint(&root(number, Some(number - 2))).0),
        certificate: der(below.to_vec()),
        intermediate: Some(intermediate),
    };
    let between = Kind::Authority(Some(0));
    assert_eq!(world.refused(path(2, &below, middle(2, between))), "certificate.path_length");
    assert_eq!(world.refused(path(3, &below, middle(2, between))), "certificate.issuer_name");
    assert_eq!(world.refused(path(3, &below, middle(3, Kind::Signer))), "certificate.not_authority");
    let elsewhere = issued(|_| {});
    assert_eq!(world.refused(path(3, &elsewhere, middle(3, between))), "certificate.issuer_name");
    world.applied(path(3, &below, middle(3, between)));
    // It ends with what ends first on the path.
    let kept = world.chain.latest::<Certificate>(&world.id()).unwrap().value;
    assert_eq!(kept.not_after_ms, (BEGIN + DAY / 2) * 1000);
    // The same certificate goes on under the authority between, once that is an issuer itself and the one above is none any more.
    let certificate = middle(3, between);
    let itself = CertificateRegister {
        issuer: IssuerId(fingerprint(certificate.as_ref()).0),
        ..register(below.clone())
    };
    assert_eq!(world.refused(path(3, &below, certificate.clone())), "certificate.same");
    world.chain.enact(AdmitIssuer { certificate });
    world
        .chain
        .enact(RemoveIssuer { issuer: IssuerId(fingerprint(&root(3, Some(1))).0), grounds: grounds() });
    world.require(1);
    assert_eq!(world.refused(note()), "issuer.removed");
    world.applied(itself.clone());
    world.applied(note());
    assert_eq!(world.refused(itself), "certificate.same");
}

#[test]
fn validity_is_that_of_the_block_s_time() {
    let mut world = World::new(1);
    let later = issued(|draft| (draft.not_before, draft.not_after) = (BEGIN + DAY, BEGIN + 2 * DAY));
    let before = world.at(BEGIN + DAY - 1, register(later.clone()));
    assert_eq!(name_of(before), "certificate.not_yet");
    assert_eq!(name_of(world.at(BEGIN + 2 * DAY + 1, register(later.clone()))), "certificate.expired");
    // The ends are within.
    assert_eq!(world.at(BEGIN + DAY, register(later)), Outcome::Applied);
    assert_eq!(name_of(world.at(BEGIN + DAY - 1, note())), "certificate.not_yet");
    assert_eq!(world.at(BEGIN + 2 * DAY, note()), Outcome::Applied);
    assert_eq!(name_of(world.at(BEGIN + 2 * DAY + 1, note())), "certificate.expired");
    // A new one is handed in with the same key.
    let next = issued(|draft| (draft.serial, draft.not_after) = (&[8], BEGIN + 9 * DAY));
    assert_eq!(world.at(BEGIN + 3 * DAY, register(next)), Outcome::Applied);
    assert_eq!(world.at(BEGIN + 3 * DAY, note()), Outcome::Applied);
}

#[test]
fn a_certificate_is_revoked_by_its_organisation_or_by_vote_for_ever() {
    let mut world = World::new(1);
    let (first, second) = (issued(|_| {}), issued(|draft| draft.serial = &[8]));
    assert_eq!(world.chain.refused(&key(1), world.revoke(&first)).name, "certificate.unknown");
    world.applied(register(first.clone()));
    assert_eq!(world.chain.refused(&key(1), world.revoke(&second)).name, "certificate.superseded");
    assert_eq!(world.chain.refused(&key(2), world.revoke(&first)).name, "certificate.not_yours");
    // A colleague's administrator.
    world.chain.apply_action(&key(1), world.revoke(&first));
    assert_eq!(world.refused(note()), "certificate.revoked");
    assert_eq!(world.chain.refused(&key(1), world.revoke(&first)).name, "certificate.revoked");
    assert_eq!(world.refused(register(first.clone())), "certificate.revoked");
    // Another one may be registered; the first is not, even then.
    world.applied(register(second.clone()));
    world.applied(note());
    assert_eq!(world.refused(register(first)), "certificate.revoked");
    let measure =
        RevokeCertificate { certificate: world.id(), fingerprint: fingerprint(&second), grounds: grounds() };
    world.chain.enact(measure.clone());
    assert_eq!(world.chain.last_kinds(1), ["certificate.revoked"]);
    assert_eq!(world.refused(note()), "certificate.revoked");
    let again = world.chain.refused(&key(1), GovernancePropose { measure: measure.into() });
    assert_eq!(again.name, "certificate.revoked");
    // Its own.
    let third = issued(|draft| draft.serial = &[9]);
    world.applied(register(third.clone()));
    world.applied(world.revoke(&third));
    let kept = world.chain.latest::<Certificate>(&world.id()).unwrap().value;
    assert_eq!(kept.revoked.unwrap().cause, Cause::Compromise);
}

#[test]
fn a_certificate_whose_place_another_took_does_not_come_back_when_that_one_is_revoked() {
    let mut world = World::new(1);
    let (first, second) = (issued(|_| {}), issued(|draft| draft.serial = &[8]));
    world.applied(register(first.clone()));
    world.applied(register(second.clone()));
    assert_eq!(world.refused(register(first.clone())), "certificate.revoked");
    world.applied(world.revoke(&second));
    assert_eq!(world.refused(register(first)), "certificate.revoked");
    assert_eq!(world.refused(note()), "certificate.revoked");
}

#[test]
fn a_chain_that_does_not_ask_for_certificates_takes_none_amiss() {
    let mut world = World::new(0);
    world.applied(note());
    let certificate = issued(|_| {});
    world.applied(register(certificate.clone()));
    world.applied(world.revoke(&certificate));
    world.applied(note());
}

#[test]
fn a_chain_that_asks_asks_each_sm2_key_of_an_organisation() {
    let mut world = World::new(0);
    world.require(1);
    let refused = world.chain.refused(&doctor(), note());
    assert_eq!(refused.name, "certificate.required");
    assert_eq!(refused.fact("key"), Some(&FactValue::from(doctor().public())));
    // Keys of other suites, and an administrator's, are not asked.
    world.chain.apply_action(&key(1), note());
    world.applied(register(issued(|_| {})));
    world.applied(note());
    // A patient's key is their own.
    let patient = SigningKey::sm2([0x44; 32]).unwrap();
    let opened = AccountCreate { key: patient.public(), capacity: Capacity::Patient };
    world.chain.apply_action(&key(1), opened);
    world.chain.apply_action(&patient, AccountClose { account: world.chain.account(&patient) });
}

#[test]
fn keys_are_replaced_without_a_certificate_but_not_with_one_that_was_revoked() {
    let next = SigningKey::sm2([0x45; 32]).unwrap();
    let mut world = World::new(1);
    // For others, an administrator needs one like everybody.
    let administrator = SigningKey::sm2([0x46; 32]).unwrap();
    let opened = AccountCreate { key: administrator.public(), capacity: Capacity::Administrator };
    world.chain.apply_action(&key(1), opened);
    assert_eq!(world.chain.refused(&administrator, world.rotate(next.public())).name, "certificate.required");
    // With two keys, the other still acts.
    let both = BTreeMap::from([(doctor().public(), KeyUse::Master), (next.public(), KeyUse::Master)]);
    let keys = KeySet::new(both).unwrap();
    world.applied(AccountSetKeys { keys, ..world.rotate(next.public()) });
    let certificate = issued(|_| {});
    world.applied(register(certificate.clone()));
    // Whoever is not certified rotates still when it has expired.
    assert_eq!(name_of(world.at(BEGIN + 9 * DAY, note())), "certificate.expired");
    world.chain.apply_action(&key(1), world.revoke(&certificate));
    assert_eq!(world.refused(world.rotate(next.public())), "certificate.revoked");
    // A colleague does it, as for keys that are lost (ACC-7).
    world.chain.apply_action(&key(1), world.rotate(next.public()));
    let mut world = World::new(1);
    world.applied(world.rotate(next.public()));
}

#[test]
fn nobody_is_locked_out_for_good() {
    // Every administrator has an SM2 key, none has a certificate, and the chain asks for them.
    let parameters = Parameters { require_certificates: 1, ..Parameters::default() };
    let mut genesis = genesis_of(parameters, Default::default());
    let administrators: Vec<SigningKey> =
        (1..=7).map(|number| SigningKey::sm2([0x50 + number; 32]).unwrap()).collect();
    for (member, key) in genesis.members.iter_mut().zip(&administrators) {
        member.accounts = BTreeMap::from([(key.public(), Capacity::Administrator)]);
    }
    let mut chain = Chain::of(genesis);
    assert_eq!(chain.refused(&administrators[0], note()).name, "certificate.required");
    let measure: Measure =
        ChangeParameters { changes: BTreeMap::from([(Parameter::RequireCertificates, 0)]) }.into();
    chain.apply_action(&administrators[0], GovernancePropose { measure });
    for voter in &administrators[1..4] {
        chain.apply_action(voter, GovernanceVote { proposal: 1, approve: true });
    }
    chain.apply_action(&administrators[0], note());
}

#[test]
fn the_check_is_two_look_ups() {
    let mut world = World::new(1);
    world.applied(register(issued(|_| {})));
    let transaction = world.chain.transaction(&doctor(), note());
    let block = world.chain.next_block();
    let asked = reads(transaction.body());
    assert!(asked.contains(&Certificate::head_key(&world.id())));
    // The issuer is known when the certificate is: no more than one pass for it.
    let (outcome, passes) = lazily(&block, &[transaction], &world.chain.state);
    assert_eq!(outcome.receipts[0].outcome, Outcome::Applied);
    assert!(passes <= 3, "{passes}");
}
