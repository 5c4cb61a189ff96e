//! Charts as inline SVG. Numbers stand inside; what they mean stands in the caption around, in both languages.

use maud::{Markup, html};

use super::figure::percent;
use crate::assess::{BENCHMARKS, Bucket, Correlation, Risk};

const INK: &str = "#17212b";
const LINE: &str = "#d8dee4";
const BEFORE: &str = "#9aa5b1";
const AFTER: &str = "#0b6468";

/// The highest risk before and after on a logarithmic scale from 1 in 1000 to certainty, with the threshold.
pub(super) fn gauge(before: Option<&Risk>, after: &Risk, threshold: f64, caption: &str) -> Markup {
    const LEFT: f64 = 24.0;
    const WIDTH: f64 = 752.0;
    let at = |risk: f64| LEFT + WIDTH * (1.0 + risk.clamp(0.001, 1.0).log10() / 3.0);
    let ticks = [0.001, 0.01, 1.0].into_iter().chain(BENCHMARKS.iter().map(|b| b.threshold));
    let number = |x: f64| format!("{x:.1}");
    html! {
        svg viewBox="0 28 800 74" role="img" aria-labelledby=(caption) {
            rect x=(number(LEFT)) y="46" width=(number(at(threshold) - LEFT)) height="14" fill="#dbe9e2" {}
            rect x=(number(at(threshold))) y="46" width=(number(at(1.0) - at(threshold))) height="14" fill="#f3dfdb" {}
            @for tick in ticks {
                line x1=(number(at(tick))) x2=(number(at(tick))) y1="60" y2="67" stroke=(INK) stroke-width="1" {}
                text x=(number(at(tick))) y="82" text-anchor="middle" { (tick) }
                text x=(number(at(tick))) y="97" text-anchor="middle" { "1/" (format!("{:.0}", 1.0 / tick)) }
            }
            line x1=(number(at(threshold))) x2=(number(at(threshold))) y1="38" y2="67" stroke=(INK) stroke-width="2" {}
            @if let Some(before) = before {
                circle cx=(number(at(before.prosecutor.maximum))) cy="53" r="7" fill="#fff" stroke=(BEFORE) stroke-width="3" {}
            }
            @let x = at(after.prosecutor.maximum);
            path d=(format!("M{x:.1} 53 m-7 -17 h14 l-7 12 z")) fill=(AFTER) {}
            circle cx=(number(x)) cy="53" r="5" fill=(AFTER) {}
            @if let Some(before) = before {
                circle cx=(number(at(before.marketer.value))) cy="53" r="2.5" fill=(BEFORE) {}
            }
            circle cx=(number(at(after.marketer.value))) cy="53" r="2.5" fill="#fff" stroke=(AFTER) {}
        }
    }
}

/// The share of records by the size of their class, before and after.
pub(super) fn histogram(before: Option<&[Bucket]>, after: &[Bucket], caption: &str) -> Markup {
    const BOTTOM: f64 = 172.0;
    const HEIGHT: f64 = 140.0;
    let slot = 800.0 / after.len().max(1) as f64;
    let width = if before.is_some() { slot * 0.34 } else { slot * 0.5 };
    let number = |x: f64| format!("{x:.1}");
    let bar = |x: f64, share: f64, fill: &str| {
        let height = (share * HEIGHT).max(if share > 0.0 { 1.0 } else { 0.0 });
        html! {
            rect x=(number(x)) y=(number(BOTTOM - height)) width=(number(width)) height=(number(height)) fill=(fill) {}
            text x=(number(x + width / 2.0)) y=(number(BOTTOM - height - 5.0)) text-anchor="middle" font-size="11" { (percent(share)) }
        }
    };
    html! {
        svg viewBox="0 0 800 200" role="img" aria-labelledby=(caption) {
            @for (i, bucket) in after.iter().enumerate() {
                @let middle = slot * (i as f64 + 0.5);
                @if let Some(before) = before.and_then(|before| before.get(i)) {
                    (bar(middle - width - 2.0, before.share.value, BEFORE))
                    (bar(middle + 2.0, bucket.share.value, AFTER))
                } @else {
                    (bar(middle - width / 2.0, bucket.share.value, AFTER))
                }
                text x=(number(middle)) y="191" text-anchor="middle" { (range(bucket)) }
            }
            line x1="0" x2="800" y1=(number(BOTTOM)) y2=(number(BOTTOM)) stroke=(INK) stroke-width="1" {}
        }
    }
}

/// A range of class sizes.
pub(super) fn range(bucket: &Bucket) -> String {
    match bucket.to {
        Some(to) if to == bucket.from => to.to_string(),
        Some(to) => format!("{}–{to}", bucket.from),
        None => format!("{}+", bucket.from),
    }
}

/// A share as a bar of fixed length.
pub(super) fn bar(share: f64) -> Markup {
    let width = share.clamp(0.0, 1.0) * 120.0;
    html! {
        svg .bar viewBox="0 0 120 10" preserveAspectRatio="none" aria-hidden="true" {
            rect width="120" height="10" fill=(LINE) {}
            rect width=(format!("{width:.1}")) height="10" fill=(AFTER) {}
        }
    }
}

