//! The hospital as FHIR R4: Patient, Encounter, Condition, Observation and MedicationRequest.
//!
//! Ids are those of the tables, and each resource says what the row of the same id says; blood pressure, two rows of
//! `labs.csv`, is one Observation with components under the id of the first. References are relative.
//!
//! Code systems: LOINC and UCUM for measurements, ICD-10 (with the Chinese six-character code beside it) for
//! diagnoses, ATC for drugs, and HL7's own for the rest. Resident ids, diagnosis codes and ethnic groups stand under the
//! OIDs of the Chinese health information standards (WS/T 500).

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use medveil_deid::code::resident_id::Sex;

use crate::analyte;
use crate::csv::put_dose;
use crate::date::Date;
use crate::hospital::Hospital;
use crate::id::Id;
use crate::patient::{Diagnosis, Flag, Measurement, Patient, Prescription, Visit};
use crate::put::Put;
use crate::{Error, RUN, parallel, stream};

/// How resources are laid out in files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// `fhir/<type>.ndjson`, one resource a line, as bulk export gives them.
    #[default]
    Ndjson,
    /// `fhir/<patient id>.json`, a Bundle of type `collection` for each patient.
    Collections,
    /// The same of type `transaction`, to be sent to a server.
    Transactions,
}

/// Writes the resources of the first `patients` patients into `dir/fhir`, which is made if need be. `progress` gets the
/// number of patients written so far. Files of these names are replaced.
pub fn write_all(
    dir: &Path,
    patients: u64,
    seed: u64,
    layout: Layout,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let dir = dir.join("fhir");
    std::fs::create_dir_all(&dir).map_err(|source| Error::new(&dir, source))?;
    let hospital = Hospital::new(seed);
    match layout {
        Layout::Ndjson => write_ndjson(&dir, patients, &hospital, progress),
        Layout::Collections => write_bundles(&dir, patients, &hospital, "collection", progress),
        Layout::Transactions => write_bundles(&dir, patients, &hospital, "transaction", progress),
    }
}

/// Writes one NDJSON stream with the resources of patient after patient, as much as goes into `bytes`. The last patient
/// may be cut short, so that some of its references lead nowhere. Returns the bytes written.
pub fn ndjson_sized(seed: u64, bytes: u64, writer: &mut impl Write) -> io::Result<u64> {
    let hospital = Hospital::new(seed);
    let make = |patients: std::ops::Range<u64>| {
        let mut lines = Lines(Vec::new());
        patients.for_each(|index| resources(&hospital, &hospital.patient(index), &mut lines));
        lines.0
    };
    stream::lines(b"", bytes, 64, make, writer)
}

fn write_ndjson(
    dir: &Path,
    patients: u64,
    hospital: &Hospital,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let mut files = Vec::with_capacity(Kind::ALL.len());
    for kind in Kind::ALL {
        let path = dir.join(format!("{}.ndjson", kind.name()));
        let file = File::create(&path).map_err(|source| Error::new(&path, source))?;
        files.push((path, file));
    }
    parallel::in_order(
        patients.div_ceil(RUN),
        |job| {
            let mut by_kind = ByKind::default();
            let last = patients.min((job + 1) * RUN);
            (job * RUN..last).for_each(|index| resources(hospital, &hospital.patient(index), &mut by_kind));
            (last, by_kind)
        },
        |(done, by_kind)| {
            for ((path, file), lines) in files.iter_mut().zip(&by_kind.0) {
                file.write_all(lines).map_err(|source| Error::new(path, source))?;
            }
            progress(done);
            Ok(true)
        },
    )
}

fn write_bundles(
    dir: &Path,
    patients: u64,
    hospital: &Hospital,
    kind: &'static str,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let mut done = 0;
    parallel::in_order(
        patients,
        |index| bundle(hospital, &hospital.patient(index), kind),
        |bundle| {
            done += 1;
            let path = dir.join(format!("P{done:08}.json"));
            std::fs::write(&path, bundle).map_err(|source| Error::new(&path, source))?;
            progress(done);
            Ok(true)
        },
    )
}

