//! Certificates for hosts that know each other by them.

use crate::Host;

/// The folder of a host in which they are.
pub const CERTIFICATES: &str = "/etc/certificates";

/// Makes an authority that vouches for `member` and `admin`, and a certificate of its own for `stranger`; gives them to every host.
///
/// # Errors
/// A host is off, or has no openssl.
pub fn certificates(hosts: &[Host]) -> anyhow::Result<()> {
    let [first, others @ ..] = hosts else { return Ok(()) };
    let make = "mkdir -p $folder && cd $folder\n\
                new='openssl req -newkey rsa:2048 -nodes -days 2 -x509'\n\
                $new -subj /CN=authority -out authority.pem -keyout authority.key\n\
                for name in member admin; do\n\
                    $new -CA authority.pem -CAkey authority.key -subj /CN=$name -out $name.pem -keyout $name.key\n\
                done\n\
                $new -subj /CN=stranger -out stranger.pem -keyout stranger.key\n\
                chmod 644 *";
    first.script(make, &[("folder", CERTIFICATES)])?;
    let given = ["member", "admin", "stranger"].map(|name| [format!("{name}.pem"), format!("{name}.key")]).concat();
    for name in given.iter().map(String::as_str).chain(["authority.pem"]) {
        let text = first.run("cat", &[&format!("{CERTIFICATES}/{name}")])?;
        let variables = [("folder", CERTIFICATES), ("name", name), ("text", text.as_str())];
        for other in others {
            other.script("mkdir -p $folder && printf '%s\\n' \"$text\" >$folder/$name", &variables)?;
        }
    }
    Ok(())
}

/// Returns the variables that name the certificate `whose` to a daemon, and the authority whose word it takes.
pub fn naming(whose: &str) -> String {
    format!("PCMK_ca_file={CERTIFICATES}/authority.pem PCMK_cert_file={CERTIFICATES}/{whose}.pem PCMK_key_file={CERTIFICATES}/{whose}.key")
}
