//! CSV (RFC 4180, with the dialects that hospitals export) as blocks of records whose raw bytes are kept.
//!
//! What a plan keeps must leave byte for byte: quotes, leading zeros, date spelling, line ends. A reader that hands out unescaped
//! fields cannot do that, so a [`Block`] keeps the raw bytes and records where each field ends. [`Blocks`] cuts the stream at record
//! ends; [`Block::parse`] runs on a worker thread: records without a quote are split at their
//! marks, the others by `csv_core`.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

use csv_core::ReadFieldResult;
use encoding_rs::GB18030;
use memchr::{memchr, memchr_iter, memrchr};

use super::dialect::{Dialect, Encoding};
use super::error::{TableError, Trouble};
use super::marks::Marks;

pub(super) const QUOTE: u8 = b'"';

/// Raw bytes of whole records, in source order.
#[derive(Debug)]
pub struct RawBlock {
    /// Complete records with their line ends.
    pub bytes: Vec<u8>,
    /// The number of the first record, from 0, header included.
    pub first_record: u64,
    /// Where the block starts in the file.
    pub offset: u64,
}

/// Cuts a stream into blocks at record ends.
pub struct Blocks<R> {
    input: R,
    dialect: Dialect,
    block_size: usize,
    max_record: usize,
    carry: Vec<u8>,
    done: bool,
    next_record: u64,
    offset: u64,
}

impl<R: Read> Blocks<R> {
    /// Reads `input` after `head`, which has been read from it already (and whose byte-order mark is skipped).
    pub fn new(input: R, head: &[u8], dialect: Dialect, block_size: usize, max_record: usize) -> Self {
        let mark = dialect.mark_len();
        Blocks {
            input,
            dialect,
            block_size,
            max_record,
            carry: head[mark..].to_vec(),
            done: false,
            next_record: 0,
            offset: mark as u64,
        }
    }

    /// The next block; `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<RawBlock>, TableError> {
        let mut buffer = std::mem::take(&mut self.carry);
        let mut wanted = self.block_size;
        loop {
            if !self.done && buffer.len() < wanted {
                let missing = wanted - buffer.len();
                buffer.reserve(missing);
                let read = self.input.by_ref().take(missing as u64).read_to_end(&mut buffer)?;
                self.done = read < missing;
            }
            if self.done {
                let (end, _) = blank_end(&buffer);
                buffer.truncate(end);
            }
            let cut = cut(&buffer, self.dialect.delimiter);
            if self.done {
                if buffer.is_empty() {
                    return Ok(None);
                }
                if cut.open_quote {
                    return Err(TableError::at_row(self.next_record + cut.records + 1, Trouble::OpenQuote));
                }
                if buffer.len() - cut.end > self.max_record {
                    let row = self.next_record + cut.records + 1;
                    return Err(TableError::at_row(row, Trouble::TooLong { limit: self.max_record }));
                }
                let records = cut.records + u64::from(cut.end < buffer.len());
                return Ok(Some(self.block(buffer, records)));
            }
            // Blank lines wait for what follows: only at the end of the file are they no records, wherever the blocks are cut.
            let (end, blank) = blank_end(&buffer[..cut.end]);
            if end > 0 {
                self.carry = buffer.split_off(end);
                return Ok(Some(self.block(buffer, cut.records - blank)));
            }
            if buffer.len() > self.max_record {
                return Err(TableError::at_row(
                    self.next_record + 1,
                    if cut.open_quote && buffer.len() > 2 * self.max_record {
                        Trouble::OpenQuote
                    } else {
                        Trouble::TooLong { limit: self.max_record }
                    },
                ));
            }
            wanted = buffer.len() * 2;
        }
    }

    fn block(&mut self, bytes: Vec<u8>, records: u64) -> RawBlock {
        let block = RawBlock { first_record: self.next_record, offset: self.offset, bytes };
        self.next_record += records;
        self.offset += block.bytes.len() as u64;
        block
    }
}

