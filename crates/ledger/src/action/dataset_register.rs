//! `dataset.register`: the fingerprint of a dataset, or of its next version.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, DatasetId, ObjectRef, Slug};
use crate::refusal::{fact, refusals};
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::dataset::{Dataset, Fingerprint};
use crate::state::freeze::FreezeRefusal;

/// Commits the caller's organisation to a version of a dataset: root, count, schema, level.
///
/// The data stay where they are. Root and count bind every record and their order (leaves are keyed, so that a fingerprint tells nothing of the records).
///
/// # Rules
/// > DATA-1: a dataset is its owner's; its id is the digest of chain, owner and label.
/// >
/// > DATA-2: versions are numbered from 1 without gaps and never change; the caller says which one it is.
/// >
/// > DATA-3: a version differs from the one before and has records.
/// >
/// > DATA-4: a frozen dataset gets no new versions.
///
/// See `docs/spec/datasets.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatasetRegister {
    /// What the owner calls it. Labels are public: they say what kind of data it is, never whose.
    pub label: Slug,
    /// The version that this is.
    pub version: u64,
    /// What is committed to.
    pub fingerprint: Fingerprint,
}

refusals! {
    /// Why a dataset is not registered.
    pub enum DatasetRefusal in "dataset" {
        /// DATA-2: not the next version.
        Version { expected: u64, got: u64 } = "version",
            "version {got}, the next is {expected}", "版本号不连续";
        /// DATA-3: the same fingerprint again.
        Unchanged { version: u64 } = "unchanged",
            "the fingerprint is that of version {version}", "指纹与上一版本相同";
        /// DATA-3: no records.
        Empty {} = "empty",
            "a dataset without records", "数据集没有记录";
    }
}

impl Execute for DatasetRegister {
    const SPEC: ActionSpec = ActionSpec {
        number: 30,
        name: "dataset.register",
        doc: Text {
            en: "registers the fingerprint of a dataset's version", zh: "登记数据集版本的指纹"
        },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff, Capacity::Custodian],
            roles: &[Role::Hospital, Role::Research, Role::PublicHealth, Role::Insurer],
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["DATA-1", "DATA-2", "DATA-3", "DATA-4"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        if self.fingerprint.count == 0 { Err(DatasetRefusal::Empty {}.into()) } else { Ok(()) }
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let organisation = call.caller.account.organisation;
        let dataset = DatasetId::derive(call.state.block().chain, organisation, self.label);
        let object = ObjectRef::dataset(dataset);
        let before = call.state.latest::<Dataset>(&dataset)?;
        let version = before.as_ref().map_or(0, |before| before.version);
        if self.version != version + 1 {
            return Err(DatasetRefusal::Version { expected: version + 1, got: self.version }.into());
        }
        if before.is_some_and(|before| before.value.fingerprint == self.fingerprint) {
            return Err(DatasetRefusal::Unchanged { version }.into());
        }
        if let Some(since) = call.state.frozen_since(&object)? {
            return Err(FreezeRefusal::Frozen { object, since }.into());
        }
        let fingerprint = self.fingerprint.clone();
        call.state.succeed(&dataset, version, Dataset { organisation, label: self.label, fingerprint });
        call.emit(
            "dataset.registered",
            object,
            vec![
                fact("label", self.label),
                fact("version", self.version),
                fact("root", self.fingerprint.root),
                fact("count", self.fingerprint.count),
                fact("level", self.fingerprint.level),
                fact("suite", self.fingerprint.suite),
            ],
        );
        Ok(())
    }
}
