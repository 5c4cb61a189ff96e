//! `medveil account certificate`: certificates of organisations' SM2 keys.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use medveil_ledger::action::{CertificateRegister, CertificateRevoke};
use medveil_ledger::measure::Cause;
use medveil_ledger::x509::{CertificateDer, X509, pem, write};
use medveil_ledger::{CertificateId, Digest, IssuerId, Named, PublicKey, SigningKey};
use medveil_node::clock;
use medveil_node::keys::{KeyFile, Kind};
use serde_json::{Value, json};

use super::governance::Common;
use super::{ListArgs, get, vocabulary, write_new};
use crate::client::{Client, NodeArgs};
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::{Signer, done, told};

/// `medveil account certificate`.
#[derive(Args, Debug)]
pub struct CertificateArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: CertificateCommand,
}

/// What `medveil account certificate` does.
#[derive(Subcommand, Debug)]
pub enum CertificateCommand {
    /// Make a request for a certificate of an SM2 key (PKCS#10), to be taken to a certification authority
    #[command(
        after_help = "Example:\n  medveil account certificate request --key administrator.key --name 第一医院 --out administrator.csr\n\nThe name must be the organisation's on the ledger, letter by letter: the ledger takes no certificate of another name. `openssl req -in administrator.csr -noout -text` shows what is asked for."
    )]
    Request(RequestArgs),
    /// Register the certificate that the authority has issued
    #[command(
        after_help = "Examples:\n  medveil account certificate register administrator.crt --account administrator.key\n  medveil account certificate register administrator.crt --intermediate operating-ca.crt --issuer root.crt --account administrator.key\n\nFiles are PEM or DER. The authority, or the one that has signed it, must be admitted: by the genesis, or by `medveil governance propose admit-issuer`. A certificate that is registered takes the place of the one before."
    )]
    Register(RegisterArgs),
    /// Show the certificate of a key: who issued it, until when, whether it was revoked
    #[command(
        after_help = "Examples:\n  medveil account certificate show --key administrator.key\n  medveil account certificate show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    Show(ShowArgs),
    /// List certificates, the newest first
    #[command(after_help = "Example:\n  medveil account certificate list --organisation hospital-1")]
    List(ListArgs),
    /// Revoke a certificate for ever: that of the account that signs, or as an administrator a colleague's
    #[command(
        after_help = "Example:\n  medveil account certificate revoke 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --cause compromise --account administrator.key\n\nHave the authority revoke it, too. The ledger reads no lists of authorities: what one revokes, the organisation or the members must revoke here."
    )]
    Revoke(RevokeArgs),
}

/// `medveil account certificate request`.
#[derive(Args, Debug)]
pub struct RequestArgs {
    /// The account's SM2 key file
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The organisation's name for people, as it stands on the ledger
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// The common name, which says whose key of the organisation it is
    #[arg(long, value_name = "TEXT", default_value = "medveil")]
    pub common_name: String,
    /// The request
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace what exists
    #[arg(long)]
    pub overwrite: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil account certificate register`.
#[derive(Args, Debug)]
pub struct RegisterArgs {
    /// The certificate
    pub certificate: PathBuf,
    /// The certificate of the authority that has signed it, if that is not the one that is admitted
    #[arg(long, value_name = "FILE")]
    pub intermediate: Option<PathBuf>,
    /// The authority that is admitted: its certificate, or its SHA-256 fingerprint [default: the one of that name]
    #[arg(long, value_name = "FILE|HEX")]
    pub issuer: Option<String>,
    /// What is the same in every transaction.
    #[command(flatten)]
    pub common: Common,
}

/// `medveil account certificate show`.
#[derive(Args, Debug)]
#[group(id = "which", required = true, multiple = false, args = ["id", "key"])]
pub struct ShowArgs {
    /// The certificate's id
    pub id: Option<CertificateId>,
    /// The key file whose certificate is asked for
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Which node is asked.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil account certificate revoke`.
#[derive(Args, Debug)]
pub struct RevokeArgs {
    /// The certificate's id
    pub id: CertificateId,
    /// The cause: request, breach, compromise, leak, unavailable or order
    #[arg(long, value_parser = vocabulary(Cause::ALL, Cause::name))]
    pub cause: Cause,
    /// What is the same in every transaction.
    #[command(flatten)]
    pub common: Common,
}

/// Runs the command.
pub fn run(args: &CertificateArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        CertificateCommand::Request(args) => request(args, console),
        CertificateCommand::Register(args) => register(args, console),
        CertificateCommand::Show(args) => show(args, console),
        CertificateCommand::List(args) => {
            let columns = ["certificate", "organisation", "until", "standing", "issuer"];
            let now = clock::now_ms();
            super::list("certificates", args, &columns, console, |item| {
                let value = &item["value"];
                let over = value["not_after_ms"].as_u64().is_some_and(|until| until < now);
                let standing = match value["revoked"]["since"].as_u64() {
                    Some(since) => format!("{} {since}", console.text("revoked at height", "吊销于高度")),
                    None if over => console.text("expired", "已过期").to_owned(),
                    None => console.text("registered", "已登记").to_owned(),
                };
                vec![
                    super::text(&item["id"]),
                    super::text(&value["organisation"]),
                    value["not_after_ms"].as_u64().map(super::evidence::time).unwrap_or_default(),
                    standing,
                    super::text(&value["issuer"]),
                ]
            })
        }
        CertificateCommand::Revoke(args) => revoke(args, console),
    }
}

