//! Whether a history is one that a store could have which does one thing after the other: strict serializability, given
//! the point of each request.

use std::collections::{BTreeMap, HashMap};

use basalt::cluster::slot_of;
use basalt::commands::{COMMANDS, find};

use super::appending::writes;
use super::common::Value;
use super::core::MOVE_SLOT;
use super::history::{Fate, History, Operation, Part, Point};
use super::model::{Choices, Model, Step};
use super::script::{Item, Meaning, Watched, meanings, moved};

/// How many states are kept in mind while nobody knows which keys have expired. With more the rest is not judged.
const WORLDS_MAX: usize = 64;
/// How many ways are tried in which one request may have gone. With more the rest is not judged.
const ROUNDS_MAX: usize = 2000;

/// Says what is wrong with a history.
pub fn check(history: &History) -> Result<(), String> {
    let meanings = all_meanings(&history.operations);
    check_intervals(history, &meanings)?;
    check_slots(history, &meanings)?;
    replay(history, &meanings)
}

/// The meaning of each operation, by its index.
fn all_meanings(operations: &[Operation]) -> Vec<Meaning> {
    let mut by_client: BTreeMap<u32, Vec<(usize, &Operation)>> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        by_client.entry(operation.client).or_default().push((index, operation));
    }
    let mut all: Vec<_> = by_client.into_values().flat_map(|own| meanings(own.into_iter())).collect();
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, meaning)| meaning).collect()
}

/// Each point lies between request and answer; what is answered has run, and what touches no keys says what it should.
fn check_intervals(history: &History, meanings: &[Meaning]) -> Result<(), String> {
    for (operation, meaning) in history.operations.iter().zip(meanings) {
        let until = operation.answer.as_ref().map_or(u64::MAX, |(moment, _)| *moment);
        if operation.points.iter().any(|point| point.moment <= operation.sent || point.moment >= until) {
            return Err(format!("not between request and answer: {operation}"));
        }
        let Some((_, answer)) = &operation.answer else {
            continue;
        };
        let is_right = match meaning {
            Meaning::Says(value) => answer == value,
            Meaning::Refused => answer.is_error(),
            Meaning::MovesSlot => *answer == moved() || is_turned_away(operation) && answer.is_error(),
            _ => !operation.points.is_empty() && is_sum_of_parts(answer, &operation.points),
        };
        if !is_right {
            return Err(format!("wrong answer: {operation}"));
        }
    }
    let mut last_answers: HashMap<u32, (u64, &Operation)> = HashMap::new();
    for operation in &history.operations {
        if let Some((moment, _)) = operation.answer {
            let before = last_answers.insert(operation.client, (moment, operation));
            if let Some((_, before)) = before.filter(|(before, _)| *before > moment) {
                return Err(format!("answers change places:\n{before}\n{operation}"));
            }
        }
    }
    Ok(())
}

fn is_turned_away(operation: &Operation) -> bool {
    operation.points.iter().any(|point| matches!(point.part, Part::TurnedAway))
}

/// Whether an answer is what the shards have said together, if it was made of parts.
fn is_sum_of_parts(answer: &Value, points: &[Point]) -> bool {
    let part = |point: &Point| match &point.part {
        Part::Shard { reply, .. } => Value::parse(reply).map(|(value, _)| value.integer()),
        _ => None,
    };
    let parts: Option<Vec<i64>> = points.iter().map(part).collect();
    parts.is_none_or(|parts| *answer == Value::Integer(parts.iter().sum()))
}

