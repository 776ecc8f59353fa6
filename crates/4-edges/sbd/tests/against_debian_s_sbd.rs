//! Debian's `sbd` writes the disk and the messages, we read them; and it lists what we wrote. On a file in place of a device:
//! `sbd` itself wants a block device, so that a loop device stands before the file where there is one.

use sbd::{Disk, Message, Told, watch};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

/// A loop device over a file; both end with it.
struct Loop {
    device: PathBuf,
    _folder: tempfile::TempDir,
}

impl Loop {
    fn new() -> Result<Self, String> {
        if !Path::new("/usr/sbin/sbd").exists() {
            return Err("needs Debian's sbd".to_owned());
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("disk");
        std::fs::File::create(&file).unwrap().set_len(2 << 20).unwrap();
        let output = Command::new("losetup").args(["--find", "--show"]).arg(&file).output();
        let output = output.ok().filter(|output| output.status.success()).ok_or("needs root and a loop device")?;
        Ok(Self { device: String::from_utf8_lossy(&output.stdout).trim().into(), _folder: folder })
    }

    fn sbd(&self, arguments: &[&str]) -> String {
        let output = Command::new("/usr/sbin/sbd").arg("-d").arg(&self.device).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("-d").arg(&self.device).status();
    }
}

/// Waits for what the watcher tells next that is no mere reading.
fn next(told: &mpsc::Receiver<Told>) -> Told {
    loop {
        match told.recv_timeout(Duration::from_secs(30)).expect("the watcher tells something") {
            Told::Read { .. } => {}
            told => return told,
        }
    }
}

#[test]
fn slots_and_messages_are_understood_by_both() {
    const NAME: &str = "slots_and_messages_are_understood_by_both";
    let disk = match Loop::new() {
        Ok(disk) => disk,
        Err(reason) => return println!("skipped: {NAME}: {reason}"),
    };
    assert!(Disk::open(&disk.device).unwrap_err().to_string().contains("sbd -d DEVICE create"));
    disk.sbd(&["-1", "4", "-2", "1", "-4", "9", "create"]);
    let ours = Disk::open(&disk.device).unwrap();
    assert_eq!((ours.header().watchdog, ours.header().message_wait), (Duration::from_secs(4), Duration::from_secs(9)));
    disk.sbd(&["allocate", "node1"]);
    assert_eq!(ours.allocate("node2").unwrap(), 1);
    assert_eq!(ours.allocate("NODE1").unwrap(), 0);
    assert!(disk.sbd(&["list"]).contains("1\tnode2\tclear"), "{}", disk.sbd(&["list"]));
    // A message of an earlier life is cleared at the start, later ones are told.
    disk.sbd(&["message", "node2", "reset"]);
    let (tell, told) = mpsc::channel();
    watch(0, disk.device.clone(), "node2".to_owned(), false, move |seen| tell.send(seen).is_ok()).unwrap();
    assert!(matches!(next(&told), Told::Found { slot: 1, .. }));
    assert!(disk.sbd(&["list"]).contains("1\tnode2\tclear"));
    disk.sbd(&["message", "node2", "test"]);
    assert!(matches!(next(&told), Told::Received { message: Message::Test, .. }));
    disk.sbd(&["message", "node2", "reset"]);
    assert!(matches!(next(&told), Told::Received { message: Message::Reset, .. }));
    assert!(disk.sbd(&["list"]).contains("1\tnode2\treset"), "a reset stays for whoever looks");
    // A disk that is written anew is not the one that was watched.
    disk.sbd(&["create"]);
    loop {
        match next(&told) {
            Told::Failed { problem, .. } => break assert!(problem.contains("its header has changed"), "{problem}"),
            Told::Received { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}
