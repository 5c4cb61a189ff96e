//! A classifier trained on the release against one trained on the raw table.
//!
//! For each of `k` folds a classifier is trained on the other folds and predicts the target of this one from the features of the same table; right is what the **raw**
//! table says. The baseline always says the most frequent class (ZeroR). The relative accuracy is
//! `(released - baseline) / (raw - baseline)`: 1 if nothing is lost, 0 if the release predicts no better than the baseline. These are the figures that ARX calls
//! classification performance.
//!
//! - *logistic regression*: multinomial, one weight a label, by stochastic gradient descent with AdaGrad steps (Duchi, Hazan, Singer, J Mach Learn Res 12, 2011)
//! - *naive Bayes*: categories with Laplace's correction (Manning, Raghavan, Schuetze, *Introduction to Information Retrieval*, 2008, 13.2); numbers in ten bins
//!
//! Folds and order come from a fixed seed: the same tables give the same figures. *Heuristic*: what one classifier loses is no bound on what another would.

use serde::Serialize;

use super::column::{Column, Table};
use super::draw::Draw;
use super::features::{Features, Reading, folds};
use super::{FEWEST, WorkloadError};

/// How well a target is predicted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Classification {
    /// The column that is predicted.
    pub target: String,
    /// The columns that it is predicted from.
    pub features: Vec<String>,
    /// Records.
    pub records: u64,
    /// Classes in the raw table.
    pub classes: u64,
    /// The share of the most frequent class.
    pub baseline: f64,
    /// One entry a method.
    pub methods: Vec<Accuracy>,
}

/// How well one method predicts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Accuracy {
    /// The classifier.
    pub method: Classifier,
    /// The share of right predictions, trained on raw data.
    pub raw: f64,
    /// The same, trained on the release.
    pub released: f64,
    /// Released less raw.
    pub difference: f64,
    /// The standard error of the difference, from the records on which just one of the two is right (McNemar).
    pub standard_error: f64,
    /// What is left of the gain over the baseline; none where raw data give no gain.
    pub relative: Option<f64>,
}

/// A classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Classifier {
    /// Multinomial logistic regression.
    LogisticRegression,
    /// Naive Bayes.
    NaiveBayes,
}

/// Compares how well `target` is predicted from `features`.
pub(super) fn compare(
    raw: &Table,
    released: &Table,
    target: &str,
    features: &[String],
    fold_count: usize,
    seed: u64,
) -> Result<Classification, WorkloadError> {
    let truth = Classes::of(raw.column(target)?, None);
    if truth.names.len() < 2 {
        return Err(WorkloadError::OneClass { column: target.to_owned() });
    }
    let present = truth.codes.iter().filter(|code| code.is_some()).count();
    if present < FEWEST.max(2 * fold_count) {
        return Err(WorkloadError::TooFew { records: present as u64 });
    }
    // What the release says of the target is what its recipient trains on.
    let told = Classes::of(released.column(target)?, Some(&truth.names));
    let reading = Reading::of(raw, features)?;
    let (raw_features, new_features) = (reading.features(raw)?, reading.features(released)?);
    let weights = raw_features.width.max(new_features.width).saturating_mul(truth.names.len());
    if weights > MOST_WEIGHTS {
        return Err(WorkloadError::Weights { column: target.to_owned(), number: weights as u64 });
    }
    let folds = folds(raw.rows(), fold_count, seed);
    let mut methods = Vec::new();
    for method in [Classifier::LogisticRegression, Classifier::NaiveBayes] {
        let run = |features: &Features, labels: &Classes| {
            let mut right = vec![false; raw.rows()];
            for fold in 0..fold_count as u32 {
                let training: Vec<u32> = (0..raw.rows() as u32)
                    .filter(|row| folds[*row as usize] != fold && labels.codes[*row as usize].is_some())
                    .collect();
                let model = method.train(features, labels, training, seed);
                for (row, right) in right.iter_mut().enumerate().filter(|(row, _)| folds[*row] == fold) {
                    *right = truth.codes[row] == Some(model.predict(features, row));
                }
            }
            right
        };
        let (before, after) = (run(&raw_features, &truth), run(&new_features, &told));
        methods.push(accuracy(method, &before, &after, present, truth.baseline()));
    }
    Ok(Classification {
        target: target.to_owned(),
        features: features.to_vec(),
        records: present as u64,
        classes: truth.names.len() as u64,
        baseline: truth.baseline(),
        methods,
    })
}

