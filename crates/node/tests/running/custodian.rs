//! The custodian over a node's ledger: from a source to a release that is posted, and on after a restart.

use std::num::NonZeroUsize;
use std::path::Path;

use medveil_custodian::{
    Custodian, DatasetSettings, Ledger as _, Place, Reader as _, Settings, Vault, VaultError,
};
use medveil_deid::{plan::Plan, study::MasterKey};
use medveil_ledger::{
    ContractId, CustodyId, DatasetId, Digest, ReleaseId, RequestId, Slug,
    action::{ContractPublish, CustodyRegister, RequestSubmit},
    bounded::{BoundedSet, OpaqueBytes},
    state::{
        custody::Custody as Registered,
        dataset::HashSuite,
        release::Release,
        request::{Ask, Subject},
    },
    template::{Particulars, Template},
    terms::{Approvals, ConsentMode},
    vocabulary::{DataClass, DataClasses, Purpose},
};
use medveil_node::{Agent, custodian::NodeLedger};

use crate::chain::{agent, run, start};

const PLAN: &str = r#"
[plan]
name = "visits"
version = 1
release-model = "controlled"
subject = "patient_id"

[[rule]]
match = { column = "patient_id" }
action = "pseudonymize"

[[rule]]
match = { column = "sex" }
action = "keep"
"#;

/// Custody in name: what is kept is registered.
struct Registering(NodeLedger);

impl Vault for Registering {
    fn keep(
        &self,
        folder: &Path,
        label: Slug,
        version: u64,
        policy: Digest,
    ) -> Result<CustodyId, VaultError> {
        assert!(folder.join("receipt.json").exists());
        let id = CustodyId::derive(self.0.chain(), self.0.organisation(), label);
        let kept = medveil_custodian::ledger::latest::<Registered>(&self.0, &id).unwrap();
        if kept.is_none_or(|kept| kept.version < version) {
            let wrapped_key = OpaqueBytes::new(vec![1; 32]).unwrap();
            let manifest = Digest([2; 32]);
            self.0.act(CustodyRegister { label, version, manifest, wrapped_key, policy }.into()).unwrap();
        }
        Ok(id)
    }

    fn destroy(&self, _: CustodyId) -> Result<(), VaultError> {
        Ok(())
    }
}

fn settings(home: &Path) -> Settings {
    let dataset = DatasetSettings {
        label: Slug::new("visits").unwrap(),
        path: Place::Folder("source".into()),
        key: "visits.key".into(),
        patient: "patient_id".into(),
        level: None,
        hashes: HashSuite::International,
        watch: true,
    };
    Settings {
        folder: "custodian".into(),
        threads: NonZeroUsize::MIN,
        datasets: vec![dataset],
        ..Settings::default()
    }
    .within(home)
}

fn only<T: Ord, const MIN: usize, const MAX: usize>(value: T) -> BoundedSet<T, MIN, MAX> {
    BoundedSet::new([value]).unwrap()
}

#[test]
fn a_granted_request_becomes_a_release_and_once_only() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("source")).unwrap();
    std::fs::create_dir_all(home.path().join("plans")).unwrap();
    std::fs::write(home.path().join("plans/visits.toml"), PLAN).unwrap();
    std::fs::write(home.path().join("visits.key"), MasterKey::from_bytes([3; 32]).to_text().as_bytes())
        .unwrap();
    let rows: String =
        (0..30).map(|n| format!("P{n:03},{}\n", if n % 2 == 0 { "男" } else { "女" })).collect();
    std::fs::write(home.path().join("source/visits.csv"), format!("patient_id,sex\n{rows}")).unwrap();
    run(async {
        let node = start(&home.path().join("data"));
        let acting = agent(&node, home.path());
        let organisation = acting.organisation();
        let chain = node.rules().chain();
        let turn = |acting: Agent| {
            let (settings, ledger) = (settings(home.path()), NodeLedger::new(acting));
            tokio::task::spawn_blocking(move || {
                let vault = Registering(ledger.clone());
                Custodian::open(settings, ledger, vault).unwrap().turn().unwrap()
            })
        };
        // The chain begins with the first block that is final.
        while node.nonce(&acting.account()).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        turn(acting.clone()).await.unwrap();
        let dataset = DatasetId::derive(chain, organisation, Slug::new("visits").unwrap());

        let administrator = medveil_ledger::SigningKey::ed25519([1; 32]);
        let administrator =
            Agent::new(node.clone(), organisation, administrator, home.path().join("administrator"));
        let particulars = Particulars {
            owner: organisation,
            datasets: only(dataset),
            plan: Digest(Plan::from_toml(PLAN).unwrap().digest()),
            ethics: Digest([4; 32]),
            now_ms: 1_767_225_600_000,
            committee: BoundedSet::new([]).unwrap(),
        };
        let mut terms = Template::ClinicalResearch.terms(&particulars);
        terms.consent = ConsentMode::OptOut;
        terms.approvals = Approvals { committee: BoundedSet::new([]).unwrap(), needed: 0 };
        let label = Slug::new("research").unwrap();
        administrator.act(ContractPublish { label, revision: 1, terms }).await.unwrap();
        let ask = Ask {
            contract: ContractId::derive(chain, organisation, label),
            revision: 1,
            datasets: only(dataset),
            purposes: only(Purpose::DiseaseResearch),
            classes: DataClasses::new([DataClass::Demographics]).unwrap(),
            commercial: false,
            undertakings: BoundedSet::new([]).unwrap(),
            ethics: Some(Digest([4; 32])),
            abroad: None,
            subject: Subject::Cohort,
            query: Digest([5; 32]),
            epsilon: 0,
        };
        let request = RequestId(administrator.act(RequestSubmit { ask }).await.unwrap().id.0);

        let turned = turn(acting.clone()).await.unwrap();
        assert_eq!(turned.ended.len(), 1, "{turned:?}");
        let release = ReleaseId::derive(request, dataset);
        let posted = node.latest::<Release>(&release).await.unwrap().unwrap();
        let figures = &posted.value.figures;
        assert_eq!(
            (posted.version, figures.patients, figures.records, figures.risk_ppm),
            (1, 30, 30, 66_667)
        );
        // Another process has nothing left to do.
        let turned = turn(acting.clone()).await.unwrap();
        assert_eq!((turned.ended.len(), turned.waiting.len()), (0, 0));
        assert_eq!(node.latest::<Release>(&release).await.unwrap().unwrap().version, 1);
        tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
    });
}
