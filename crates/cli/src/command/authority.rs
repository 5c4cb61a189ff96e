//! `medveil network authority`: a consortium that is its own certification authority.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use medveil_ledger::x509::write::{self, Draft};
use medveil_ledger::x509::{CertificateRequest, fingerprint, pem};
use medveil_ledger::{PublicKey, Suite};
use medveil_node::clock;
use medveil_node::keys::{KeyFile, Kind};
use serde_json::json;

use super::certificate::{named, read, read_der, sm2_key};
use super::{random, write_new};
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::told;

/// `medveil network authority`.
#[derive(Args, Debug)]
pub struct AuthorityArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AuthorityCommand,
}

/// What `medveil network authority` does.
#[derive(Subcommand, Debug)]
pub enum AuthorityCommand {
    /// Make a certification authority of one's own: an SM2 key and a certificate that it signs itself
    #[command(
        after_help = "Example:\n  medveil network authority new --name \"Harbour Health\" --key-out authority.key --out authority.crt\n\nFor trials. In production a national authority issues certificates: it looks at papers, and keeps its key in a device that is certified for it. The members admit either by `medveil governance propose admit-issuer authority.crt`, or in the list of `medveil network new` (issuers = [\"PEM\"])."
    )]
    New(NewArgs),
    /// Issue the certificate that a request asks for
    #[command(
        after_help = "Example:\n  medveil network authority sign administrator.csr --authority authority.crt --key authority.key --out administrator.crt\n\nLook who asks before you sign: the certificate says that the key is that organisation's. In production a national authority does this."
    )]
    Sign(IssueArgs),
}

/// `medveil network authority new`.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// Its name
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// The key file
    #[arg(long, value_name = "FILE")]
    pub key_out: PathBuf,
    /// The certificate
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How many days it is valid
    #[arg(long, value_name = "N", default_value_t = 3650, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub days: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil network authority sign`.
#[derive(Args, Debug)]
pub struct IssueArgs {
    /// The request (PKCS#10)
    pub request: PathBuf,
    /// The authority's certificate
    #[arg(long, value_name = "FILE")]
    pub authority: PathBuf,
    /// The authority's key file
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The certificate
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How many days it is valid
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub days: u64,
    /// Replace what exists
    #[arg(long)]
    pub overwrite: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Clocks differ: a certificate begins so many seconds before it is issued.
const EARLIER: u64 = 300;

/// Runs the command.
pub fn run(args: &AuthorityArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        AuthorityCommand::New(args) => new(args, console),
        AuthorityCommand::Sign(args) => issue(args, console),
    }
}

fn new(args: &NewArgs, console: &Console) -> Result<(), Failure> {
    let file = KeyFile::generate(Kind::Authority, Suite::Sm2).map_err(|refusal| told(&refusal, console))?;
    let (key, name, serial) = (file.signing_key(), write::name(&args.name, &args.name), serial()?);
    let draft = draft(&serial, &name, key.public(), args.days, write::Kind::Authority(Some(1)));
    let der = write::certificate(&draft, &name, &key).ok_or_else(|| too_late(console))?;
    // First what is easily made again.
    write_new(&args.out, pem::write(pem::CERTIFICATE, &der).as_bytes(), false, false)?;
    if let Err(refusal) = file.write(&args.key_out) {
        let _ = std::fs::remove_file(&args.out);
        return Err(told(&refusal, console));
    }
    let id = fingerprint(&der);
    if args.json {
        return console.json(&json!({ "issuer": id, "out": args.out, "key_out": args.key_out }));
    }
    console.print(format_args!("issuer/{id}"))?;
    console.note(match console.lang() {
        Lang::En => format!(
            "{} and {} written, for trials: in production a national authority issues certificates.\nHave the members admit it: medveil governance propose admit-issuer {}",
            args.key_out.display(),
            args.out.display(),
            args.out.display()
        ),
        Lang::Zh => format!(
            "{} 与 {} 已写入，仅供试验：正式运行时由国家认可的电子认证服务机构签发证书。\n请由成员表决接纳：medveil governance propose admit-issuer {}",
            args.key_out.display(),
            args.out.display(),
            args.out.display()
        ),
    });
    Ok(())
}

fn issue(args: &IssueArgs, console: &Console) -> Result<(), Failure> {
    let key = sm2_key(&args.key, Kind::Authority, console)?;
    let (_, authority) = read(&args.authority, console)?;
    authority.check_authority().map_err(|reason| named(&args.authority, &reason, console))?;
    if key.public() != PublicKey::Sm2(authority.key) {
        return Err(Failure::Refused(match console.lang() {
            Lang::En => format!("{} is not the key of {}", args.key.display(), args.authority.display()),
            Lang::Zh => format!("{} 不是 {} 的密钥", args.key.display(), args.authority.display()),
        }));
    }
    let request = CertificateRequest::read(&read_der(&args.request, pem::REQUEST)?)
        .map_err(|reason| named(&args.request, &reason, console))?;
    let (of, serial) = (PublicKey::Sm2(request.key), serial()?);
    let draft = draft(&serial, &request.subject, of, args.days, write::Kind::Signer);
    let der = write::certificate(&draft, &authority.subject, &key).ok_or_else(|| too_late(console))?;
    write_new(&args.out, pem::write(pem::CERTIFICATE, &der).as_bytes(), args.overwrite, false)?;
    let (print, name) = (fingerprint(&der), request.organisation.unwrap_or_default());
    if args.json {
        return console.json(&json!({ "fingerprint": print, "name": name, "key": of, "out": args.out }));
    }
    console.note(match console.lang() {
        Lang::En => format!(
            "{} written: the key {of} is that of `{name}`, for {} days. In production a national authority says so",
            args.out.display(),
            args.days
        ),
        Lang::Zh => format!(
            "{} 已写入：公钥 {of} 属于 `{name}`，有效期 {} 天。正式运行时应由国家认可的电子认证服务机构签发",
            args.out.display(),
            args.days
        ),
    });
    Ok(())
}

fn draft<'a>(serial: &'a [u8], subject: &'a [u8], key: PublicKey, days: u64, kind: write::Kind) -> Draft<'a> {
    let now = clock::now_ms() / 1000;
    Draft { serial, subject, key, not_before: now - EARLIER, not_after: now + days * 86_400, kind }
}

/// 16 random bytes; the first is neither zero nor one with a sign.
fn serial() -> Result<[u8; 16], Failure> {
    let random = random()?;
    let mut serial = [0; 16];
    serial.copy_from_slice(&random[..16]);
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}

fn too_late(console: &Console) -> Failure {
    Failure::unusable(
        console.text("no certificate is valid beyond the year 9999", "证书有效期不能超过 9999 年"),
    )
}
