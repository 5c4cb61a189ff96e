//! Laboratory values and vital signs that agree with the patient's diseases and with each other.
//!
//! A patient has levels of their own ([`Physiology`]) about which the values of each visit lie closely; diseases move
//! the levels. Creatinine decides the filtration rate, and with it urea, potassium, uric acid and haemoglobin; HDL,
//! LDL and triglycerides make up the cholesterol.

use medveil_deid::code::resident_id::Sex;

use crate::analyte::{self as a, Analyte};
use crate::date::TODAY;
use crate::dice::Dice;
use crate::disease::Kind;
use crate::patient::{Measurement, Patient, Visit};

/// A patient's own levels.
pub(crate) struct Physiology {
    stature: i32,
    bmi: i32,
    pressure: i32,
    pulse: i32,
    haemoglobin: i32,
    white_cells: i32,
    platelets: i32,
    /// `None` for children, whose level grows with them.
    creatinine: Option<i32>,
    urate: i32,
    ldl: i32,
    hdl: i32,
    triglycerides: i32,
    liver: i32,
    albumin: i32,
    thyroid: i32,
}

impl Physiology {
    pub(crate) fn new(patient: &Patient, dice: &mut Dice) -> Self {
        let age = patient.birth.age_on(TODAY) as i32;
        let male = patient.sex == Sex::Male;
        let by_sex = |men: i32, women: i32| if male { men } else { women };
        let plus = |kind, amount: i32| if patient.has(kind) { amount } else { 0 };

        let kidney_loss = if patient.has(Kind::Kidney) {
            // Most patients are in the early stages.
            Some(dice.between(0, 520).min(dice.between(0, 520)).min(dice.between(0, 520)))
        } else {
            None
        };
        let creatinine = match kidney_loss {
            Some(loss) => by_sex(135, 112) + loss,
            None => dice.bell(by_sex(76, 57), by_sex(9, 7)) + (age - 60).max(0) / 4,
        };
        let anaemia = if patient.has(Kind::Anaemia) {
            by_sex(52, 42) + dice.below(18) as i32
        } else {
            kidney_loss.unwrap_or(0) / 12
        };
        let child = age < 18;
        Self {
            stature: dice.bell(0, 60),
            bmi: if child { dice.bell(168, 18) } else { dice.bell(230, 26) }
                + plus(Kind::Diabetes2, 18)
                + plus(Kind::Hypertension, 9)
                + plus(Kind::FattyLiver, 20)
                - plus(Kind::Tumour, 22),
            pressure: if child { 86 + age * 2 } else { 106 + age * 3 / 10 }
                + dice.bell(0, 8)
                + plus(Kind::Hypertension, 19),
            pulse: dice.bell(if age < 6 { 112 } else { 75 }, 7) + plus(Kind::Hyperthyroid, 24),
            haemoglobin: dice.bell(if child { 130 } else { by_sex(152, 132) }, 7)
                - (age - 70).max(0) / 3
                - anaemia
                - plus(Kind::Tumour, 16),
            white_cells: dice.bell(if child { 740 } else { 615 }, 105),
            platelets: dice.bell(232, 40),
            creatinine: (!child || kidney_loss.is_some()).then_some(creatinine),
            urate: dice.bell(by_sex(345, 268), 45) + plus(Kind::Gout, 145) + kidney_loss.unwrap_or(0) / 4,
            ldl: dice.bell(if child { 225 } else { 262 }, 42)
                + plus(Kind::Lipids, 128)
                + plus(Kind::Diabetes2, 18)
                - plus(Kind::Vascular, 45),
            hdl: dice.bell(by_sex(122, 142), 20) - plus(Kind::Lipids, 12) - plus(Kind::Diabetes2, 12),
            triglycerides: dice.bell(115, 28)
                + if patient.has(Kind::Lipids) { dice.between(50, 260) } else { 0 }
                + plus(Kind::Diabetes2, 40)
                + plus(Kind::FattyLiver, 35),
            liver: dice.bell(by_sex(22, 18), 5)
                + if patient.has(Kind::FattyLiver) { dice.between(5, 50) } else { 0 }
                + if patient.has(Kind::Hepatitis) { dice.between(5, 140) } else { 0 },
            albumin: dice.bell(455, 20) - (age - 60).max(0) - plus(Kind::Tumour, 55) - plus(Kind::Kidney, 35),
            thyroid: match (patient.has(Kind::Hyperthyroid), patient.has(Kind::Hypothyroid)) {
                (true, _) => dice.between(1, 20),
                (_, true) => dice.between(430, 2200),
                _ => dice.bell(195, 45).max(35),
            },
        }
    }

