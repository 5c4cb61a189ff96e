//! The custodians of hospitals: the real ones, each with a folder of its own, on what the hospital's node has of the chain. They are stopped at points that the seed draws, their nodes are away
//! or behind, nobody tells them in time what became of what they handed in, and their sources grow and are tampered with meanwhile.
//!
//! Who is in a release is read off the bytes that are released: a column tells it. So the claims about patients are about what left the hospital, not about what the custodian says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use medveil_custodian::{
    Custodian, CustodianError, Done, Interrupt, Interrupted, Ledger, LedgerError, Point, Reader, Tip, Vault,
    VaultError, audit, ledger::latest, openings_file,
};
use medveil_ledger::{
    AccountId, Action, ChainId, ChallengeId, CustodyId, Digest, Event, Key, OrganisationId, Outcome, Slug,
    Transaction,
    action::CustodyRegister,
    bounded::OpaqueBytes,
    state::{challenge::Verdict, custody::Custody},
};
use medveil_vault::committee::OneTimeSecret;

use crate::{
    chance::Chance,
    claims::Cohort,
    consortium::{Consortium, custodian_key},
    hospital::{Home, TABLE, Table, tie},
    people::{Carried, code},
    run::Cluster,
    watch::Failure,
};

/// The auditor's one-time key.
pub fn reader() -> Digest {
    Digest(auditor().key().0)
}

fn auditor() -> OneTimeSecret {
    OneTimeSecret::from_bytes(&[0x1c; 32])
}

/// What a hospital's node has shown of the chain, and what was handed in to it.
pub struct View {
    state: BTreeMap<Key, Vec<u8>>,
    times: Vec<u64>,
    events: Vec<Event>,
    /// Blocks that follow: they come while a turn goes on.
    next: Vec<Arc<Carried>>,
    done: BTreeMap<Digest, Done>,
    /// Handed in, and not known to be final.
    pending: Vec<(Action, Digest)>,
    outbox: Vec<(Transaction, Option<Cohort>)>,
    nonce: u64,
    away: bool,
    chance: Chance,
    stops: u64,
    faults: Vec<String>,
}

impl View {
    /// Nothing of the chain but its genesis.
    pub fn new(consortium: &Consortium, chance: Chance) -> Self {
        View {
            state: consortium.rules.genesis().writes(),
            times: Vec::new(),
            events: Vec::new(),
            next: Vec::new(),
            done: BTreeMap::new(),
            pending: Vec::new(),
            outbox: Vec::new(),
            nonce: 0,
            away: false,
            chance,
            stops: 0,
            faults: Vec::new(),
        }
    }

    fn height(&self) -> u64 {
        self.times.len() as u64
    }

    /// Takes the next block, if there is one.
    fn advance(&mut self) -> bool {
        if self.next.is_empty() {
            return false;
        }
        let block = self.next.remove(0);
        self.times.push(block.time_ms);
        let height = self.height();
        self.events.extend(block.events.iter().cloned());
        for receipt in &block.receipts {
            let (transaction, outcome) = (receipt.transaction, receipt.outcome.clone());
            self.done.insert(transaction, Done { height, transaction, outcome });
        }
        for (key, value) in &block.writes {
            match value {
                Some(value) => self.state.insert(*key, value.clone()),
                None => self.state.remove(key),
            };
        }
        true
    }

    fn asked(&mut self) -> Result<(), LedgerError> {
        // A node goes on while it is asked.
        if self.chance.percent(1) {
            self.advance();
        }
        if self.away || self.times.is_empty() {
            return Err(LedgerError("the node is away".into()));
        }
        Ok(())
    }
}

/// The ledger, as a hospital's custodian has it.
#[derive(Clone)]
pub struct Book {
    pub consortium: Arc<Consortium>,
    pub hospital: usize,
    pub folder: PathBuf,
    pub view: Arc<Mutex<View>>,
}

impl Reader for Book {
    fn chain(&self) -> ChainId {
        self.consortium.chain
    }

    fn tip(&self) -> Result<Tip, LedgerError> {
        let mut view = self.view.lock().unwrap();
        view.asked()?;
        Ok(Tip { height: view.height(), time_ms: *view.times.last().unwrap() })
    }

    fn time_ms(&self, height: u64) -> Result<u64, LedgerError> {
        let view = self.view.lock().unwrap();
        let found = view.times.get((height as usize).wrapping_sub(1)).copied();
        found.ok_or_else(|| LedgerError(format!("no block at height {height}")))
    }

    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, LedgerError> {
        let mut view = self.view.lock().unwrap();
        view.asked()?;
        Ok(view.state.get(key).cloned())
    }
}

impl Ledger for Book {
    fn organisation(&self) -> OrganisationId {
        self.consortium.organisations[self.hospital].id
    }

    fn events(&self, after: u64, limit: usize) -> Result<Vec<(u64, Event)>, LedgerError> {
        let view = self.view.lock().unwrap();
        let numbered = (1..).zip(view.events.iter().cloned());
        Ok(numbered.skip(after as usize).take(limit).collect())
    }

