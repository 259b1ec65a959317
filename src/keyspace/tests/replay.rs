//! What effects claim: replayed into another key space they make it hold the same, step by step.

use std::collections::BTreeMap;

use crate::keyspace::tests::model::seed_of;
use crate::keyspace::*;

const DATABASES: usize = 3;
/// Slots that keys fall into; few, so that slots are moved and found full.
const SLOTS: u64 = 5;

/// What is compared: value, encoding, whether it is raw in any case, deadline.
pub type Content = BTreeMap<(usize, u16, Vec<u8>), (Vec<u8>, &'static str, bool, Option<u64>)>;

pub fn content(keyspace: &Keyspace) -> Content {
    let mut content = Content::new();
    for database in 0..keyspace.database_count() {
        let mut slot = 0;
        while let Some(found) = keyspace.filled_slot(database, slot) {
            keyspace.visit_slot(database, found, usize::MAX, 0, |entry| {
                let stored =
                    (entry.value().to_vec(), entry.encoding().name(), entry.is_raw(), entry.deadline_ms());
                let former = content.insert((database, found, entry.key().to_vec()), stored);
                assert!(former.is_none());
            });
            slot = found + 1;
        }
    }
    content
}

impl Keyspace {
    fn filled_slot(&self, database: usize, from: u16) -> Option<u16> {
        (from..SLOT_COUNT as u16).find(|&slot| self.slot_len(database, slot) > 0)
    }
}

/// Effects as words: kind, numbers, bytes.
const ENCODER: Encoder = Encoder { key: encode, database: encode_whole };

fn encode(buffer: &mut Vec<u8>, database: usize, slot: u16, key: &[u8], effect: Effect<'_>) {
    let (kind, numbers, bytes): (u8, [u64; 2], Vec<u8>) = match effect {
        Effect::Stored(entry) => {
            assert_eq!(entry.key(), key);
            let raw = u64::from(entry.is_raw()) | u64::from(entry.encoding() == Encoding::Int) << 1;
            (0, [entry.deadline_ms().map_or(0, |ms| ms + 1), raw], entry.value().to_vec())
        }
        Effect::Deadline(deadline_ms) => (1, [deadline_ms.map_or(0, |ms| ms + 1), 0], Vec::new()),
        Effect::Removed => (2, [0, 0], Vec::new()),
        Effect::Patched { length, offset, bytes } => {
            assert!(bytes.len() <= length / 2, "a patch is smaller than the whole");
            (3, [length as u64, offset as u64], bytes.to_vec())
        }
    };
    put(buffer, kind, database, slot, numbers);
    put_bytes(buffer, key);
    put_bytes(buffer, &bytes);
}

fn encode_whole(buffer: &mut Vec<u8>, database: usize, effect: DatabaseEffect) {
    match effect {
        DatabaseEffect::Flushed => put(buffer, 4, database, 0, [0, 0]),
        DatabaseEffect::Swapped(other) => put(buffer, 5, database, 0, [other as u64, 0]),
        DatabaseEffect::SlotGone(slot) => put(buffer, 6, database, slot, [0, 0]),
    }
}

fn put(buffer: &mut Vec<u8>, kind: u8, database: usize, slot: u16, numbers: [u64; 2]) {
    buffer.extend([kind, database as u8]);
    buffer.extend(slot.to_le_bytes());
    numbers.iter().for_each(|number| buffer.extend(number.to_le_bytes()));
}

fn put_bytes(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend((bytes.len() as u64).to_le_bytes());
    buffer.extend(bytes);
}

struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes(8).try_into().expect("eight bytes"))
    }

    fn counted(&mut self) -> &'a [u8] {
        let count = self.number() as usize;
        self.bytes(count)
    }
}

/// Does to `keyspace` what the effects say, and tells how many there were of each kind.
fn replay(keyspace: &mut Keyspace, effects: &[u8], kinds: &mut [u64; 7]) {
    let hasher = keyspace.hasher().clone();
    let mut words = Words(effects);
    while !words.0.is_empty() {
        let head = words.bytes(4);
        let (kind, database, slot) = (head[0], usize::from(head[1]), u16::from_le_bytes([head[2], head[3]]));
        let numbers = [words.number(), words.number()];
        kinds[usize::from(kind)] += 1;
        match kind {
            4 => keyspace.flush(database),
            5 => keyspace.swap_databases(database, numbers[0] as usize),
            6 => drop(keyspace.take_slot(database, slot)),
            _ => {
                let (key, bytes) = (words.counted(), words.counted());
                replay_key(keyspace, database, &hasher.key(key, slot), (kind, numbers, bytes));
            }
        }
    }
}

