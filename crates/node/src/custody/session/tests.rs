use medveil_vault::committee::{MemberKey, OneTimeKeys, ceremony::Seat};

use super::*;

const CHAIN: ChainId = ChainId([7; 32]);

struct Party {
    organisation: OrganisationId,
    key: MemberKey,
    seed: u8,
}

impl Party {
    fn new(index: u8) -> Self {
        let organisation = OrganisationId::new(&format!("hospital-{index}")).unwrap();
        Self { organisation, key: MemberKey::from_seed(&[index; 32]), seed: index }
    }

    fn seat(&self, session: u64) -> Seat {
        Seat::new(self.key.clone(), OneTimeKeys::from_seed(&[self.seed ^ (session as u8) << 4; 32]))
    }

    fn announcement(&self, session: u64) -> Vec<u8> {
        let member = self.key.member();
        let signature = self.key.state(&announced(CHAIN, session, self.organisation, &member));
        Announcement { member, signature }.encode()
    }
}

struct Scene {
    parties: Vec<Party>,
    sessions: Sessions,
    seats: BTreeSet<OrganisationId>,
    height: u64,
    /// Of the block at `height`; blocks come every second.
    time_ms: u64,
}

impl Scene {
    fn new(count: u8) -> Self {
        let parties: Vec<Party> = (1..=count).map(Party::new).collect();
        let seats = parties.iter().map(|party| party.organisation).collect();
        Self { parties, sessions: Sessions::new(CHAIN), seats, height: 10, time_ms: 1_000_000 }
    }

    fn say(&mut self, index: usize, round: u8, message: &[u8]) {
        for payload in posts(message) {
            let post = Post {
                height: self.height,
                time_ms: self.time_ms,
                session: self.sessions.number.max(1),
                round,
                organisation: self.parties[index].organisation,
                payload,
            };
            self.sessions.take(&post, &self.seats);
        }
    }

    fn ceremony(&self) -> &Ceremony {
        self.sessions.current.as_ref().unwrap().ceremony.as_ref().unwrap()
    }

    /// The rounds after the announcements, by those who are there.
    fn hold(&mut self, who: &[usize], shares: &BTreeMap<usize, medveil_vault::committee::KeyShare>) {
        let session = self.sessions.number;
        for at in who {
            let join = self.parties[*at]
                .seat(session)
                .join(self.ceremony(), shares.is_empty() || shares.contains_key(at));
            self.say(*at, round::JOIN, &join.encode());
        }
        for at in who.iter().filter(|at| shares.is_empty() || shares.contains_key(at)) {
            let deal = self.parties[*at].seat(session).deal(self.ceremony(), shares.get(at)).unwrap();
            self.say(*at, round::DEAL, &deal.encode());
        }
        for at in who {
            let answers = self.parties[*at].seat(session).answers(self.ceremony()).unwrap();
            self.say(*at, round::ANSWER, &answers.encode());
        }
        for at in who.iter().filter(|at| shares.is_empty() || shares.contains_key(at)) {
            let closing = self.parties[*at].seat(session).close(self.ceremony(), shares.get(at)).unwrap();
            self.say(*at, round::CLOSE, &closing.encode());
        }
    }

    fn announce(&mut self, who: &[usize], session: u64) {
        for at in who {
            let announcement = self.parties[*at].announcement(session);
            let payload = posts(&announcement).remove(0);
            let (height, organisation) = (self.height, self.parties[*at].organisation);
            let time_ms = self.time_ms;
            let post = Post { height, time_ms, session, round: round::ANNOUNCE, organisation, payload };
            self.sessions.take(&post, &self.seats);
        }
    }

    fn shares(&self, who: &[usize]) -> BTreeMap<usize, medveil_vault::committee::KeyShare> {
        let finished = self.sessions.finished.as_ref().unwrap();
        who.iter()
            .map(|at| (*at, self.parties[*at].seat(self.sessions.number).share(finished).unwrap()))
            .collect()
    }
}

