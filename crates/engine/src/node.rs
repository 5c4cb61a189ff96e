//! Putting a node together: the actors of commonware, ours, and the channels between them.
//!
//! Generic over the runtime and the network, so that simulation runs what a process runs.

use std::{sync::Arc, time::Duration};

use commonware_broadcast::buffered;
use commonware_consensus::{
    Heightable as _,
    marshal::{
        self,
        core::{Actor as Marshal, Mailbox as MarshalMailbox},
        resolver::p2p as backfill,
        standard::{Deferred, Standard},
    },
    simplex::{self, Floor},
    types::{FixedEpocher, Height, ViewDelta},
};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_glue::stateful::{
    Config as StatefulConfig, PruneConfig, Stateful, SyncPlan, db::SyncEngineConfig,
};
use commonware_p2p::{AddressableManager, Blocker, Receiver, Sender, utils::mux};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Quota, Spawner, Storage};
use commonware_storage::archive::{Archive as _, prunable};
use commonware_utils::{NZDuration, NZU32, NZU64, NZUsize};
use medveil_chain::{Block, Digest, MAX_VALIDATORS, PublicKey, Scheme};
use rand_core::CryptoRng;
use tracing::{error, info};

use crate::{
    StateMachine,
    application::{Application, Core},
    config::ChainConfig,
    epochs::Epochs,
    gate::Gate,
    gossip::{Gossip, MAX_GOSSIP_BYTES},
    journal::Journal,
    links::Links,
    orchestrator::{MAILBOX, Orchestrator, Settings, Start},
    peers::Peers,
    service::{Request, Service},
    snapshot::{Base, Head, NoPeers, Snapshot},
    store::{self, REPLAY_BUFFER, WRITE_BUFFER},
};

/// What the engine needs of a runtime.
pub trait Runtime: Spawner + Metrics + CryptoRng + Clock + Storage {}

impl<T: Spawner + Metrics + CryptoRng + Clock + Storage> Runtime for T {}

/// A network: who may connect, who must not, and a pair of ends for each channel of [`CHANNELS`].
pub struct Network<M, B, S, R> {
    /// Takes the peers that may connect.
    pub manager: M,
    /// Takes the peers that misbehaved.
    pub blocker: B,
    /// Ends of the channels, in the order of [`CHANNELS`].
    pub channels: Vec<(S, R)>,
}

/// The channels of a node, with the messages that a peer may send a second on each.
///
/// Mailboxes are allocated for a second's messages of all peers, so these bound memory too.
pub const CHANNELS: [(u64, Quota); 6] = [
    (0, Quota::per_second(NZU32!(128))), // votes
    (1, Quota::per_second(NZU32!(128))), // certificates
    (2, Quota::per_second(NZU32!(128))), // certificates asked for
    (3, Quota::per_second(NZU32!(256))), // blocks asked for
    (4, Quota::per_second(NZU32!(64))),  // blocks
    (5, Quota::per_second(NZU32!(128))), // transactions
];

/// The channels of consensus, which its epochs share.
pub(crate) struct Channels<S, R> {
    pub(crate) votes: (S, R),
    pub(crate) certificates: (S, R),
    pub(crate) resolver: (S, R),
}

/// The longest message that a node sends.
pub fn max_message_size() -> u32 {
    let validators = u32::try_from(MAX_VALIDATORS).expect("there are at most 128 validators");
    let consensus = mux::prefixed(simplex::max_payload_size::<Scheme, Digest>(validators));
    let blocks = marshal::max_payload_size::<Standard<Block>, Scheme>(validators, &());
    commonware_p2p::max_message_size(&[consensus, blocks, MAX_GOSSIP_BYTES])
}

/// Blocks of the past that a restarted peer may ask for in any case.
const MIN_RETAINED_BLOCKS: u64 = 256;

