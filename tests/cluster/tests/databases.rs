//! Databases with replication under the field's own agents, on hosts: one is promoted, its host crashes, another is promoted with all
//! that was acknowledged. The agents call the cluster's tools at every monitor, and find ours where they look for them.

use lab::{Host, Lab, Settings, Stack, cib, clone, missing, primitive, skip};
use std::path::{Path, PathBuf};

const ADDRESS: &str = "10.77.0.100";

/// A promotable database of this agent with an address that follows the promoted one; `copies` instances of it.
fn database(agent: &str, values: &[(&str, &str)], copies: &str, watch: &str) -> (String, String) {
    let actions = ["start", "stop", "promote", "demote", "notify"].map(|name| (name, "0", None));
    let watched = [("monitor", watch, None), ("monitor", "3s", Some("Promoted"))];
    let db = primitive("db", ("heartbeat", agent), values, &[&actions[..], &watched].concat());
    let address = primitive("address", ("heartbeat", "IPaddr2"), &[("ip", ADDRESS), ("cidr_netmask", "24"), ("nic", "eth0")], &[]);
    let constraints = "<rsc_colocation id=\"c\" rsc=\"address\" with-rsc=\"dbs\" with-rsc-role=\"Promoted\" score=\"INFINITY\"/>\
        <rsc_order id=\"o\" first=\"dbs\" first-action=\"promote\" then=\"address\" then-action=\"start\" symmetrical=\"false\"/>";
    let resources = clone("dbs", &db, &[("promotable", "true"), ("notify", "true"), ("clone-max", copies)]) + &address;
    (resources, constraints.to_owned())
}

/// Two hosts have a copy; the third one is the client.
const CLIENT: &str = "<rsc_location id=\"l\" rsc=\"dbs\" node=\"node3\" score=\"-INFINITY\"/>";

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
    lab.expect("the database takes a line", || insert(1));
    let first = serving().map(|host| host.name.clone()).expect("the address is somewhere");
    lab.expect("the other host has copied it", || {
        has_copied(lab.hosts.iter().find(|host| host.name != first && host.name != "node3").expect("two hosts have a copy"))
    });
    for line in 2..=20 {
        assert!(insert(line), "line {line} was not taken\n{}", lab.story());
    }
    let copier = lab.hosts.iter().find(|host| host.name != first && host.name != "node3").expect("two hosts have a copy");
    lab.expect("the other host is up to date", || has_copied(copier) && ask(client, "select 1").is_some());
    lab.host(&first).crash();
    lab.expect("another host takes a line", || serving().is_some_and(|host| host.name != first) && insert(21));
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
    let (resources, constraints) = database("pgsql", &values, "2", "4s");
    lab.start_all()?;
    lab.load(lab.host("node1"), &cib(&[("stonith-enabled", "true")], &resources, &(constraints + CLIENT)))?;
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
    let (resources, constraints) = database("mariadb", &values, "2", "20s");
    lab.start_all()?;
    lab.load(lab.host("node1"), &cib(&[("stonith-enabled", "true")], &resources, &(constraints + CLIENT)))?;
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

#[test]
fn redis_replicates_and_fails_over() -> anyhow::Result<()> {
    const NAME: &str = "redis_replicates_and_fails_over";
    let absent = !Path::new("/usr/bin/redis-server").exists() || !Path::new("/usr/lib/ocf/resource.d/heartbeat/redis").exists();
    if let Some(reason) = missing().or(absent.then(|| "Redis or its agent is not installed".to_owned())) {
        skip(NAME, &reason);
        return Ok(());
    }
    let lab = hosts()?;
    lab.hosts.iter().try_for_each(|host| host.script(include_str!("databases/redis.sh"), &[]).map(drop))?;
    let values = [("config", "/etc/redis/replicated.conf"), ("rundir", "/run/redis")];
    let (resources, constraints) = database("redis", &values, "3", "4s");
    lab.start_all()?;
    lab.load(lab.host("node1"), &cib(&[("stonith-enabled", "true")], &resources, &constraints))?;
    let serving = || lab.hosts.iter().find(|host| host.answers_to(ADDRESS));
    let ask = |commands: &str| {
        let line = "printf \"$COMMANDS\" | timeout 10 redis-cli -h \"$ADDRESS\"";
        serving()?.script(line, &[("ADDRESS", ADDRESS), ("COMMANDS", commands)]).ok()
    };
    // Acknowledged is what so many copies have. Each line counts once, however often it is asked for.
    let insert = |line: usize, copies: usize| {
        let answer = ask(&format!("sadd kept {line}\nwait {copies} 3000\n"));
        answer.and_then(|answer| answer.lines().last()?.parse::<usize>().ok()).is_some_and(|count| count >= copies)
    };
    lab.expect("all three have a line", || insert(1, 2));
    for line in 2..=20 {
        assert!(insert(line, 2), "line {line} was not taken\n{}", lab.story());
    }
    let first = serving().map(|host| host.name.clone()).expect("the address is somewhere");
    lab.host(&first).crash();
    lab.expect("another is promoted, and copied by the third", || serving().is_some_and(|host| host.name != first) && insert(21, 1));
    assert_eq!(ask("scard kept\n").as_deref(), Some("21\n"), "lines were lost\n{}", lab.story());
    assert!(lab.presses().iter().any(|(_, press)| *press == format!("reboot {first}")), "{:?}", lab.presses());
    let back = lab.host(&first);
    back.boot()?;
    back.install()?;
    back.script(include_str!("databases/redis.sh"), &[])?;
    lab.start(back)?;
    lab.expect("the one that was promoted copies the one that is", || insert(22, 2));
    assert_eq!(ask("scard kept\n").as_deref(), Some("22\n"), "lines were lost\n{}", lab.story());
    Ok(())
}

