//! Publishers and subscribers: how many messages arrive, how many do not, and how long they take.

mod messages;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::access::{Access, ConnectError};
use crate::arguments::{Cpus, PubsubArguments};
use crate::arrivals::{Arrivals, Spacing};
use crate::counts::Counts;
use crate::cpu::stay_on;
use crate::interrupt::Interrupt;
use crate::keys::Part;
use crate::latency::{Latencies, LatencySummary};
use crate::load::{Failure, Load, Loop};
use crate::mix::Composed;
use crate::plain::{REPLY_TIME_MAX, bound_waits, name_time_limit};
use crate::report::{Ended, grouped};
use crate::ring::{Event, Link, Ring};
use crate::run::share;

use messages::{Channel, Inbox, StrangeMessage};

pub use messages::TIME_DIGITS;

const TICK: Duration = Duration::from_millis(20);
/// How long messages may be under way after the last was published.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);
const PUBLISH: Composed = Composed { kind: 0, replies: 1 };

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum FanoutError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("cannot subscribe ({open} of {wanted} subscribers were): {source}")]
    Subscribe { open: usize, wanted: usize, source: io::Error },
}

/// What was found, as its JSON document has it.
#[derive(Debug, Serialize)]
pub struct FanoutReport {
    pub target: String,
    pub publishers: u64,
    pub subscribers: u64,
    pub channels: u64,
    pub message_bytes: u64,
    pub rate: Option<f64>,
    pub seconds: f64,
    pub published: u64,
    pub published_per_second: f64,
    pub delivered: u64,
    pub delivered_per_second: f64,
    /// Messages that subscribers should have got and did not.
    pub missing: u64,
    /// Replies to PUBLISH that are errors.
    pub errors: u64,
    pub error_examples: Vec<String>,
    /// From the sending of a message, or the time that it was due, to its delivery.
    pub latency_us: LatencySummary,
    /// From there to the reply to PUBLISH.
    pub publish_latency_us: LatencySummary,
    pub ended: Ended,
    pub failure: Option<String>,
}

/// What all threads see.
struct Common<'a> {
    arguments: &'a PubsubArguments,
    channels: &'a [Channel],
    interrupt: &'a Interrupt,
    /// Messages carry its time, from whichever thread.
    clock: Instant,
    /// Threads that may still publish.
    publishing: AtomicUsize,
    /// Deliveries that follow from what was published, and those that came, as far as threads have told.
    expected: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicBool,
}

/// Connections of one thread.
struct Share {
    index: usize,
    publishers: Vec<OwnedFd>,
    subscribers: Vec<OwnedFd>,
    /// The number of its first subscriber among all of them.
    first_subscriber: usize,
    /// Threads with publishers.
    publishing: usize,
}

/// One thread, and all that it changes.
struct Fanout<'a> {
    common: &'a Common<'a>,
    ring: Ring,
    /// Publishers are the first connections of the ring, subscribers those after.
    load: Load,
    publishers: usize,
    first_subscriber: usize,
    arrivals: Option<Arrivals>,
    inboxes: Vec<Inbox>,
    next_channel: usize,
    latencies: Latencies,
    strange: Option<StrangeMessage>,
}

/// What a thread brings home, or all of them.
struct Outcome {
    counts: Counts,
    latencies: Latencies,
    failure: Option<String>,
    /// How long messages were published.
    published_for: Duration,
}

pub fn fanout(arguments: &PubsubArguments, interrupt: &Interrupt) -> Result<FanoutReport, FanoutError> {
    let access = arguments.access.access();
    let (publishers, subscribers) = (arguments.publishers as usize, arguments.subscribers as usize);
    let channel =
        |index| Channel::new(&format!("channel:{index}"), arguments.message_size as usize, access.protocol);
    let channels: Vec<Channel> = (0..arguments.channels).map(channel).collect();
    let sockets = access.connect_all(publishers + subscribers, None)?;
    for (index, socket) in sockets[publishers..].iter().enumerate() {
        subscribe(socket, &channels[index % channels.len()]).map_err(|source| FanoutError::Subscribe {
            open: index,
            wanted: subscribers,
            source,
        })?;
    }
    let cpus = Cpus::of_threads(arguments.cpus.as_ref(), publishers.max(subscribers));
    let common = Common {
        arguments,
        channels: &channels,
        interrupt,
        clock: Instant::now(),
        publishing: AtomicUsize::new(cpus.len()),
        expected: AtomicU64::new(0),
        delivered: AtomicU64::new(0),
        failed: AtomicBool::new(false),
    };
    let outcome = run_threads(&common, &cpus, sockets);
    Ok(outcome.report(&common, &access))
}

