//! Databases with replication under the field's own agents, on hosts: one is promoted, its host crashes, another is promoted with all
//! that was acknowledged. The agents call the cluster's tools at every monitor, and find ours where they look for them.

use lab::{Host, Lab, Settings, Stack, cib, eventually, missing, skip};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Generous, for a machine that does other work as well; nothing is timed.
const LIMIT: Duration = Duration::from_secs(180);
const ADDRESS: &str = "10.77.0.100";

fn expect(lab: &Lab, what: &str, holds: impl FnMut() -> bool) {
    if !eventually(LIMIT, holds) {
        let status = lab.hosts.iter().find_map(|host| lab.tool(host, "crm_mon", &["-1rAf"]).ok()).unwrap_or_default();
        panic!("not within {LIMIT:?}: {what}\n{status}\n{}", lab.story());
    }
}

fn parameters(id: &str, values: &[(&str, &str)]) -> String {
    let mut text = format!("<instance_attributes id=\"{id}-p\">");
    for (name, value) in values {
        let _ = write!(text, "<nvpair id=\"{id}-{name}\" name=\"{name}\" value=\"{value}\"/>");
    }
    text + "</instance_attributes>"
}

/// A promotable database of this agent with an address that follows the promoted one; `copies` instances of it.
fn database(agent: &str, values: &[(&str, &str)], copies: usize, watch: &str) -> (String, String) {
    let mut operations = String::new();
    for name in ["start", "stop", "promote", "demote", "notify"] {
        let _ = write!(operations, "<op id=\"db-{name}\" name=\"{name}\" interval=\"0\" timeout=\"120s\"/>");
    }
    let _ = write!(operations, "<op id=\"db-w\" name=\"monitor\" interval=\"{watch}\" timeout=\"60s\"/>");
    operations += "<op id=\"db-wp\" name=\"monitor\" interval=\"3s\" timeout=\"60s\" role=\"Promoted\"/>";
    let resources = format!(
        "<clone id=\"dbs\"><meta_attributes id=\"dbs-m\"><nvpair id=\"dbs-p\" name=\"promotable\" value=\"true\"/>\
         <nvpair id=\"dbs-n\" name=\"notify\" value=\"true\"/><nvpair id=\"dbs-c\" name=\"clone-max\" value=\"{copies}\"/></meta_attributes>\
         <primitive id=\"db\" class=\"ocf\" provider=\"heartbeat\" type=\"{agent}\">{}<operations>{operations}</operations></primitive></clone>\
         <primitive id=\"address\" class=\"ocf\" provider=\"heartbeat\" type=\"IPaddr2\">{}</primitive>",
        parameters("db", values),
        parameters("address", &[("ip", ADDRESS), ("cidr_netmask", "24"), ("nic", "eth0")])
    );
    let constraints = "<rsc_colocation id=\"c\" rsc=\"address\" with-rsc=\"dbs\" with-rsc-role=\"Promoted\" score=\"INFINITY\"/>\
        <rsc_order id=\"o\" first=\"dbs\" first-action=\"promote\" then=\"address\" then-action=\"start\" symmetrical=\"false\"/>\
        <rsc_location id=\"l\" rsc=\"dbs\" node=\"node3\" score=\"-INFINITY\"/>";
    (resources, constraints.to_owned())
}

/// Three hosts with the cluster's tools in place, and the cluster not started.
fn hosts() -> anyhow::Result<Lab> {
    let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
    lab.hosts.iter().try_for_each(Host::install)?;
    Ok(lab)
}

/// The scenario: `ask` runs a statement through the service's address on a host that has no copy, and returns the answer. What was
/// acknowledged before the crash of the promoted host is there after it.
fn survives_a_crash(lab: &Lab, has_copied: impl Fn(&Host) -> bool, ask: impl Fn(&Host, &str) -> Option<String>, table: &str) {
    let client = lab.host("node3");
    let serving = || lab.hosts.iter().find(|host| host.answers_to(ADDRESS));
    // Once only, also when an earlier attempt was carried out and its answer lost.
    let insert = |line: usize| {
        let once = format!("select {line} from (select 1 as one) as source where not exists (select 1 from {table} where line = {line})");
        ask(client, &format!("insert into {table} (line) {once}")).is_some()
    };
    expect(lab, "the database takes a line", || insert(1));
    let first = serving().map(|host| host.name.clone()).expect("the address is somewhere");
    expect(lab, "the other host has copied it", || {
        has_copied(lab.hosts.iter().find(|host| host.name != first && host.name != "node3").expect("two hosts have a copy"))
    });
    for line in 2..=20 {
        assert!(insert(line), "line {line} was not taken\n{}", lab.story());
    }
    let copier = lab.hosts.iter().find(|host| host.name != first && host.name != "node3").expect("two hosts have a copy");
    expect(lab, "the other host is up to date", || has_copied(copier) && ask(client, "select 1").is_some());
    lab.host(&first).crash();
    expect(lab, "another host takes a line", || serving().is_some_and(|host| host.name != first) && insert(21));
    let count = ask(client, &format!("select count(*) from {table}"));
    assert_eq!(count.as_deref(), Some("21"), "lines were lost\n{}", lab.story());
    assert!(lab.presses().iter().any(|(_, press)| *press == format!("reboot {first}")), "{:?}", lab.presses());
}

