//! Diseases and visits: who has what, who comes when and for what.

use medveil_deid::code::resident_id::Sex;

use crate::analyte;
use crate::date::{Date, OPENED, TODAY};
use crate::dice::{Dice, running_totals};
use crate::disease::{ACUTE, CHRONIC, Disease, Kind, age_band};
use crate::patient::{Diagnosis, Patient, Visit};

/// Weights of the diseases that pass, by age band and sex.
pub(crate) struct Reasons {
    totals: Vec<[Vec<u32>; 2]>,
}

impl Reasons {
    pub(crate) fn new() -> Self {
        let weights = |band, sex| running_totals(ACUTE.iter().map(|disease| disease.frequency_in(band, sex)));
        Self { totals: (0..7).map(|band| [weights(band, Sex::Male), weights(band, Sex::Female)]).collect() }
    }

    fn draw(&self, age: u32, sex: Sex, dice: &mut Dice) -> &'static Disease {
        let totals = &self.totals[age_band(age)][usize::from(sex == Sex::Female)];
        &ACUTE[dice.weighted(totals)]
    }
}

/// The chronic diseases of somebody, each since before the hospital could see it.
pub(crate) fn conditions(sex: Sex, birth: Date, dice: &mut Dice) -> Vec<Diagnosis> {
    let seen_from = birth.max(OPENED);
    let band = age_band(birth.age_on(seen_from));
    let earliest = birth.0.max(seen_from.0 - 15 * 365);
    let mut found: Vec<Diagnosis> = Vec::new();
    for disease in CHRONIC {
        let frequency = disease.frequency_in(band, sex) * comorbidity(disease.kind, &found) / 100;
        if dice.chance(frequency.min(900)) {
            found.push(Diagnosis { disease, onset: Date(dice.between(earliest, seen_from.0)) });
        }
    }
    found
}

/// How much more frequent a kind of disease is with those found before it, in percent.
fn comorbidity(kind: Kind, found: &[Diagnosis]) -> u32 {
    let has = |kind| found.iter().any(|diagnosis| diagnosis.disease.kind == kind);
    let diabetic = has(Kind::Diabetes1) || has(Kind::Diabetes2);
    let times = |condition, percent| if condition { percent } else { 100 };
    match kind {
        // Nobody has both types.
        Kind::Diabetes2 => times(has(Kind::Diabetes1), 0),
        Kind::Hypertension => times(diabetic, 140),
        Kind::Lipids => times(diabetic, 160) * times(has(Kind::Hypertension), 130) / 100,
        Kind::Kidney => times(diabetic, 240) * times(has(Kind::Hypertension), 150) / 100,
        Kind::Vascular => {
            times(diabetic, 135) * times(has(Kind::Hypertension), 140) / 100 * times(has(Kind::Lipids), 125)
                / 100
        }
        Kind::Anaemia => times(has(Kind::Kidney), 400),
        Kind::Gout => times(has(Kind::Kidney), 200) * times(has(Kind::Lipids), 140) / 100,
        Kind::FattyLiver => times(has(Kind::Diabetes2), 190) * times(has(Kind::Lipids), 170) / 100,
        _ => 100,
    }
}

/// The visits of a patient whose conditions are known, with what `visits.csv` says about them; measurements,
/// prescriptions and notes come later.
pub(crate) fn outline(patient: &Patient, reasons: &Reasons, dice: &mut Dice) -> Vec<Visit> {
    let start = patient.birth.max(OPENED);
    let extra = [0, 0, 0, 1, 1, 2, 3][dice.below(7) as usize];
    let chronic = patient.conditions.len().min(4) as u32;
    let count = (1 + extra + (0..chronic).map(|_| dice.below(3)).sum::<u32>()) as usize;
    let mut days = [0; MOST_VISITS];
    let days = &mut days[..count.min(MOST_VISITS)];
    days.fill_with(|| dice.between(start.0, TODAY.0));
    days.sort_unstable();

    let usual_hba1c = usual_hba1c(patient, dice);
    let mut visits: Vec<Visit> = Vec::with_capacity(days.len());
    let mut free_from = start.0;
    for &mut day in days {
        let admit = Date(day.max(free_from));
        if admit > TODAY {
            break;
        }
        let visit = one_visit(patient, &visits, admit, usual_hba1c, reasons, dice);
        free_from = visit.discharge.0 + 1;
        visits.push(visit);
    }
    visits
}