#[test]
fn when_all_post_no_time_passes_and_a_reshare_keeps_the_key() {
    let mut scene = Scene::new(7);
    let all: Vec<usize> = (0..7).collect();
    scene.announce(&all, 1);
    scene.hold(&all, &BTreeMap::new());
    let roster = scene.sessions.roster().unwrap().clone();
    assert_eq!((roster.height, roster.members.len(), roster.committee.quorum()), (10, 7, 5));
    let scheme = roster.scheme().unwrap();
    assert_eq!((scheme.needed(), scheme.total()), (5, 7));
    let shares = scene.shares(&all);
    // Too early, then in time: the seventh leaves, an eighth comes.
    scene.height += GAP - 1;
    scene.announce(&[0], 2);
    assert!(scene.sessions.current.is_none());
    scene.height += 1;
    scene.parties.push(Party::new(8));
    scene.seats.remove(&scene.parties[6].organisation.clone());
    scene.seats.insert(scene.parties[7].organisation);
    let now = [0, 1, 2, 3, 4, 5, 7];
    scene.announce(&now, 2);
    scene.hold(&now, &shares);
    let next = scene.sessions.roster().unwrap();
    assert_eq!(next.session, 2);
    assert_eq!(next.committee.public_key(), roster.committee.public_key());
    assert_ne!(next.committee.digest(), roster.committee.digest());
    assert!(next.members.contains_key(&scene.parties[7].organisation));
    assert!(!next.members.contains_key(&scene.parties[6].organisation));
    assert_eq!(scene.shares(&now).len(), 7);
}

#[test]
fn a_member_that_is_down_costs_one_phase_and_is_no_player() {
    let mut scene = Scene::new(7);
    let up = [0, 1, 2, 3, 4, 5];
    scene.announce(&up, 1);
    scene.sessions.reach(10 + ANNOUNCE);
    assert!(scene.sessions.current.as_ref().unwrap().ceremony.is_none(), "posts of that height still count");
    scene.height = 10 + ANNOUNCE + 1;
    scene.sessions.reach(scene.height);
    // Too late.
    scene.announce(&[6], 1);
    scene.hold(&up, &BTreeMap::new());
    let roster = scene.sessions.roster().unwrap();
    assert_eq!((roster.members.len(), roster.committee.quorum()), (6, 5));
    assert!(roster.committee.revealed().is_empty());
}

#[test]
fn a_member_that_is_down_is_waited_for_by_height_and_by_the_ledgers_time_and_not_longer() {
    let up = [0, 1, 2, 3, 4, 5];
    let begun = || {
        let mut scene = Scene::new(7);
        scene.announce(&up, 1);
        scene
    };
    let open = |scene: &Scene| scene.sessions.current.as_ref().unwrap().ceremony.is_some();
    let say = |scene: &mut Scene, at: usize, heights: u64, ms: u64| {
        (scene.height, scene.time_ms) = (10 + heights, 1_000_000 + ms);
        scene.say(at, round::ENOUGH, &[1]);
    };
    // Blocks that come fast or slowly; and from who has not announced.
    let mut scene = begun();
    say(&mut scene, 0, WAIT + 20, WAIT_MS - 1);
    assert!(!open(&scene));
    let mut scene = begun();
    say(&mut scene, 0, WAIT - 1, WAIT_MS * 4);
    say(&mut scene, 6, WAIT, WAIT_MS);
    assert!(!open(&scene));
    // A member that is late, but in time, plays.
    scene.announce(&[6], 1);
    assert!(open(&scene));

    let mut scene = begun();
    say(&mut scene, 3, WAIT, WAIT_MS);
    assert!(open(&scene));
    // Said by everybody else too, it changes nothing more; the seventh is too late.
    say(&mut scene, 0, WAIT, WAIT_MS);
    scene.announce(&[6], 1);
    scene.hold(&up, &BTreeMap::new());
    let roster = scene.sessions.roster().unwrap();
    assert_eq!((roster.height, roster.members.len()), (10 + WAIT, 6));

    // With fewer than a ceremony needs it is waited to the end.
    let mut scene = Scene::new(7);
    scene.announce(&[0, 1, 2, 3], 1);
    say(&mut scene, 0, ANNOUNCE, WAIT_MS * 4);
    assert!(!open(&scene));
}

