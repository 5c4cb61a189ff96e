//! Certificates of SM2 keys, from the authority to a refused transaction, with a real node.

use std::process::Command;

use serde_json::Value;

use super::ledger::Network;
use super::{Home, Said};

const SECOND: &str = "[[member]]\norganisation = \"hospital-2\"\nname = \"第二医院\"\nrole = \"hospital\"\n";

/// The administrators' key files.
const FIRST_ADMINISTRATOR: &str = "net/hospital-1/keys/administrator.key";
const SECOND_ADMINISTRATOR: &str = "net/hospital-2/keys/administrator.key";

fn authority(home: &Home, name: &str, file: &str) -> Value {
    let (key, certificate) = (format!("{file}.key"), format!("{file}.crt"));
    home.ok(&[
        "network",
        "authority",
        "new",
        "--name",
        name,
        "--key-out",
        &key,
        "--out",
        &certificate,
        "--json",
    ])
    .json()
}

/// Asks for a certificate of a key, has the authority sign it, and names the file.
fn certified(home: &Home, key: &str, name: &str, out: &str) -> String {
    let (request, certificate) = (format!("{out}.csr"), format!("{out}.crt"));
    home.ok(&["account", "certificate", "request", "--key", key, "--name", name, "--out", &request]);
    let sign = ["network", "authority", "sign", &request, "--authority", "ca.crt", "--key", "ca.key"];
    home.ok(&[&sign[..], &["--out", &certificate]].concat());
    certificate
}

impl Network {
    /// An SM2 account that an administrator opens.
    fn opened(&self, out: &str, capacity: &str, administrator: &str) {
        let new = ["account", "new", "--out", out, "--suite", "sm2", "--capacity", capacity];
        self.ok(&[&new[..], &["--account", administrator]].concat());
    }

    fn register(&self, certificate: &str, key: &str) -> Said {
        self.run(&["account", "certificate", "register", certificate, "--account", key, "--json"])
    }

    fn note(&self, key: &str) -> Said {
        let details = "07".repeat(32);
        let note = ["audit", "notarise", "organisation/hospital-1", "--step", "access"];
        self.run(&[&note[..], &["--reason", "research", "--details", &details, "--account", key]].concat())
    }

    /// A measure that the one voter decides by proposing it.
    fn decide(&self, measure: &[&str]) -> Value {
        let propose = ["governance", "propose"];
        self.ok(&[&propose[..], measure, &["--account", FIRST_ADMINISTRATOR, "--json"]].concat()).json()
    }
}

fn refused(said: &Said, reason: &str) {
    assert_eq!(said.code, Some(1), "{}", said.all());
    assert!(said.stderr.contains(reason), "{reason}: {}", said.all());
}

