//! Administration from a host that is no member: Debian's tools and ours, on a cluster of ours and of Debian's Pacemaker, over TLS and in the
//! clear. Users, passwords and rules of PAM are the lab hosts' own.

use lab::{CERTIFICATES, Host, Lab, Settings, Stack, certificates, cib, eventually, missing, naming, skip};
use std::path::Path;
use std::time::Duration;

/// Generous, for a machine that does other work as well; nothing is timed.
const LIMIT: Duration = Duration::from_secs(120);
const TLS: u16 = 9898;
const CLEAR: u16 = 9897;

/// Whose program is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Whose {
    Debian,
    Ours,
}

/// Somebody at a host outside the cluster.
struct Client<'l> {
    host: &'l Host,
    server: &'l str,
    whose: Whose,
    port: u16,
    /// The name of the certificate it shows, of those that `certificates` makes.
    certificate: Option<&'l str>,
}

impl Client<'_> {
    /// Runs a tool under this name and password; returns the exit code and all that it printed.
    fn says(&self, user: &str, password: &str, words: &[&str]) -> anyhow::Result<(i32, String)> {
        let mut command = self.host.command("env")?;
        command.args([
            format!("CIB_server={}", self.server),
            format!("CIB_port={}", self.port),
            format!("CIB_encrypted={}", self.port == TLS),
            format!("CIB_user={user}"),
            format!("CIB_passwd={password}"),
        ]);
        if let Some(name) = self.certificate {
            command.args([
                format!("CIB_ca_file={CERTIFICATES}/authority.pem"),
                format!("CIB_cert_file={CERTIFICATES}/{name}.pem"),
                format!("CIB_key_file={CERTIFICATES}/{name}.key"),
            ]);
        }
        command.args(["timeout", "60"]);
        match self.whose {
            Whose::Debian => command.arg(format!("/usr/sbin/{}", words[0])),
            Whose::Ours => command.arg(lab::program()).arg(words[0]),
        };
        let output = command.args(&words[1..]).output()?;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok((output.status.code().unwrap_or(-1), text))
    }

    /// The same for somebody whose name is the password's beginning, as `people` makes them.
    fn as_user(&self, user: &str, words: &[&str]) -> anyhow::Result<(i32, String)> {
        self.says(user, &format!("{user}-secret"), words)
    }
}

/// Makes users on a host (anna and dora are members of haclient, carl is not) and the rules by which PAM judges them.
fn people(host: &Host, rules: &str) -> anyhow::Result<()> {
    host.script(
        &format!(
            "n=7000\n\
             for user in anna carl dora; do\n\
                 n=$((n + 1))\n\
                 echo \"$user:x:$n:$n::/:/bin/false\" >>/etc/passwd\n\
                 echo \"$user:x:$n:\" >>/etc/group\n\
                 echo \"$user:$(openssl passwd -6 \"$user-secret\"):19000:0:99999:7:::\" >>/etc/shadow\n\
             done\n\
             sed -i 's/^\\(haclient:[^:]*:[^:]*:\\).*/\\1anna,dora/' /etc/group\n\
             sed -i \"s|^hacluster:[^:]*:|hacluster:$(openssl passwd -6 hacluster-secret):|\" /etc/shadow\n\
             printf '{rules}' >/etc/pam.d/lab"
        ),
        &[],
    )
    .map(drop)
}

const BY_PASSWORD: &str = "auth required pam_unix.so nodelay\\naccount required pam_unix.so\\n";
/// Pacemaker's daemon is no root: the passwords of others it could not look at.
const EVERYBODY: &str = "auth required pam_permit.so\\naccount required pam_permit.so\\n";

/// Starts a cluster of one host that can be administered from another one; anna may see nodes, dora may change everything.
fn cluster(stack: Stack, rules: &str) -> anyhow::Result<Lab> {
    let lab = Lab::new(&Settings { witness: true, ..Settings::hosts(1) }, stack)?;
    started(lab, rules, "CIB_pam_service=lab")
}

fn started(lab: Lab, rules: &str, environment: &str) -> anyhow::Result<Lab> {
    people(&lab.hosts[0], rules)?;
    lab.set_environment(environment);
    let acls = "<acls><acl_role id=\"reader\"><acl_permission id=\"r1\" kind=\"read\" xpath=\"//nodes\"/></acl_role>\
                <acl_role id=\"writer\"><acl_permission id=\"w1\" kind=\"write\" xpath=\"/cib\"/></acl_role>\
                <acl_target id=\"anna\"><role id=\"reader\"/></acl_target><acl_target id=\"dora\"><role id=\"writer\"/></acl_target></acls>";
    let document = cib(&[("stonith-enabled", "false"), ("enable-acl", "true")], "", "")
        .replace("</configuration>", &format!("{acls}</configuration>"))
        .replace("<cib ", &format!("<cib remote-tls-port=\"{TLS}\" remote-clear-port=\"{CLEAR}\" "));
    lab.preload(&document)?;
    lab.start_all()?;
    let is_up = eventually(LIMIT, || lab.tool(&lab.hosts[0], "crm_mon", &["-1"]).is_ok_and(|text| text.contains("Online: [ node1 ]")));
    anyhow::ensure!(is_up, "the cluster does not start\n{}", lab.story());
    Ok(lab)
}

