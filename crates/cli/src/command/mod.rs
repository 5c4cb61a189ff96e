//! One file a command.

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use medveil_deid::study::MasterKey;
use medveil_deid::table::Job;
use zeroize::Zeroizing;

use crate::args::RunArgs;
use crate::failure::Failure;

pub mod anonymize;
pub mod assess;
pub mod bench;
pub mod deid;
pub mod evidence;
pub mod key;
pub mod plan;
pub mod reidentify;
pub mod scan;
pub mod synth;
pub mod verify;

/// How a run is carried out, from the command line.
fn job<'a>(args: &RunArgs, cancelled: &'a AtomicBool, progress: &'a (dyn Fn(u64) + Sync)) -> Job<'a> {
    Job {
        threads: args.threads.unwrap_or_else(cores),
        memory: args.memory,
        max_record: args.max_record.min(1 << 30),
        hints: args.hints(),
        cancelled,
        progress,
    }
}

/// The cores of this machine.
fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// The bytes of all files under `inputs`, for progress bars.
fn total_size(inputs: &[PathBuf]) -> u64 {
    fn of(path: &Path) -> u64 {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => std::fs::read_dir(path)
                .map(|entries| entries.flatten().map(|entry| of(&entry.path())).sum())
                .unwrap_or(0),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        }
    }
    inputs.iter().map(|input| of(input)).sum()
}

/// Reads a key file. Nothing of its content is in the message of a failure.
fn read_key(path: &Path) -> Result<MasterKey, Failure> {
    // A key file has 80 bytes; whatever is much larger is none.
    const LARGEST: u64 = 4096;
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| fail(&error))?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| fail(&error))?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    MasterKey::parse(text).map_err(|error| fail(&error))
}

/// Random bytes of the operating system.
fn random() -> Result<Zeroizing<[u8; 32]>, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| Failure::unusable(format!("the system gives no random numbers: {error}")))?;
    Ok(bytes)
}

/// Writes a new file, whole or not at all; what exists is replaced only with `overwrite`.
fn write_new(path: &Path, content: &[u8], overwrite: bool, secret: bool) -> Result<(), Failure> {
    use std::io::Write as _;
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    if path.exists() && !overwrite {
        return Err(fail(&"exists; choose another name, or say --overwrite"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| fail(&error))?;
    file.write_all(content).map_err(|error| fail(&error))?;
    #[cfg(unix)]
    if !secret {
        use std::os::unix::fs::PermissionsExt as _;
        // Temporary files are private; results have ordinary rights.
        let permissions = std::fs::Permissions::from_mode(0o640);
        file.as_file().set_permissions(permissions).map_err(|error| fail(&error))?;
    }
    let _ = secret;
    match overwrite {
        true => file.persist(path).map_err(|error| fail(&error.error))?,
        false => file.persist_noclobber(path).map_err(|error| fail(&error.error))?,
    };
    Ok(())
}
