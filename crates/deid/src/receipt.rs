//! Receipts: what anyone can check of a release, and what the key holder can prove.
//!
//! A [`Receipt`] travels with its release. It binds, by digest, commitment or Merkle root: the plan, the engine's version, the key and the
//! seed (neither is revealed), every input record and every output record in order, the counts and the figures of risk and utility.
//!
//! - Anyone with the release checks that the output is the one the receipt speaks of: the leaves' key of the *output* is in the
//!   receipt, since who holds it holds the output anyway. A ledger gets the roots alone.
//! - The key of the *input's* leaves follows from the master key: who lacks it learns nothing about the input from its root.
//! - Who has the raw data and the key runs the plan again and compares (`medveil verify --raw --key`). The receipt as a whole carries a MAC, so
//!   that a receipt that was rewritten consistently is found out too.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::assess::{Earlier, Joined};
use crate::merkle::{Builder, Hash, hex_hash};
use crate::plan::{Plan, canonical};
use crate::search::Searched;
use crate::study::{MasterKey, Prf, Study, Suite};
use crate::table::{Counts, PatientColumns, Side};

/// The format's name, in the field `format`.
pub const FORMAT: &str = "medveil-receipt-v1";

/// The version of the engine that is named in receipts.
pub const ENGINE: &str = concat!("medveil ", env!("CARGO_PKG_VERSION"));

/// A receipt: see the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`FORMAT`].
    pub format: String,
    /// Name and version of what made the release.
    pub engine: String,
    /// The study whose pseudonyms and offsets apply.
    pub study: String,
    /// The cryptographic suite.
    pub suite: Suite,
    /// The plan in canonical form.
    pub plan: Value,
    /// SHA-256 of the plan's canonical text.
    #[serde(with = "hex_hash")]
    pub plan_sha256: Hash,
    /// Binds the key.
    #[serde(with = "hex_hash")]
    pub key_commitment: Hash,
    /// Binds the seed of the noise.
    #[serde(with = "hex_hash")]
    pub seed_commitment: Hash,
    /// The key of the output's leaves.
    #[serde(with = "hex_hash")]
    pub output_leaf_key: Hash,
    /// The files, in the order of their names.
    pub files: Vec<FileReceipt>,
    /// The root over the roots of the inputs.
    #[serde(with = "hex_hash")]
    pub input_root: Hash,
    /// The root over the roots of the outputs.
    #[serde(with = "hex_hash")]
    pub output_root: Hash,
    /// Figures of risk before and after.
    pub risk: Value,
    /// Figures of utility.
    pub utility: Value,
    /// Patients over the tables that share them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub linked: Vec<Joined>,
    /// The earlier releases that were taken into account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
    /// HMAC of all of the above under the study's key.
    #[serde(with = "hex_hash")]
    pub mac: Hash,
}

/// One file of a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileReceipt {
    /// The path inside the release.
    pub path: String,
    /// The format, such as `csv (utf-8, comma)`.
    pub format: String,
    /// What was read.
    pub input: Side,
    /// What was written.
    pub output: Side,
    /// Records that were dropped.
    pub dropped: u64,
    /// What each rule did.
    pub rules: Vec<RuleReceipt>,
    /// How the quasi-identifiers were generalised after the rules; none where the plan asks for nothing, or the format is not searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Searched>,
    /// What tells the patients: a later release compares by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patients: Option<PatientColumns>,
}

/// What one rule did in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleReceipt {
    /// The rule's number from 1; none for what no rule matched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<usize>,
    /// What the rule matches, or the column that nothing matched.
    pub matched: String,
    /// The action.
    pub action: String,
    /// The counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What a receipt is made of.
pub struct Draft<'a> {
    /// The plan that was applied.
    pub plan: &'a Plan,
    /// The key.
    pub key: &'a MasterKey,
    /// The study.
    pub study: &'a Study,
    /// The key of the output's leaves.
    pub output_leaf_key: [u8; 32],
    /// The files.
    pub files: Vec<FileReceipt>,
    /// Figures of risk.
    pub risk: Value,
    /// Figures of utility.
    pub utility: Value,
    /// Patients over the tables that share them.
    pub linked: Vec<Joined>,
    /// The earlier releases that were taken into account.
    pub earlier: Option<Earlier>,
}