fn lacking() -> Option<String> {
    let needs = ["/usr/sbin/cibadmin", "/usr/bin/openssl", "/usr/sbin/pacemakerd"];
    missing().or_else(|| needs.iter().find(|tool| !Path::new(tool).exists()).map(|tool| format!("{tool} is not installed")))
}

#[test]
fn whoever_may_administers_from_another_host() -> anyhow::Result<()> {
    if let Some(reason) = lacking() {
        skip("whoever_may_administers_from_another_host", &reason);
        return Ok(());
    }
    let lab = cluster(Stack::Systole, BY_PASSWORD)?;
    let [inside, outside] = &lab.hosts[..] else { anyhow::bail!("two hosts are expected") };
    for (whose, port) in [(Whose::Debian, TLS), (Whose::Debian, CLEAR), (Whose::Ours, TLS), (Whose::Ours, CLEAR)] {
        let client = Client { host: outside, server: inside.address(), whose, port, certificate: None };
        let context = format!("{whose:?} {port}");
        let (code, text) = client.as_user("hacluster", &["cibadmin", "-Q", "-o", "resources"])?;
        assert!(code == 0 && text.contains("id=\"fencing\""), "{context}: {code} {text}\n{}", lab.story());
        let (code, text) = client.as_user("anna", &["cibadmin", "-Q"])?;
        assert!(code == 0 && text.contains("uname=\"node1\"") && !text.contains("fencing"), "{context}: {code} {text}");
        assert_eq!(client.as_user("anna", &["cibadmin", "--bump"])?.0, 4, "{context}: anna changes something");
        assert_eq!(client.says("anna", "guessed", &["cibadmin", "-Q"])?.0, 76, "{context}: a wrong password");
        assert_eq!(client.as_user("carl", &["cibadmin", "-Q"])?.0, 76, "{context}: no member of haclient");
        let value = format!("{whose:?}-{port}");
        let (code, text) = client.as_user("dora", &["crm_attribute", "-n", "said", "-v", &value])?;
        assert_eq!(code, 0, "{context}: {text}");
        let (_, text) = client.as_user("dora", &["crm_attribute", "-n", "said", "-G", "-q"])?;
        assert_eq!(text.trim(), value, "{context}");
        let here = lab.tool(inside, "cibadmin", &["-Q"])?;
        assert!(
            here.contains(&value) && here.contains("update-user=\"dora\"") && here.contains("update-client=\"crm_attribute\""),
            "{here}"
        );
        let (code, text) = client.as_user("hacluster", &["crm_mon", "-1"])?;
        assert!(code == 0 && text.contains("Online: [ node1 ]"), "{context}: {code} {text}");
        let (code, text) = client.as_user("hacluster", &["cibadmin", "-C", "-o", "resources", "-X", "<primitive id=\"fencing\"/>"])?;
        assert_eq!(code, 108, "{context}: {text}");
        assert_eq!(client.as_user("hacluster", &["cibadmin", "-Q", "--xpath", "//nothing"])?.0, 105, "{context}");
    }
    // Debian's monitor is told of a change, and looks at nothing by itself meanwhile.
    let client = Client { host: outside, server: inside.address(), whose: Whose::Debian, port: TLS, certificate: None };
    let words = ["crm_mon", "--daemonize", "--output-as=text", "--output-to=/tmp/status", "--interval=3600s", "--pid-file=/tmp/pid"];
    assert_eq!(client.as_user("hacluster", &words)?.0, 0);
    let shows = |text: &str| eventually(LIMIT, || outside.run("cat", &["/tmp/status"]).is_ok_and(|shown| shown.contains(text)));
    assert!(shows("Online: [ node1 ]"), "{:?}", outside.run("cat", &["/tmp/status"]));
    lab.tool(inside, "crm_standby", &["-N", "node1", "-v", "on"])?;
    // Its wish to hear of changes follows its first look at everything, and may have been on its way when that one was made.
    let shows_soon = || {
        eventually(Duration::from_secs(10), || {
            outside.run("cat", &["/tmp/status"]).is_ok_and(|shown| shown.contains("Node node1: standby"))
        })
    };
    let tells = |more: u8| lab.tool(inside, "crm_attribute", &["-n", "more", "-v", &more.to_string()]).is_ok();
    let shows_standby = shows_soon() || (0..10).any(|more| tells(more) && shows_soon());
    assert!(shows_standby, "{:?}\n{}", outside.run("cat", &["/tmp/status"]), lab.story());
    // What only members know is not asked of them from outside.
    let ours = Client { whose: Whose::Ours, ..client };
    assert_eq!(ours.as_user("hacluster", &["crm_resource", "--cleanup"])?.0, 69);
    // A door that is closed shows out whoever is in, and lets nobody in.
    lab.tool(inside, "cibadmin", &["-M", "--xml-text", "<cib remote-tls-port=\"0\"/>"])?;
    assert!(eventually(LIMIT, || ours.as_user("hacluster", &["cibadmin", "-Q"]).is_ok_and(|(code, _)| code == 102)));
    Ok(())
}

