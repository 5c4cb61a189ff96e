//! Templates: contracts that hospitals write again and again, with the terms that make them what they are.
//!
//! A template gives terms to begin with, and fixes a few: a contract that calls itself after a template and breaks what it fixes is refused, so that the name can be relied on.

use crate::bounded::BoundedSet;
use crate::id::{DatasetId, Digest, OrganisationId};
use crate::role::{Role, vocabulary};
use crate::terms::{
    Approvals, ConsentMode, Epsilon, ExportRule, OnWithdrawal, Price, RateLimit, ReleaseModel, Term, Terms,
    TermsRefusal,
};
use crate::vocabulary::{Condition, DataClass, DataClasses, Purpose, Purposes, Recipients};

vocabulary! {
    /// A kind of contract.
    Template {
        /// Research on consented data, by a committee's approval.
        ClinicalResearch = 0, "clinical-research", "临床研究";
        /// The same for diabetes: names and numbers masked, Laplace noise on laboratory and medication figures.
        DiabetesStudy = 1, "diabetes-study", "糖尿病研究";
        /// A doctor elsewhere sees one patient's de-identified history, for hours.
        TeleConsultation = 2, "tele-consultation", "远程会诊";
        /// Results follow a referred patient.
        ReferralExchange = 3, "referral-exchange", "转诊信息共享";
        /// Case reports that the law asks for.
        PublicHealthReport = 4, "public-health-report", "公共卫生报告";
        /// Check-ups licensed to an insurer, for patients who agreed and are paid.
        InsuranceLicence = 5, "insurance-licence", "保险数据许可";
        /// One pooled dataset out of several hospitals.
        MultiCentreStudy = 6, "multi-centre-study", "多中心研究";
        /// None of these.
        Custom = 7, "custom", "自定义";
    }
}

/// What a template cannot know.
#[derive(Clone, Debug)]
pub struct Particulars {
    /// The owner.
    pub owner: OrganisationId,
    /// The datasets.
    pub datasets: BoundedSet<DatasetId, 1, 32>,
    /// Digest of the plan.
    pub plan: Digest,
    /// Digest of an ethics committee's decision or of the legal basis.
    pub ethics: Digest,
    /// The time at which it begins, in milliseconds since 1970.
    pub now_ms: u64,
    /// The data access committee.
    pub committee: BoundedSet<OrganisationId, 0, 16>,
}

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const YEAR_MS: u64 = 365 * DAY_MS;

impl Template {
    /// Terms to begin with: they hold as they are, and everything that the template does not fix may be changed.
    pub fn terms(self, particulars: &Particulars) -> Terms {
        let Particulars { owner, datasets, plan, ethics, now_ms, committee } = particulars.clone();
        let needed = committee.len().div_ceil(2) as u8;
        let research = Terms {
            template: self,
            study: None,
            datasets,
            purposes: purposes([Purpose::HealthResearch]),
            conditions: conditions([
                Condition::NonCommercial,
                Condition::EthicsApproval,
                Condition::TimeLimit,
                Condition::Geographical,
            ]),
            recipients: recipients(&[Role::Hospital, Role::Research]),
            classes: classes([
                DataClass::Demographics,
                DataClass::Encounters,
                DataClass::Conditions,
                DataClass::Observations,
                DataClass::Medications,
            ]),
            commercial: false,
            consent: ConsentMode::Required,
            on_withdrawal: OnWithdrawal::Refresh,
            plan,
            release: ReleaseModel::Controlled,
            max_risk_ppm: 90_910,
            min_cohort: 20,
            epsilon: Epsilon { per_request: 1_000_000, total: 10_000_000, per_recipient: 10_000_000 },
            price: Price::free(),
            rate: RateLimit { per_account: 10, per_organisation: 50, window_ms: DAY_MS },
            term: Term {
                from_ms: now_ms,
                until_ms: now_ms.saturating_add(2 * YEAR_MS),
                access_ms: 180 * DAY_MS,
                destroy_ms: 7 * DAY_MS,
            },
            approvals: Approvals { committee, needed },
            sandbox: None,
            export: ExportRule::Forbidden,
        };
        let nobody = Approvals { committee: set([]), needed: 0 };
        match self {
            Template::ClinicalResearch | Template::Custom => research,
            Template::DiabetesStudy => {
                Terms { purposes: purposes([Purpose::DiseaseResearch]), min_cohort: 50, ..research }
            }
            Template::MultiCentreStudy => Terms {
                purposes: purposes([Purpose::DiseaseResearch, Purpose::RealWorldStudy]),
                min_cohort: 100,
                ..research
            },
            Template::TeleConsultation | Template::ReferralExchange => Terms {
                purposes: purposes([match self {
                    Template::ReferralExchange => Purpose::Referral,
                    _ => Purpose::TeleConsultation,
                }]),
                conditions: conditions([Condition::NonCommercial, Condition::TimeLimit]),
                recipients: recipients(&[Role::Hospital]),
                classes: classes(DataClass::ALL.iter().copied().filter(|class| {
                    !matches!(class, DataClass::Genomics | DataClass::Claims | DataClass::Restricted)
                })),
                on_withdrawal: OnWithdrawal::Destroy,
                release: ReleaseModel::ViewOnly,
                max_risk_ppm: 1_000_000,
                min_cohort: 1,
                epsilon: Epsilon { per_request: 0, total: 0, per_recipient: 0 },
                term: Term {
                    access_ms: match self {
                        Template::ReferralExchange => 30 * DAY_MS,
                        _ => 4 * HOUR_MS,
                    },
                    destroy_ms: DAY_MS,
                    ..research.term
                },
                approvals: nobody,
                ..research
            },
            Template::PublicHealthReport => Terms {
                purposes: purposes([Purpose::InfectiousDiseaseReport, Purpose::HealthSurveillance]),
                conditions: conditions([Condition::NonCommercial, Condition::Geographical]),
                recipients: recipients(&[Role::PublicHealth, Role::Regulator]),
                consent: ConsentMode::Waiver { ethics },
                min_cohort: 5,
                rate: RateLimit { per_account: 500, per_organisation: 2000, window_ms: DAY_MS },
                epsilon: Epsilon {
                    per_request: 1_000_000,
                    total: 1_000_000_000,
                    per_recipient: 1_000_000_000,
                },
                approvals: nobody,
                ..research
            },
            Template::InsuranceLicence => Terms {
                purposes: purposes([Purpose::Actuarial]),
                conditions: conditions([Condition::TimeLimit, Condition::Geographical]),
                recipients: recipients(&[Role::Insurer]),
                classes: classes([DataClass::Demographics, DataClass::Observations, DataClass::VitalSigns]),
                commercial: true,
                on_withdrawal: OnWithdrawal::Destroy,
                min_cohort: 100,
                price: Price { fen: 1_000_000, organisations: [(owner, 3_000)].into(), patients: 7_000 },
                ..research
            },
        }
    }

