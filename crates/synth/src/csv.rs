//! The hospital as tables: `patients.csv`, `visits.csv`, `diagnoses.csv`, `labs.csv`, `medications.csv`.
//!
//! UTF-8 without a mark, comma, RFC 4180 quoting, LF. `visits.csv` has twenty columns and a row of some 230 bytes; it
//! is what the benchmarks read. Notes are in `diagnoses.csv`, in the row of the diagnosis that led to the visit.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use medveil_deid::code::resident_id::Sex;

use crate::hospital::Hospital;
use crate::id::Id;
use crate::patient::{Flag, Patient, Prescription};
use crate::put::Put;
use crate::{Error, RUN, parallel, stream};

/// Writes the five tables of the first `patients` patients into `dir`, which is made if need be. `progress` gets the
/// number of patients written so far. Files of these names are replaced.
pub fn write_all(dir: &Path, patients: u64, seed: u64, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
    std::fs::create_dir_all(dir).map_err(|source| Error::new(dir, source))?;
    let hospital = Hospital::new(seed);
    let mut files = Vec::with_capacity(TABLES.len());
    for (name, header) in TABLES {
        let path = dir.join(name);
        let mut file = File::create(&path).map_err(|source| Error::new(&path, source))?;
        file.write_all(header.as_bytes()).map_err(|source| Error::new(&path, source))?;
        files.push((path, file));
    }
    parallel::in_order(
        patients.div_ceil(RUN),
        |job| {
            let mut tables: [Vec<u8>; 5] = Default::default();
            let last = patients.min((job + 1) * RUN);
            for index in job * RUN..last {
                rows(&hospital.patient(index), &mut tables);
            }
            (last, tables)
        },
        |(done, tables)| {
            for ((path, file), table) in files.iter_mut().zip(&tables) {
                file.write_all(table).map_err(|source| Error::new(path, source))?;
            }
            progress(done);
            Ok(true)
        },
    )
}

/// Writes `visits.csv` with as many rows as go into `bytes`; they are the first rows of the file that [`write_all`]
/// makes with the same seed. Returns the bytes written.
pub fn visits_sized(seed: u64, bytes: u64, writer: &mut impl Write) -> io::Result<u64> {
    let hospital = Hospital::new(seed);
    let make = |patients: std::ops::Range<u64>| {
        let mut out = Vec::with_capacity(900 * (patients.end - patients.start) as usize);
        patients.for_each(|index| visit_rows(&hospital.outline(index), &mut out));
        out
    };
    stream::lines(TABLES[1].1.as_bytes(), bytes, 1024, make, writer)
}

/// Names and header lines.
const TABLES: [(&str, &str); 5] = [
    (
        "patients.csv",
        "patient_id,record_no,name,sex,birth_date,resident_id,phone,email,address,postcode,district_code,insurance_no,\
         insurance_type,ethnicity,marital_status,occupation,employer,contact_name,contact_relation,contact_phone\n",
    ),
    (
        "visits.csv",
        "visit_id,patient_id,name,resident_id,sex,birth_date,age,phone,address,postcode,district_code,insurance_no,\
         department,admit_date,discharge_date,diagnosis_code,diagnosis,glucose,hba1c,cost\n",
    ),
    (
        "diagnoses.csv",
        "diagnosis_id,visit_id,patient_id,visit_type,department,doctor,rank,diagnosis_code,diagnosis,onset_date,\
         recorded_date,note\n",
    ),
    (
        "labs.csv",
        "lab_id,visit_id,patient_id,category,loinc,item,value,unit,reference_low,reference_high,flag,collected_date\n",
    ),
    (
        "medications.csv",
        "medication_id,visit_id,patient_id,atc,drug,dose,dose_unit,frequency,route,days,prescribed_date,diagnosis_code\n",
    ),
];