fn request(args: &RequestArgs, console: &Console) -> Result<(), Failure> {
    let key = sm2_key(&args.key, Kind::Account, console)?;
    let subject = write::name(&args.name, &args.common_name);
    let der = write::request(&subject, &key).ok_or_else(|| not_sm2(&args.key, console))?;
    write_new(&args.out, pem::write(pem::REQUEST, &der).as_bytes(), args.overwrite, false)?;
    if args.json {
        return console.json(&json!({ "out": args.out, "key": key.public(), "name": args.name }));
    }
    console.note(match console.lang() {
        Lang::En => format!(
            "{} written: `{}` asks for a certificate of the key {}. Take it to an authority that the members have admitted",
            args.out.display(),
            args.name,
            key.public()
        ),
        Lang::Zh => format!(
            "{} 已写入：`{}` 为公钥 {} 申请证书。请提交给联盟已接纳的证书签发机构",
            args.out.display(),
            args.name,
            key.public()
        ),
    });
    Ok(())
}

fn register(args: &RegisterArgs, console: &Console) -> Result<(), Failure> {
    let certificate = read(&args.certificate, console)?;
    let intermediate = args.intermediate.as_deref().map(|path| read(path, console)).transpose()?;
    let signer = Signer::new(&args.common.sign, console)?;
    let top = intermediate.as_ref().unwrap_or(&certificate);
    let issuer = match &args.issuer {
        Some(text) => match text.parse::<IssuerId>() {
            Ok(id) => id,
            Err(_) => read(Path::new(text), console)?.1.issuer_id(),
        },
        None => admitted(signer.client(), &top.1, console)?,
    };
    let id = CertificateId::derive(signer.chain(), signer.account(), &certificate.1.key);
    let (fingerprint, until) = (certificate.1.fingerprint, certificate.1.not_after_ms);
    let action = CertificateRegister {
        issuer,
        certificate: certificate.0,
        intermediate: intermediate.map(|(der, _)| der),
    };
    let answer = signer.act(action, console)?;
    let time = super::evidence::time(until);
    let said = match console.lang() {
        Lang::En => format!("certificate/{id} registered, valid until {time}"),
        Lang::Zh => format!("已登记 certificate/{id}，有效期至 {time}"),
    };
    let extra = json!({ "certificate": id, "fingerprint": fingerprint, "issuer": issuer });
    done(&answer, extra, &said, args.common.json, console)
}

/// The authority on the ledger that has the name of the certificate's issuer.
fn admitted(client: &Client, top: &X509, console: &Console) -> Result<IssuerId, Failure> {
    let page = get(client, "/api/v1/issuers?limit=100", console)?;
    let subject = hex::encode(&top.issuer);
    let named = page["items"].as_array().into_iter().flatten().filter(|item| {
        item["value"]["subject"].as_str() == Some(&subject) && item["value"]["removed"].is_null()
    });
    let mut ids = named.filter_map(|item| item["id"].as_str()?.parse::<IssuerId>().ok());
    match (ids.next(), ids.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(Failure::Refused(
            console
                .text(
                    "no authority that the members have admitted has the name of the certificate's issuer; say --intermediate, or have it admitted (`medveil governance propose admit-issuer`)",
                    "联盟接纳的签发机构中没有与该证书签发者同名的；请用 --intermediate 给出中间证书，或先提议接纳（`medveil governance propose admit-issuer`）",
                )
                .to_owned(),
        )),
        (Some(_), Some(_)) => Err(Failure::unusable(console.text(
            "several authorities have the name of the certificate's issuer: say which with --issuer",
            "有多个签发机构与该证书签发者同名：请用 --issuer 指定",
        ))),
    }
}

