//! Patients bind wallets with their enrolment codes and say what may be done with their data, each with a key of their own.

use std::path::Path;

use medveil_custodian::patients::{EnrolmentCode, tie};
use medveil_ledger::action::{ConsentGrant, PatientEnrol, PatientInvite};
use medveil_ledger::vocabulary::{
    Commerce, DataClass, DataClasses, Effect, Provision, Provisions, Purpose, Recipients,
};
use medveil_ledger::{AccountId, Digest, OrganisationId, SigningKey, Suite};
use medveil_node::keys::{KeyFile, Kind};
use serde_json::json;

use super::super::demo::{CUSTODIAN, PATIENTS, TABLE};
use super::super::random;
use super::batch::{Order, carry_out};
use super::contract::set;
use super::{HOSPITALS, Step, Tour, organisation};
use crate::failure::{Failure, refused};
use crate::signer::Signer;

/// A patient's wallet for a hospital.
pub(super) struct Wallet {
    /// The patient on the ledger.
    pub(super) handle: AccountId,
    /// Signs what the patient says.
    file: KeyFile,
    /// Consents given so far.
    pub(super) consents: u32,
    /// Who it is: the hospital alone knows it.
    pub(super) id: String,
    /// The code that bound the wallet, from which the salt of study tags follows.
    pub(super) code: EnrolmentCode,
}

/// The ids of a hospital's first patients, from its table of patients.
pub(super) fn patient_ids(folder: &Path, patients: usize) -> Result<Vec<String>, Failure> {
    let path = folder.join(PATIENTS).join("patients.csv");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::unusable(format!("{}: {error}", path.display())))?;
    let ids = text.lines().skip(1).take(patients).filter_map(|line| line.split(',').next());
    Ok(ids.map(str::to_owned).collect())
}

/// What a patient of the tour says. Most permit research; some permit care alone, deny research on diseases, or say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Research,
    CareOnly,
    NoDiseases,
    Nothing,
}

impl Says {
    /// In twenty patients: seventeen, one, one, one.
    fn of(index: usize) -> Self {
        match index % 20 {
            17 => Says::CareOnly,
            18 => Says::NoDiseases,
            19 => Says::Nothing,
            _ => Says::Research,
        }
    }

    fn provisions(self, now_ms: u64) -> Result<Option<Provisions>, Failure> {
        let sentences = match self {
            Says::Research => vec![permit(Purpose::HealthResearch, now_ms)?],
            Says::CareOnly => vec![permit(Purpose::ClinicalCare, now_ms)?],
            Says::NoDiseases => {
                let deny = permit(Purpose::DiseaseResearch, now_ms)?;
                let deny = Provision { effect: Effect::Deny, commerce: Commerce::Included, ..deny };
                vec![permit(Purpose::HealthResearch, now_ms)?, deny]
            }
            Says::Nothing => return Ok(None),
        };
        Provisions::new(sentences).map(Some).map_err(Failure::unusable)
    }
}

/// Permits a purpose to anyone, for two years.
pub(super) fn permit(purpose: Purpose, now_ms: u64) -> Result<Provision, Failure> {
    Ok(Provision {
        effect: Effect::Permit,
        purposes: set([purpose])?,
        recipients: Recipients::anyone(),
        classes: DataClasses::new(DataClass::ALL.iter().copied()).map_err(Failure::unusable)?,
        commerce: Commerce::Excluded,
        study: None,
        from_ms: now_ms,
        until_ms: now_ms + 2 * 365 * 86_400_000,
    })
}

/// The form that the tour's patients are shown.
pub(super) fn form() -> Digest {
    Digest::of("medveil/tour-form/1", &["知情同意书 informed consent, version 1".as_bytes()])
}

/// The first patient's wallet, in the folder of the consortium: to try the commands with.
pub(super) const WALLET: &str = "patient.key";