fn accuracy(method: Classifier, before: &[bool], after: &[bool], records: usize, baseline: f64) -> Accuracy {
    let n = records as f64;
    let count =
        |wanted: (bool, bool)| before.iter().zip(after).filter(|(a, b)| (**a, **b) == wanted).count() as f64;
    let (both, lost, won) = (count((true, true)), count((true, false)), count((false, true)));
    let (raw, released) = ((both + lost) / n, (both + won) / n);
    let difference = released - raw;
    let standard_error = ((lost + won) / n - difference * difference).max(0.0).sqrt() / n.sqrt();
    let gain = raw - baseline;
    let relative = (gain > 0.0).then(|| (released - baseline) / gain);
    Accuracy { method, raw, released, difference, standard_error, relative }
}

/// The target as numbers below the number of classes.
struct Classes<'a> {
    names: Vec<&'a str>,
    codes: Vec<Option<usize>>,
}

impl<'a> Classes<'a> {
    /// The classes of a column; with `names`, those of another column, by what they are called.
    fn of(column: &'a Column, names: Option<&[&'a str]>) -> Classes<'a> {
        let missing = column.missing();
        let mut counts = vec![0_u64; column.labels.len()];
        column.codes.iter().for_each(|code| counts[*code as usize] += 1);
        let own: Vec<&str> = column
            .labels
            .iter()
            .enumerate()
            .filter(|(i, _)| !missing[*i] && counts[*i] > 0)
            .map(|(_, label)| label.as_str())
            .collect();
        let names = names.map_or(own, <[&str]>::to_vec);
        let of_label: Vec<Option<usize>> =
            column.labels.iter().map(|label| names.iter().position(|name| name == label)).collect();
        Classes { codes: column.codes.iter().map(|code| of_label[*code as usize]).collect(), names }
    }

    fn baseline(&self) -> f64 {
        let mut counts = vec![0_u64; self.names.len()];
        self.codes.iter().flatten().for_each(|class| counts[*class] += 1);
        let total: u64 = counts.iter().sum();
        counts.iter().max().map_or(0.0, |most| *most as f64 / total.max(1) as f64)
    }
}

impl Classifier {
    fn train(self, features: &Features, labels: &Classes<'_>, rows: Vec<u32>, seed: u64) -> Model {
        match self {
            Classifier::LogisticRegression => Model::Linear(Linear::train(features, labels, rows, seed)),
            Classifier::NaiveBayes => Model::Bayes(Bayes::train(features, labels, &rows)),
        }
    }
}

enum Model {
    Linear(Linear),
    Bayes(Bayes),
}

impl Model {
    fn predict(&self, features: &Features, row: usize) -> usize {
        let mut scores = Vec::new();
        match self {
            Model::Linear(model) => model.scores(features, row, &mut Vec::new(), &mut scores),
            Model::Bayes(model) => model.scores(features, row, &mut scores),
        }
        let best = scores.iter().enumerate().max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i)));
        best.map_or(0, |(class, _)| class)
    }
}

/// One row of weights a feature, one column a class; the last row is the constant.
struct Linear {
    classes: usize,
    weights: Vec<f32>,
}

/// A model with more weights than this has columns of names or numbers of records among its features.
const MOST_WEIGHTS: usize = 1 << 24;
/// Passes over the training records.
const PASSES: usize = 6;
const STEP: f32 = 0.25;
/// The strength of the penalty on large weights, applied where a feature occurs.
const PENALTY: f32 = 1e-5;

impl Linear {
    fn train(features: &Features, labels: &Classes<'_>, mut rows: Vec<u32>, seed: u64) -> Linear {
        let classes = labels.names.len();
        let constant = features.width as u32;
        let mut model = Linear { classes, weights: vec![0.0; (features.width + 1) * classes] };
        let mut squares = vec![1e-6_f32; model.weights.len()];
        let mut draw = Draw(seed ^ 0x5eed);
        let (mut touched, mut scores) = (Vec::new(), Vec::new());
        for _ in 0..PASSES {
            draw.shuffle(&mut rows);
            for row in &rows {
                let Some(class) = labels.codes[*row as usize] else { continue };
                model.scores(features, *row as usize, &mut touched, &mut scores);
                soft_max(&mut scores);
                scores[class] -= 1.0;
                touched.push((constant, 1.0));
                for (feature, factor) in &touched {
                    let at = *feature as usize * classes;
                    let weights = &mut model.weights[at..at + classes];
                    let squares = &mut squares[at..at + classes];
                    for ((weight, square), error) in weights.iter_mut().zip(squares).zip(&scores) {
                        let gradient = error * factor + PENALTY * *weight;
                        *square += gradient * gradient;
                        *weight -= STEP * gradient / square.sqrt();
                    }
                }
            }
        }
        model
    }

    fn scores(&self, features: &Features, row: usize, touched: &mut Vec<(u32, f32)>, scores: &mut Vec<f32>) {
        features.row(row, touched);
        scores.clear();
        scores.extend_from_slice(&self.weights[features.width * self.classes..]);
        for (feature, factor) in touched {
            let at = *feature as usize * self.classes;
            let weights = &self.weights[at..at + self.classes];
            scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += weight * *factor);
        }
    }
}

