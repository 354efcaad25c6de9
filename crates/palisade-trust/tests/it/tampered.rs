//! A recorded bundle with something changed, written as a sentence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_trust::Claim;
use serde_json::Value;

use crate::fixtures::{judge_a, read};

/// A bundle of material A under change.
#[derive(Clone)]
pub(crate) struct Tampered(pub(crate) Value);

/// A recorded bundle, unchanged so far.
pub(crate) fn bundle(file: &str) -> Tampered {
    Tampered(serde_json::from_slice(&read(file)).unwrap())
}

impl Tampered {
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0
            .pointer(pointer)
            .unwrap_or_else(|| panic!("nothing at {pointer}"))
    }

    pub(crate) fn with(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match self.0.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value.into(),
            parent => parent[name] = value.into(),
        }
        self
    }

    pub(crate) fn without(mut self, pointer: &str) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = self.0.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.remove(name).unwrap();
        self
    }

    /// The same part of another bundle in its place.
    pub(crate) fn with_that_of(self, pointer: &str, other: &str) -> Self {
        let part = bundle(other).at(pointer).clone();
        self.with(pointer, part)
    }

    /// An integer, as the string protobuf writes, changed by this much.
    pub(crate) fn plus(self, pointer: &str, change: i64) -> Self {
        let number: i64 = self.at(pointer).as_str().unwrap().parse().unwrap();
        self.with(pointer, (number + change).to_string())
    }

    /// Bytes written in base64, changed.
    pub(crate) fn bytes(self, pointer: &str, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = STANDARD.decode(self.at(pointer).as_str().unwrap()).unwrap();
        change(&mut bytes);
        self.with(pointer, STANDARD.encode(bytes))
    }

    /// The statement, changed; the signature stays.
    pub(crate) fn statement(self, change: impl FnOnce(&mut Value)) -> Self {
        self.bytes("/dsseEnvelope/payload", |bytes| {
            let mut statement: Value = serde_json::from_slice(bytes).unwrap();
            change(&mut statement);
            *bytes = serde_json::to_vec(&statement).unwrap();
        })
    }

    pub(crate) fn judged(&self) -> Result<Vec<Claim>, &'static str> {
        judge_a(self.0.to_string().as_bytes())
    }

    #[track_caller]
    pub(crate) fn is_accepted(&self) {
        assert!(self.judged().is_ok(), "{:?}", self.judged());
    }

    #[track_caller]
    pub(crate) fn is_refused_for(&self, word: &str) {
        assert_eq!(self.judged(), Err(word));
    }
}
