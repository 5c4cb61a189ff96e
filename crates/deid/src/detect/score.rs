//! How evidence becomes a kind: whole-number points, added up, in the manner of log-odds.
//!
//! | evidence | points |
//! |---|---|
//! | header word: sure / likely / vague | 50 / 40 / 20 |
//! | check digit right in at least 90 % / 50 % / 20 % of the examined values | 80 / 60 / 30 |
//! | form or dictionary in at least 90 % / 60 % / 30 % | 55 / 40 / 15 |
//! | not excluded by at least 90 % (counts only beside a header word) | 10 |
//! | not excluded by less than 50 % / 10 % | -20 / -60 |
//! | values show another kind (form or dictionary in 60 %, or check digit in 50 %) that this one's own rule rejects, or identifiers under a harmless header | -45 |
//! | distribution: see `distribution` | -40 to 15 |
//!
//! A kind needs [`THRESHOLD`] points. So a header word alone decides only where the values do not contradict it, a check digit
//! decides alone, and a form or dictionary decides alone if most values have it. Equal points: the kind that is more dangerous to a
//! person, then the order of [`Kind::ALL`]. What reaches no threshold but is nearly unique, or many-valued, and looks like a token is
//! [`Kind::UniqueId`]: fail closed.

use super::column::Tally;
use super::finding::{ColumnFinding, Evidence, Fact};
use super::header::{self, Hint, Sureness};
use super::kind_set::KindSet;
use super::statistics::round;
use crate::kind::{Class, Kind};

/// The points that a kind needs.
pub(super) const THRESHOLD: i32 = 40;
/// The points that an alternative needs to be mentioned.
const MENTION: i32 = 20;

/// Judges a column.
pub(super) fn judge(name: &str, tally: &Tally<'_>) -> ColumnFinding {
    let hint = header::hint(name);
    let mut scored: Vec<(i32, Kind, Vec<Evidence>)> = Kind::ALL
        .iter()
        .map(|kind| {
            let evidence = evidence(*kind, hint, tally);
            (evidence.iter().map(Evidence::points).sum(), *kind, evidence)
        })
        .collect();
    scored.sort_by_key(|(points, kind, _)| (std::cmp::Reverse(*points), kind.class(), *kind));
    if scored[0].0 < THRESHOLD
        && let Some(evidence) = unclaimed_identifier(tally)
    {
        let points = evidence.iter().map(Evidence::points).sum();
        scored.insert(0, (points, Kind::UniqueId, evidence));
    }
    let mut scored = scored.into_iter();
    let (points, best, evidence) = scored.next().expect("there are kinds");
    let found = points >= THRESHOLD;
    let alternatives = (!found)
        .then_some((best, points))
        .into_iter()
        .chain(scored.map(|(points, kind, _)| (kind, points)))
        .filter(|(kind, points)| *points >= MENTION && !(found && *kind == best))
        .take(3)
        .map(|(kind, points)| (kind, confidence(points)))
        .collect();
    let kind = found.then_some(best);
    ColumnFinding {
        name: name.to_owned(),
        kind,
        confidence: if found { confidence(points) } else { 0 },
        evidence: if found { evidence } else { Vec::new() },
        alternatives,
        statistics: tally.statistics.clone(),
        also_contains: also_contains(kind, tally),
    }
}

fn confidence(points: i32) -> u8 {
    points.clamp(0, 100) as u8
}

fn evidence(kind: Kind, hint: Option<Hint>, tally: &Tally<'_>) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    let hint = hint.filter(|hint| hint.kind == kind);
    if let Some(Hint { word, sureness, .. }) = hint {
        let points = match sureness {
            Sureness::Sure => 50,
            Sureness::Likely => 40,
            Sureness::Vague => 20,
        };
        evidence.push(Evidence::Header { word, points });
    }
    let examined = tally.statistics.examined;
    if examined == 0 {
        return evidence;
    }
    let checked = tally.checked.of(kind);
    let typical = checked + tally.typical.of(kind);
    let possible = typical + tally.plausible.of(kind);
    let share = |count: u64| count as f64 / examined as f64;
    let by_check_digit = match share(checked) {
        0.9.. => 80,
        0.5.. => 60,
        // One number in ten passes Luhn by chance.
        0.2.. => 30,
        _ => 0,
    };
    let by_form = match share(typical) {
        0.9.. => 55,
        0.6.. => 40,
        0.3.. => 15,
        _ => 0,
    };
    if by_check_digit >= by_form && by_check_digit > 0 {
        evidence.push(Evidence::CheckDigit { kind, matched: checked, examined, points: by_check_digit });
    } else if by_form > 0 {
        evidence.push(if BY_DICTIONARY.contains(kind) {
            Evidence::Dictionary { kind, matched: typical, examined, points: by_form }
        } else {
            Evidence::Pattern { kind, matched: typical, examined, points: by_form }
        });
    }
    let by_fit = match share(possible) {
        0.9.. => 10,
        0.5.. => 0,
        0.1.. => -20,
        _ => -60,
    };
    if hint.is_some() && (by_fit < 0 || by_fit > 0 && by_form.max(by_check_digit) == 0) {
        evidence.push(Evidence::Plausible { kind, matched: possible, examined, points: by_fit });
    }
    if hint.is_some()
        && let Some(shown) = contradicting(kind, share(typical), tally)
    {
        evidence.push(Evidence::Contradiction { shown, points: -45 });
    }
    if !evidence.is_empty() {
        evidence.extend(distribution(kind, tally));
    }
    evidence
}