fn replay_key(
    keyspace: &mut Keyspace,
    database: usize,
    key: &Key<'_>,
    (kind, numbers, bytes): (u8, [u64; 2], &[u8]),
) {
    let deadline_ms = numbers[0].checked_sub(1);
    match kind {
        0 => {
            let value = match numbers[1] {
                0 => Value::Text(bytes),
                1 => Value::Raw(bytes),
                _ => Value::Bytes(bytes),
            };
            let deadline = deadline_ms.map_or(Deadline::Clear, Deadline::At);
            keyspace.set(database, key, value, deadline, Cause::Set, 0);
        }
        1 => assert!(keyspace.set_deadline(database, key, deadline_ms, 0)),
        2 => assert!(keyspace.remove(database, key, Cause::Delete, 0)),
        _ => {
            let (length, offset) = (numbers[0] as usize, numbers[1] as usize);
            let place = keyspace.place(database, key, Look::Peek, 0);
            let former = place.entry().map_or(0, |entry| entry.value().len());
            let range = offset..offset + bytes.len();
            place.edit_bytes(length.max(former), range.clone(), Cause::SetRange, |string| {
                string[range.clone()].copy_from_slice(bytes);
                true
            });
        }
    }
}

/// Random changes of a key space.
pub struct Chaos {
    pub keyspace: Keyspace,
    pub hasher: Hasher,
    pub random: u64,
    pub now_ms: u64,
}

impl Chaos {
    pub fn new(seed: u64) -> Self {
        let hasher = Hasher::seeded(seed);
        let keyspace = Keyspace::new(DATABASES, hasher.clone(), Recency::Lru);
        Chaos { keyspace, hasher, random: seed, now_ms: 1_700_000_000_000 }
    }

    /// A number below `bound`, by splitmix64.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % bound
    }

    /// A change of one key, if it finds something to change.
    pub fn change(&mut self, name: &[u8], slot: u16) {
        let (database, other) = (self.below(3) as usize, self.below(3) as usize);
        let hasher = self.hasher.clone();
        let key = hasher.key(name, slot);
        let now_ms = self.now_ms;
        match self.below(20) {
            0..7 => self.set(database, &key),
            7..9 => drop(self.keyspace.remove(database, &key, Cause::Delete, now_ms)),
            9..12 => {
                let deadline_ms = (self.below(3) > 0).then(|| now_ms + self.below(300));
                self.keyspace.set_deadline(database, &key, deadline_ms, now_ms);
            }
            12..16 => self.edit(database, &key),
            16 => drop(self.keyspace.move_key(database, other, &key, now_ms)),
            17 => {
                if let Some(copied) = self.keyspace.copy(database, &key, now_ms) {
                    self.keyspace.paste(other, &key, &copied, Cause::CopyTo, now_ms);
                }
            }
            18 => drop(self.keyspace.find(database, &key, now_ms).map(|entry| entry.value().len())),
            _ => {
                self.now_ms += self.below(100);
                let since_ms = (self.below(2) == 0).then_some(now_ms);
                self.keyspace.keep_expired_since(since_ms);
                let budget = self.below(100) as usize;
                self.keyspace.expire_due(self.now_ms, budget);
                self.keyspace.changes_mut().forget_notes();
            }
        }
    }

    fn set(&mut self, database: usize, key: &Key<'_>) {
        let now_ms = self.now_ms;
        let length =
            [3, 30, 100, 200, 1000, 17_000][(self.below(1 << 12) as u32).leading_zeros() as usize % 6];
        let bytes = vec![self.below(256) as u8; length];
        let value = match self.below(5) {
            0 => Value::Int(self.below(1000) as i64),
            1 => Value::Text(b"12"),
            2 => Value::Raw(&bytes),
            3 => Value::Large(bytes.clone().into()),
            _ => Value::Bytes(&bytes),
        };
        let deadline = match self.below(3) {
            0 => Deadline::At(now_ms + self.below(300)),
            1 => Deadline::Keep,
            _ => Deadline::Clear,
        };
        self.keyspace.set(database, key, value, deadline, Cause::Set, now_ms);
    }

    /// Changes some bytes: as SETBIT, APPEND and SETRANGE do, with and without a difference.
    fn edit(&mut self, database: usize, key: &Key<'_>) {
        let (chance, more, byte) = (self.below(1 << 40), self.below(400) as usize, self.below(256) as u8);
        let (is_longer, differs) = (self.below(3) == 0, self.below(4) > 0);
        let place = self.keyspace.place(database, key, Look::Use, self.now_ms);
        let former = place.entry().map_or(0, |entry| entry.value().len());
        let length = match (is_longer, former) {
            (true, 0..40_000) => former + more,
            _ => former,
        };
        let start = chance as usize % (length + 1);
        let range = start..length.min(start + more / 8);
        place.edit_bytes(length, range.clone(), Cause::SetRange, |bytes| {
            if differs {
                bytes[range.clone()].fill(byte);
            }
            differs
        });
    }

    /// Something that concerns many keys.
    pub fn change_many(&mut self, slot: u16) {
        let (database, other) = (self.below(3) as usize, self.below(3) as usize);
        match self.below(3) {
            0 => self.keyspace.flush(database),
            1 => self.keyspace.swap_databases(database, other),
            _ => {
                let Some(moved) = self.keyspace.take_slot(database, slot) else {
                    return;
                };
                if self.below(3) > 0 {
                    self.keyspace.put_slot(database, moved);
                }
            }
        }
    }
}