#[test]
fn a_chain_that_wants_certificates_takes_what_certified_keys_sign_and_nothing_else_of_sm2() {
    let network = Network::start_with("", SECOND);
    let home = &network.home;
    let id = authority(home, "Harbour Health", "ca")["issuer"].as_str().unwrap().to_owned();
    network.opened("doctor.key", "staff", FIRST_ADMINISTRATOR);
    network.opened("other.key", "staff", SECOND_ADMINISTRATOR);
    let certificate = certified(home, "doctor.key", "第一医院", "doctor");

    // Nobody has admitted the authority yet.
    refused(&network.register(&certificate, "doctor.key"), "no authority that the members have admitted");
    let named = ["--issuer", "ca.crt", "--account", "doctor.key"];
    let register = ["account", "certificate", "register", &certificate];
    refused(&network.run(&[&register[..], &named].concat()), "issuer.unknown");
    network.decide(&["admit-issuer", "ca.crt"]);
    let issuer = network.ok(&["audit", "export", &format!("issuer/{id}"), "--out", "ca.evidence"]);
    assert!(!issuer.all().contains("error"), "{}", issuer.all());

    let registered = network.register(&certificate, "doctor.key").json();
    let id = registered["certificate"].as_str().unwrap().to_owned();
    refused(&network.register(&certificate, "doctor.key"), "certificate.same");
    let shown = network.ok(&["account", "certificate", "show", "--key", "doctor.key", "--json"]).json();
    assert_eq!(shown["id"], registered["certificate"]);
    assert_eq!(shown["value"]["fingerprint"], registered["fingerprint"]);
    assert_eq!(shown["value"]["organisation"], "hospital-1");

    // The other hospital has none of this: not this certificate, not one in the other's name, not one of an authority of its own.
    network.decide(&["change-parameters", "require-certificates=1"]);
    assert_eq!(network.note("doctor.key").code, Some(0));
    assert_eq!(network.note(SECOND_ADMINISTRATOR).code, Some(0), "Ed25519 is not asked");
    refused(&network.note("other.key"), "certificate.required");
    refused(&network.register(&certificate, "other.key"), "certificate.key");
    let pretended = certified(home, "other.key", "第一医院", "pretended");
    refused(&network.register(&pretended, "other.key"), "certificate.organisation");
    authority(home, "Harbour Health", "own");
    let sign =
        ["network", "authority", "sign", "pretended.csr", "--authority", "own.crt", "--key", "own.key"];
    home.ok(&[&sign[..], &["--out", "own-made.crt"]].concat());
    refused(&network.register("own-made.crt", "other.key"), "certificate.organisation");
    home.ok(&[
        "account",
        "certificate",
        "request",
        "--key",
        "other.key",
        "--name",
        "第二医院",
        "--out",
        "o.csr",
    ]);
    let sign = ["network", "authority", "sign", "o.csr", "--authority", "own.crt", "--key", "own.key"];
    home.ok(&[&sign[..], &["--out", "o.crt"]].concat());
    refused(&network.register("o.crt", "other.key"), "certificate.signature");
    refused(&network.note("other.key"), "certificate.required");

    // What it was at which height is provable to others.
    let said = network.evidence(&format!("certificate/{id}"), &[], "doctor.evidence");
    assert!(said.contains("hospital-1"), "{said}");

    // Revoked, in both languages, and for good.
    let revoke = ["account", "certificate", "revoke", &id, "--cause", "compromise"];
    refused(
        &network.run(&[&revoke[..], &["--account", SECOND_ADMINISTRATOR]].concat()),
        "certificate.not_yours",
    );
    network.ok(&[&revoke[..], &["--account", FIRST_ADMINISTRATOR]].concat());
    refused(&network.note("doctor.key"), "certificate.revoked");
    refused(&network.register(&certificate, "doctor.key"), "certificate.revoked");
    let details = "07".repeat(32);
    let note = ["audit", "notarise", "organisation/hospital-1", "--step", "access", "--reason", "research"];
    let more = ["--details", &details, "--account", "doctor.key", "--lang", "zh"];
    let mut chinese = Command::new(env!("CARGO_BIN_EXE_medveil"));
    chinese.args(note).args(more).current_dir(home.folder.path());
    let node = network
        .command(&[])
        .get_envs()
        .find(|(name, _)| *name == "MEDVEIL_NODE")
        .unwrap()
        .1
        .unwrap()
        .to_owned();
    let said = Said::from(chinese.env("MEDVEIL_NODE", node).output().unwrap());
    refused(&said, "证书已被吊销");
    let listed = network.ok(&["account", "certificate", "list", "--json"]).json();
    assert_eq!(listed["items"][0]["value"]["revoked"]["cause"], "compromise");

    // Another certificate of the same key, and it signs again; a vote revokes that one, and a vote ends the rule.
    let second = certified(home, "doctor.key", "第一医院", "doctor-2");
    let fingerprint =
        network.register(&second, "doctor.key").json()["fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(network.note("doctor.key").code, Some(0));
    let grounds = ["--cause", "order", "--details", &details];
    network.decide(&[&["revoke-certificate", &id, "--fingerprint", &fingerprint][..], &grounds].concat());
    refused(&network.note("doctor.key"), "certificate.revoked");
    network.decide(&["change-parameters", "require-certificates=0"]);
    assert_eq!(network.note("doctor.key").code, Some(0));
}

#[test]
fn an_authority_of_the_list_of_members_is_admitted_from_the_beginning() {
    let scratch = Home::new();
    authority(&scratch, "Harbour Health", "ca");
    let issuers = format!("issuers = [\"\"\"\n{}\"\"\"]\n", scratch.text("ca.crt"));
    let network = Network::start_with(&issuers, &format!("{SECOND}suite = \"sm2\"\n"));
    for file in ["ca.crt", "ca.key"] {
        std::fs::copy(scratch.path(file), network.home.path(file)).unwrap();
    }
    network.decide(&["change-parameters", "require-certificates=1"]);
    refused(&network.note(SECOND_ADMINISTRATOR), "certificate.required");
    let certificate = certified(&network.home, SECOND_ADMINISTRATOR, "第二医院", "second");
    assert_eq!(network.register(&certificate, SECOND_ADMINISTRATOR).code, Some(0));
    assert_eq!(network.note(SECOND_ADMINISTRATOR).code, Some(0));
}

#[test]
fn what_an_authority_is_asked_for_is_looked_at() {
    let home = Home::new();
    let made = authority(&home, "Harbour Health", "ca");
    assert_eq!(made["issuer"].as_str().unwrap().len(), 64);
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(home.path("ca.key")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(home.text("ca.key").contains("kind = \"authority\"") && home.text("ca.key").contains("\"sm2\""));
    let again = ["network", "authority", "new", "--name", "X", "--key-out", "ca.key", "--out", "x.crt"];
    assert_eq!(home.run(&again).code, Some(2));
    assert!(!home.path("x.crt").exists(), "no certificate without its key");

    home.ok(&["account", "new", "--out", "doctor.key", "--suite", "sm2"]);
    home.ok(&["account", "new", "--out", "edwards.key"]);
    let request = |key: &str| {
        home.run(&["account", "certificate", "request", "--key", key, "--name", "第一医院", "--out", "d.csr"])
    };
    assert!(request("edwards.key").stderr.contains("certificates are for SM2 keys"));
    assert!(request("ca.key").stderr.contains("kind `authority`"));
    assert_eq!(request("doctor.key").code, Some(0));
    let sign = |request: &str, authority: &str, key: &str| {
        home.run(&[
            "network",
            "authority",
            "sign",
            request,
            "--authority",
            authority,
            "--key",
            key,
            "--out",
            "d.crt",
            "--overwrite",
        ])
    };
    assert!(sign("d.csr", "ca.crt", "doctor.key").stderr.contains("kind `account`"));
    authority(&home, "Another", "other");
    refused(&sign("d.csr", "other.crt", "ca.key"), "is not the key of");
    refused(&sign("ca.crt", "ca.crt", "ca.key"), "certificate.malformed");
    let broken = home.text("d.csr").replacen('M', "N", 1);
    home.write("broken.csr", broken);
    refused(&sign("broken.csr", "ca.crt", "ca.key"), "certificate.");
    assert_eq!(sign("d.csr", "ca.crt", "ca.key").code, Some(0));
    refused(&sign("d.csr", "d.crt", "ca.key"), "certificate.not_authority");
}

/// Others read what we write: OpenSSL 3 with SM2, where it is installed.
#[test]
fn openssl_takes_our_requests_and_certificates() {
    let openssl = |folder: &Home, args: &[&str]| {
        let said = Command::new("openssl").args(args).current_dir(folder.folder.path()).output();
        said.ok().map(Said::from)
    };
    let home = Home::new();
    let curves = openssl(&home, &["ecparam", "-list_curves"]);
    if !curves.is_some_and(|said| said.stdout.contains("SM2")) {
        eprintln!("skipped: no openssl with SM2 is installed");
        return;
    }
    let openssl = |args: &[&str]| openssl(&home, args).unwrap();
    authority(&home, "Harbour Health", "ca");
    home.ok(&["account", "new", "--out", "doctor.key", "--suite", "sm2"]);
    certified(&home, "doctor.key", "第一医院", "doctor");
    let identity = ["-vfyopt", "distid:1234567812345678"];
    let request = openssl(&[&["req", "-in", "doctor.csr", "-noout", "-verify"][..], &identity].concat());
    assert!(request.code == Some(0) && request.all().contains("verify OK"), "{}", request.all());
    for file in ["ca.crt", "doctor.crt"] {
        let verify = [&["verify"][..], &identity, &["-CAfile", "ca.crt", file]].concat();
        let said = openssl(&verify);
        assert_eq!(said.stdout, format!("{file}: OK\n"), "{}", said.all());
    }
    // And the other way: a certificate that OpenSSL makes of our request, under its own authority.
    let key = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", "o.key"];
    assert_eq!(openssl(&key).code, Some(0));
    let id = ["-sigopt", "distid:1234567812345678"];
    let root =
        ["req", "-x509", "-new", "-key", "o.key", "-sm3", "-subj", "/C=CN/O=O/CN=Root", "-out", "o.crt"];
    let said = openssl(&[&root[..], &id].concat());
    assert_eq!(said.code, Some(0), "{}", said.all());
    home.write("o.ext", "basicConstraints = CA:FALSE\nkeyUsage = critical,digitalSignature\n");
    let sign = ["x509", "-req", "-in", "doctor.csr", "-CA", "o.crt", "-CAkey", "o.key", "-sm3", "-days", "9"];
    let more = ["-extfile", "o.ext", "-out", "theirs.crt"];
    let said = openssl(&[&sign[..], &id, &identity, &more].concat());
    assert_eq!(said.code, Some(0), "{}", said.all());
    let read = |file: &str| {
        let text = home.text(file);
        let der = medveil_ledger::x509::pem::read(medveil_ledger::x509::pem::CERTIFICATE, &text).unwrap();
        medveil_ledger::x509::X509::read(&der).unwrap()
    };
    let (root, theirs) = (read("o.crt"), read("theirs.crt"));
    assert_eq!(theirs.check_signer(), Ok(()));
    assert_eq!(theirs.check_signed_by(&root.subject, &root.key), Ok(()));
    assert_eq!(theirs.organisation.as_deref(), Some("第一医院"));
}