impl Tour<'_> {
    /// A patient of a hospital who permits research and has visits there: the first from a place on.
    pub(super) fn somebody(&self, hospital: &OrganisationId, from: usize) -> Result<(usize, u64), Failure> {
        let path = self.folder.join(hospital.as_str()).join(PATIENTS).join(TABLE);
        let text = std::fs::read_to_string(&path).map_err(Failure::unusable)?;
        let visits = |id: &str| text.lines().filter(|line| line.split(',').nth(1) == Some(id)).count() as u64;
        let wallets = self.wallets.get(hospital).map_or(&[][..], Vec::as_slice);
        let found = wallets.iter().enumerate().skip(from).find_map(|(index, wallet)| {
            let visits = visits(&wallet.id);
            (Says::of(index) == Says::Research && visits > 0).then_some((index, visits))
        });
        found.ok_or_else(|| Failure::unusable("the hospital has too few patients for this step"))
    }

    /// A patient who acts through the hospital's node.
    pub(super) fn patient(&self, hospital: &OrganisationId, index: usize) -> Result<Signer, Failure> {
        let wallet = self.wallets.get(hospital).and_then(|wallets| wallets.get(index));
        let wallet = wallet.ok_or_else(|| Failure::unusable("there is no such patient"))?;
        Ok(Signer::of(self.client(hospital.as_str())?, self.chain, wallet.file.signing_key(), wallet.handle))
    }
}

/// What a hospital's patients came to.
struct Done {
    hospital: OrganisationId,
    wallets: Vec<Wallet>,
    height: u64,
}

pub(super) fn consented(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let shared: &Tour<'_> = tour;
    // Each hospital's people use their own node, all at the same time.
    let done: Vec<Result<Done, Failure>> = std::thread::scope(|scope| {
        let hospitals = HOSPITALS.iter().map(|hospital| scope.spawn(move || of_hospital(shared, hospital)));
        let hospitals: Vec<_> = hospitals.collect();
        hospitals
            .into_iter()
            .map(|hospital| hospital.join().expect("a hospital's thread does not panic"))
            .collect()
    });
    let (mut counts, mut height) = ([0usize; 4], 0);
    for done in done {
        let done = done?;
        for index in 0..done.wallets.len() {
            counts[Says::of(index) as usize] += 1;
        }
        height = height.max(done.height);
        tour.wallets.insert(done.hospital, done.wallets);
    }
    let [research, care, diseases, nothing] = counts;
    let all: usize = counts.iter().sum();
    let first = tour.wallets[&organisation(HOSPITALS[0])].first();
    let handle =
        first.map(|wallet| wallet.handle).ok_or_else(|| Failure::unusable("there are no patients"))?;
    // What the wallet shows is what the ledger has.
    let found = tour.get(HOSPITALS[4], &format!("/api/v1/patients/{handle}"))?;
    tour.must(
        found["value"]["enrolment"] == json!("enrolled"),
        "another node has no wallet of the patient",
        "另一节点上患者未绑定钱包",
    )?;
    tour.proofs.push(format!("patient/{handle}"));
    Ok(Step {
        said: vec![
            tour.say(
                format!("{all} patients of five hospitals bound wallets with their codes; each handle is unlinkable to any other"),
                format!("五家医院的 {all} 名患者凭登记码绑定钱包；各标识之间无法关联"),
            ),
            tour.say(
                format!("{research} permit research on health, {care} care alone, {diseases} research but none on diseases, {nothing} said nothing"),
                format!("{research} 人允许卫生健康与医学研究，{care} 人仅允许临床诊疗，{diseases} 人允许研究但禁止特定疾病研究，{nothing} 人未作授权"),
            ),
        ],
        decided: tour.say("each patient".into(), "患者本人".into()),
        height,
        check: format!("medveil consent list --patient {handle} --node {}", tour.url(HOSPITALS[0])?),
        facts: json!({
            "patients": all, "permit_research": research, "care_only": care, "deny_diseases": diseases, "nothing": nothing,
            "wallet": tour.folder.join(WALLET),
        }),
    })
}

