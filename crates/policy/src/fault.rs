//! Why a text is no policy of a contract.

use std::fmt;

use crate::limits::{MAX_BYTES, MAX_DEPTH, MAX_EXPRESSIONS, MAX_ID, MAX_POLICIES, MAX_REASON};

/// A place in a text, both counted from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl Position {
    /// The place of a byte.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let offset = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let before = &text[..offset];
        let line = before.bytes().filter(|byte| *byte == b'\n').count() as u32 + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u32 + 1;
        Position { line, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a text is refused. What a `detail` says is for people and no part of consensus.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is too long.
    #[error("{bytes} bytes, at most {MAX_BYTES} are allowed")]
    Size {
        /// Found.
        bytes: usize,
    },
    /// It is nested too deep.
    #[error("{at}: nested {depth} deep, at most {MAX_DEPTH} are allowed")]
    Depth {
        /// Where.
        at: Position,
        /// Found there.
        depth: usize,
    },
    /// It has too many expressions.
    #[error("{at}: the {MAX_EXPRESSIONS} expressions that are allowed end before it")]
    Expressions {
        /// Where the first is that is too many.
        at: Position,
    },
    /// It has no policies, or too many.
    #[error("{policies} policies, from 1 to {MAX_POLICIES} are needed")]
    Count {
        /// Found.
        policies: usize,
    },
    /// It is not Cedar.
    #[error("{at}: {detail}")]
    Syntax {
        /// Where.
        at: Position,
        /// What was found or expected.
        detail: String,
    },
    /// A template, or something of Cedar that is not admitted.
    #[error("{at}: {what} is not admitted in a contract")]
    NotAdmitted {
        /// Where.
        at: Position,
        /// What.
        what: String,
    },
    /// An annotation is none of ours, or its text is none.
    #[error(
        "{at}: expected `@id`, of 1 to {MAX_ID} letters, digits and `-_.`, used once, or `@reason`, of 1 to {MAX_REASON} characters"
    )]
    Annotation {
        /// Where.
        at: Position,
    },
    /// It does not fit the schema.
    #[error("{at}: {detail}")]
    Type {
        /// Where.
        at: Position,
        /// What does not fit.
        detail: String,
    },
    /// A policy can never apply: it would promise what nobody enforces.
    #[error("{at}: the policy can never apply")]
    NeverApplies {
        /// Where.
        at: Position,
    },
}

impl Fault {
    /// Where it is, where it is at a place.
    pub fn position(&self) -> Option<Position> {
        match self {
            Fault::Size { .. } | Fault::Count { .. } => None,
            Fault::Depth { at, .. }
            | Fault::Expressions { at }
            | Fault::Syntax { at, .. }
            | Fault::NotAdmitted { at, .. }
            | Fault::Annotation { at }
            | Fault::Type { at, .. }
            | Fault::NeverApplies { at } => Some(*at),
        }
    }
}
