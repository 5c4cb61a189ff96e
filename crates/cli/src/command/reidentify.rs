//! `medveil reidentify`.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use medveil_deid::receipt::Receipt;
use medveil_deid::reidentify::{Syntax, restore};
use medveil_deid::study::{Study, Suite};
use serde_json::json;

use super::read_key;
use crate::args::ReidentifyArgs;
use crate::console::Console;
use crate::failure::Failure;

/// Restores the reversible pseudonyms of one file.
pub fn run(args: &ReidentifyArgs, console: &Console) -> Result<(), Failure> {
    let fail = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::unusable(format!("{}: {error}", path.display()))
    };
    let key = read_key(&args.key)?;
    let beside = args.input.with_file_name("receipt.json");
    let receipt = match std::fs::read_to_string(&beside) {
        Ok(text) => Some(Receipt::parse(&text).map_err(|error| fail(&beside, &error))?),
        Err(_) => None,
    };
    let (id, suite) = match (&args.study, &receipt) {
        (Some(id), receipt) => {
            (id.clone(), receipt.as_ref().map_or(Suite::default(), |receipt| receipt.suite))
        }
        (None, Some(receipt)) => (receipt.study.clone(), receipt.suite),
        (None, None) => {
            return Err(Failure::unusable("no receipt.json lies beside INPUT: name the study with --study"));
        }
    };
    if args.out.exists() && !args.overwrite {
        return Err(fail(&args.out, &"exists; choose another name, or say --overwrite"));
    }
    let input = File::open(&args.input).map_err(|error| fail(&args.input, &error))?;
    let folder = args.out.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Private until it is complete, and after: it holds identities.
    let staged = tempfile::NamedTempFile::new_in(folder).map_err(|error| fail(&args.out, &error))?;
    let study = Study::new(&key, &id, suite, None);
    let syntax = Syntax::of_name(&args.input.to_string_lossy());
    let mut output = BufWriter::new(staged);
    let restored = restore(BufReader::new(input), &mut output, &study, syntax)
        .map_err(|error| fail(&args.input, &error))?;
    output.flush().map_err(|error| fail(&args.out, &error))?;
    let staged = output.into_inner().map_err(|error| fail(&args.out, &error.error()))?;
    if restored == 0 {
        return Err(Failure::Refused(
            "no reversible pseudonym of this key and study is in the file".to_owned(),
        ));
    }
    staged.persist(&args.out).map_err(|error| fail(&args.out, &error.error))?;
    if args.json {
        return console.json(&json!({ "out": args.out, "restored": restored }));
    }
    console.note(format_args!("{restored} {}", console.text("pseudonyms restored", "个假名已还原")));
    Ok(())
}
