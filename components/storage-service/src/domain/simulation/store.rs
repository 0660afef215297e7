//! The key-value store, with each provider's quirks.

use std::collections::BTreeMap;

use super::dice::Dice;
use super::effect::Answer;
use super::profile::Provider;
use super::world::World;

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Bytes(Vec<u8>),
    /// 8 bytes, little-endian.
    Binary(i64),
    /// Decimal text.
    Text(i64),
}

impl Value {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Binary(sum) => sum.to_le_bytes().to_vec(),
            Self::Text(sum) => sum.to_string().into_bytes(),
        }
    }
}

/// A call to the store.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    Get(String),
    Set(Vec<(String, Vec<u8>)>),
    Delete(Vec<String>),
    Increment { key: String, delta: i64 },
}

impl Operation {
    /// Whether it touches several keys.
    pub(super) fn is_batch(&self) -> bool {
        match self {
            Self::Set(pairs) => pairs.len() > 1,
            Self::Delete(keys) => keys.len() > 1,
            Self::Get(_) | Self::Increment { .. } => false,
        }
    }

    /// Any of its keys, where there are several.
    pub(super) fn part(mut self, dice: &Dice) -> Self {
        if self.is_batch() {
            match &mut self {
                Self::Set(pairs) => pairs.retain(|_| dice.below(2) == 0),
                Self::Delete(keys) => keys.retain(|_| dice.below(2) == 0),
                Self::Get(_) | Self::Increment { .. } => {}
            }
        }
        self
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Get(key) => format!("get {key}"),
            Self::Set(pairs) => {
                let pairs = pairs.iter();
                let pairs: Vec<String> = pairs
                    .map(|(key, value)| format!("{key} = {}", String::from_utf8_lossy(value)))
                    .collect();
                format!("set {}", pairs.join(", "))
            }
            Self::Delete(keys) => format!("delete {}", keys.join(", ")),
            Self::Increment { key, delta } => format!("increment {key} by {delta}"),
        }
    }
}

/// The store's content.
#[derive(Debug)]
pub(super) struct KeyValues {
    provider: Provider,
    values: BTreeMap<String, Value>,
}

impl KeyValues {
    pub(super) fn new(provider: Provider) -> Self {
        Self {
            provider,
            values: BTreeMap::new(),
        }
    }

    /// All that there is, in order.
    pub(super) fn values(&self) -> &BTreeMap<String, Value> {
        &self.values
    }

    /// What the key holds, where it is no counter.
    pub(super) fn bytes(&self, key: &str) -> Option<&[u8]> {
        match self.values.get(key) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// What the counter stands at.
    pub(super) fn counter(&self, key: &str) -> i64 {
        match self.values.get(key) {
            Some(Value::Binary(sum) | Value::Text(sum)) => *sum,
            _ => 0,
        }
    }

    pub(super) fn apply(&mut self, operation: &Operation, world: &World) -> Answer {
        match operation {
            Operation::Get(key) => {
                let value = self.values.get(key);
                world.trace(format_args!("  → {:?}", value.map(shown)));
                value.into()
            }
            Operation::Set(pairs) => {
                // What is a whole command elsewhere may only happen in part where a batch is none.
                for (key, bytes) in pairs {
                    let old = self.values.insert(key.clone(), Value::Bytes(bytes.clone()));
                    if matches!(old, Some(Value::Binary(_) | Value::Text(_))) {
                        world.violated(format!("the counter {key} was set"));
                    }
                }
                Answer::Done
            }
            Operation::Delete(keys) => {
                for key in keys {
                    self.values.remove(key);
                }
                Answer::Done
            }
            Operation::Increment { key, delta } => {
                let new = match self.provider {
                    Provider::Redis => Value::Text(0),
                    Provider::Sqlite | Provider::DynamoDb => Value::Binary(0),
                };
                match self.values.entry(key.clone()).or_insert(new) {
                    Value::Binary(sum) | Value::Text(sum) => {
                        *sum += delta;
                        world.trace(format_args!("  → {sum}"));
                        Answer::Sum(*sum)
                    }
                    Value::Bytes(_) => {
                        // The host panics here, and the store is gone until it starts again.
                        world.violated(format!("{key} was incremented and is no counter"));
                        Answer::Sum(0)
                    }
                }
            }
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Binary(sum) | Value::Text(sum) => sum.to_string(),
    }
}
