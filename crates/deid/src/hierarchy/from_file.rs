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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::climb::tests::{fault, spec};
    use super::super::file::FileTrouble;
    use super::*;

    #[test]
    fn a_plans_file_is_read_from_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("age.csv"), "1;0-4;*\n2;0-4;*\n7;5-9;*\n").unwrap();
        let file = spec(json!({ "file": "age.csv" }));
        let hierarchy = file.build(&["7", "1"], Some(folder.path())).unwrap();
        assert_eq!((hierarchy.values(), hierarchy.code("7")), (3, Some(2)), "the domain is that of the file");
        assert!(matches!(
            file.build(&["1", "8"], Some(folder.path())),
            Err(BuildError::Missing { number: 2 })
        ));
        assert!(matches!(file.build(&["1"], None), Err(BuildError::NoFiles)));
        let missing = spec(json!({ "file": "other.csv" })).build(&["1"], Some(folder.path())).unwrap_err();
        assert!(missing.to_string().contains("other.csv: cannot read"), "{missing}");
    }

    #[test]
    fn another_file_than_the_one_that_was_meant_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = "1;*\n2;*\n";
        std::fs::write(folder.path().join("a.csv"), bytes).unwrap();
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes));
        let of = |sha256: &str| spec(json!({ "file": { "path": "a.csv", "sha256": sha256 } }));
        assert!(of(&digest.to_uppercase()).build(&["1"], Some(folder.path())).is_ok());
        let other = of(&"0".repeat(64)).build(&["1"], Some(folder.path())).unwrap_err();
        assert!(
            matches!(other, BuildError::File(error) if matches!(error.trouble, FileTrouble::Digest { .. }))
        );
    }

    #[test]
    fn no_file_outside_the_plans_folder_can_be_named() {
        for path in ["", "/etc/passwd", "../age.csv", "a/../../age.csv", "a\\b.csv"] {
            assert!(fault(json!({ "file": path })).contains("the plan's folder"), "{path}");
        }
        assert!(fault(json!({ "file": { "path": "a.csv", "sha256": "12" } })).contains("64 hexadecimal"));
        assert!(fault(json!("file")).contains("missing field `path`"));
        spec(json!({ "file": "./hierarchies/age.csv" }));
    }
}
