//! Purposes of use, in one order from broad to narrow.
//!
//! Terms of the [Data Use Ontology](https://github.com/EBISPOT/DUO), release 2021-02-23 (`http://purl.obolibrary.org/obo/duo/releases/2021-02-23/duo.owl`), stand beside the uses that
//! Chinese law and standards name (GB/T 39725-2020, clause 11; Law on the Prevention and Treatment of Infectious Diseases; Good Clinical Practice 2020). A purpose *is within* another when whoever permits the other permits it.
//!
//! ```text
//! no-restriction ─┬─ general-research ─┬─ health-research ─┬─ disease-research, genetic-research, drug-development, clinical-trial,
//!                 │                    │                   └─ real-world-study, pharmacovigilance
//!                 │                    ├─ ancestry-research, population-research, research-control
//!                 │                    └─ method-development ── model-training
//!                 ├─ clinical-care ──── tele-consultation, referral, tele-monitoring, emergency-care
//!                 ├─ public-health ──── infectious-disease-report, health-surveillance, public-health-emergency, pharmacovigilance
//!                 ├─ insurance ──────── basic-insurance, underwriting, claims, actuarial
//!                 ├─ operations ─────── quality-control, medical-education
//!                 └─ oversight
//! ```
//! As in the ontology, health research does not include ancestry (DUO:0000006), general research does (DUO:0000042).

use crate::bounded::BoundedSet;
use crate::role::vocabulary;

vocabulary! {
    /// What data are used for. Disease-specific research names no disease here: which one is in the study's protocol, off the ledger.
    Purpose {
        /// Any use.
        NoRestriction = 0, "no-restriction", "不限用途";
        /// Any research.
        GeneralResearch = 1, "general-research", "一般科学研究";
        /// Research on health, medical or biomedical questions.
        HealthResearch = 2, "health-research", "卫生健康与医学研究";
        /// Research on a disease.
        DiseaseResearch = 3, "disease-research", "特定疾病研究";
        /// Research on genes, their variation and heredity.
        GeneticResearch = 4, "genetic-research", "遗传学研究";
        /// Research for a drug.
        DrugDevelopment = 5, "drug-development", "药物研发";
        /// Research on origins and ancestry.
        AncestryResearch = 6, "ancestry-research", "人群起源与祖源研究";
        /// Research on a group of the population.
        PopulationResearch = 7, "population-research", "特定人群研究";
        /// Methods, algorithms, software.
        MethodDevelopment = 8, "method-development", "方法开发";
        /// As reference or control.
        ResearchControl = 9, "research-control", "研究对照";
        /// A clinical trial.
        ClinicalTrial = 10, "clinical-trial", "临床试验";
        /// A study on data of care as it was given.
        RealWorldStudy = 11, "real-world-study", "真实世界研究";
        /// Training of a model.
        ModelTraining = 12, "model-training", "人工智能模型训练";
        /// Care of the patient.
        ClinicalCare = 20, "clinical-care", "临床诊疗";
        /// A doctor elsewhere is consulted.
        TeleConsultation = 21, "tele-consultation", "远程会诊";
        /// Another hospital goes on with the treatment.
        Referral = 22, "referral", "转诊";
        /// Vital signs are watched from afar.
        TeleMonitoring = 23, "tele-monitoring", "远程监测";
        /// First aid.
        EmergencyCare = 24, "emergency-care", "急诊急救";
        /// The health of the population.
        PublicHealth = 30, "public-health", "公共卫生";
        /// A report that the law asks for.
        InfectiousDiseaseReport = 31, "infectious-disease-report", "传染病报告";
        /// Trends are watched.
        HealthSurveillance = 32, "health-surveillance", "健康监测";
        /// An emergency of public health.
        PublicHealthEmergency = 33, "public-health-emergency", "突发公共卫生事件处置";
        /// Safety of drugs on the market.
        Pharmacovigilance = 34, "pharmacovigilance", "药物警戒";
        /// Insurance.
        Insurance = 40, "insurance", "保险";
        /// Settlement and supervision of the basic insurance.
        BasicInsurance = 41, "basic-insurance", "基本医疗保险结算与监管";
        /// Whether and at what price to insure.
        Underwriting = 42, "underwriting", "商业保险核保";
        /// Claims.
        Claims = 43, "claims", "商业保险理赔";
        /// Tariffs.
        Actuarial = 44, "actuarial", "保险精算";
        /// Running an organisation.
        Operations = 50, "operations", "机构运营管理";
        /// Quality of care.
        QualityControl = 51, "quality-control", "医疗质量管理";
        /// Teaching.
        MedicalEducation = 52, "medical-education", "医学教育";
        /// Supervision and audit.
        Oversight = 60, "oversight", "监督与审计";
    }
}

/// The purposes of a provision or contract.
pub type Purposes = BoundedSet<Purpose, 1, 16>;

