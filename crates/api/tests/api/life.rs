//! The life of a dataset, as the API tells it: each kind of thing in its list, by its id, with its past, and proven.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use medveil_chain::{Claim, StateProof};
use medveil_ledger::{
    AccountId, Canonical as _, ChallengeId, ConsentId, ContractId, CustodyId, DatasetId, Digest, ObjectRef,
    OrganisationId, ReleaseId, RequestId, SigningKey, Slug,
    action::*,
    bounded::BoundedSet,
    state::{
        Record as _,
        access::Access,
        budget::Budget,
        challenge::{Challenge, Verdict},
        consent::Consent,
        contract::Contract,
        custody::{Custody, KeyRequest, SealedPartial, WrappedKey, partial_id},
        destruction::{Destruction, DestructionCause},
        incident::Incident,
        patient::Patient,
        release::{Figures, Release},
        request::{Ask, Request, Subject},
    },
    template::{Particulars, Template},
    vocabulary::*,
};
use serde_json::{Value, json};

use crate::fixture::{Actor, Server, folder, private_actor, register, wallet};

const PLAN: Digest = Digest([0x51; 32]);
const YEAR_MS: u64 = 365 * 86_400_000;

fn set<T: Ord, const MIN: usize, const MAX: usize>(
    values: impl IntoIterator<Item = T>,
) -> BoundedSet<T, MIN, MAX> {
    BoundedSet::new(values).unwrap()
}

/// What happened on a chain of its own, and by what ids.
struct Life {
    server: Server,
    hospital: Actor,
    researcher: Actor,
    patients: Vec<Actor>,
    dataset: DatasetId,
    contract: ContractId,
    request: RequestId,
    release: ReleaseId,
    custody: CustodyId,
    access: Digest,
}

fn tip_ms(server: &Server) -> u64 {
    server.ok("/api/v1/status")["tip"]["time_ms"].as_u64().unwrap()
}

fn id_of(answer: &Value) -> Digest {
    answer["id"].as_str().unwrap().parse().unwrap()
}

impl Life {
    /// Until a release is accessed.
    fn new(name: &str) -> Life {
        let server = Server::start(folder(name), |_| {});
        let (hospital, researcher) = (private_actor(1), private_actor(11));
        let chain = server.node.rules().chain();
        let owner = OrganisationId::new("hospital-1").unwrap();
        let label = Slug::new("visits").unwrap();
        server.act(&hospital, register("visits", 1, 1));
        let dataset = DatasetId::derive(chain, owner, label);
        server.act(&hospital, BudgetSet { dataset, ceiling: 5_000_000 });
        let now_ms = tip_ms(&server);
        let patients: Vec<Actor> = (1..=6u8)
            .map(|number| {
                let (code, key) =
                    (SigningKey::ed25519([100 + number; 32]), SigningKey::ed25519([200 + number; 32]));
                let until_ms = now_ms + 86_400_000;
                server.act(&hospital, PatientInvite { code: code.public(), until_ms, guardians: set([]) });
                let id = AccountId::derive(chain, &code.public());
                server.act(&wallet(code, id, 0), PatientEnrol { wallet: key.public() });
                let patient = wallet(key, id, 1);
                server.act(&patient, consent(id, 1, now_ms));
                patient
            })
            .collect();
        let mut terms = Template::ClinicalResearch.terms(&Particulars {
            owner,
            datasets: set([dataset]),
            plan: PLAN,
            ethics: Digest([0xe1; 32]),
            now_ms,
            committee: set([owner]),
        });
        terms.min_cohort = 5;
        let contract_label = Slug::new("research").unwrap();
        server.act(&hospital, ContractPublish { label: contract_label, revision: 1, terms });
        let contract = ContractId::derive(chain, owner, contract_label);
        let asked = server.act(&researcher, RequestSubmit { ask: ask(contract, dataset) });
        let request = RequestId(id_of(&asked).0);
        let pending = server.ok(&format!("/api/v1/requests/{request}"));
        assert_eq!(pending["value"]["status"], "pending");
        server.act(&hospital, RequestVote { request, approve: true });
        let kept = Slug::new("release-1").unwrap();
        let wrapped_key = WrappedKey::new(vec![7; 112]).unwrap();
        server.act(
            &hospital,
            CustodyRegister {
                label: kept,
                version: 1,
                manifest: Digest([3; 32]),
                wrapped_key,
                policy: Digest([4; 32]),
            },
        );
        let custody = CustodyId::derive(chain, owner, kept);
        let cohort_at = server.ok("/api/v1/status")["tip"]["height"].as_u64().unwrap();
        let figures = figures(cohort_at, custody);
        server.act(&hospital, ReleasePost { request, dataset, version: 1, figures });
        let release = ReleaseId::derive(request, dataset);
        let keys = [(owner, Digest([9; 32]))].into();
        let access = id_of(&server.act(&researcher, AccessRequest { release, version: 1, keys }));
        Life { server, hospital, researcher, patients, dataset, contract, request, release, custody, access }
    }

