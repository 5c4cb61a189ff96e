//! Trails: the numbered notes about an object.
//!
//! The entries about one object are the versions of one record: nobody can leave one out, and that there is none after the last is provable.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::Record;
use super::key::Domain;
use crate::id::{AccountId, Digest, ObjectRef, OrganisationId};
use crate::role::vocabulary;

/// A note about an object.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct TrailEntry {
    /// The account that notes it.
    pub actor: AccountId,
    /// The organisation that answers for it.
    pub organisation: OrganisationId,
    /// What was done.
    pub step: Step,
    /// Why.
    pub reason: Reason,
    /// Digest of the details, which stay with the organisation.
    pub details: Digest,
    /// The transaction that brought it.
    pub transaction: Digest,
}

impl Record for TrailEntry {
    const DOMAIN: Domain = Domain::Trail;
    type Id = ObjectRef;
}

vocabulary! {
    /// A step in the life of data: what was done.
    Step {
        /// Recorded at its source.
        Capture = 0, "capture", "采集";
        /// De-identified.
        Deidentify = 1, "deidentify", "去标识化";
        /// A permission was given.
        Authorise = 2, "authorise", "授权";
        /// Looked at or handed over.
        Access = 3, "access", "访问";
        /// Something was computed from it.
        Result = 4, "result", "结果";
        /// Left the organisation.
        Export = 5, "export", "导出";
        /// Corrected.
        Correct = 6, "correct", "更正";
        /// Destroyed.
        Destroy = 7, "destroy", "销毁";
        /// Something went wrong.
        Incident = 8, "incident", "事件";
    }
}

vocabulary! {
    /// Why it was done: purposes of use, after HL7 v3 PurposeOfUse and the Personal Information Protection Law, Art. 13.
    Reason {
        /// Care of the person (TREAT).
        Treatment = 0, "treatment", "诊疗";
        /// Payment for care (HPAYMT).
        Payment = 1, "payment", "支付结算";
        /// Running the organisation (HOPERAT).
        Operations = 2, "operations", "运营管理";
        /// Research (HRESCH).
        Research = 3, "research", "科学研究";
        /// Public health (PUBHLTH).
        PublicHealth = 4, "public-health", "公共卫生";
        /// An emergency (ETREAT).
        Emergency = 5, "emergency", "紧急情况";
        /// The person asked for it (PATRQT).
        PersonRequest = 6, "person-request", "本人请求";
        /// The law or an authority asked for it.
        Legal = 7, "legal", "法定义务";
        /// A check of what was done.
        Audit = 8, "audit", "审计";
        /// The system was looked after (HSYSADMIN).
        Maintenance = 9, "maintenance", "系统维护";
    }
}
