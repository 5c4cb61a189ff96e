//! `file`: a hierarchy that somebody wrote.
//!
//! A plan names the file relative to its own folder; no name leads out of it, because plans come from others. With `sha256` the plan says which
//! file it means to the byte: only then does the plan's digest cover the hierarchy.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::climb::BuildError;
use super::{Hierarchy, HierarchySpec, Method, file};
use crate::action::{Parameter, ParameterError, Shape, parameters};
use crate::kind::Text;

/// A hierarchy that stands in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FromFile {
    /// The file, from the plan's folder.
    pub path: String,
    /// The SHA-256 of its bytes in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

pub(super) const METHOD: Method = Method {
    name: "file",
    summary: Text {
        en: "a hierarchy in a CSV file as ARX writes it: one row a value, most specific first",
        zh: "取自 ARX 格式的 CSV 文件：每行一个取值，由具体到概括",
    },
    parameters: &[
        Parameter {
            name: "path",
            shape: Shape::Text,
            default: None,
            doc: Text {
                en: "the file, from the plan's folder", zh: "文件路径，相对于方案所在文件夹"
            },
        },
        Parameter {
            name: "sha256",
            shape: Shape::Text,
            default: None,
            doc: Text {
                en: "the SHA-256 of the file; without it the plan's digest does not cover what the file says",
                zh: "文件的 SHA-256；未写则方案摘要不涵盖文件内容",
            },
        },
    ],
    citation: "ARX, hierarchies as CSV (https://arx.deidentifier.org)",
    short: Some("path"),
    parse: |value| {
        let spec: FromFile = parameters(value)?;
        spec.check()?;
        Ok(HierarchySpec::File(spec))
    },
};

impl FromFile {
    fn check(&self) -> Result<(), ParameterError> {
        let fault = |message: &str| Err(ParameterError(message.to_owned()));
        let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        // `\` separates on Windows, and a plan must mean the same everywhere.
        if self.path.is_empty() || self.path.contains('\\') || !Path::new(&self.path).components().all(inside)
        {
            return fault(
                "`path` must be a file in the plan's folder or below it, with `/` between its parts",
            );
        }
        match &self.sha256 {
            Some(digest) if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                fault("`sha256` must have 64 hexadecimal digits")
            }
            _ => Ok(()),
        }
    }

    /// Reads the file, which must have every one of `values`.
    pub(super) fn build(&self, values: &[&str], folder: Option<&Path>) -> Result<Hierarchy, BuildError> {
        self.check().map_err(|error| BuildError::Settings { hierarchy: METHOD.name, error })?;
        let path = folder.ok_or(BuildError::NoFiles)?.join(&self.path);
        let hierarchy = match &self.sha256 {
            Some(digest) => file::read_file_with_digest(&path, digest)?,
            None => file::read_file(&path)?,
        };
        match values.iter().position(|value| hierarchy.code(value).is_none()) {
            Some(at) => Err(BuildError::Missing { number: at + 1 }),
            None => Ok(hierarchy),
        }
    }
}