    /// An item of a list.
    #[track_caller]
    fn listed(&self, list: &str, id: &str) -> Value {
        let page = self.server.ok(&format!("/api/v1/{list}?limit=500"));
        let items = page["items"].as_array().unwrap();
        let found = items.iter().find(|item| item["id"] == id);
        found.unwrap_or_else(|| panic!("{list} lacks {id}: {page}")).clone()
    }

    /// What a look-up gives, after the same with proof was checked: it proves the head of this key, and says what the list says.
    #[track_caller]
    fn proven(&self, path: &str, list: &str, id: &str, key: medveil_ledger::Key) -> Value {
        let plain = self.server.ok(&format!("/api/v1/{path}"));
        let answer = self.server.ok(&format!("/api/v1/{path}?proof=1"));
        let file = STANDARD.decode(answer["proof"]["evidence"].as_str().unwrap()).unwrap();
        let verified = self.server.verify(&file);
        let Claim::State { key: proven, proof: StateProof::Present { .. } } = &verified.claims()[0] else {
            panic!("{path}: nothing present is proven")
        };
        assert_eq!(proven.as_slice(), key.as_ref(), "{path}");
        assert_eq!(answer["value"], plain["value"], "{path}");
        let listed = self.listed(list, id);
        assert_eq!((&listed["value"], &listed["version"]), (&plain["value"], &plain["version"]), "{path}");
        // Versions from 1 on, each of which can be asked for.
        let first = self.server.ok(&format!("/api/v1/{path}?version=1"));
        assert_eq!(first["version"], 1, "{path}");
        plain["value"].clone()
    }

    fn kinds(&self, query: &str) -> Vec<String> {
        let page = self.server.ok(&format!("/api/v1/events?{query}&limit=500"));
        let kinds = page["items"].as_array().unwrap().iter();
        kinds.map(|event| event["kind"].as_str().unwrap().to_owned()).rev().collect()
    }
}

fn consent(patient: AccountId, number: u32, now_ms: u64) -> ConsentGrant {
    let provision = Provision {
        effect: Effect::Permit,
        purposes: set([Purpose::HealthResearch]),
        recipients: Recipients::anyone(),
        classes: DataClasses::new(DataClass::ALL.iter().copied()).unwrap(),
        commerce: Commerce::Excluded,
        study: None,
        from_ms: now_ms,
        until_ms: now_ms + YEAR_MS,
    };
    ConsentGrant {
        patient,
        number,
        provisions: Provisions::new(vec![provision]).unwrap(),
        form: Digest([7; 32]),
    }
}

fn ask(contract: ContractId, dataset: DatasetId) -> Ask {
    Ask {
        contract,
        revision: 1,
        datasets: set([dataset]),
        purposes: set([Purpose::DiseaseResearch]),
        classes: set([DataClass::Observations]),
        commercial: false,
        undertakings: set([]),
        ethics: Some(Digest([0xe2; 32])),
        abroad: None,
        subject: Subject::Cohort,
        query: Digest([0x91; 32]),
        epsilon: 500_000,
    }
}