/// Starts a node and returns the task that ends when it does.
///
/// What it keeps is in partitions of the storage whose names begin with `prefix`. Requests come in through `requests`. With `snapshot`, an empty node takes its state from there.
pub async fn start<E, M, B, S, R>(
    context: E,
    prefix: String,
    config: ChainConfig,
    machine: Arc<dyn StateMachine>,
    network: Network<M, B, S, R>,
    requests: commonware_utils::channel::mpsc::Receiver<Request>,
    snapshot: Option<Snapshot>,
) -> Handle<()>
where
    E: Runtime,
    M: AddressableManager<PublicKey = PublicKey> + Sync,
    B: Blocker<PublicKey = PublicKey>,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let Network { manager, blocker, channels } = network;
    let mut channels = channels.into_iter();
    let mut channel = || channels.next().expect("there is a pair of ends for each channel");
    let consensus_channels = Channels { votes: channel(), certificates: channel(), resolver: channel() };
    let (backfill_channel, block_channel, gossip_channel) = (channel(), channel(), channel());

    let me = config.key.public();
    let genesis = config.genesis.clone();
    let cache = store::page_cache(config.page_cache);
    let epoch_length = NZU64!(genesis.epoch_length());
    let epocher = FixedEpocher::new(epoch_length);

    let epochs = Epochs::new(&genesis.digest(), config.key.0.clone());
    epochs.insert(0, genesis.validators());
    let core = Arc::new(Core::new(&config, machine, epochs.clone()));
    let peers = Arc::new(Peers::new(manager.clone(), &config));
    peers.start();
    let links = Links::open(context.child("links"), &prefix).await;

    // Blocks and certificates.
    let resolver = backfill::init(
        context.child("backfill"),
        backfill::Config {
            public_key: me.clone(),
            peer_provider: manager.clone(),
            blocker: blocker.clone(),
            mailbox_size: MAILBOX,
            fetch_timeout: NZDuration!(config.timeouts.fetch),
            fetch_retry_delay: Duration::from_millis(100),
            priority_requests: false,
            priority_responses: false,
        },
        backfill_channel,
    );
    let (broadcast, buffer) = buffered::Engine::new(
        context.child("broadcast"),
        buffered::Config {
            public_key: me.clone(),
            mailbox_size: MAILBOX,
            deque_size: 16,
            priority: true,
            codec_config: (),
            peer_provider: manager,
            strategy: Sequential,
        },
    );
    broadcast.start(block_channel);
    let mut certificates = prunable::Archive::init(
        context.child("certificates"),
        store::archive_config(&prefix, "certificates", NZU64!(1024), cache.clone(), MAX_VALIDATORS),
    )
    .await
    .expect("the archive of certificates can be opened");
    let mut blocks: prunable::Archive<_, _, Digest, Arc<Block>> = prunable::Archive::init(
        context.child("blocks"),
        store::archive_config(&prefix, "blocks", NZU64!(256), cache.clone(), ()),
    )
    .await
    .expect("the archive of blocks can be opened");

    // A new node may take over a snapshot. Everything it needs is on disk before marshal looks.
    let base = Base::open(context.child("base"), &prefix).await;
    let fresh = blocks.last_index().is_none();
    if let Some(snapshot) = snapshot.filter(|_| fresh) {
        snapshot.restore(context.child("restore"), store::state_config(&prefix, cache.clone())).await;
        links.insert(snapshot.head.links.clone()).await;
        let (digest, height) = (snapshot.block(), snapshot.height());
        let finalization = snapshot.head.certificate.as_finalization();
        certificates =
            certificates.put_sync(height, digest, finalization).await.expect("a certificate can be kept");
        blocks = blocks
            .put_sync(height, digest, &snapshot.head.block.clone().into())
            .await
            .expect("a block can be kept");
        base.set(snapshot.head.clone()).await;
        info!(height, "the state was restored from a snapshot");
    }
    let base = base.get().await;
    if let Some(head) = &base {
        epochs.insert(head.block.header().epoch, &head.validators);
    }

    let plan = SyncPlan::<E, Scheme, Standard<Block>>::init(context.child("plan"), &prefix).await;
    let genesis_block = Block::genesis(&genesis);
    let genesis_digest = genesis_block.digest();
    let (journal_prefix, journal_cache) = (prefix.clone(), cache.clone());
    let max_pending_acks = NZUsize!(8);
    // Who the validators of an epoch are must be known before marshal is asked to verify a certificate of it.
    let (actor, marshal, floor) = Marshal::<_, Standard<Block>, _, _, _, _, _>::init(
        context.child("marshal"),
        certificates,
        blocks,
        marshal::Config {
            provider: epochs.clone(),
            epocher: epocher.clone(),
            start: match &base {
                Some(head) => marshal::Start::Floor(head.certificate.as_finalization().clone()),
                None => marshal::Start::Genesis(Digested::precomputed(genesis_block, genesis_digest)),
            },
            partition_prefix: prefix.clone(),
            mailbox_size: MAILBOX,
            view_retention: ViewDelta::new(64),
            prunable_items_per_section: NZU64!(64),
            page_cache: cache.clone(),
            replay_buffer: REPLAY_BUFFER,
            key_write_buffer: NZUsize!(64 * 1024),
            value_write_buffer: WRITE_BUFFER,
            block_codec_config: (),
            max_repair: NZUsize!(32),
            max_pending_acks,
            strategy: Sequential,
        },
    )
    .await;

    // The state and its application.
    let retained =
        config.retention.blocks.map(|blocks| blocks.max(genesis.epoch_length() + MIN_RETAINED_BLOCKS));
    let (stateful, stateful_mailbox) = Stateful::new(
        context.child("stateful"),
        StatefulConfig {
            application: Application { core: core.clone() },
            db_config: store::state_config(&prefix, cache.clone()),
            provider: (),
            marshal: (marshal.clone(), floor),
            mailbox_size: MAILBOX,
            plan,
            resolvers: NoPeers,
            sync_config: SyncEngineConfig {
                fetch_batch_size: crate::snapshot::BATCH,
                apply_batch_size: NZU64!(1024),
                max_outstanding_requests: NZUsize!(4),
            },
            prune_config: retained.map(|blocks| PruneConfig {
                maintenance_interval: NZUsize!(64),
                retained_marshal_blocks: usize::try_from(blocks).unwrap_or(usize::MAX),
                retained_qmdb_blocks: 0,
            }),
            strategy: Sequential,
        },
    );
    let deferred =
        Deferred::new(context.child("deferred"), stateful_mailbox.clone(), marshal.clone(), epocher.clone());
    let gate = Gate::new(context.child("gate"), deferred, marshal.clone(), core.clone(), config.clock_drift);

    // Consensus, an epoch at a time.
    let (orchestrator, finalized) = Orchestrator::new(
        context.child("orchestrator"),
        Settings {
            core: core.clone(),
            blocker: blocker.clone(),
            marshal: marshal.clone(),
            application: gate,
            links: links.clone(),
            prefix,
            page_cache: cache,
            timeouts: config.timeouts,
        },
    );
    let reporters = commonware_consensus::Reporters::from((stateful_mailbox.clone(), finalized));
    let mut marshal_task = actor.start(reporters, buffer, resolver);
    let start = commonware_macros::select! {
        _ = &mut marshal_task => None,
        start = recover(context.child("recover"), &core, &marshal, &epochs, base) => start,
    };
    let Some(start) = start else {
        error!("the blocks on disk cannot be gone on from");
        return context.child("node").spawn(|_| async {});
    };
    let stateful_task = stateful.start();
    let consensus_task = orchestrator.start(start, consensus_channels);

    // Ours: transactions, peers, requests.
    let gossip = Gossip::start(
        context.child("gossip"),
        core.clone(),
        stateful_mailbox.clone(),
        blocker,
        gossip_channel,
    );
    let journal = Journal::start(
        context.child("journal"),
        &journal_prefix,
        journal_cache,
        core.clone(),
        stateful_mailbox.clone(),
        gossip.clone(),
    )
    .await;
    let service =
        Service { key: me, core, marshal, stateful: stateful_mailbox, links, peers, gossip, journal };
    let service_task = service.start(context.child("service"), requests);

    context.child("node").spawn(move |context| async move {
        let mut stopped = context.stopped();
        let ended = commonware_macros::select! {
            _ = &mut stopped => { return; },
            result = marshal_task => ("blocks", result.err()),
            result = stateful_task => ("state", result.err()),
            result = consensus_task => ("consensus", result.err()),
            result = service_task => ("requests", result.err()),
        };
        info!(part = ended.0, error = ?ended.1, "the node ends");
    })
}

