//! Services of Debian under the field's own agents, in a sandbox in namespaces of its own: a file system, an address, nginx,
//! Apache and PostgreSQL are started, watched, moved and recovered.
//!
//! Needs root; services that are not installed are skipped by name.

use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const NAME: &str = "services_of_debian_are_run_and_recovered";
/// Longer than any of these services needs on a machine with much else to do.
const TIMES: [(&str, &str, &str); 3] = [("start", "0", "120s"), ("stop", "0", "120s"), ("monitor", "2s", "60s")];

/// One service: its agent, what must be installed, and its parameters.
struct Service {
    id: &'static str,
    agent: &'static str,
    program: PathBuf,
    parameters: Vec<(&'static str, String)>,
}

fn service(id: &'static str, agent: &'static str, program: impl Into<PathBuf>, parameters: &[(&'static str, &str)]) -> Service {
    let parameters = parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Service { id, agent, program: program.into(), parameters }
}

/// Returns where the newest PostgreSQL keeps its programs.
fn postgres() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.pop().unwrap_or_else(|| "/usr/lib/postgresql/bin".into())
}

fn services(folder: &Path) -> Vec<Service> {
    let path = |name: &str| folder.join(name).display().to_string();
    let (nginx, apache, postgres) = (path("nginx.conf"), path("apache.conf"), postgres());
    let web = format!(
        "worker_processes 1;\npid {0}/nginx.pid;\nerror_log {0}/nginx.log;\nevents {{ }}\nhttp {{\n  access_log off;\n  \
         server {{ listen 127.0.0.1:8081; location / {{ return 200 'ok'; }} }}\n}}\n",
        folder.display()
    );
    std::fs::write(&nginx, web).unwrap();
    let modules = "/usr/lib/apache2/modules";
    let loads = ["mpm_event", "authz_core", "status"].map(|module| format!("LoadModule {module}_module {modules}/mod_{module}.so\n"));
    let site = format!(
        "{}ServerName localhost\nListen 127.0.0.1:8082\nPidFile {1}/apache.pid\nErrorLog {1}/apache.log\nDocumentRoot {1}\nDefaultRuntimeDir {1}\n\
         <Location /server-status>\n  SetHandler server-status\n  Require all granted\n</Location>\n",
        loads.concat(),
        folder.display()
    );
    std::fs::write(&apache, site).unwrap();
    let program = |name: &str| postgres.join(name).display().to_string();
    vec![
        service(
            "disk",
            "Filesystem",
            "/bin/mount",
            &[("device", &path("files")), ("directory", &path("mnt")), ("fstype", "none"), ("options", "bind")],
        ),
        service("address", "IPaddr2", "/sbin/ip", &[("ip", "10.77.0.9"), ("cidr_netmask", "24"), ("nic", "test0")]),
        service("proxy", "nginx", "/usr/sbin/nginx", &[("configfile", &nginx), ("status10url", "http://127.0.0.1:8081/")]),
        service("web", "apache", "/usr/sbin/apache2", &[("configfile", &apache), ("statusurl", "http://127.0.0.1:8082/server-status")]),
        service(
            "db",
            "pgsql",
            postgres.join("initdb"),
            &[
                ("pgctl", &program("pg_ctl")),
                ("psql", "/usr/bin/psql"),
                ("pgdata", &path("db/data")),
                ("logfile", &path("db/log")),
                ("socketdir", &path("db")),
                ("start_opt", &format!("-k {}", path("db"))),
                ("pgport", "8083"),
            ],
        ),
    ]
}

/// Returns the configuration: all services in one group that prefers node1, then node2.
fn configuration(services: &[Service]) -> String {
    let mut text = "<cib admin_epoch='0' epoch='1' num_updates='0' validate-with='pacemaker-3.9'><configuration><crm_config/><nodes/><resources><group id='site'>".to_owned();
    for Service { id, agent, parameters, .. } in services {
        let _ = write!(text, "<primitive id='{id}' class='ocf' provider='heartbeat' type='{agent}'><instance_attributes id='{id}-i'>");
        for (name, value) in parameters {
            let _ = write!(text, "<nvpair id='{id}-{name}' name='{name}' value='{value}'/>");
        }
        text.push_str("</instance_attributes><operations>");
        for (name, interval, timeout) in TIMES {
            let _ = write!(text, "<op id='{id}-{name}' name='{name}' interval='{interval}' timeout='{timeout}'/>");
        }
        text.push_str("</operations></primitive>");
    }
    let prefer = |node: &str, score: u32| format!("<rsc_location id='on-{node}' rsc='site' node='{node}' score='{score}'/>");
    text + "</group></resources><constraints>"
        + &prefer("node1", 100)
        + &prefer("node2", 50)
        + "</constraints></configuration><status/></cib>"
}

/// Makes a database that its agent can start.
fn make_database(folder: &Path, initdb: &Path) -> bool {
    let home = folder.join("db");
    std::fs::create_dir(&home).unwrap();
    let owned = Command::new("chown").arg("postgres").arg(&home).status().unwrap().success();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
        .arg(initdb)
        .args(["--auth=trust", "-N", "-D"])
        .arg(home.join("data"));
    let output = command.output().unwrap();
    assert!(owned && output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

#[test]
fn services_of_debian_are_run_and_recovered() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: {NAME}: it needs root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    ["mnt", "files"].iter().for_each(|name| std::fs::create_dir(folder.path().join(name)).unwrap());
    let mut services = services(folder.path());
    services.retain(|service| {
        let agent = Path::new("/usr/lib/ocf/resource.d/heartbeat").join(service.agent);
        let missing = [&agent, &service.program].into_iter().find(|path| !path.exists());
        if let Some(path) = missing {
            println!("skipped: {NAME} with {}: there is no {}", service.agent, path.display());
        }
        missing.is_none()
    });
    if services.is_empty() {
        println!("skipped: {NAME}: no agent of Debian's package resource-agents is installed");
        return;
    }
    if let Some(database) = services.iter().find(|service| service.agent == "pgsql") {
        make_database(folder.path(), &database.program);
    }
    let expected = |node: &str| services.iter().map(|service| format!("expect {} on {node}\n", service.id)).collect::<String>();
    // The nodes share this machine's mounts and addresses, so that a node that boots would find active what runs elsewhere.
    let fail = "run crm_resource -F -r address -N node2\nwait\nshows crm_failcount -G -r address -N node2 : value=1\n";
    let scenario = format!(
        "wait\n{0}standby node1\nwait\n{1}{fail}{1}standby node2\nwait\n{2}",
        expected("node1"),
        expected("node2"),
        expected("node3")
    );
    let (cib, script) = (folder.path().join("cib.xml"), folder.path().join("scenario"));
    std::fs::write(&cib, configuration(&services)).unwrap();
    std::fs::write(&script, scenario).unwrap();
    // Mounts and addresses of the services go with the namespaces.
    let inside = "mount --make-rprivate / && ip link set lo up && ip link add test0 type veth peer name test1 && ip link set test0 up && \
        ip link set test1 up && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--mount", "--net", "--", "sh", "-c", inside, "sh", env!("CARGO_BIN_EXE_systole"), "sandbox", "--nodes", "3", "--cib"])
        .arg(&cib)
        .arg("--script")
        .arg(&script)
        .arg("--folder")
        .arg(folder.path().join("sandbox"))
        .output()
        .unwrap();
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if shown.contains("unshare failed") {
        println!("skipped: {NAME}: no namespaces can be made here: {shown}");
        return;
    }
    assert!(output.status.success(), "{shown}");
    println!("{shown}");
}