fn bundle(hospital: &Hospital, patient: &Patient, kind: &'static str) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 * 1024);
    out.put("{\"resourceType\":\"Bundle\",\"id\":\"");
    Id::Patient(patient.number).put(&mut out);
    out.put("-bundle\",\"type\":\"");
    out.put(kind);
    out.put("\",\"entry\":[");
    let mut entries = Entries { out, transaction: kind == "transaction", first: true };
    resources(hospital, patient, &mut entries);
    entries.out.put("]}\n");
    entries.out
}

/// The resource types, in the order in which they are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Patient,
    Encounter,
    Condition,
    Observation,
    MedicationRequest,
}

impl Kind {
    const ALL: [Self; 5] =
        [Self::Patient, Self::Encounter, Self::Condition, Self::Observation, Self::MedicationRequest];

    fn name(self) -> &'static str {
        match self {
            Self::Patient => "Patient",
            Self::Encounter => "Encounter",
            Self::Condition => "Condition",
            Self::Observation => "Observation",
            Self::MedicationRequest => "MedicationRequest",
        }
    }

    fn of(id: Id) -> Self {
        match id {
            Id::Patient(..) => Self::Patient,
            Id::Visit(..) => Self::Encounter,
            Id::Diagnosis(..) => Self::Condition,
            Id::Measurement(..) => Self::Observation,
            Id::Prescription(..) => Self::MedicationRequest,
        }
    }
}

/// Where resources go.
trait Target {
    /// The buffer for the next resource.
    fn begin(&mut self, id: Id) -> &mut Vec<u8>;
    /// The resource is complete.
    fn end(&mut self, id: Id);
}

struct Lines(Vec<u8>);

impl Target for Lines {
    fn begin(&mut self, _: Id) -> &mut Vec<u8> {
        &mut self.0
    }

    fn end(&mut self, _: Id) {
        self.0.push(b'\n');
    }
}

#[derive(Default)]
struct ByKind([Vec<u8>; 5]);

impl Target for ByKind {
    fn begin(&mut self, id: Id) -> &mut Vec<u8> {
        &mut self.0[Kind::of(id) as usize]
    }

    fn end(&mut self, id: Id) {
        self.begin(id).push(b'\n');
    }
}

struct Entries {
    out: Vec<u8>,
    transaction: bool,
    first: bool,
}

impl Target for Entries {
    fn begin(&mut self, id: Id) -> &mut Vec<u8> {
        self.out.put(if self.first { "{\"fullUrl\":\"" } else { ",{\"fullUrl\":\"" });
        self.first = false;
        self.out.put(BASE);
        put_path(id, &mut self.out);
        self.out.put("\",\"resource\":");
        &mut self.out
    }

    fn end(&mut self, id: Id) {
        if self.transaction {
            self.out.put(",\"request\":{\"method\":\"PUT\",\"url\":\"");
            put_path(id, &mut self.out);
            self.out.put("\"}");
        }
        self.out.push(b'}');
    }
}

fn resources(hospital: &Hospital, patient: &Patient, target: &mut impl Target) {
    let number = patient.number;
    let mut put = |id: Id, write: &dyn Fn(&mut Vec<u8>)| {
        let out = target.begin(id);
        out.put("{\"resourceType\":\"");
        out.put(Kind::of(id).name());
        out.put("\",\"id\":\"");
        id.put(out);
        out.put("\",");
        write(out);
        out.push(b'}');
        target.end(id);
    };
    put(Id::Patient(number), &|out| put_patient(hospital, patient, out));
    for visit in &patient.visits {
        put(Id::Visit(number, visit.number), &|out| put_encounter(hospital, patient, visit, out));
        for (n, diagnosis) in visit.diagnoses.iter().enumerate() {
            let id = Id::Diagnosis(number, visit.number, n + 1);
            put(id, &|out| put_condition(patient, visit, n, diagnosis, out));
        }
        for (n, measurement) in visit.measurements.iter().enumerate() {
            if std::ptr::eq(measurement.analyte, &analyte::DIASTOLIC) {
                continue;
            }
            let id = Id::Measurement(number, visit.number, n + 1);
            // Diastolic pressure follows systolic.
            put(id, &|out| put_observation(patient, visit, measurement, visit.measurements.get(n + 1), out));
        }
        for (n, prescription) in visit.prescriptions.iter().enumerate() {
            let id = Id::Prescription(number, visit.number, n + 1);
            put(id, &|out| put_request(patient, visit, prescription, out));
        }
    }
}

