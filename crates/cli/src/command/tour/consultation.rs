//! A doctor elsewhere sees one patient's history for hours, because the patient says so, and no longer than the patient says so.

use std::path::PathBuf;

use medveil_ledger::action::{AccessRequest, ConsentGrant, ConsentWithdraw, ContractPublish, RequestSubmit};
use medveil_ledger::state::request::{Ask, Subject};
use medveil_ledger::template::{Particulars, Template};
use medveil_ledger::vocabulary::{DataClass, Provisions, Purpose, Recipients};
use medveil_ledger::{AccountId, ConsentId, ContractId, Digest, ReleaseId, RequestId, Slug};
use medveil_node::custody::Desk as _;
use serde_json::json;

use super::super::deid::load_plan;
use super::super::demo::TABLE;
use super::super::release::take;
use super::contract::set;
use super::destruction::Ordered;
use super::patients::{form, permit};
use super::{HOSPITALS, Refused, Step, Tour, height, organisation, request};
use crate::failure::Failure;

/// The hospital whose doctor is consulted.
pub(super) const CONSULTED: &str = HOSPITALS[1];

/// A visit of a patient's history by a doctor elsewhere.
pub(super) struct Visit {
    pub(super) owner: &'static str,
    /// The patient among those of the owner's.
    pub(super) index: usize,
    pub(super) patient: AccountId,
    pub(super) contract: ContractId,
    pub(super) consent: ConsentId,
    pub(super) request: RequestId,
    pub(super) release: ReleaseId,
    /// Until when it was granted, in milliseconds since 1970.
    pub(super) until_ms: u64,
    /// What was answered before the patient had said so.
    pub(super) before: Refused,
    /// Rows that the doctor saw.
    pub(super) rows: u64,
    pub(super) out: PathBuf,
    /// The height of the access.
    pub(super) height: u64,
}

impl Tour<'_> {
    /// A contract for consultations of an owner's patients, a patient's consent for one hospital, a request, the custodian's release, and the doctor's access to it. Grants last `access_ms`, or as
    /// long as the template says.
    pub(super) fn visited(
        &self,
        owner: &'static str,
        label: &str,
        from: usize,
        access_ms: Option<u64>,
    ) -> Result<Visit, Failure> {
        let who = organisation(owner);
        let dataset = self.datasets[&who];
        let slug = Slug::new(label).map_err(Failure::unusable)?;
        let now_ms = self.now_ms(owner)?;
        let mut terms = Template::TeleConsultation.terms(&Particulars {
            owner: who,
            datasets: set([dataset])?,
            plan: Digest(load_plan("tele-consultation")?.digest()),
            ethics: request::approval(),
            now_ms,
            committee: set([])?,
        });
        if let Some(access_ms) = access_ms {
            terms.term.access_ms = access_ms;
        }
        self.act(&self.administrator(owner)?, ContractPublish { label: slug, revision: 1, terms })?;
        let contract = ContractId::derive(self.chain, who, slug);
        let doctor = self.administrator(CONSULTED)?;
        let (index, visits) = self.somebody(&who, from)?;
        let wallet = &self.wallets[&who][index];
        let (patient, number) = (wallet.handle, wallet.consents + 1);
        let ask = || -> Result<Ask, Failure> {
            Ok(Ask {
                contract,
                revision: 1,
                datasets: set([dataset])?,
                purposes: set([Purpose::TeleConsultation])?,
                classes: set([
                    DataClass::Encounters,
                    DataClass::Conditions,
                    DataClass::Observations,
                    DataClass::Medications,
                ])?,
                commercial: false,
                undertakings: set([])?,
                ethics: None,
                abroad: None,
                subject: Subject::Patient { patient, salt: None },
                query: super::super::request::whole_query(),
                epsilon: 0,
            })
        };
        // Nobody sees anything before the patient says so.
        let before = self.must_refuse(&doctor, RequestSubmit { ask: ask()? }, "decision.no_consent")?;
        let mut provision = permit(Purpose::TeleConsultation, now_ms)?;
        provision.recipients = Recipients::new([], [organisation(CONSULTED)]).map_err(Failure::unusable)?;
        provision.until_ms = now_ms + 2 * 86_400_000;
        let provisions = Provisions::new(vec![provision]).map_err(Failure::unusable)?;
        let signer = self.patient(&who, index)?;
        self.act(&signer, ConsentGrant { patient, number, provisions, form: form() })?;
        let granted = self.act(&doctor, RequestSubmit { ask: ask()? })?;
        let id: Digest = super::super::text(&granted["id"]).parse().map_err(Failure::unusable)?;
        let request = RequestId(id.0);
        let record = self.get(CONSULTED, &format!("/api/v1/requests/{request}"))?;
        let until_ms = record["value"]["status"]["granted"]["until-ms"].as_u64();
        let until_ms = until_ms.ok_or_else(|| {
            let text = ("the request was not granted at once", "申请未即时批准");
            Failure::Refused(self.console.text(text.0, text.1).to_owned())
        })?;
        let release = ReleaseId::derive(request, dataset);
        self.posted(owner, CONSULTED, release, 1)?;
        let out = self.folder.join(CONSULTED).join("consultations").join(label);
        if let Some(folder) = out.parent() {
            std::fs::create_dir_all(folder).map_err(Failure::unusable)?;
        }
        let taken = take(&self.desk(CONSULTED)?, release, &out, self.console)?;
        let access = self.get(CONSULTED, &format!("/api/v1/accesses/{}", taken.fetched.request))?;
        // All of this patient's visits, and nothing of anybody else.
        let text = std::fs::read_to_string(out.join(TABLE)).map_err(Failure::unusable)?;
        let pseudonyms: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
        let rows = pseudonyms.len() as u64;
        self.must(
            rows == visits && pseudonyms.iter().all(|pseudonym| *pseudonym == pseudonyms[0]),
            "the doctor sees other rows than the patient's",
            "医生看到的不只是该患者的记录",
        )?;
        Ok(Visit {
            owner,
            index,
            patient,
            contract,
            consent: ConsentId::derive(self.chain, patient, number),
            request,
            release,
            until_ms,
            before,
            rows,
            out,
            height: height(&access),
        })
    }
}

