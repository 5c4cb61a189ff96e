//! Survival on the release against that on the raw table.
//!
//! - *Kaplan-Meier curves*, overall and by group: the largest and the mean distance of the released curve from the raw one over the raw times (Kaplan, Meier, J Am Stat
//!   Assoc 53, 1958)
//! - *log-rank test* over the groups: chi-square with groups - 1 degrees of freedom (Mantel 1966)
//! - *Cox's coefficient* of each group against the most frequent one, with the overlap of its confidence intervals: partial likelihood with Breslow's ties (Cox, J Royal
//!   Stat Soc B 34, 1972), by Newton's method
//!
//! A released interval of times counts as its middle. Records without time, event or group are left out. Groups are the raw table's; a group
//! that the release calls otherwise is lost.

use serde::Serialize;

use super::column::{Column, Table};
use super::regression::Fitted;
use super::solve::{Symmetric, times};
use super::{FEWEST, WorkloadError};

/// Survival on both tables.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Survival {
    /// The column of times.
    pub time: String,
    /// The column that tells events from censoring.
    pub event: String,
    /// The column of groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Records on which the raw figures rest.
    pub raw_records: u64,
    /// Records on which the released figures rest.
    pub released_records: u64,
    /// The curve of all records.
    pub curve: Option<CurveDistance>,
    /// One entry for each group of the raw table, the most frequent first; none where the release lost it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_curves: Vec<Option<CurveDistance>>,
    /// The log-rank statistic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_rank: Option<LogRank>,
    /// One entry for each group but the most frequent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hazards: Vec<Hazard>,
}

/// How far the released curve lies from the raw one, in probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CurveDistance {
    /// The largest distance at any time.
    pub largest: f64,
    /// The mean distance over time, up to the last raw event.
    pub mean: f64,
}

/// The log-rank chi-square of both tables.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LogRank {
    /// Groups less one.
    pub degrees: u32,
    /// On the raw table.
    pub raw: f64,
    /// On the release; none where a group is lost.
    pub released: Option<f64>,
}

/// The logarithm of a hazard ratio on both tables.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Hazard {
    /// The group's rank by frequency in the raw table; 0 is the reference.
    pub level: u32,
    /// On the raw table.
    pub raw: Fitted,
    /// On the release; none where the group is lost.
    pub released: Option<Fitted>,
    /// Overlap of the 95 % intervals.
    pub overlap: f64,
}

/// One record: its time, whether the event occurred then, and its group.
#[derive(Clone, Copy, Debug)]
struct Life {
    time: f64,
    event: bool,
    group: usize,
}

/// Compares survival; `occurred` is the label of an event.
pub(super) fn compare(
    raw: &Table,
    released: &Table,
    time: &str,
    (event, occurred): (&str, &str),
    group: Option<&str>,
) -> Result<Survival, WorkloadError> {
    let groups = match group {
        Some(name) => groups(raw.column(name)?),
        None => vec![String::new()],
    };
    let lives = |table: &Table| -> Result<Vec<Life>, WorkloadError> {
        let of_row: Vec<Option<usize>> = match group {
            None => vec![Some(0); table.rows()],
            Some(name) => {
                let column = table.column(name)?;
                let of_label: Vec<Option<usize>> =
                    column.labels.iter().map(|label| groups.iter().position(|g| g == label)).collect();
                column.codes.iter().map(|code| of_label[*code as usize]).collect()
            }
        };
        let events = table.column(event)?;
        let missing = events.missing();
        let times = table.column(time)?.numbers();
        let mut lives: Vec<Life> = times
            .into_iter()
            .zip(&events.codes)
            .zip(of_row)
            .filter(|((time, code), _)| !time.is_nan() && !missing[**code as usize])
            .filter_map(|((time, code), group)| {
                Some(Life { time, event: events.labels[*code as usize] == occurred, group: group? })
            })
            .collect();
        // Those at risk until a time are still at risk at it: events before censoring.
        lives.sort_by(|a, b| a.time.total_cmp(&b.time).then(b.event.cmp(&a.event)));
        Ok(lives)
    };
    let (before, after) = (lives(raw)?, lives(released)?);
    let events = before.iter().filter(|life| life.event).count();
    if before.len() < FEWEST || events == 0 {
        return Err(WorkloadError::TooFew { records: events as u64 });
    }
    let of_group = |lives: &[Life], g: usize| -> Vec<Life> {
        lives.iter().filter(|life| life.group == g).copied().collect()
    };
    let several = groups.len() > 1;
    let group_curves = if several {
        (0..groups.len()).map(|g| distance(&of_group(&before, g), &of_group(&after, g))).collect()
    } else {
        Vec::new()
    };
    let complete = |lives: &[Life]| (0..groups.len()).all(|g| lives.iter().any(|life| life.group == g));
    let chi = |lives: &[Life]| if complete(lives) { log_rank(lives, groups.len()) } else { None };
    let log_rank = several.then(|| chi(&before)).flatten().map(|statistic| LogRank {
        degrees: groups.len() as u32 - 1,
        raw: statistic,
        released: chi(&after),
    });
    Ok(Survival {
        time: time.to_owned(),
        event: event.to_owned(),
        group: group.map(str::to_owned),
        raw_records: before.len() as u64,
        released_records: after.len() as u64,
        curve: distance(&before, &after),
        group_curves,
        log_rank,
        hazards: if several { hazards(&before, &after, groups.len()) } else { Vec::new() },
    })
}