fn put_patient(hospital: &Hospital, patient: &Patient, out: &mut Vec<u8>) {
    let social = &patient.social;
    out.put("\"extension\":[");
    put_extension("ethnicity", patient.ethnicity, out);
    for (name, text) in [
        ("occupation", Some(social.occupation)),
        ("employer", social.employer.as_deref()),
        ("insurance-type", Some(social.insurance)),
    ] {
        if let Some(text) = text {
            out.push(b',');
            put_extension(name, text, out);
        }
    }
    out.put("],\"identifier\":[");
    put_identifier("official", "NI", "National unique individual identifier", RESIDENT_ID, out);
    out.extend_from_slice(&patient.resident_id);
    out.put("\"},");
    put_identifier("usual", "MR", "Medical record number", RECORD_NO, out);
    out.put_padded(patient.record_no, 10);
    out.put("\"},");
    put_identifier("secondary", "MB", "Member Number", INSURANCE_NO, out);
    out.put_padded(patient.insurance_no, 14);
    out.put("\"}],\"active\":true,\"name\":[{\"use\":\"official\",");
    put_name(&patient.name, out);
    out.put("}],\"telecom\":[{\"system\":\"phone\",\"value\":\"");
    out.put_padded(patient.phone, 11);
    out.put("\",\"use\":\"mobile\"}");
    if let Some(email) = &social.email {
        out.put(",{\"system\":\"email\",\"value\":");
        out.put_json(email);
        out.push(b'}');
    }
    out.put("],\"gender\":\"");
    out.put(match patient.sex {
        Sex::Male => "male",
        Sex::Female => "female",
    });
    out.put("\",\"birthDate\":\"");
    out.put_date(patient.birth);
    let address = &patient.address;
    out.put("\",\"address\":[{\"use\":\"home\",\"type\":\"both\",\"text\":\"");
    for part in [address.place.province, address.place.prefecture, address.place.county, &address.line] {
        out.put_json_part(part);
    }
    out.put("\",\"line\":[");
    out.put_json(&address.line);
    out.put("],\"city\":");
    let city =
        if address.place.prefecture.is_empty() { address.place.province } else { address.place.prefecture };
    out.put_json(city);
    out.put(",\"district\":");
    out.put_json(address.place.county);
    out.put(",\"state\":");
    out.put_json(address.place.province);
    out.put(",\"postalCode\":\"");
    out.put_padded(address.place.postcode.into(), 6);
    out.put("\",\"country\":\"CN\",\"extension\":[");
    // The division's code, which the tables give beside the address.
    out.put("{\"url\":\"");
    out.put(EXTENSIONS);
    out.put("district-code\",\"valueCode\":\"");
    out.put_padded(address.place.code.into(), 6);
    out.put("\"}]}],\"maritalStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus\",\"code\":\"");
    out.put(social.marital.code());
    out.put("\"}],\"text\":");
    out.put_json(social.marital.text());
    let contact = &social.contact;
    out.put(
        "},\"contact\":[{\"relationship\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0131\",\
         \"code\":\"C\",\"display\":\"Emergency Contact\"}],\"text\":",
    );
    out.put_json(contact.relation);
    out.put("}],\"name\":{");
    put_name(&contact.name, out);
    out.put("},\"telecom\":[{\"system\":\"phone\",\"value\":\"");
    out.put_padded(contact.phone, 11);
    out.put("\",\"use\":\"mobile\"}]}],\"managingOrganization\":{\"display\":");
    out.put_json(hospital.name());
    out.push(b'}');
}

