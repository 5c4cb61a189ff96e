//! Who may ask a node over HTTP: requests signed with keys of the ledger, once, for this node, in time.

use medveil_ledger::{AccountId, OrganisationId, SigningKey};
use medveil_node::custody::auth::{AuthFault, Line};
use medveil_node::keys::{KeyFile, Kind};
use medveil_node::{Folder, Members, Services, clock};

use crate::chain::run;

#[test]
fn a_request_is_believed_once_in_time_from_a_key_of_the_ledger_and_for_this_node() {
    let parent = tempfile::tempdir().unwrap();
    let list = r#"
        chain = "trial"
        parameters = { min-validators = 1 }
        [[member]]
        organisation = "hospital-1"
        name = "First"
        role = "hospital"
        address = "127.0.0.1:PORT"
    "#;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let list = list.replace("PORT", &port.to_string());
    Members::parse(&list).unwrap().create(&parent.path().join("network"), clock::now_ms()).unwrap();
    let folder = Folder::new(parent.path().join("network/hospital-1"));
    let administrator = KeyFile::read(&folder.administrator_key_file(), Kind::Account).unwrap().signing_key();
    run(async {
        let opened = folder.open(clock::now_ms()).unwrap();
        let node = opened.start(clock::now_ms(), 0).await.unwrap();
        let services = Services::start(&opened, opened.stores().await.unwrap(), &node).unwrap();
        let custody = services.custody().unwrap().clone();
        while node.nonce(&AccountId([0; 32])).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let chain = node.rules().chain();
        let me = OrganisationId::new("hospital-1").unwrap();
        let path = "/api/v1/custody/x/1/health";
        let line = Line { chain, method: "GET", path, receiver: me, body: b"" };
        let header = |line: &Line<'_>, key: &SigningKey, time_ms: u64, nonce: u8| {
            let account = AccountId::derive(chain, &key.public());
            sign(line, account, key, time_ms, nonce)
        };
        let ask =
            async |header: Option<String>| custody.authenticate("GET", path, b"", header.as_deref()).await;
        let now = clock::now_ms();

        let good = header(&line, &administrator, now, 1);
        let caller = ask(Some(good.clone())).await.unwrap();
        assert_eq!(caller.organisation, me);
        assert_eq!(ask(Some(good)).await, Err(AuthFault::Replayed));
        assert!(matches!(ask(None).await, Err(AuthFault::Unsigned { .. })));
        let late = header(&line, &administrator, now - 61_000, 2);
        assert!(matches!(ask(Some(late)).await, Err(AuthFault::Time { .. })));
        let early = header(&line, &administrator, now + 70_000, 3);
        assert!(matches!(ask(Some(early)).await, Err(AuthFault::Time { .. })));
        let stranger = header(&line, &SigningKey::ed25519([9; 32]), now, 4);
        assert!(matches!(ask(Some(stranger)).await, Err(AuthFault::Account { .. })));
        // For another node, about something else, with another body: signed, but not this.
        let other = OrganisationId::new("hospital-2").unwrap();
        for line in [
            Line { receiver: other, ..line },
            Line { path: "/api/v1/custody/x/2/health", ..line },
            Line { method: "PUT", ..line },
            Line { body: b"more", ..line },
        ] {
            let elsewhere = header(&line, &administrator, now, 5);
            assert_eq!(ask(Some(elsewhere)).await, Err(AuthFault::Signature));
        }
        // A key that is none of the account's.
        let account = AccountId::derive(chain, &administrator.public());
        let key = SigningKey::ed25519([9; 32]);
        let borrowed = sign(&line, account, &key, now, 6);
        assert_eq!(ask(Some(borrowed)).await, Err(AuthFault::Key));
        services.stop().await;
        tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
    });
}

fn sign(line: &Line<'_>, account: AccountId, key: &SigningKey, time_ms: u64, nonce: u8) -> String {
    let by = |digest| Ok::<_, std::convert::Infallible>((key.public(), key.sign_digest(digest)));
    line.sign(account, time_ms, [nonce; 16], by).unwrap().0
}
