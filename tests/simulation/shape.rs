//! How large and how unpleasant a run is, all from its seed.

use basalt::config::Fsync;

use super::common::random::Random;
use super::flaw::Flaw;
use super::mesh::Limits;

pub const SHARDS_MAX: usize = 5;

/// The sizes and odds of one run. Odds are "once in so many"; 0 is never.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub shards: u16,
    pub clients: usize,
    pub keys: usize,
    pub requests: usize,
    pub burst_max: usize,
    /// Requests that a client may have unanswered before it waits.
    pub pipeline_max: usize,
    pub limits: Limits,
    /// How long a step takes at most.
    pub step_us_max: usize,
    /// How far the clocks of cores are apart at most.
    pub skew_ms: u64,
    /// How long a turn has lasted at most when it reads messages: its time is that of its beginning.
    pub turn_us_max: usize,
    /// For how many steps a core stands still from time to time.
    pub sleep_steps_max: usize,
    pub disconnect_odds: usize,
    pub slot_move_odds: usize,
    /// One in so many requests belongs to MULTI or WATCH.
    pub transaction_odds: usize,
    /// One in so many writes has to do with deadlines.
    pub deadline_odds: usize,
    /// One in so many requests concerns all keys.
    pub everything_odds: usize,
    /// Of servers with logs, which die.
    pub durability: Option<Durability>,
}

/// How a server keeps what it was told, and what happens to it.
#[derive(Clone, Copy, Debug)]
pub struct Durability {
    pub fsync: Fsync,
    /// Segments are changed when one has more bytes than this.
    pub segment_bytes: u64,
    /// The "second" of `everysec`.
    pub interval_us: u64,
    /// One in so many steps of the kernel is one, which makes disks slow.
    pub kernel_odds: usize,
    /// One in so many steps fills the disk, frees it, or lets it fail.
    pub trouble_odds: usize,
    /// One in so many steps goes on with a compaction.
    pub compaction_odds: usize,
    /// How often a server is started.
    pub lives: usize,
    pub flaw: Option<Flaw>,
}

impl Durability {
    pub fn draw(random: &mut Random, flaw: Option<Flaw>) -> Self {
        Durability {
            fsync: *random.pick(&[Fsync::Always, Fsync::EverySec, Fsync::EverySec, Fsync::No]),
            segment_bytes: *random.pick(&[200, 2_000, 9_000, 30_000]),
            interval_us: *random.pick(&[1_000, 5_000, 20_000, 100_000]),
            kernel_odds: *random.pick(&[1, 2, 10]),
            trouble_odds: *random.pick(&[0, 0, 100, 1000]),
            compaction_odds: *random.pick(&[0, 4, 20]),
            lives: 2 + random.below(4),
            flaw,
        }
    }
}

impl Shape {
    pub fn draw(random: &mut Random) -> Self {
        let limits = Limits {
            batches_in_flight: 1 + random.below(3),
            batches_waiting: 1 + random.below(2),
            batch_requests: *random.pick(&[1, 2, 8]),
            queue_messages: *random.pick(&[1, 1, 2, 8]),
            delay_us_max: *random.pick(&[0, 200, 2_000, 20_000]),
        };
        let shards = 1 + random.below(SHARDS_MAX) as u16;
        let skew_ms = *random.pick(&[0, 0, 5, 20]);
        Shape {
            shards,
            clients: 2 + random.below(5),
            keys: *random.pick(&[1, 2, 3, 5, 8]),
            requests: *random.pick(&[20, 40, 80, 160]),
            burst_max: *random.pick(&[1, 3, 8, 20]),
            pipeline_max: *random.pick(&[1, 4, 40]),
            limits,
            step_us_max: *random.pick(&[100, 1_000]),
            skew_ms: if shards == 1 { 0 } else { skew_ms },
            turn_us_max: if shards == 1 { 0 } else { *random.pick(&[0, 0, 2_000, 20_000]) },
            sleep_steps_max: *random.pick(&[0, 20, 200]),
            disconnect_odds: *random.pick(&[0, 40, 10]),
            slot_move_odds: *random.pick(&[0, 30, 10, 4]),
            transaction_odds: *random.pick(&[0, 2, 3, 6]),
            deadline_odds: *random.pick(&[0, 0, 3]),
            everything_odds: *random.pick(&[0, 30, 8]),
            durability: None,
        }
    }
}

impl Shape {
    /// How far the times of two cores may be apart at the same moment.
    pub fn skew_ms_max(&self) -> u64 {
        self.skew_ms + (self.turn_us_max as u64).div_ceil(1000)
    }
}

/// True once in `odds`; never if that is 0.
pub fn happens(random: &mut Random, odds: usize) -> bool {
    odds > 0 && random.once_in(odds)
}
