//! Medication that fits the diagnoses and the patient.

use crate::analyte;
use crate::dice::Dice;
use crate::drug::{self, Drug};
use crate::patient::{Prescription, Visit};

/// What is prescribed at a visit whose measurements are known.
pub(crate) fn for_visit(visit: &Visit, dice: &mut Dice) -> Vec<Prescription> {
    let mut given: Vec<Prescription> = Vec::with_capacity(3);
    for (reason, diagnosis) in visit.diagnoses.iter().enumerate() {
        // Nobody gets new tablets for every old disease at every visit.
        if reason > 0 && !visit.inpatient && !dice.chance(450) {
            continue;
        }
        let choices = diagnosis.disease.drugs;
        let wanted = if choices.len() > 1 && dice.chance(380) { 2 } else { choices.len().min(1) };
        for _ in 0..wanted {
            let end = choices.len() as u32;
            let drug = choices[dice.below(end).min(dice.below(end)) as usize];
            let again = given.iter().any(|prescription| prescription.drug.atc == drug.atc);
            if given.len() < MOST && !again && suits(drug, visit) {
                given.push(Prescription { drug, dose: dice.pick(drug.doses), reason });
            }
        }
    }
    given
}

/// Whether a drug may be given: by age, and by what the laboratory found.
fn suits(drug: &Drug, visit: &Visit) -> bool {
    let is = |other: &Drug| std::ptr::eq(drug, other);
    let measured = |analyte| {
        visit
            .measurements
            .iter()
            .find(|m| std::ptr::eq(m.analyte, analyte))
            .map(|measurement| measurement.value)
    };
    if visit.age < 14 {
        let adults_only = [
            &drug::LEVOFLOXACIN,
            &drug::ACETAMINOPHEN,
            &drug::IBUPROFEN,
            &drug::TAMSULOSIN,
            &drug::CELECOXIB,
            &drug::ATORVASTATIN,
            &drug::ALPRAZOLAM,
        ];
        return !adults_only.into_iter().any(is);
    }
    if is(&drug::METFORMIN) || is(&drug::DAPAGLIFLOZIN) {
        // Contraindicated below 30 mL/min/1.73 m².
        return measured(&analyte::EGFR).is_none_or(|rate| rate >= 30);
    }
    if is(&drug::EPOETIN) {
        return measured(&analyte::HAEMOGLOBIN).is_some_and(|value| value < 100);
    }
    !is(&drug::IBUPROFEN_DROPS)
}

const MOST: usize = 7;
