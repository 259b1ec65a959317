//! Publishers and subscribers: how many messages arrive, how many do not, and how long they take.

mod messages;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::access::{Access, ConnectError};
use crate::arguments::PubsubArguments;
use crate::arrivals::{Arrivals, Spacing};
use crate::interrupt::Interrupt;
use crate::keys::Part;
use crate::latency::{Latencies, LatencySummary};
use crate::load::{Failure, Load, Loop};
use crate::mix::Composed;
use crate::plain::{REPLY_TIME_MAX, bound_waits, name_time_limit};
use crate::report::{Ended, grouped};
use crate::ring::{Event, Link, Ring};

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
    #[error("io_uring fails: {0}")]
    Ring(io::Error),
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

/// All that a run changes.
struct Fanout<'a> {
    arguments: &'a PubsubArguments,
    ring: Ring,
    /// Publishers are the first connections of the ring, subscribers those after.
    load: Load,
    arrivals: Option<Arrivals>,
    channels: Vec<Channel>,
    inboxes: Vec<Inbox>,
    next_channel: usize,
    clock: Instant,
    /// Deliveries that follow from what was published.
    expected: u64,
    delivered: u64,
    latencies: Latencies,
    strange: Option<StrangeMessage>,
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
    let links = sockets.into_iter().map(|socket| Link { socket, batch: Vec::new() }).collect();
    let part = Part { index: 0, count: 1 };
    let kind = if arguments.rate.is_some() { Loop::Open } else { Loop::Closed };
    let stall_ns = arguments.reply_timeout.as_nanos() as u64;
    let mut fanout = Fanout {
        arguments,
        ring: Ring::new(links, TICK).map_err(FanoutError::Ring)?,
        load: Load::new(publishers, kind, arguments.pipeline, 1, stall_ns),
        arrivals: arguments.rate.map(|rate| Arrivals::new(rate, Spacing::Fixed, part, 1)),
        channels,
        inboxes: (0..subscribers).map(|_| Inbox::default()).collect(),
        next_channel: 0,
        clock: Instant::now(),
        expected: 0,
        delivered: 0,
        latencies: Latencies::new(),
        strange: None,
    };
    let (published_for, interrupted) = fanout.run(interrupt);
    Ok(fanout.report(&access, published_for, interrupted))
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

impl Fanout<'_> {
    /// Gives how long messages were published, and whether that was interrupted.
    fn run(&mut self, interrupt: &Interrupt) -> (Duration, bool) {
        while self.goes_on() && self.clock.elapsed() < self.arguments.seconds && !interrupt.is_set() {
            self.publish_ready().and_then(|()| self.take_in()).unwrap_or_else(|error| self.fail(error));
        }
        let published_for = self.clock.elapsed();
        // Due but unsent messages are no longer sent, and count as unanswered.
        let now_ns = published_for.as_nanos() as u64;
        let done = |fanout: &Fanout<'_>| fanout.delivered >= fanout.expected;
        while self.goes_on() && !done(self) && self.clock.elapsed() < published_for + DRAIN_TIME_MAX {
            self.ring.wait().and_then(|()| self.take_in()).unwrap_or_else(|error| self.fail(error));
        }
        self.load.finish(self.arrivals.as_mut(), now_ns);
        (published_for, interrupt.is_set())
    }

    fn goes_on(&self) -> bool {
        self.load.failure.is_none() && self.strange.is_none()
    }

    fn fail(&mut self, error: io::Error) {
        self.load.failure.get_or_insert(Failure::Ring(error));
    }

    /// Publishes what may or has to be, and sleeps until something happens.
    fn publish_ready(&mut self) -> io::Result<()> {
        loop {
            let now_ns = self.clock.elapsed().as_nanos() as u64;
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
        let (subscribers, channels) = (self.inboxes.len(), self.channels.len());
        let batch = self.ring.batch_mut(connection);
        batch.clear();
        for _ in 0..requests {
            let at_ns = match &mut self.arrivals {
                Some(arrivals) if arrivals.next_ns() > now_ns => break,
                Some(arrivals) => arrivals.take(),
                None => now_ns,
            };
            let channel = self.next_channel;
            self.next_channel = (channel + 1) % channels;
            self.channels[channel].publish(at_ns, batch);
            self.load.note_request(connection, at_ns, PUBLISH);
            // Subscribers are dealt out to the channels in turns.
            self.expected += (subscribers / channels + usize::from(channel < subscribers % channels)) as u64;
        }
        self.ring.send(connection)
    }

    fn take_in(&mut self) -> io::Result<()> {
        let now_ns = self.clock.elapsed().as_nanos() as u64;
        let publishers = self.arguments.publishers as usize;
        let Fanout { ring, load, channels, inboxes, delivered, latencies, strange, .. } = self;
        ring.drain(|event| match event {
            Event::Received { connection, bytes } if connection >= publishers => {
                let subscriber = connection - publishers;
                let channel = &channels[subscriber % channels.len()];
                let outcome = inboxes[subscriber].receive(bytes, channel, |sent_ns| {
                    *delivered += 1;
                    latencies.record(now_ns.saturating_sub(sent_ns), 1);
                });
                if let Err(error) = outcome {
                    strange.get_or_insert(error);
                }
            }
            event => load.on_event(event, now_ns),
        })
    }

    fn report(self, access: &Access, published_for: Duration, interrupted: bool) -> FanoutReport {
        let seconds = published_for.as_secs_f64();
        let counts = &self.load.counts;
        let failure = self
            .load
            .failure
            .as_ref()
            .map(ToString::to_string)
            .or_else(|| self.strange.as_ref().map(ToString::to_string));
        FanoutReport {
            target: access.target.to_string(),
            publishers: self.arguments.publishers,
            subscribers: self.arguments.subscribers,
            channels: self.arguments.channels,
            message_bytes: self.arguments.message_size,
            rate: self.arguments.rate,
            seconds,
            published: counts.requests,
            published_per_second: counts.requests as f64 / seconds,
            delivered: self.delivered,
            delivered_per_second: self.delivered as f64 / seconds,
            missing: self.expected.saturating_sub(self.delivered),
            errors: counts.errors,
            error_examples: counts.error_examples.clone(),
            latency_us: self.latencies.summary(),
            publish_latency_us: counts.latencies().summary(),
            ended: match (&failure, interrupted) {
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
