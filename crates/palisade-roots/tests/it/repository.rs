//! A TUF repository in which every file is made and signed as the test says, on a loopback server
//! that counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ed25519_dalek::{Signer as _, SigningKey};
use palisade_roots::{Loaded, Mode, RootSource, RootsError, Tuf, load};
use palisade_types::{Digest, SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A root that parses, recorded from real services of a lab.
pub(crate) const GOOD: &[u8] =
    include_bytes!("../../../../fixtures/sigstore-faults/trusted_root.json");

/// A key id, and the number of the key behind it.
pub(crate) type Named = (&'static str, u8);

/// Bytes that never end.
pub(crate) const ENDLESS: &[u8] = b"(endless)";

/// Who signs a role.
#[derive(Clone)]
pub(crate) struct Role {
    pub(crate) keys: Vec<Named>,
    pub(crate) threshold: u64,
    /// With which ids and keys it is signed.
    pub(crate) signed: Vec<Named>,
    pub(crate) version: u64,
    pub(crate) expires: Timestamp,
}

/// A targets role that another hands some names to.
#[derive(Clone)]
pub(crate) struct Delegated {
    pub(crate) name: String,
    pub(crate) path: &'static str,
    pub(crate) terminating: bool,
    pub(crate) role: Role,
    pub(crate) targets: Vec<(&'static str, Vec<u8>)>,
}

/// Everything a repository says.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) root: Role,
    pub(crate) timestamp: Role,
    pub(crate) snapshot: Role,
    pub(crate) targets: Role,
    pub(crate) listed: Vec<(&'static str, Vec<u8>)>,
    pub(crate) delegated: Vec<Delegated>,
}

pub(crate) fn role(keys: &[Named], threshold: u64) -> Role {
    Role {
        keys: keys.to_vec(),
        threshold,
        signed: keys.to_vec(),
        version: 1,
        expires: now() + SignedDuration::from_hours(1_000),
    }
}

pub(crate) fn delegated(name: &str, role: Role, content: &[u8]) -> Delegated {
    Delegated {
        name: name.to_owned(),
        path: "trusted_root.json",
        terminating: false,
        role,
        targets: vec![("trusted_root.json", content.to_vec())],
    }
}

/// Another root that parses, told apart by its digest.
pub(crate) fn other(count: usize) -> Vec<u8> {
    [GOOD, "\n".repeat(count).as_bytes()].concat()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            root: role(&[("r1", 1), ("r2", 2)], 2),
            timestamp: role(&[("ts", 3)], 1),
            snapshot: role(&[("sn", 4)], 1),
            targets: role(&[("t1", 5), ("t2", 6)], 2),
            listed: vec![("trusted_root.json", GOOD.to_vec())],
            delegated: Vec::new(),
        }
    }
}

impl Plan {
    /// Nothing of its own but what these roles list.
    pub(crate) fn delegating(delegated: Vec<Delegated>) -> Self {
        Self {
            listed: Vec::new(),
            delegated,
            ..Self::default()
        }
    }

    pub(crate) fn root_file(&self) -> Vec<u8> {
        let four = [
            ("root", &self.root),
            ("timestamp", &self.timestamp),
            ("snapshot", &self.snapshot),
            ("targets", &self.targets),
        ];
        let keys = four.iter().flat_map(|(_, role)| keys(role)).collect();
        let roles: serde_json::Map<_, _> = four
            .iter()
            .map(|(name, role)| ((*name).to_owned(), signers(role)))
            .collect();
        let mut body = header("root", &self.root);
        body["consistent_snapshot"] = true.into();
        body["keys"] = Value::Object(keys);
        body["roles"] = roles.into();
        sign(&body, &self.root.signed)
    }

    /// The files by path below the repository's address.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut meta = json!({"targets.json": {"version": self.targets.version}});
        let mut body = header("targets", &self.targets);
        body["targets"] = listed(&self.listed, &mut files);
        if !self.delegated.is_empty() {
            let all = self.delegated.iter();
            let keys = all.clone().flat_map(|one| keys(&one.role)).collect();
            let roles: Vec<Value> = all.map(Delegated::entry).collect();
            body["delegations"] = json!({"keys": Value::Object(keys), "roles": roles});
        }
        let targets = sign(&body, &self.targets.signed);
        files.insert(format!("{}.targets.json", self.targets.version), targets);
        for one in &self.delegated {
            meta[format!("{}.json", one.name)] = json!({"version": one.role.version});
            let mut body = header("targets", &one.role);
            body["targets"] = listed(&one.targets, &mut files);
            let name = format!("{}.{}.json", one.role.version, quoted(&one.name));
            files.insert(name, sign(&body, &one.role.signed));
        }
        let mut body = header("snapshot", &self.snapshot);
        body["meta"] = meta;
        let name = format!("{}.snapshot.json", self.snapshot.version);
        files.insert(name, sign(&body, &self.snapshot.signed));
        let mut body = header("timestamp", &self.timestamp);
        body["meta"] = json!({"snapshot.json": {"version": self.snapshot.version}});
        files.insert(
            "timestamp.json".to_owned(),
            sign(&body, &self.timestamp.signed),
        );
        if self.root.version > 1 {
            let name = format!("{}.root.json", self.root.version);
            files.insert(name, self.root_file());
        }
        files
    }
}

impl Delegated {
    fn entry(&self) -> Value {
        let mut entry = signers(&self.role);
        entry["name"] = self.name.clone().into();
        entry["paths"] = json!([self.path]);
        entry["terminating"] = self.terminating.into();
        entry
    }
}

