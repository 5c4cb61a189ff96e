//! `medveil key new`.

use std::path::Path;

use medveil_deid::study::MasterKey;

use super::{random, write_new};
use crate::args::{KeyArgs, KeyCommand};
use crate::console::Console;
use crate::failure::Failure;

/// Makes a key file, readable by its owner alone.
pub fn run(args: &KeyArgs, console: &Console) -> Result<(), Failure> {
    let KeyCommand::New { out, overwrite } = &args.command;
    write(out, *overwrite)?;
    console.note(format_args!(
        "{} {}",
        out.display(),
        console.text(
            "written. Keep it as you keep the raw data: who has it can undo pseudonyms, date shifts and noise",
            "已写入。请按原始数据的等级保管：持有者可以还原假名、日期平移和噪声"
        )
    ));
    Ok(())
}

/// Makes a key and writes it.
///
/// # Errors
/// The file exists or cannot be written, or the system gives no random numbers.
pub fn write(out: &Path, overwrite: bool) -> Result<(), Failure> {
    let key = MasterKey::from_bytes(*random()?);
    write_new(out, key.to_text().as_bytes(), overwrite, true)
}
