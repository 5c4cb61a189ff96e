//! Conditions of a contract: the modifiers of the Data Use Ontology, release 2021-02-23.

use crate::role::{Role, vocabulary};

vocabulary! {
    /// What a contract asks of whoever uses the data. Some the ledger checks; others are undertaken by the requester, so that a breach has a name.
    Condition {
        /// Not-for-profit organisations only (NPU).
        NotForProfitOrganisation = 0, "not-for-profit-organisation", "仅限非营利机构";
        /// No commercial use (NCU).
        NonCommercial = 1, "non-commercial", "仅限非商业用途";
        /// Both (NPUNCU).
        NotForProfitNonCommercial = 2, "not-for-profit-non-commercial", "仅限非营利机构的非商业用途";
        /// Results are published (PUB).
        Publication = 3, "publication", "须公开发表成果";
        /// With the investigators of the owner (COL).
        Collaboration = 4, "collaboration", "须与数据方合作";
        /// An ethics committee has approved (IRB).
        EthicsApproval = 5, "ethics-approval", "须经伦理审查";
        /// Stays in the country (GS).
        Geographical = 6, "geographical", "地域限制";
        /// Nothing is published before a date (MOR).
        Moratorium = 7, "moratorium", "暂缓发表";
        /// For a limited time (TS).
        TimeLimit = 8, "time-limit", "使用期限";
        /// Users are approved one by one (US).
        ApprovedUser = 9, "approved-user", "限经批准的使用者";
        /// One project (PS).
        ApprovedProject = 10, "approved-project", "限经批准的项目";
        /// Named organisations (IS).
        ApprovedInstitution = 11, "approved-institution", "限经批准的机构";
        /// What is derived comes back (RTN).
        ReturnToDatabase = 12, "return-to-database", "须回传衍生数据";
        /// No research on methods alone (NMDS).
        NoMethods = 13, "no-methods", "不得用于一般方法研究";
        /// Genetic studies only (GSO).
        GeneticStudiesOnly = 14, "genetic-studies-only", "仅限遗传学研究";
        /// No research on origins and ancestry (NPOA).
        NoAncestry = 15, "no-ancestry", "不得用于祖源研究";
    }
}

impl Condition {
    /// The term of the ontology.
    pub const fn duo(self) -> &'static str {
        match self {
            Condition::NotForProfitOrganisation => "DUO:0000045",
            Condition::NonCommercial => "DUO:0000046",
            Condition::NotForProfitNonCommercial => "DUO:0000018",
            Condition::Publication => "DUO:0000019",
            Condition::Collaboration => "DUO:0000020",
            Condition::EthicsApproval => "DUO:0000021",
            Condition::Geographical => "DUO:0000022",
            Condition::Moratorium => "DUO:0000024",
            Condition::TimeLimit => "DUO:0000025",
            Condition::ApprovedUser => "DUO:0000026",
            Condition::ApprovedProject => "DUO:0000027",
            Condition::ApprovedInstitution => "DUO:0000028",
            Condition::ReturnToDatabase => "DUO:0000029",
            Condition::NoMethods => "DUO:0000015",
            Condition::GeneticStudiesOnly => "DUO:0000016",
            Condition::NoAncestry => "DUO:0000044",
        }
    }

    /// Whether nobody but the requester can keep it: a request must undertake it.
    pub const fn is_undertaken(self) -> bool {
        matches!(
            self,
            Condition::Publication
                | Condition::Collaboration
                | Condition::Moratorium
                | Condition::ReturnToDatabase
        )
    }

    /// Whether an organisation of the role is not for profit.
    pub const fn is_not_for_profit(role: Role) -> bool {
        matches!(role, Role::Hospital | Role::Regulator | Role::Research | Role::PublicHealth)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_condition_has_a_term_of_its_own() {
        let terms: BTreeSet<&str> = Condition::ALL.iter().map(|condition| condition.duo()).collect();
        assert_eq!(terms.len(), Condition::ALL.len());
    }
}
