//! Who the validators of each epoch are, as far as the node knows.

use std::{collections::BTreeMap, sync::Arc};

use commonware_consensus::types::Epoch;
use commonware_cryptography::{
    certificate::{Provider, Scoped},
    ed25519::PrivateKey,
};
use commonware_utils::sync::RwLock;
use medveil_chain::{Digest, Scheme, ValidatorSet, scheme_namespace};

/// By epoch.
type Known = BTreeMap<u64, (ValidatorSet, Arc<Scheme>)>;

/// The validators by epoch, with the scheme that signs or verifies as each epoch asks.
#[derive(Clone)]
pub struct Epochs {
    known: Arc<RwLock<Known>>,
    namespace: Arc<[u8]>,
    key: PrivateKey,
}

/// How many past epochs are kept, for certificates that arrive late.
const KEPT: u64 = 16;

impl Epochs {
    pub(crate) fn new(genesis: &Digest, key: PrivateKey) -> Self {
        Self { known: Arc::default(), namespace: scheme_namespace(genesis).into(), key }
    }

    /// Makes the validators of an epoch known.
    pub(crate) fn insert(&self, epoch: u64, validators: &ValidatorSet) {
        let mut known = self.known.write();
        if known.contains_key(&epoch) {
            return;
        }
        let participants = validators.participants().clone();
        let scheme = Scheme::signer(&self.namespace, participants.clone(), self.key.clone())
            .unwrap_or_else(|| Scheme::verifier(&self.namespace, participants));
        known.insert(epoch, (validators.clone(), Arc::new(scheme)));
        let oldest = epoch.saturating_sub(KEPT);
        known.retain(|epoch, _| *epoch >= oldest);
    }

    /// The validators of an epoch.
    pub(crate) fn validators(&self, epoch: u64) -> Option<ValidatorSet> {
        self.known.read().get(&epoch).map(|(validators, _)| validators.clone())
    }

    /// The scheme of an epoch.
    pub(crate) fn scheme_of(&self, epoch: u64) -> Option<Arc<Scheme>> {
        self.known.read().get(&epoch).map(|(_, scheme)| scheme.clone())
    }
}

impl Provider for Epochs {
    type Scope = Epoch;
    type Scheme = Scheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Scheme>> {
        self.scheme_of(epoch.get()).map(Scoped::scheme)
    }
}