    /// Hands in, and does not wait: what became of it is told when it is asked for again, if the custodian was not stopped meanwhile.
    fn act(&self, action: Action) -> Result<Done, LedgerError> {
        let mut view = self.view.lock().unwrap();
        view.asked()?;
        if let Some(place) = view.pending.iter().position(|(pending, _)| *pending == action) {
            let id = view.pending[place].1;
            let Some(done) = view.done.get(&id).cloned() else {
                return Err(LedgerError("it is not final yet".into()));
            };
            view.pending.remove(place);
            return Ok(done);
        }
        let cohort = match &action {
            Action::ReleasePost(post) => {
                let release = medveil_ledger::ReleaseId::derive(post.request, post.dataset);
                let version = format!("releases/{release}/{}/visits.csv", post.version);
                let found = self.released(&self.folder.join(version));
                if found.len() as u64 != post.figures.patients {
                    view.faults.push(format!(
                        "{} patients are released, and {} are posted",
                        found.len(),
                        post.figures.patients
                    ));
                }
                Some(found)
            }
            _ => None,
        };
        let signer = custodian_key(self.hospital);
        let account = AccountId::derive(self.consortium.chain, &signer.public());
        let expires = view.height() + 900;
        let transaction = self.consortium.signed(account, &signer, view.nonce, expires, action.clone());
        view.nonce += 1;
        view.pending.push((action, transaction.digest()));
        view.outbox.push((transaction, cohort));
        Err(LedgerError("it is handed in".into()))
    }
}

impl Book {
    /// Whose records are in a released table.
    fn released(&self, path: &Path) -> Cohort {
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains("王某"), "a name was released");
        let mut lines = text.lines();
        let at = lines.next().unwrap().split(',').position(|name| name == "stage").unwrap();
        let numbers = lines.map(|line| line.split(',').nth(at).unwrap()[1..].parse::<usize>().unwrap());
        let handle = |number| AccountId::derive(self.consortium.chain, &code(self.hospital, number).public());
        numbers.map(handle).collect()
    }
}

/// Custody that registers what it is given, and is away now and then.
#[derive(Clone)]
struct Safe(Book);

impl Vault for Safe {
    fn keep(
        &self,
        folder: &Path,
        label: Slug,
        version: u64,
        policy: Digest,
    ) -> Result<CustodyId, VaultError> {
        let not_now = |error: LedgerError| VaultError(error.to_string());
        if self.0.view.lock().unwrap().chance.percent(10) {
            return Err(VaultError("too few members answer".into()));
        }
        assert!(folder.join("receipt.json").exists(), "a release is kept whole");
        let id = CustodyId::derive(self.0.chain(), self.0.organisation(), label);
        let kept = latest::<Custody>(&self.0, &id).map_err(not_now)?;
        if kept.is_some_and(|kept| kept.version >= version) {
            return Ok(id);
        }
        let wrapped_key = OpaqueBytes::new(vec![7; 64]).unwrap();
        let register = CustodyRegister { label, version, manifest: Digest([8; 32]), wrapped_key, policy };
        match self.0.act(register.into()).map_err(not_now)?.outcome {
            Outcome::Applied => Ok(id),
            // It was registered before the custodian was stopped; the next question finds it.
            Outcome::Refused(refusal) => Err(VaultError(refusal.name.into_owned())),
        }
    }

    fn destroy(&self, _: CustodyId) -> Result<(), VaultError> {
        match self.0.view.lock().unwrap().chance.percent(10) {
            true => Err(VaultError("the disk is busy".into())),
            false => Ok(()),
        }
    }
}

/// Stops the custodian where the seed says so.
struct Stops(Arc<Mutex<View>>);

impl Interrupt for Stops {
    fn at(&self, point: Point) -> Result<(), Interrupted> {
        let mut view = self.0.lock().unwrap();
        match view.chance.percent(8) {
            true => Err(Interrupted(point)),
            false => Ok(()),
        }
    }
}