impl Draft<'_> {
    /// Completes and authenticates the receipt.
    pub fn seal(self) -> Receipt {
        let suite = self.study.suite();
        let mut receipt = Receipt {
            format: FORMAT.to_owned(),
            engine: ENGINE.to_owned(),
            study: self.study.id().to_owned(),
            suite,
            plan: self.plan.to_json(),
            plan_sha256: self.plan.digest(),
            key_commitment: self.key.commitment(),
            seed_commitment: self.study.seed_commitment(),
            output_leaf_key: self.output_leaf_key,
            input_root: dataset_root(suite, &self.files, |file| &file.input),
            output_root: dataset_root(suite, &self.files, |file| &file.output),
            files: self.files,
            risk: self.risk,
            utility: self.utility,
            linked: self.linked,
            earlier: self.earlier,
            mac: [0; 32],
        };
        receipt.mac = receipt.expected_mac(self.study);
        receipt
    }
}

/// Why a text is no receipt.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReceiptError {
    /// No JSON of the right shape.
    #[error("not a receipt: line {line}, column {column}: {message}")]
    Shape {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A receipt of another version.
    #[error("not a receipt that this version reads: its format is not `{FORMAT}`")]
    Format,
    /// The plan in it is none.
    #[error("the plan in the receipt cannot be read: {0}")]
    Plan(crate::plan::PlanError),
}

/// A contradiction inside a receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// The plan was exchanged or edited.
    #[error("the plan is not the one that the digest names: it was exchanged or edited")]
    Plan,
    /// The roots of the files do not give the root of the input.
    #[error(
        "the input root does not follow from the roots of the files: a file was left out, added or exchanged"
    )]
    InputRoot,
    /// The roots of the files do not give the root of the output.
    #[error(
        "the output root does not follow from the roots of the files: a file was left out, added or exchanged"
    )]
    OutputRoot,
    /// Another key.
    #[error("the key is not the one that the receipt was made with")]
    Key,
    /// Another seed.
    #[error("the seed is not the one that the receipt was made with")]
    Seed,
    /// The receipt was changed.
    #[error("the receipt was changed after it was made: its authentication code does not hold")]
    Mac,
}

impl Receipt {
    /// Reads the JSON text of a receipt.
    pub fn parse(text: &str) -> Result<Receipt, ReceiptError> {
        let receipt: Receipt = serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            let message = message.split(" at line").next().unwrap_or_default().to_owned();
            ReceiptError::Shape { line: error.line(), column: error.column(), message }
        })?;
        if receipt.format != FORMAT {
            return Err(ReceiptError::Format);
        }
        Ok(receipt)
    }

    /// The JSON text.
    pub fn to_text(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("a receipt has string keys and finite numbers only");
        text.push('\n');
        text
    }

    /// The plan.
    pub fn plan(&self) -> Result<Plan, ReceiptError> {
        Plan::from_json(&self.plan.to_string()).map_err(ReceiptError::Plan)
    }

    /// The function that makes the output's leaves.
    pub fn output_leaves(&self) -> Prf {
        Prf::new(self.suite, &self.output_leaf_key)
    }

    /// What in the receipt contradicts itself: checkable by anyone.
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let mut found = Vec::new();
        let digest: Hash = Sha256::digest(canonical(self.plan.clone()).to_string()).into();
        if digest != self.plan_sha256 {
            found.push(Contradiction::Plan);
        }
        if dataset_root(self.suite, &self.files, |file| &file.input) != self.input_root {
            found.push(Contradiction::InputRoot);
        }
        if dataset_root(self.suite, &self.files, |file| &file.output) != self.output_root {
            found.push(Contradiction::OutputRoot);
        }
        found
    }

    /// What contradicts the key: checkable by who holds it.
    pub fn contradictions_under(&self, key: &MasterKey, study: &Study) -> Vec<Contradiction> {
        if key.commitment() != self.key_commitment {
            return vec![Contradiction::Key];
        }
        let mut found = Vec::new();
        if study.seed_commitment() != self.seed_commitment {
            found.push(Contradiction::Seed);
        }
        if self.expected_mac(study) != self.mac {
            found.push(Contradiction::Mac);
        }
        found
    }

    fn expected_mac(&self, study: &Study) -> Hash {
        let bare = Receipt { mac: [0; 32], ..self.clone() };
        let json = serde_json::to_value(&bare).expect("a receipt has string keys and finite numbers only");
        study.prf(&["receipt"]).tag(&[canonical(json).to_string().as_bytes()])
    }
}

