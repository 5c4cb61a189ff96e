//! The hospital: from a seed and a number to a patient.

use medveil_deid::code::calendar;
use medveil_deid::code::resident_id::{self, Sex};

use crate::date::{Date, TODAY};
use crate::dice::{Dice, permute};
use crate::labs::Physiology;
use crate::name::Names;
use crate::patient::{Patient, Social};
use crate::person;
use crate::place::{Catchment, Place};
use crate::visit::{self, Reasons};
use crate::{note, prescribe, words};

/// A hospital whose patients are made on demand, each from the seed and its number alone.
pub struct Hospital {
    seed: u64,
    name: String,
    names: Names,
    catchment: Catchment,
    reasons: Reasons,
    doctors: Vec<String>,
}

impl Hospital {
    /// The hospital of a seed: its city, its physicians and all its patients.
    pub fn new(seed: u64) -> Self {
        let names = Names::new();
        let catchment = Catchment::new(seed);
        // Patients have the streams from 0 up.
        let mut dice = Dice::new(seed, u64::MAX);
        let doctors = (0..DOCTORS)
            .map(|_| {
                let sex = if dice.chance(550) { Sex::Male } else { Sex::Female };
                names.name(sex, dice.between(1965, 1995), "汉族", None, &mut dice).full()
            })
            .collect();
        let name = format!("{}市第一人民医院", catchment.city().city());
        Self { seed, name, names, catchment, reasons: Reasons::new(), doctors }
    }

    /// 南京市第一人民医院.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The patient with this index, from 0. Resident ids do not repeat below index [`UNIQUE_PATIENTS`].
    pub fn patient(&self, index: u64) -> Patient {
        let (mut patient, mut dice) = self.draw(index);
        patient.social = self.social(&patient, &mut dice);
        if patient.birth.age_on(TODAY) < 14 {
            patient.social.contact.phone = patient.phone;
        }
        let physiology = Physiology::new(&patient, &mut dice);
        let mut visits = std::mem::take(&mut patient.visits);
        for visit in &mut visits {
            visit.doctor.push_str(self.doctor(visit.department, &mut dice));
            visit.measurements = physiology.measure(&patient, visit, &mut dice);
            visit.prescriptions = prescribe::for_visit(visit, &mut dice);
            visit.note = note::write(&patient, visit, &mut dice);
        }
        patient.visits = visits;
        patient
    }

    /// The patient as far as `visits.csv` tells: a quarter of the work of [`Hospital::patient`], and equal to
    /// it in all that is filled in.
    pub(crate) fn outline(&self, index: u64) -> Patient {
        self.draw(index).0
    }

    fn draw(&self, index: u64) -> (Patient, Dice) {
        let mut dice = Dice::new(self.seed, index);
        let (sex, birth, sequence) = self.birth(index, &mut dice);
        let place = self.catchment.place(&mut dice);
        let ethnicity = ethnicity(&place, &mut dice);
        let (year, month, day) = birth.civil();
        let mut patient = Patient {
            number: index + 1,
            name: self.names.name(sex, year, ethnicity, None, &mut dice),
            sex,
            birth,
            ethnicity,
            resident_id: resident_id::compose(place.code, (year, month, day), sequence),
            phone: person::phone(&mut dice),
            address: self.catchment.address(place, &mut dice),
            insurance_no: u64::from(place.code / 100) * TEN_DIGITS + spread(index, 3_266_489_917, self.seed),
            record_no: spread(index, 7_046_029_253, !self.seed),
            conditions: visit::conditions(sex, birth, &mut dice),
            visits: Vec::new(),
            social: Social::default(),
        };
        patient.visits = visit::outline(&patient, &self.reasons, &mut dice);
        (patient, dice)
    }

    /// Sex, day of birth and sequence number. Two patients below [`UNIQUE_PATIENTS`] never share all three within an age
    /// group, so no two have the same resident id.
    fn birth(&self, index: u64, dice: &mut Dice) -> (Sex, Date, u16) {
        let slot = permute(index, UNIQUE_PATIENTS, self.seed ^ 0x00B1_4D00_5107);
        let (youngest, oldest) = AGES[(slot / (DAYS * SEQUENCES)) as usize];
        let sequence = (slot % SEQUENCES) as u16;
        let day_of_year = (slot / SEQUENCES % DAYS) as i32;
        let age = if oldest - youngest > 15 {
            // Old age thins out.
            dice.between(youngest, oldest).min(dice.between(youngest, oldest))
        } else {
            dice.between(youngest, oldest)
        };
        // In the year that ends on today's day of that year.
        let last = calendar::days_from_civil(TODAY.civil().0 - age, 6, 30);
        let sex = if sequence % 2 == 1 { Sex::Male } else { Sex::Female };
        (sex, Date(last - day_of_year), sequence)
    }

