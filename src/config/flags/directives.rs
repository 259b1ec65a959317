//! What may stand in a configuration file besides settings, and has no value that CONFIG could show.

/// A word that begins a line of configuration without being a setting. `include` is the loader's own.
#[derive(Debug)]
pub struct Directive {
    pub name: &'static str,
    /// Why it is refused. Without a reason the line has no effect, in Redis as here.
    pub refusal: Option<&'static str>,
    pub help: &'static str,
}

const fn refused(name: &'static str, why: &'static str, help: &'static str) -> Directive {
    Directive { name, refusal: Some(why), help }
}

const fn ignored(name: &'static str, help: &'static str) -> Directive {
    Directive { name, refusal: None, help }
}

#[rustfmt::skip]
pub static DIRECTIVES: &[Directive] = &[
    refused("user", "access control lists are not built yet, so the rights given here would not hold", "A user and its rights. Accepted for the default user with all rights and no password, which is what holds."),
    refused("rename-command", "renaming commands is not built yet, so the command would stay open to all", "Another name for a command."),
    refused("loadmodule", "modules written for Redis cannot be loaded", "A module to load."),
    refused("sentinel", "Sentinel mode is not a part of this server", "A setting of Sentinel mode."),
    ignored("lua-replicate-commands", "Without effect since Redis 7: scripts are always replicated by their effects."),
    ignored("list-max-ziplist-entries", "Without effect since Redis 3.2: see `list-max-listpack-size`."),
    ignored("list-max-ziplist-value", "Without effect since Redis 3.2: see `list-max-listpack-size`."),
];