/// Deals the connections out to threads, and adds up what these bring home.
fn run_threads(common: &Common<'_>, cpus: &[Option<usize>], mut publishers: Vec<OwnedFd>) -> Outcome {
    let arguments = common.arguments;
    let mut subscribers = publishers.split_off(arguments.publishers as usize).into_iter();
    let mut publishers = publishers.into_iter();
    let count = cpus.len() as u64;
    let mut first_subscriber = 0;
    let mut all = Outcome::empty();
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (index, &cpu) in cpus.iter().enumerate() {
            let part = |total| share(total, count, index as u64) as usize;
            let own = Share {
                index,
                publishers: publishers.by_ref().take(part(arguments.publishers)).collect(),
                subscribers: subscribers.by_ref().take(part(arguments.subscribers)).collect(),
                first_subscriber,
                publishing: cpus.len().min(arguments.publishers as usize),
            };
            first_subscriber += own.subscribers.len();
            threads.push(scope.spawn(move || {
                stay_on(cpu);
                Fanout::run_all(common, own)
            }));
        }
        for thread in threads {
            all.add(thread.join().expect("a thread returns its failures"));
        }
    });
    all
}

/// Subscribes and waits for the confirmation, so that no message is published before.
fn subscribe(socket: &OwnedFd, channel: &Channel) -> io::Result<()> {
    bound_waits(socket, Some(REPLY_TIME_MAX))?;
    let mut stream = File::from(socket.try_clone()?);
    stream.write_all(&channel.subscribe)?;
    let mut reply = vec![0; channel.subscribed.len()];
    let length = stream.read(&mut reply).map_err(name_time_limit)?;
    if reply[..length].starts_with(b"-") || length == 0 {
        let text = String::from_utf8_lossy(&reply[..length]);
        return Err(io::Error::other(text.trim_start_matches('-').trim_end().to_owned()));
    }
    stream.read_exact(&mut reply[length..]).map_err(name_time_limit)?;
    if reply != channel.subscribed {
        return Err(io::Error::other("the server confirms something else"));
    }
    bound_waits(socket, None)
}

impl<'a> Fanout<'a> {
    /// Publishes and takes in until the time is over and all has arrived, or any thread fails.
    fn run_all(common: &'a Common<'a>, own: Share) -> Outcome {
        let Share { index, publishers, subscribers, first_subscriber, publishing } = own;
        let (arguments, publisher_count) = (common.arguments, publishers.len());
        let inboxes = subscribers.iter().map(|_| Inbox::default()).collect();
        let sockets = publishers.into_iter().chain(subscribers);
        let links = sockets.map(|socket| Link { socket, batch: Vec::new() }).collect();
        let ring = match Ring::new(links, TICK) {
            Ok(ring) => ring,
            Err(error) => {
                common.failed.store(true, Ordering::Relaxed);
                common.publishing.fetch_sub(1, Ordering::Relaxed);
                return Outcome { failure: Some(Failure::Ring(error).to_string()), ..Outcome::empty() };
            }
        };
        let part = Part { index: index as u64, count: publishing as u64 };
        let arrivals = |rate| Arrivals::new(rate, Spacing::Fixed, part, 1);
        let kind = if arguments.rate.is_some() { Loop::Open } else { Loop::Closed };
        let stall_ns = arguments.reply_timeout.as_nanos() as u64;
        let fanout = Fanout {
            common,
            ring,
            load: Load::new(publisher_count, kind, arguments.pipeline, 1, stall_ns),
            publishers: publisher_count,
            first_subscriber,
            arrivals: arguments.rate.filter(|_| publisher_count > 0).map(arrivals),
            inboxes,
            next_channel: index % common.channels.len(),
            latencies: Latencies::new(),
            strange: None,
        };
        fanout.run()
    }