/// What one connection does to the keys of one slot happens in the order in which it was sent.
fn check_slots(history: &History, meanings: &[Meaning]) -> Result<(), String> {
    let mut last: HashMap<(u32, u16), (u64, &Operation)> = HashMap::new();
    for (operation, meaning) in history.operations.iter().zip(meanings) {
        let Some(&Point {
            moment,
            part: Part::Whole | Part::Unwritable | Part::Refused | Part::TurnedAway,
            ..
        }) = operation.point()
        else {
            continue;
        };
        let items: &[Meaning] = match meaning {
            Meaning::Exec { items, .. } => items,
            other => std::slice::from_ref(other),
        };
        for slot in items.iter().flat_map(slots_of) {
            let before = last.insert((operation.client, slot), (moment, operation));
            if let Some((_, before)) = before.filter(|(before, _)| *before > moment) {
                return Err(format!("one overtook the other:\n{before}\n{operation}"));
            }
        }
    }
    Ok(())
}

fn slots_of(meaning: &Meaning) -> Vec<u16> {
    let Meaning::Runs(Item { words, .. }) = meaning else {
        return Vec::new();
    };
    let row = find(words[0].as_bytes()).expect("only known commands run");
    COMMANDS[row].key_indices(words.len()).map(|index| slot_of(words[index].as_bytes())).collect()
}

/// Replays all points in their order; every answer must be one that the model gives.
fn replay(history: &History, meanings: &[Meaning]) -> Result<(), String> {
    let mut points: Vec<(usize, &Point)> = Vec::new();
    for (index, operation) in history.operations.iter().enumerate() {
        points.extend(operation.points.iter().map(|point| (index, point)));
    }
    points.sort_by_key(|(_, point)| point.moment);
    let mut deaths = history.deaths.iter().peekable();
    let mut worlds = vec![Model::default()];
    for (index, point) in points {
        while deaths.next_if(|death| **death < point.moment).is_some() {
            worlds.iter_mut().for_each(Model::die);
            let mut different: Vec<Model> = Vec::new();
            worlds.drain(..).for_each(|world| {
                if !different.contains(&world) {
                    different.push(world);
                }
            });
            worlds = different;
        }
        let mut next: Vec<Model> = Vec::new();
        let mut expected = Vec::new();
        for world in &worlds {
            let mut choices = Choices::default();
            loop {
                let mut world = world.clone();
                match apply(history, index, point, &meanings[index], &mut world, &mut choices) {
                    Ok(()) if !next.contains(&world) => next.push(world),
                    Ok(()) => {}
                    Err(reason) => expected.push(reason),
                }
                if !choices.advance() {
                    break;
                }
                if choices.rounds > ROUNDS_MAX || next.len() > WORLDS_MAX {
                    return Ok(());
                }
            }
        }
        if next.is_empty() {
            expected.dedup();
            return Err(format!("{}\n{}", history.operations[index], expected.join("\n")));
        }
        worlds = next;
    }
    Ok(())
}

/// Lets one point of an operation happen in a world; says what it should have been answered if that is not so.
fn apply(
    history: &History,
    index: usize,
    point: &Point,
    meaning: &Meaning,
    world: &mut Model,
    choices: &mut Choices,
) -> Result<(), String> {
    let operation = &history.operations[index];
    let answer = operation.answer.as_ref().map(|(_, answer)| answer);
    let (now_ms, moment, skew_ms) = (point.now_ms, point.moment, history.skew_ms);
    let is_kept = operation.fate == Fate::Kept;
    let mut step = Step { database: 0, now_ms, moment, skew_ms, is_kept, has_changed: false, choices };
    let refusal = match &point.part {
        Part::Unwritable => Refusal::OfWrites,
        _ => Refusal::Nothing,
    };
    let made = match (meaning, &point.part) {
        (Meaning::Watch { database }, Part::Watch(keys)) => {
            step.database = *database;
            keys.iter().for_each(|key| world.watch(index, key, &mut step));
            return Ok(());
        }
        (Meaning::Runs(item), Part::Shard { slots, reply }) => {
            step.database = item.database;
            let (reply, _) = Value::parse(reply).ok_or("no reply")?;
            return has_count(&reply, world, &step, |key| slots.contains(&slot_of(key.as_bytes())));
        }
        (_, Part::TurnedAway) => match answer {
            Some(answer) if !answer.is_error() => return Err("it was turned away".into()),
            _ => return Ok(()),
        },
        (Meaning::Exec { watched, .. }, _) if !watched.is_empty() => {
            let must_abort = must_abort(watched, world, &mut step);
            let may_abort = must_abort || watched.iter().any(|key| may_have_moved(history, key, index));
            match operation.was_refused() {
                true if may_abort => return Ok(()),
                true => return Err("no watched key has changed".into()),
                false if must_abort => return Err("a watched key has changed".into()),
                false => run(meaning, answer, refusal, world, &mut step)?,
            }
        }
        _ => run(meaning, answer, refusal, world, &mut step)?,
    };
    if step.has_changed && operation.fate == Fate::Betrayed {
        return Err("this must not be lost".into());
    }
    match answer {
        Some(answer) if *answer != made => Err(format!("should be {made:?}")),
        _ => Ok(()),
    }
}

