//! `cargo xtask package`: a Debian package of the release build, made with `dpkg-deb` alone.
//!
//! What is installed where is here; the scripts and unit files are in `packaging/`.

use anyhow::Context;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// From `packaging/`, to where in the package.
const FILES: &[(&str, &str)] = &[
    ("systole.service", "lib/systemd/system/systole.service"),
    ("systole-remote.service", "lib/systemd/system/systole-remote.service"),
    ("systole.default", "etc/default/systole"),
    ("systole.tmpfiles", "usr/lib/tmpfiles.d/systole.conf"),
    ("systole.uidgid", "etc/corosync/uidgid.d/systole"),
    ("systole.8", "usr/share/man/man8/systole.8"),
    ("debian/copyright", "usr/share/doc/systole/copyright"),
];

/// How the package is packed: well, or at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    Release,
    /// For the tests: the program as it is built for them, hardly compressed.
    Test,
}

/// Packs the program that tests run, for the test that installs it; `None` where no Debian package can be made.
pub fn for_tests() -> anyhow::Result<Option<PathBuf>> {
    if !Command::new("dpkg-deb").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Ok(None);
    }
    let target = target_folder()?;
    pack(&target.join("debug/systole"), &target.join("test-package"), Packing::Test).map(Some)
}

/// Builds the program and packs it; prints where the package is.
pub fn run() -> anyhow::Result<()> {
    crate::run(Command::new("cargo").args(["build", "--release", "--quiet", "--package", "systole", "--bin", "systole"]))?;
    let target = target_folder()?;
    let package = pack(&target.join("release/systole"), &target, Packing::Release)?;
    println!("{}", package.display());
    Ok(())
}

/// Returns the folder that cargo builds into.
pub fn target_folder() -> anyhow::Result<PathBuf> {
    let output =
        Command::new("cargo").args(["metadata", "--format-version=1", "--no-deps", "--offline"]).current_dir(crate::root()).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("failed to read what cargo says of the workspace")?;
    Ok(metadata["target_directory"].as_str().context("cargo names no target folder")?.into())
}

/// Packs a program that is built; returns the package.
fn pack(program: &Path, target: &Path, packing: Packing) -> anyhow::Result<PathBuf> {
    let (tree, sources) = (target.join("package"), crate::root().join("packaging"));
    let _ = fs::remove_dir_all(&tree);
    put(program, &tree.join("usr/sbin/systole"), 0o755)?;
    crate::run(Command::new("strip").arg("--strip-debug").arg(tree.join("usr/sbin/systole")))?;
    for (source, place) in FILES {
        put(&sources.join(source), &tree.join(place), 0o644)?;
    }
    // The program knows its own names.
    crate::run(Command::new(program).args(["links"]).arg(&tree))?;
    let architecture = text_of(Command::new("dpkg").arg("--print-architecture"))?;
    let version = text_of(Command::new(program).arg("--version"))?.trim_start_matches("systole ").to_owned() + "-1";
    let control = fs::read_to_string(sources.join("debian/control"))?;
    let control = control.replace("@VERSION@", &version).replace("@ARCHITECTURE@", &architecture);
    for (name, mode) in [("postinst", 0o755), ("prerm", 0o755), ("postrm", 0o755), ("conffiles", 0o644)] {
        put(&sources.join("debian").join(name), &tree.join("DEBIAN").join(name), mode)?;
    }
    fs::write(tree.join("DEBIAN/control"), control)?;
    let compression = if packing == Packing::Release { "-Zxz" } else { "-Znone" };
    let package = target.join(format!("systole_{version}_{architecture}.deb"));
    crate::run(Command::new("dpkg-deb").args(["--root-owner-group", compression, "--build"]).arg(&tree).arg(&package))?;
    Ok(package)
}

fn put(from: &Path, to: &Path, mode: u32) -> anyhow::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("failed to copy {}", from.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    Ok(())
}

fn text_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("failed to run {command:?}"))?;
    anyhow::ensure!(output.status.success(), "{command:?} ended with {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