fn put_name(name: &crate::name::Name, out: &mut Vec<u8>) {
    out.put("\"text\":\"");
    out.put_json_part(&name.family);
    out.put_json_part(&name.given);
    out.push(b'"');
    if !name.family.is_empty() {
        out.put(",\"family\":");
        out.put_json(&name.family);
    }
    out.put(",\"given\":[");
    out.put_json(&name.given);
    out.push(b']');
}

fn put_encounter(hospital: &Hospital, patient: &Patient, visit: &Visit, out: &mut Vec<u8>) {
    out.put("\"extension\":[{\"url\":\"");
    out.put(EXTENSIONS);
    out.put("total-cost\",\"valueMoney\":{\"value\":");
    out.put_fixed(visit.cost as i64, 2);
    out.put(",\"currency\":\"CNY\"}}],\"identifier\":[");
    put_identifier("official", "VN", "Visit number", VISIT_NO, out);
    Id::Visit(patient.number, visit.number).put(out);
    out.put("\"}],\"status\":\"finished\",\"class\":{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ActCode\",");
    out.put(if visit.inpatient {
        "\"code\":\"IMP\",\"display\":\"inpatient encounter\"}"
    } else {
        "\"code\":\"AMB\",\"display\":\"ambulatory\"}"
    });
    out.put(",\"serviceType\":{\"text\":");
    out.put_json(visit.department);
    out.put("},");
    put_subject(patient, out);
    out.put(",\"participant\":[{\"individual\":{\"display\":");
    out.put_json(&visit.doctor);
    out.put("}}],\"period\":{\"start\":\"");
    out.put_date(visit.admit);
    out.put("\",\"end\":\"");
    out.put_date(visit.discharge);
    out.put("\"},\"diagnosis\":[");
    for n in 1..=visit.diagnoses.len() {
        out.put(if n > 1 { ",{\"condition\":{\"reference\":\"" } else { "{\"condition\":{\"reference\":\"" });
        put_path(Id::Diagnosis(patient.number, visit.number, n), out);
        out.put(
            "\"},\"use\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/diagnosis-role\",",
        );
        out.put(if n == 1 { "\"code\":\"CC\"" } else { "\"code\":\"CM\"" });
        out.put("}]},\"rank\":");
        out.put_padded(n as u64, 1);
        out.push(b'}');
    }
    out.push(b']');
    if visit.inpatient {
        out.put(
            ",\"hospitalization\":{\"dischargeDisposition\":{\"coding\":[{\"system\":\
             \"http://terminology.hl7.org/CodeSystem/discharge-disposition\",\"code\":\"home\",\"display\":\"Home\"}]}}",
        );
    }
    out.put(",\"serviceProvider\":{\"display\":");
    out.put_json(hospital.name());
    out.push(b'}');
}

fn put_condition(patient: &Patient, visit: &Visit, n: usize, diagnosis: &Diagnosis, out: &mut Vec<u8>) {
    let disease = diagnosis.disease;
    let lasting = patient.conditions.iter().any(|condition| condition.disease.code == disease.code);
    out.put("\"clinicalStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/condition-clinical\",\"code\":\"");
    out.put(if lasting { "active" } else { "resolved" });
    out.put(
        "\"}]},\"verificationStatus\":{\"coding\":[{\"system\":\
         \"http://terminology.hl7.org/CodeSystem/condition-ver-status\",\"code\":\"confirmed\"}]},\
         \"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/condition-category\",\
         \"code\":\"encounter-diagnosis\"}]}],\"code\":{\"coding\":[{\"system\":\"http://hl7.org/fhir/sid/icd-10\",\"code\":\"",
    );
    out.put(disease.international());
    out.put("\"},{\"system\":\"urn:oid:2.16.156.10011.2.3.3.11\",\"code\":\"");
    out.put(disease.code);
    out.put("\",\"display\":");
    out.put_json(disease.name);
    out.put("}],\"text\":");
    out.put_json(disease.name);
    out.put("},");
    put_subject(patient, out);
    put_encounter_link(patient, visit, out);
    put_day("onsetDateTime", diagnosis.onset, out);
    put_day("recordedDate", visit.admit, out);
    if n == 0 {
        out.put(",\"note\":[{\"text\":");
        out.put_json(&visit.note);
        out.put("}]");
    }
}

