//! A release as one file: an archive that any `tar` reads.
//!
//! POSIX ustar with nothing that varies: names in order, mode 0640, time 0, owner 0. The same folder gives the same bytes.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

const BLOCK: usize = 512;

/// Why a release is not packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file system says no.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// What it says.
        error: std::io::Error,
    },
    /// A name that an archive of this form cannot hold.
    #[error("{0}: the name is too long for an archive, or is no UTF-8")]
    Name(String),
    /// Not an archive of this form.
    #[error("not a bundle of a release: at byte {at}")]
    Damaged {
        /// Where.
        at: u64,
    },
    /// An entry that leads out of the folder.
    #[error("the bundle has an entry that leads out of its folder")]
    Outside,
}

fn fault(path: &Path) -> impl FnOnce(std::io::Error) -> BundleError + use<> {
    let path = path.display().to_string();
    move |error| BundleError::File { path, error }
}

/// Packs all files of a folder into a new file.
///
/// # Errors
/// [`BundleError`]; there is no file then, or what was there.
pub fn pack(folder: &Path, file: &Path) -> Result<(), BundleError> {
    let mut files = Vec::new();
    list(folder, folder, &mut files)?;
    files.sort();
    let partial = file.with_extension("partial");
    let mut out = BufWriter::new(File::create(&partial).map_err(fault(&partial))?);
    for (name, path) in files {
        let mut from = File::open(&path).map_err(fault(&path))?;
        let size = from.metadata().map_err(fault(&path))?.len();
        out.write_all(&header(&name, size)?).map_err(fault(&partial))?;
        let copied = std::io::copy(&mut from, &mut out).map_err(fault(&path))?;
        if copied != size {
            return Err(fault(&path)(std::io::Error::other("it changed while it was read")));
        }
        out.write_all(&vec![0; padding(size)]).map_err(fault(&partial))?;
    }
    out.write_all(&[0; 2 * BLOCK]).map_err(fault(&partial))?;
    let written = out.into_inner().map_err(|error| error.into_error()).and_then(|file| file.sync_all());
    written.map_err(fault(&partial))?;
    fs::rename(&partial, file).map_err(fault(file))
}

fn list(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> Result<(), BundleError> {
    for entry in fs::read_dir(folder).map_err(fault(folder))? {
        let path = entry.map_err(fault(folder))?.path();
        if path.is_dir() {
            list(root, &path, files)?;
            continue;
        }
        let relative = path.strip_prefix(root).unwrap_or(&path);
        let parts: Option<Vec<&str>> = relative.components().map(|part| part.as_os_str().to_str()).collect();
        let name = parts.ok_or_else(|| BundleError::Name(path.display().to_string()))?.join("/");
        files.push((name, path));
    }
    Ok(())
}

fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

fn header(name: &str, size: u64) -> Result<[u8; BLOCK], BundleError> {
    let long = || BundleError::Name(name.to_owned());
    let (prefix, short) = match name.len() {
        0..=100 => ("", name),
        _ => {
            let cuts = name.match_indices('/').map(|(at, _)| name.split_at(at));
            let fits = |(prefix, rest): &(&str, &str)| prefix.len() <= 155 && rest.len() <= 101;
            let (prefix, rest) = cuts.into_iter().find(fits).ok_or_else(long)?;
            (prefix, &rest[1..])
        }
    };
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, short.as_bytes());
    put(100, b"0000640\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    let octal = format!("{size:011o}");
    // 8 GiB is what eleven digits hold; beyond, the number is binary (as GNU and POSIX readers take it).
    if octal.len() == 11 {
        put(124, octal.as_bytes());
    } else {
        put(124, &[0x80, 0, 0, 0]);
        put(128, &size.to_be_bytes());
    }
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(345, prefix.as_bytes());
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    block[148..156].copy_from_slice(sum.as_bytes());
    Ok(block)
}

/// Unpacks a bundle into a folder, which is made and must not exist. The folder is there whole, or not at all.
///
/// # Errors
/// [`BundleError`].
pub fn unpack(file: &Path, folder: &Path) -> Result<(), BundleError> {
    if folder.exists() {
        return Err(fault(folder)(std::io::ErrorKind::AlreadyExists.into()));
    }
    let partial = folder.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(fault(&partial))?;
    }
    fs::create_dir_all(&partial).map_err(fault(&partial))?;
    let unpacked = unpack_into(file, &partial);
    if unpacked.is_err() {
        let _ = fs::remove_dir_all(&partial);
    }
    unpacked?;
    fs::rename(&partial, folder).map_err(fault(folder))
}