/// Finds where a node with blocks, or a new one, takes up consensus; makes the tip and the epoch's validators known.
///
/// `None` when the block on which the epoch builds cannot be had: the folder is damaged, or marshal has ended.
async fn recover<E: Runtime>(
    context: E,
    core: &Arc<Core>,
    marshal: &MarshalMailbox<Scheme, Standard<Block>>,
    epochs: &Epochs,
    base: Option<Head>,
) -> Option<Start> {
    if base.is_some() {
        // A floor is installed by the running actor; the state is opened at what it tells.
        while marshal.get_anchor().await.is_none() {
            context.sleep(Duration::from_millis(10)).await;
        }
    }
    let genesis = &core.genesis;
    let anchor = marshal.get_anchor().await;
    let processed = anchor.as_ref().map_or(0, |(processed, _)| processed.height().get());
    let epoch = genesis.epoch_of(processed + 1);
    let boundary = (epoch * genesis.epoch_length()).saturating_sub(1);
    let floor = match (marshal.get_block(Height::new(boundary)).await, base) {
        (Some(block), _) => {
            if epoch > 0 {
                let next = block
                    .inner()
                    .body()
                    .next_validators
                    .as_ref()
                    .expect("the last block of an epoch names validators");
                epochs.insert(epoch, next);
            }
            Floor::Genesis(block.digest())
        }
        (None, Some(head)) if head.block.header().epoch == epoch => {
            Floor::Finalized(head.certificate.as_finalization().clone())
        }
        (None, _) => {
            error!(block = boundary, epoch, "the block on which the epoch builds is not here");
            return None;
        }
    };
    if let Some((_, block)) = anchor
        && block.height().get() > 0
    {
        core.mempool.lock().finalized(block.height().get(), [].iter());
        core.set_tip(block.inner_shared());
    }
    info!(height = processed, epoch, "the node starts");
    Some(Start { epoch, floor })
}
