//! An analysis, and how it is written on the command line.

use std::str::FromStr;

use super::WorkloadError;

/// An analysis that is carried out on raw and released data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// `target=COLUMN` or `target=COLUMN~A+B`: predict a column from others (all, if none are named).
    Predict {
        /// What is predicted.
        target: String,
        /// From what.
        features: Vec<String>,
    },
    /// `associations` or `associations=A+B+C`: the strength of the association of each pair of columns.
    Associate {
        /// The columns; all, if none are named.
        columns: Vec<String>,
    },
    /// `survival=TIME:EVENT=VALUE` or `survival=TIME:EVENT=VALUE:GROUP`.
    Survive {
        /// The column of times.
        time: String,
        /// The column that tells events from censoring.
        event: String,
        /// Its value for an event.
        occurred: String,
        /// The column of groups.
        group: Option<String>,
    },
    /// `regression=OUTCOME~A+B`: explain a number, or one of two classes, by others (all, if none are named).
    Explain {
        /// What is explained.
        outcome: String,
        /// By what.
        predictors: Vec<String>,
    },
}

impl FromStr for Task {
    type Err = WorkloadError;

    fn from_str(text: &str) -> Result<Task, WorkloadError> {
        let wrong = || WorkloadError::Task { task: text.to_owned() };
        let named = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned()).ok_or_else(wrong);
        let list = |text: &str| text.split('+').map(named).collect::<Result<Vec<String>, _>>();
        let (kind, rest) = text.split_once('=').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        let sides = |rest: &str| match rest.split_once('~') {
            Some((left, right)) => Ok((named(left)?, list(right)?)),
            None => Ok((named(rest)?, Vec::new())),
        };
        match (kind.trim(), rest) {
            ("target", Some(rest)) => {
                let (target, features) = sides(rest)?;
                Ok(Task::Predict { target, features })
            }
            ("associations", None) => Ok(Task::Associate { columns: Vec::new() }),
            ("associations", Some(rest)) => Ok(Task::Associate { columns: list(rest)? }),
            ("regression", Some(rest)) => {
                let (outcome, predictors) = sides(rest)?;
                Ok(Task::Explain { outcome, predictors })
            }
            ("survival", Some(rest)) => {
                let mut parts = rest.split(':');
                let time = named(parts.next().ok_or_else(wrong)?)?;
                let (event, occurred) =
                    parts.next().and_then(|part| part.split_once('=')).ok_or_else(wrong)?;
                let group = parts.next().map(named).transpose()?;
                match parts.next() {
                    None => {
                        Ok(Task::Survive { time, event: named(event)?, occurred: named(occurred)?, group })
                    }
                    Some(_) => Err(wrong()),
                }
            }
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_read_as_they_are_written() {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let read = |text: &str| text.parse::<Task>().unwrap();
        assert_eq!(
            read("target=salary-class"),
            Task::Predict { target: "salary-class".into(), features: vec![] }
        );
        assert_eq!(read("target=a~b+c"), Task::Predict { target: "a".into(), features: own(&["b", "c"]) });
        assert_eq!(read("associations"), Task::Associate { columns: vec![] });
        assert_eq!(
            read("regression=y~a + b"),
            Task::Explain { outcome: "y".into(), predictors: own(&["a", "b"]) }
        );
        let survival = Task::Survive {
            time: "days".into(),
            event: "state".into(),
            occurred: "dead".into(),
            group: Some("arm".into()),
        };
        assert_eq!(read("survival=days:state=dead:arm"), survival);
        for wrong in
            ["", "target", "target=", "y~x", "survival=t:e", "survival=t", "target=a~", "survival=a:b=c:d:e"]
        {
            let refused = wrong.parse::<Task>();
            assert_eq!(refused, Err(WorkloadError::Task { task: wrong.into() }), "{wrong}");
        }
    }
}