    /// Refuses terms that break what the template fixes (CTR-5).
    ///
    /// # Errors
    /// [`TermsRefusal::Template`] with the term.
    pub fn check(self, terms: &Terms) -> Result<(), TermsRefusal> {
        let within = |broader: Purpose| terms.purposes.iter().all(|purpose| purpose.is_within(broader));
        let consented = terms.consent == ConsentMode::Required;
        let broken = match self {
            Template::Custom => None,
            Template::ClinicalResearch | Template::DiabetesStudy | Template::MultiCentreStudy => {
                if !within(Purpose::GeneralResearch) {
                    Some("purposes of research")
                } else if terms.commercial {
                    Some("that it is not commercial")
                } else if !terms.conditions.contains(&Condition::EthicsApproval) {
                    Some("the condition `ethics-approval`")
                } else if self == Template::MultiCentreStudy && terms.study.is_none() {
                    Some("that it is of a study")
                } else {
                    None
                }
            }
            Template::TeleConsultation | Template::ReferralExchange => {
                if !within(Purpose::ClinicalCare) {
                    Some("purposes of care")
                } else if !consented {
                    Some("that the patient consents")
                } else if terms.release != ReleaseModel::ViewOnly {
                    Some("that it is view only")
                } else {
                    None
                }
            }
            Template::PublicHealthReport => {
                (!within(Purpose::PublicHealth)).then_some("purposes of public health")
            }
            Template::InsuranceLicence => {
                if !within(Purpose::Insurance) {
                    Some("purposes of insurance")
                } else if !consented {
                    Some("that patients consent")
                } else if terms.price.patients == 0 {
                    Some("that patients are paid")
                } else {
                    None
                }
            }
        };
        match broken {
            Some(term) => Err(TermsRefusal::Template { template: self, term: term.into() }),
            None => Ok(()),
        }
    }
}

fn set<T: Ord, const MIN: usize, const MAX: usize>(
    values: impl IntoIterator<Item = T>,
) -> BoundedSet<T, MIN, MAX> {
    BoundedSet::new(values).expect("a template names few values")
}

fn purposes(purposes: impl IntoIterator<Item = Purpose>) -> Purposes {
    set(purposes)
}

fn classes(classes: impl IntoIterator<Item = DataClass>) -> DataClasses {
    set(classes)
}

fn conditions(conditions: impl IntoIterator<Item = Condition>) -> BoundedSet<Condition, 0, 16> {
    set(conditions)
}

fn recipients(roles: &[Role]) -> Recipients {
    Recipients::new(roles.iter().copied(), []).expect("a template names roles")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Canonical;
    use crate::vocabulary::StudyId;

    fn particulars() -> Particulars {
        Particulars {
            owner: OrganisationId::new("hospital-1").unwrap(),
            datasets: set([DatasetId([1; 32])]),
            plan: Digest([2; 32]),
            ethics: Digest([3; 32]),
            now_ms: 1_000_000,
            committee: set([OrganisationId::new("regulator-1").unwrap()]),
        }
    }

    #[test]
    fn every_template_gives_terms_that_hold() {
        for template in Template::ALL {
            let mut terms = template.terms(&particulars());
            if *template == Template::MultiCentreStudy {
                terms.study = Some(StudyId([9; 32]));
            }
            assert_eq!(terms.check(1_000_000), Ok(()), "{template}");
            assert_eq!(Terms::decode(&terms.encode()), Ok(terms.clone()));
            assert_eq!(
                serde_json::from_str::<Terms>(&serde_json::to_string(&terms).unwrap()).unwrap(),
                terms
            );
        }
    }
}
