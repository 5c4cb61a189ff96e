//! Snapshots: a state with everything that proves it, in one file.
//!
//! A node that starts from a snapshot trusts the genesis alone: the head is checked by the light client, and every part of the state
//! against the root in the head's header.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, BufWriter, Read as _, Write as _},
    num::NonZeroU64,
    path::Path,
    sync::Arc,
};

use bytes::BufMut;
use commonware_codec::{
    Buf, Copying, Decode as _, Encode as _, EncodeSize, Error as CodecError, RangeCfg, Read, ReadExt as _,
    Write,
};
use commonware_glue::stateful::db::AttachableResolver;
use commonware_storage::{
    metadata::{self, Metadata},
    mmr,
    qmdb::{
        any::{operation, ordered::Update, value::VariableEncoding},
        sync::{self, Request, Response, ServeError, Source, Target, source},
    },
};
use commonware_utils::{NZU64, NZUsize, range::NonEmptyRange, sequence::U64, sync::AsyncMutex};
use medveil_chain::{
    Block, Bytes, Certificate, Digest, Finality, Genesis, LightClient, Link, MAX_KEY_BYTES, MAX_VALUE_BYTES,
    Untrusted, ValidatorSet,
};

use crate::{
    node::Runtime,
    store::{Database, Databases, Location, StateConfig},
};

type Operation = operation::Operation<mmr::Family, Update<Vec<u8>, VariableEncoding<Bytes>>>;
type Part = Response<mmr::Family, Operation, Digest>;

/// Operations of the state's log in one part of a snapshot.
pub(crate) const BATCH: NonZeroU64 = NZU64!(256);

/// What every snapshot begins with: letters and the version of the format.
const MAGIC: [u8; 8] = *b"MEDVSNP\x01";

/// The longest part of a snapshot, in bytes.
const MAX_PART: usize = 1 << 30;

/// Why a snapshot cannot be taken or used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file cannot be read or written.
    #[error("the snapshot cannot be read or written: {0}")]
    File(#[from] std::io::Error),
    /// The file is not a snapshot, or is damaged.
    #[error("the snapshot is damaged or not one: {0}")]
    Damaged(#[from] CodecError),
    /// It is of another chain.
    #[error("the snapshot is of another chain")]
    OtherChain,
    /// It proves nothing.
    #[error("the snapshot's block is not final: {0}")]
    Untrusted(#[from] Untrusted),
    /// The state is not that of the block.
    #[error("the snapshot's state is not that of its block")]
    OtherState,
    /// The node cannot take one now.
    #[error("the state cannot be read: {0}")]
    State(String),
    /// The node is not running.
    #[error("the node is not running")]
    Stopped,
}

/// The block that a snapshot's state belongs to, and what proves it final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    genesis: Digest,
    pub(crate) links: Vec<Link>,
    pub(crate) block: Block,
    pub(crate) certificate: Certificate,
    /// Of the block's epoch.
    pub(crate) validators: ValidatorSet,
}

impl Head {
    pub(crate) fn new(
        genesis: Digest,
        links: Vec<Link>,
        block: Block,
        certificate: Certificate,
        validators: ValidatorSet,
    ) -> Self {
        Self { genesis, links, block, certificate, validators }
    }

    fn check(&self, genesis: &Genesis) -> Result<(), SnapshotError> {
        if self.genesis != genesis.digest() {
            return Err(SnapshotError::OtherChain);
        }
        let mut client = LightClient::new(genesis.clone());
        for link in &self.links {
            client.follow(link)?;
        }
        let finality = Finality { descendants: Vec::new(), certificate: self.certificate.clone() };
        client.verify(self.block.header(), &finality)?;
        if client.validators() != &self.validators {
            return Err(Untrusted::OtherValidators { epoch: self.block.header().epoch }.into());
        }
        Ok(())
    }

    fn end(&self) -> Location {
        Location::new(self.block.header().operations.end)
    }

    /// What must be asked for to rebuild the state, in order: as the sync engine does. It asks for the boundary of a log whose beginning is gone, which answers its first
    /// operation, and for batches after that.
    fn requests(&self) -> Vec<Request<mmr::Family>> {
        let (start, end) = (self.block.header().operations.start, self.block.header().operations.end);
        let size = self.end();
        let boundary = (start > 0).then(|| Request::Boundary { size, start: Location::new(start) });
        let batches = (start + u64::from(start > 0)..end).step_by(BATCH.get() as usize);
        let operations =
            batches.map(|start| Request::Operations { size, start: Location::new(start), max_ops: BATCH });
        boundary.into_iter().chain(operations).collect()
    }
}

impl Write for Head {
    fn write(&self, buf: &mut impl BufMut) {
        self.genesis.write(buf);
        self.links.write(buf);
        self.block.write(buf);
        self.certificate.write(buf);
        self.validators.write(buf);
    }
}

impl EncodeSize for Head {
    fn encode_size(&self) -> usize {
        self.genesis.encode_size()
            + self.links.encode_size()
            + self.block.encode_size()
            + self.certificate.encode_size()
            + self.validators.encode_size()
    }
}

impl Read for Head {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        Ok(Self {
            genesis: Digest::read(buf)?,
            links: Vec::read_cfg(buf, &(RangeCfg::from(0..=4096), ()))?,
            block: Block::read(buf)?,
            certificate: Certificate::read(buf)?,
            validators: ValidatorSet::read(buf)?,
        })
    }
}