fn figures(cohort_at: u64, custody: CustodyId) -> Figures {
    Figures {
        dataset_version: 1,
        cohort_at,
        root: Digest([0x77; 32]),
        patients: 6,
        records: 10,
        suppressed: 0,
        seed: Digest([0x5e; 32]),
        plan: PLAN,
        engine: Slug::new("medveil-0-1-0").unwrap(),
        risk_ppm: 50_000,
        utility_ppm: 900_000,
        epsilon: 500_000,
        added: 0,
        removed: 0,
        custody: Some(custody),
    }
}

#[test]
fn each_kind_of_thing_is_listed_looked_up_and_proven() {
    let life = Life::new("life");
    let server = &life.server;
    let owner = OrganisationId::new("hospital-1").unwrap();
    let hex = |id: &dyn std::fmt::Display| id.to_string();

    let patient = life.patients[0].id;
    let value =
        life.proven(&format!("patients/{patient}"), "patients", &hex(&patient), Patient::head_key(&patient));
    assert_eq!((&value["enrolment"], &value["consents"]), (&json!("enrolled"), &json!(1)));
    let consent_id = ConsentId::derive(server.node.rules().chain(), patient, 1);
    let value = life.proven(
        &format!("consents/{consent_id}"),
        "consents",
        &hex(&consent_id),
        Consent::head_key(&consent_id),
    );
    assert_eq!(value["patient"], json!(patient));
    let (contract, request, release) = (life.contract, life.request, life.release);
    let value = life.proven(
        &format!("contracts/{contract}"),
        "contracts",
        &hex(&contract),
        Contract::head_key(&contract),
    );
    assert_eq!((&value["standing"], &value["awaiting"]), (&json!("open"), &json!([])));
    let value =
        life.proven(&format!("requests/{request}"), "requests", &hex(&request), Request::head_key(&request));
    assert_eq!(value["status"]["granted"]["epsilon"], 500_000);
    assert_eq!(value["votes"], json!({ "hospital-1": true }));
    let value =
        life.proven(&format!("releases/{release}"), "releases", &hex(&release), Release::head_key(&release));
    assert_eq!(value["figures"]["patients"], 6);
    let access = medveil_ledger::AccessId(life.access.0);
    let value =
        life.proven(&format!("accesses/{access}"), "accesses", &hex(&access), Access::head_key(&access));
    assert_eq!(value["account"], json!(life.researcher.id));

    // Budgets: one request took from three.
    for object in [
        ObjectRef::contract(contract),
        ObjectRef::dataset(life.dataset),
        ObjectRef::organisation(OrganisationId::new("research-1").unwrap()),
    ] {
        let value =
            life.proven(&format!("budgets/{object}"), "budgets", &hex(&object), Budget::head_key(&object));
        assert_eq!(value["spent"], 500_000, "{object}");
    }
    server.get(&format!("/api/v1/budgets/request/{request}")).problem(400, "request.malformed");

    // Custody: the object, the key that came with the access, and what members give.
    let custody = life.custody;
    life.proven(&format!("custody/{custody}"), "custody", &hex(&custody), Custody::head_key(&custody));
    let key = life.access;
    let value =
        life.proven(&format!("key-requests/{key}"), "key-requests", &hex(&key), KeyRequest::head_key(&key));
    assert_eq!((&value["object"], &value["grant"]), (&json!(custody), &json!(ObjectRef::access(access))));
    let path = format!("/api/v1/key-requests/{key}/partials");
    let none = server.ok(&path);
    assert_eq!((&none["items"], &none["missing"]), (&json!([]), &json!(["hospital-1"])));
    let sealed = SealedPartial::new(vec![5; 96]).unwrap();
    server.act(&life.hospital, CustodyPostPartial { request: key, sealed });
    let given = server.ok(&format!("{path}?proof=1"));
    let partial = partial_id(key, owner);
    assert_eq!((&given["items"][0]["id"], &given["missing"]), (&json!(partial), &json!([])));
    let file = STANDARD.decode(given["proof"]["evidence"].as_str().unwrap()).unwrap();
    assert_eq!(server.verify(&file).claims().len(), 2);
    let one = server.ok(&format!("/api/v1/partials/{partial}?proof=1"));
    assert_eq!(one["value"], given["items"][0]["value"]);
    let unknown = Digest([8; 32]);
    for nothing in [
        "patients",
        "custody",
        "key-requests",
        "partials",
        "consents",
        "releases",
        "accesses",
        "challenges",
        "incidents",
    ] {
        let problem =
            server.get(&format!("/api/v1/{nothing}/{unknown}?proof=1")).problem(404, "object.not_found");
        let file = STANDARD.decode(problem["proof"]["evidence"].as_str().unwrap()).unwrap();
        let verified = server.verify(&file);
        assert!(
            matches!(&verified.claims()[0], Claim::State { proof: StateProof::Absent { .. }, .. }),
            "{nothing}"
        );
    }

    // The bytes under a key are those of the record, and what is nowhere is proven to be nowhere.
    let key = |key: medveil_ledger::Key| format!("/api/v1/state/{}?proof=1", hex::encode(key.as_ref()));
    let raw = server.ok(&key(Contract::head_key(&contract)));
    let bytes = hex::decode(raw["value"].as_str().unwrap()).unwrap();
    let record = medveil_ledger::Versioned::<Contract>::decode(&bytes).unwrap();
    assert_eq!((record.version, record.value.revision), (1, 1));
    let file = STANDARD.decode(raw["proof"]["evidence"].as_str().unwrap()).unwrap();
    assert_eq!(server.verify(&file).header().height, raw["height"].as_u64().unwrap());
    assert_eq!(server.ok(&key(Contract::head_key(&ContractId([8; 32]))))["value"], Value::Null);
    for bad in ["", "zz", "0", &"00".repeat(48)] {
        let status = server.get(&format!("/api/v1/state/{bad}")).status;
        assert!(status == 400 || status == 404, "{bad}: {status}");
    }

    // A challenge, its answer, the verdict that it fails: an incident, and an order to destroy.
    let challenged = server.act(&life.hospital, challenge(release));
    let challenge_id = ChallengeId(id_of(&challenged).0);
    let open = server.ok(&format!("/api/v1/challenges/{challenge_id}"));
    assert_eq!((&open["value"]["answer"], &open["value"]["verdict"]), (&Value::Null, &Value::Null));
    server.act(&life.hospital, AuditAnswer { challenge: challenge_id, openings: Digest([6; 32]) });
    let verdict =
        AuditVerdict { challenge: challenge_id, verdict: Verdict::DroppedRows, report: Digest([6; 32]) };
    let incident = medveil_ledger::IncidentId(id_of(&server.act(&life.hospital, verdict)).0);
    let value = life.proven(
        &format!("challenges/{challenge_id}"),
        "challenges",
        &hex(&challenge_id),
        Challenge::head_key(&challenge_id),
    );
    assert_eq!(value["verdict"], "dropped-rows");
    let value = life.proven(
        &format!("incidents/{incident}"),
        "incidents",
        &hex(&incident),
        Incident::head_key(&incident),
    );
    assert_eq!((&value["cause"], &value["liable"]), (&json!("release-fault"), &json!("hospital-1")));
    let object = ObjectRef::release(release);
    server.get(&format!("/api/v1/destructions/{object}?proof=1")).problem(404, "object.not_found");
    server.act(&life.researcher, DestructionOrder { object, cause: DestructionCause::FailedChallenge });
    server.act(&life.researcher, DestructionAttest { object });
    let value = life.proven(
        &format!("destructions/{object}"),
        "destructions",
        &hex(&object),
        Destruction::head_key(&object),
    );
    assert!(value["attested"]["research-1"].is_u64(), "{value}");
    life.server.stop();
}

