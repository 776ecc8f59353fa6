//! The Debian package on a host: it takes Pacemaker's place, brings its names, and goes without a trace of the program.
//!
//! Runs where a package was built: `cargo xtask test` packs the program under test, `cargo xtask package` the release.

use lab::{Lab, Settings, Stack, missing, program, skip};
use std::path::PathBuf;

/// The package that was built last, beside the program.
fn package() -> Option<PathBuf> {
    let target = program().ancestors().nth(2)?.to_owned();
    let folders = [target.join("test-package"), target].into_iter().filter_map(|folder| std::fs::read_dir(folder).ok());
    let packages = folders.flat_map(|folder| folder.flatten().map(|entry| entry.path()));
    packages
        .filter(|path| path.extension().is_some_and(|end| end == "deb"))
        .max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok())
}

#[test]
fn the_package_takes_pacemaker_s_place_and_goes_again() -> anyhow::Result<()> {
    const NAME: &str = "the_package_takes_pacemaker_s_place_and_goes_again";
    let found = missing().map_or_else(|| package().ok_or_else(|| "no package is built: cargo xtask package".to_owned()), Err);
    let package = match found {
        Ok(package) => package,
        Err(reason) => {
            skip(NAME, &reason);
            return Ok(());
        }
    };
    let lab = Lab::new(&Settings::hosts(1), Stack::Systole)?;
    let host = &lab.hosts[0];
    std::fs::copy(package, host.path("/tmp/systole.deb").expect("the host is on"))?;
    // As apt does it: what conflicts goes first; what depends on it stays, since ours provides it.
    host.run("dpkg", &["--force-depends", "--remove", "pacemaker", "pacemaker-cli-utils"])?;
    host.run("dpkg", &["--force-depends", "-i", "/tmp/systole.deb"])?;
    for package in ["crmsh", "pcs", "pacemaker-common"] {
        assert_eq!(host.run("dpkg-query", &["-W", "-f", "${db:Status-Status}", package])?, "installed", "{package}");
    }
    assert!(host.run("dpkg", &["--audit"])?.is_empty(), "nothing is left half installed");
    // crmsh and pcs find the tools, the daemons' meta-data and the schemas where they look for them.
    assert!(host.run("/usr/lib/pacemaker/pacemaker-controld", &["metadata"])?.contains("stonith-watchdog-timeout"));
    assert!(host.run("fence_watchdog", &["-o", "metadata"])?.contains("fence_watchdog"));
    // The disks of a lab's host begin without what packages make in /var/log.
    host.run("mkdir", &["-p", "/var/log/crmsh"])?;
    host.run("crm", &["--version"])?;
    host.run("test", &["-e", "/usr/share/pacemaker/pacemaker-3.9.rng"])?;
    host.run("cp", &["/usr/share/doc/systole/copyright", "/tmp/copyright"])?;
    assert!(
        host.run("systemd-analyze", &["verify", "/lib/systemd/system/systole.service"]).is_ok(),
        "the unit is one that systemd understands"
    );
    assert!(host.run("crm_mon", &["--version"])?.contains("Systole"));
    assert!(host.run("systole", &["help"])?.contains("cluster"));
    for file in [
        "/lib/systemd/system/systole.service",
        "/usr/lib/ocf/resource.d/systole/Dummy",
        "/etc/corosync/uidgid.d/systole",
        "/etc/default/systole",
    ] {
        assert!(host.run("test", &["-e", file]).is_ok(), "{file}");
    }
    assert!(host.run("dpkg-query", &["-W", "-f", "${db:Status-Status}", "pacemaker"]).map_or(true, |state| state != "installed"));
    // Again over itself, as an upgrade, then away.
    host.run("dpkg", &["--force-depends", "-i", "/tmp/systole.deb"])?;
    host.run("dpkg", &["--force-depends", "--purge", "systole"])?;
    for file in ["/usr/sbin/systole", "/usr/sbin/crm_mon", "/etc/corosync/uidgid.d/systole"] {
        assert!(host.run("test", &["-e", file]).is_err(), "{file} is left");
    }
    Ok(())
}