fn dataset_root(suite: Suite, files: &[FileReceipt], side: impl Fn(&FileReceipt) -> &Side) -> Hash {
    files_root(suite, files.iter().map(|file| (file.path.as_str(), side(file))))
}

/// The root over files: each leaf binds a file's path, its number of records and its root. Files come in the order of their paths.
pub fn files_root<'a>(suite: Suite, files: impl IntoIterator<Item = (&'a str, &'a Side)>) -> Hash {
    let mut tree = Builder::new(suite);
    for (path, side) in files {
        let leaf = Sha256::new_with_prefix(b"\x00medveil/file/v1")
            .chain_update((path.len() as u64).to_be_bytes())
            .chain_update(path)
            .chain_update(side.records.to_be_bytes())
            .chain_update(side.root)
            .finalize();
        tree.push(leaf.into());
    }
    tree.root()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"{"plan":{"name":"t","version":1,"release-model":"public"},"rule":[{"match":{"column":"x"},"action":"keep"}]}"#;

    fn key() -> MasterKey {
        MasterKey::from_bytes([3; 32])
    }

    fn study() -> Study {
        Study::new(&key(), "s", Suite::International, None)
    }

    fn side(records: u64) -> Side {
        let mut tree = Builder::new(Suite::International);
        (0..records).for_each(|i| tree.push([i as u8; 32]));
        Side::new(&tree, records, 10)
    }

    fn receipt() -> Receipt {
        let plan = Plan::from_json(PLAN).unwrap();
        let file = FileReceipt {
            path: "a.csv".into(),
            format: "csv".into(),
            input: side(3),
            output: side(2),
            dropped: 1,
            rules: vec![RuleReceipt {
                rule: Some(1),
                matched: "column x".into(),
                action: "keep".into(),
                counts: Counts { kept: 2, ..Counts::default() },
            }],
            search: None,
            patients: None,
        };
        let (key, study) = (key(), study());
        Draft {
            plan: &plan,
            key: &key,
            study: &study,
            output_leaf_key: [1; 32],
            files: vec![file],
            risk: Value::Null,
            utility: Value::Null,
            linked: Vec::new(),
            earlier: None,
        }
        .seal()
    }

    #[test]
    fn a_receipt_reads_back_and_holds() {
        let receipt = receipt();
        let again = Receipt::parse(&receipt.to_text()).unwrap();
        assert_eq!(again, receipt);
        assert!(again.contradictions().is_empty());
        assert!(again.contradictions_under(&key(), &study()).is_empty());
    }

    #[test]
    fn figures_read_back_to_the_last_bit() {
        let mut receipt = receipt();
        receipt.risk = (1..5000).map(|i| f64::from(i) / 997.0).collect();
        assert_eq!(Receipt::parse(&receipt.to_text()).unwrap(), receipt);
    }

    #[test]
    fn a_swapped_plan_is_named() {
        let mut receipt = receipt();
        receipt.plan["rule"][0]["action"] = "redact".into();
        assert_eq!(receipt.contradictions(), [Contradiction::Plan]);
        // Even with a digest that fits, the authentication code does not.
        receipt.plan_sha256 = receipt.plan().unwrap().digest();
        assert_eq!(receipt.contradictions(), []);
        assert_eq!(receipt.contradictions_under(&key(), &study()), [Contradiction::Mac]);
    }

    #[test]
    fn a_left_out_file_and_another_key_are_named() {
        let mut receipt = receipt();
        receipt.files.clear();
        assert_eq!(receipt.contradictions(), [Contradiction::InputRoot, Contradiction::OutputRoot]);
        let other = MasterKey::from_bytes([4; 32]);
        assert_eq!(receipt.contradictions_under(&other, &study()), [Contradiction::Key]);
    }

    #[test]
    fn what_is_no_receipt_is_refused_with_its_place() {
        assert!(Receipt::parse("{\"format\": 1}").unwrap_err().to_string().contains("line 1, column"));
        let text = receipt().to_text().replace(FORMAT, "medveil-receipt-v9");
        assert_eq!(Receipt::parse(&text).unwrap_err(), ReceiptError::Format);
    }
}