/// Where the blank lines begin with which `bytes` end, and their number.
fn blank_end(bytes: &[u8]) -> (usize, u64) {
    let (mut end, mut lines) = (bytes.len(), 0);
    while let Some(rest) =
        bytes[..end].strip_suffix(b"\n").map(|rest| rest.strip_suffix(b"\r").unwrap_or(rest))
    {
        if !rest.is_empty() && !rest.ends_with(b"\n") {
            break;
        }
        (end, lines) = (rest.len(), lines + 1);
    }
    (end, lines)
}

struct Cut {
    /// After the last line end outside quotes.
    end: usize,
    /// Line ends outside quotes.
    records: u64,
    /// Whether the bytes end inside quotes.
    open_quote: bool,
}

/// Finds the last record end. A quote opens a quoted field only where a field starts; anywhere else it is a letter (as in `csv_core`).
fn cut(bytes: &[u8], delimiter: u8) -> Cut {
    let mut cut = Cut { end: 0, records: 0, open_quote: false };
    let mut unquoted_from = 0;
    let mut search_from = 0;
    let count_lines = |from: usize, to: usize, cut: &mut Cut| {
        cut.records += memchr_iter(b'\n', &bytes[from..to]).count() as u64;
        if let Some(at) = memrchr(b'\n', &bytes[from..to]) {
            cut.end = from + at + 1;
        }
    };
    while let Some(at) = memchr(QUOTE, &bytes[search_from..]).map(|at| search_from + at) {
        let opens = at == 0 || bytes[at - 1] == delimiter || bytes[at - 1] == b'\n';
        if !opens {
            search_from = at + 1;
            continue;
        }
        count_lines(unquoted_from, at, &mut cut);
        let Some(close) = closing_quote(bytes, at + 1) else {
            cut.open_quote = true;
            return cut;
        };
        unquoted_from = close + 1;
        search_from = close + 1;
    }
    count_lines(unquoted_from, bytes.len(), &mut cut);
    cut
}