fn put_observation(
    patient: &Patient,
    visit: &Visit,
    measurement: &Measurement,
    next: Option<&Measurement>,
    out: &mut Vec<u8>,
) {
    let analyte = measurement.analyte;
    out.put("\"status\":\"final\",\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/observation-category\",\"code\":\"");
    out.put(if analyte.vital_sign { "vital-signs" } else { "laboratory" });
    out.put("\"}]}],");
    let diastolic = next.filter(|next| std::ptr::eq(next.analyte, &analyte::DIASTOLIC));
    match diastolic {
        Some(_) => put_loinc("85354-9", "Blood pressure panel with all children optional", "血压", out),
        None => put_loinc(analyte.loinc, analyte.display, analyte.name, out),
    }
    out.push(b',');
    put_subject(patient, out);
    put_encounter_link(patient, visit, out);
    put_day("effectiveDateTime", visit.admit, out);
    out.push(b',');
    match diastolic {
        None => put_value(measurement, patient.sex, out),
        Some(diastolic) => {
            out.put("\"component\":[");
            for (n, part) in [measurement, diastolic].into_iter().enumerate() {
                out.put(if n > 0 { ",{" } else { "{" });
                put_loinc(part.analyte.loinc, part.analyte.display, part.analyte.name, out);
                out.push(b',');
                put_value(part, patient.sex, out);
                out.push(b'}');
            }
            out.push(b']');
        }
    }
}

fn put_value(measurement: &Measurement, sex: Sex, out: &mut Vec<u8>) {
    let analyte = measurement.analyte;
    out.put("\"valueQuantity\":{\"value\":");
    out.put_fixed(measurement.value.into(), analyte.decimals);
    out.put(",\"unit\":");
    out.put_json(analyte.unit);
    out.put(",\"system\":\"http://unitsofmeasure.org\",\"code\":");
    out.put_json(analyte.ucum);
    out.push(b'}');
    let (low, high) = analyte.reference(sex);
    if low.is_none() && high.is_none() {
        return;
    }
    let flag = measurement.flag(sex);
    if flag != Flag::Normal {
        out.put(",\"interpretation\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation\",\"code\":\"");
        out.put(flag.code());
        out.put("\"}]}]");
    }
    out.put(",\"referenceRange\":[{");
    for (n, (member, limit)) in [("low", low), ("high", high)].into_iter().enumerate() {
        let Some(limit) = limit else { continue };
        out.put(if n > 0 && low.is_some() { ",\"" } else { "\"" });
        out.put(member);
        out.put("\":{\"value\":");
        out.put_fixed(limit.into(), analyte.decimals);
        out.put(",\"unit\":");
        out.put_json(analyte.unit);
        out.push(b'}');
    }
    out.put("}]");
}

