//! Ids of records, the same in every format.

use crate::put::Put;

/// What an id names. Numbers of visits and their items count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    /// `P00000001`.
    Patient(u64),
    /// `V0000000101`: a patient's first visit.
    Visit(u64, u8),
    /// `D000000010101`: its first diagnosis.
    Diagnosis(u64, u8, usize),
    /// `L000000010101`: its first measurement.
    Measurement(u64, u8, usize),
    /// `M000000010101`: its first prescription.
    Prescription(u64, u8, usize),
}

impl Id {
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        let (letter, patient, visit, item) = match self {
            Self::Patient(patient) => (b'P', patient, None, None),
            Self::Visit(patient, visit) => (b'V', patient, Some(visit), None),
            Self::Diagnosis(patient, visit, item) => (b'D', patient, Some(visit), Some(item)),
            Self::Measurement(patient, visit, item) => (b'L', patient, Some(visit), Some(item)),
            Self::Prescription(patient, visit, item) => (b'M', patient, Some(visit), Some(item)),
        };
        out.push(letter);
        out.put_padded(patient, 8);
        if let Some(visit) = visit {
            out.put_padded(visit.into(), 2);
        }
        if let Some(item) = item {
            out.put_padded(item as u64, 2);
        }
    }
}