/// The quote that closes the field whose content starts at `from`; doubled quotes are content.
fn closing_quote(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr(QUOTE, &bytes[from..])?;
        if bytes.get(at + 1) != Some(&QUOTE) {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Records with the places of their fields, as raw bytes and as text.
pub struct Block<'a> {
    /// The records in UTF-8, as they stand unless the file has another encoding.
    text: Cow<'a, str>,
    fields: Fields,
    /// The records as they stand, where the file has another encoding.
    raw: Option<(&'a [u8], Fields)>,
    /// Fields with doubled quotes, unescaped, by their number; sorted.
    unescaped: Vec<(usize, String)>,
    /// The number of the first record, from 0, header included.
    pub first_record: u64,
    /// Where the block starts in the file.
    offset: u64,
}

/// Where fields end.
struct Fields {
    columns: usize,
    /// `columns + 1` a record: the place before its first byte (the line end of the record before it; before the first one, none), then where its
    /// fields end. So every field begins one behind the place that stands before it.
    bounds: Vec<u32>,
    /// Where the last record ends.
    end: usize,
    /// Whether any field is quoted.
    quoted: bool,
}

impl Fields {
    #[inline]
    fn records(&self) -> usize {
        self.bounds.len() / (self.columns + 1)
    }

    #[inline]
    fn range(&self, record: usize, column: usize) -> Range<usize> {
        let at = record * (self.columns + 1) + column;
        let [before, end] = [self.bounds[at], self.bounds[at + 1]];
        before.wrapping_add(1) as usize..end as usize
    }

    /// The record, its line end included.
    #[inline]
    fn record(&self, record: usize) -> Range<usize> {
        let at = record * (self.columns + 1);
        let start = self.bounds[at].wrapping_add(1) as usize;
        let next = at + self.columns + 1;
        start..self.bounds.get(next).map_or(self.end, |before| before.wrapping_add(1) as usize)
    }
}

impl<'a> Block<'a> {
    /// Finds the fields. `columns` is the number that every record must have; `None` takes that of the first one.
    pub fn parse(
        raw: &'a RawBlock,
        dialect: &Dialect,
        columns: Option<usize>,
    ) -> Result<Block<'a>, TableError> {
        let RawBlock { ref bytes, first_record, offset } = *raw;
        let place_of = |at: usize, trouble| {
            let row = first_record + memchr_iter(b'\n', &bytes[..at]).count() as u64 + 1;
            TableError::at_row(row, trouble)
        };
        if let Some(at) = memchr(0, bytes) {
            return Err(place_of(at, Trouble::Binary { offset: offset + at as u64 }));
        }
        let bad = |at: usize| {
            let encoding = dialect.encoding.name();
            place_of(at, Trouble::BadEncoding { encoding, offset: offset + at as u64 })
        };
        let (text, raw) = match dialect.encoding {
            Encoding::Utf8 => {
                let text = simdutf8::compat::from_utf8(bytes).map_err(|error| bad(error.valid_up_to()))?;
                (Cow::Borrowed(text), None)
            }
            Encoding::Gb18030 => {
                let text = decode_gb18030(bytes).map_err(bad)?;
                let fields = fields(bytes, dialect.delimiter, columns, first_record)?;
                (Cow::Owned(text), Some((bytes.as_slice(), fields)))
            }
        };
        let columns = raw.as_ref().map(|(_, fields)| fields.columns).or(columns);
        let fields = fields(text.as_bytes(), dialect.delimiter, columns, first_record)?;
        let mut block = Block { text, fields, raw, unescaped: Vec::new(), first_record, offset };
        block.unescape()?;
        Ok(block)
    }

    /// Number of records.
    pub fn records(&self) -> usize {
        self.fields.records()
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.fields.columns
    }

    /// Where the block starts in the file, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes as they stand, and where their fields are.
    fn as_it_stands(&self) -> (&[u8], &Fields) {
        match &self.raw {
            Some((raw, fields)) => (raw, fields),
            None => (self.text.as_bytes(), &self.fields),
        }
    }

    /// The bytes of a record, its line end included.
    pub fn record(&self, record: usize) -> &[u8] {
        let (raw, fields) = self.as_it_stands();
        &raw[fields.record(record)]
    }

    /// The line end of a record: empty where the file ends without one.
    pub fn line_end(&self, record: usize) -> &[u8] {
        let (raw, fields) = self.as_it_stands();
        &raw[fields.range(record, fields.columns - 1).end..fields.record(record).end]
    }

    /// The bytes of a field as they stand, quotes included.
    pub fn raw_field(&self, record: usize, column: usize) -> &[u8] {
        let (raw, fields) = self.as_it_stands();
        &raw[fields.range(record, column)]
    }

    /// Whether a field stands as it does in the record before: then its text is the same.
    #[inline]
    pub fn repeats(&self, record: usize, column: usize) -> bool {
        record > 0 && {
            let (raw, fields) = self.as_it_stands();
            same(&raw[fields.range(record, column)], &raw[fields.range(record - 1, column)])
        }
    }

    /// The bytes of neighbouring fields as they stand, with the delimiters between them.
    pub fn raw_fields(&self, record: usize, first: usize, last: usize) -> &[u8] {
        let (raw, fields) = self.as_it_stands();
        &raw[fields.range(record, first).start..fields.range(record, last).end]
    }

    /// The text of a field, without quotes.
    #[inline]
    pub fn text(&self, record: usize, column: usize) -> &str {
        // Fields are cut at ASCII letters, so every cut is between letters.
        let field = &self.text[self.fields.range(record, column)];
        if self.fields.quoted && field.starts_with('"') {
            self.unquoted(field, record * self.fields.columns + column)
        } else {
            field
        }
    }

    /// The content of a quoted field.
    fn unquoted<'b>(&'b self, field: &'b str, number: usize) -> &'b str {
        match field.get(1..field.len().max(2) - 1) {
            Some(inner) if memchr(QUOTE, inner.as_bytes()).is_none() => inner,
            _ => match self.unescaped.binary_search_by_key(&number, |(n, _)| *n) {
                Ok(at) => &self.unescaped[at].1,
                Err(_) => "",
            },
        }
    }

    /// Checks the quoted fields and unescapes those with doubled quotes.
    fn unescape(&mut self) -> Result<(), TableError> {
        let (text, fields) = (self.text.as_bytes(), &self.fields);
        if !fields.quoted {
            return Ok(());
        }
        let mut unescaped = Vec::new();
        for record in 0..fields.records() {
            if memchr(QUOTE, &text[fields.record(record)]).is_none() {
                continue;
            }
            for column in 0..fields.columns {
                let field = &text[fields.range(record, column)];
                if field.first() != Some(&QUOTE) {
                    continue;
                }
                if closing_quote(field, 1) != Some(field.len() - 1) {
                    let row = self.first_record + record as u64 + 1;
                    return Err(TableError::at_cell(row, column + 1, "", Trouble::AfterQuote));
                }
                let inner = &field[1..field.len() - 1];
                if memchr(QUOTE, inner).is_some() {
                    let inner = std::str::from_utf8(inner).unwrap_or_default();
                    unescaped.push((record * fields.columns + column, inner.replace("\"\"", "\"")));
                }
            }
        }
        self.unescaped = unescaped;
        Ok(())
    }
}

/// Whether two short texts are equal, without a call for each.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    let (words_a, rest_a) = a.as_chunks::<8>();
    let (words_b, rest_b) = b.as_chunks::<8>();
    a.len() == b.len()
        && words_a.iter().zip(words_b).all(|(x, y)| u64::from_le_bytes(*x) == u64::from_le_bytes(*y))
        && rest_a.iter().zip(rest_b).all(|(x, y)| x == y)
}

