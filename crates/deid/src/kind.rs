//! Identifier kinds: what a column, an element or a span *is*.
//!
//! A plan names kinds, a detector finds them, a report speaks of them. A kind carries its [`Class`], which says how it
//! endangers a person, and its *namespace*: values of two kinds in one namespace are the same identity, so that a
//! medical-record number in a table and the logical id of a FHIR `Patient` get the same pseudonym.

use serde::{Deserialize, Serialize};

/// A sentence in the two languages of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

/// How an attribute endangers the person behind a record (ISO/IEC 20889:2018, clause 3; GB/T 37964-2019, clause 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Singles a person out on its own.
    DirectIdentifier,
    /// Singles a person out together with others, and may be known to an attacker.
    QuasiIdentifier,
    /// What the attacker wants to learn.
    Sensitive,
    /// Text that may contain any of the above.
    FreeText,
    /// None of the above.
    Other,
}

macro_rules! kinds {
    ($($variant:ident, $name:literal, $class:ident, $namespace:literal, $en:literal, $zh:literal;)*) => {
        /// What a value identifies or describes. The names are those of plans: `match = { kind = "person-name" }`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Kind {
            $(#[doc = $en] #[serde(rename = $name)] $variant,)*
        }

        impl Kind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &[Kind] = &[$(Kind::$variant,)*];

            /// The name in plans, reports and on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name,)* }
            }

            /// How the kind endangers a person.
            pub const fn class(self) -> Class {
                match self { $(Kind::$variant => Class::$class,)* }
            }

            /// The identity space that pseudonyms of the kind live in.
            pub const fn namespace(self) -> &'static str {
                match self { $(Kind::$variant => $namespace,)* }
            }

            /// The name for people.
            pub const fn title(self) -> Text {
                match self { $(Kind::$variant => Text { en: $en, zh: $zh },)* }
            }
        }
    };
}

kinds! {
    PersonName, "person-name", DirectIdentifier, "person-name", "Person name", "姓名";
    CnResidentId, "cn-resident-id", DirectIdentifier, "cn-resident-id", "Chinese resident identity number", "居民身份证号";
    Passport, "passport", DirectIdentifier, "passport", "Passport number", "护照号";
    HmtPermit, "hmt-permit", DirectIdentifier, "hmt-permit", "Hong Kong, Macao or Taiwan permit", "港澳台通行证/居住证号";
    SocialSecurityNumber, "social-security-number", DirectIdentifier, "social-security-number", "Social security number", "社会保障号";
    InsuranceNumber, "insurance-number", DirectIdentifier, "insurance-number", "Medical insurance number", "医保号";
    Phone, "phone", DirectIdentifier, "phone", "Telephone or fax number", "电话号码";
    Email, "email", DirectIdentifier, "email", "E-mail address", "电子邮箱";
    Address, "address", DirectIdentifier, "address", "Postal address", "住址";
    BankCard, "bank-card", DirectIdentifier, "bank-card", "Bank card or account number", "银行卡号";
    LicencePlate, "licence-plate", DirectIdentifier, "licence-plate", "Vehicle licence plate", "车牌号";
    Vin, "vin", DirectIdentifier, "vin", "Vehicle identification number", "车辆识别代号";
    DeviceId, "device-id", DirectIdentifier, "device-id", "Device identifier or serial number", "设备标识";
    Url, "url", DirectIdentifier, "url", "Web address", "网址";
    IpAddress, "ip-address", DirectIdentifier, "ip-address", "IP address", "IP 地址";
    MacAddress, "mac-address", DirectIdentifier, "mac-address", "MAC address", "MAC 地址";
    CertificateNumber, "certificate-number", DirectIdentifier, "certificate-number", "Certificate or licence number", "证书号";
    Biometric, "biometric", DirectIdentifier, "biometric", "Biometric identifier or photograph", "生物特征或照片";
    PatientId, "patient-id", DirectIdentifier, "record", "Patient identifier", "患者标识";
    MedicalRecordNumber, "medical-record-number", DirectIdentifier, "record", "Medical record number", "病案号";
    InpatientNumber, "inpatient-number", DirectIdentifier, "record", "Inpatient number", "住院号";
    VisitNumber, "visit-number", DirectIdentifier, "record", "Visit or encounter number", "就诊流水号";
    UniqueId, "unique-id", DirectIdentifier, "record", "Other unique identifier", "其他唯一标识";
    BirthDate, "birth-date", QuasiIdentifier, "birth-date", "Birth date", "出生日期";
    EventDate, "event-date", QuasiIdentifier, "event-date", "Date of an event", "事件日期";
    Age, "age", QuasiIdentifier, "age", "Age", "年龄";
    Sex, "sex", QuasiIdentifier, "sex", "Sex or gender", "性别";
    Ethnicity, "ethnicity", QuasiIdentifier, "ethnicity", "Ethnicity or race", "民族";
    Nationality, "nationality", QuasiIdentifier, "nationality", "Nationality or country", "国籍";
    MaritalStatus, "marital-status", QuasiIdentifier, "marital-status", "Marital status", "婚姻状况";
    Education, "education", QuasiIdentifier, "education", "Education", "文化程度";
    Occupation, "occupation", QuasiIdentifier, "occupation", "Occupation", "职业";
    Employer, "employer", QuasiIdentifier, "employer", "Employer or school", "工作单位";
    Geography, "geography", QuasiIdentifier, "geography", "Region, city or district", "地区";
    DivisionCode, "cn-division-code", QuasiIdentifier, "cn-division-code", "Administrative division code (GB/T 2260)", "行政区划代码";
    Postcode, "postcode", QuasiIdentifier, "postcode", "Postcode", "邮政编码";
    Diagnosis, "diagnosis", Sensitive, "diagnosis", "Diagnosis", "诊断";
    DiagnosisCode, "diagnosis-code", Sensitive, "diagnosis-code", "Diagnosis code (ICD-10, ICD-10-CN)", "诊断编码";
    Procedure, "procedure", Sensitive, "procedure", "Procedure", "手术操作";
    Drug, "drug", Sensitive, "drug", "Drug or prescription", "药品";
    LaboratoryValue, "laboratory-value", Sensitive, "laboratory-value", "Laboratory value or vital sign", "检验值";
    Department, "department", Other, "department", "Hospital department", "科室";
    Amount, "amount", Other, "amount", "Amount of money", "金额";
    Measure, "measure", Other, "measure", "Unit, flag or other low-risk measure", "单位或其他低风险项";
    FreeText, "free-text", FreeText, "free-text", "Free text", "自由文本";
}

impl Kind {
    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_names_are_unique() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(Kind::from_name("no-such-kind"), None);
    }

    #[test]
    fn record_numbers_of_tables_and_fhir_share_one_identity_space() {
        assert_eq!(Kind::PatientId.namespace(), Kind::MedicalRecordNumber.namespace());
        assert_ne!(Kind::PatientId.namespace(), Kind::CnResidentId.namespace());
    }
}
