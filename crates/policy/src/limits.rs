//! What a text may have at most: so that admission and every decision are bounded work on a bounded stack.
//!
//! Beside these numbers, some of Cedar is not admitted: `like` (nothing that is compared is free text; a pattern costs length times length), and the
//! extension types `decimal`, `ipaddr` and `datetime` (amounts are whole millionths, times are milliseconds, nobody's address is known: the rules of calendars and of parsing numbers
//! would become rules of consensus), and templates, which nobody fills.

/// Bytes of a text.
pub const MAX_BYTES: usize = 8192;

/// How deep expressions are nested: a bracket, an operator, an attribute is a level each; a chain of `||` has one for each link.
pub const MAX_DEPTH: usize = 32;

/// Expressions in a text, those in the heads of policies not counted: what a decision evaluates at most, and what a text takes when it is compiled.
pub const MAX_EXPRESSIONS: usize = 1024;

/// Policies in a text.
pub const MAX_POLICIES: usize = 32;

/// Characters of an `@id`.
pub const MAX_ID: usize = 64;

/// Characters of a `@reason`.
pub const MAX_REASON: usize = 200;