    fn run(mut self) -> Outcome {
        let common = self.common;
        let elapsed = || common.clock.elapsed();
        while self.goes_on() && elapsed() < common.arguments.seconds && !common.interrupt.is_set() {
            self.publish_ready().and_then(|()| self.take_in()).unwrap_or_else(|error| self.fail(error));
        }
        let published_for = elapsed();
        common.publishing.fetch_sub(1, Ordering::Release);
        // Due but unsent messages are no longer sent, and count as unanswered.
        let now_ns = published_for.as_nanos() as u64;
        while self.goes_on() && !common.is_delivered() && elapsed() < published_for + DRAIN_TIME_MAX {
            self.ring.wait().and_then(|()| self.take_in()).unwrap_or_else(|error| self.fail(error));
        }
        self.load.finish(self.arrivals.as_mut(), now_ns);
        let own_failure = self.load.failure.as_ref().map(ToString::to_string);
        let failure = own_failure.or_else(|| self.strange.as_ref().map(ToString::to_string));
        common.failed.fetch_or(failure.is_some(), Ordering::Relaxed);
        Outcome { counts: self.load.counts, latencies: self.latencies, failure, published_for }
    }

    fn goes_on(&self) -> bool {
        let failed = self.common.failed.load(Ordering::Relaxed);
        !failed && self.load.failure.is_none() && self.strange.is_none()
    }

    fn fail(&mut self, error: io::Error) {
        self.load.failure.get_or_insert(Failure::Ring(error));
    }

    /// Publishes what may or has to be, and sleeps until something happens.
    fn publish_ready(&mut self) -> io::Result<()> {
        loop {
            let now_ns = self.common.clock.elapsed().as_nanos() as u64;
            let (wanted, rest) = match &self.arrivals {
                None => (u64::MAX, None),
                Some(arrivals) => {
                    let ready = self.load.ready_count().max(1);
                    let rest = arrivals.next_ns().checked_sub(now_ns).filter(|rest| *rest > 0);
                    (arrivals.due(now_ns).div_ceil(ready), rest.map(Duration::from_nanos))
                }
            };
            if let Some(rest) = rest {
                return self.ring.wait_for(rest);
            }
            let Some((connection, requests)) = self.load.take_ready(wanted) else {
                return self.ring.wait();
            };
            self.publish(connection, requests, now_ns)?;
        }
    }

    fn publish(&mut self, connection: usize, requests: u64, now_ns: u64) -> io::Result<()> {
        let Common { arguments, channels, .. } = self.common;
        let (subscribers, channel_count) = (arguments.subscribers as usize, channels.len());
        let mut expected = 0;
        let batch = self.ring.batch_mut(connection);
        batch.clear();
        for _ in 0..requests {
            let at_ns = match &mut self.arrivals {
                Some(arrivals) if arrivals.next_ns() > now_ns => break,
                Some(arrivals) => arrivals.take(),
                None => now_ns,
            };
            let channel = self.next_channel;
            self.next_channel = (channel + 1) % channel_count;
            channels[channel].publish(at_ns, batch);
            self.load.note_request(connection, at_ns, PUBLISH);
            // Subscribers are dealt out to the channels in turns.
            let more = usize::from(channel < subscribers % channel_count);
            expected += (subscribers / channel_count + more) as u64;
        }
        // Told before they can arrive.
        self.common.expected.fetch_add(expected, Ordering::Relaxed);
        self.ring.send(connection)
    }