fn decode_gb18030(bytes: &[u8]) -> Result<String, usize> {
    let mut decoder = GB18030.new_decoder_without_bom_handling();
    let capacity = decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(0);
    let mut text = String::with_capacity(capacity);
    match decoder.decode_to_string_without_replacement(bytes, &mut text, true) {
        (encoding_rs::DecoderResult::InputEmpty, _) => Ok(text),
        (_, read) => Err(read.saturating_sub(1)),
    }
}

/// Splits records into fields.
fn fields(
    bytes: &[u8],
    delimiter: u8,
    columns: Option<usize>,
    first_record: u64,
) -> Result<Fields, TableError> {
    let mut fields = Fields {
        columns: columns.unwrap_or(0),
        bounds: Vec::with_capacity(bytes.len() / 8),
        end: bytes.len(),
        quoted: false,
    };
    if !bytes.is_empty() {
        // Before the first byte.
        fields.bounds.push(u32::MAX);
    }
    let mut records = 0;
    let mut record_start = 0;
    let mut first = 0;
    let mut skip_to = 0;
    let mut close = |fields: &mut Fields, first: &mut usize, next: usize| -> Result<(), TableError> {
        let found = fields.bounds.len() - *first - 1;
        if fields.columns == 0 {
            fields.columns = found;
        }
        records += 1;
        if found != fields.columns {
            let row = first_record + records;
            return Err(TableError::at_row(row, Trouble::Ragged { found, expected: fields.columns }));
        }
        if next < bytes.len() {
            *first = fields.bounds.len();
            fields.bounds.push(place(next - 1));
        }
        Ok(())
    };
    let mut field_start = 0;
    for at in Marks::new(bytes, delimiter) {
        if at < skip_to {
            continue;
        }
        match bytes[at] {
            QUOTE if at == field_start => {
                // The record holds a quoted field: `csv_core` splits it whole.
                fields.quoted = true;
                fields.bounds.truncate(first + 1);
                let next = quoted_record(bytes, record_start, delimiter, &mut fields.bounds);
                close(&mut fields, &mut first, next)?;
                (record_start, field_start, skip_to) = (next, next, next);
            }
            QUOTE => {}
            b'\n' => {
                let end = if at > field_start && bytes[at - 1] == b'\r' { at - 1 } else { at };
                fields.bounds.push(place(end));
                close(&mut fields, &mut first, at + 1)?;
                (record_start, field_start) = (at + 1, at + 1);
            }
            _ => {
                fields.bounds.push(place(at));
                field_start = at + 1;
            }
        }
    }
    if record_start < bytes.len() {
        fields.bounds.push(place(bytes.len()));
        close(&mut fields, &mut first, bytes.len())?;
    }
    Ok(fields)
}