fn unpack_into(file: &Path, folder: &Path) -> Result<(), BundleError> {
    let mut from = BufReader::new(File::open(file).map_err(fault(file))?);
    let mut at = 0;
    loop {
        let mut block = [0; BLOCK];
        from.read_exact(&mut block).map_err(|_| BundleError::Damaged { at })?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let damaged = || BundleError::Damaged { at };
        let (name, size) = entry(&block).ok_or_else(damaged)?;
        let inside = Path::new(&name).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || name.is_empty() {
            return Err(BundleError::Outside);
        }
        let path = folder.join(&name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(fault(parent))?;
        }
        let mut out = File::create_new(&path).map_err(fault(&path))?;
        let copied = std::io::copy(&mut from.by_ref().take(size), &mut out).map_err(fault(&path))?;
        if copied != size {
            return Err(damaged());
        }
        let mut rest = vec![0; padding(size)];
        from.read_exact(&mut rest).map_err(|_| damaged())?;
        at += (BLOCK + rest.len()) as u64 + size;
    }
}

/// Name and size of an entry.
fn entry(block: &[u8; BLOCK]) -> Option<(String, u64)> {
    let text = |range: std::ops::Range<usize>| {
        let bytes = &block[range];
        std::str::from_utf8(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).ok()
    };
    let mut bare = *block;
    bare[148..156].fill(b' ');
    let sum: u32 = bare.iter().map(|byte| u32::from(*byte)).sum();
    let said = u32::from_str_radix(text(148..156)?.trim(), 8).ok()?;
    if said != sum || &block[257..262] != b"ustar" || !matches!(block[156], b'0' | 0) {
        return None;
    }
    let size = match block[124] {
        0x80 => u64::from_be_bytes(block[128..136].try_into().ok()?),
        _ => u64::from_str_radix(text(124..136)?.trim(), 8).ok()?,
    };
    let (prefix, name) = (text(345..500)?, text(0..100)?);
    Some((if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_comes_back_as_it_was_and_tar_reads_it() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("release");
        let long = format!("{}/{}.csv", "d".repeat(90), "n".repeat(60));
        for (name, bytes) in [
            ("a.csv", vec![7; 1300]),
            ("fhir/p.ndjson", vec![8; 512]),
            ("empty", vec![]),
            (long.as_str(), vec![9]),
        ] {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let (file, again) = (home.path().join("release.tar"), home.path().join("again.tar"));
        pack(&folder, &file).unwrap();
        pack(&folder, &again).unwrap();
        assert_eq!(fs::read(&file).unwrap(), fs::read(&again).unwrap());
        let out = home.path().join("out");
        unpack(&file, &out).unwrap();
        for name in ["a.csv", "fhir/p.ndjson", "empty", &long] {
            assert_eq!(fs::read(out.join(name)).unwrap(), fs::read(folder.join(name)).unwrap(), "{name}");
        }
        assert!(matches!(unpack(&file, &out), Err(BundleError::File { .. })), "nothing is overwritten");
        if let Ok(listed) = std::process::Command::new("tar").arg("tf").arg(&file).output() {
            let names = String::from_utf8(listed.stdout).unwrap();
            assert!(listed.status.success() && names.lines().count() == 4, "{names}");
        }
    }

    #[test]
    fn what_is_damaged_or_leads_outside_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        let (file, out) = (home.path().join("b"), home.path().join("out"));
        let mut good = header("a", 3).unwrap().to_vec();
        good.extend([1; BLOCK]);
        good.extend([0; 2 * BLOCK]);
        for cut in [0, 100, 511, 512, 514, 700, 1024, 1500] {
            fs::write(&file, &good[..cut]).unwrap();
            assert!(matches!(unpack(&file, &out), Err(BundleError::Damaged { .. })), "{cut}");
        }
        let mut changed = good.clone();
        changed[3] ^= 1;
        fs::write(&file, &changed).unwrap();
        assert!(matches!(unpack(&file, &out), Err(BundleError::Damaged { at: 0 })));
        for name in ["../a", "/etc/a", "a/../../b"] {
            let mut bytes = header(name, 0).unwrap().to_vec();
            bytes.extend([0; 2 * BLOCK]);
            fs::write(&file, &bytes).unwrap();
            assert!(matches!(unpack(&file, &out), Err(BundleError::Outside)), "{name}");
        }
        assert!(!out.exists() && !out.with_extension("partial").exists());
    }
}