fn soft_max(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - most).exp());
    let total: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= total);
}

/// Logarithms of the chance of a class and of each category in a class.
struct Bayes {
    prior: Vec<f32>,
    columns: Vec<Vec<f32>>,
}

impl Bayes {
    fn train(features: &Features, labels: &Classes<'_>, rows: &[u32]) -> Bayes {
        let classes = labels.names.len();
        let mut prior = vec![1.0_f32; classes];
        let labelled = || rows.iter().filter_map(|row| Some((*row as usize, labels.codes[*row as usize]?)));
        labelled().for_each(|(_, class)| prior[class] += 1.0);
        let columns = features
            .categories
            .iter()
            .enumerate()
            .map(|(c, categories)| {
                let mut counts = vec![1.0_f32; categories * classes];
                labelled()
                    .for_each(|(row, class)| counts[features.category(c, row) * classes + class] += 1.0);
                let totals: Vec<f32> =
                    (0..classes).map(|k| counts.iter().skip(k).step_by(classes).sum()).collect();
                counts.chunks_mut(classes).for_each(|cell| {
                    cell.iter_mut().zip(&totals).for_each(|(count, total)| *count = (*count / total).ln());
                });
                counts
            })
            .collect();
        let total: f32 = prior.iter().sum();
        prior.iter_mut().for_each(|count| *count = (*count / total).ln());
        Bayes { prior, columns }
    }

    fn scores(&self, features: &Features, row: usize, scores: &mut Vec<f32>) {
        let classes = self.prior.len();
        scores.clone_from(&self.prior);
        for (c, column) in self.columns.iter().enumerate() {
            let at = features.category(c, row) * classes;
            scores.iter_mut().zip(&column[at..at + classes]).for_each(|(score, chance)| *score += chance);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target that is 90 % the sign of one of two columns.
    fn tables(released_first: impl Fn(u32) -> String) -> (Table, Table) {
        let mut draw = Draw(3);
        let rows: Vec<(u32, u32, bool)> = (0..3000)
            .map(|_| {
                let first = draw.below(8) as u32;
                (first, draw.below(5) as u32, (first >= 4) == (draw.uniform() < 0.9))
            })
            .collect();
        let column = |of: &dyn Fn(&(u32, u32, bool)) -> String| {
            let values: Vec<String> = rows.iter().map(of).collect();
            Column::of(values.iter().map(String::as_str))
        };
        let second = column(&|row| row.1.to_string());
        let target = column(&|row| if row.2 { "yes" } else { "no" }.to_owned());
        let table = |first: Column| {
            Table::new(vec![
                ("first".into(), first),
                ("second".into(), second.clone()),
                ("target".into(), target.clone()),
            ])
            .unwrap()
        };
        (table(column(&|row| row.0.to_string())), table(column(&|row| released_first(row.0))))
    }

    fn relative(released_first: impl Fn(u32) -> String) -> Vec<Accuracy> {
        let (raw, released) = tables(released_first);
        let features = ["first".to_owned(), "second".to_owned()];
        compare(&raw, &released, "target", &features, 5, 1).unwrap().methods
    }

    #[test]
    fn a_generalisation_that_keeps_what_matters_loses_nothing() {
        for found in relative(|first| if first < 4 { "0-3" } else { "4-7" }.to_owned()) {
            assert!((found.raw - 0.9).abs() < 0.02, "{found:?}");
            assert!(
                found.relative.unwrap() > 0.97
                    && found.difference.abs() < 3.0 * found.standard_error.max(0.003)
            );
        }
    }

    #[test]
    fn a_suppressed_column_leaves_the_baseline() {
        for found in relative(|_| "*".to_owned()) {
            assert!(found.relative.unwrap().abs() < 0.1, "{found:?}");
        }
    }

    #[test]
    fn figures_are_the_same_each_time() {
        let once = relative(|first| (first / 2).to_string());
        assert_eq!(once, relative(|first| (first / 2).to_string()));
    }

    #[test]
    fn a_target_of_one_class_or_too_few_records_are_refused() {
        let one =
            Table::new(vec![("x".into(), Column::of(["1"; 100])), ("y".into(), Column::of(["a"; 100]))])
                .unwrap();
        let x = ["x".to_owned()];
        let refused = compare(&one, &one, "y", &x, 5, 1);
        assert_eq!(refused, Err(WorkloadError::OneClass { column: "y".into() }));
        let few =
            Table::new(vec![("x".into(), Column::of(["1", "2"])), ("y".into(), Column::of(["a", "b"]))]);
        let few = few.unwrap();
        assert_eq!(compare(&few, &few, "y", &x, 5, 1), Err(WorkloadError::TooFew { records: 2 }));
    }
}