fn one_visit(
    patient: &Patient,
    earlier: &[Visit],
    admit: Date,
    usual_hba1c: i32,
    reasons: &Reasons,
    dice: &mut Dice,
) -> Visit {
    let age = patient.birth.age_on(admit);
    let primary = if !patient.conditions.is_empty() && dice.chance(600) {
        dice.pick(&patient.conditions)
    } else {
        let mut disease = reasons.draw(age, patient.sex, dice);
        while again_too_soon(disease, admit, earlier) {
            disease = reasons.draw(age, patient.sex, dice);
        }
        Diagnosis { disease, onset: Date((admit.0 - dice.between(0, 9)).max(patient.birth.0)) }
    };
    let inpatient = dice.chance(primary.disease.inpatient.into());
    let stay = if inpatient { dice.bell(7, 4).clamp(1, 24) } else { 0 };
    let discharge = Date((admit.0 + stay).min(TODAY.0));

    let mut diagnoses = Vec::with_capacity(4);
    diagnoses.push(primary);
    for condition in &patient.conditions {
        let another = condition.disease.code != primary.disease.code;
        if another && diagnoses.len() < 6 && (inpatient || dice.chance(300)) {
            diagnoses.push(*condition);
        }
    }

    let hba1c = usual_hba1c + dice.bell(0, 3);
    let glucose = if patient.is_diabetic() {
        // Close to the estimated average glucose of Nathan et al. (Diabetes Care 2008;31:1473), less what a
        // night without food takes off.
        hba1c * 135 / 10 - 230 + dice.bell(0, 90)
    } else {
        let stress = if primary.disease.kind == Kind::Infection { 25 } else { 0 };
        dice.bell(497, 42) + age as i32 / 2 + stress
    };
    let within = |value: i32, (low, high): (i32, i32)| value.clamp(low, high);
    let hba1c_wanted = if patient.is_diabetic() { 900 } else { 250 };
    let glucose = dice.chance(880).then(|| within(glucose, analyte::GLUCOSE.bounds));
    let hba1c = dice.chance(hba1c_wanted).then(|| within(hba1c, analyte::HBA1C.bounds));
    Visit {
        number: earlier.len() as u8 + 1,
        inpatient,
        department: department(primary.disease, age),
        doctor: String::new(),
        admit,
        discharge,
        age,
        cost: cost(&primary, stay, diagnoses.len(), dice),
        diagnoses,
        glucose,
        hba1c,
        measurements: Vec::new(),
        prescriptions: Vec::new(),
        note: String::new(),
    }
}

/// Whether nobody can have this at `admit` after the visits before: a birth within ten months of another, an appendix
/// taken out twice.
fn again_too_soon(disease: &Disease, admit: Date, earlier: &[Visit]) -> bool {
    let days = match &disease.code[..3] {
        "O80" => 300,
        "K35" | "K81" => i32::MAX,
        _ => return false,
    };
    earlier.iter().any(|visit| visit.primary().disease.code == disease.code && admit.0 - visit.admit.0 < days)
}

/// HbA1c about which a patient's values lie, in tenths of a percent.
fn usual_hba1c(patient: &Patient, dice: &mut Dice) -> i32 {
    if patient.is_diabetic() {
        let poor = if dice.chance(170) { 18 } else { 0 };
        (dice.bell(78, 11) + poor).max(58)
    } else {
        dice.bell(52, 2) + patient.birth.age_on(TODAY) as i32 / 25
    }
}

fn department(disease: &Disease, age: u32) -> &'static str {
    match disease.department {
        "呼吸内科" | "消化内科" | "感染科" | "内分泌科" | "心血管内科" | "肾内科" | "血液内科"
            if age < 14 =>
        {
            "儿科"
        }
        other => other,
    }
}

/// In fen.
fn cost(primary: &Diagnosis, stay: i32, diagnoses: usize, dice: &mut Dice) -> u64 {
    let clinic = dice.between(1_200, 42_000) + dice.between(0, 6_000) * diagnoses as i32;
    let ward = stay * dice.between(62_000, 165_000);
    let theatre = matches!(primary.disease.department, "普通外科" | "骨科" | "肿瘤科" | "眼科") && stay > 0;
    let theatre = if theatre { dice.between(350_000, 3_200_000) } else { 0 };
    (clinic + ward + theatre).unsigned_abs().into()
}

const MOST_VISITS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hospital;

    #[test]
    fn nobody_gives_birth_twice_in_ten_months() {
        let hospital = Hospital::new(21);
        let mut births = 0;
        for index in 0..6_000 {
            let patient = hospital.outline(index);
            let days: Vec<i32> = patient
                .visits
                .iter()
                .filter(|visit| visit.primary().disease.code == "O80.000")
                .map(|visit| visit.admit.0)
                .collect();
            assert!(days.windows(2).all(|pair| pair[1] - pair[0] >= 300));
            assert!(days.is_empty() || patient.sex == Sex::Female);
            births += days.len();
        }
        assert!(births > 50);
    }
}