fn rows(patient: &Patient, [patients, visits, diagnoses, labs, medications]: &mut [Vec<u8>; 5]) {
    patient_row(patient, patients);
    visit_rows(patient, visits);
    diagnosis_rows(patient, diagnoses);
    lab_rows(patient, labs);
    medication_rows(patient, medications);
}

pub(crate) fn sex_text(sex: Sex) -> &'static str {
    match sex {
        Sex::Male => "男",
        Sex::Female => "女",
    }
}

/// The single dose, without zeros at the end.
pub(crate) fn put_dose(prescription: &Prescription, out: &mut Vec<u8>) {
    let dose = i64::from(prescription.dose);
    match dose {
        _ if dose % 1000 == 0 => out.put_fixed(dose / 1000, 0),
        _ if dose % 100 == 0 => out.put_fixed(dose / 100, 1),
        _ if dose % 10 == 0 => out.put_fixed(dose / 10, 2),
        _ => out.put_fixed(dose, 3),
    }
}

fn put_name(patient: &Patient, out: &mut Vec<u8>) {
    out.put(&patient.name.family);
    out.put(&patient.name.given);
}

/// Province to door; none of the words needs quotes.
fn put_address(patient: &Patient, out: &mut Vec<u8>) {
    let place = &patient.address.place;
    for part in [place.province, place.prefecture, place.county, &patient.address.line] {
        out.put(part);
    }
}

fn patient_row(patient: &Patient, out: &mut Vec<u8>) {
    let social = &patient.social;
    Id::Patient(patient.number).put(out);
    out.push(b',');
    out.put_padded(patient.record_no, 10);
    out.push(b',');
    put_name(patient, out);
    out.push(b',');
    out.put(sex_text(patient.sex));
    out.push(b',');
    out.put_date(patient.birth);
    out.push(b',');
    out.extend_from_slice(&patient.resident_id);
    out.push(b',');
    out.put_padded(patient.phone, 11);
    out.push(b',');
    out.put_csv(social.email.as_deref().unwrap_or_default());
    out.push(b',');
    put_address(patient, out);
    out.push(b',');
    out.put_padded(patient.address.place.postcode.into(), 6);
    out.push(b',');
    out.put_padded(patient.address.place.code.into(), 6);
    out.push(b',');
    out.put_padded(patient.insurance_no, 14);
    let contact = &social.contact;
    let name = contact.name.full();
    let employer = social.employer.as_deref().unwrap_or_default();
    let marital = social.marital.text();
    for text in
        [social.insurance, patient.ethnicity, marital, social.occupation, employer, &name, contact.relation]
    {
        out.push(b',');
        out.put_csv(text);
    }
    out.push(b',');
    out.put_padded(contact.phone, 11);
    out.push(b'\n');
}

fn visit_rows(patient: &Patient, out: &mut Vec<u8>) {
    // What is the same in all rows of a patient is written once and copied.
    let (mut person, mut place) = (0..0, 0..0);
    for visit in &patient.visits {
        Id::Visit(patient.number, visit.number).put(out);
        if person.is_empty() {
            let from = out.len();
            out.push(b',');
            Id::Patient(patient.number).put(out);
            out.push(b',');
            put_name(patient, out);
            out.push(b',');
            out.extend_from_slice(&patient.resident_id);
            out.push(b',');
            out.put(sex_text(patient.sex));
            out.push(b',');
            out.put_date(patient.birth);
            out.push(b',');
            person = from..out.len();
        } else {
            out.extend_from_within(person.clone());
        }
        out.put_padded(visit.age.into(), 1);
        if place.is_empty() {
            let from = out.len();
            out.push(b',');
            out.put_padded(patient.phone, 11);
            out.push(b',');
            put_address(patient, out);
            out.push(b',');
            out.put_padded(patient.address.place.postcode.into(), 6);
            out.push(b',');
            out.put_padded(patient.address.place.code.into(), 6);
            out.push(b',');
            out.put_padded(patient.insurance_no, 14);
            out.push(b',');
            place = from..out.len();
        } else {
            out.extend_from_within(place.clone());
        }
        let primary = visit.primary().disease;
        out.put(visit.department);
        out.push(b',');
        out.put_date(visit.admit);
        out.push(b',');
        out.put_date(visit.discharge);
        out.push(b',');
        out.put(primary.code);
        out.push(b',');
        out.put(primary.name);
        out.push(b',');
        if let Some(glucose) = visit.glucose {
            out.put_fixed(glucose.into(), 2);
        }
        out.push(b',');
        if let Some(hba1c) = visit.hba1c {
            out.put_fixed(hba1c.into(), 1);
        }
        out.push(b',');
        out.put_fixed(visit.cost as i64, 2);
        out.push(b'\n');
    }
}

