//! The keys of a release: everything random or keyed in it follows from two secrets, which the ledger has a commitment to.
//!
//! ```text
//!  key file --HKDF--> study of the label --HKDF (request, dataset)--> key, seed --> study of the release --> pseudonyms · offsets · noise · leaves
//!                                                                       \------> commitment, on the ledger
//! ```
//!
//! Another request has other secrets: what an auditor learns of one release says nothing of another, nor of the leaves of the dataset. All versions of
//! a release share them, so that a record that is released again has the noise that it had.

use medveil_deid::merkle::Hash;
use medveil_deid::study::{MasterKey, Study, Suite};
use medveil_ledger::state::dataset::HashSuite;
use medveil_ledger::{DatasetId, Digest, ReleaseId, RequestId, Slug};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The two secrets of a release.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct ReleaseKeys {
    pub(crate) key: [u8; 32],
    pub(crate) seed: [u8; 32],
}

impl std::fmt::Debug for ReleaseKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReleaseKeys(..)")
    }
}

impl ReleaseKeys {
    /// Those of a request and a dataset, under the dataset's key.
    pub(crate) fn derive(dataset: &Study, request: RequestId, id: DatasetId) -> Self {
        let (request, id) = (request.to_string(), id.to_string());
        let of = |what: &str| *dataset.subkey(&[what, &request, &id]);
        ReleaseKeys { key: of("release-key"), seed: of("release-seed") }
    }

    pub(crate) fn master(&self) -> MasterKey {
        MasterKey::from_bytes(self.key)
    }

    /// The study under which a plan of a suite is run.
    pub(crate) fn study(&self, release: ReleaseId, suite: Suite) -> Study {
        Study::new(&self.master(), &release.to_string(), suite, Some(self.seed))
    }

    /// What the ledger has of both.
    pub(crate) fn commitment(&self, release: ReleaseId, suite: Suite) -> Digest {
        let seed = self.study(release, suite).seed_commitment();
        Digest::of("medveil/release-seed/1", &[&self.master().commitment(), &seed])
    }

    /// The key of the leaves of a version's output. It is in the receipt: who has the release has it.
    pub(crate) fn output_leaf_key(&self, release: ReleaseId, suite: Suite, version: u64) -> Hash {
        *self.study(release, suite).subkey(&["output-leaf-key", &version.to_string()])
    }
}

/// The study under which a dataset's leaves are made.
pub(crate) fn dataset_study(key: &MasterKey, label: Slug, hashes: HashSuite) -> Study {
    Study::new(key, label.as_str(), suite(hashes), None)
}

/// The functions of a dataset's leaves and tree.
pub(crate) fn suite(hashes: HashSuite) -> Suite {
    match hashes {
        HashSuite::International => Suite::International,
        HashSuite::National => Suite::National,
    }
}
