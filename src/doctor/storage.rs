//! Checks: the filesystem of the working directory, for the log that is to come.

use super::check::{Examination, Verdict};
use super::host::{Host, show_bytes};
use super::tree::{Unreadable, odd};

/// Below either, a log may fill the disk before anybody looks.
const FREE_BYTES_MIN: u64 = 1 << 30;
const FREE_PERCENT_MIN: u64 = 10;

/// Kinds that lose the data, ask another machine, or add a layer.
const POOR_KINDS: &[(&str, &str)] = &[
    ("tmpfs", "is memory: what is written is gone after a restart of the host"),
    ("ramfs", "is memory: what is written is gone after a restart of the host"),
    ("overlay", "is a container's layer: slower, and gone with the container"),
    ("nfs", "is on another machine, which each sync waits for"),
    ("nfs4", "is on another machine, which each sync waits for"),
    ("cifs", "is on another machine, which each sync waits for"),
    ("9p", "is on another machine, which each sync waits for"),
    ("fuse", "is a program's filesystem, which each sync waits for"),
    ("btrfs", "copies what is overwritten, so a log in place becomes scattered"),
    ("zfs", "copies what is overwritten, so a log in place becomes scattered"),
];

/// Options that lose data at a power cut, or write everything twice or at once.
const POOR_OPTIONS: &[&str] =
    &["nobarrier", "barrier=0", "sync", "dirsync", "data=journal", "data=writeback"];

#[derive(Debug)]
struct Mount {
    kind: String,
    options: Vec<String>,
}

pub fn filesystem(host: &Host) -> Examination {
    let folder = match &host.probes.folder {
        Ok(folder) => folder.display().to_string(),
        Err(reason) => {
            let folder = host.settings.dir.display();
            return Verdict::important(
                format!("{folder}: {reason}"),
                [&format!("let this user enter {folder}")],
            );
        }
    };
    let mount = mount_of(host, &folder)?;
    // `fuse.sshfs` and its like.
    let kind = mount.kind.split('.').next().unwrap_or("");
    if let Some((_, reason)) = POOR_KINDS.iter().find(|(poor, _)| *poor == kind) {
        return Verdict::advice(
            format!("{} {reason}", mount.kind),
            ["basalt --dir PATH        # on ext4 or xfs of a local disk"],
        );
    }
    match mount.options.iter().find(|option| POOR_OPTIONS.contains(&option.as_str())) {
        Some(option) => Verdict::advice(
            format!("{} is mounted with {option}", mount.kind),
            [&format!("remove {option} from the line in /etc/fstab and mount it again")],
        ),
        None => Verdict::fine(mount.kind),
    }
}

/// The last mount whose point is the folder or above it, the longest of them.
fn mount_of(host: &Host, folder: &str) -> Result<Mount, Unreadable> {
    const MOUNTS: &str = "/proc/self/mountinfo";
    let text = host.tree.text(MOUNTS)?;
    let mut found: Option<(usize, Mount)> = None;
    for line in text.lines() {
        let (left, right) = line.split_once(" - ").ok_or_else(|| odd(MOUNTS, line))?;
        let left: Vec<&str> = left.split(' ').collect();
        let right: Vec<&str> = right.split(' ').collect();
        let ([_, _, _, _, point, options, ..], [kind, _, of_super, ..]) = (&left[..], &right[..]) else {
            return Err(odd(MOUNTS, line));
        };
        let point = unescape(point);
        let is_above = folder == point || folder.starts_with(&format!("{}/", point.trim_end_matches('/')));
        if is_above && found.as_ref().is_none_or(|(length, _)| point.len() >= *length) {
            let options = options.split(',').chain(of_super.split(',')).map(str::to_owned).collect();
            found = Some((point.len(), Mount { kind: (*kind).to_owned(), options }));
        }
    }
    found
        .map(|(_, mount)| mount)
        .ok_or_else(|| Unreadable::Untold(format!("{MOUNTS} does not cover {folder}")))
}

/// Spaces and the like are written as three octal digits after a backslash.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, character)| text.replace(code, character))
}

pub fn free_space(host: &Host) -> Examination {
    let space = host.probes.space.as_ref().map_err(|reason| Unreadable::Untold(reason.clone()))?;
    let percent = (space.free_bytes as u128 * 100 / u128::from(space.total_bytes.max(1))) as u64;
    let found = format!("{} free, {percent} %", show_bytes(space.free_bytes));
    match space.free_bytes < FREE_BYTES_MIN || percent < FREE_PERCENT_MIN {
        true => Verdict::advice(found, ["basalt --dir PATH        # with more room"]),
        false => Verdict::fine(found),
    }
}

pub fn direct_io(host: &Host) -> Examination {
    match &host.probes.direct_io {
        Ok(true) => Verdict::fine("accepted"),
        Ok(false) => Verdict::advice(
            "refused by this filesystem",
            ["basalt --dir PATH        # on ext4 or xfs of a local disk"],
        ),
        Err(reason) => Err(Unreadable::Untold(format!("no file could be made to try it: {reason}"))),
    }
}