/// The kind that the values show where they do not show this one.
fn contradicting(kind: Kind, typical: f64, tally: &Tally<'_>) -> Option<Kind> {
    let share = |count: u64| count as f64 / tally.statistics.examined as f64;
    Kind::ALL
        .iter()
        .copied()
        .filter(|other| *other != kind && !related(kind, *other))
        .find(|other| {
            let checked = share(tally.checked.of(*other));
            let shown = checked + share(tally.typical.of(*other));
            // A column that plans keep must not hide telephone numbers behind its header.
            let hidden = other.class() == Class::DirectIdentifier && kind.class() != Class::DirectIdentifier;
            checked >= 0.5 && typical < 0.5
                || RECOGNISABLE.contains(kind) && typical < 0.2 && shown >= 0.6
                || hidden && typical < 0.5 && shown >= 0.6
        })
        .or_else(|| {
            let harmless =
                !matches!(kind.class(), Class::DirectIdentifier | Class::FreeText) && typical < 0.3;
            let tokens =
                harmless && tally.statistics.numeric_share < 0.5 && unclaimed_identifier(tally).is_some();
            tokens.then_some(Kind::UniqueId)
        })
}

/// Pairs in which the values of one rightly look like the other's.
fn related(kind: Kind, shown: Kind) -> bool {
    const IDENTITY: KindSet = KindSet::of(&[
        Kind::CnResidentId,
        Kind::HmtPermit,
        Kind::SocialSecurityNumber,
        Kind::InsuranceNumber,
        Kind::Passport,
    ]);
    const PLACES: KindSet = KindSet::of(&[Kind::Address, Kind::Geography, Kind::Nationality, Kind::Employer]);
    const WORK: KindSet = KindSet::of(&[Kind::Employer, Kind::Occupation, Kind::Department]);
    const DATES: KindSet = KindSet::of(&[Kind::BirthDate, Kind::EventDate]);
    const CLINICAL: KindSet = KindSet::of(&[
        Kind::Diagnosis,
        Kind::Procedure,
        Kind::Drug,
        Kind::LaboratoryValue,
        Kind::Measure,
        Kind::FreeText,
    ]);
    [IDENTITY, PLACES, WORK, DATES, CLINICAL]
        .iter()
        .any(|group| group.contains(kind) && group.contains(shown))
        || kind == Kind::FreeText
}

/// Kinds whose values are recognised by form or dictionary most of the time, so that their absence says something.
const RECOGNISABLE: KindSet = KindSet::of(&[
    Kind::PersonName,
    Kind::CnResidentId,
    Kind::Phone,
    Kind::Email,
    Kind::Address,
    Kind::LicencePlate,
    Kind::Vin,
    Kind::Url,
    Kind::IpAddress,
    Kind::MacAddress,
    Kind::BirthDate,
    Kind::EventDate,
    Kind::Sex,
    Kind::Ethnicity,
    Kind::MaritalStatus,
    Kind::Education,
    Kind::Drug,
    Kind::Department,
    Kind::DiagnosisCode,
    Kind::Diagnosis,
    Kind::Occupation,
    Kind::Geography,
    Kind::Nationality,
]);

/// Kinds known by their words.
const BY_DICTIONARY: KindSet = KindSet::of(&[
    Kind::PersonName,
    Kind::Sex,
    Kind::Ethnicity,
    Kind::Nationality,
    Kind::MaritalStatus,
    Kind::Education,
    Kind::Occupation,
    Kind::Employer,
    Kind::Geography,
    Kind::DivisionCode,
    Kind::Diagnosis,
    Kind::Procedure,
    Kind::Drug,
    Kind::LaboratoryValue,
    Kind::Department,
    Kind::Amount,
    Kind::Measure,
]);

/// Kinds that name a record: each value once, or once a visit.
const RECORDS: KindSet = KindSet::of(&[
    Kind::PatientId,
    Kind::MedicalRecordNumber,
    Kind::InpatientNumber,
    Kind::VisitNumber,
    Kind::UniqueId,
]);

