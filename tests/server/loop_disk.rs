//! A disk of our own, in a file: it can be small, and lose its power. Needs root, a loop device and the programs of the
//! file system; without them the tests that use it say so and pass.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::common::server::temporary_folder;

/// A file system on a loop device.
pub struct LoopDisk {
    folder: PathBuf,
    pub mount: PathBuf,
}

impl LoopDisk {
    /// Makes and mounts one of `kind` (`ext4`, `xfs`) with so many MiB.
    pub fn new(kind: &str, mebibytes: u32) -> Option<LoopDisk> {
        let folder = temporary_folder();
        let disk = LoopDisk { mount: folder.join("mount"), folder };
        std::fs::create_dir(&disk.mount).expect("the folder is ours");
        let image = disk.image();
        let made = run(&format!(
            "truncate -s {mebibytes}M {} && mkfs.{kind} -q {}",
            image.display(),
            image.display()
        ))
        .and_then(|()| disk.mount());
        match made {
            Ok(()) => Some(disk),
            Err(error) => {
                eprintln!("SKIPPED, no {kind} on a loop device (this needs root and its programs): {error}");
                None
            }
        }
    }

    fn image(&self) -> PathBuf {
        self.folder.join("image")
    }

    fn mount(&self) -> Result<(), String> {
        run(&format!("mount -o loop {} {}", self.image().display(), self.mount.display()))
    }

    /// What was not synced is gone, as if the power had been cut. Whoever uses the disk must have ended when this returns.
    pub fn cut_power(&self) {
        run(&format!("xfs_io -x -c shutdown {}", self.mount.display())).expect("xfs shuts down");
    }

    /// The disk as it is when the power is back.
    pub fn mount_again(&self) {
        run(&format!("umount {}", self.mount.display())).expect("nobody uses it");
        self.mount().expect("it can be mounted again");
    }

    /// A new folder on it.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.mount.join(name);
        std::fs::create_dir_all(&folder).expect("there is room");
        folder
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        if is_mounted(&self.mount) {
            run(&format!("umount -l {}", self.mount.display())).expect("it was mounted");
        }
        std::fs::remove_dir_all(&self.folder).expect("the folder is ours");
    }
}

fn is_mounted(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/mounts").expect("Linux");
    mounts.lines().any(|line| line.split(' ').nth(1) == path.to_str())
}

fn run(line: &str) -> Result<(), String> {
    let output = Command::new("sh").arg("-c").arg(line).output().expect("sh runs");
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