pub(super) fn sealed(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let visit = tour.visited(HOSPITALS[0], "consultation", 4, None)?;
    let Visit { patient, consent, request, release, .. } = visit;
    let object = format!("/api/v1/destructions/release/{release}");
    let custody =
        tour.get(CONSULTED, &format!("/api/v1/releases/{release}"))?["value"]["figures"]["custody"].clone();
    let custody = super::super::text(&custody).parse().map_err(Failure::unusable)?;
    let kept = tour.desk(visit.owner)?.registered(custody, None);
    let kept = kept.map_err(|error| Failure::Refused(error.to_string()))?.map_or(0, |kept| kept.version);
    let signer = tour.patient(&organisation(visit.owner), visit.index)?;
    let withdrawn = tour.act(&signer, ConsentWithdraw { consent })?;
    let at = height(&withdrawn);
    let record = tour.get(visit.owner, &format!("/api/v1/requests/{request}"))?;
    let ended = json!({ "ended": { "reason": "decision.no_consent", "at": at } });
    tour.must(
        record["value"]["status"] == ended,
        "the withdrawal did not end it in its block",
        "撤回未在其区块内生效",
    )?;
    let order = tour.get(visit.owner, &object)?;
    tour.must(
        order["value"]["ordered_at"] == json!(at),
        "the destruction was not ordered in the block of the withdrawal",
        "销毁令未在撤回的区块内下达",
    )?;
    let access = AccessRequest { release, version: 1, keys: Default::default() };
    let refused = tour.must_refuse(&tour.administrator(CONSULTED)?, access, "release.destroyed")?;
    tour.destroyed = Some(Ordered { owner: visit.owner, release, custody, versions: kept, ordered_at: at });
    tour.proofs.push(format!("consent/{consent}"));
    let until = super::time(visit.until_ms);
    Ok(Step {
        said: vec![
            tour.say(
                format!("before the patient said so: decision.no_consent, height {}; with the consent for `{CONSULTED}` alone the doctor saw the {} visits of this patient, and nothing else, from height {} on; granted until {until}", visit.before.height, visit.rows, visit.height),
                format!("患者授权之前：decision.no_consent，高度 {}；患者仅向 `{CONSULTED}` 授权后，医生自高度 {} 起仅可见该患者的 {} 次就诊；授权至 {until}", visit.before.height, visit.height, visit.rows),
            ),
            tour.say(
                format!("the patient withdrew at height {at}: in the same block the grant ended and the destruction was ordered; seen again: {}, height {}", refused.name, refused.height),
                format!("患者于高度 {at} 撤回：同一区块内授权终止并下达销毁令；再次查阅：{}，高度 {}", refused.name, refused.height),
            ),
        ],
        decided: tour.say("the patient".into(), "患者本人".into()),
        height: at,
        check: format!("medveil audit trail patient/{patient} --node {}", tour.url(visit.owner)?),
        facts: json!({
            "patient": patient, "contract": visit.contract, "request": request, "release": release, "rows": visit.rows,
            "consent": consent, "withdrawn_at": at, "viewed": visit.out,
        }),
    })
}