fn distribution(kind: Kind, tally: &Tally<'_>) -> Vec<Evidence> {
    let statistics = &tally.statistics;
    let present = statistics.rows - statistics.empty;
    let distinct = statistics.distinct_estimate;
    let mut out = Vec::new();
    let mut add = |fact, points| out.push(Evidence::Distribution { fact, points });
    if present >= 20 {
        let percent = (statistics.uniqueness() * 100.0).round() as u8;
        if RECORDS.contains(kind) {
            match percent {
                95.. => add(Fact::NearlyUnique { percent }, 10),
                _ if distinct <= 20 && present >= 200 => add(Fact::FewValues { distinct }, -25),
                _ => {}
            }
            if statistics.rising {
                add(Fact::Rising, 15);
            }
        }
        // Serial numbers look like telephone numbers where they have eleven digits, but people's numbers do not come in order.
        if matches!(
            kind,
            Kind::Phone | Kind::BankCard | Kind::Postcode | Kind::EventDate | Kind::DivisionCode
        ) && statistics.rising
            && tally.checked.of(kind) * 2 < statistics.examined
        {
            add(Fact::Rising, if kind == Kind::EventDate { -10 } else { -30 });
        }
        let few = match kind {
            Kind::Sex => 8,
            Kind::MaritalStatus => 16,
            Kind::Education => 40,
            Kind::Ethnicity => 90,
            _ => u64::MAX,
        };
        match kind {
            _ if distinct > few => add(Fact::TooManyValues { distinct }, -40),
            Kind::Sex | Kind::MaritalStatus | Kind::Education | Kind::Ethnicity => {
                add(Fact::FewValues { distinct }, 5)
            }
            Kind::PersonName if present >= 100 && distinct <= 12 => add(Fact::FewValues { distinct }, -30),
            _ => {}
        }
    }
    if kind == Kind::Age
        && let Some((low, high)) = tally.numbers
    {
        if low >= 0.0 && high <= 120.0 && tally.whole_numbers {
            add(Fact::AgeRange, 10);
        } else if low < 0.0 || high > 150.0 {
            add(Fact::OutsideAgeRange, -30);
        }
    }
    if matches!(kind, Kind::BirthDate | Kind::EventDate)
        && let Some((first, last)) = tally.years
    {
        let births = last - first >= 25 && first < 1990 && tally.times * 10 < statistics.examined;
        let fact = if births { Fact::BirthYears } else { Fact::EventYears };
        match (kind, births) {
            (Kind::BirthDate, true) | (Kind::EventDate, false) => add(fact, 10),
            (Kind::BirthDate, false) => add(fact, -10),
            _ => add(fact, -15),
        }
    }
    out
}

/// Evidence that a column that nothing claims names records all the same.
fn unclaimed_identifier(tally: &Tally<'_>) -> Option<Vec<Evidence>> {
    let statistics = &tally.statistics;
    let present = statistics.rows - statistics.empty;
    let tokens = tally.plausible.of(Kind::UniqueId) + tally.typical.of(Kind::UniqueId);
    let uniqueness = statistics.uniqueness();
    // Results of measurements with decimals can be unique by accident; whole numbers of few digits are counts.
    let number = statistics.numeric_share > 0.9
        && (!tally.whole_numbers || statistics.mean_len < 5.0)
        && !statistics.rising;
    if present < 5 || tokens * 10 < statistics.examined * 9 || number {
        return None;
    }
    let distinct = statistics.distinct_estimate;
    let (fact, points) = if uniqueness >= 0.9 {
        (Fact::NearlyUnique { percent: (uniqueness * 100.0).round() as u8 }, 45)
    } else if distinct >= 200 && statistics.mean_len >= 6.0 {
        // The patient's number in a table of visits.
        (Fact::ManyTokens { distinct }, 40)
    } else {
        return None;
    };
    let mut evidence = vec![Evidence::Distribution { fact, points }];
    if statistics.rising {
        evidence.push(Evidence::Distribution { fact: Fact::Rising, points: 15 });
    }
    Some(evidence)
}

/// Identifiers in part of the values: inside texts, or instead of what the column is for.
fn also_contains(kind: Option<Kind>, tally: &Tally<'_>) -> Vec<(Kind, f64)> {
    /// Seldom met by accident.
    const UNMISTAKABLE: KindSet = KindSet::of(&[
        Kind::CnResidentId,
        Kind::Email,
        Kind::Url,
        Kind::IpAddress,
        Kind::MacAddress,
        Kind::LicencePlate,
        Kind::Address,
    ]);
    let examined = tally.statistics.examined.max(1);
    let mut found: Vec<(Kind, f64)> = Kind::ALL
        .iter()
        .filter(|other| {
            Some(**other) != kind && matches!(other.class(), Class::DirectIdentifier | Class::QuasiIdentifier)
        })
        .filter_map(|other| {
            let whole = if UNMISTAKABLE.contains(*other) {
                tally.checked.of(*other) + tally.typical.of(*other)
            } else {
                0
            };
            let count = whole
                + if kind == Some(Kind::Address) || kind == Some(Kind::Url) {
                    0
                } else {
                    tally.inside.of(*other)
                };
            (count > 0).then(|| (*other, round((count as f64 / examined as f64).min(1.0))))
        })
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found
}