    /// What is measured at a visit.
    pub(crate) fn measure(&self, patient: &Patient, visit: &Visit, dice: &mut Dice) -> Vec<Measurement> {
        let mut out = Sheet(Vec::with_capacity(if visit.inpatient { 32 } else { 12 }));
        let ill = visit.primary().disease.kind == Kind::Infection;
        self.vital_signs(patient, visit, ill, &mut out, dice);
        for (analyte, value) in [(&a::GLUCOSE, visit.glucose), (&a::HBA1C, visit.hba1c)] {
            if let Some(value) = value {
                out.add(analyte, value);
            }
        }
        let mut wants = |usual: u32, kinds: &[Kind]| {
            let reason = visit.diagnoses.iter().any(|diagnosis| kinds.contains(&diagnosis.disease.kind));
            visit.inpatient || dice.chance(if reason { 750 } else { usual })
        };
        let blood_count = wants(180, &[Kind::Infection, Kind::Anaemia, Kind::Tumour]);
        let kidneys = wants(90, &[Kind::Kidney, Kind::Gout, Kind::Diabetes2, Kind::Hypertension]);
        let lipids = wants(60, &[Kind::Lipids, Kind::Vascular, Kind::Diabetes2]);
        let liver = wants(70, &[Kind::Hepatitis, Kind::FattyLiver, Kind::Tumour]);
        let thyroid = wants(15, &[Kind::Hyperthyroid, Kind::Hypothyroid]);
        if blood_count {
            self.blood_count(ill, &mut out, dice);
        }
        if kidneys {
            self.kidneys(patient, visit, &mut out, dice);
        }
        if lipids {
            self.lipids(&mut out, dice);
        }
        if liver {
            self.liver(&mut out, dice);
        }
        if thyroid {
            out.add(&a::TSH, self.thyroid + dice.bell(0, self.thyroid / 12));
        }
        out.0
    }

    fn vital_signs(&self, patient: &Patient, visit: &Visit, ill: bool, out: &mut Sheet, dice: &mut Dice) {
        let systolic = self.pressure + dice.bell(0, 6);
        out.add(&a::SYSTOLIC, systolic);
        out.add(&a::DIASTOLIC, systolic * 61 / 100 + dice.bell(0, 4));
        let fever = if ill && dice.chance(650) { dice.between(4, 28) } else { 0 };
        out.add(&a::PULSE, self.pulse + dice.bell(0, 4) + fever * 6 / 10);
        if visit.inpatient || ill {
            out.add(&a::TEMPERATURE, dice.bell(366, 2) + fever);
        }
        if visit.inpatient {
            let child = if visit.age < 6 { 8 } else { 0 };
            let lungs = if patient.has(Kind::Lungs) { dice.between(1, 7) } else { 0 };
            out.add(&a::RESPIRATION, dice.bell(17, 1) + child + lungs / 2 + fever / 8);
            out.add(&a::SATURATION, (dice.bell(980, 7) / 10 - lungs).min(100));
        }
        if visit.inpatient || visit.number == 1 {
            let height = self.height(visit.age, patient.sex);
            let bmi = self.bmi + dice.bell(0, 4);
            // Rounded as on the ward: weight first, then the index from what was weighed.
            let weight = bmi * height * height / 10_000;
            out.add(&a::HEIGHT, height);
            out.add(&a::WEIGHT, weight);
            if visit.age >= 2 {
                out.add(&a::BMI, (weight * 10_000 + height * height / 2) / (height * height));
            }
        }
    }

