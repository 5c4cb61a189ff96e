//! What must hold of the life of a dataset: a second, plainer account of it, which follows transactions and what became of them and reads nothing of the state.
//!
//! - **No release without a decision**: what is posted was granted, is not over, and keeps to what was granted.
//! - **No access after a withdrawal**: from the transaction that carries it on, in its own block too, nothing is used that has a patient in it who does not permit the use.
//! - **No budget is overspent**: of a contract, a dataset and a recipient over the whole consortium, by its own sums.
//! - **Differences show nobody**: whatever a recipient holds of a dataset, under whatever contracts, by whatever accounts, differs from what it is given next by nobody or by many.
//! - **A policy holds**: nothing is granted under a contract that was published with [`POLICY`] of what it forbids.
//! - **Everything has an author**: each event names the account that signed and the organisation that account belongs to; each transaction leaves one.
//!
//! Which patients are in a release is not on the ledger. Whoever plays an honest custodian tells it with [`Claims::picked`]; of what a dishonest one posts, the claims about patients are the auditors'.

use std::collections::{BTreeMap, BTreeSet};

use medveil_ledger::role::Role;
use medveil_ledger::state::contract::Standing;
use medveil_ledger::state::request::{Ask, Subject};
use medveil_ledger::terms::{ConsentMode, Terms};
use medveil_ledger::vocabulary::{Effect, Provision, Purpose, Use};
use medveil_ledger::{
    AccountId, Action, BlockContext, ChainId, ConsentId, ContractId, DatasetId, Digest, Event, FactValue,
    Genesis, ObjectRef, OrganisationId, Outcome, ReleaseId, RequestId, Slug, Transaction,
};

/// Patients of a release.
pub type Cohort = BTreeSet<AccountId>;

/// What is known of a chain by its transactions.
#[derive(Clone)]
pub struct Claims {
    chain: ChainId,
    pub accounts: BTreeMap<AccountId, OrganisationId>,
    roles: BTreeMap<OrganisationId, Role>,
    guardians: BTreeMap<AccountId, BTreeSet<AccountId>>,
    pub datasets: BTreeMap<DatasetId, OrganisationId>,
    ceilings: BTreeMap<DatasetId, u64>,
    consents: BTreeMap<ConsentId, Said>,
    pub contracts: BTreeMap<ContractId, (Terms, Standing)>,
    /// Those with [`POLICY`].
    guarded: BTreeSet<ContractId>,
    pub requests: BTreeMap<RequestId, Asked>,
    pub releases: BTreeMap<ReleaseId, Posted>,
    spent: BTreeMap<ObjectRef, u64>,
    cohorts: BTreeMap<Digest, Cohort>,
    /// How often each kind of event was seen: a run in which nothing happens proves nothing.
    pub seen: BTreeMap<String, usize>,
}

/// A consent, as it is now.
#[derive(Clone)]
pub struct Said {
    pub patient: AccountId,
    pub provisions: Vec<Provision>,
    pub open: bool,
}

/// A request, with what became of it.
#[derive(Clone)]
pub struct Asked {
    pub ask: Ask,
    pub account: AccountId,
    pub organisation: OrganisationId,
    pub granted: Option<Granted>,
    pub over: bool,
    pub released: BTreeSet<DatasetId>,
}

/// What a grant obliges to.
#[derive(Clone, Copy)]
pub struct Granted {
    pub until_ms: u64,
    pub epsilon: u64,
    pub min_cohort: u64,
}

/// A release.
#[derive(Clone)]
pub struct Posted {
    pub request: RequestId,
    pub dataset: DatasetId,
    /// Of each version; `None` where nobody honest picked them.
    pub versions: Vec<Option<Cohort>>,
    pub failed: bool,
    pub destroyed: bool,
}

impl Asked {
    /// Whether anything can still come of it.
    pub fn is_open(&self, now_ms: u64) -> bool {
        !self.over && self.granted.is_none_or(|granted| now_ms < granted.until_ms)
    }
}

/// A policy that contracts may have ...
pub const POLICY: &str = r#"@id("little-of-a-disease") forbid (principal, action, resource)
when { context.purposes.contains(Purpose::"disease-research") && context.epsilon > 500000 };"#;

