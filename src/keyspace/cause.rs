//! Why a key changed, and which keyspace notifications say so.

/// Why a key changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Set,
    /// A string is stored that lives until a deadline.
    SetExpiring,
    Append,
    SetRange,
    /// An integer was added to or taken from.
    IncrBy,
    /// A number with a fraction was added.
    IncrByFloat,
    /// Bits were set or cleared.
    SetBit,
    /// A string got zeroes at its end by a command that was to write and did not: to clients nothing has changed.
    Lengthen,
    Delete,
    /// The key got a deadline, or another one.
    Expire,
    /// The key lost its deadline.
    Persist,
    RenameFrom,
    RenameTo,
    CopyTo,
    /// What DUMP gave is stored.
    Restore,
    /// The key left for another database.
    MoveFrom,
    MoveTo,
    Expired,
    Evicted,
}

/// What is told to those who asked for keyspace notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub class: EventClass,
    pub name: &'static str,
}

/// A class of events, by its letter in `notify-keyspace-events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EventClass {
    Generic = b'g',
    String = b'$',
    Expired = b'x',
    Evicted = b'e',
}

impl Cause {
    /// Whether no command asked for the change.
    #[inline]
    pub fn is_spontaneous(self) -> bool {
        matches!(self, Cause::Expired | Cause::Evicted)
    }

    /// The events that tell of the change, in the order in which they are sent.
    pub const fn events(self) -> &'static [Event] {
        use EventClass::{Evicted, Expired, Generic, String};
        match self {
            Cause::Set => const { &[event(String, "set")] },
            Cause::SetExpiring => const { &[event(String, "set"), event(Generic, "expire")] },
            Cause::Append => const { &[event(String, "append")] },
            Cause::SetRange => const { &[event(String, "setrange")] },
            Cause::IncrBy => const { &[event(String, "incrby")] },
            Cause::IncrByFloat => const { &[event(String, "incrbyfloat")] },
            Cause::SetBit => const { &[event(String, "setbit")] },
            Cause::Lengthen => &[],
            Cause::Delete => const { &[event(Generic, "del")] },
            Cause::Expire => const { &[event(Generic, "expire")] },
            Cause::Persist => const { &[event(Generic, "persist")] },
            Cause::RenameFrom => const { &[event(Generic, "rename_from")] },
            Cause::RenameTo => const { &[event(Generic, "rename_to")] },
            Cause::CopyTo => const { &[event(Generic, "copy_to")] },
            Cause::Restore => const { &[event(Generic, "restore")] },
            Cause::MoveFrom => const { &[event(Generic, "move_from")] },
            Cause::MoveTo => const { &[event(Generic, "move_to")] },
            Cause::Expired => const { &[event(Expired, "expired")] },
            Cause::Evicted => const { &[event(Evicted, "evicted")] },
        }
    }
}

const fn event(class: EventClass, name: &'static str) -> Event {
    Event { class, name }
}

#[cfg(test)]
mod tests {
    use super::Cause;

    /// As redis-server 7.0.15 publishes them.
    #[test]
    fn causes_have_the_events_of_redis() {
        for (cause, events) in [
            (Cause::Set, "$set"),
            (Cause::SetExpiring, "$set gexpire"),
            (Cause::Append, "$append"),
            (Cause::SetRange, "$setrange"),
            (Cause::IncrBy, "$incrby"),
            (Cause::IncrByFloat, "$incrbyfloat"),
            (Cause::SetBit, "$setbit"),
            (Cause::Lengthen, ""),
            (Cause::Delete, "gdel"),
            (Cause::Expire, "gexpire"),
            (Cause::Persist, "gpersist"),
            (Cause::RenameFrom, "grename_from"),
            (Cause::RenameTo, "grename_to"),
            (Cause::CopyTo, "gcopy_to"),
            (Cause::Restore, "grestore"),
            (Cause::MoveFrom, "gmove_from"),
            (Cause::MoveTo, "gmove_to"),
            (Cause::Expired, "xexpired"),
            (Cause::Evicted, "eevicted"),
        ] {
            let named = |event: &super::Event| format!("{}{}", event.class as u8 as char, event.name);
            let all: Vec<_> = cause.events().iter().map(named).collect();
            assert_eq!(all.join(" "), events, "{cause:?}");
        }
    }
}