impl Cluster {
    /// Runs the custodian of a hospital as long as people go on.
    pub async fn custodian(self: Arc<Self>, hospital: usize, pause: u64) {
        let home = Arc::new(Home::new(&self.consortium, hospital, self.scenario.seed));
        self.homes.lock().unwrap().push(home.clone());
        let mut chance = Chance::new(self.scenario.seed ^ ((hospital as u64 + 1) << 24));
        let (settings, book) = (home.settings(), home.book(&self.consortium));
        let mut table = Table { patients: TABLE, tampered: false };
        table.write(home.folder.path());
        let mut keeper: Option<Custodian<Book, Safe, Stops>> = None;
        let mut tied = false;
        while self.goes_on() {
            self.world.sleep(chance.between(pause / 4, pause)).await;
            self.show(&home, &mut chance);
            match chance.index(60) {
                0 => (table.patients, table.tampered) = (table.patients + 1, false),
                1 => table.tampered = true,
                2..12 => table.tampered = false,
                _ => {}
            }
            table.write(home.folder.path());
            let turn = match &mut keeper {
                Some(keeper) => keeper.turn(),
                None => {
                    let safe = Safe(book.clone());
                    let stops = Stops(home.view.clone());
                    let opened = Custodian::open_with(settings.clone(), book.clone(), safe, stops);
                    opened.and_then(|opened| {
                        if !std::mem::replace(&mut tied, true) {
                            tie(&settings.folder, &book);
                        }
                        keeper.insert(opened).turn()
                    })
                }
            };
            let mut found = Vec::new();
            match turn {
                Ok(turn) => {
                    let names = turn.ended.into_iter().chain(turn.waiting).map(|(.., name)| name);
                    found.extend(names.filter(|name| name != "done"));
                    found.extend(turn.faulty.into_iter().map(|(_, name)| name));
                }
                Err(CustodianError::Ledger(_) | CustodianError::Vault(_)) => {}
                Err(CustodianError::Interrupted(Interrupted(point))) => {
                    keeper = None;
                    let mut view = home.view.lock().unwrap();
                    view.stops += 1;
                    // What it was waiting for, it does not remember; it may have reached the node or not.
                    view.pending.clear();
                    if chance.percent(30) {
                        let lost = view.outbox.len() as u64;
                        view.outbox.clear();
                        view.nonce -= lost;
                    }
                    found.push(format!("custodian stopped at {point:?}"));
                }
                Err(error) => {
                    self.watch.fail(Failure::Custodian { hospital, what: error.to_string() });
                    return;
                }
            }
            let (outbox, faults) = {
                let mut view = home.view.lock().unwrap();
                (std::mem::take(&mut view.outbox), std::mem::take(&mut view.faults))
            };
            for what in faults {
                self.watch.fail(Failure::Custodian { hospital, what });
            }
            {
                let mut known = self.known.lock().unwrap();
                for name in found {
                    *known.claims.seen.entry(name).or_default() += 1;
                }
                for (transaction, cohort) in &outbox {
                    if let Some(cohort) = cohort {
                        *known.claims.seen.entry("custodian posts".into()).or_default() += 1;
                        known.claims.picked(transaction.digest(), cohort.clone());
                    }
                }
            }
            for (transaction, _) in &outbox {
                self.hand_in(hospital, transaction, &mut chance).await;
            }
        }
    }

    /// Shows a custodian what its hospital's node has, some of it a little later.
    fn show(&self, home: &Home, chance: &mut Chance) {
        let height = match self.engine(home.hospital) {
            Some(_) if self.honest(home.hospital) => {
                Some(self.watch.seen().heights.get(&home.hospital).copied().unwrap_or(0))
            }
            Some(_) => Some(self.watch.height()),
            // It may have gone to another machine for good.
            None => (!self.seated().contains(&home.hospital)).then(|| self.watch.height()),
        };
        let known = self.learn();
        let mut view = home.view.lock().unwrap();
        view.away = height.is_none();
        let have = view.height() as usize + view.next.len();
        let to = (height.unwrap_or(0) as usize).min(known.carried.len());
        if to > have {
            view.next.extend(known.carried[have..to].iter().cloned());
        }
        let late = chance.index(4);
        while view.next.len() > late {
            view.advance();
        }
    }

    /// The auditor's judgement of every answer of a custodian: it was honest, and must be found so.
    pub fn judge_answers(&self) {
        let homes = self.homes.lock().unwrap();
        for home in &*homes {
            let book = home.book(&self.consortium);
            let answered: Vec<ChallengeId> = {
                let mut known = self.known.lock().unwrap();
                let mut view = home.view.lock().unwrap();
                view.away = false;
                let have = view.height() as usize + view.next.len();
                view.next.extend(known.carried[have.min(known.carried.len())..].iter().cloned());
                while view.advance() {}
                *known.claims.seen.entry("custodian stopped".into()).or_default() += view.stops as usize;
                let own: BTreeSet<_> = known
                    .claims
                    .releases
                    .iter()
                    .filter(|(_, posted)| {
                        known.claims.datasets.get(&posted.dataset) == Some(&book.organisation())
                    })
                    .map(|(release, _)| *release)
                    .collect();
                let answered = known.challenges.iter().filter(|(_, challenge)| challenge.answered);
                let answered: Vec<_> = answered.map(|(id, of)| (*id, of.release)).collect();
                let answered =
                    answered.into_iter().filter(|(_, release)| own.contains(release)).map(|(id, _)| id);
                answered.collect()
            };
            for id in answered {
                let sealed = fs::read(openings_file(&book.folder, id));
                let what = match sealed {
                    Err(_) => "an answer was posted, and there are no openings".into(),
                    Ok(sealed) => match audit::judge(&book, id, &sealed, &auditor(), home.folder.path()) {
                        Ok(judgement) if judgement.verdict == Verdict::Passed => {
                            let mut known = self.known.lock().unwrap();
                            *known.claims.seen.entry("custodian passed".into()).or_default() += 1;
                            continue;
                        }
                        Ok(judgement) => {
                            format!("the auditor finds {:?} {:?}", judgement.verdict, judgement.findings)
                        }
                        Err(error) => format!("the auditor cannot judge: {error}"),
                    },
                };
                self.watch.fail(Failure::Custodian { hospital: home.hospital, what });
            }
        }
    }
}
