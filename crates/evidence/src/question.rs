//! What may be asked of evidence, and which keys answer it.

use medveil_ledger::{Digest, Event, Key, ObjectRef};

use crate::reading::{Period, Reading, Statement};
use crate::subject::Subject;

/// What somebody wants to see proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// What a thing is now, as of the evidence's block, or that there is none.
    Latest(Subject),
    /// What a version of a thing was, and until when it was in force.
    Version(Subject, u64),
    /// What a thing was after the block of this height, or that there was none.
    At(Subject, u64),
    /// All entries of the trail of a thing, and that there are no others.
    Trail(ObjectRef),
    /// That a transaction was included, and what became of it.
    Transaction(Digest),
    /// What happened: the event of a height with an index.
    Event {
        /// The block's height.
        height: u64,
        /// Its place in the block, from 0.
        index: u32,
    },
}

/// What evidence says to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The thing was so.
    Version(&'a Period),
    /// There is, or was, no such thing.
    Absent,
    /// All entries of the trail.
    Trail(&'a [Period]),
    /// The value without history.
    Number(u64),
    /// The transaction, with what became of it.
    Transaction(&'a Statement),
    /// The event.
    Event(&'a Event),
}

impl Question {
    /// The keys whose values, or absence, answer the question. Whoever has the state looks up `found`, the version in force (0 for none), and `latest`, the number of versions there
    /// are. Entries of blocks are not under keys: for them there are none.
    pub fn keys(&self, found: u64, latest: u64) -> Vec<Key> {
        let versions = |subject: &Subject, numbers: std::ops::RangeInclusive<u64>| {
            // What is not past is the head, or is shown by it not to be.
            let past = numbers.clone().filter(|number| *number < latest);
            let mut keys: Vec<Key> = past.filter_map(|number| subject.version_key(number)).collect();
            if *numbers.end() >= latest {
                keys.push(subject.head_key());
            }
            keys
        };
        match self {
            Question::Latest(subject) => vec![subject.head_key()],
            Question::Version(subject, number) => versions(subject, *number..=number.saturating_add(1)),
            // Without a version in force the first is absent, or later.
            Question::At(subject, _) if found == 0 => versions(subject, 1..=1),
            Question::At(subject, _) => versions(subject, found..=found.saturating_add(1)),
            Question::Trail(object) => versions(&Subject::Trail(*object), 1..=latest),
            Question::Transaction(_) | Question::Event { .. } => Vec::new(),
        }
    }
}

impl Reading {
    /// What is said to a question; `None` if the statements leave it open.
    pub fn answer(&self, question: &Question) -> Option<Answer<'_>> {
        match question {
            Question::Latest(subject) => match self.history(subject) {
                Some(history) if history.is_absent() => Some(Answer::Absent),
                Some(history) => {
                    let latest = history.versions.last()?;
                    (history.at_most == Some(latest.version)).then_some(Answer::Version(latest))
                }
                None => self.statements.iter().find_map(|statement| match statement {
                    Statement::Number { subject: found, value } if found == subject => {
                        Some(Answer::Number(*value))
                    }
                    _ => None,
                }),
            },
            Question::Version(subject, number) => {
                let history = self.history(subject)?;
                match history.versions.iter().find(|period| period.version == *number) {
                    Some(period) => Some(Answer::Version(period)),
                    None => history.at_most.is_some_and(|most| most < *number).then_some(Answer::Absent),
                }
            }
            Question::At(subject, height) => {
                if *height > self.at.height {
                    return None;
                }
                let history = self.history(subject)?;
                if let Some(period) = history.versions.iter().find(|period| period.covers(*height)) {
                    return Some(Answer::Version(period));
                }
                let later = |period: &Period| period.version == 1 && period.from > *height;
                (history.is_absent() || history.versions.iter().any(later)).then_some(Answer::Absent)
            }
            Question::Trail(object) => {
                let history = self.history(&Subject::Trail(*object))?;
                history.is_complete().then_some(Answer::Trail(&history.versions))
            }
            Question::Transaction(wanted) => {
                let found = |statement: &&Statement| matches!(statement, Statement::Transaction { id, body: Some(_), outcome: Some(_), .. } if id == wanted);
                self.statements.iter().find(found).map(Answer::Transaction)
            }
            Question::Event { height, index: wanted } => self.statements.iter().find_map(|statement| {
                let here = *height == self.at.height;
                match statement {
                    Statement::Event { index, event } if here && index == wanted => {
                        Some(Answer::Event(event))
                    }
                    _ => None,
                }
            }),
        }
    }
}
