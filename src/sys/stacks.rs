//! The stacks of other threads: each is sent a signal, and its handler notes where the thread is.
//!
//! One thread is asked at a time. The handler allocates nothing and takes no lock: it writes addresses into a place that
//! stands ready, and the thread that asked finds their names afterwards. A place whose handler is stuck in the middle is
//! given up, and with it all further stacks.
//!
//! ```text
//! FREE -> asked(thread) -> WRITING -> DONE -> FREE      the thread answered
//!         asked(thread) ----------------------> FREE    it did not in time
//! ```

use std::ffi::c_void;
use std::mem::zeroed;
use std::ptr::without_provenance_mut;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Frames of a stack that are noted, from the innermost one on.
const FRAMES_MAX: usize = 64;

/// How long a thread may take to answer.
const ANSWER: Duration = Duration::from_secs(1);

/// How often the place is looked at meanwhile.
const LOOK: Duration = Duration::from_micros(100);

const FREE: i32 = 0;
const WRITING: i32 = -1;
const DONE: i32 = -2;

/// One of the above, or the id of the thread that is asked, which is above zero.
static PHASE: AtomicI32 = AtomicI32::new(FREE);
static FRAMES: [AtomicUsize; FRAMES_MAX] = [const { AtomicUsize::new(0) }; FRAMES_MAX];
static FRAME_COUNT: AtomicUsize = AtomicUsize::new(0);
static ASKING: Mutex<()> = Mutex::new(());

/// Why there is no stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStack {
    #[error("it has ended")]
    Ended,
    #[error("it holds signals off")]
    Blocked,
    #[error("it did not answer in time")]
    Late,
    #[error("a thread that was asked before still has not finished")]
    Stuck,
}

/// The signal that asks: no library here uses it.
fn question() -> i32 {
    libc::SIGRTMIN() + 6
}

/// Lets threads of this process be asked.
pub fn enable() {
    // SAFETY: an action of zeros is a valid one; the handler has the form that SA_SIGINFO asks for. What the threads wait
    // for is begun again where the kernel can.
    let outcome = unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = on_question as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigaction(question(), &action, std::ptr::null_mut())
    };
    assert!(outcome == 0, "this signal may be handled");
    // The first walk may load a library, which no handler may do.
    walk(|_| {});
}

/// Where a thread of this process is, innermost first: the names of its functions. `enable` came before.
///
/// # Errors
/// The thread cannot answer, or did not within a second.
pub fn stack_of(thread: i32) -> Result<Vec<String>, NoStack> {
    ask(thread).map(|frames| frames.into_iter().flat_map(names_at).collect())
}

fn ask(thread: i32) -> Result<Vec<usize>, NoStack> {
    let _one_at_a_time = ASKING.lock().expect("nobody panics while asking");
    if blocks_question(thread).ok_or(NoStack::Ended)? {
        return Err(NoStack::Blocked);
    }
    PHASE.compare_exchange(FREE, thread, Ordering::AcqRel, Ordering::Acquire).map_err(|_| NoStack::Stuck)?;
    // SAFETY: it takes numbers only, and the signal has a handler.
    let outcome = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, question()) };
    if outcome != 0 {
        PHASE.store(FREE, Ordering::Release);
        return Err(NoStack::Ended);
    }
    if !is_answered() {
        // Whoever comes first of the two: from now on the handler finds that nobody asks, or it has begun.
        let withdrawn = PHASE.compare_exchange(thread, FREE, Ordering::AcqRel, Ordering::Acquire);
        if withdrawn.is_ok() || !is_answered() {
            return Err(NoStack::Late);
        }
    }
    let count = FRAME_COUNT.load(Ordering::Relaxed);
    let frames = FRAMES[..count].iter().map(|frame| frame.load(Ordering::Relaxed)).collect();
    PHASE.store(FREE, Ordering::Release);
    Ok(frames)
}

fn is_answered() -> bool {
    let until = Instant::now() + ANSWER;
    while PHASE.load(Ordering::Acquire) != DONE {
        if Instant::now() >= until {
            return false;
        }
        sleep(LOOK);
    }
    true
}

/// Whether the signal would have to wait, as for the threads of the allocator; nothing if there is no such thread.
fn blocks_question(thread: i32) -> Option<bool> {
    let status = std::fs::read_to_string(format!("/proc/self/task/{thread}/status")).ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    Some(mask >> (question() - 1) & 1 == 1)
}