    /// In centimetres.
    fn height(&self, age: u32, sex: Sex) -> i32 {
        const BOYS: [i32; 18] =
            [66, 80, 90, 98, 106, 113, 119, 126, 132, 137, 143, 149, 156, 163, 168, 171, 172, 172];
        const GIRLS: [i32; 18] =
            [65, 79, 89, 97, 105, 112, 118, 124, 131, 137, 144, 150, 154, 157, 159, 160, 160, 160];
        let (growing, grown) = if sex == Sex::Male { (BOYS, 172) } else { (GIRLS, 160) };
        let mean = growing.get(age as usize).copied().unwrap_or(grown - (age as i32 - 30).max(0) / 9);
        mean + mean * self.stature / 1_700
    }

    fn blood_count(&self, ill: bool, out: &mut Sheet, dice: &mut Dice) {
        let raised = if ill { dice.between(0, 650) } else { 0 };
        out.add(&a::WBC, self.white_cells + raised + dice.bell(0, 40));
        out.add(&a::NEUTROPHILS, dice.bell(575, 50) + raised / 3);
        out.add(&a::HAEMOGLOBIN, self.haemoglobin + dice.bell(0, 3));
        out.add(&a::PLATELETS, self.platelets + dice.bell(0, 14));
        if ill {
            out.add(&a::CRP, 15 + raised * dice.between(4, 22) / 10);
        } else if dice.chance(300) {
            out.add(&a::CRP, dice.between(5, 60));
        }
    }

    fn kidneys(&self, patient: &Patient, visit: &Visit, out: &mut Sheet, dice: &mut Dice) {
        let level = self.creatinine.unwrap_or(20 + visit.age as i32 * 5 / 2);
        let creatinine = (level + dice.bell(0, level / 25)).max(a::CREATININE.bounds.0);
        let excess = (creatinine - 100).max(0);
        out.add(&a::CREATININE, creatinine);
        if visit.age >= 18 {
            out.add(&a::EGFR, a::filtration_rate(creatinine, visit.age, patient.sex));
        }
        out.add(&a::UREA, dice.bell(50, 8) + excess * 4 / 10);
        out.add(&a::URATE, self.urate + dice.bell(0, 16));
        out.add(&a::POTASSIUM, dice.bell(420, 24) + (excess / 4).min(110));
        out.add(&a::SODIUM, dice.bell(141, 2));
    }

    fn lipids(&self, out: &mut Sheet, dice: &mut Dice) {
        let ldl = (self.ldl + dice.bell(0, 16)).max(70);
        let hdl = (self.hdl + dice.bell(0, 6)).max(50);
        let triglycerides = (self.triglycerides + dice.bell(0, 14)).max(40);
        // Friedewald's equation, the other way round: what is neither LDL nor HDL is the triglycerides / 2.2.
        out.add(&a::CHOLESTEROL, ldl + hdl + triglycerides * 10 / 22 + dice.bell(0, 5));
        out.add(&a::TRIGLYCERIDES, triglycerides);
        out.add(&a::HDL, hdl);
        out.add(&a::LDL, ldl);
    }

    fn liver(&self, out: &mut Sheet, dice: &mut Dice) {
        let alt = (self.liver + dice.bell(0, self.liver / 8)).max(6);
        out.add(&a::ALT, alt);
        out.add(&a::AST, 10 + alt * 55 / 100 + dice.bell(0, 2));
        out.add(&a::BILIRUBIN, dice.bell(118, 32) + (alt - 60).max(0));
        out.add(&a::ALBUMIN, self.albumin + dice.bell(0, 8));
    }
}

struct Sheet(Vec<Measurement>);

impl Sheet {
    fn add(&mut self, analyte: &'static Analyte, value: i32) {
        let (low, high) = analyte.bounds;
        self.0.push(Measurement { analyte, value: value.clamp(low, high) });
    }
}
