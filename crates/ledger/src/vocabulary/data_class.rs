//! Classes of data: what of a record is used.

use crate::bounded::BoundedSet;
use crate::role::vocabulary;

vocabulary! {
    /// A class of health data: the categories of GB/T 39725-2020, clause 6.1, named after FHIR's resources. Coarse on purpose: a consent to a class must not tell a diagnosis.
    DataClass {
        /// Sex, year of birth, district.
        Demographics = 0, "demographics", "人口学信息";
        /// Visits.
        Encounters = 1, "encounters", "就诊";
        /// Diagnoses and problems.
        Conditions = 2, "conditions", "诊断与健康问题";
        /// Laboratory values and other observations.
        Observations = 3, "observations", "检验与观察";
        /// Vital signs, wearables included.
        VitalSigns = 4, "vital-signs", "生命体征";
        /// Medication.
        Medications = 5, "medications", "用药";
        /// Procedures.
        Procedures = 6, "procedures", "操作与手术";
        /// Images with what is said of them.
        Imaging = 7, "imaging", "影像";
        /// Tissue and pathology.
        Pathology = 8, "pathology", "病理";
        /// Genomic data: also under the Regulation on Human Genetic Resources (2019).
        Genomics = 9, "genomics", "基因组";
        /// Free text.
        Notes = 10, "notes", "病历文本";
        /// Bills and claims.
        Claims = 11, "claims", "费用与理赔";
        /// What is specially protected: level 5 of GB/T 39725-2020.
        Restricted = 12, "restricted", "特别敏感信息";
    }
}

/// The classes of a provision, contract or request.
pub type DataClasses = BoundedSet<DataClass, 1, 16>;
