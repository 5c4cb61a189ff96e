//! Reading and writing Parquet files in batches, with errors that never quote the file.
//!
//! The library's own messages are not passed on: some quote what they could not read. It is also called behind
//! [`catch_unwind`], because a damaged file must not end the program whatever the library makes of it.
//!
//! How many rows a batch and a row group have follows from the file alone. The writer cuts pages where batches end, so anything
//! else would make the bytes of the output depend on the machine.

use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::error::{TableError, Trouble};

/// Records from which kinds are told before a run starts, as for CSV.
const DETECTION_RECORDS: usize = 4096;
/// Rows of a batch while nothing is known about their size.
const FIRST_BATCH: usize = 256;
/// The most rows of a batch.
const LARGEST_BATCH: u64 = 4096;
/// What a batch should take as text, in bytes.
const BATCH_BYTES: u64 = 1 << 20;
/// The most that a batch may take as columns, in bytes; longer ones are cut.
const LARGEST_PIECE: usize = 16 << 20;
/// What a row group should take as text, in bytes.
const GROUP_BYTES: u64 = 64 << 20;
/// The most rows of a row group.
const LARGEST_GROUP: u64 = 1 << 20;

/// A Parquet file whose footer has been read.
pub(super) struct Source {
    file: File,
    metadata: ArrowReaderMetadata,
    /// Bytes of the file.
    pub(super) size: u64,
    /// Records of the file.
    pub(super) rows: u64,
    /// The compression of the first column, which the output takes over.
    pub(super) compression: Compression,
}

impl Source {
    /// Reads the footer.
    pub(super) fn open(file: File) -> Result<Source, TableError> {
        let size = file.metadata()?.len();
        if size == 0 {
            return Err(TableError::new(Trouble::Empty));
        }
        let metadata = guard(
            || ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()),
            "its footer cannot be read; the file is cut off, damaged or no Parquet file",
        )?;
        let mut rows = 0u64;
        let mut compression = Compression::ZSTD(Default::default());
        for (i, group) in metadata.metadata().row_groups().iter().enumerate() {
            let count = u64::try_from(group.num_rows()).ok();
            rows = count
                .and_then(|count| rows.checked_add(count))
                .ok_or_else(|| damaged("its footer is wrong"))?;
            for (c, column) in group.columns().iter().enumerate() {
                match supported(column.compression()) {
                    Ok(codec) if (i, c) == (0, 0) => compression = codec,
                    Ok(_) => {}
                    Err(name) => {
                        let help = "write it again with zstd, snappy, gzip or none";
                        return Err(damaged(&format!(
                            "it is compressed with {name}, which is not supported; {help}"
                        )));
                    }
                }
            }
        }
        Ok(Source { file, metadata, size, rows, compression })
    }

    /// The names and types of the columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// Column names, of which there is one each.
    pub(super) fn names(&self) -> Result<Vec<String>, TableError> {
        let names: Vec<String> =
            self.schema().fields().iter().map(|field| field.name().trim().to_owned()).collect();
        for (i, name) in names.iter().enumerate() {
            if name.is_empty() {
                return Err(TableError::at_column(i + 1, "", Trouble::Nameless));
            }
            if let Some(first) = names[..i].iter().position(|other| other == name) {
                return Err(TableError::at_column(i + 1, "", Trouble::Duplicate { first: first + 1 }));
            }
        }
        match names.is_empty() {
            true => Err(TableError::new(Trouble::Empty)),
            false => Ok(names),
        }
    }

    /// The first records, in small batches.
    pub(super) fn head(&self) -> Result<Batches, TableError> {
        self.read(FIRST_BATCH, Some(DETECTION_RECORDS), None)
    }

    /// All records, `rows` in a batch.
    pub(super) fn batches(&self, rows: usize) -> Result<Batches, TableError> {
        self.read(rows, None, None)
    }

    /// These columns of all records, `rows` in a batch. `columns` are places in the schema, ascending.
    pub(super) fn batches_of(&self, columns: &[usize], rows: usize) -> Result<Batches, TableError> {
        self.read(rows, None, Some(columns))
    }

    fn read(
        &self,
        batch: usize,
        limit: Option<usize>,
        columns: Option<&[usize]>,
    ) -> Result<Batches, TableError> {
        let file = self.file.try_clone()?;
        let reader = guard(
            || {
                let mut builder =
                    ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
                if let Some(limit) = limit {
                    builder = builder.with_limit(limit);
                }
                if let Some(columns) = columns {
                    let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
                    builder = builder.with_projection(mask);
                }
                builder.with_batch_size(batch).build()
            },
            "its columns cannot be read; the file is damaged or uses a feature that is not supported",
        )?;
        let expected = limit.map_or(self.rows, |limit| self.rows.min(limit as u64));
        Ok(Batches { reader, rest: None, done: 0, expected, size: self.size })
    }

    /// How the file is cut, if the records of its head took `head` bytes each as text.
    pub(super) fn cut(&self, head: u64) -> Cut {
        let encoded: u64 = self
            .metadata
            .metadata()
            .row_groups()
            .iter()
            .map(|group| u64::try_from(group.total_byte_size()).unwrap_or(0))
            .fold(0, u64::saturating_add);
        let row = head.max(encoded / self.rows.max(1)).max(1);
        let batch = (BATCH_BYTES / row).clamp(1, LARGEST_BATCH);
        let group = (GROUP_BYTES / row).clamp(batch, LARGEST_GROUP);
        let narrow = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        Cut {
            batch_rows: narrow(batch),
            batch_bytes: narrow(batch.saturating_mul(row)),
            group_rows: narrow(group),
        }
    }
}

