//! Named workloads: an operation with value size, connections and pipeline in its name.

/// What is asked of every server of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// With all parts, as in `get-d64-c50-p1`.
    pub name: String,
    pub command: String,
    /// Sent once for each key before the first round.
    pub preload: Option<String>,
    pub value_bytes: u64,
    pub connections: u64,
    pub pipeline: u32,
}

impl Workload {
    /// Reads `OP-d<value bytes>-c<connections>-p<pipeline>`, where all but the operation may be left out (64, 50, 1).
    pub fn parse(text: &str) -> Result<Workload, String> {
        let mut parts = text.split('-');
        let operation = parts.next().unwrap_or_default();
        let (command, preload) = match operation {
            "get" => ("GET key:{key}", Some("SET key:{key} {value}")),
            "set" => ("SET key:{key} {value}", Some("SET key:{key} {value}")),
            "incr" => ("INCR counter:{key}", None),
            "ping" => ("PING", None),
            _ => return Err("a workload begins with get, set, incr or ping".to_owned()),
        };
        let (mut value_bytes, mut connections, mut pipeline) = (64, 50, 1);
        for part in parts {
            let wrong = || format!("{part:?} is none of d<value bytes>, c<connections>, p<pipeline>");
            let number = part.get(1..).and_then(|digits| digits.parse::<u32>().ok()).ok_or_else(wrong)?;
            match part.as_bytes()[0] {
                b'd' if number <= 64 << 20 => value_bytes = u64::from(number),
                b'c' if (1..=1_000_000).contains(&number) => connections = u64::from(number),
                b'p' if (1..=1_000_000).contains(&number) => pipeline = number,
                _ => return Err(wrong()),
            }
        }
        Ok(Workload {
            name: format!("{operation}-d{value_bytes}-c{connections}-p{pipeline}"),
            command: command.to_owned(),
            preload: preload.map(str::to_owned),
            value_bytes,
            connections,
            pipeline,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Workload;

    #[test]
    fn names_say_all_parts() {
        let workload = Workload::parse("set-p16-d100").unwrap();
        assert_eq!(workload.name, "set-d100-c50-p16");
        assert_eq!((workload.value_bytes, workload.connections, workload.pipeline), (100, 50, 16));
        assert_eq!(workload.preload.as_deref(), Some("SET key:{key} {value}"));
        assert_eq!(Workload::parse("ping").unwrap().command, "PING");
    }

    #[test]
    fn unknown_names_are_refused() {
        for wrong in ["", "del", "get-", "get-x1", "get-c0", "get-p", "get-d-1", "get-é1"] {
            assert!(Workload::parse(wrong).is_err(), "{wrong}");
        }
    }
}
