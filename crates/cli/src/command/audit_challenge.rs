//! `medveil audit challenge`: rows of a release are drawn, and its owner has to open them to the auditor alone.

use std::path::{Path, PathBuf};

use clap::Args;
use medveil_ledger::action::AuditChallenge;
use medveil_ledger::{ChallengeId, Digest, ReleaseId};
use medveil_vault::committee::OneTimeSecret;
use medveil_vault::keys::read_secret;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::governance::Common;
use super::{get, random, write_new};
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::{Signer, done};

/// `medveil audit challenge`.
#[derive(Args, Debug)]
pub struct ChallengeArgs {
    /// The release's id
    pub release: ReleaseId,
    /// How many rows of the source are opened, and as many records of the release; 300 find 1 % of wrong ones with a probability of 95 %
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rows: u32,
    /// Where the one-time secret lies until the verdict, for you alone [default: challenge-ID.secret]
    #[arg(long, value_name = "FILE")]
    pub secret: Option<PathBuf>,
    /// Who signs.
    #[command(flatten)]
    pub common: Common,
}

/// A challenge that is on the ledger.
pub struct Challenged {
    /// The challenge.
    pub id: ChallengeId,
    /// The version that it is about.
    pub version: u64,
    /// Who owes the answer.
    pub owner: String,
    /// Where the one-time secret lies.
    pub secret: PathBuf,
    /// What became of the transaction.
    pub answer: Value,
}

/// Runs the command.
pub fn run(args: &ChallengeArgs, console: &Console) -> Result<(), Failure> {
    let signer = Signer::new(&args.common.sign, console)?;
    let challenged =
        challenge(&signer, args.release, args.rows, args.secret.as_deref(), Path::new(""), console)?;
    let Challenged { id, version, owner, secret, answer } = challenged;
    let (rows, release, file) = (args.rows, args.release, secret.display());
    let said = match console.lang() {
        Lang::En => format!(
            "challenge/{id}: {rows} rows of version {version} of release/{release}, which {owner} has to open; keep {file} until the verdict"
        ),
        Lang::Zh => format!(
            "challenge/{id}：抽取 release/{release} 第 {version} 版的 {rows} 条记录，由 {owner} 开启；作出结论前请妥善保管 {file}"
        ),
    };
    let extra = json!({
        "challenge": id, "release": release, "version": version, "rows": rows, "owner": owner, "secret": secret,
    });
    done(&answer, extra, &said, args.common.json, console)
}

/// Challenges the latest version of a release. The secret lies in `file`, or in a file of `folder` that is named after the challenge; it is there before the challenge is.
///
/// # Errors
/// The release is not known, the secret cannot be written, or the ledger refuses.
pub fn challenge(
    signer: &Signer,
    release: ReleaseId,
    rows: u32,
    file: Option<&Path>,
    folder: &Path,
    console: &Console,
) -> Result<Challenged, Failure> {
    let found = get(signer.client(), &format!("/api/v1/releases/{release}"), console)?;
    let version = found["version"].as_u64().unwrap_or(0);
    let secret = OneTimeSecret::from_bytes(&*random()?);
    let reader = Digest(secret.key().0);
    // Named after the key while the challenge has no name.
    let path = match file {
        Some(file) => file.to_owned(),
        None => folder.join(format!("challenge-of-{}.secret", &reader.to_string()[..16])),
    };
    write_secret(&path, &secret)?;
    let answer = match signer.act(AuditChallenge { release, version, rows, reader }, console) {
        Err(refused @ Failure::Refused(_)) => {
            erase(&path)?;
            return Err(refused);
        }
        // It may still become final: then the secret is needed.
        answer => answer?,
    };
    let id: Digest = super::text(&answer["id"]).parse().map_err(Failure::unusable)?;
    let id = ChallengeId(id.0);
    let secret = match file {
        Some(_) => path,
        None => {
            let named = secret_of(folder, id);
            std::fs::rename(&path, &named)
                .map_err(|error| Failure::unusable(format!("{}: {error}", named.display())))?;
            named
        }
    };
    Ok(Challenged { id, version, owner: super::text(&found["value"]["organisation"]), secret, answer })
}

/// Where the secret of a challenge lies unless another file is named.
pub fn secret_of(folder: &Path, id: ChallengeId) -> PathBuf {
    folder.join(format!("challenge-{id}.secret"))
}

/// The first line of a secret's file.
const TITLE: &str = "medveil challenge secret 1";

fn write_secret(path: &Path, secret: &OneTimeSecret) -> Result<(), Failure> {
    let bytes = Zeroizing::new(secret.disclose());
    let hex = Zeroizing::new(hex::encode(bytes.as_slice()));
    let text = Zeroizing::new(format!("{TITLE}\n{}\n", hex.as_str()));
    write_new(path, text.as_bytes(), false, true)
}

/// Reads the secret of a challenge, which only its owner may be able to read.
///
/// # Errors
/// The file is not there, others may read it, or it is none.
pub fn read_challenge_secret(path: &Path) -> Result<OneTimeSecret, Failure> {
    let bytes = read_secret(path, None).map_err(Failure::unusable)?;
    let secret = || -> Option<OneTimeSecret> {
        let line = std::str::from_utf8(&bytes).ok()?.strip_prefix(TITLE)?.trim();
        let mut secret = Zeroizing::new([0; 32]);
        hex::decode_to_slice(line, secret.as_mut_slice()).ok()?;
        Some(OneTimeSecret::from_bytes(&secret))
    };
    secret().ok_or_else(|| {
        Failure::unusable(format!("{}: not the secret of a challenge (`{TITLE}`)", path.display()))
    })
}

/// Removes a secret; what it was is overwritten first.
///
/// # Errors
/// The file system says no.
pub fn erase(path: &Path) -> Result<(), Failure> {
    use std::io::Write as _;
    let overwrite = || -> std::io::Result<()> {
        let mut file = std::fs::File::options().write(true).open(path)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
        file.write_all(&vec![0; length])?;
        file.sync_all()?;
        std::fs::remove_file(path)
    };
    overwrite().map_err(|error| Failure::unusable(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_for_its_owner_alone_and_gone_when_it_is_erased() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("challenge.secret");
        let secret = OneTimeSecret::from_bytes(&[7; 32]);
        write_secret(&path, &secret).unwrap();
        assert!(write_secret(&path, &secret).is_err(), "what exists is not replaced");
        assert_eq!(read_challenge_secret(&path).unwrap().key().0, secret.key().0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(read_challenge_secret(&path).is_err(), "others may read it");
        }
        erase(&path).unwrap();
        assert!(!path.exists() && read_challenge_secret(&path).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_secret_is_told_without_its_content() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("other.secret");
        for text in ["", "medveil challenge secret 1\n00\n", "medveil-key 1\nabcdef"] {
            let _ = std::fs::remove_file(&path);
            write_new(&path, text.as_bytes(), false, true).unwrap();
            let said = read_challenge_secret(&path).err().unwrap().to_string();
            assert!(said.contains("not the secret of a challenge") && !said.contains("abcdef"), "{said}");
        }
    }
}
