//! A custodian that a hospital has changed: it edits what the plan made before it posts it, and signs with the hospital's keys.
//!
//! Nothing on the ledger keeps anybody from this: whoever runs a program can change it. It is the part of the tour that an audit has to find.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use medveil_custodian::{
    Custodian, Done, Interrupt, Interrupted, Ledger, LedgerError, Point, Reader, Settings, Tip, Vault,
    VaultError,
};
use medveil_deid::merkle::{Builder, leaf};
use medveil_deid::receipt::{Receipt, files_root};
use medveil_deid::study::Prf;
use medveil_deid::table::Side;
use medveil_ledger::refusal::Refusal;
use medveil_ledger::{
    Action, ChainId, CustodyId, Digest, Event, Key, OrganisationId, Outcome, ReleaseId, Slug,
};
use medveil_node::custodian::keep_folder;

use crate::console::Console;
use crate::desk::HttpDesk;
use crate::failure::Failure;
use crate::ledger::HttpLedger;
use crate::signer::Signer;

/// What a changed custodian knows of its own doing.
#[derive(Default)]
pub(super) struct Secret {
    /// Root and records of what it made of the release.
    posted: Cell<Option<(Digest, u64)>>,
    /// Records that it edited.
    pub(super) edited: Cell<u64>,
}

/// The ledger through the hospital's node, where a post is changed before it is signed.
pub(super) struct Desk<'a> {
    pub(super) reader: HttpLedger,
    pub(super) signer: &'a Signer,
    pub(super) organisation: OrganisationId,
    pub(super) console: &'a Console,
    /// What it is told of, in order.
    pub(super) events: &'a RefCell<Vec<Event>>,
    pub(super) secret: Rc<Secret>,
}

impl Reader for Desk<'_> {
    fn chain(&self) -> ChainId {
        self.reader.chain()
    }

    fn tip(&self) -> Result<Tip, LedgerError> {
        self.reader.tip()
    }

    fn time_ms(&self, height: u64) -> Result<u64, LedgerError> {
        self.reader.time_ms(height)
    }

    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, LedgerError> {
        self.reader.get(key)
    }

    fn get_all(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, LedgerError> {
        self.reader.get_all(keys)
    }
}

impl Ledger for Desk<'_> {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    fn events(&self, after: u64, limit: usize) -> Result<Vec<(u64, Event)>, LedgerError> {
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        Ok((1..).zip(self.events.borrow().iter().cloned()).skip(after).take(limit).collect())
    }

    fn act(&self, action: Action) -> Result<Done, LedgerError> {
        let action = match (action, self.secret.posted.get()) {
            (Action::ReleasePost(mut post), Some((root, records))) => {
                (post.figures.root, post.figures.records) = (root, records);
                Action::ReleasePost(post)
            }
            (action, _) => action,
        };
        let answer =
            self.signer.ask(action, self.console).map_err(|failure| LedgerError(failure.to_string()))?;
        let unreadable = || LedgerError("the node's answer cannot be read".to_owned());
        let transaction = answer["id"].as_str().and_then(|id| id.parse().ok()).ok_or_else(unreadable)?;
        let height = answer["height"].as_u64().ok_or_else(unreadable)?;
        let outcome = match answer["outcome"]["refused"]["name"].as_str() {
            None => Outcome::Applied,
            Some(name) => Outcome::Refused(Refusal { name: name.to_owned().into(), facts: Vec::new() }),
        };
        Ok(Done { height, transaction, outcome })
    }
}

/// Custody through the hospital's node: the edited release is kept as any other.
pub(super) struct Shelf<'a> {
    pub(super) desk: HttpDesk<'a>,
    pub(super) work: PathBuf,
}

impl Vault for Shelf<'_> {
    fn keep(
        &self,
        folder: &Path,
        label: Slug,
        version: u64,
        policy: Digest,
    ) -> Result<CustodyId, VaultError> {
        keep_folder(&self.desk, &self.work, folder, label, version, policy)
    }

    fn destroy(&self, object: CustodyId) -> Result<(), VaultError> {
        // The hospital's own node does it.
        Err(VaultError(format!("{object} is not destroyed by this program")))
    }
}

/// Edits a release between the plan and the post.
pub(super) struct Pen {
    /// The folder of the release, once there is one.
    pub(super) release: Option<PathBuf>,
    pub(super) table: &'static str,
    /// What is written instead of what.
    pub(super) edit: (&'static str, &'static str),
    pub(super) secret: Rc<Secret>,
}

impl Interrupt for Pen {
    fn at(&self, point: Point) -> Result<(), Interrupted> {
        match (&self.release, point) {
            (Some(release), Point::Made) => self.write(release).map_err(|_| Interrupted(point)),
            _ => Ok(()),
        }
    }
}

impl Pen {
    fn write(&self, release: &Path) -> Result<(), Failure> {
        let path = release.join(self.table);
        let text = std::fs::read_to_string(&path).map_err(Failure::unusable)?;
        let (was, is) = self.edit;
        let edited = text.lines().skip(1).filter(|line| line.contains(was)).count() as u64;
        self.secret.edited.set(self.secret.edited.get() + edited);
        let text = text.replace(was, is);
        std::fs::write(&path, &text).map_err(Failure::unusable)?;
        // The root of what it is now, under the key of the release's leaves.
        let receipt = std::fs::read_to_string(release.join("receipt.json")).map_err(Failure::unusable)?;
        let receipt = Receipt::parse(&receipt).map_err(Failure::unusable)?;
        let leaves = Prf::new(receipt.suite, &receipt.output_leaf_key);
        let mut tree = Builder::new(receipt.suite);
        text.split_inclusive('\n').for_each(|line| tree.push(leaf(&leaves, line.as_bytes())));
        let records = text.lines().count().saturating_sub(1) as u64;
        let side = Side::new(&tree, records, 0);
        let root = Digest(files_root(receipt.suite, [(self.table, &side)]));
        self.secret.posted.set(Some((root, records)));
        Ok(())
    }
}

/// Lets the changed custodian work once.
///
/// # Errors
/// It cannot go on.
pub(super) fn turn(settings: &Settings, desk: Desk<'_>, shelf: Shelf<'_>, pen: Pen) -> Result<(), Failure> {
    let mut custodian =
        Custodian::open_with(settings.clone(), desk, shelf, pen).map_err(Failure::unusable)?;
    let done = custodian.turn().map_err(Failure::unusable)?;
    match done.waiting.first().or_else(|| done.ended.iter().find(|(.., how)| how != "done")) {
        Some((job, _, _, reason)) => Err(Failure::Refused(format!("{job:?}: {reason}"))),
        None => match done.faulty.first() {
            Some((_, reason)) => Err(Failure::Refused(reason.clone())),
            None => Ok(()),
        },
    }
}

/// The folder of the first version of a release.
pub(super) fn folder_of(settings: &Settings, release: ReleaseId) -> PathBuf {
    settings.folder.join("releases").join(release.to_string()).join("1")
}