fn must_abort(watched: &[Watched], world: &mut Model, step: &mut Step) -> bool {
    watched.iter().any(|watched| {
        step.database = watched.database;
        world.has_changed(watched.operation, &watched.key, step)
    })
}

/// Whether the slot of a watched key may have moved between WATCH and EXEC, which counts as a change.
fn may_have_moved(history: &History, watched: &Watched, exec: usize) -> bool {
    let (since, exec) = (history.operations[watched.operation].sent, &history.operations[exec]);
    let until = exec.answer.as_ref().map_or(u64::MAX, |(moment, _)| *moment);
    let slot = slot_of(watched.key.as_bytes()).to_string();
    history.operations.iter().any(|other| {
        let ended = other.answer.as_ref().map_or(u64::MAX, |(moment, _)| *moment);
        other.name() == MOVE_SLOT && other.words[1] == slot && other.sent < until && ended > since
    })
}

/// What is refused because a shard cannot write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Nothing,
    OfWrites,
}

/// The reply that the model makes.
fn run(
    meaning: &Meaning,
    answer: Option<&Value>,
    refusal: Refusal,
    world: &mut Model,
    step: &mut Step,
) -> Result<Value, String> {
    Ok(match meaning {
        Meaning::Says(value) => value.clone(),
        // Any error will do.
        Meaning::Refused => {
            answer.filter(|value| value.is_error()).cloned().unwrap_or(Value::Error(Vec::new()))
        }
        Meaning::Runs(Item { words, .. }) if refusal == Refusal::OfWrites && writes(words) => {
            let is_right =
                |value: &&Value| matches!(value, Value::Error(text) if text.starts_with(b"MISCONF"));
            answer.filter(is_right).cloned().unwrap_or(Value::Error(b"MISCONF".to_vec()))
        }
        Meaning::Runs(Item { database, words }) if words[0] == "DBSIZE" => {
            step.database = *database;
            if let Some(answer) = answer {
                has_count(answer, world, step, |_| true)?;
            }
            answer.cloned().unwrap_or(Value::Integer(0))
        }
        Meaning::Runs(Item { database, words }) => {
            step.database = *database;
            world.run(words, step)
        }
        Meaning::Exec { items, .. } => {
            let answers: &[Value] = match answer {
                Some(Value::Array(answers)) => answers,
                _ => &[],
            };
            let mut made = Vec::new();
            for (index, item) in items.iter().enumerate() {
                made.push(run(item, answers.get(index), refusal, world, step)?);
            }
            Value::Array(made)
        }
        Meaning::Watch { .. } | Meaning::MovesSlot => answer.cloned().unwrap_or(Value::NullBulk),
    })
}

fn has_count(reply: &Value, world: &Model, step: &Step, counts: impl Fn(&str) -> bool) -> Result<(), String> {
    let (least, most) = world.count(step, counts);
    match reply {
        Value::Integer(count) if (least as i64..=most as i64).contains(count) => Ok(()),
        other => Err(format!("{other:?}, but there are {least} to {most} keys")),
    }
}