#[test]
fn postgresql_replicates_and_fails_over() -> anyhow::Result<()> {
    const NAME: &str = "postgresql_replicates_and_fails_over";
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|version| version.path().join("bin"));
    let programs: Option<PathBuf> = versions.filter(|programs| programs.join("pg_ctl").exists()).max();
    let (None, Some(programs)) = (missing(), programs) else {
        skip(NAME, &missing().unwrap_or_else(|| "PostgreSQL is not installed".to_owned()));
        return Ok(());
    };
    let lab = hosts()?;
    let programs = programs.display().to_string();
    let prepare = include_str!("databases/postgresql.sh");
    lab.hosts[0].script(prepare, &[("BIN", &programs), ("FIRST", "")])?;
    lab.hosts[1].script(prepare, &[("BIN", &programs), ("FIRST", lab.hosts[0].address())])?;
    let end = "cd /; exec setpriv --reuid postgres --regid postgres --clear-groups $BIN/pg_ctl -D /var/lib/replicated/data -m fast -w stop";
    lab.hosts[0].script(end, &[("BIN", &programs)])?;
    let values = [
        ("pgctl", &*format!("{programs}/pg_ctl")),
        ("psql", &*format!("{programs}/psql")),
        ("pgdata", "/var/lib/replicated/data"),
        ("tmpdir", "/var/lib/replicated/tmp"),
        ("logfile", "/var/lib/replicated/log"),
        ("socketdir", "/run/postgresql"),
        ("rep_mode", "sync"),
        ("node_list", "node1 node2"),
        ("master_ip", ADDRESS),
        ("repuser", "postgres"),
        ("restart_on_promote", "false"),
        ("restore_command", "cp /var/lib/replicated/archive/%f %p"),
    ];
    let (resources, constraints) = database("pgsql", &values, 2, "4s");
    lab.start_all()?;
    lab.load(lab.host("node1"), &cib(&[("stonith-enabled", "true")], &resources, &constraints))?;
    let ask = |host: &Host, statement: &str| {
        let line = "exec timeout 5 \"$BIN/psql\" -h \"$ADDRESS\" -U postgres -Atq -v ON_ERROR_STOP=1 -c \"$STATEMENT\"";
        let answer = host.script(line, &[("BIN", &programs), ("ADDRESS", ADDRESS), ("STATEMENT", statement), ("PGCONNECT_TIMEOUT", "3")]);
        answer.ok().map(|text| text.trim().to_owned())
    };
    // The promoted one's word for a copy without which it acknowledges nothing.
    let has_copied = |copier: &Host| {
        let status = lab.tool(copier, "crm_attribute", &["-l", "reboot", "-N", &copier.name, "-n", "db-status", "-G", "-q"]);
        status.is_ok_and(|status| status.trim() == "HS:sync")
    };
    survives_a_crash(&lab, has_copied, ask, "kept");
    Ok(())
}

#[test]
fn mariadb_replicates_and_fails_over() -> anyhow::Result<()> {
    const NAME: &str = "mariadb_replicates_and_fails_over";
    let absent = !Path::new("/usr/sbin/mariadbd").exists() || !Path::new("/usr/lib/ocf/resource.d/heartbeat/mariadb").exists();
    if let Some(reason) = missing().or(absent.then(|| "MariaDB or its agent is not installed".to_owned())) {
        skip(NAME, &reason);
        return Ok(());
    }
    let lab = hosts()?;
    for (host, number) in lab.hosts.iter().zip(["1", "2"]) {
        host.script(include_str!("databases/mariadb.sh"), &[("NUMBER", number)])?;
    }
    let values = [
        ("binary", "/usr/sbin/mariadbd"),
        ("client_binary", "/usr/bin/mariadb"),
        ("config", "/etc/mysql/replicated.cnf"),
        ("datadir", "/var/lib/replicated/data"),
        ("log", "/var/log/mariadb.log"),
        ("pid", "/run/mysqld/mysqld.pid"),
        ("socket", "/run/mysqld/mysqld.sock"),
        ("node_list", "node1 node2"),
        ("replication_user", "copy"),
        ("replication_passwd", "secret"),
        ("test_user", "root"),
    ];
    // The agent has a copy restarted that its first host was just torn away from, if it looks before the cluster knows.
    let (resources, constraints) = database("mariadb", &values, 2, "20s");
    lab.start_all()?;
    lab.load(lab.host("node1"), &cib(&[("stonith-enabled", "true")], &resources, &constraints))?;
    let ask = |host: &Host, statement: &str| {
        let line = "exec timeout 5 mariadb --connect-timeout=3 -h \"$ADDRESS\" -u copy -psecret -Ne \"$STATEMENT\"";
        host.script(line, &[("ADDRESS", ADDRESS), ("STATEMENT", statement)]).ok().map(|text| text.trim().to_owned())
    };
    let count = |host: &Host, address: &str| {
        let line = "exec timeout 5 mariadb --connect-timeout=3 -h \"$ADDRESS\" -u copy -psecret -Ne 'select count(*) from service.kept'";
        host.script(line, &[("ADDRESS", address)]).ok()
    };
    let has_copied = |copier: &Host| {
        let all = count(lab.host("node3"), ADDRESS);
        all.is_some() && all == count(lab.host("node3"), copier.address())
    };
    survives_a_crash(&lab, has_copied, ask, "service.kept");
    Ok(())
}