fn of_hospital(tour: &Tour<'_>, hospital: &str) -> Result<Done, Failure> {
    let (chain, console) = (tour.chain, tour.console);
    let client = tour.client(hospital)?;
    let administrator = tour.administrator(hospital)?;
    let key = KeyFile::read(
        &medveil_node::Folder::new(tour.folder.join(hospital)).administrator_key_file(),
        Kind::Account,
    )
    .map_err(|refusal| refused(&refusal, console))?
    .signing_key();
    let now_ms = tour.now_ms(hospital)?;
    let ids =
        patient_ids(&tour.folder.join(hospital), usize::try_from(tour.patients_each).unwrap_or(usize::MAX))?;
    let codes: Vec<EnrolmentCode> =
        ids.iter().map(|_| random().map(|seed| EnrolmentCode::from_seed(*seed))).collect::<Result<_, _>>()?;
    let keys: Vec<SigningKey> = codes.iter().map(EnrolmentCode::key).collect();
    // Before anybody enrols: the custodian forgets a code when it has been used.
    let ties: Vec<(String, EnrolmentCode)> = ids.iter().cloned().zip(codes.iter().cloned()).collect();
    tie(&tour.folder.join(hospital).join(CUSTODIAN), chain, organisation(hospital), &ties)
        .map_err(Failure::unusable)?;

    let nonce = administrator.state(console)?.nonce;
    let until_ms = now_ms + 30 * 86_400_000;
    let invite = |(code, nonce): (&SigningKey, u64)| -> Result<Order<'_>, Failure> {
        let action = PatientInvite { code: code.public(), until_ms, guardians: set([])? };
        Ok(Order { account: administrator.account(), key: &key, nonce, action: action.into() })
    };
    let invites = keys.iter().zip(nonce..).map(invite).collect::<Result<_, Failure>>()?;
    carry_out(&client, chain, invites, console)?;

    let mut wallets = Vec::with_capacity(keys.len());
    for (index, ((code, id), enrolment)) in keys.iter().zip(ids).zip(codes).enumerate() {
        let handle = AccountId::derive(chain, &code.public());
        let file =
            KeyFile::generate(Kind::Account, Suite::Ed25519).map_err(|refusal| refused(&refusal, console))?;
        let file = file.with_account(handle);
        if index == 0 && hospital == HOSPITALS[0] {
            file.write(&tour.folder.join(WALLET)).map_err(|refusal| refused(&refusal, console))?;
        }
        wallets.push(Wallet { handle, file, consents: 0, id, code: enrolment });
    }
    let enrol = |(code, wallet): (_, &Wallet)| {
        let action = PatientEnrol { wallet: wallet.file.public() }.into();
        Order { account: wallet.handle, key: code, nonce: 0, action }
    };
    let enrolments = keys.iter().zip(&wallets).map(enrol).collect();
    let mut height = carry_out(&client, chain, enrolments, console)?;

    let signing: Vec<SigningKey> = wallets.iter().map(|wallet| wallet.file.signing_key()).collect();
    let mut consents = Vec::with_capacity(wallets.len());
    for (index, (wallet, key)) in wallets.iter().zip(&signing).enumerate() {
        if let Some(provisions) = Says::of(index).provisions(now_ms)? {
            let action = ConsentGrant { patient: wallet.handle, number: 1, provisions, form: form() }.into();
            consents.push(Order { account: wallet.handle, key, nonce: 1, action });
        }
    }
    height = height.max(carry_out(&client, chain, consents, console)?);
    for (index, wallet) in wallets.iter_mut().enumerate() {
        wallet.consents = u32::from(Says::of(index) != Says::Nothing);
    }
    Ok(Done { hospital: organisation(hospital), wallets, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_of_twenty_patients_permit_research() {
        let research = (0..20).filter(|index| Says::of(*index) == Says::Research).count();
        assert_eq!(research, 17);
        assert_eq!(Says::of(19).provisions(1).unwrap(), None);
        assert_eq!(Says::of(18).provisions(1).unwrap().unwrap().len(), 2);
    }
}
