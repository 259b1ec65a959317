//! What the host says about itself, for INFO.

/// System, release and machine, such as `Linux 6.1.0-13-amd64 x86_64`.
pub fn operating_system() -> String {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    format!("{} {} {}", read("ostype").trim(), read("osrelease").trim(), std::env::consts::ARCH)
}

/// The path of the running program; empty when the kernel does not tell.
pub fn executable() -> String {
    std::env::current_exe().map_or(String::new(), |path| path.display().to_string())
}

/// 40 hexadecimal digits by chance, which name one run of a server or one set of data.
pub fn random_id() -> String {
    random_digits(40)
}

/// So many hexadecimal digits by chance.
pub fn random_digits(count: usize) -> String {
    let mut digits = String::new();
    while digits.len() < count {
        digits.extend(random_seeds().iter().map(|seed| format!("{seed:016x}")));
    }
    digits.truncate(count);
    digits
}

/// Random numbers of the kernel, `getrandom(2)`.
pub fn random_seeds() -> [u64; 4] {
    let mut seeds = [0u64; 4];
    // SAFETY: the 32 bytes of `seeds` are ours to be written; so few are never delivered in part.
    let filled = unsafe { libc::getrandom(seeds.as_mut_ptr().cast(), size_of_val(&seeds), 0) };
    assert!(filled == size_of_val(&seeds) as isize, "getrandom delivers small requests whole");
    seeds
}
