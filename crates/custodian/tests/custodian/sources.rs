//! Sources: additions become versions, changes stop releases.

use medveil_custodian::store::Store;
use medveil_ledger::action::DatasetRegister;
use medveil_ledger::state::dataset::Dataset;
use medveil_ledger::*;

use crate::common::key;
use crate::world::*;

fn write(world: &World, text: &str) {
    std::fs::write(world.home.path().join("data/visits.csv"), text).unwrap();
}

fn registered(world: &World) -> Versioned<Dataset> {
    world.chain().latest::<Dataset>(&world.dataset).unwrap()
}

#[test]
fn a_source_is_registered_as_the_command_would_and_additions_become_versions() {
    let world = World::new(10);
    world.keeper().turn().unwrap();
    let first = registered(&world);
    assert_eq!(
        (first.version, first.value.fingerprint.count, first.value.fingerprint.level.number()),
        (1, 20, 4)
    );
    let study = medveil_deid::study::Study::new(
        &medveil_deid::study::MasterKey::from_bytes([5; 32]),
        LABEL,
        medveil_deid::study::Suite::International,
        None,
    );
    let cancelled = std::sync::atomic::AtomicBool::new(false);
    let job = medveil_deid::table::Job {
        threads: std::num::NonZeroUsize::MIN,
        memory: 1 << 24,
        max_record: 1 << 20,
        hints: Default::default(),
        cancelled: &cancelled,
        progress: &|_| (),
    };
    let print =
        medveil_clinical::dataset::fingerprint(&[world.home.path().join("data")], &study, &job).unwrap();
    assert_eq!(first.value.fingerprint.root.0, print.root);
    // Nothing new, nothing done; then records after the last, and a file.
    world.keeper().turn().unwrap();
    write(&world, &table(1..=12));
    let mut keeper = world.keeper();
    keeper.turn().unwrap();
    assert_eq!((registered(&world).version, registered(&world).value.fingerprint.count), (2, 24));
    std::fs::write(world.home.path().join("data/more.csv"), table(20..=21)).unwrap();
    keeper.turn().unwrap();
    assert_eq!((registered(&world).version, registered(&world).value.fingerprint.count), (3, 28));
    assert_eq!(world.applied("dataset.register"), 3);
}

#[test]
fn a_source_that_was_changed_after_it_was_registered_is_not_released_until_somebody_registers_it() {
    let world = World::new(20).consenting(1..=20);
    world.keeper().turn().unwrap();
    // A stage is edited.
    let edited = table(1..=20).replacen(",IV,", ",I,", 1);
    write(&world, &edited);
    let request = world.request("research", |_| {});
    let turn = world.keeper().turn().unwrap();
    assert_eq!(turn.faulty, [(world.dataset, "custodian.source_changed".to_owned())]);
    assert_eq!(
        turn.waiting.iter().map(|(.., why)| why.as_str()).collect::<Vec<_>>(),
        ["custodian.source_changed"]
    );
    assert!(world.posted(request).is_none());
    assert_eq!(registered(&world).version, 1);
    // It is on the trail of the request, once.
    world.keeper().turn().unwrap();
    assert_eq!(world.applied("audit.notarise"), 1);
    // The steward looks, and registers it as it is.
    let fingerprint = {
        let other = World::new(20);
        write(&other, &edited);
        other.keeper().turn().unwrap();
        registered(&other).value.fingerprint
    };
    let action = DatasetRegister { label: Slug::new(LABEL).unwrap(), version: 2, fingerprint };
    world.chain().apply_action(&key(HOSPITAL), action);
    world.keeper().turn().unwrap();
    let posted = world.posted(request).unwrap();
    assert_eq!(posted.value.figures.dataset_version, 2);
}

