//! A custodian that was changed: it edits a release before it posts the root of what it made of it, in whatever format the release is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use medveil_custodian::*;
use medveil_deid::merkle::{Builder, leaf};
use medveil_deid::plan::Plan;
use medveil_deid::receipt::{Receipt, files_root};
use medveil_deid::study::Prf;
use medveil_deid::table::{ParquetRecords, Side, parquet_record, write_records};
use medveil_ledger::action::*;
use medveil_ledger::*;

use crate::world::*;

/// A file of a release as lines, header first where it has one, and how it is written again.
pub struct Output {
    folder: PathBuf,
    /// The file.
    pub name: &'static str,
    /// Of Parquet: the types of the columns.
    types: BTreeMap<String, String>,
    pub lines: Vec<String>,
}

impl Output {
    fn read(folder: &Path, name: &'static str) -> Self {
        let (path, mut types) = (folder.join(name), BTreeMap::new());
        let lines = if name.ends_with(".parquet") {
            let found = ParquetRecords::open(std::fs::File::open(path).unwrap(), 1 << 20).unwrap();
            let header = found.header();
            let columns = parquet_record::columns(&header).unwrap();
            let mut lines = vec![line(columns.iter().map(|(name, _)| *name))];
            let named = columns.into_iter().map(|(name, of)| (name.to_owned(), of.to_owned()));
            types.extend(named);
            found
                .each(|_, record| {
                    let cells = parquet_record::cells(record).unwrap();
                    lines.push(line(
                        cells.into_iter().map(|cell| std::str::from_utf8(cell.unwrap()).unwrap()),
                    ));
                })
                .unwrap();
            lines
        } else {
            std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
        };
        Output { folder: folder.to_owned(), name, types, lines }
    }

    fn is_parquet(&self) -> bool {
        !self.types.is_empty()
    }

    /// The bytes under the leaves.
    fn records(&self) -> Vec<Vec<u8>> {
        if !self.is_parquet() {
            return self.lines.iter().map(|line| format!("{line}\n").into_bytes()).collect();
        }
        let header = cells(&self.lines[0]).into_iter().flat_map(|name| {
            let of = self.types.get(&name).map_or("text", String::as_str).to_owned();
            [name, of]
        });
        let bytes =
            |cells: Vec<String>| parquet_record::record(cells.iter().map(|cell| Some(cell.as_bytes())));
        let records = self.lines[1..].iter().map(|line| bytes(cells(line)));
        std::iter::once(bytes(header.collect())).chain(records).collect()
    }

    fn write(&self) {
        let (path, records) = (self.folder.join(self.name), self.records());
        if self.is_parquet() {
            let all: Vec<&[u8]> = records[1..].iter().map(Vec::as_slice).collect();
            write_records(&records[0], &all, &mut std::fs::File::create(path).unwrap()).unwrap();
        } else {
            std::fs::write(path, records.concat()).unwrap();
        }
    }

    /// Root and records of the release with this file as it is, under the leaf key in the receipt.
    fn root(&self) -> (Digest, u64) {
        let receipt = std::fs::read_to_string(self.folder.join("receipt.json")).unwrap();
        let receipt = Receipt::parse(&receipt).unwrap();
        let leaves = Prf::new(receipt.suite, &receipt.output_leaf_key);
        let mut tree = Builder::new(receipt.suite);
        let all = self.records();
        all.iter().for_each(|record| tree.push(leaf(&leaves, record)));
        let headers = usize::from(!self.name.ends_with(".ndjson"));
        let own = Side::new(&tree, (all.len() - headers) as u64, 0);
        let files = receipt
            .files
            .iter()
            .map(|file| (file.path.as_str(), if file.path == self.name { &own } else { &file.output }));
        let records = files.clone().map(|(_, side)| side.records).sum();
        (Digest(files_root(receipt.suite, files)), records)
    }
}

/// The two formats of a table.
pub const TABLES: [&str; 2] = ["visits.csv", "visits.parquet"];

/// Plays a custodian that changes the release before it posts the root of what it made of it, and what it knows privately, so that its answers fit as well as they can.
pub fn cheating(
    name: &'static str,
    patients: u8,
    cheat: impl Fn(&mut Output, &mut serde_json::Value) + 'static,
) -> (World, RequestId) {
    cheating_with(PLAN, name, patients, cheat)
}

pub fn cheating_with(
    plan: &str,
    name: &'static str,
    patients: u8,
    cheat: impl Fn(&mut Output, &mut serde_json::Value) + 'static,
) -> (World, RequestId) {
    let mut world = World::new(patients + 10);
    if name.ends_with(".parquet") {
        world.in_parquet();
    }
    std::fs::write(world.home.path().join("plans/tumours.toml"), plan).unwrap();
    world.plan = Plan::from_toml(plan).unwrap();
    cheated(world.consenting(1..=patients), name, cheat)
}

/// The same in a world that is there.
pub fn cheated(
    world: World,
    name: &'static str,
    cheat: impl Fn(&mut Output, &mut serde_json::Value) + 'static,
) -> (World, RequestId) {
    let request = world.granted();
    let folder = world.release_folder(request, 1);
    let posted: Rc<RefCell<Option<(Digest, u64)>>> = Rc::default();
    let (private, made) = (folder.with_file_name("1.private.json"), posted.clone());
    let hook = move |point| {
        if point == Point::Made && made.borrow().is_none() {
            let mut output = Output::read(&folder, name);
            let mut known: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&private).unwrap()).unwrap();
            cheat(&mut output, &mut known);
            output.write();
            std::fs::write(&private, known.to_string()).unwrap();
            *made.borrow_mut() = Some(output.root());
        }
        false
    };
    let forge = move |action| match action {
        Action::ReleasePost(mut post) => {
            let (root, records) = posted.borrow().unwrap();
            (post.figures.root, post.figures.records) = (root, records);
            post.into()
        }
        other => other,
    };
    let book = Book { forge: Some(Rc::new(forge)), ..world.book.clone() };
    world.keeper_with(Hook(Some(Rc::new(hook))), book).turn().unwrap();
    assert!(world.posted(request).is_some(), "the ledger cannot see it");
    (world, request)
}

/// A line of CSV of these cells.
fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let quoted = cells.map(|cell| if cell.contains(',') { format!("\"{cell}\"") } else { cell.to_owned() });
    quoted.collect::<Vec<_>>().join(",")
}

/// The cells of a line of CSV without quotes in its cells.
fn cells(line: &str) -> Vec<String> {
    let mut quoted = false;
    let cut = |letter: char| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    };
    line.split(cut).map(|cell| cell.trim_matches('"').to_owned()).collect()
}