fn groups(column: &Column) -> Vec<String> {
    let missing = column.missing();
    let mut counts = vec![0_u64; column.labels.len()];
    column.codes.iter().for_each(|code| counts[*code as usize] += 1);
    let mut labels: Vec<(u64, &String)> = (0..counts.len())
        .filter(|i| counts[*i] > 0 && !missing[*i])
        .map(|i| (counts[i], &column.labels[i]))
        .collect();
    labels.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    labels.into_iter().map(|(_, label)| label.clone()).collect()
}

/// For each time of an event: the time, and the share that survives it. Sorted lives.
fn kaplan_meier(lives: &[Life]) -> Vec<(f64, f64)> {
    let mut curve: Vec<(f64, f64)> = Vec::new();
    let (mut surviving, mut i) = (1.0, 0);
    while i < lives.len() {
        let time = lives[i].time;
        let here = lives[i..].iter().take_while(|life| life.time == time).count();
        let events = lives[i..i + here].iter().filter(|life| life.event).count();
        if events > 0 {
            surviving *= 1.0 - events as f64 / (lives.len() - i) as f64;
            curve.push((time, surviving));
        }
        i += here;
    }
    curve
}

fn distance(raw: &[Life], released: &[Life]) -> Option<CurveDistance> {
    if released.is_empty() {
        return None;
    }
    let (before, after) = (kaplan_meier(raw), kaplan_meier(released));
    let (Some(start), Some((end, _))) = (raw.first().map(|life| life.time.min(0.0)), before.last()) else {
        return None;
    };
    let mut steps: Vec<f64> =
        before.iter().chain(&after).map(|(time, _)| *time).filter(|time| time <= end).collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    let at = |curve: &[(f64, f64)], time: f64| {
        let passed = curve.partition_point(|(step, _)| *step <= time);
        if passed == 0 { 1.0 } else { curve[passed - 1].1 }
    };
    let (mut largest, mut area, mut last, mut gap) = (0.0_f64, 0.0, start, 0.0);
    for time in steps {
        area += gap * (time - last);
        gap = (at(&before, time) - at(&after, time)).abs();
        largest = largest.max(gap);
        last = time;
    }
    Some(CurveDistance { largest, mean: if *end > start { area / (end - start) } else { 0.0 } })
}

