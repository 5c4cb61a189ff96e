//! A chain of headers signed by test validators, over a real state.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::num::NonZeroUsize;

use commonware_codec::RangeCfg;
use commonware_consensus::{
    simplex::types::{Finalization, Finalize, Proposal},
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Sha256, Signer as _, ed25519::PrivateKey};
use commonware_parallel::Sequential;
use commonware_runtime::{Runner as _, Supervisor as _, buffer::paged::CacheRef, deterministic};
use commonware_storage::{
    journal::contiguous::variable,
    mmr::{self, full},
    qmdb::{
        current::{VariableConfig, ordered},
        floor::Proportional,
    },
    translator::EightCap,
};
use commonware_utils::{NZU16, NZU64, NZUsize, non_empty};
use medveil_chain::{
    Block, Body, Bytes, CHUNK_BYTES, Certificate, Claim, Digest, EntryKind, Evidence, Finality, Genesis,
    Header, Link, OperationsRange, Scheme, StateProof, ValidatorSet, scheme_namespace,
};

pub fn key(seed: u64) -> PrivateKey {
    PrivateKey::from_seed(seed)
}

pub fn validators(seeds: std::ops::Range<u64>) -> ValidatorSet {
    ValidatorSet::new(seeds.map(|seed| key(seed).public_key())).unwrap()
}

pub fn genesis() -> Genesis {
    Genesis::new("test", 1_700_000_000_000, 10, validators(0..4), Digest::from([1; 32])).unwrap()
}

/// The certificate that these signers give a header, of which `set` are the validators.
pub fn sign(header: &Header, set: &ValidatorSet, signers: impl IntoIterator<Item = u64>) -> Certificate {
    let scheme = |seed| {
        let namespace = scheme_namespace(&header.genesis);
        Scheme::signer(&namespace, set.participants().clone(), key(seed)).unwrap()
    };
    let proposal = Proposal::new(
        Round::new(Epoch::new(header.epoch), View::new(header.view)),
        View::new(header.parent_view),
        header.digest(),
    );
    let votes: Vec<_> =
        signers.into_iter().map(|seed| Finalize::sign(&scheme(seed), proposal.clone()).unwrap()).collect();
    let any = Scheme::verifier(&scheme_namespace(&header.genesis), set.participants().clone());
    Finalization::from_finalizes(&any, non_empty![@votes.iter()], &Sequential).unwrap().into()
}

pub fn finality(header: &Header, set: &ValidatorSet, signers: impl IntoIterator<Item = u64>) -> Finality {
    Finality { descendants: vec![], certificate: sign(header, set, signers) }
}

/// The block after `parent`, with the state root given.
pub fn child(
    genesis: &Genesis,
    parent: &Header,
    set: &ValidatorSet,
    next: &ValidatorSet,
    root: Digest,
) -> Block {
    let height = parent.height + 1;
    let next_validators = genesis.is_last_of_epoch(height).then(|| next.clone());
    let body = Body {
        transactions: vec![Bytes::from_static(b"transaction")],
        receipts: vec![Bytes::from_static(b"receipt")],
        events: (0..5).map(|i| Bytes::from(format!("event {i}"))).collect(),
        next_validators,
    };
    let header = Header {
        genesis: genesis.digest(),
        epoch: genesis.epoch_of(height),
        view: height,
        leader: set.keys().next().unwrap().clone(),
        parent_view: height - 1,
        parent: parent.digest(),
        height,
        time: parent.time + 1000,
        transaction_root: body.tree(EntryKind::Transaction).root(),
        receipt_root: body.tree(EntryKind::Receipt).root(),
        event_root: body.tree(EntryKind::Event).root(),
        state_root: root,
        operations_root: Digest::from([2; 32]),
        operations: OperationsRange { start: 0, end: 9 },
        validators: set.digest(),
        next_validators: body.next_validators.as_ref().map(ValidatorSet::digest),
    };
    Block::new(header, body).unwrap()
}

/// A state with `n` keys `k000`, `k001` .. and proofs of `k003` and of the absence of `k0035`.
pub fn state(n: u32) -> (Digest, Vec<Claim>) {
    deterministic::Runner::default().start(|context| async move {
        let cache = CacheRef::new(NZU16!(1024), NonZeroUsize::new(64).unwrap());
        let config = VariableConfig {
            merkle_config: full::Config {
                journal_partition: "nodes".into(),
                metadata_partition: "pinned".into(),
                items_per_blob: NZU64!(1024),
                write_buffer: NZUsize!(4096),
                replay_buffer: NZUsize!(4096),
                strategy: Sequential,
                page_cache: cache.clone(),
            },
            journal_config: variable::Config {
                partition: "log".into(),
                items_per_section: NZU64!(1024),
                compression: None,
                codec_config: ((RangeCfg::from(0..=128), ()), RangeCfg::from(0..=1024)),
                page_cache: cache,
                write_buffer: NZUsize!(4096),
                replay_buffer: NZUsize!(4096),
            },
            grafted_metadata_partition: "bitmap".into(),
            translator: EightCap,
            init_cache: None,
            init_buffer: NZUsize!(4096),
            init_concurrency: (),
        };
        type Db = ordered::variable::Db<
            mmr::Family,
            deterministic::Context,
            Vec<u8>,
            Bytes,
            Sha256,
            EightCap,
            CHUNK_BYTES,
            Sequential,
        >;
        let db = Db::init(context.child("db"), config, None).await.unwrap();
        let mut batch = db.new_batch();
        for i in 0..n {
            batch = batch.write(format!("k{i:03}").into_bytes(), Some(Bytes::from(format!("value {i}"))));
        }
        let merkleized = batch.merkleize(&db, None, &mut Proportional).await.unwrap();
        let db = db.apply_batch(merkleized).await.unwrap();
        let (present, absent) = (b"k003".to_vec(), b"k0035".to_vec());
        let value = db.get(&present).await.unwrap().unwrap();
        let proof = db.key_value_proof(present.clone()).await.unwrap().into();
        let present = Claim::State { key: present, proof: StateProof::Present { value, proof } };
        let proof = db.exclusion_proof(&absent).await.unwrap().into();
        let absent = Claim::State { key: absent, proof: StateProof::Absent { proof } };
        (db.root(), vec![present, absent])
    })
}

/// Evidence at height 12, with a change of validators at height 9 (from 0..4 to 2..6), and claims of all kinds.
pub fn evidence() -> Evidence {
    let genesis = genesis();
    let (old, new) = (validators(0..4), validators(2..6));
    let (root, mut claims) = state(300);
    let mut parent = genesis.header();
    let mut links = vec![];
    let mut last = None;
    for height in 1..=12 {
        let set = if height < 10 { &old } else { &new };
        let block = child(&genesis, &parent, set, &new, root);
        if height == 9 {
            let header = block.header().clone();
            links.push(Link { finality: finality(&header, &old, 0..3), header, next: new.clone() });
        }
        parent = block.header().clone();
        last = Some(block);
    }
    let block = last.unwrap();
    for (kind, index) in [(EntryKind::Event, 3), (EntryKind::Transaction, 0), (EntryKind::Receipt, 0)] {
        let entry = block.body().entries(kind)[index as usize].clone();
        let proof = block.body().tree(kind).prove(index).unwrap();
        claims.push(Claim::Entry { kind, index, entry, proof });
    }
    let header = block.header().clone();
    let finality = finality(&header, &new, [2, 3, 5]);
    Evidence { genesis: genesis.digest(), links, header, finality, claims }
}