fn header(kind: &str, role: &Role) -> Value {
    json!({
        "_type": kind,
        "spec_version": "1.0.31",
        "version": role.version,
        "expires": role.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    })
}

fn listed(targets: &[(&str, Vec<u8>)], files: &mut BTreeMap<String, Vec<u8>>) -> Value {
    let mut list = serde_json::Map::new();
    for (name, bytes) in targets {
        let digest = Digest::sha256_of(bytes).to_string();
        let hash = digest.trim_start_matches("sha256:");
        files.insert(format!("targets/{hash}.{name}"), bytes.clone());
        let meta = json!({"length": bytes.len(), "hashes": {"sha256": hash}});
        list.insert((*name).to_owned(), meta);
    }
    list.into()
}

fn signers(role: &Role) -> Value {
    let ids: Vec<_> = role.keys.iter().map(|(id, _)| *id).collect();
    json!({"keyids": ids, "threshold": role.threshold})
}

fn keys(role: &Role) -> Vec<(String, Value)> {
    let entry = |(id, number): &Named| {
        let public = key(*number).verifying_key();
        let public = hex::encode(public.as_bytes());
        let entry = json!({"keytype":"ed25519","scheme":"ed25519","keyval":{"public":public}});
        ((*id).to_owned(), entry)
    };
    role.keys.iter().map(entry).collect()
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

/// A file with these signatures over the canonical form of its body.
pub(crate) fn sign(body: &Value, signed: &[Named]) -> Vec<u8> {
    let bytes = canonical(body);
    let signature = |(id, number): &Named| {
        let signature = key(*number).sign(bytes.as_bytes()).to_bytes();
        let text = hex::encode(signature);
        json!({"keyid": id, "sig": text})
    };
    let signatures: Vec<_> = signed.iter().map(signature).collect();
    json!({"signed": body, "signatures": signatures})
        .to_string()
        .into_bytes()
}

/// Canonical JSON: sorted keys, no space, and in strings only `"` and `\` escaped.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            let field = |(name, value): (&String, &Value)| {
                format!(
                    "{}:{}",
                    canonical(&Value::from(name.as_str())),
                    canonical(value)
                )
            };
            let fields: Vec<_> = sorted.into_iter().map(field).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::String(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        other => other.to_string(),
    }
}

/// A role's name as clients ask for it.
fn quoted(name: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.~".contains(b);
    let one = |b: u8| {
        if plain(&b) {
            char::from(b).to_string()
        } else {
            format!("%{b:02X}")
        }
    };
    name.bytes().map(one).collect()
}

/// A server for one repository, and a client's cache.
pub(crate) struct Site {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    requests: Arc<Mutex<Vec<String>>>,
    base: String,
    first_root: Vec<u8>,
    pub(crate) dir: TempDir,
}

impl Site {
    /// Serves the plan; its root is where the client begins.
    pub(crate) async fn start(plan: &Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/tuf", listener.local_addr().unwrap());
        let files = Arc::new(Mutex::new(plan.files()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (served, seen) = (Arc::clone(&files), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&served), Arc::clone(&seen)));
            }
        });
        Self {
            files,
            requests,
            base,
            first_root: plan.root_file(),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// Serves this instead.
    pub(crate) fn serve(&self, plan: &Plan) {
        *self.files.lock().unwrap() = plan.files();
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let mut files = self.files.lock().unwrap();
        files.insert(path.to_owned(), bytes.to_vec());
    }

    pub(crate) fn remove(&self, path: &str) {
        self.files.lock().unwrap().remove(path).unwrap();
    }

    /// The paths that were asked for, as they were sent.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) async fn ask_at(&self, mode: Mode, at: Timestamp) -> Result<Loaded, RootsError> {
        let tuf = Tuf {
            mirror: self.base.parse().unwrap(),
            initial_root: self.first_root.clone(),
            cache: self.dir.path().join("roots"),
            mode,
        };
        load(&RootSource::Tuf(tuf), at).await
    }

    /// Asks for news: a day after the last time, so that nothing is fresh.
    pub(crate) async fn ask(&self) -> Result<Loaded, RootsError> {
        let later = now() + SignedDuration::from_hours(25);
        let answer = self.ask_at(Mode::Online, later).await;
        self.forget_when();
        answer
    }

    /// Lets the next request be made at once: what was fetched is marked as old.
    fn forget_when(&self) {
        let Ok(entries) = std::fs::read_dir(self.dir.path().join("roots")) else {
            return;
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        for path in paths.filter(|path| path.extension().is_some_and(|name| name == "json")) {
            let text = std::fs::read(&path).unwrap();
            let mut document: Value = serde_json::from_slice(&text).unwrap();
            document["fetched"] = "2020-01-01T00:00:00Z".into();
            std::fs::write(&path, document.to_string()).unwrap();
        }
    }
}

async fn answer(
    mut stream: TcpStream,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    requests: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) if head.len() < 10_000 => head.push(byte),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    requests.lock().unwrap().push(path.clone());
    let name = path.strip_prefix("/tuf/").unwrap_or_default();
    let found = files.lock().unwrap().get(name).cloned();
    let Some(body) = found else {
        let none = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(none).await.ok();
        return;
    };
    if body == ENDLESS {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok();
        while stream.write_all(&[b' '; 4096]).await.is_ok() {}
        return;
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok();
    stream.write_all(&body).await.ok();
}