/// The log-rank chi-square: observed less expected events of all groups but the last, in the metric of their covariance.
fn log_rank(lives: &[Life], groups: usize) -> Option<f64> {
    let mut at_risk = vec![0.0_f64; groups];
    lives.iter().for_each(|life| at_risk[life.group] += 1.0);
    let mut excess = vec![0.0; groups - 1];
    let mut variance = Symmetric::zero(groups - 1);
    let mut i = 0;
    while i < lives.len() {
        let here: Vec<&Life> = lives[i..].iter().take_while(|life| life.time == lives[i].time).collect();
        let n: f64 = at_risk.iter().sum();
        let d = here.iter().filter(|life| life.event).count() as f64;
        if d > 0.0 && n > 1.0 {
            here.iter()
                .filter(|life| life.event && life.group < groups - 1)
                .for_each(|life| excess[life.group] += 1.0);
            let factor = d * (n - d) / (n - 1.0) / n;
            for g in 0..groups - 1 {
                excess[g] -= d * at_risk[g] / n;
                for h in 0..=g {
                    let own = if g == h { at_risk[g] } else { 0.0 };
                    variance.add(g, h, factor * (own - at_risk[g] * at_risk[h] / n));
                }
            }
        }
        here.iter().for_each(|life| at_risk[life.group] -= 1.0);
        i += here.len();
    }
    let inverse = variance.inverse()?;
    Some(excess.iter().zip(times(&inverse, &excess)).map(|(a, b)| a * b).sum())
}

fn hazards(before: &[Life], after: &[Life], groups: usize) -> Vec<Hazard> {
    let Some(raw) = cox(before, groups) else { return Vec::new() };
    // A group that is lost, or has no event, has no coefficient; the others then have none that could be compared either.
    let released = cox(after, groups);
    let hazard = |(i, raw): (usize, Fitted)| {
        let released = released.as_ref().map(|all| all[i]);
        let overlap = released.map_or(0.0, |released| raw.overlap(released));
        Hazard { level: i as u32 + 1, raw, released, overlap }
    };
    raw.into_iter().enumerate().map(hazard).collect()
}

