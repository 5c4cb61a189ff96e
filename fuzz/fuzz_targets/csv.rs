//! CSV from any bytes: dialect detection, block cutting, field splitting, writing.
//!
//! Claims: nothing panics; a record is its raw fields joined by delimiters and its line end; what the blocks hold is the file, but for
//! blank lines at its end; the size of the blocks changes nothing; a written field reads back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use medveil_deid::table::csv::{Block, Blocks, RawBlock, write_field};
use medveil_deid::table::{Dialect, Encoding, Hints, TableError};

const MAX_RECORD: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let [choice, size, file @ ..] = data else { return };
    let hints = Hints {
        encoding: [None, Some(Encoding::Utf8), Some(Encoding::Gb18030), None][usize::from(choice & 3)],
        delimiter: [None, Some(b','), Some(b';'), Some(b'\t')][usize::from(choice >> 2 & 3)],
        header: None,
    };
    // A head that is cut anywhere is judged without a panic.
    let _ = Dialect::detect(&file[..file.len().min(usize::from(*size))], false, hints);
    let Ok(dialect) = Dialect::detect(file, true, hints) else { return };

    let whole = read(file, dialect, 1 << 20);
    let pieces = read(file, dialect, usize::from(*size) + 1);
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert!(whole == pieces, "the size of the blocks changes the table"),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => panic!("refused in small blocks only: {error}"),
        (Err(error), Ok(_)) => panic!("refused in one block only: {error}"),
    }
    if let Ok(table) = whole {
        reads_back(&table, dialect);
    }
});

type Table = Vec<Vec<String>>;

fn read(file: &[u8], dialect: Dialect, block_size: usize) -> Result<Table, TableError> {
    let head = file.len().min(7).max(dialect.mark_len());
    let mut blocks = Blocks::new(&file[head..], &file[..head], dialect, block_size, MAX_RECORD);
    let (mut table, mut columns, mut seen) = (Table::new(), None, Vec::new());
    while let Some(raw) = blocks.next_block()? {
        assert_eq!(raw.first_record, table.len() as u64, "records are numbered without a gap");
        assert_eq!(raw.offset as usize, dialect.mark_len() + seen.len(), "blocks follow each other");
        seen.extend_from_slice(&raw.bytes);
        let block = Block::parse(&raw, &dialect, columns)?;
        columns = Some(block.columns());
        for r in 0..block.records() {
            let fields: Vec<&[u8]> = (0..block.columns()).map(|c| block.raw_field(r, c)).collect();
            let whole = [&fields.join(&dialect.delimiter), block.line_end(r)].concat();
            assert!(whole == block.record(r), "a record is its fields and its line end");
            table.push((0..block.columns()).map(|c| block.text(r, c).to_owned()).collect());
        }
    }
    let rest = file[dialect.mark_len()..].strip_prefix(seen.as_slice()).expect("the blocks hold the file");
    assert!(rest.iter().all(|byte| matches!(byte, b'\r' | b'\n')), "only blank lines are left out");
    Ok(table)
}

fn reads_back(table: &Table, dialect: Dialect) {
    let Some(columns) = table.first().map(Vec::len) else { return };
    let mut bytes = Vec::new();
    for record in table {
        for (i, text) in record.iter().enumerate() {
            if i > 0 {
                bytes.push(dialect.delimiter);
            }
            write_field(text, &dialect, columns == 1, &mut bytes);
        }
        bytes.push(b'\n');
    }
    let raw = RawBlock { bytes, first_record: 0, offset: 0 };
    let block = Block::parse(&raw, &dialect, Some(columns)).expect("what is written can be read");
    assert_eq!(block.records(), table.len(), "as many records are read as were written");
    for (r, record) in table.iter().enumerate() {
        for (c, text) in record.iter().enumerate() {
            assert!(block.text(r, c) == text, "a written field reads back");
        }
    }
}
