//! Everything that the hospital knows about a patient.

use medveil_deid::code::resident_id::Sex;

use crate::analyte::Analyte;
use crate::date::Date;
use crate::disease::{Disease, Kind};
use crate::drug::Drug;
use crate::name::Name;
use crate::place::Address;

/// A patient with all visits.
#[derive(Clone, Debug)]
pub struct Patient {
    /// 1 for the first patient; the number in [`Patient::id`].
    pub number: u64,
    /// The name.
    pub name: Name,
    /// As registered.
    pub sex: Sex,
    /// Date of birth.
    pub birth: Date,
    /// 民族.
    pub ethnicity: &'static str,
    /// The eighteen characters of GB 11643; region, birth date and sex are those of the patient.
    pub resident_id: [u8; 18],
    /// Mobile number; a child has a parent's.
    pub phone: u64,
    /// Where the patient lives and is registered.
    pub address: Address,
    /// Fourteen digits, the first four those of the prefecture.
    pub insurance_no: u64,
    /// 病案号, ten digits.
    pub record_no: u64,
    /// Diseases that stay, in the order of the table; all are older than the first visit.
    pub conditions: Vec<Diagnosis>,
    /// Visits in order of time; at least one.
    pub visits: Vec<Visit>,
    /// What is asked at registration.
    pub social: Social,
}

impl Patient {
    /// `P00000001`.
    pub fn id(&self) -> String {
        format!("P{:08}", self.number)
    }

    /// The resident identity number as text.
    pub fn resident_id(&self) -> &str {
        std::str::from_utf8(&self.resident_id).expect("digits and X are ASCII")
    }

    /// Whether the patient has a chronic disease of this kind.
    pub fn has(&self, kind: Kind) -> bool {
        self.conditions.iter().any(|condition| condition.disease.kind == kind)
    }

    /// Whether the patient has diabetes of either type.
    pub fn is_diabetic(&self) -> bool {
        self.has(Kind::Diabetes1) || self.has(Kind::Diabetes2)
    }
}

/// What is asked at registration and matters to no physician.
#[derive(Clone, Debug, Default)]
pub struct Social {
    /// 婚姻状况.
    pub marital: Marital,
    /// 职业.
    pub occupation: &'static str,
    /// 工作单位, for those who have one.
    pub employer: Option<String>,
    /// Who pays.
    pub insurance: &'static str,
    /// An e-mail address, for some.
    pub email: Option<String>,
    /// Whom to call.
    pub contact: Contact,
}

/// Marital status (GB/T 2261.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marital {
    /// 未婚.
    #[default]
    Single,
    /// 已婚.
    Married,
    /// 丧偶.
    Widowed,
    /// 离婚.
    Divorced,
}

impl Marital {
    /// In Chinese.
    pub fn text(self) -> &'static str {
        match self {
            Self::Single => "未婚",
            Self::Married => "已婚",
            Self::Widowed => "丧偶",
            Self::Divorced => "离婚",
        }
    }

    /// The code of HL7's MaritalStatus.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Single => "S",
            Self::Married => "M",
            Self::Widowed => "W",
            Self::Divorced => "D",
        }
    }
}

/// Whom to call.
#[derive(Clone, Debug, Default)]
pub struct Contact {
    /// 父亲, 配偶, 儿子, ...
    pub relation: &'static str,
    /// The name.
    pub name: Name,
    /// Mobile number.
    pub phone: u64,
}

/// A disease of one patient.
#[derive(Clone, Copy, Debug)]
pub struct Diagnosis {
    /// Which.
    pub disease: &'static Disease,
    /// Since when.
    pub onset: Date,
}

/// A visit to a clinic or a stay.
#[derive(Clone, Debug)]
pub struct Visit {
    /// 1 for the patient's first visit.
    pub number: u8,
    /// Whether the patient stayed.
    pub inpatient: bool,
    /// The department.
    pub department: &'static str,
    /// The physician.
    pub doctor: String,
    /// Day of admission or of the visit.
    pub admit: Date,
    /// Day of discharge or of the visit.
    pub discharge: Date,
    /// Age at admission.
    pub age: u32,
    /// The diagnosis that led to the visit, then the others.
    pub diagnoses: Vec<Diagnosis>,
    /// Fasting glucose in hundredths of mmol/L, if measured.
    pub glucose: Option<i32>,
    /// HbA1c in tenths of a percent, if measured.
    pub hba1c: Option<i32>,
    /// In fen.
    pub cost: u64,
    /// What was measured, glucose and HbA1c included.
    pub measurements: Vec<Measurement>,
    /// What was prescribed.
    pub prescriptions: Vec<Prescription>,
    /// What the physician wrote. Often names the patient: free text is not anonymous.
    pub note: String,
}

impl Visit {
    /// The diagnosis that led to the visit.
    pub fn primary(&self) -> &Diagnosis {
        &self.diagnoses[0]
    }
}

/// A measured value.
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    /// What.
    pub analyte: &'static Analyte,
    /// In the analyte's last decimal.
    pub value: i32,
}

/// Where a value lies against its reference interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// Below.
    Low,
    /// Within, or no interval is given.
    Normal,
    /// Above.
    High,
}

impl Measurement {
    /// Against the interval for a sex.
    pub fn flag(&self, sex: Sex) -> Flag {
        match self.analyte.reference(sex) {
            (Some(low), _) if self.value < low => Flag::Low,
            (_, Some(high)) if self.value > high => Flag::High,
            _ => Flag::Normal,
        }
    }
}

impl Flag {
    /// HL7's code of the interpretation.
    pub fn code(self) -> &'static str {
        match self {
            Self::Low => "L",
            Self::Normal => "N",
            Self::High => "H",
        }
    }
}

/// A prescribed drug.
#[derive(Clone, Copy, Debug)]
pub struct Prescription {
    /// Which.
    pub drug: &'static Drug,
    /// The single dose in thousandths of the drug's unit.
    pub dose: u32,
    /// For which of the visit's diagnoses, by index.
    pub reason: usize,
}
