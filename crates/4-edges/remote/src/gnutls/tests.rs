//! Sessions of two sides whose bytes are carried here: under a key, with certificates, and with nobody proven.

use super::*;

fn carry(from: &mut Session, to: &mut Session) {
    let bytes = from.take_outgoing();
    to.feed(&bytes);
}

/// Returns both sides, or says that the test is left out without the library.
fn pair(test: &str, client: Proof<'_>, server: Proof<'_>) -> Option<(Session, Session)> {
    match (Session::new(Side::Client, client), Session::new(Side::Server, server)) {
        (Ok(client), Ok(server)) => Some((client, server)),
        (Err(error), _) | (_, Err(error)) => {
            println!("skipped: {test}: {error}");
            None
        }
    }
}

/// Goes on until both are done or one refuses.
fn shake(client: &mut Session, server: &mut Session) -> Result<(), TlsError> {
    let (mut client_done, mut server_done) = (false, false);
    for _ in 0..20 {
        client_done = client_done || client.handshake()?;
        carry(client, server);
        server_done = server_done || server.handshake()?;
        carry(server, client);
        if client_done && server_done {
            return Ok(());
        }
    }
    panic!("no end of the handshake");
}

#[test]
fn the_two_sides_understand_each_other_under_one_key_only() {
    let Some((mut client, mut server)) =
        pair("the_two_sides_understand_each_other_under_one_key_only", Proof::Key(b"geheim"), Proof::Key(b"geheim"))
    else {
        return;
    };
    shake(&mut client, &mut server).unwrap();
    let text = vec![b'x'; 100_000];
    client.send(&text).unwrap();
    carry(&mut client, &mut server);
    let mut heard = Vec::new();
    assert!(!server.receive(&mut heard).unwrap());
    assert_eq!(heard, text);
    server.close();
    carry(&mut server, &mut client);
    assert!(client.receive(&mut Vec::new()).unwrap());

    for other in [Proof::Key(b"another"), Proof::Nobody] {
        let (mut client, mut server) =
            (Session::new(Side::Client, Proof::Key(b"geheim")).unwrap(), Session::new(Side::Server, other).unwrap());
        assert!(shake(&mut client, &mut server).is_err(), "{other:?}");
    }
}

#[test]
fn two_that_do_not_know_each_other_speak_in_private() {
    let Some((mut client, mut server)) = pair("two_that_do_not_know_each_other_speak_in_private", Proof::Nobody, Proof::Nobody) else {
        return;
    };
    shake(&mut client, &mut server).unwrap();
    client.send(b"geheim").unwrap();
    let bytes = client.take_outgoing();
    assert!(!bytes.windows(6).any(|part| part == b"geheim"));
    server.feed(&bytes);
    let mut heard = Vec::new();
    assert!(!server.receive(&mut heard).unwrap());
    assert_eq!(heard, b"geheim");
}

/// Runs `openssl` in a folder; the words are split at spaces.
fn openssl(folder: &Path, words: &str) -> bool {
    let run = std::process::Command::new("openssl").args(words.split(' ')).current_dir(folder).output();
    run.is_ok_and(|output| output.status.success())
}

/// Makes an authority of this name that vouches for two hosts, and a list of those that it does not vouch for any more: the second.
fn authority(folder: &Path, name: &str) -> bool {
    let config = format!("[ca]\ndefault_ca={name}\n[{name}]\ndatabase={name}.db\ndefault_md=sha256\n");
    std::fs::write(folder.join(format!("{name}.cnf")), config).unwrap();
    std::fs::write(folder.join(format!("{name}.db")), "").unwrap();
    let new = "req -newkey rsa:2048 -nodes -days 2";
    let of = |host: &str| {
        openssl(
            folder,
            &format!("{new} -x509 -CA {name}.pem -CAkey {name}.key -subj /CN={host} -out {host}.{name}.pem -keyout {host}.{name}.key"),
        )
    };
    let with = format!("-config {name}.cnf -cert {name}.pem -keyfile {name}.key");
    openssl(folder, &format!("{new} -x509 -subj /CN={name} -out {name}.pem -keyout {name}.key"))
        && of("one")
        && of("two")
        && openssl(folder, &format!("ca {with} -revoke two.{name}.pem"))
        && openssl(folder, &format!("ca {with} -gencrl -crldays 2 -out {name}.crl"))
}

#[test]
fn certificates_prove_who_somebody_is_to_whoever_trusts_the_same() {
    let test = "certificates_prove_who_somebody_is_to_whoever_trusts_the_same";
    let folder = tempfile::tempdir().unwrap();
    if !(authority(folder.path(), "ours") && authority(folder.path(), "theirs")) {
        return println!("skipped: {test}: openssl cannot make certificates");
    }
    let files = |host: &str, by: &str, trusts: &str, revoked: bool| Certificates {
        authorities: folder.path().join(format!("{trusts}.pem")),
        certificate: folder.path().join(format!("{host}.{by}.pem")),
        key: folder.path().join(format!("{host}.{by}.key")),
        revoked: revoked.then(|| folder.path().join(format!("{trusts}.crl"))),
    };
    let server = files("one", "ours", "ours", true);
    // How an attempt to speak ends for the server, and for the client.
    let speak = |client: Proof<'_>| {
        let (mut client, mut server) = pair(test, client, Proof::Certificates(&server))?;
        let shaken = shake(&mut client, &mut server).map_err(|error| error.to_string());
        carry(&mut server, &mut client);
        let told = client.handshake().and_then(|_| client.receive(&mut Vec::new())).map_err(|error| error.to_string());
        Some((shaken, told))
    };
    let Some(both) = speak(Proof::Certificates(&files("one", "ours", "ours", false))) else { return };
    assert_eq!(both, (Ok(()), Ok(false)));
    let (server_says, client_says) = speak(Proof::Certificates(&files("two", "ours", "ours", false))).unwrap();
    assert!(server_says.is_err_and(|why| why.contains("revoked")) && client_says.is_err_and(|why| why.contains("refused")));
    let (server_says, client_says) = speak(Proof::Certificates(&files("one", "theirs", "ours", false))).unwrap();
    assert!(server_says.is_err() && client_says.is_err(), "a certificate of somebody whom the server does not trust");
    // The client does not trust whom it meets.
    let (client_says, _) = speak(Proof::Certificates(&files("one", "ours", "theirs", false))).unwrap();
    assert!(client_says.is_err_and(|why| why.contains("issuer is unknown")));
    for other in [Proof::Nobody, Proof::Key(b"geheim")] {
        assert!(speak(other).unwrap().0.is_err(), "{other:?}");
    }
    let absent = Certificates { key: folder.path().join("absent"), ..server.clone() };
    let error = Session::new(Side::Server, Proof::Certificates(&absent)).err().unwrap().to_string();
    assert!(error.contains("one.ours.pem"), "{error}");
}