/// The loss of the best transformation by k, a line for each suppression limit: `lines` are labels with scores, one for each of `ks`.
pub(super) fn frontier(ks: &[u64], lines: &[(String, Vec<Option<f64>>)], caption: &str) -> Markup {
    const LEFT: f64 = 52.0;
    const RIGHT: f64 = 690.0;
    const TOP: f64 = 14.0;
    const BOTTOM: f64 = 232.0;
    let most = lines
        .iter()
        .flat_map(|(_, scores)| scores.iter().flatten())
        .fold(0.0_f64, |a, b| a.max(*b))
        .max(1e-9);
    let x = |i: usize| LEFT + (RIGHT - LEFT) * i as f64 / (ks.len().max(2) - 1) as f64;
    let y = |score: f64| BOTTOM - (BOTTOM - TOP) * score / most;
    let number = |x: f64| format!("{x:.1}");
    let shade = |i: usize| {
        let mix = |from: f64, to: f64| (from + (to - from) * i as f64 / lines.len().max(2) as f64) as u8;
        format!("#{:02x}{:02x}{:02x}", mix(11.0, 170.0), mix(100.0, 190.0), mix(104.0, 200.0))
    };
    // Labels of lines that end close together would overlap, so each is moved below the one before.
    let mut ends: Vec<(usize, f64)> =
        lines.iter().enumerate().filter_map(|(i, (_, scores))| Some((i, y((*scores.last()?)?)))).collect();
    ends.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut lowest = f64::NEG_INFINITY;
    for (_, end) in &mut ends {
        *end = end.max(lowest + 14.0);
        lowest = *end;
    }
    html! {
        svg viewBox="0 0 800 262" role="img" aria-labelledby=(caption) {
            @for quarter in 0..=4 {
                @let score = most * f64::from(quarter) / 4.0;
                line x1=(number(LEFT)) x2=(number(RIGHT)) y1=(number(y(score))) y2=(number(y(score))) stroke=(LINE) stroke-width="1" {}
                text x=(number(LEFT - 8.0)) y=(number(y(score) + 4.0)) text-anchor="end" { (format!("{score:.2}")) }
            }
            @for (i, k) in ks.iter().enumerate() {
                text x=(number(x(i))) y="254" text-anchor="middle" { "k = " (k) }
            }
            @for (i, (_, scores)) in lines.iter().enumerate() {
                @let points = scores.iter().enumerate().filter_map(|(k, score)| Some(format!("{:.1},{:.1}", x(k), y((*score)?))));
                polyline points=(points.collect::<Vec<_>>().join(" ")) fill="none" stroke=(shade(i)) stroke-width="2.5" {}
                @for (k, score) in scores.iter().enumerate() {
                    @if let Some(score) = score { circle cx=(number(x(k))) cy=(number(y(*score))) r="3.5" fill=(shade(i)) {} }
                }
            }
            @for (i, end) in ends { text x=(number(RIGHT + 12.0)) y=(number(end + 4.0)) { (lines[i].0) } }
        }
    }
}

/// One of the two matrices of a correlation, columns by their number.
pub(super) fn heat_map(correlation: &Correlation, after: bool, caption: &str) -> Markup {
    let matrix = if after { &correlation.after } else { &correlation.before };
    let n = matrix.len();
    let cell = 360.0 / n.max(1) as f64;
    let number = |x: f64| format!("{x:.1}");
    html! {
        svg viewBox="0 0 390 390" role="img" aria-labelledby=(caption) {
            @for (i, row) in matrix.iter().enumerate() {
                @let y = 28.0 + cell * i as f64;
                text x="12" y=(number(y + cell / 2.0 + 4.0)) text-anchor="middle" { (i + 1) }
                text x=(number(28.0 + cell * (i as f64 + 0.5))) y="18" text-anchor="middle" { (i + 1) }
                @for (j, r) in row.iter().enumerate() {
                    @let x = 28.0 + cell * j as f64;
                    rect x=(number(x)) y=(number(y)) width=(number(cell - 1.5)) height=(number(cell - 1.5)) fill=(heat(*r)) {}
                    @if let (Some(r), true) = (r, cell >= 28.0) {
                        @let dark = r.abs() > 0.6;
                        text x=(number(x + cell / 2.0)) y=(number(y + cell / 2.0 + 3.5)) text-anchor="middle"
                            class=(if dark { "light" } else { "dark" }) fill=(if dark { "#ffffff" } else { INK }) { (coefficient(*r)) }
                    }
                }
            }
        }
    }
}

/// Two decimals with a true minus, and none before a zero.
fn coefficient(r: f64) -> String {
    let text = format!("{:.2}", r.abs());
    if r < 0.0 && text != "0.00" { format!("−{text}") } else { text }
}

/// Teal for positive, brick for negative, white for none, grey for what cannot be told.
fn heat(r: Option<f64>) -> String {
    let Some(r) = r else { return LINE.to_owned() };
    let (red, green, blue) = if r >= 0.0 { (11.0, 100.0, 104.0) } else { (155.0, 66.0, 44.0) };
    let mix = |to: f64| (246.0 + (to - 246.0) * r.abs().clamp(0.0, 1.0)).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(red), mix(green), mix(blue))
}
