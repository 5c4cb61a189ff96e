//! Where a custodian can be stopped: before and after everything that lasts.
//!
//! A test stops it at each point in turn and begins again, to show that nothing is lost and nothing done twice.

/// A point between two things that last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// A version of a source has been copied, or taken over.
    Copied,
    /// Events have become jobs.
    Noted,
    /// Patients have been picked.
    Picked,
    /// A release is on disk, and not yet noted.
    Made,
    /// It is noted.
    Measured,
    /// It is in custody.
    Kept,
    /// Openings are on disk.
    Opened,
    /// Private copies have been destroyed.
    Destroyed,
    /// A release has ended before it was posted, and what is left of it is still on disk.
    Ended,
    /// A copy of an old version of a source is not noted any more, and still on disk.
    Pruned,
    /// An action is about to be handed in.
    BeforeAct,
    /// It is final, and not yet noted.
    AfterAct,
}

/// The custodian was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped at {0:?}")]
pub struct Interrupted(pub Point);

/// Decides at each point whether to go on.
pub trait Interrupt {
    /// Goes on, or stops.
    ///
    /// # Errors
    /// [`Interrupted`] to stop.
    fn at(&self, point: Point) -> Result<(), Interrupted>;
}

/// Goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Never;

impl Interrupt for Never {
    fn at(&self, _: Point) -> Result<(), Interrupted> {
        Ok(())
    }
}