/// The logarithms of the hazard ratios of groups 1, 2, .. against group 0.
fn cox(lives: &[Life], groups: usize) -> Option<Vec<Fitted>> {
    let width = groups - 1;
    let mut beta = vec![0.0; width];
    for _ in 0..40 {
        let risk: Vec<f64> = std::iter::once(1.0).chain(beta.iter().map(|b: &f64| b.exp())).collect();
        let mut information = Symmetric::zero(width);
        let mut slope = vec![0.0; width];
        // From the last time backwards those at risk only grow.
        let mut weights = vec![0.0_f64; groups];
        let mut i = lives.len();
        while i > 0 {
            let time = lives[i - 1].time;
            let mut start = i;
            while start > 0 && lives[start - 1].time == time {
                start -= 1;
                weights[lives[start].group] += risk[lives[start].group];
            }
            let total: f64 = weights.iter().sum();
            let events = lives[start..i].iter().filter(|life| life.event);
            let d = events.clone().count() as f64;
            if d > 0.0 {
                events.filter(|life| life.group > 0).for_each(|life| slope[life.group - 1] += 1.0);
                let shares: Vec<f64> = weights[1..].iter().map(|weight| weight / total).collect();
                for (g, share) in shares.iter().enumerate() {
                    slope[g] -= d * share;
                    for (h, other) in shares[..=g].iter().enumerate() {
                        let own = if g == h { *share } else { 0.0 };
                        information.add(g, h, d * (own - share * other));
                    }
                }
            }
            i = start;
        }
        let covariance = information.inverse()?;
        let step = times(&covariance, &slope);
        let longest = step.iter().fold(0.0_f64, |most, s| most.max(s.abs()));
        let shorten = if longest > 2.0 { 2.0 / longest } else { 1.0 };
        beta.iter_mut().zip(&step).for_each(|(b, s)| *b += s * shorten);
        if longest < 1e-9 {
            let fitted = |(i, estimate): (usize, f64)| Fitted {
                estimate,
                standard_error: covariance[i * width + i].sqrt(),
            };
            return Some(beta.into_iter().enumerate().map(fitted).collect());
        }
        if beta.iter().any(|b| b.abs() > 30.0) {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utility::draw::Draw;

    fn lives(of: &[(f64, bool, usize)]) -> Vec<Life> {
        let mut lives: Vec<Life> = of
            .iter()
            .map(|(time, event, group)| Life { time: *time, event: *event, group: *group })
            .collect();
        lives.sort_by(|a, b| a.time.total_cmp(&b.time).then(b.event.cmp(&a.event)));
        lives
    }

    /// Remission times in weeks of 21 leukaemia patients on 6-MP and 21 on placebo: Freireich et al., Blood 21, 1963; the standard example.
    /// Kaplan-Meier at 6 weeks on 6-MP is 18/21, at 10 weeks 0.753 (Kalbfleisch, Prentice 1980); log-rank 16.79; Cox (Breslow) 1.509 with standard error 0.4096.
    fn leukaemia() -> Vec<Life> {
        let placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23];
        let treated = [6, 6, 6, 7, 10, 13, 16, 22, 23];
        let censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35];
        let mut all: Vec<(f64, bool, usize)> = placebo.iter().map(|t| (f64::from(*t), true, 1)).collect();
        all.extend(treated.iter().map(|t| (f64::from(*t), true, 0)));
        all.extend(censored.iter().map(|t| (f64::from(*t), false, 0)));
        lives(&all)
    }

    #[test]
    fn the_leukaemia_example_gives_its_published_figures() {
        let all = leukaemia();
        let treated: Vec<Life> = all.iter().filter(|life| life.group == 0).copied().collect();
        let curve = kaplan_meier(&treated);
        assert!((curve[0].1 - 18.0 / 21.0).abs() < 1e-12);
        assert!((curve[2].1 - 0.753).abs() < 5e-4, "{curve:?}");
        assert!((log_rank(&all, 2).unwrap() - 16.793).abs() < 1e-3);
        let cox = cox(&all, 2).unwrap()[0];
        assert!((cox.estimate - 1.5092).abs() < 1e-4, "{cox:?}");
        assert!((cox.standard_error - 0.4096).abs() < 1e-4, "{cox:?}");
    }

    fn table(times: impl Fn(f64) -> String, group: impl Fn(bool) -> &'static str) -> Table {
        let mut draw = Draw(11);
        let (mut t, mut e, mut g) = (vec![], vec![], vec![]);
        for _ in 0..2000 {
            let second = draw.uniform() < 0.4;
            let hazard = if second { 0.02 } else { 0.01 };
            let (time, end) = (-draw.uniform().ln() / hazard, 150.0 * draw.uniform());
            t.push(times(time.min(end)));
            e.push(if time <= end { "dead" } else { "alive" });
            g.push(group(second));
        }
        Table::new(vec![
            ("time".into(), Column::of(t.iter().map(String::as_str))),
            ("event".into(), Column::of(e)),
            ("group".into(), Column::of(g)),
        ])
        .unwrap()
    }

    #[test]
    fn a_known_hazard_ratio_is_found_and_kept_by_intervals_of_time() {
        let group = |second| if second { "b" } else { "a" };
        let raw = table(|t| format!("{t:.3}"), group);
        let months = table(
            |t| format!("[{}, {}[", (t / 10.0).floor() * 10.0, (t / 10.0).floor() * 10.0 + 10.0),
            group,
        );
        let found = compare(&raw, &months, "time", ("event", "dead"), Some("group")).unwrap();
        let hazard = found.hazards[0];
        assert!((hazard.raw.estimate - 2_f64.ln()).abs() < 4.0 * hazard.raw.standard_error, "{hazard:?}");
        assert!(hazard.overlap > 0.8, "{hazard:?}");
        let curve = found.curve.unwrap();
        assert!(curve.mean < 0.03 && curve.largest < 0.1, "{curve:?}");
        assert_eq!(found.group_curves.len(), 2);
        let same = compare(&raw, &raw, "time", ("event", "dead"), Some("group")).unwrap();
        assert_eq!((same.curve.unwrap().largest, same.hazards[0].overlap), (0.0, 1.0));
        assert_eq!(same.log_rank.unwrap().released, Some(same.log_rank.unwrap().raw));
    }

    #[test]
    fn a_lost_group_has_no_curve() {
        let raw = table(|t| format!("{t:.3}"), |second| if second { "b" } else { "a" });
        let merged = table(|t| format!("{t:.3}"), |_| "*");
        let found = compare(&raw, &merged, "time", ("event", "dead"), Some("group")).unwrap();
        assert_eq!((found.released_records, found.group_curves), (0, vec![None, None]));
        assert_eq!((found.hazards[0].released, found.hazards[0].overlap), (None, 0.0));
        let none = compare(&raw, &raw, "time", ("event", "gone"), None);
        assert_eq!(none, Err(WorkloadError::TooFew { records: 0 }));
    }
}
