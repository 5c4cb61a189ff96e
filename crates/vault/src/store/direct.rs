//! Files written and read past the page cache.
//!
//! Shards are large, written once and read rarely. Through the cache each of their bytes costs the processor more than sealing, coding and hashing it together, and pushes out
//! what others need. Where the system or the file system has no such way (tmpfs; other systems than Linux), files go through the cache.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

/// Offsets, lengths and addresses are multiples of this: the logical block of every disk that we know is 512 or 4,096 bytes.
const BLOCK: usize = 4096;

/// Bytes of one write.
const STEP: usize = 1 << 20;

/// Writes a new file and waits until its bytes are on the disk. The name is the caller's to flush.
///
/// # Errors
/// What the system says; what there is of the file then is the caller's to remove.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match write_direct(path, bytes) {
        Err(error) if is_unsupported(&error) => {}
        written => return written,
    }
    let mut file = private().open(path)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()
}

/// Reads the bytes `range` of a file; fewer when it ends before the range does.
///
/// # Errors
/// What the system says.
pub(super) fn read(path: &Path, range: Range<usize>) -> io::Result<Vec<u8>> {
    match read_direct(path, range.clone()) {
        Err(error) if is_unsupported(&error) => {}
        read => return read,
    }
    let file = File::open(path)?;
    let mut bytes = vec![0; range.len()];
    let read = fill(&file, &mut bytes, range.start as u64, 1)?;
    bytes.truncate(read);
    Ok(bytes)
}

#[cfg(target_os = "linux")]
fn write_direct(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
    let file = private().custom_flags(libc::O_DIRECT).open(path)?;
    let (mut staged, aligned) = aligned(STEP.min(bytes.len().next_multiple_of(BLOCK)));
    let mut offset = 0;
    for part in bytes.chunks(STEP) {
        // The last block is written whole, and cut off afterwards.
        let whole = part.len().next_multiple_of(BLOCK);
        let staged = &mut staged[aligned..aligned + whole];
        staged[..part.len()].copy_from_slice(part);
        staged[part.len()..].fill(0);
        file.write_all_at(staged, offset)?;
        offset += whole as u64;
    }
    if offset != bytes.len() as u64 {
        file.set_len(bytes.len() as u64)?;
    }
    file.sync_all()
}

#[cfg(target_os = "linux")]
fn read_direct(path: &Path, range: Range<usize>) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = File::options().read(true).custom_flags(libc::O_DIRECT).open(path)?;
    let start = range.start - range.start % BLOCK;
    let end = range.end.next_multiple_of(BLOCK);
    let (mut staged, aligned) = aligned(STEP.min(end - start));
    let mut bytes = Vec::with_capacity(range.len());
    for offset in (start..end).step_by(STEP) {
        let staged = &mut staged[aligned..aligned + STEP.min(end - offset)];
        let read = fill(&file, staged, offset as u64, BLOCK)?;
        let from = range.start.saturating_sub(offset).min(read);
        let to = (range.end - offset).min(read);
        bytes.extend_from_slice(&staged[from..to.max(from)]);
        if read < staged.len() {
            break;
        }
    }
    Ok(bytes)
}

#[cfg(not(target_os = "linux"))]
fn write_direct(_: &Path, _: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn read_direct(_: &Path, _: Range<usize>) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads until the buffer is full or the file ends; how much there is. A short read that is no multiple of `block` is the end.
fn fill(file: &File, buffer: &mut [u8], offset: u64, block: usize) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        let rest = &mut buffer[read..];
        #[cfg(unix)]
        let got = std::os::unix::fs::FileExt::read_at(file, rest, offset + read as u64);
        #[cfg(windows)]
        let got = std::os::windows::fs::FileExt::seek_read(file, rest, offset + read as u64);
        match got {
            Ok(0) => break,
            Ok(got) => {
                read += got;
                if !got.is_multiple_of(block) {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// A buffer with `length` bytes at an address that is a multiple of the block; where they begin.
#[cfg(target_os = "linux")]
fn aligned(length: usize) -> (Vec<u8>, usize) {
    let bytes = vec![0; length + BLOCK];
    let at = bytes.as_ptr().align_offset(BLOCK);
    (bytes, at)
}

/// How a new file is opened, for its owner alone.
fn private() -> std::fs::OpenOptions {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Whether the file system has no way past the cache, or wants larger blocks.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_length_are_read_in_any_range_as_they_were_written() {
        // On a disk and, where there is one, in memory, which has no way past the cache.
        let folders = [Some(tempfile::tempdir_in(".").unwrap()), tempfile::tempdir_in("/dev/shm").ok()];
        for folder in folders.into_iter().flatten() {
            let path = folder.path().join("file");
            for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, STEP, STEP + 5, 2 * STEP + BLOCK - 1] {
                let bytes: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
                write(&path, &bytes).unwrap();
                assert_eq!(std::fs::metadata(&path).unwrap().len(), length as u64);
                assert!(std::fs::read(&path).unwrap() == bytes, "{length}");
                for range in [
                    0..length,
                    0..length + 9,
                    1..length.max(1),
                    length / 2..length / 2 + 7,
                    length..length + 1,
                ] {
                    let expected =
                        &bytes[range.start.min(length)..range.end.min(length).max(range.start.min(length))];
                    assert!(read(&path, range.clone()).unwrap() == expected, "{length} {range:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_there_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(&folder.path().join("none"), 0..10).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(write(&folder.path().join("none/file"), b"x").is_err());
    }
}