extern "C" fn on_question(_: i32, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: it takes nothing and may be called from a handler; the place of errors is the thread's own.
    let (thread, error) = unsafe { (libc::gettid(), *libc::__errno_location()) };
    if PHASE.compare_exchange(thread, WRITING, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // Too late: nobody waits for it any more.
        return;
    }
    // SAFETY: the kernel passes the context to a handler with SA_SIGINFO.
    let interrupted_at = interrupted_at(unsafe { &*context.cast::<libc::ucontext_t>() });
    let mut count = 0;
    walk(|address| {
        // The handler itself, and what it calls, stand further in.
        if address == interrupted_at {
            count = 0;
        }
        if let Some(place) = FRAMES.get(count) {
            place.store(address, Ordering::Relaxed);
            count += 1;
        }
    });
    FRAME_COUNT.store(count, Ordering::Relaxed);
    PHASE.store(DONE, Ordering::Release);
    // SAFETY: as above; what was interrupted may be about to look at its error.
    unsafe { *libc::__errno_location() = error };
}

#[cfg(target_arch = "x86_64")]
fn interrupted_at(context: &libc::ucontext_t) -> usize {
    context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
}

/// Not known: the stack then begins with the handler.
#[cfg(not(target_arch = "x86_64"))]
fn interrupted_at(_: &libc::ucontext_t) -> usize {
    0
}

/// Tells the addresses of the calling thread's stack, innermost first.
fn walk(mut note: impl FnMut(usize)) {
    // SAFETY: only finding names needs the library's lock; walking reads the tables of the loaded programs, whose list the
    // linker guards by itself, and by a lock that a handler may take again.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            note(frame.ip() as usize);
            true
        });
    }
}

/// The names of the functions at an address: several if some were put into others by the compiler.
fn names_at(address: usize) -> Vec<String> {
    let mut names = Vec::new();
    backtrace::resolve(without_provenance_mut(address), |symbol| {
        let place = match (symbol.filename(), symbol.lineno()) {
            (Some(file), Some(line)) => format!(" at {}:{line}", file.display()),
            _ => String::new(),
        };
        let name = symbol.name().map_or("?".to_owned(), |name| format!("{name:#}"));
        names.push(format!("{name}{place}"));
    });
    if names.is_empty() {
        names.push(format!("{address:#x}"));
    }
    names
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread::spawn;

    use super::{NoStack, enable, stack_of};

    #[inline(never)]
    fn wait_here_for_the_end(end: &std::sync::mpsc::Receiver<()>) {
        end.recv().expect("the test ends it");
        std::hint::black_box(end);
    }

    fn this_thread() -> i32 {
        // SAFETY: it takes nothing.
        unsafe { libc::gettid() }
    }

    /// One test, for there is one place to answer in.
    #[test]
    fn threads_that_can_answer_say_where_they_are() {
        enable();
        let (end, ended) = channel();
        let (tell, told) = channel();
        let waiting = spawn(move || {
            tell.send(this_thread()).expect("the test listens");
            wait_here_for_the_end(&ended);
        });
        let thread = told.recv().expect("it tells");
        let is_there = |_: &u32| {
            let stack = stack_of(thread).expect("it can answer");
            stack.iter().any(|name| name.contains("wait_here_for_the_end"))
        };
        assert!((0..10_000).any(|attempt| is_there(&attempt)), "{:?}", stack_of(thread));
        end.send(()).expect("it listens");
        waiting.join().expect("it ends in order");
        while std::path::Path::new(&format!("/proc/self/task/{thread}")).exists() {
            std::thread::yield_now();
        }
        assert_eq!(stack_of(thread), Err(NoStack::Ended));
        assert_eq!(stack_of(blocked_thread()), Err(NoStack::Blocked));
        let own = stack_of(this_thread()).expect("the one that asks can answer");
        assert!(own.iter().any(|name| name.contains("threads_that_can_answer")), "{own:?}");
    }

    /// A thread that holds every signal off, and lives as long as the test.
    fn blocked_thread() -> i32 {
        let (tell, told) = channel();
        spawn(move || {
            // SAFETY: the set is filled before it is read.
            unsafe {
                let mut all = std::mem::zeroed();
                libc::sigfillset(&mut all);
                libc::pthread_sigmask(libc::SIG_BLOCK, &all, std::ptr::null_mut());
            }
            tell.send(this_thread()).expect("the test listens");
            loop {
                std::thread::park();
            }
        });
        told.recv().expect("it tells")
    }
}
