//! What the process uses of memory, for reports.

use std::ptr;

use tikv_jemalloc_ctl::{epoch, stats, stats_print};
use tikv_jemalloc_sys::mallctl;

/// How jemalloc is set up. A program exports it as `_rjem_malloc_conf`, which is read before `main`; the variable
/// `_RJEM_MALLOC_CONF` of the environment has the last word. docs/decisions/0007 says why these.
pub const ALLOCATOR_SETTINGS: &[u8; 89] =
    b"background_thread:true,max_background_threads:1,dirty_decay_ms:500,cache_oblivious:false\0";

/// Figures of the allocator and of the kernel, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryUse {
    pub allocated: u64,
    pub active: u64,
    pub resident: u64,
    /// Resident set of the process, from `/proc/self/statm`.
    pub rss: u64,
}

/// Reads all of them; a figure that cannot be had is 0.
pub fn memory_use() -> MemoryUse {
    // The statistics are a snapshot that advancing the epoch renews; an old one is better than none.
    let _ = epoch::advance();
    let bytes = |figure: Result<usize, _>| figure.map_or(0, |bytes: usize| bytes as u64);
    MemoryUse {
        allocated: bytes(stats::allocated::read()),
        active: bytes(stats::active::read()),
        resident: bytes(stats::resident::read()),
        rss: resident_pages() * page_bytes(),
    }
}

/// What the allocator tells of itself, as text.
pub fn allocator_report() -> Vec<u8> {
    let mut text = Vec::new();
    // It fails only as the writer does, and a vector never does.
    let _ = stats_print::stats_print(&mut text, stats_print::Options::default());
    text
}

/// Has the allocator give all unused pages back to the kernel.
pub fn purge_allocator() {
    // `MALLCTL_ARENAS_ALL` of jemalloc in place of an arena's number.
    let name = c"arena.4096.purge";
    // SAFETY: the name ends in zero, and this control neither reads nor writes. A refusal leaves all as it was.
    unsafe {
        mallctl(name.as_ptr(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), 0);
    }
}

fn resident_pages() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0)
}

fn page_bytes() -> u64 {
    // SAFETY: no memory is passed.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as u64 }
}

/// Memory of the machine.
pub fn total_memory() -> u64 {
    // SAFETY: no memory is passed.
    let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) };
    pages.max(0) as u64 * page_bytes()
}

/// User and system time of the process and of its waited-for children, as `getrusage(2)` gives them, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuUse {
    pub user_us: u64,
    pub system_us: u64,
    pub children_user_us: u64,
    pub children_system_us: u64,
}

pub fn cpu_use() -> CpuUse {
    let (user_us, system_us) = usage(libc::RUSAGE_SELF);
    let (children_user_us, children_system_us) = usage(libc::RUSAGE_CHILDREN);
    CpuUse { user_us, system_us, children_user_us, children_system_us }
}

/// User and system time of the calling thread, microseconds.
pub fn cpu_use_of_thread() -> (u64, u64) {
    usage(libc::RUSAGE_THREAD)
}

fn usage(who: i32) -> (u64, u64) {
    // SAFETY: `rusage` is plain data for which zeroes are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live `rusage`, which the call fills.
    unsafe { libc::getrusage(who, &raw mut usage) };
    let us = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    (us(usage.ru_utime), us(usage.ru_stime))
}