#[test]
fn a_member_that_falls_silent_in_the_middle_does_not_stop_it() {
    let mut scene = Scene::new(4);
    scene.announce(&[0, 1, 2, 3], 1);
    let seat = |scene: &Scene, at: usize| scene.parties[at].seat(1);
    for at in 0..4 {
        let join = seat(&scene, at).join(scene.ceremony(), true);
        scene.say(at, round::JOIN, &join.encode());
    }
    for at in 0..3 {
        let deal = seat(&scene, at).deal(scene.ceremony(), None).unwrap();
        scene.say(at, round::DEAL, &deal.encode());
    }
    scene.height += PHASE + 1;
    scene.sessions.reach(scene.height);
    for at in 0..3 {
        let answers = seat(&scene, at).answers(scene.ceremony()).unwrap();
        scene.say(at, round::ANSWER, &answers.encode());
    }
    scene.height += PHASE;
    scene.sessions.reach(scene.height);
    for at in 0..3 {
        let closing = seat(&scene, at).close(scene.ceremony(), None).unwrap();
        scene.say(at, round::CLOSE, &closing.encode());
    }
    let roster = scene.sessions.roster().unwrap();
    assert_eq!(roster.members.len(), 4);
    assert_eq!(roster.committee.revealed(), [scene.parties[3].key.member()]);
}

#[test]
fn with_too_few_it_fails_and_the_next_number_may_begin() {
    let mut scene = Scene::new(7);
    scene.announce(&[0, 1, 2, 3], 1);
    scene.sessions.reach(10 + ANNOUNCE + 1);
    assert!(scene.sessions.current.is_none() && scene.sessions.roster().is_none());
    assert_eq!(scene.sessions.ended, Some(10 + ANNOUNCE));
    scene.height = 10 + ANNOUNCE + GAP;
    scene.announce(&[0, 1, 2, 3, 4], 2);
    assert_eq!(scene.sessions.current.as_ref().unwrap().announced.len(), 5);
}

#[test]
fn another_members_key_is_not_announced_and_nonsense_changes_nothing() {
    let mut scene = Scene::new(4);
    scene.announce(&[0], 1);
    // The second says it is the first: with the first's own signature, and with its own.
    let copied = scene.parties[0].announcement(1);
    scene.say(1, round::ANNOUNCE, &copied);
    let member = scene.parties[0].key.member();
    let statement = announced(CHAIN, 1, scene.parties[1].organisation, &member);
    let forged = Announcement { member, signature: scene.parties[1].key.state(&statement) };
    scene.say(1, round::ANNOUNCE, &forged.encode());
    for nonsense in [&[][..], &[0], &[9; 40], &[0; 5000]] {
        scene.say(1, round::ANNOUNCE, nonsense);
        scene.say(1, round::DEAL, nonsense);
        scene.say(1, 7, nonsense);
    }
    assert_eq!(scene.sessions.current.as_ref().unwrap().announced.len(), 1);
    // What it says then is heard all the same.
    scene.announce(&[1], 1);
    assert_eq!(scene.sessions.current.as_ref().unwrap().announced.len(), 2);
}

#[test]
fn a_long_message_is_several_posts() {
    let message: Vec<u8> = (0..30_000u32).map(|at| at as u8).collect();
    let parts = posts(&message);
    assert_eq!(parts.iter().map(|part| part[0]).collect::<Vec<_>>(), [2, 1, 0]);
    assert!(parts.iter().all(|part| part.len() <= POST));
    let mut scene = Scene::new(4);
    scene.announce(&[0], 1);
    let session = scene.sessions.current.as_mut().unwrap();
    let organisation = scene.parties[1].organisation;
    let mut whole = None;
    for payload in parts {
        assert_eq!(whole, None);
        whole =
            session.assemble(&Post { height: 10, time_ms: 0, session: 1, round: 2, organisation, payload });
    }
    assert_eq!(whole, Some(message));
}