/// ... and what it forbids, said in another way.
fn is_forbidden(ask: &Ask) -> bool {
    ask.purposes.contains(&Purpose::DiseaseResearch) && ask.epsilon > 500_000
}

/// A claim that does not hold, in words.
pub type Broken = String;

macro_rules! claim {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+));
        }
    };
}

impl Claims {
    pub fn new(genesis: &Genesis) -> Self {
        let chain = genesis.chain_id();
        let accounts = genesis.members.iter().flat_map(|member| {
            member.accounts.keys().map(move |key| (AccountId::derive(chain, key), member.organisation))
        });
        Claims {
            chain,
            accounts: accounts.collect(),
            roles: genesis.members.iter().map(|member| (member.organisation, member.role)).collect(),
            guardians: BTreeMap::new(),
            datasets: BTreeMap::new(),
            ceilings: BTreeMap::new(),
            consents: BTreeMap::new(),
            contracts: BTreeMap::new(),
            guarded: BTreeSet::new(),
            requests: BTreeMap::new(),
            releases: BTreeMap::new(),
            spent: BTreeMap::new(),
            cohorts: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Tells which patients an honest custodian picked for what it posts in a transaction.
    pub fn picked(&mut self, transaction: Digest, cohort: Cohort) {
        self.cohorts.insert(transaction, cohort);
    }

    /// What was spent of something, by the sums kept here.
    pub fn spent(&self, of: &ObjectRef) -> u64 {
        self.spent.get(of).copied().unwrap_or(0)
    }

    /// The patients of a hospital who permit what a granted request is for, from now until the end of the grant: those whom an honest custodian picks.
    pub fn covered(&self, request: RequestId, dataset: DatasetId, now_ms: u64) -> Option<Cohort> {
        let asked = self.requests.get(&request).filter(|asked| asked.granted.is_some())?;
        let owner = *self.datasets.get(&dataset)?;
        let patients = self.consents.values().map(|said| said.patient).collect::<Cohort>();
        let covered = patients
            .into_iter()
            .filter(|patient| self.accounts[patient] == owner && self.permits(*patient, asked, now_ms));
        Some(covered.collect())
    }

    /// What an honest custodian states of a cohort: the least numbers above 0 by which it has more, and fewer, patients than one that the request's organisation holds. A later version lacks what the
    /// recipient has had; it counts where no version before it has all of its patients.
    pub fn differences(&self, request: RequestId, dataset: DatasetId, cohort: &Cohort) -> (u64, u64) {
        let Some(asked) = self.requests.get(&request) else { return (0, 0) };
        let own =
            self.releases.get(&ReleaseId::derive(request, dataset)).map_or(&[][..], |own| &own.versions);
        if own.iter().flatten().any(|earlier| cohort.is_subset(earlier)) {
            return (0, 0);
        }
        let held = self.releases.values().filter(|posted| {
            posted.dataset == dataset && self.requests[&posted.request].organisation == asked.organisation
        });
        let held: Vec<&Cohort> = held.flat_map(|posted| posted.versions.iter().flatten()).collect();
        let least =
            |counts: Vec<usize>| counts.into_iter().filter(|count| *count > 0).min().unwrap_or(0) as u64;
        let added = least(held.iter().map(|earlier| cohort.difference(earlier).count()).collect());
        let removed = least(held.iter().map(|earlier| earlier.difference(cohort).count()).collect());
        (added, if own.is_empty() { removed } else { 0 })
    }

    /// Whether a patient permits what a granted request is for.
    pub fn permits(&self, patient: AccountId, asked: &Asked, now_ms: u64) -> bool {
        let Some(granted) = asked.granted else { return false };
        let purposes: Vec<_> = asked.ask.purposes.iter().copied().collect();
        let used = Use {
            purposes: &purposes,
            recipient: asked.organisation,
            role: self.roles[&asked.organisation],
            classes: &asked.ask.classes,
            commercial: asked.ask.commercial,
            study: None,
            from_ms: now_ms,
            until_ms: granted.until_ms,
        };
        let said = self.consents.values().filter(|said| said.patient == patient && said.open);
        let all: Vec<&Provision> = said.flat_map(|said| &said.provisions).collect();
        let denied = all.iter().any(|provision| provision.effect == Effect::Deny && provision.denies(&used));
        !denied && all.iter().any(|provision| provision.covers(&used))
    }

    /// Follows a transaction of a block; everything before it, in this block too, has been followed.
    ///
    /// # Errors
    /// The first claim that it breaks.
    pub fn follow(
        &mut self,
        block: &BlockContext,
        transaction: &Transaction,
        outcome: &Outcome,
        events: &[Event],
    ) -> Result<(), Broken> {
        let (body, digest) = (transaction.body(), transaction.digest());
        let name = body.action.spec().name;
        claim!(!events.is_empty(), "{name} left no event");
        let organisation = self.accounts.get(&body.account).copied();
        let organisation = organisation.ok_or_else(|| format!("{name} by an account that nobody made"))?;
        for event in events {
            let kind = &event.kind;
            claim!(event.transaction == Some(digest), "{kind} names another transaction");
            claim!(event.actor == Some(body.account), "{kind} names another actor");
            claim!(event.organisation == Some(organisation), "{kind} names another organisation");
            *self.seen.entry(kind.to_string()).or_default() += 1;
        }
        if let Outcome::Refused(reason) = outcome {
            *self.seen.entry(reason.name.to_string()).or_default() += 1;
            let alone = events.len() == 1 && events[0].kind == "transaction.refused";
            claim!(alone, "{name} was refused and did something");
            return Ok(());
        }
        self.applied(block, &body.action, body.account, organisation, digest)?;
        events.iter().try_for_each(|event| self.happened(event))
    }

    fn applied(
        &mut self,
        block: &BlockContext,
        action: &Action,
        account: AccountId,
        organisation: OrganisationId,
        digest: Digest,
    ) -> Result<(), Broken> {
        let now_ms = block.time_ms;
        match action {
            Action::AccountCreate(created) => {
                self.accounts.insert(AccountId::derive(self.chain, &created.key), organisation);
            }
            Action::DatasetRegister(registered) => {
                let id = DatasetId::derive(self.chain, organisation, registered.label);
                self.datasets.insert(id, organisation);
            }
            Action::BudgetSet(set) => {
                claim!(
                    self.datasets.get(&set.dataset) == Some(&organisation),
                    "a budget of another's dataset"
                );
                self.ceilings.insert(set.dataset, set.ceiling);
            }
            Action::PatientInvite(invite) => {
                let patient = AccountId::derive(self.chain, &invite.code);
                self.accounts.insert(patient, organisation);
                self.guardians.insert(patient, invite.guardians.iter().copied().collect());
            }
            Action::PatientSetGuardians(set) => {
                self.guardians.insert(account, set.guardians.iter().copied().collect());
            }
            Action::ConsentGrant(granted) => {
                claim!(self.acts_for(account, granted.patient), "a consent that is not the patient's");
                let id = ConsentId::derive(self.chain, granted.patient, granted.number);
                let provisions = granted.provisions.to_vec();
                self.consents.insert(id, Said { patient: granted.patient, provisions, open: true });
            }
            Action::ConsentNarrow(narrowed) => {
                let said = self.consents.get_mut(&narrowed.consent).ok_or("a consent that nobody gave")?;
                claim!(said.open, "a withdrawn consent was changed");
                said.provisions = narrowed.provisions.to_vec();
                let patient = said.patient;
                claim!(self.acts_for(account, patient), "a consent that is not the patient's");
            }
            Action::ConsentWithdraw(withdrawn) => {
                let said = self.consents.get_mut(&withdrawn.consent).ok_or("a consent that nobody gave")?;
                claim!(said.open, "withdrawn twice");
                said.open = false;
                let patient = said.patient;
                claim!(self.acts_for(account, patient), "a consent that is not the patient's");
            }
            Action::ContractPublish(published) => {
                let id = self.published(organisation, published.label, &published.terms);
                self.guarded.remove(&id);
            }
            Action::ContractPublishWithPolicy(published) => {
                claim!(published.policy == POLICY, "a policy that is not known here");
                let id = self.published(organisation, published.label, &published.terms);
                self.guarded.insert(id);
            }
            Action::ContractSetStanding(set) => {
                let contract = self.contracts.get_mut(&set.contract).ok_or("a contract that nobody made")?;
                contract.1 = set.standing;
            }
            Action::RequestSubmit(submitted) => {
                self.submitted(&submitted.ask, account, organisation, digest, now_ms)?;
            }
            Action::ReleasePost(post) => self.posted(post, organisation, digest, now_ms)?,
            Action::AccessRequest(access) => {
                self.accessed(access.release, access.version, account, now_ms)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn acts_for(&self, account: AccountId, patient: AccountId) -> bool {
        account == patient || self.guardians.get(&patient).is_some_and(|all| all.contains(&account))
    }

    fn published(&mut self, organisation: OrganisationId, label: Slug, terms: &Terms) -> ContractId {
        let id = ContractId::derive(self.chain, organisation, label);
        let standing = self.contracts.get(&id).map_or(Standing::Open, |(_, standing)| *standing);
        self.contracts.insert(id, (terms.clone(), standing));
        id
    }

    fn submitted(
        &mut self,
        ask: &Ask,
        account: AccountId,
        organisation: OrganisationId,
        digest: Digest,
        now_ms: u64,
    ) -> Result<(), Broken> {
        if ask.subject == Subject::Cohort {
            for (id, other) in &self.requests {
                let another = other.organisation == organisation && other.ask.subject == Subject::Cohort;
                let waits = |dataset: &DatasetId| {
                    other.ask.datasets.contains(dataset) && !other.released.contains(dataset)
                };
                claim!(
                    !(another && other.is_open(now_ms) && ask.datasets.iter().any(waits)),
                    "two requests of `{organisation}` for a dataset are under way, the other is {id}"
                );
            }
        }
        let asked = Asked {
            ask: ask.clone(),
            account,
            organisation,
            granted: None,
            over: false,
            released: BTreeSet::new(),
        };
        self.requests.insert(RequestId(digest.0), asked);
        Ok(())
    }

    fn posted(
        &mut self,
        post: &medveil_ledger::action::ReleasePost,
        organisation: OrganisationId,
        digest: Digest,
        now_ms: u64,
    ) -> Result<(), Broken> {
        let (request, dataset) = (post.request, post.dataset);
        let asked = self.requests.get(&request).ok_or("a release for a request that nobody made")?;
        let granted = asked.granted.ok_or("a release without a decision")?;
        claim!(asked.is_open(now_ms), "a release for a request that is over");
        claim!(self.stands(&asked.ask), "a release under a contract that does not stand");
        claim!(self.datasets.get(&dataset) == Some(&organisation), "a release by another than the owner");
        claim!(asked.ask.datasets.contains(&dataset), "a release of what was not asked for");
        let figures = &post.figures;
        claim!(figures.epsilon <= granted.epsilon, "more privacy loss than was granted");
        claim!(figures.patients >= granted.min_cohort, "a release of too few");
        let cohort = self.cohorts.get(&digest).cloned();
        if let Some(cohort) = &cohort {
            if asked.ask.subject == Subject::Cohort {
                let (added, removed) = self.differences(request, dataset, cohort);
                for difference in [added, removed] {
                    claim!(
                        difference == 0 || difference >= granted.min_cohort,
                        "{difference} patients differ from what `{}` holds of the dataset",
                        asked.organisation
                    );
                }
            }
            self.check_cohort(asked, cohort, now_ms, "released")?;
        }
        let id = ReleaseId::derive(request, dataset);
        let posted = self.releases.entry(id).or_insert_with(|| Posted {
            request,
            dataset,
            versions: Vec::new(),
            failed: false,
            destroyed: false,
        });
        claim!(post.version == posted.versions.len() as u64 + 1, "a version out of order");
        claim!(!posted.failed && !posted.destroyed, "a version of what is not used any more");
        posted.versions.push(cohort);
        let asked = self.requests.get_mut(&request).expect("it was looked up");
        asked.released.insert(dataset);
        Ok(())
    }

    fn accessed(
        &self,
        release: ReleaseId,
        version: u64,
        account: AccountId,
        now_ms: u64,
    ) -> Result<(), Broken> {
        let posted = self.releases.get(&release).ok_or("an access to what nobody released")?;
        let asked = &self.requests[&posted.request];
        claim!(asked.granted.is_some(), "an access without a decision");
        claim!(asked.account == account, "an access by another account");
        claim!(asked.is_open(now_ms), "an access after the end");
        claim!(self.stands(&asked.ask), "an access under a contract that does not stand");
        claim!(!posted.failed && !posted.destroyed, "an access to what is not used any more");
        claim!(version == posted.versions.len() as u64, "an access to an older version");
        match posted.versions.last().expect("the first version makes it") {
            Some(cohort) => self.check_cohort(asked, cohort, now_ms, "accessed"),
            None => Ok(()),
        }
    }

    fn check_cohort(&self, asked: &Asked, cohort: &Cohort, now_ms: u64, what: &str) -> Result<(), Broken> {
        let terms = &self.contracts[&asked.ask.contract].0;
        if terms.consent != ConsentMode::Required {
            return Ok(());
        }
        match cohort.iter().find(|patient| !self.permits(**patient, asked, now_ms)) {
            Some(patient) => Err(format!("{what} though {patient} does not permit it")),
            None => Ok(()),
        }
    }

    fn stands(&self, ask: &Ask) -> bool {
        self.contracts.get(&ask.contract).is_some_and(|(_, standing)| *standing == Standing::Open)
    }

    /// Follows what an event tells of a request, a release, an order.
    fn happened(&mut self, event: &Event) -> Result<(), Broken> {
        let id = event.object.id;
        match event.kind.as_ref() {
            "request.granted" => self.granted(RequestId(id), event)?,
            "request.refused" | "request.ended" | "request.cancelled" => {
                let asked = self.requests.get_mut(&RequestId(id)).ok_or("a request that nobody made")?;
                claim!(!asked.over, "a request that ends twice");
                asked.over = true;
                if let Some(granted) = asked.granted.filter(|_| asked.released.is_empty()) {
                    let asked = asked.clone();
                    for of in drawn_on(&asked) {
                        let spent = self.spent.get_mut(&of).ok_or("a budget that nobody spent")?;
                        *spent -= granted.epsilon;
                    }
                }
            }
            "release.failed" => {
                self.releases.get_mut(&ReleaseId(id)).ok_or("a release that nobody made")?.failed = true;
            }
            "destruction.ordered" => {
                if let Some(posted) = self.releases.get_mut(&ReleaseId(id)) {
                    posted.destroyed = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn granted(&mut self, id: RequestId, event: &Event) -> Result<(), Broken> {
        let number = |name: &str| match event.fact(name) {
            Some(FactValue::Number(number)) => Ok(*number),
            _ => Err(format!("a grant without `{name}`")),
        };
        let (until_ms, epsilon) = (number("until_ms")?, number("epsilon")?);
        let asked = self.requests.get_mut(&id).ok_or("a grant of what nobody asked for")?;
        claim!(asked.granted.is_none() && !asked.over, "a grant of what is decided");
        claim!(epsilon == asked.ask.epsilon, "another privacy loss than was asked for");
        let terms = &self.contracts.get(&asked.ask.contract).ok_or("a grant without a contract")?.0;
        let guarded = self.guarded.contains(&asked.ask.contract);
        claim!(!guarded || !is_forbidden(&asked.ask), "a grant of what a policy forbids");
        asked.granted = Some(Granted { until_ms, epsilon, min_cohort: terms.min_cohort.into() });
        claim!(until_ms <= terms.term.until_ms, "a grant beyond the contract's term");
        claim!(epsilon <= terms.epsilon.per_request, "more privacy loss than a request may have");
        let asked = asked.clone();
        let (contract, recipient) = (asked.ask.contract, asked.organisation);
        let total = |of: &ObjectRef| {
            if *of == ObjectRef::contract(contract) {
                terms.epsilon.total
            } else if *of == ObjectRef::organisation(recipient) {
                terms.epsilon.per_recipient
            } else {
                self.ceilings.get(&DatasetId(of.id)).copied().unwrap_or(u64::MAX)
            }
        };
        for of in drawn_on(&asked) {
            let spent = self.spent.entry(of).or_default();
            *spent += epsilon;
            let total = total(&of);
            claim!(
                epsilon == 0 || *spent <= total,
                "{spent} of {total} millionths of epsilon of {of} are spent"
            );
        }
        Ok(())
    }
}

/// The budgets that a request draws on.
fn drawn_on(asked: &Asked) -> Vec<ObjectRef> {
    let datasets = asked.ask.datasets.iter().map(|dataset| ObjectRef::dataset(*dataset));
    let whole = [ObjectRef::contract(asked.ask.contract), ObjectRef::organisation(asked.organisation)];
    datasets.chain(whole).collect()
}
