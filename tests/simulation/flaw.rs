//! What can be done wrong: so that it is known that each would be found.

/// One mistake, made throughout a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Under `always` a write is acknowledged before it is synced.
    AcknowledgedUnsynced,
    /// A failed write is acknowledged.
    AcknowledgedUnwritten,
    /// Replies and messages leave before the log is written.
    SentBeforeAppended,
    /// Shards answer before their part of a transaction is acknowledged.
    AnsweredBeforeAcknowledged,
    /// Shards let go with the last stage, and what they have written is no part of anything.
    NoParts,
    /// Recovery counts parts whose sisters are missing.
    PartsWithoutSisters,
    /// Recovery does not write down which parts it has dropped.
    NoVoids,
    /// Recovery does not write down where it has cut the logs.
    NoEnds,
    /// Files are never synced.
    NoSync,
    /// The folder is never synced.
    NoFolderSync,
    /// A segment is listed before it is there.
    ListedTooEarly,
    /// A segment is used before it is listed.
    UsedUnlisted,
    /// Under `everysec` nothing is synced.
    NeverSyncs,
    /// A base is published before what it covers is on the disk everywhere.
    PublishedUnsettled,
    /// A base is begun while a transaction holds something.
    CutWhileHeld,
    /// Only the newest segment is synced.
    FormerSegmentsUnsynced,
}

impl Flaw {
    pub const ALL: &[Flaw] = &[
        Flaw::AcknowledgedUnsynced,
        Flaw::AcknowledgedUnwritten,
        Flaw::SentBeforeAppended,
        Flaw::AnsweredBeforeAcknowledged,
        Flaw::NoParts,
        Flaw::PartsWithoutSisters,
        Flaw::NoVoids,
        Flaw::NoEnds,
        Flaw::NoSync,
        Flaw::NoFolderSync,
        Flaw::ListedTooEarly,
        Flaw::UsedUnlisted,
        Flaw::NeverSyncs,
        Flaw::FormerSegmentsUnsynced,
        Flaw::PublishedUnsettled,
        Flaw::CutWhileHeld,
    ];
}
