//! The Debian packages that tests use. As root they are installed, with their services kept from starting;
//! otherwise, and on other systems, the tests that lack one say so and are skipped.

use anyhow::Context;
use std::path::Path;
use std::process::Command;

/// Package, and what uses it.
const PACKAGES: &[(&str, &str)] = &[
    ("resource-agents", "the sandbox tests run its agents (Dummy, Stateful, nginx, IPaddr2)"),
    ("nginx-light", "a real web server under its OCF agent"),
    ("apache2", "another one"),
    ("postgresql", "a real database under its OCF agent"),
    ("mariadb-server", "another one, which replicates"),
    ("redis-server", "another one, and what keeps its data on a shared disk"),
    ("galera-4", "MariaDB's library for clusters in which every node takes writes"),
    ("rsync", "what a node of such a cluster gets its data by"),
    ("libvirt-daemon", "virtual machines under their OCF agent"),
    ("libvirt-daemon-driver-qemu", "its part that speaks to QEMU"),
    ("libvirt-clients", "virsh, which that agent calls"),
    ("qemu-system-x86", "the machines, emulated"),
    ("e2fsprogs", "makes the file system on that disk"),
    ("iputils-ping", "the agent ping"),
    ("iputils-arping", "the agent ethmonitor wants it"),
    ("bc", "so it does this"),
    ("booth", "moves tickets between two clusters in the cluster tests"),
    ("systemd", "units as resources are tried with a systemd in namespaces"),
    ("kmod", "the agent Filesystem wants its modprobe"),
    ("dbus", "the bus on which that systemd is spoken to"),
    ("iproute2", "addresses and network namespaces"),
    ("pacemaker-cli-utils", "the incumbent's tools, to compare digests, patches and validation with ours"),
    ("cluster-glue", "its older fence plug-ins are spoken to through fence_legacy"),
    ("libxml2-utils", "xmllint, to compare validation with the field's schemas"),
    ("crmsh", "crm, with Pacemaker's tools and with ours"),
    ("pcs", "pcs, with Pacemaker's tools and with ours"),
    ("procps", "agents call ps and pgrep"),
    ("corosync", "the engine of several hosts, in the cluster tests"),
    ("pacemaker", "the user hacluster, agents of the cluster tests, and the incumbent of `bench failover`"),
    ("sbd", "the poison-pill disk is written and read by Debian's sbd as well"),
    ("fence-agents", "every agent's meta-data, fence_dummy and fence_sbd are run"),
    ("mount", "losetup, for that disk"),
    ("podman", "containers of bundles, in the cluster tests"),
    ("crun", "what podman runs them with"),
    ("openssl", "certificates of the cluster tests"),
    ("python3-minimal", "the fence agent of the cluster tests"),
    ("corosync-qnetd", "the witness of the cluster tests"),
    ("corosync-qdevice", "what asks it"),
    ("faketime", "a calendar that jumps on one host of the cluster tests"),
];

/// Packages that conflict with those above: only unpacked, for a program of theirs.
const UNPACKED: &[&str] = &["pacemaker-remote"];

/// Debian's policy file: while it says 101, no package starts a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

fn is_installed(package: &str) -> bool {
    Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]).output().is_ok_and(|output| output.stdout == b"installed")
}

fn missing() -> Vec<&'static str> {
    PACKAGES.iter().map(|(name, _)| *name).filter(|name| !is_installed(name)).collect()
}

/// Prints the packages, what uses them, and whether they are there.
pub fn list() -> anyhow::Result<()> {
    for (name, purpose) in PACKAGES {
        println!("{} {name:<22} {purpose}", if is_installed(name) { "installed" } else { "missing  " });
    }
    UNPACKED.iter().for_each(|name| println!("unpacked  {name:<22} the other side of remote nodes, in the cluster tests"));
    Ok(())
}

/// Installs what is missing where that is possible, and says what it does before it does it.
pub fn install() -> anyhow::Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !Path::new("/etc/debian_version").exists() || !is_root {
        eprintln!("packages: not installed here: {}; tests that need them are skipped by name", missing.join(", "));
        return Ok(());
    }
    refuse_on_a_cluster_node()?;
    eprintln!("packages: installing {} (their services are kept from starting)", missing.join(", "));
    let _guard = PolicyGuard::set()?;
    crate::run(Command::new("apt-get").args(["-qq", "update"]))?;
    crate::run(
        Command::new("apt-get")
            .args(["-qq", "install", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0"])
            .args(&missing)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// Unpacks below the target folder what cannot be installed beside the others; tests that lack it are skipped by name.
pub fn unpack(target: &Path) -> anyhow::Result<()> {
    let folder = target.join("debian");
    for package in UNPACKED {
        let place = folder.join(package);
        if place.exists() || !Path::new("/etc/debian_version").exists() {
            continue;
        }
        std::fs::create_dir_all(&folder)?;
        let fetched = Command::new("apt-get").args(["-qq", "download", package]).current_dir(&folder).output()?;
        let files = std::fs::read_dir(&folder)?.flatten().map(|entry| entry.path());
        let file =
            files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{package}_")))).max();
        let Some(file) = file.filter(|_| fetched.status.success()) else {
            eprintln!("packages: {package} could not be fetched; tests that need it are skipped");
            continue;
        };
        crate::run(Command::new("dpkg-deb").arg("--extract").args([&file, &place]))?;
        std::fs::remove_file(file)?;
    }
    Ok(())
}

/// A machine that is part of a cluster is no place for tests, nor for new packages.
fn refuse_on_a_cluster_node() -> anyhow::Result<()> {
    for process in ["corosync", "pacemakerd", "pacemaker-remoted"] {
        let runs = Command::new("pidof").arg(process).output().is_ok_and(|output| output.status.success());
        anyhow::ensure!(!runs, "{process} runs on this machine: tests are not run on a node of a cluster");
    }
    Ok(())
}

/// Keeps services from starting while it lives, unless the machine has a policy of its own.
struct PolicyGuard {
    ours: bool,
}

impl PolicyGuard {
    fn set() -> anyhow::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        std::fs::write(POLICY, "#!/bin/sh\nexit 101\n").context("failed to write the policy that keeps services from starting")?;
        std::fs::set_permissions(POLICY, std::fs::Permissions::from_mode(0o755))?;
        Ok(Self { ours: true })
    }
}

impl Drop for PolicyGuard {
    fn drop(&mut self) {
        if self.ours {
            let _ = std::fs::remove_file(POLICY);
        }
    }
}
