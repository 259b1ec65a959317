//! Several requests in the proportions that a workload wants, and what their placeholders are drawn from.

use crate::cluster::{Node, SlotMap};
use crate::keys::{KeyDistribution, KeySampler, Part};
use crate::template::{BATCH_BYTES_MAX, Draws, Placeholders, Template, TemplateError, value_text};

/// Most different requests of one mix: a request in flight notes its kind in 16 bits.
pub const REQUESTS_MAX: usize = 1000;

/// A request and its weight, as they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedLine {
    pub weight: u64,
    pub line: String,
}

/// Keys that are drawn until one belongs to the node of a connection. After so many the last one is sent anyway, and the
/// node answers that it has moved.
const DRAWS_MAX: u32 = 1000;

/// All that threads send.
#[derive(Debug)]
pub struct Mix {
    templates: Vec<Template>,
    /// For each template, its weight and those before it.
    weights: Vec<u64>,
    placeholders: Placeholders,
    keys: KeyDistribution,
    text: String,
}

/// Which request was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Composed {
    pub kind: u16,
    /// Replies to come.
    pub replies: u32,
}

/// Makes requests for one thread.
pub struct Composer<'a> {
    mix: &'a Mix,
    draws: Draws<'a>,
    route: Option<Route>,
}

/// Where keys belong in a cluster, and the node of each connection.
pub struct Route {
    pub map: SlotMap,
    pub nodes: Vec<Node>,
}

impl Mix {
    pub fn new(
        lines: &[WeightedLine],
        placeholders: Placeholders,
        keys: KeyDistribution,
    ) -> Result<Mix, TemplateError> {
        assert!((1..=REQUESTS_MAX).contains(&lines.len()), "checked when the command line is read");
        let templates: Result<Vec<_>, _> =
            lines.iter().map(|line| Template::parse(&line.line, &placeholders)).collect();
        let mut total = 0;
        let mut weights = Vec::with_capacity(lines.len());
        for line in lines {
            total += line.weight;
            weights.push(total);
        }
        let text = value_text(placeholders.values.most());
        Ok(Mix { templates: templates?, weights, placeholders, keys, text })
    }

    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// Bytes of the largest batch there can be; fails when they are too many.
    pub fn batch_bytes(&self, pipeline: u32) -> Result<usize, TemplateError> {
        let mut bytes = self.templates.iter().map(|template| template.check_batch(pipeline));
        bytes.try_fold(0, |most, bytes| bytes.map(|bytes| most.max(bytes)))
    }

    pub fn composer(&self, seed: u64, part: Part, route: Option<Route>) -> Composer<'_> {
        let keys = KeySampler::new(self.keys, self.placeholders.key_space, part);
        let draws = Draws::new(keys, seed, &self.placeholders.values, self.text.as_bytes());
        Composer { mix: self, draws, route }
    }

    /// What fills a server: every request once for each key of the key space.
    pub fn filler(&self, seed: u64) -> Filler<'_> {
        let draws = Draws::new(KeySampler::given(), seed, &self.placeholders.values, self.text.as_bytes());
        Filler { mix: self, draws }
    }
}

impl Composer<'_> {
    /// Appends a request to a connection's batch.
    pub fn append(&mut self, connection: usize, batch: &mut Vec<u8>) -> Composed {
        let kind = self.pick();
        let template = &self.mix.templates[kind];
        let start = batch.len();
        template.append(&mut self.draws, batch);
        if let Some(Route { map, nodes }) = &self.route {
            let node = nodes[connection];
            let mut draws = 1;
            while template.first_key_word(&batch[start..]).is_some_and(|key| map.owner(key) != node)
                && draws < DRAWS_MAX
            {
                batch.truncate(start);
                template.append(&mut self.draws, batch);
                draws += 1;
            }
        }
        debug_assert!(batch.len() <= BATCH_BYTES_MAX);
        Composed { kind: kind as u16, replies: template.commands() }
    }

    pub fn is_routed(&self) -> bool {
        self.route.is_some()
    }

    pub fn route_mut(&mut self) -> Option<&mut Route> {
        self.route.as_mut()
    }

    fn pick(&mut self) -> usize {
        match &self.mix.weights[..] {
            [_] => 0,
            weights => {
                let drawn = self.draws.random.below(weights[weights.len() - 1]);
                weights.partition_point(|&weight| weight <= drawn)
            }
        }
    }
}

/// Makes the requests that fill a server.
pub struct Filler<'a> {
    mix: &'a Mix,
    draws: Draws<'a>,
}

impl Filler<'_> {
    /// Appends the requests for one key, in a cluster only those of one node; gives the number of their replies.
    pub fn append(&mut self, key: u64, owner: Option<(&SlotMap, Node)>, requests: &mut Vec<u8>) -> u64 {
        self.draws.keys.give(key);
        let mut replies = 0;
        for template in &self.mix.templates {
            let start = requests.len();
            template.append(&mut self.draws, requests);
            let key = template.first_key_word(&requests[start..]);
            if owner.is_some_and(|(map, node)| key.is_some_and(|key| map.owner(key) != node)) {
                requests.truncate(start);
                continue;
            }
            replies += u64::from(template.commands());
        }
        replies
    }
}

#[cfg(test)]
mod tests {
    use super::{Composed, Mix, WeightedLine};
    use crate::keys::{KeyDistribution, Part};
    use crate::template::{Placeholders, TemplateError};

    const ALONE: Part = Part { index: 0, count: 1 };

    fn mix(lines: &[(u64, &str)]) -> Mix {
        let lines: Vec<_> =
            lines.iter().map(|&(weight, line)| WeightedLine { weight, line: line.to_owned() }).collect();
        let placeholders =
            Placeholders { key_space: 10, key_digits: 2, values: "3".parse().unwrap(), ttl: None };
        Mix::new(&lines, placeholders, KeyDistribution::Uniform).unwrap()
    }

    #[test]
    fn requests_come_in_proportion_to_their_weights() {
        let mix = mix(&[(1, "PING"), (7, "GET {key}"), (2, "MULTI ; INCR {key} ; EXEC")]);
        let (seed, mut counts) = (5, [0u32; 3]);
        let mut composer = mix.composer(seed, ALONE, None);
        let mut batch = Vec::new();
        for _ in 0..20_000 {
            batch.clear();
            let Composed { kind, replies } = composer.append(0, &mut batch);
            assert_eq!(replies, [1, 1, 3][usize::from(kind)]);
            counts[usize::from(kind)] += 1;
        }
        for (count, expected) in counts.iter().zip([2000, 14_000, 4000]) {
            assert!(count.abs_diff(expected) < 300, "seed {seed}: {counts:?}");
        }
    }

    #[test]
    fn a_filler_makes_every_request_for_a_key() {
        let mix = mix(&[(1, "SET a:{key} {value}"), (1, "SET b:{key}:{same-key} 1")]);
        let mut requests = Vec::new();
        assert_eq!(mix.filler(1).append(7, None, &mut requests), 2);
        let text = String::from_utf8(requests).unwrap();
        assert!(text.contains("a:07\r\n") && text.contains("b:07:07\r\n"), "{text}");
    }

    #[test]
    fn the_largest_request_bounds_the_batch() {
        let mix = mix(&[(1, "PING"), (1, "ECHO 12345")]);
        assert_eq!(mix.batch_bytes(10).unwrap(), 10 * "*2\r\n$4\r\nECHO\r\n$5\r\n12345\r\n".len());
        assert!(matches!(mix.batch_bytes(u32::MAX), Err(TemplateError::LargeBatch { .. })));
    }
}