#[test]
fn our_tools_administer_pacemaker_from_another_host() -> anyhow::Result<()> {
    if let Some(reason) = lacking() {
        skip("our_tools_administer_pacemaker_from_another_host", &reason);
        return Ok(());
    }
    let lab = cluster(Stack::Pacemaker, EVERYBODY)?;
    let [inside, outside] = &lab.hosts[..] else { anyhow::bail!("two hosts are expected") };
    for port in [TLS, CLEAR] {
        let client = Client { host: outside, server: inside.address(), whose: Whose::Ours, port, certificate: None };
        let (code, text) = client.as_user("hacluster", &["cibadmin", "-Q", "-o", "resources"])?;
        assert!(code == 0 && text.contains("id=\"fencing\""), "{port}: {code} {text}");
        let (code, text) = client.as_user("anna", &["cibadmin", "-Q"])?;
        assert!(code == 0 && text.contains("uname=\"node1\"") && !text.contains("fencing"), "{port}: {code} {text}");
        assert_eq!(client.as_user("anna", &["cibadmin", "--bump"])?.0, 4, "{port}");
        assert_eq!(client.as_user("carl", &["cibadmin", "-Q"])?.0, 76, "{port}");
        let value = format!("ours-{port}");
        let (code, text) = client.as_user("dora", &["crm_attribute", "-n", "said", "-v", &value])?;
        assert_eq!(code, 0, "{port}: {text}");
        let here = lab.tool(inside, "cibadmin", &["-Q"])?;
        assert!(
            here.contains(&value) && here.contains("update-user=\"dora\"") && here.contains("update-client=\"crm_attribute\""),
            "{here}"
        );
        let (code, text) = client.as_user("hacluster", &["crm_mon", "-1"])?;
        assert!(code == 0 && text.contains("Online: [ node1 ]"), "{port}: {code} {text}");
        let (code, text) = client.as_user("hacluster", &["cibadmin", "-C", "-o", "resources", "-X", "<primitive id=\"fencing\"/>"])?;
        assert_eq!(code, 108, "{port}: {text}");
    }
    Ok(())
}

#[test]
fn where_certificates_are_named_only_who_shows_one_comes_to_the_password() -> anyhow::Result<()> {
    if let Some(reason) = lacking() {
        skip("where_certificates_are_named_only_who_shows_one_comes_to_the_password", &reason);
        return Ok(());
    }
    let lab = Lab::new(&Settings { witness: true, ..Settings::hosts(1) }, Stack::Systole)?;
    certificates(&lab.hosts)?;
    let lab = started(lab, BY_PASSWORD, &format!("CIB_pam_service=lab {}", naming("member")))?;
    let [inside, outside] = &lab.hosts[..] else { anyhow::bail!("two hosts are expected") };
    let ours = Client { host: outside, server: inside.address(), whose: Whose::Ours, port: TLS, certificate: Some("admin") };
    let (code, text) = ours.as_user("hacluster", &["cibadmin", "-Q", "-o", "resources"])?;
    assert!(code == 0 && text.contains("id=\"fencing\""), "{code} {text}\n{}", lab.story());
    assert_eq!(ours.says("hacluster", "guessed", &["cibadmin", "-Q"])?.0, 76, "a wrong password");
    for (whose, certificate) in [(Whose::Ours, Some("stranger")), (Whose::Ours, None), (Whose::Debian, None)] {
        let other = Client { host: outside, server: inside.address(), whose, port: TLS, certificate };
        let (code, text) = other.as_user("hacluster", &["cibadmin", "-Q"])?;
        assert!(code != 0 && !text.contains("fencing"), "{whose:?} with {certificate:?}: {code} {text}\n{}", lab.story());
    }
    Ok(())
}