    fn social(&self, patient: &Patient, dice: &mut Dice) -> Social {
        person::social(patient, &self.names, dice)
    }

    fn doctor(&self, department: &str, dice: &mut Dice) -> &str {
        // Each department has three of them.
        let team = department.bytes().fold(0_usize, |sum, byte| sum * 31 % 997 + usize::from(byte));
        &self.doctors[(team * 3 + dice.below(3) as usize) % self.doctors.len()]
    }
}

fn ethnicity(place: &Place, dice: &mut Dice) -> &'static str {
    let mut roll = dice.below(1000);
    let local = words::ETHNIC.iter().find(|row| row.0 == place.code / 10_000).map_or(&[][..], |row| row.1);
    for &(name, share) in local.iter().chain(EVERYWHERE) {
        if roll < share {
            return name;
        }
        roll -= share;
    }
    "汉族"
}

/// Ten digits that no other index below 10^10 has.
fn spread(index: u64, factor: u64, start: u64) -> u64 {
    let start = start.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    // The factor has no divisor in common with ten, so this is a permutation.
    let mixed = u128::from(index) * u128::from(factor) + u128::from(start);
    (mixed % u128::from(TEN_DIGITS)) as u64
}

/// How many patients a seed has before a resident id may repeat.
pub const UNIQUE_PATIENTS: u64 = AGES.len() as u64 * DAYS * SEQUENCES;

const DAYS: u64 = 365;
const SEQUENCES: u64 = 1000;
const TEN_DIGITS: u64 = 10_000_000_000;
const DOCTORS: usize = 97;

/// Groups of age that do not overlap, each a sixteenth of the patients.
const AGES: [(i32, i32); 16] = [
    (0, 2),
    (3, 8),
    (9, 18),
    (19, 25),
    (26, 30),
    (31, 34),
    (35, 39),
    (40, 45),
    (46, 50),
    (51, 54),
    (55, 58),
    (59, 62),
    (63, 66),
    (67, 70),
    (71, 76),
    (77, 101),
];