impl Purpose {
    /// The purposes directly above: whoever permits one of them permits this one.
    pub const fn parents(self) -> &'static [Purpose] {
        use Purpose::*;
        match self {
            NoRestriction => &[],
            GeneralResearch | ClinicalCare | PublicHealth | Insurance | Operations | Oversight => {
                &[NoRestriction]
            }
            HealthResearch | AncestryResearch | PopulationResearch | MethodDevelopment | ResearchControl => {
                &[GeneralResearch]
            }
            DiseaseResearch | GeneticResearch | DrugDevelopment | ClinicalTrial | RealWorldStudy => {
                &[HealthResearch]
            }
            ModelTraining => &[MethodDevelopment],
            TeleConsultation | Referral | TeleMonitoring | EmergencyCare => &[ClinicalCare],
            InfectiousDiseaseReport | HealthSurveillance | PublicHealthEmergency => &[PublicHealth],
            Pharmacovigilance => &[PublicHealth, HealthResearch],
            BasicInsurance | Underwriting | Claims | Actuarial => &[Insurance],
            QualityControl | MedicalEducation => &[Operations],
        }
    }

    /// The term of the Data Use Ontology that means the same: a permission, or the investigation of that name.
    pub const fn duo(self) -> Option<&'static str> {
        Some(match self {
            Purpose::NoRestriction => "DUO:0000004",
            Purpose::GeneralResearch => "DUO:0000042",
            Purpose::HealthResearch => "DUO:0000006",
            Purpose::DiseaseResearch => "DUO:0000007",
            Purpose::AncestryResearch => "DUO:0000011",
            Purpose::ClinicalCare => "DUO:0000043",
            Purpose::MethodDevelopment => "DUO:0000031",
            Purpose::PopulationResearch => "DUO:0000032",
            Purpose::ResearchControl => "DUO:0000036",
            Purpose::GeneticResearch => "DUO:0000038",
            Purpose::DrugDevelopment => "DUO:0000039",
            _ => return None,
        })
    }

    /// Whether whoever permits `broader` permits this.
    pub const fn is_within(self, broader: Purpose) -> bool {
        ABOVE[self as usize] >> broader as u32 & 1 == 1
    }

    /// Whether one of the two is within the other: to deny the one touches the other.
    pub fn is_comparable(self, other: Purpose) -> bool {
        self.is_within(other) || other.is_within(self)
    }

    /// This purpose and all above it, each once, in the order of their numbers.
    pub fn with_broader(self) -> impl Iterator<Item = Purpose> {
        let above = ABOVE[self as usize];
        Purpose::ALL.iter().copied().filter(move |purpose| above >> *purpose as u32 & 1 == 1)
    }

    /// Those that are strictly above.
    pub fn broader(self) -> impl Iterator<Item = Purpose> {
        self.with_broader().filter(move |above| *above != self)
    }

    /// Whether it is done for gain.
    pub const fn is_commercial(self) -> bool {
        matches!(self, Purpose::Underwriting | Purpose::Claims | Purpose::Actuarial)
    }
}

/// For each number of a purpose, a bit for each purpose within which it is, itself among them: decisions look at some dozen of them.
const ABOVE: [u64; 64] = {
    let mut above = [0; 64];
    let mut next = 0;
    while next < Purpose::ALL.len() {
        let purpose = Purpose::ALL[next];
        above[purpose as usize] = with_parents(purpose);
        next += 1;
    }
    above
};

const fn with_parents(purpose: Purpose) -> u64 {
    let mut bits = 1 << purpose as u32;
    let mut next = 0;
    while next < purpose.parents().len() {
        bits |= with_parents(purpose.parents()[next]);
        next += 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_a_partial_order_with_one_greatest() {
        for a in Purpose::ALL {
            assert!(a.is_within(*a) && a.is_within(Purpose::NoRestriction), "{a}");
            for b in Purpose::ALL {
                assert!(a == b || !(a.is_within(*b) && b.is_within(*a)), "{a} and {b}");
                for c in Purpose::ALL {
                    assert!(!(a.is_within(*b) && b.is_within(*c)) || a.is_within(*c), "{a} {b} {c}");
                }
            }
        }
    }

    #[test]
    fn as_in_the_ontology_health_research_excludes_ancestry_and_general_research_includes_it() {
        assert!(!Purpose::AncestryResearch.is_within(Purpose::HealthResearch));
        assert!(Purpose::AncestryResearch.is_within(Purpose::GeneralResearch));
        assert!(Purpose::DiseaseResearch.is_within(Purpose::HealthResearch));
        assert!(!Purpose::HealthResearch.is_within(Purpose::DiseaseResearch));
        assert!(!Purpose::GeneralResearch.is_within(Purpose::ClinicalCare));
    }

    #[test]
    fn a_purpose_below_two_is_permitted_by_either() {
        let above: Vec<_> = Purpose::Pharmacovigilance.broader().collect();
        assert_eq!(
            above,
            [
                Purpose::NoRestriction,
                Purpose::GeneralResearch,
                Purpose::HealthResearch,
                Purpose::PublicHealth
            ]
        );
        // What reads coverage for each of these does bounded work.
        assert!(Purpose::ALL.iter().all(|purpose| purpose.with_broader().count() <= 5));
    }
}
