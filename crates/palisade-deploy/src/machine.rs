//! What a platform adapter is: a state machine that asks for requests and pauses, and does no IO.
//!
//! So every request can be checked against the vendor's schema, every answer can be played back,
//! and a whole deploy runs under a clock that a test turns.

use std::collections::BTreeMap;

use palisade_types::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::record::Entry;

/// The methods adapters use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads; may be repeated.
    Get,
    /// Changes; never repeated after its answer was lost.
    Patch,
    /// Creates; never repeated after its answer was lost.
    Post,
}

impl Method {
    /// The method as HTTP spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Patch => "PATCH",
            Self::Post => "POST",
        }
    }
}

/// One request, relative to the platform's API. It holds no credential: the driver adds it, and
/// sends it to that API's origin only.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path below the API's base address, with its query: `/services/srv-…`.
    pub path: String,
    /// The JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

impl Request {
    /// A read.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            path: path.into(),
            body: None,
        }
    }

    /// A write.
    pub fn write(method: Method, path: impl Into<String>, body: Value) -> Self {
        Self {
            method,
            path: path.into(),
            body: Some(body),
        }
    }
}

/// One answer, whole and within the driver's limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What happened since the machine's last step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing yet.
    Start,
    /// The request was answered.
    Reply(Reply),
    /// The request was sent, and whether the platform saw it is not known.
    Lost(String),
    /// The pause is over.
    Woke,
}

/// What the machine wants next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<End> {
    /// It has come to its end.
    Done(End),
    /// Send this, then report [`Event::Reply`] or [`Event::Lost`].
    Send(Request),
    /// Wait this long, then report [`Event::Woke`].
    Sleep(SignedDuration),
}

/// A platform adapter at work.
pub trait Machine {
    /// How it ends.
    type End;

    /// Takes what happened and says what to do next.
    fn step(&mut self, event: Event, now: Timestamp) -> Step<Self::End>;

    /// When everything has to be over; the driver waits no longer than this.
    fn deadline(&self) -> Timestamp;

    /// When the right to write ends: the driver sends no write again after this.
    fn writes_until(&self) -> Timestamp;

    /// What happened so far, for people.
    fn timeline(&self) -> &[Entry];
}