/// Ethnic groups met in every province, in thousandths.
const EVERYWHERE: &[(&str, u32)] = &[("回族", 7), ("满族", 6), ("苗族", 3), ("土家族", 3), ("壮族", 2)];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use medveil_deid::code::resident_id::ResidentId;

    use super::*;
    use crate::analyte::{self, Analyte};
    use crate::disease::Kind;

    #[test]
    fn resident_ids_are_valid_and_agree_with_the_patient() {
        let hospital = Hospital::new(1);
        let mut seen = HashSet::new();
        for index in 0..5_000 {
            let patient = hospital.outline(index);
            let id = ResidentId::parse(&patient.resident_id).unwrap();
            assert_eq!(id.birth_date(), patient.birth.civil());
            assert_eq!(id.sex(), patient.sex);
            assert_eq!(id.region(), patient.address.place.code);
            assert!(seen.insert(patient.resident_id), "patient {index} has another's id");
        }
    }

    #[test]
    fn dates_are_ordered() {
        let hospital = Hospital::new(2);
        for index in 0..3_000 {
            let patient = hospital.outline(index);
            assert!(!patient.visits.is_empty());
            assert!(patient.birth <= TODAY);
            let mut free_from = patient.birth;
            for visit in &patient.visits {
                assert!(
                    free_from <= visit.admit && visit.admit <= visit.discharge && visit.discharge <= TODAY
                );
                assert!(visit.inpatient || visit.admit == visit.discharge);
                assert_eq!(visit.age, patient.birth.age_on(visit.admit));
                for diagnosis in &visit.diagnoses {
                    assert!(patient.birth <= diagnosis.onset && diagnosis.onset <= visit.admit);
                }
                free_from = visit.discharge;
            }
        }
    }

    #[test]
    fn a_patient_does_not_depend_on_what_else_is_made() {
        let hospital = Hospital::new(3);
        let alone = format!("{:?}", Hospital::new(3).patient(7));
        for index in 0..7 {
            hospital.patient(index);
        }
        assert_eq!(format!("{:?}", hospital.patient(7)), alone);
        assert_ne!(format!("{:?}", Hospital::new(4).patient(7)), alone);
    }

    #[test]
    fn an_outline_is_the_beginning_of_the_patient() {
        let hospital = Hospital::new(9);
        for index in 0..200 {
            let (outline, patient) = (hospital.outline(index), hospital.patient(index));
            assert_eq!((&outline.name, outline.resident_id), (&patient.name, patient.resident_id));
            assert_eq!(outline.visits.len(), patient.visits.len());
            for (sketch, visit) in outline.visits.iter().zip(&patient.visits) {
                assert_eq!(
                    (sketch.admit, sketch.glucose, sketch.cost),
                    (visit.admit, visit.glucose, visit.cost)
                );
                assert_eq!(sketch.primary().disease.code, visit.primary().disease.code);
            }
        }
    }

    #[test]
    fn identifiers_of_the_hospital_do_not_repeat() {
        let numbers: HashSet<u64> = (0..100_000).map(|index| spread(index, 3_266_489_917, 5)).collect();
        assert_eq!(numbers.len(), 100_000);
    }

    /// Mean of an analyte over the patients of whom `of` is true and of whom it isn't.
    fn means(patients: &[Patient], analyte: &'static Analyte, of: impl Fn(&Patient) -> bool) -> (i64, i64) {
        let mut sums = [(0_i64, 0_i64); 2];
        for patient in patients {
            let (sum, count) = &mut sums[usize::from(of(patient))];
            for measurement in patient.visits.iter().flat_map(|visit| &visit.measurements) {
                if std::ptr::eq(measurement.analyte, analyte) {
                    *sum += i64::from(measurement.value);
                    *count += 1;
                }
            }
        }
        let mean = |(sum, count): (i64, i64)| sum / count;
        (mean(sums[1]), mean(sums[0]))
    }

    #[test]
    fn diseases_move_their_laboratory_values() {
        let hospital = Hospital::new(11);
        let patients: Vec<Patient> = (0..3_000).map(|index| hospital.patient(index)).collect();
        let means = |analyte, of: &dyn Fn(&Patient) -> bool| means(&patients, analyte, of);
        let (with, without) = means(&analyte::GLUCOSE, &Patient::is_diabetic);
        assert!(with > without + 200 && (480..560).contains(&without), "glucose {with} {without}");
        let (with, without) = means(&analyte::HBA1C, &Patient::is_diabetic);
        assert!(with > without + 18 && (50..60).contains(&without), "HbA1c {with} {without}");
        let kidney = |patient: &Patient| patient.has(Kind::Kidney);
        let (with, without) = means(&analyte::CREATININE, &kidney);
        assert!(with > without * 2, "creatinine {with} {without}");
        let (with, without) = means(&analyte::EGFR, &kidney);
        assert!(with < 55 && without > 75, "eGFR {with} {without}");
        let (with, without) = means(&analyte::HAEMOGLOBIN, &|patient| patient.has(Kind::Anaemia));
        assert!(with + 20 < without, "haemoglobin {with} {without}");
        let (with, without) = means(&analyte::LDL, &|patient| patient.has(Kind::Lipids));
        assert!(with > without + 80, "LDL {with} {without}");
        let (with, without) = means(&analyte::SYSTOLIC, &|patient| patient.has(Kind::Hypertension));
        assert!(with > without + 15, "systolic {with} {without}");
        let (men, women) = means(&analyte::HAEMOGLOBIN, &|patient| patient.sex == Sex::Male);
        assert!(men > women + 8, "haemoglobin {men} {women}");
    }

    #[test]
    fn values_lie_inside_what_a_body_can_have() {
        let hospital = Hospital::new(12);
        for patient in (0..2_000).map(|index| hospital.patient(index)) {
            for measurement in patient.visits.iter().flat_map(|visit| &visit.measurements) {
                let (low, high) = measurement.analyte.bounds;
                assert!((low..=high).contains(&measurement.value), "{}", measurement.analyte.loinc);
            }
        }
    }

    #[test]
    fn frequencies_have_the_right_order() {
        let hospital = Hospital::new(13);
        let patients: Vec<Patient> = (0..8_000).map(|index| hospital.outline(index)).collect();
        let share = |of: &dyn Fn(&Patient) -> bool, among: &dyn Fn(&Patient) -> bool| {
            let group: Vec<_> = patients.iter().filter(|patient| among(patient)).collect();
            group.iter().filter(|patient| of(patient)).count() * 1000 / group.len()
        };
        let old = |patient: &Patient| patient.birth.age_on(TODAY) >= 65;
        let young = |patient: &Patient| (20..40).contains(&patient.birth.age_on(TODAY));
        let hypertension = |patient: &Patient| patient.has(Kind::Hypertension);
        assert!((400..700).contains(&share(&hypertension, &old)));
        assert!(share(&hypertension, &young) < 120);
        let type2 = |patient: &Patient| patient.has(Kind::Diabetes2);
        assert!((120..280).contains(&share(&type2, &old)));
        let kidney = |patient: &Patient| patient.has(Kind::Kidney);
        assert!(share(&kidney, &type2) > 2 * share(&kidney, &|patient: &Patient| !type2(patient)));
        let prostate = |patient: &Patient| patient.conditions.iter().any(|c| c.disease.code == "N40.x00");
        assert_eq!(share(&prostate, &|patient: &Patient| patient.sex == Sex::Female), 0);
    }
}
