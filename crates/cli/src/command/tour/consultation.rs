//! A doctor elsewhere may see one patient's history for hours, because the patient says so, and no longer than the patient says so.

use medveil_ledger::action::{ConsentGrant, ConsentWithdraw, ContractPublish, RequestSubmit};
use medveil_ledger::state::request::{Ask, Subject};
use medveil_ledger::template::{Particulars, Template};
use medveil_ledger::vocabulary::{DataClass, Provisions, Purpose, Recipients};
use medveil_ledger::{ConsentId, ContractId, Digest, RequestId, Slug};
use serde_json::json;

use super::super::deid::load_plan;
use super::contract::set;
use super::patients::{form, permit};
use super::{HOSPITALS, Step, Tour, height, organisation, request};
use crate::failure::Failure;

const LABEL: &str = "consultation";

/// The hospital whose doctor is consulted.
const CONSULTED: &str = HOSPITALS[1];

pub(super) fn ended(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let owner = organisation(HOSPITALS[0]);
    let dataset = tour.datasets[&owner];
    let label = Slug::new(LABEL).expect("a slug");
    let now_ms = tour.now_ms(HOSPITALS[0])?;
    let terms = Template::TeleConsultation.terms(&Particulars {
        owner,
        datasets: set([dataset])?,
        plan: Digest(load_plan("tele-consultation")?.digest()),
        ethics: request::approval(),
        now_ms,
        committee: set([])?,
    });
    tour.act(&tour.administrator(HOSPITALS[0])?, ContractPublish { label, revision: 1, terms })?;
    let contract = ContractId::derive(tour.chain, owner, label);
    let doctor = tour.administrator(CONSULTED)?;
    let (patient, number) = {
        let wallet =
            tour.wallets[&owner].first().ok_or_else(|| Failure::unusable("no patient has a wallet"))?;
        (wallet.handle, wallet.consents + 1)
    };
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
    let before = tour.must_refuse(&doctor, RequestSubmit { ask: ask()? }, "decision.no_consent")?;
    let signer = tour.patient(&owner, 0)?;
    let mut provision = permit(Purpose::TeleConsultation, now_ms)?;
    provision.recipients = Recipients::new([], [organisation(CONSULTED)]).map_err(Failure::unusable)?;
    provision.until_ms = now_ms + 2 * 86_400_000;
    let provisions = Provisions::new(vec![provision]).map_err(Failure::unusable)?;
    tour.act(&signer, ConsentGrant { patient, number, provisions, form: form() })?;
    let granted = tour.act(&doctor, RequestSubmit { ask: ask()? })?;
    let id: Digest = super::super::text(&granted["id"]).parse().map_err(Failure::unusable)?;
    let request = RequestId(id.0);
    let record = tour.get(CONSULTED, &format!("/api/v1/requests/{request}"))?;
    let until_ms = record["value"]["status"]["granted"]["until-ms"].as_u64();
    tour.must(until_ms.is_some(), "the request was not granted at once", "申请未即时批准")?;
    let consent = ConsentId::derive(tour.chain, patient, number);
    let withdrawn = tour.act(&signer, ConsentWithdraw { consent })?;
    let at = height(&withdrawn);
    let record = tour.get(HOSPITALS[0], &format!("/api/v1/requests/{request}"))?;
    let ended = json!({ "ended": { "reason": "decision.no_consent", "at": at } });
    tour.must(
        record["value"]["status"] == ended,
        "the withdrawal did not end it in its block",
        "撤回未在其区块内生效",
    )?;
    let after = tour.must_refuse(&doctor, RequestSubmit { ask: ask()? }, "decision.no_consent")?;
    tour.proofs.push(format!("consent/{consent}"));
    let until = until_ms.map(super::time).unwrap_or_default();
    Ok(Step {
        said: vec![
            tour.say(
                format!("before the patient said so: decision.no_consent, height {}; with the consent for `{CONSULTED}` alone it was granted until {until}", before.height),
                format!("患者授权之前：decision.no_consent，高度 {}；患者仅向 `{CONSULTED}` 授权后获准，至 {until}", before.height),
            ),
            tour.say(
                format!("the patient withdrew: the grant ended in the same block; asked again: decision.no_consent, height {}", after.height),
                format!("患者撤回：授权在同一区块内终止；再次申请：decision.no_consent，高度 {}", after.height),
            ),
        ],
        decided: tour.say("the patient".into(), "患者本人".into()),
        height: at,
        check: format!("medveil audit trail patient/{patient} --node {}", tour.url(HOSPITALS[0])?),
        facts: json!({ "patient": patient, "contract": contract, "request": request, "consent": consent, "withdrawn_at": at }),
    })
}