fn put_request(patient: &Patient, visit: &Visit, prescription: &Prescription, out: &mut Vec<u8>) {
    let drug = prescription.drug;
    out.put("\"status\":\"completed\",\"intent\":\"order\",\"medicationCodeableConcept\":{\"coding\":[{\"system\":\"http://www.whocc.no/atc\",\"code\":\"");
    out.put(drug.atc);
    out.put("\"}],\"text\":");
    out.put_json(drug.name);
    out.put("},");
    put_subject(patient, out);
    put_encounter_link(patient, visit, out);
    put_day("authoredOn", visit.admit, out);
    out.put(",\"requester\":{\"display\":");
    out.put_json(&visit.doctor);
    out.put("},\"reasonReference\":[{\"reference\":\"");
    put_path(Id::Diagnosis(patient.number, visit.number, prescription.reason + 1), out);
    out.put("\"}],\"dosageInstruction\":[{\"text\":\"");
    out.put_json_part(drug.route);
    out.put("，每次");
    put_dose(prescription, out);
    out.put(drug.unit.text());
    out.put("，");
    out.put(drug.frequency());
    out.put("\",\"timing\":{\"repeat\":{\"frequency\":");
    out.put_padded(drug.daily.into(), 1);
    out.put(",\"period\":1,\"periodUnit\":\"d\"}},\"route\":{\"text\":");
    out.put_json(drug.route);
    out.put("},\"doseAndRate\":[{\"doseQuantity\":{\"value\":");
    put_dose(prescription, out);
    out.put(",\"unit\":");
    out.put_json(drug.unit.text());
    out.put(",\"system\":\"http://unitsofmeasure.org\",\"code\":");
    out.put_json(drug.unit.ucum());
    out.put("}}]}],\"dispenseRequest\":{\"expectedSupplyDuration\":{\"value\":");
    out.put_padded(drug.days.into(), 1);
    out.put(",\"unit\":\"天\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"d\"}}");
}

fn put_extension(name: &str, text: &str, out: &mut Vec<u8>) {
    out.put("{\"url\":\"");
    out.put(EXTENSIONS);
    out.put(name);
    out.put("\",\"valueString\":");
    out.put_json(text);
    out.push(b'}');
}

/// Up to the opening quote of the value.
fn put_identifier(usage: &str, code: &str, display: &str, system: &str, out: &mut Vec<u8>) {
    for part in [
        "{\"use\":\"",
        usage,
        "\",\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0203\",\"code\":\"",
        code,
        "\",\"display\":\"",
        display,
        "\"}]},\"system\":\"",
        system,
        "\",\"value\":\"",
    ] {
        out.put(part);
    }
}

fn put_loinc(code: &str, display: &str, text: &str, out: &mut Vec<u8>) {
    out.put("\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"");
    out.put(code);
    out.put("\",\"display\":");
    out.put_json(display);
    out.put("}],\"text\":");
    out.put_json(text);
    out.push(b'}');
}

fn put_subject(patient: &Patient, out: &mut Vec<u8>) {
    out.put("\"subject\":{\"reference\":\"");
    put_path(Id::Patient(patient.number), out);
    out.put("\"}");
}

fn put_encounter_link(patient: &Patient, visit: &Visit, out: &mut Vec<u8>) {
    out.put(",\"encounter\":{\"reference\":\"");
    put_path(Id::Visit(patient.number, visit.number), out);
    out.put("\"}");
}

fn put_day(member: &str, day: Date, out: &mut Vec<u8>) {
    out.put(",\"");
    out.put(member);
    out.put("\":\"");
    out.put_date(day);
    out.push(b'"');
}

/// `Patient/P00000001`.
fn put_path(id: Id, out: &mut Vec<u8>) {
    out.put(Kind::of(id).name());
    out.push(b'/');
    id.put(out);
}

/// Where the hospital's server would be.
const BASE: &str = "http://hospital.example.cn/fhir/";
const EXTENSIONS: &str = "http://hospital.example.cn/fhir/StructureDefinition/";
/// 居民身份证号.
const RESIDENT_ID: &str = "urn:oid:2.16.156.10011.1.3";
const RECORD_NO: &str = "http://hospital.example.cn/fhir/sid/record-no";
const INSURANCE_NO: &str = "http://hospital.example.cn/fhir/sid/insurance-no";
const VISIT_NO: &str = "http://hospital.example.cn/fhir/sid/visit-no";