#[test]
fn effects_replayed_give_the_same_keys() {
    for (keys, steps, compared) in [(5, 20_000, 1), (60, 60_000, 5), (3000, 200_000, 5000)] {
        let seed = seed_of(keys);
        println!("BASALT_SEED={seed} {keys} keys");
        let mut chaos = Chaos::new(seed);
        let mut copy = Keyspace::new(DATABASES, chaos.hasher.clone(), Recency::Lru);
        let mut kinds = [0; 7];
        chaos.keyspace.record_effects(Some(ENCODER));
        for step in 0..steps {
            let number = chaos.below(keys);
            let slot = (number % SLOTS) as u16 * 3000;
            if chaos.below(2000.min(keys * 20)) == 0 {
                chaos.change_many(slot);
            } else {
                chaos.change(format!("key:{number}").as_bytes(), slot);
            }
            replay(&mut copy, chaos.keyspace.effects(), &mut kinds);
            chaos.keyspace.effects_mut().clear();
            chaos.keyspace.free_some(100);
            copy.free_some(100);
            if step % compared == 0 {
                assert!(content(&copy) == content(&chaos.keyspace), "step {step}");
            }
        }
        assert!(kinds.iter().all(|&count| count > 0), "{kinds:?}");
    }
}

#[test]
fn what_changes_nothing_has_no_effect_and_nobody_records_unasked() {
    let mut keyspace = Keyspace::new(1, Hasher::seeded(1), Recency::Lru);
    let hasher = keyspace.hasher().clone();
    let key = hasher.key(b"key", 3);
    keyspace.set(0, &key, Value::Raw(b"value"), Deadline::Clear, Cause::Set, 1);
    assert!(keyspace.effects().is_empty());
    keyspace.record_effects(Some(ENCODER));
    keyspace.find(0, &key, 5000);
    keyspace.remove(0, &hasher.key(b"other", 3), Cause::Delete, 1);
    keyspace.set_deadline(0, &hasher.key(b"other", 3), Some(5), 1);
    keyspace.place(0, &key, Look::Use, 1).edit_bytes(5, 0..1, Cause::SetBit, |_| false);
    keyspace.swap_databases(0, 0);
    assert!(keyspace.effects().is_empty());
    keyspace.record_effects(None);
    keyspace.flush(0);
    assert!(keyspace.effects().is_empty());
}

#[test]
fn a_bit_of_a_long_string_is_a_short_patch() {
    let mut keyspace = Keyspace::new(1, Hasher::seeded(1), Recency::Lru);
    let key = keyspace.hasher().clone().key(b"key", 3);
    keyspace.record_effects(Some(ENCODER));
    for (length, index) in [(1 << 26, 1 << 25), (1 << 26, 7), ((1 << 26) + 1, 1 << 26)] {
        keyspace.place(0, &key, Look::Use, 1).edit_bytes(length, index..index + 1, Cause::SetBit, |bytes| {
            bytes[index] ^= 4;
            true
        });
        assert!(keyspace.effects().len() < 50);
        keyspace.effects_mut().clear();
    }
    keyspace.place(0, &key, Look::Use, 1).edit_bytes((1 << 26) + 2, 0..0, Cause::SetBit, |_| false);
    assert!((1..50).contains(&keyspace.effects().len()), "zeroes at the end are an effect");
}