/// Returns how many lines a host's database has; none if it does not answer, or not as a part of the cluster.
fn lines_of(host: &Host) -> Option<String> {
    let line = "exec timeout 10 mariadb -S /run/mysqld/mysqld.sock -u root -Ne 'select count(*) from service.kept'";
    host.script(line, &[]).ok().map(|text| text.trim().to_owned())
}

#[test]
fn galera_begins_with_the_newest_data() -> anyhow::Result<()> {
    const NAME: &str = "galera_begins_with_the_newest_data";
    const LIBRARY: &str = "/usr/lib/galera/libgalera_smm.so";
    let needed = [LIBRARY, "/usr/bin/rsync", "/usr/bin/mysqld_safe", "/usr/lib/ocf/resource.d/heartbeat/galera"];
    let absent = needed.into_iter().find(|file| !Path::new(file).exists()).map(|file| format!("{file} is not installed"));
    if let Some(reason) = missing().or(absent) {
        skip(NAME, &reason);
        return Ok(());
    }
    let lab = hosts()?;
    let prepare = |host: &Host| {
        let variables = [("NAME", host.name.as_str()), ("ADDRESS", host.address()), ("LIBRARY", LIBRARY)];
        host.script(include_str!("databases/galera.sh"), &variables).map(drop)
    };
    lab.hosts.iter().try_for_each(prepare)?;
    let values = [
        ("wsrep_cluster_address", "gcomm://node1,node2,node3"),
        ("config", "/etc/mysql/replicated.cnf"),
        ("datadir", "/var/log/replicated/data"),
        ("log", "/var/log/mariadb.log"),
        ("pid", "/run/mysqld/mysqld.pid"),
        ("socket", "/run/mysqld/mysqld.sock"),
        ("check_user", "root"),
    ];
    let actions = ["start", "stop", "promote", "demote"].map(|name| (name, "0", None));
    let watched = [("monitor", "4s", None), ("monitor", "3s", Some("Promoted"))];
    let db = primitive("db", ("heartbeat", "galera"), &values, &[&actions[..], &watched].concat());
    let resources = clone("dbs", &db, &[("promotable", "true"), ("promoted-max", "3")]);
    lab.start_all()?;
    lab.load(lab.host("node1"), &cib(&[("stonith-enabled", "true")], &resources, ""))?;
    let all_have = |count: &str, names: &[&str]| names.iter().all(|name| lines_of(lab.host(name)).as_deref() == Some(count));
    lab.expect("all three take part", || all_have("0", &["node1", "node2", "node3"]));
    let insert = |name: &str, lines: std::ops::RangeInclusive<usize>| {
        let values: Vec<String> = lines.map(|line| format!("({line})")).collect();
        let statement = format!("insert into service.kept values {}", values.join(", "));
        lab.host(name).run("mariadb", &["-S", "/run/mysqld/mysqld.sock", "-u", "root", "-e", &statement])
    };
    insert("node2", 1..=20)?;
    assert!(all_have("20", &["node1", "node2", "node3"]), "{}", lab.story());
    // The last of its list is what the agent begins with where all are alike: this one must not be chosen later.
    lab.host("node3").crash();
    lab.expect("the others go on", || insert("node1", 21..=30).is_ok());
    lab.tool(lab.host("node1"), "crm_resource", &["-r", "dbs", "--meta", "-p", "target-role", "-v", "Stopped"])?;
    lab.expect("all are stopped", || lab.hosts.iter().all(|host| host.processes("mariadbd").is_empty()));
    let back = lab.host("node3");
    back.boot()?;
    back.install()?;
    prepare(back)?;
    lab.start(back)?;
    lab.expect_online(&["node1", "node2", "node3"]);
    lab.tool(lab.host("node1"), "crm_resource", &["-r", "dbs", "--meta", "-d", "target-role"])?;
    lab.expect("all three have everything, the one that was away as well", || all_have("30", &["node1", "node2", "node3"]));
    Ok(())
}
