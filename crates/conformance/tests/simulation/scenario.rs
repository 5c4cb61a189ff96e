//! What happens in a run: a list of steps that a seed decides.

use std::collections::BTreeSet;

use crate::{adversary::Cheat, chance::Chance, consortium::RESERVE};

/// A run.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    /// Members with a seat.
    pub size: usize,
    /// Blocks of an epoch.
    pub epoch_length: u64,
    /// Blocks that members keep; `None`: all.
    pub retention: Option<u64>,
    /// Mean latency of a good link, in milliseconds.
    pub latency: u64,
    /// Who cheats, and how.
    pub cheats: Vec<(usize, Cheat)>,
    /// Mean time between an account's transactions, in milliseconds.
    pub pause: u64,
    /// Whose people there are, if any.
    pub people: Option<People>,
    /// What goes wrong, and when, in milliseconds after the start.
    pub steps: Vec<(u64, Step)>,
    /// When nothing new goes wrong any more.
    pub ends: u64,
}

/// The people of the organisations, and their patients.
#[derive(Clone, Debug)]
pub struct People {
    /// Organisations whose people try what they must not.
    pub dishonest: BTreeSet<usize>,
    /// Hospitals whose releases are a custodian's.
    pub custodians: BTreeSet<usize>,
    /// Mean time between what one of them does, in milliseconds.
    pub pause: u64,
}

impl People {
    /// Two seeds of three have people; they are drawn apart from the rest of a scenario.
    fn from_seed(seed: u64, size: usize) -> Option<Self> {
        let mut chance = Chance::new(seed ^ 0x9e0_91e);
        let dishonest: BTreeSet<usize> = (0..size).filter(|_| chance.percent(30)).collect();
        let pause = chance.pick(&[250, 400, 700]);
        // An honest hospital has people who register, release and answer by hand, or a custodian.
        let custodians =
            (0..2).filter(|hospital| chance.percent(80) && !dishonest.contains(hospital)).collect();
        (!seed.is_multiple_of(3)).then_some(Self { dishonest, custodians, pause })
    }
}

/// Something that goes wrong, or is done on purpose. Times in milliseconds.
#[derive(Clone, Debug)]
pub enum Step {
    /// Power is lost in the midst of a change to the disk, so many changes later; it is back after a while.
    Crash { member: usize, after: u64, down: u64 },
    /// The process ends at once.
    Kill { member: usize, down: u64 },
    /// All lose power at once.
    Blackout { down: u64 },
    /// These members hear the others no more.
    Partition { away: Vec<usize>, lasts: u64 },
    /// These members' links are slow or lossy.
    Strain { members: Vec<usize>, latency: u64, jitter: u64, loss: u8, lasts: u64 },
    /// A member's clock is wrong by so much; it restarts with it, and with a right one afterwards.
    Clock { member: usize, offset: i64, lasts: u64 },
    /// An organisation's seat goes to a machine in reserve, which begins with the blocks of others or with a snapshot.
    Replace { organisation: usize, machine: usize, snapshot: bool },
}

impl Scenario {
    pub fn from_seed(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let size = if chance.percent(55) { 4 } else { 7 };
        let tolerated = (size - 1) / 3;
        let epoch_length = chance.pick(&[8, 12, 20, 1000]);
        let ends = chance.between(12_000, 32_000);
        let mut cheats = Vec::new();
        if chance.percent(60) {
            for _ in 0..chance.between(1, tolerated as u64 + 1) {
                let member = chance.index(size);
                if cheats.iter().all(|(other, _)| *other != member) {
                    cheats.push((member, chance.pick(&Cheat::ALL)));
                }
            }
        }
        let mut scenario = Self {
            seed,
            size,
            epoch_length,
            retention: None,
            latency: chance.pick(&[2, 10, 40, 90]),
            cheats,
            pause: chance.pick(&[100, 300, 800, 2_000]),
            people: People::from_seed(seed, size),
            steps: Vec::new(),
            ends,
        };
        match chance.index(10) {
            // Several away together, and back.
            0..2 => scenario.several_down(&mut chance),
            _ => {
                for _ in 0..chance.between(1, 9) {
                    let at = chance.between(500, ends - 2_000);
                    let step = scenario.step(&mut chance);
                    scenario.steps.push((at, step));
                }
            }
        }
        if epoch_length < 100 && chance.percent(35) {
            for machine in 0..chance.between(1, RESERVE as u64 + 1) as usize {
                let organisation = chance.index(size);
                if scenario.honest(organisation) && !scenario.replaces(organisation) {
                    let machine = size + machine;
                    let step = Step::Replace { organisation, machine, snapshot: chance.percent(50) };
                    scenario.steps.push((chance.between(1_000, ends / 2), step));
                }
            }
        }
        scenario.steps.sort_by_key(|(at, _)| *at);
        scenario
    }

    pub fn honest(&self, member: usize) -> bool {
        self.cheats.iter().all(|(cheat, _)| *cheat != member)
    }

    pub fn cheat(&self, member: usize) -> Option<Cheat> {
        self.cheats.iter().find(|(cheat, _)| *cheat == member).map(|(_, cheat)| *cheat)
    }

    fn replaces(&self, organisation: usize) -> bool {
        self.steps.iter().any(
            |(_, step)| matches!(step, Step::Replace { organisation: other, .. } if *other == organisation),
        )
    }

    /// As many as are tolerated are down at once; or one more, so that nothing goes on until one returns.
    fn several_down(&mut self, chance: &mut Chance) {
        let tolerated = (self.size - 1) / 3;
        let count = tolerated + usize::from(chance.percent(50));
        let first = chance.index(self.size);
        for place in 0..count {
            let member = (first + place) % self.size;
            let (at, down) = (chance.between(1_000, 4_000), chance.between(4_000, 14_000));
            let step = if chance.percent(50) {
                Step::Kill { member, down }
            } else {
                Step::Crash { member, after: chance.between(1, 60), down }
            };
            self.steps.push((at, step));
        }
    }

    fn some(&self, chance: &mut Chance) -> Vec<usize> {
        let count = chance.between(1, self.size as u64) as usize;
        let first = chance.index(self.size);
        (0..count).map(|place| (first + place) % self.size).collect()
    }

    fn step(&self, chance: &mut Chance) -> Step {
        let member = chance.index(self.size);
        let lasts = chance.between(500, 8_000);
        match chance.index(20) {
            0..8 => Step::Crash {
                member,
                after: chance.between(1, 300),
                down: chance.pick(&[0, 300, 2_000, 6_000]),
            },
            8..11 => Step::Kill { member, down: chance.pick(&[0, 300, 2_000, 6_000]) },
            11..14 => Step::Partition { away: self.some(chance), lasts },
            14 => Step::Blackout { down: chance.between(0, 3_000) },
            15..17 => Step::Strain {
                members: self.some(chance),
                latency: chance.pick(&[5, 100, 300, 900]),
                jitter: chance.pick(&[0, 20, 80]),
                loss: chance.pick(&[0, 0, 5, 20, 50]) as u8,
                lasts,
            },
            _ => {
                let amount = if chance.percent(50) {
                    chance.between(500, 4_500)
                } else {
                    chance.between(6_000, 3_600_000)
                } as i64;
                let offset = if chance.percent(50) { amount } else { -amount };
                Step::Clock { member, offset, lasts }
            }
        }
    }
}