/// Splits the record at `start` with `csv_core`, and returns where the next one starts.
fn quoted_record(bytes: &[u8], start: usize, delimiter: u8, ends: &mut Vec<u32>) -> usize {
    let mut reader = csv_core::ReaderBuilder::new()
        .delimiter(delimiter)
        .terminator(csv_core::Terminator::Any(b'\n'))
        .build();
    let mut scratch = [0; 4096];
    let mut at = start;
    loop {
        let (result, read, _) = reader.read_field(&bytes[at..], &mut scratch);
        at += read;
        match result {
            ReadFieldResult::OutputFull => {}
            ReadFieldResult::Field { record_end: false } => ends.push(place(at - 1)),
            ReadFieldResult::Field { record_end: true } => {
                let end = if at > start && bytes[at - 1] == b'\n' { at - 1 } else { at };
                let end = if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end };
                ends.push(place(end));
                return at;
            }
            // The bytes end with the record.
            ReadFieldResult::InputEmpty | ReadFieldResult::End => {
                let end = if bytes.ends_with(b"\r") { at - 1 } else { at };
                ends.push(place(end));
                return at;
            }
        }
    }
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("blocks are limited to 1 GiB where they are configured")
}

/// Appends `text` as a field, quoted where it must be.
pub fn write_field(text: &str, dialect: &Dialect, alone: bool, out: &mut Vec<u8>) {
    let special = |byte: u8| byte == dialect.delimiter || matches!(byte, QUOTE | b'\n' | b'\r');
    // Without a way out, so that many bytes are compared at once.
    let quoted = text.bytes().fold(false, |any, byte| any | special(byte)) || (alone && text.is_empty());
    if quoted {
        out.push(QUOTE);
    }
    match dialect.encoding {
        Encoding::Utf8 if quoted => out.extend_from_slice(text.replace('"', "\"\"").as_bytes()),
        Encoding::Utf8 => out.extend_from_slice(text.as_bytes()),
        Encoding::Gb18030 => {
            // GB 18030 has every letter of Unicode.
            out.extend_from_slice(&GB18030.encode(&text.replace('"', "\"\"")).0);
        }
    }
    if quoted {
        out.push(QUOTE);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMA: Dialect = Dialect { encoding: Encoding::Utf8, mark: false, delimiter: b',', header: true };

    fn blocks(text: &[u8], size: usize) -> Result<Vec<RawBlock>, TableError> {
        let mut blocks = Blocks::new(text, b"", COMMA, size, 1 << 20);
        std::iter::from_fn(|| blocks.next_block().transpose()).collect()
    }

    fn parse(text: &[u8], size: usize) -> Result<Vec<Vec<String>>, TableError> {
        let mut records = Vec::new();
        let mut columns = None;
        for raw in blocks(text, size)? {
            assert_eq!(raw.first_record, records.len() as u64);
            let block = Block::parse(&raw, &COMMA, columns)?;
            columns = Some(block.columns());
            for r in 0..block.records() {
                records.push((0..block.columns()).map(|c| block.text(r, c).to_owned()).collect());
                let whole: Vec<u8> =
                    (0..block.columns()).map(|c| block.raw_field(r, c)).collect::<Vec<_>>().join(&b',');
                assert_eq!([whole.as_slice(), block.line_end(r)].concat(), block.record(r));
            }
        }
        Ok(records)
    }

    #[test]
    fn quotes_line_ends_and_missing_last_line_end_are_read() {
        let text = b"a,b\r\n\"x,\"\"y\"\"\",\"1\n2\"\r\n007,5\" pipe\n,";
        for size in [1, 3, 8, 1000] {
            assert_eq!(
                parse(text, size).unwrap(),
                [["a", "b"], ["x,\"y\"", "1\n2"], ["007", "5\" pipe"], ["", ""]],
                "{size}"
            );
        }
    }

    #[test]
    fn blank_lines_at_the_end_are_no_records_wherever_blocks_are_cut() {
        for text in ["a,b\n1,2\n\n\n", "a,b\r\n1,2\r\n\r\n\r\n"] {
            for size in 1..20 {
                assert_eq!(parse(text.as_bytes(), size).unwrap(), [["a", "b"], ["1", "2"]], "{size}");
            }
        }
        for size in 1..20 {
            assert_eq!(parse(b"a\n\n1\n\n", size).unwrap(), [["a"], [""], ["1"]], "{size}");
            assert!(
                parse(b"a,b\n\n1,2\n", size).unwrap_err().to_string().starts_with("row 2: 1 fields"),
                "{size}"
            );
        }
    }

    #[test]
    fn faults_have_their_row() {
        let error = |text: &[u8]| parse(text, 1000).unwrap_err().to_string();
        assert_eq!(error(b"a,b\n1,2\n1,2,3\n"), "row 3: 3 fields where the header has 2");
        assert_eq!(error(b"a,b\n1\n"), "row 2: 1 fields where the header has 2");
        assert!(error(b"a,b\n1,\"2\n3,4\n").starts_with("row 2: a quoted field"));
        assert_eq!(error(b"a,b\n1,\"2\"x\n"), "row 2, column 2: text after the closing quote of a field");
        assert!(error(b"a,b\n1,2\n\xff,2\n").starts_with("row 3: not valid utf-8: byte 8"));
        assert!(error(b"a,b\n1,\x002\n").starts_with("row 2: not a text file: byte 6"));
    }

    #[test]
    fn long_records_are_refused_with_their_row() {
        let text = [b"a,b\n1,".as_slice(), &vec![b'x'; 3 << 20], b"\n"].concat();
        assert!(
            parse(&text, 4096)
                .unwrap_err()
                .to_string()
                .starts_with("row 2: a record longer than 1048576 bytes")
        );
    }

    #[test]
    fn gb18030_keeps_raw_bytes_and_gives_text() {
        let dialect = Dialect { encoding: Encoding::Gb18030, ..COMMA };
        let (bytes, _, _) = GB18030.encode("姓名,备注\n张伟,\"引\"\"号\"\"\"\n");
        let raw = RawBlock { bytes: bytes.to_vec(), first_record: 0, offset: 0 };
        let block = Block::parse(&raw, &dialect, None).unwrap();
        assert_eq!(block.text(1, 0), "张伟");
        assert_eq!(block.text(1, 1), "引\"号\"");
        assert_eq!(block.raw_field(1, 0), &*GB18030.encode("张伟").0);
        let mut out = Vec::new();
        write_field("引\"号\"", &dialect, false, &mut out);
        assert_eq!(out, block.raw_field(1, 1));
    }

    proptest! {
        /// The oracle is the field-by-field reader of `csv_core` over the whole text.
        #[test]
        fn blocks_agree_with_the_library_on_any_table(
            cells in prop::collection::vec(prop::collection::vec("[a\",\n\r ]{0,6}", 3), 1..30),
            size in 1usize..60,
        ) {
            let mut text = Vec::new();
            for record in &cells {
                for (i, cell) in record.iter().enumerate() {
                    if i > 0 { text.push(b','); }
                    write_field(cell, &COMMA, false, &mut text);
                }
                text.push(b'\n');
            }
            prop_assert_eq!(parse(&text, size).unwrap(), cells);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(prop::sample::select(b"a\",\n\r\x00\xff\xe5".to_vec()), 0..40), size in 1usize..20) {
            let _ = parse(&bytes, size);
        }
    }
}
