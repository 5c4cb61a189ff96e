//! Queries, read strictly: a parameter that an endpoint does not have is an error, never a list that looks complete and is not.

use std::str::FromStr;
use std::time::Duration;

use axum::{
    extract::Query,
    http::{HeaderMap, Uri, header},
};
use chrono::DateTime;
use medveil_node::index::{Page, Place, Times};

use crate::problem::Problem;

/// The parameters of a request.
pub(crate) struct Params(Vec<(String, String)>);

/// Items of a page when nothing else is asked for, and at most.
const LIMIT: (u32, u32) = (50, 500);

/// The longest that a request waits for a transaction, in seconds.
const WAIT: u64 = 60;

/// The media type of evidence files.
pub(crate) const EVIDENCE: &str = "application/vnd.medveil.evidence";

impl Params {
    /// Reads the query of a request; `allowed` are all parameters that the endpoint has.
    pub(crate) fn read(uri: &Uri, allowed: &[&str]) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| {
            Problem::of("request.malformed").detail("the query is not `name=value&name=value`")
        })?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !allowed.contains(&name.as_str()) {
                // The name is the client's: as short as names are, and without anything that is no name.
                let name: String = name
                    .chars()
                    .filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
                    .take(32)
                    .collect();
                return Err(Problem::of("request.unknown_parameter")
                    .detail(format!("there is no parameter `{name}` here; there are: {}", listed(allowed))));
            }
            if pairs[..index].iter().any(|(other, _)| other == name) {
                return Err(
                    Problem::of("request.repeated_parameter").detail(format!("`{name}` is given twice"))
                );
            }
        }
        Ok(Self(pairs))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of a type; `expected` says how it is written.
    pub(crate) fn parse<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, Problem> {
        self.get(name).map(|value| value.parse().map_err(|_| bad(name, expected))).transpose()
    }

    /// Whether something is asked for.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(_) => Err(bad(name, "0 or 1")),
        }
    }

    /// How long to wait.
    pub(crate) fn wait(&self) -> Result<Option<Duration>, Problem> {
        let seconds: Option<u64> = self.parse("wait", "seconds")?;
        match seconds {
            Some(seconds) if seconds > WAIT => Err(bad("wait", "at most 60 seconds")),
            seconds => Ok(seconds.map(Duration::from_secs)),
        }
    }

    pub(crate) fn times(&self) -> Result<Times, Problem> {
        let time = |name| self.get(name).map(|text| time(text).ok_or_else(|| bad(name, TIME))).transpose();
        Ok(Times { from: time("from")?, to: time("to")? })
    }

    /// The part of the list that is asked for.
    pub(crate) fn page<T: Cursor>(&self) -> Result<Page<T>, Problem> {
        let limit: u32 = self.parse("limit", "a number")?.unwrap_or(LIMIT.0);
        if limit == 0 || limit > LIMIT.1 {
            return Err(bad("limit", "1 to 500"));
        }
        let before = match self.get("cursor") {
            Some(cursor) => {
                Some(T::read(cursor).ok_or_else(|| bad("cursor", "the `next` of the page before"))?)
            }
            None => None,
        };
        Ok(Page { before, limit })
    }
}

/// A parameter that cannot be read.
pub(crate) fn bad(name: &str, expected: &str) -> Problem {
    Problem::of("request.bad_parameter").detail(format!("`{name}`: expected {expected}"))
}

/// A part of a path that cannot be read.
pub(crate) fn bad_path(name: &str, expected: &str) -> Problem {
    Problem::of("request.malformed").detail(format!("{name}: expected {expected}"))
}

const TIME: &str = "a time such as 2026-01-31T08:00:00+08:00, or milliseconds since 1970";

/// RFC 3339, or milliseconds.
fn time(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    // A `+` that was not escaped arrives as a space.
    let text = text.replace(' ', "+");
    u64::try_from(DateTime::parse_from_rfc3339(&text).ok()?.timestamp_millis()).ok()
}

/// Whether the client asks for the evidence file itself.
pub(crate) fn wants_evidence(headers: &HeaderMap) -> bool {
    accepts(headers, EVIDENCE)
}

/// Whether the client names a media type that it accepts.
pub(crate) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut accepted = accepted.flat_map(|value| value.split(','));
    accepted.any(|one| one.split(';').next().is_some_and(|one| one.trim().eq_ignore_ascii_case(media_type)))
}

/// What `next` of a page says, and `cursor` of the request after it. Opaque to clients.
pub(crate) trait Cursor: Sized {
    fn read(text: &str) -> Option<Self>;
    fn text(&self) -> String;
}

impl Cursor for Place {
    fn read(text: &str) -> Option<Self> {
        text.replace('-', ":").parse().ok()
    }

    fn text(&self) -> String {
        format!("{}-{}", self.height, self.index)
    }
}

impl Cursor for u64 {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Cursor for i64 {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Result<Params, Problem> {
        Params::read(
            &format!("/x?{query}").parse().unwrap(),
            &["limit", "cursor", "from", "to", "wait", "proof"],
        )
    }

    #[test]
    fn what_an_endpoint_does_not_have_is_refused_by_name() {
        let problem = params("limit=3&colour=red").err().unwrap();
        assert_eq!(problem.code, "request.unknown_parameter");
        assert!(problem.detail.contains("`colour`") && !problem.detail.contains("red"), "{}", problem.detail);
        assert_eq!(params("limit=3&limit=4").err().unwrap().code, "request.repeated_parameter");
    }

    #[test]
    fn times_are_dates_or_milliseconds() {
        let times = params("from=2026-01-01T08:00:00%2B08:00&to=1767225600000").unwrap().times().unwrap();
        assert_eq!(times, Times { from: Some(1_767_225_600_000), to: Some(1_767_225_600_000) });
        let unescaped = params("from=2026-01-01T08:00:00+08:00").unwrap().times().unwrap();
        assert_eq!(unescaped.from, Some(1_767_225_600_000));
        for bad in ["from=yesterday", "to=2026-01-01", "from=-5", "from=1900-01-01T00:00:00Z"] {
            assert_eq!(params(bad).unwrap().times().unwrap_err().code, "request.bad_parameter", "{bad}");
        }
    }

    #[test]
    fn limits_and_flags_are_bounded() {
        assert_eq!(params("").unwrap().page::<Place>().unwrap(), Page { before: None, limit: 50 });
        let before = Some(Place { height: 7, index: 3 });
        assert_eq!(params("limit=500&cursor=7-3").unwrap().page().unwrap(), Page { before, limit: 500 });
        for bad in ["limit=0", "limit=501", "limit=x", "cursor=7", "cursor=-1-2"] {
            assert!(params(bad).unwrap().page::<Place>().is_err(), "{bad}");
        }
        assert!(params("wait=61").unwrap().wait().is_err());
        assert!(params("proof=yes").unwrap().flag("proof").is_err());
    }
}