/// How records are grouped: by the file, not by the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Rows of a batch.
    pub(super) batch_rows: usize,
    /// About how many bytes of text that is.
    pub(super) batch_bytes: usize,
    /// Rows of a row group of the output.
    pub(super) group_rows: usize,
}

/// A file's records.
pub(super) struct Batches {
    reader: ParquetRecordBatchReader,
    /// What is left of a batch that was too long.
    rest: Option<RecordBatch>,
    done: u64,
    expected: u64,
    size: u64,
}

/// Records, and where they are.
pub(super) struct Batch {
    /// The records.
    pub(super) records: RecordBatch,
    /// The number of the first, from 0.
    pub(super) first: u64,
    /// About how many bytes of the file they are.
    pub(super) bytes: u64,
}

impl Batches {
    /// The next records.
    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, TableError> {
        let damage = "its data cannot be decoded from here on; the file is cut off or damaged";
        let mut records = match self.rest.take() {
            Some(rest) => Some(rest),
            None => guard(|| self.reader.next().transpose(), damage).map_err(|mut error| {
                error.place.row = Some(self.done + 1);
                error
            })?,
        };
        if let Some(long) = &records
            && let size = columns_size(long)
            && let rows = (long.num_rows() / size.div_ceil(LARGEST_PIECE).max(1)).max(1)
            && rows < long.num_rows()
        {
            self.rest = Some(long.slice(rows, long.num_rows() - rows));
            records = Some(long.slice(0, rows));
        }
        let count = records.as_ref().map_or(0, |records| records.num_rows() as u64);
        let first = self.done;
        self.done += count;
        if self.done > self.expected || records.is_none() && self.done < self.expected {
            return Err(damaged("it does not hold as many records as its footer says"));
        }
        let at =
            |row: u64| (u128::from(self.size) * u128::from(row) / u128::from(self.expected.max(1))) as u64;
        let bytes = at(self.done) - at(first);
        Ok(records.map(|records| Batch { records, first, bytes }))
    }
}

/// Bytes of the values, without what buffers have to spare: that would differ from one version of the library to the next.
fn columns_size(records: &RecordBatch) -> usize {
    let size = |array: &ArrayRef| array.to_data().get_slice_memory_size().unwrap_or(0);
    records.columns().iter().map(size).sum()
}