/// Writes a snapshot of the state after the head's block, which must not be pruned from `state`.
pub(crate) async fn write<E>(head: &Head, state: &Databases<E>, path: &Path) -> Result<(), SnapshotError>
where
    E: Runtime,
{
    let partial = path.with_extension("partial");
    let mut file = BufWriter::new(File::create(&partial)?);
    file.write_all(&MAGIC)?;
    write_part(&mut file, &head.encode())?;
    for request in head.requests() {
        let (part, _) =
            state.serve(request).await.map_err(|error| SnapshotError::State(error.to_string()))?;
        write_part(&mut file, &part.encode())?;
    }
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&partial, path)?;
    Ok(())
}

fn write_part(file: &mut impl std::io::Write, part: &[u8]) -> Result<(), SnapshotError> {
    let length = u32::try_from(part.len()).map_err(|_| SnapshotError::OtherState)?;
    file.write_all(&length.to_be_bytes())?;
    file.write_all(part)?;
    Ok(())
}

/// A snapshot that is read, its head checked.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) head: Head,
    parts: Arc<BTreeMap<(u64, bool), Part>>,
}

impl Snapshot {
    /// Reads a snapshot and checks its head. Its state is checked while a node takes it over.
    ///
    /// # Errors
    /// Fails when the file is damaged, of another chain, or its block not final.
    pub fn open(path: &Path, genesis: &Genesis) -> Result<Self, SnapshotError> {
        let mut file = BufReader::new(File::open(path)?);
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(CodecError::Invalid("Snapshot", "not a snapshot of a known version").into());
        }
        let head = Head::decode_cfg(Copying(&read_part(&mut file)?), &())?;
        head.check(genesis)?;
        let key = (RangeCfg::from(0..=MAX_KEY_BYTES), ());
        let operation = (key, RangeCfg::from(0..=MAX_VALUE_BYTES));
        let mut parts = BTreeMap::new();
        for request in head.requests() {
            let config = (request.max_ops().get() as usize, operation);
            let part = Part::decode_cfg(Copying(&read_part(&mut file)?), &config)?;
            parts.insert(place(&request), part);
        }
        Ok(Self { head, parts: parts.into() })
    }

    /// Height of the block whose state it holds.
    pub fn height(&self) -> u64 {
        self.head.block.height()
    }

    /// Digest of that block.
    pub fn block(&self) -> Digest {
        self.head.block.header().digest()
    }
}

fn read_part(file: &mut impl std::io::Read) -> Result<Vec<u8>, SnapshotError> {
    let mut length = [0; 4];
    file.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_PART {
        return Err(CodecError::InvalidLength(length).into());
    }
    // Not trusted before the bytes are there.
    let mut part = Vec::new();
    if file.take(length as u64).read_to_end(&mut part)? < length {
        return Err(CodecError::EndOfBuffer.into());
    }
    Ok(part)
}

fn place(request: &Request<mmr::Family>) -> (u64, bool) {
    (*request.start(), matches!(request, Request::Boundary { .. }))
}

impl Snapshot {
    /// Rebuilds the state from the parts, each checked against the head's block.
    ///
    /// # Panics
    /// When the parts do not make up the state of the block: the node must not run on another.
    pub(crate) async fn restore<E: Runtime>(&self, context: E, config: StateConfig) {
        let header = self.head.block.header();
        let range = Location::new(header.operations.start)..self.head.end();
        let range = NonEmptyRange::new(range).expect("headers with an empty range are not decoded");
        let state: Database<E> = sync::sync(sync::engine::Config {
            context,
            source: self.clone(),
            target: Target::new(header.operations_root, range),
            max_outstanding_requests: NZUsize!(2),
            fetch_batch_size: BATCH,
            apply_batch_size: NZU64!(1024),
            db_config: config,
            update_rx: None,
            finish_rx: None,
            reached_target_tx: None,
        })
        .await
        .expect("the snapshot holds the state of its block");
        assert!(state.root() == header.state_root, "the snapshot holds the state of its block");
    }
}

impl Source for Snapshot {
    type Family = mmr::Family;
    type Digest = Digest;
    type Op = Operation;
    type Error = ServeError<mmr::Family>;

    async fn serve(&self, request: Request<mmr::Family>) -> source::Result<Self> {
        let part = (request.size() == self.head.end()).then(|| self.parts.get(&place(&request))).flatten();
        part.cloned().map(|part| (part, None)).ok_or(ServeError::MissingSource)
    }
}

/// The head of the snapshot that a node began with, kept for as long as the node.
pub(crate) struct Base<E: Runtime> {
    store: AsyncMutex<Option<Metadata<E, U64, Head>>>,
}

impl<E: Runtime> Base<E> {
    pub(crate) async fn open(context: E, prefix: &str) -> Self {
        let config = metadata::Config { partition: format!("{prefix}-base"), codec_config: () };
        let store = Metadata::init(context, config).await.expect("the head of a snapshot can be read");
        Self { store: AsyncMutex::new(Some(store)) }
    }

    pub(crate) async fn get(&self) -> Option<Head> {
        self.store.lock().await.as_ref().and_then(|store| store.get(&U64::new(0))).cloned()
    }

    pub(crate) async fn set(&self, head: Head) {
        let mut slot = self.store.lock().await;
        let store = slot.take().expect("the store is put back after each write");
        *slot = Some(store.put_sync(U64::new(0), head).await.expect("the head of a snapshot can be written"));
    }
}

/// No peer is asked for state: a node replays blocks, or begins with a snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoPeers;

impl Source for NoPeers {
    type Family = mmr::Family;
    type Digest = Digest;
    type Op = Operation;
    type Error = ServeError<mmr::Family>;

    async fn serve(&self, _: Request<mmr::Family>) -> source::Result<Self> {
        Err(ServeError::MissingSource)
    }
}

impl<E: Runtime> AttachableResolver<Database<E>> for NoPeers {
    async fn attach_database(&self, _: Databases<E>) {}
}