    fn take_in(&mut self) -> io::Result<()> {
        let now_ns = self.common.clock.elapsed().as_nanos() as u64;
        let Fanout { common, ring, load, publishers, first_subscriber, inboxes, latencies, strange, .. } =
            self;
        let mut delivered = 0;
        let drained = ring.drain(|event| match event {
            Event::Received { connection, bytes } if connection >= *publishers => {
                let subscriber = connection - *publishers;
                let channel = &common.channels[(*first_subscriber + subscriber) % common.channels.len()];
                let outcome = inboxes[subscriber].receive(bytes, channel, |sent_ns| {
                    delivered += 1;
                    latencies.record(now_ns.saturating_sub(sent_ns), 1);
                });
                if let Err(error) = outcome {
                    strange.get_or_insert(error);
                }
            }
            event => load.on_event(event, now_ns),
        });
        common.delivered.fetch_add(delivered, Ordering::Relaxed);
        drained
    }
}

impl Common<'_> {
    /// Whether all has arrived that was, or will be, published.
    fn is_delivered(&self) -> bool {
        let is_over = self.publishing.load(Ordering::Acquire) == 0;
        is_over && self.delivered.load(Ordering::Relaxed) >= self.expected.load(Ordering::Relaxed)
    }
}

impl Outcome {
    fn empty() -> Outcome {
        Outcome {
            counts: Counts::new(1),
            latencies: Latencies::new(),
            failure: None,
            published_for: Duration::ZERO,
        }
    }

    fn add(&mut self, other: Outcome) {
        self.counts.add(other.counts);
        self.latencies.add(&other.latencies);
        self.failure = self.failure.take().or(other.failure);
        self.published_for = self.published_for.max(other.published_for);
    }

    fn report(self, common: &Common<'_>, access: &Access) -> FanoutReport {
        let Outcome { counts, latencies, failure, published_for } = self;
        let (arguments, seconds) = (common.arguments, published_for.as_secs_f64());
        let [expected, delivered] =
            [&common.expected, &common.delivered].map(|count| count.load(Ordering::Relaxed));
        FanoutReport {
            target: access.target.to_string(),
            publishers: arguments.publishers,
            subscribers: arguments.subscribers,
            channels: arguments.channels,
            message_bytes: arguments.message_size,
            rate: arguments.rate,
            seconds,
            published: counts.requests,
            published_per_second: counts.requests as f64 / seconds,
            delivered,
            delivered_per_second: delivered as f64 / seconds,
            missing: expected.saturating_sub(delivered),
            errors: counts.errors,
            error_examples: counts.error_examples.clone(),
            latency_us: latencies.summary(),
            publish_latency_us: counts.latencies().summary(),
            ended: match (&failure, common.interrupt.is_set()) {
                (Some(_), _) => Ended::Failed,
                (None, true) => Ended::Interrupted,
                (None, false) => Ended::Completed,
            },
            failure,
        }
    }
}

impl FanoutReport {
    pub fn is_clean(&self) -> bool {
        self.missing == 0 && self.errors == 0 && self.failure.is_none() && self.published > 0
    }

    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            writeln!(text, "  {name:<12} {value}").expect("a String takes all text");
        };
        let (publishers, subscribers, channels) = (self.publishers, self.subscribers, self.channels);
        row(
            "load",
            format!(
                "{publishers} publishers, {subscribers} subscribers, {channels} channels, {}",
                self.target
            ),
        );
        let per_second = |count: u64, rate: f64| format!("{}, {}/s", grouped(count), grouped(rate as u64));
        row("published", per_second(self.published, self.published_per_second));
        row("delivered", per_second(self.delivered, self.delivered_per_second));
        row("missing", grouped(self.missing));
        row("errors", grouped(self.errors));
        self.error_examples.iter().for_each(|example| row("", example.clone()));
        let latencies = |summary: LatencySummary| {
            let LatencySummary { p50, p90, p99, p999, max, .. } = summary;
            format!("p50 {p50:.1}  p90 {p90:.1}  p99 {p99:.1}  p99.9 {p999:.1}  max {max:.1}")
        };
        row("delivery us", latencies(self.latency_us));
        row("PUBLISH us", latencies(self.publish_latency_us));
        text
    }
}