/// Versions of which the custodian has a copy.
fn copies(world: &World) -> Vec<String> {
    let folder = world.home.path().join("custodian/sources").join(LABEL);
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn copies_of_old_versions_stay_while_a_release_of_them_may_be_challenged_and_no_longer() {
    let world = World::new(20).consenting(1..=20);
    let request = world.granted();
    let mut keeper = world.keeper();
    keeper.turn().unwrap();
    // Versions that nothing was released of do not pile up.
    for more in 21..=24 {
        write(&world, &table(1..=more));
        keeper.turn().unwrap();
    }
    assert_eq!(registered(&world).version, 5);
    assert_eq!(copies(&world), ["1", "5"], "the release was read from the first");
    // A challenge of the version that is replaced a block later is answered from what it was read from.
    let release = world.release_id(request);
    let secret = medveil_vault::committee::OneTimeSecret::from_bytes(&[3; 32]);
    let reader = Digest(secret.key().0);
    let challenge = action::AuditChallenge { release, version: 1, rows: 40, reader };
    world.chain().apply_action(&key(REGULATOR), challenge);
    let id = ChallengeId(world.chain().events.last().unwrap().object.id);
    world.withdraw(3);
    keeper.turn().unwrap();
    keeper.turn().unwrap();
    assert_eq!(world.posted(request).unwrap().value.figures.dataset_version, 5);
    assert_eq!(copies(&world), ["5"]);
    let sealed = std::fs::read(medveil_custodian::openings_file(&world.settings().folder, id)).unwrap();
    let judged =
        medveil_custodian::audit::judge(&world.book, id, &sealed, &secret, world.home.path()).unwrap();
    assert_eq!(judged.verdict, state::challenge::Verdict::Passed, "{:?}", judged.findings);
    // A version that nobody has a release of any more goes with the destruction.
    let object = ObjectRef::release(release);
    let cause = state::destruction::DestructionCause::Authority;
    write(&world, &table(1..=25));
    keeper.turn().unwrap();
    assert_eq!(copies(&world), ["5", "6"]);
    world.chain().apply_action(&key(REGULATOR), action::DestructionOrder { object, cause });
    keeper.turn().unwrap();
    keeper.turn().unwrap();
    assert_eq!(copies(&world), ["6"]);
}

#[test]
fn a_version_of_other_data_is_not_taken_over() {
    let world = World::new(10);
    world.keeper().turn().unwrap();
    let fingerprint = crate::scene::fingerprint(9);
    let action = DatasetRegister { label: Slug::new(LABEL).unwrap(), version: 2, fingerprint };
    world.chain().apply_action(&key(HOSPITAL), action);
    let turn = world.keeper().turn().unwrap();
    assert_eq!(turn.faulty, [(world.dataset, "custodian.source_changed".to_owned())]);
    let copies: Vec<_> =
        std::fs::read_dir(world.home.path().join("custodian/sources").join(LABEL)).unwrap().collect();
    assert_eq!(copies.len(), 1);
}

#[test]
fn what_cannot_be_read_is_named_and_nothing_is_registered() {
    for (name, text, said) in [
        ("visits.csv", "name,age\nA,1\n", "no column `patient_id`"),
        ("visits.csv", "patient_id,age\nP1,1,7\n", "visits.csv"),
        ("scan.dcm.csv", "MSH|^~\\&|", "HL7 v2"),
    ] {
        let world = World::new(1);
        std::fs::remove_file(world.home.path().join("data/visits.csv")).unwrap();
        std::fs::write(world.home.path().join("data").join(name), text).unwrap();
        let turn = world.keeper().turn().unwrap();
        if turn.faulty.is_empty() {
            // A column is missed when patients are picked.
            let world = world.consenting([1]);
            let request = world.request("research", |terms| terms.consent = terms::ConsentMode::OptOut);
            let turn = world.keeper().turn().unwrap();
            assert_eq!(turn.waiting.last().unwrap().3, "custodian.source", "{said}");
            assert!(world.posted(request).is_none());
            continue;
        }
        assert_eq!(turn.faulty[0].1, "custodian.source");
        let store = Store::open(
            &world.home.path().join("custodian/custodian.sqlite"),
            world.chain().id,
            ledger_name(),
        )
        .unwrap();
        let (_, fault) = store.source(Slug::new(LABEL).unwrap()).unwrap().unwrap();
        assert!(fault.unwrap().contains(said), "{said}");
        assert!(world.chain().latest::<Dataset>(&world.dataset).is_none());
    }
}

fn ledger_name() -> OrganisationId {
    crate::common::organisation("hospital-1")
}

#[test]
fn the_private_file_is_the_organisation_s_own() {
    let world = World::new(1);
    drop(world.keeper());
    let path = world.home.path().join("custodian/custodian.sqlite");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }
    let other = Store::open(&path, world.chain().id, crate::common::organisation("hospital-2"));
    assert!(other.is_err());
}