fn show(args: &ShowArgs, console: &Console) -> Result<(), Failure> {
    let client = args.node.client()?;
    let id = match (&args.id, &args.key) {
        (Some(id), _) => *id,
        (None, Some(path)) => {
            let chain = client.status().map_err(|error| error.failure(console))?.chain;
            let file = KeyFile::read(path, Kind::Account).map_err(|refusal| told(&refusal, console))?;
            let PublicKey::Sm2(key) = file.public() else { return Err(not_sm2(path, console)) };
            let account =
                file.account().unwrap_or_else(|| medveil_ledger::AccountId::derive(chain, &file.public()));
            CertificateId::derive(chain, account, &key)
        }
        (None, None) => return Err(Failure::unusable("an id or --key")),
    };
    let certificate = get(&client, &format!("/api/v1/certificates/{id}"), console)?;
    if args.json { console.json(&certificate) } else { super::show(&certificate, console) }
}

fn revoke(args: &RevokeArgs, console: &Console) -> Result<(), Failure> {
    let signer = Signer::new(&args.common.sign, console)?;
    let (id, cause) = (args.id, args.cause);
    let found: Value = get(signer.client(), &format!("/api/v1/certificates/{id}"), console)?;
    let fingerprint = found["value"]["fingerprint"].as_str().and_then(|text| text.parse::<Digest>().ok());
    let fingerprint = fingerprint.ok_or_else(|| {
        Failure::unusable(console.text("the node answered what is no certificate", "节点的答复不是证书"))
    })?;
    let answer = signer.act(CertificateRevoke { certificate: id, fingerprint, cause }, console)?;
    let said = match console.lang() {
        Lang::En => format!("certificate/{id} revoked ({cause})"),
        Lang::Zh => format!("已吊销 certificate/{id}（{}）", cause.chinese()),
    };
    done(&answer, json!({ "certificate": id, "fingerprint": fingerprint }), &said, args.common.json, console)
}

/// The SM2 key of a key file of a kind.
pub(super) fn sm2_key(path: &Path, kind: Kind, console: &Console) -> Result<SigningKey, Failure> {
    let file = KeyFile::read(path, kind).map_err(|refusal| told(&refusal, console))?;
    match file.public() {
        PublicKey::Sm2(_) => Ok(file.signing_key()),
        _ => Err(not_sm2(path, console)),
    }
}

fn not_sm2(path: &Path, console: &Console) -> Failure {
    Failure::unusable(match console.lang() {
        Lang::En => format!("{}: certificates are for SM2 keys, this is another", path.display()),
        Lang::Zh => format!("{}：证书只用于 SM2 密钥，此密钥不是", path.display()),
    })
}

/// The bytes of a file in PEM or DER.
pub(super) fn read_der(path: &Path, label: &str) -> Result<Vec<u8>, Failure> {
    let bytes =
        std::fs::read(path).map_err(|error| Failure::unusable(format!("{}: {error}", path.display())))?;
    Ok(std::str::from_utf8(&bytes).ok().and_then(|text| pem::read(label, text)).unwrap_or(bytes))
}

/// A certificate of the profile, as it is handed in and as it is read.
pub(super) fn read(path: &Path, console: &Console) -> Result<(CertificateDer, X509), Failure> {
    let der = read_der(path, pem::CERTIFICATE)?;
    let certificate = X509::read(&der).map_err(|reason| named(path, &reason, console))?;
    let der = CertificateDer::new(der)
        .map_err(|error| Failure::unusable(format!("{}: {error}", path.display())))?;
    Ok((der, certificate))
}

/// A reason of the ledger's, told before anything is handed in.
pub(super) fn named(path: &Path, reason: &impl Named, console: &Console) -> Failure {
    Failure::Refused(match console.lang() {
        Lang::En => format!("{}: {reason} ({})", path.display(), reason.name()),
        Lang::Zh => format!("{}：{}（{}）", path.display(), reason.chinese(), reason.name()),
    })
}