/// Writes a Parquet file.
pub(super) struct Sink<'a> {
    writer: ArrowWriter<Output<'a>>,
}

impl<'a> Sink<'a> {
    /// Starts a file: nothing of the input's metadata but names, types and compression goes into it.
    pub(super) fn new(
        output: &'a mut (dyn Write + Send),
        schema: SchemaRef,
        compression: Compression,
        group_rows: usize,
    ) -> Result<Sink<'a>, TableError> {
        let properties = WriterProperties::builder()
            .set_created_by("medveil".to_owned())
            .set_compression(compression)
            .set_max_row_group_row_count(Some(group_rows))
            .set_max_row_group_bytes(None)
            .build();
        let writer = ArrowWriter::try_new(Output { inner: output }, schema, Some(properties));
        Ok(Sink { writer: writer.map_err(write_error)? })
    }

    /// Appends records.
    pub(super) fn write(&mut self, records: &RecordBatch) -> Result<(), TableError> {
        self.writer.write(records).map_err(write_error)
    }

    /// Writes the footer, and tells how long the file is.
    pub(super) fn finish(mut self) -> Result<u64, TableError> {
        self.writer.finish().map_err(write_error)?;
        let bytes = self.writer.bytes_written() as u64;
        self.writer.inner_mut().flush().map_err(|error| TableError::new(Trouble::Write(error)))?;
        Ok(bytes)
    }
}

/// Where the file goes.
struct Output<'a> {
    inner: &'a mut (dyn Write + Send),
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// A schema of these columns. Metadata of fields and files may quote values (that of pandas holds index values), so none is taken.
pub(super) fn schema(columns: impl Iterator<Item = Field>) -> SchemaRef {
    Arc::new(Schema::new(columns.map(|field| field.with_metadata(Default::default())).collect::<Vec<_>>()))
}

/// The word for a compression.
pub(super) fn compression_name(compression: Compression) -> &'static str {
    match compression {
        Compression::UNCOMPRESSED => "uncompressed",
        Compression::SNAPPY => "snappy",
        Compression::GZIP(_) => "gzip",
        Compression::LZO => "lzo",
        Compression::BROTLI(_) => "brotli",
        Compression::LZ4 | Compression::LZ4_RAW => "lz4",
        Compression::ZSTD(_) => "zstd",
    }
}

/// The codec for writing what was compressed so, or the name of one that cannot be read.
fn supported(compression: Compression) -> Result<Compression, &'static str> {
    match compression {
        Compression::UNCOMPRESSED | Compression::SNAPPY => Ok(compression),
        Compression::GZIP(_) => Ok(Compression::GZIP(Default::default())),
        Compression::ZSTD(_) => Ok(Compression::ZSTD(Default::default())),
        other => Err(compression_name(other)),
    }
}

/// Calls the library: its failures and its panics become `damage`, failures of the system stay what they are.
fn guard<T, E: Into<ParquetError>>(
    call: impl FnOnce() -> Result<T, E>,
    damage: &str,
) -> Result<T, TableError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(match system_error(error.into()) {
            Some(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => error.into(),
            _ => damaged(damage),
        }),
        Err(_) => Err(damaged(damage)),
    }
}

fn damaged(damage: &str) -> TableError {
    TableError::new(Trouble::Parquet(damage.to_owned()))
}

fn write_error(error: ParquetError) -> TableError {
    let error = system_error(error)
        .unwrap_or_else(|| std::io::Error::other("the records do not make a Parquet file"));
    TableError::new(Trouble::Write(error))
}

/// The failure of the operating system inside a failure of the library. Decoders wrap theirs in the same type, with a message.
fn system_error(error: ParquetError) -> Option<std::io::Error> {
    match error {
        ParquetError::External(error) => error
            .downcast::<std::io::Error>()
            .ok()
            .map(|error| *error)
            .filter(|error| error.raw_os_error().is_some()),
        _ => None,
    }
}