fn challenge(release: ReleaseId) -> AuditChallenge {
    AuditChallenge { release, version: 1, rows: 100, reader: Digest([0x1c; 32]) }
}

#[test]
fn a_trail_has_what_happened_to_other_things_on_account_of_one() {
    let life = Life::new("trails");
    let (server, release) = (&life.server, life.release);
    let patient = &life.patients[0];
    let consent_id = ConsentId::derive(server.node.rules().chain(), patient.id, 1);

    // Of the dataset: asked for, released, used, although each of these happened to something else.
    let about = life.kinds(&format!("about=dataset/{}", life.dataset));
    assert_eq!(
        about,
        ["dataset.registered", "budget.set", "contract.published", "request.submitted", "release.posted"]
    );
    assert_eq!(life.kinds(&format!("object=dataset/{}", life.dataset)), ["dataset.registered", "budget.set"]);
    assert_eq!(life.kinds(&format!("about=release/{release}")), ["release.posted", "access.granted"]);
    assert_eq!(
        life.kinds(&format!("about=contract/{}", life.contract)),
        ["contract.published", "request.submitted"]
    );
    let of_request = life.kinds(&format!("about=request/{}", life.request));
    assert_eq!(
        of_request,
        ["request.submitted", "request.voted", "request.granted", "release.posted", "access.granted"]
    );
    // Of the patient: what was done with the handle, and the consents, which are things of their own.
    assert_eq!(
        life.kinds(&format!("about=account/{}", patient.id)),
        ["patient.invited", "patient.enrolled", "consent.granted"]
    );

    // A withdrawal makes the release stale; what is refused for it is in the trail of the release too.
    let withdrawn = server.act(patient, ConsentWithdraw { consent: consent_id })["height"].as_u64().unwrap();
    let action = AccessRequest { release, version: 1, keys: Default::default() };
    let refused = server.submit(&server.sign(&life.researcher, action).encode(), "?wait=30").json();
    assert_eq!(refused["outcome"]["refused"]["name"], "release.stale");
    assert_eq!(refused["outcome"]["refused"]["facts"]["changed_at"], withdrawn);
    assert_eq!(
        life.kinds(&format!("about=release/{release}")),
        ["release.posted", "access.granted", "transaction.refused"]
    );
    let of_consent = life.kinds(&format!("about=consent/{consent_id}"));
    assert_eq!(of_consent, ["consent.granted", "consent.withdrawn"]);
    let all = server.ok(&format!("/api/v1/patients/{}/consents?proof=1", patient.id));
    assert_eq!((&all["given"], &all["items"][0]["value"]["withdrawn"]), (&json!(1), &json!(withdrawn)));
    let file = STANDARD.decode(all["proof"]["evidence"].as_str().unwrap()).unwrap();
    assert_eq!(
        server.verify(&file).claims().len(),
        2,
        "the patient's record, which counts them, and the consent"
    );

    // Decisions: the grant, the access, the refusal; each is an event that can be asked for.
    let decisions = server.ok("/api/v1/decisions");
    let kinds: Vec<&str> =
        decisions["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["transaction.refused", "access.granted", "request.granted"]);
    let of_release = server.ok(&format!("/api/v1/decisions?about=release/{release}"));
    assert_eq!(of_release["items"].as_array().unwrap().len(), 2);
    let first = &decisions["items"][0];
    let path = format!("/api/v1/decisions/{}/{}", first["height"], first["index"]);
    assert_eq!(server.ok(&path), *first);
    // An event that decides nothing is none.
    let posted = server.ok("/api/v1/events?kind=release.posted")["items"][0].clone();
    server
        .get(&format!("/api/v1/decisions/{}/{}", posted["height"], posted["index"]))
        .problem(404, "event.not_found");

    // Lists page by page are the list, without anything twice.
    for list in ["patients", "decisions", "budgets", "consents", "events?about=request/HEX"] {
        let list = list.replace("HEX", &life.request.to_string());
        let joint = if list.contains('?') { '&' } else { '?' };
        let whole = server.ok(&format!("/api/v1/{list}{joint}limit=500"));
        let (mut paged, mut cursor): (Vec<Value>, String) = (Vec::new(), String::new());
        loop {
            let page = server.ok(&format!("/api/v1/{list}{joint}limit=2{cursor}"));
            paged.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let ids: BTreeSet<String> = paged.iter().map(|item| item["id"].to_string()).collect();
        assert_eq!((json!(paged), ids.len()), (whole["items"].clone(), paged.len()), "{list}");
    }
    server.get("/api/v1/events?about=dataset/zz").problem(400, "request.bad_parameter");
    server
        .get(&format!("/api/v1/events?about=release/{release}&object=release/{release}"))
        .problem(400, "request.bad_parameter");
    life.server.stop();
}