/// `,visit id,patient id,`: the second and third columns of the tables below visits.
fn put_links(patient: u64, visit: u8, out: &mut Vec<u8>) {
    out.push(b',');
    Id::Visit(patient, visit).put(out);
    out.push(b',');
    Id::Patient(patient).put(out);
    out.push(b',');
}

fn diagnosis_rows(patient: &Patient, out: &mut Vec<u8>) {
    for visit in &patient.visits {
        for (n, diagnosis) in visit.diagnoses.iter().enumerate() {
            Id::Diagnosis(patient.number, visit.number, n + 1).put(out);
            put_links(patient.number, visit.number, out);
            out.put(if visit.inpatient { "住院," } else { "门诊," });
            out.put(visit.department);
            out.push(b',');
            out.put_csv(&visit.doctor);
            out.push(b',');
            out.put_padded(n as u64 + 1, 1);
            out.push(b',');
            out.put(diagnosis.disease.code);
            out.push(b',');
            out.put_csv(diagnosis.disease.name);
            out.push(b',');
            out.put_date(diagnosis.onset);
            out.push(b',');
            out.put_date(visit.admit);
            out.push(b',');
            if n == 0 {
                out.put_csv(&visit.note);
            }
            out.push(b'\n');
        }
    }
}

fn lab_rows(patient: &Patient, out: &mut Vec<u8>) {
    for visit in &patient.visits {
        for (n, measurement) in visit.measurements.iter().enumerate() {
            let analyte = measurement.analyte;
            Id::Measurement(patient.number, visit.number, n + 1).put(out);
            put_links(patient.number, visit.number, out);
            out.put(if analyte.vital_sign { "体征," } else { "检验," });
            out.put(analyte.loinc);
            out.push(b',');
            out.put_csv(analyte.name);
            out.push(b',');
            out.put_fixed(measurement.value.into(), analyte.decimals);
            out.push(b',');
            out.put_csv(analyte.unit);
            out.push(b',');
            let (low, high) = analyte.reference(patient.sex);
            for limit in [low, high] {
                if let Some(limit) = limit {
                    out.put_fixed(limit.into(), analyte.decimals);
                }
                out.push(b',');
            }
            out.put(match measurement.flag(patient.sex) {
                Flag::Low => "L,",
                Flag::Normal => ",",
                Flag::High => "H,",
            });
            out.put_date(visit.admit);
            out.push(b'\n');
        }
    }
}

fn medication_rows(patient: &Patient, out: &mut Vec<u8>) {
    for visit in &patient.visits {
        for (n, prescription) in visit.prescriptions.iter().enumerate() {
            let drug = prescription.drug;
            Id::Prescription(patient.number, visit.number, n + 1).put(out);
            put_links(patient.number, visit.number, out);
            out.put(drug.atc);
            out.push(b',');
            out.put_csv(drug.name);
            out.push(b',');
            put_dose(prescription, out);
            for text in [drug.unit.text(), drug.frequency(), drug.route] {
                out.push(b',');
                out.put_csv(text);
            }
            out.push(b',');
            out.put_padded(drug.days.into(), 1);
            out.push(b',');
            out.put_date(visit.admit);
            out.push(b',');
            out.put(visit.diagnoses[prescription.reason].disease.code);
            out.push(b'\n');
        }
    }
}
