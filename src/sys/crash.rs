//! The end by a fault: what is known is written to the log before the signal takes its course.
//!
//! The handler runs on a stack of its own. It first writes the essentials with nothing but `write(2)`, for the allocator or
//! a lock may be what broke; then it dares the rest. Should that hang, an alarm ends the process by the same signal. A signal
//! that somebody sent may reach a thread of a library, whose stack for signals is too small: it is passed on.

use std::backtrace::Backtrace;
use std::mem::{MaybeUninit, zeroed};
use std::os::fd::RawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// The faults that are reported.
const FAULTS: &[(i32, &str)] = &[
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGABRT, "SIGABRT"),
];

/// Room for names to be found for the addresses on the stack that broke.
const STACK_BYTES: usize = 512 * 1024;

/// How long the report may take.
const REPORT_S: u32 = 10;

static LOG: AtomicI32 = AtomicI32::new(libc::STDERR_FILENO);
static IS_ENABLED: AtomicBool = AtomicBool::new(true);
/// The signal that is being reported; 0 is none.
static FAULT: AtomicI32 = AtomicI32::new(0);
static STATE: OnceLock<Box<dyn Fn() -> String + Send + Sync>> = OnceLock::new();

/// Reports faults to the file `log` from now on.
pub fn report_faults(log: RawFd) {
    LOG.store(log, Ordering::Relaxed);
    use_large_stack();
    for (signal, _) in FAULTS {
        handle(*signal, on_fault, libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER);
    }
    // Before unwinding could take the stack apart, and whatever the profile says of panics.
    std::panic::set_hook(Box::new(|panic| {
        write(format!("\n{panic}\n").as_bytes());
        std::process::abort();
    }));
}

/// What a report says beside the fault: the state of the server.
pub fn describe_state_by(state: impl Fn() -> String + Send + Sync + 'static) {
    // A second one would come from a second server in this process, which there is not.
    let _ = STATE.set(Box::new(state));
}

/// Whether faults are reported: `crash-log-enabled`.
pub fn set_enabled(is_enabled: bool) {
    IS_ENABLED.store(is_enabled, Ordering::Relaxed);
}

/// Gives the calling thread, which must live as long as the process, a stack that is large enough for the report.
pub fn use_large_stack() {
    let stack = Box::leak(vec![0u8; STACK_BYTES].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: STACK_BYTES };
    // SAFETY: the memory is never freed, and nobody else uses it.
    let outcome = unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
    assert!(outcome == 0, "a thread that handles no signal may change the stack for them");
}

/// Lets the next SIGINT or SIGTERM end the process at once.
pub fn end_at_next_signal() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        handle(signal, on_second_signal, libc::SA_SIGINFO);
    }
}

/// Breaks: for DEBUG SEGFAULT.
pub fn fault() {
    // SAFETY: none; the point is that nothing is mapped there, so that the process ends here.
    unsafe { std::ptr::without_provenance_mut::<u8>(0x10).write_volatile(1) }
}

type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

fn handle(signal: i32, handler: Handler, flags: i32) {
    // SAFETY: an action of zeros is a valid one; the handler has the form that SA_SIGINFO asks for.
    let outcome = unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        libc::sigaction(signal, &action, std::ptr::null_mut())
    };
    assert!(outcome == 0, "this signal may be handled");
}

extern "C" fn on_second_signal(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    write(b"You insist... exiting now.\n");
    // SAFETY: it may be called from a handler, and returns to nobody.
    unsafe { libc::_exit(1) }
}

extern "C" fn on_fault(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if !IS_ENABLED.load(Ordering::Relaxed) {
        take_its_course(signal);
    }
    // SAFETY: the kernel passes both to a handler with SA_SIGINFO.
    let (info, context) = unsafe { (&*info, &*context.cast::<libc::ucontext_t>()) };
    if info.si_code == libc::SI_USER && !has_large_stack() {
        return pass_on(signal);
    }
    match FAULT.swap(signal, Ordering::AcqRel) {
        0 => {}
        // The report itself broke.
        _ if is_reporting() => take_its_course(signal),
        first => {
            // Another thread's fault ends the process soon.
            FAULT.store(first, Ordering::Release);
            // SAFETY: it may be called from a handler.
            unsafe { libc::pause() };
            return;
        }
    }
    REPORTER.store(thread_id(), Ordering::Relaxed);
    handle(libc::SIGALRM, on_alarm, libc::SA_SIGINFO);
    // SAFETY: it may be called from a handler.
    unsafe { libc::alarm(REPORT_S) };
    write_essentials(signal, info, context);
    write(b"\n------ STACK TRACE ------\n");
    write(Backtrace::force_capture().to_string().as_bytes());
    write(b"\n------ SERVER STATE ------\n");
    if let Some(state) = STATE.get() {
        write(state().as_bytes());
    }
    write(b"\n=== BASALT BUG REPORT END. Make sure to include from START to END. ===\n");
    take_its_course(signal);
}

/// Whether the calling thread handles signals on a stack that the report fits on: threads of libraries do not.
fn has_large_stack() -> bool {
    // SAFETY: a stack of zeros is a valid one, which the call fills in; it may be called from a handler.
    let stack = unsafe {
        let mut stack: libc::stack_t = zeroed();
        libc::sigaltstack(std::ptr::null(), &raw mut stack);
        stack
    };
    stack.ss_size >= STACK_BYTES
}

/// Sends a signal that was meant for the process, not for what the calling thread did, to the first thread, which has room
/// for the report.
fn pass_on(signal: i32) {
    // SAFETY: both take numbers only and may be called from a handler. The first thread has the id of the process.
    unsafe {
        let process = libc::getpid();
        libc::syscall(libc::SYS_tgkill, process, process, signal);
    }
}

extern "C" fn on_alarm(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    write(b"\nthe report came to a halt\n");
    take_its_course(FAULT.load(Ordering::Acquire));
}

/// The thread that writes the report.
static REPORTER: AtomicI32 = AtomicI32::new(0);

fn is_reporting() -> bool {
    REPORTER.load(Ordering::Relaxed) == thread_id()
}

fn thread_id() -> i32 {
    // SAFETY: it takes nothing and may be called from a handler.
    unsafe { libc::gettid() }
}

/// Ends the process by the signal, with a core file and an exit status as if nobody had handled it.
fn take_its_course(signal: i32) -> ! {
    // SAFETY: all of these may be called from a handler, with memory that is ours.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        let mut signals = MaybeUninit::uninit();
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, signals.as_ptr(), std::ptr::null_mut());
        libc::raise(signal);
        libc::_exit(128 + signal)
    }
}

fn write_essentials(signal: i32, info: &libc::siginfo_t, context: &libc::ucontext_t) {
    let name = FAULTS.iter().find(|(fault, _)| *fault == signal).map_or("", |(_, name)| *name);
    let mut line = Line::default();
    line.text("\n\n=== BASALT BUG REPORT START: Cut & paste starting from here ===\nBasalt ");
    line.text(env!("CARGO_PKG_VERSION"));
    line.text(" crashed by signal: ").number(signal.unsigned_abs().into()).text(" (").text(name);
    line.text("), si_code: ").number(info.si_code.unsigned_abs().into()).text("\n");
    if signal != libc::SIGABRT {
        // SAFETY: for a fault the kernel fills the address in; for a signal that was sent it is another number.
        let address = unsafe { info.si_addr() };
        line.text("Accessing address: ").address(address as u64).text("\n");
    }
    line.text("Thread: ").thread_name().text("\n");
    line.write();
    write_registers(context);
}

#[cfg(target_arch = "x86_64")]
fn write_registers(context: &libc::ucontext_t) {
    let names = [
        ("RIP", libc::REG_RIP),
        ("RSP", libc::REG_RSP),
        ("RBP", libc::REG_RBP),
        ("RAX", libc::REG_RAX),
        ("RBX", libc::REG_RBX),
        ("RCX", libc::REG_RCX),
        ("RDX", libc::REG_RDX),
        ("RSI", libc::REG_RSI),
        ("RDI", libc::REG_RDI),
        ("R8", libc::REG_R8),
        ("R9", libc::REG_R9),
        ("R10", libc::REG_R10),
        ("R11", libc::REG_R11),
        ("R12", libc::REG_R12),
        ("R13", libc::REG_R13),
        ("R14", libc::REG_R14),
        ("R15", libc::REG_R15),
        ("EFL", libc::REG_EFL),
    ];
    let mut line = Line::default();
    line.text("\n------ REGISTERS ------\n");
    for (name, register) in names {
        line.text(name).text(":").address(context.uc_mcontext.gregs[register as usize] as u64).text("\n");
    }
    line.write();
}

#[cfg(not(target_arch = "x86_64"))]
fn write_registers(_: &libc::ucontext_t) {}

/// Text in memory that needs no allocator; what does not fit is left out.
struct Line {
    bytes: [u8; 1024],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Line { bytes: [0; 1024], length: 0 }
    }
}

impl Line {
    fn text(&mut self, text: &str) -> &mut Self {
        for byte in text.bytes() {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = byte;
                self.length += 1;
            }
        }
        self
    }

    fn digits(&mut self, mut number: u64, base: u64) -> &mut Self {
        let mut digits = [b'0'; 20];
        let mut first = digits.len() - 1;
        loop {
            digits[first] = b"0123456789abcdef"[(number % base) as usize];
            number /= base;
            if number == 0 {
                break;
            }
            first -= 1;
        }
        self.text(std::str::from_utf8(&digits[first..]).unwrap_or_default())
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.digits(number, 10)
    }

    fn address(&mut self, address: u64) -> &mut Self {
        self.text("0x").digits(address, 16)
    }

    fn thread_name(&mut self) -> &mut Self {
        let mut name = [0u8; 16];
        // SAFETY: the kernel writes 16 bytes at most, the last of them a zero.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        self.text(std::str::from_utf8(&name[..length]).unwrap_or_default())
    }

    fn write(&self) {
        write(&self.bytes[..self.length]);
    }
}

/// Writes to the log as it is: there is nobody to tell when that fails.
fn write(mut bytes: &[u8]) {
    let log = LOG.load(Ordering::Relaxed);
    while !bytes.is_empty() {
        // SAFETY: the range is ours and initialised; the call may be made from a handler.
        let written = unsafe { libc::write(log, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(written) {
            Ok(count) if count > 0 => bytes = &bytes[count..],
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn lines_are_written_without_an_allocator() {
        let mut line = Line::default();
        line.text("a ").number(0).text(" ").number(u64::MAX).text(" ").address(0x10af);
        assert_eq!(&line.bytes[..line.length], b"a 0 18446744073709551615 0x10af");
        for _ in 0..200 {
            line.text("0123456789");
        }
        assert_eq!(line.length, line.bytes.len());
    }
}
