//! `expected.tsv`: what four clients said about each bundle, and what palisade must say.

use crate::fixtures::{judge, judge_keyed, key_of, now, read, root, signer};
use palisade_trust::{Artifact, Claim, KeyProfile, Profile};
use palisade_types::Digest;

/// A row of the table, with the columns this test uses.
pub(crate) struct Row {
    pub(crate) file: String,
    root: String,
    artifact: Digest,
    /// The artifact's bytes, where the table names a file.
    bytes: Option<Vec<u8>>,
    identity: String,
    issuer: String,
    key: Option<String>,
    profile: KeyProfile,
    accept: bool,
    reason: String,
    clients: Vec<String>,
}

impl Row {
    /// Whether it is accepted today.
    pub(crate) fn is_accepted(&self) -> bool {
        self.accept && !NOT_YET.iter().any(|(file, ..)| *file == self.file)
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let table = String::from_utf8(read("expected.tsv")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!(cells.len(), 13, "{line}");
        Row {
            file: cells[0].to_owned(),
            root: cells[1].to_owned(),
            bytes: (!cells[2].starts_with("sha256:")).then(|| read(cells[2])),
            artifact: cells[2]
                .parse()
                .unwrap_or_else(|_| Digest::sha256_of(&read(cells[2]))),
            identity: cells[3].to_owned(),
            issuer: cells[4].to_owned(),
            key: (cells[5] != "-").then(|| cells[5].to_owned()),
            profile: match cells[6] {
                "default" => KeyProfile::Logged,
                "key, no log" => KeyProfile::NoLog,
                other => panic!("{other}"),
            },
            accept: cells[7] == "accept",
            reason: cells[8].to_owned(),
            clients: cells[9..].iter().map(|cell| (*cell).to_owned()).collect(),
        }
    };
    table.lines().skip(1).map(row).collect()
}

fn judge_row(row: &Row) -> Result<Vec<Claim>, &'static str> {
    judge_bytes(row, &read(&row.file))
}

/// Judges these bytes as the row says. The table's default is content with a promise; `profiles.rs` has the stricter ones.
pub(crate) fn judge_bytes(row: &Row, bytes: &[u8]) -> Result<Vec<Claim>, &'static str> {
    let root = root(&row.root).under(Profile::Promised).unwrap();
    if let Some(key) = &row.key {
        let artifact = match &row.bytes {
            Some(bytes) => Artifact::Bytes(bytes),
            None => Artifact::Digest(&row.artifact),
        };
        let key = key_of(key);
        return judge_keyed(bytes, &root, &key, artifact, row.profile);
    }
    judge(
        bytes,
        &root,
        signer(&row.identity, &row.issuer),
        &row.artifact,
        now(),
    )
}

/// Rows that must be accepted one day and are refused today, with the exact refusal and why.
const NOT_YET: &[(&str, &str, &str)] = &[(
    "cross/js-dsse-v2.json",
    "unsupported-entry",
    "`dsse` 0.0.2 is dead: no log takes it any more",
)];

/// The table's reasons, finer than ours in places, and our word for each.
const REASONS: &[(&str, &str)] = &[
    ("cert-chain", "cert-chain"),
    ("cert-eku", "cert-eku"),
    ("cert-time", "cert-time"),
    ("checkpoint-key", "checkpoint"),
    ("checkpoint-origin", "checkpoint-origin"),
    ("checkpoint-signature", "checkpoint"),
    ("duplicate-log-entry", "duplicate-entry"),
    ("entry-mismatch", "entry-mismatch"),
    ("inclusion-proof", "inclusion-proof"),
    ("integrated-time", "integrated-time"),
    ("issuer-conflict", "issuer-conflict"),
    ("issuer-missing", "issuer-missing"),
    ("log-id", "log-id"),
    ("no-log-entry", "no-log-entry"),
    ("no-trusted-time", "no-time"),
    ("proof-missing", "proof-missing"),
    ("san-count", "san-count"),
    ("san-criticality", "san-critical"),
    ("sct-missing", "sct"),
    ("sct-signature", "sct"),
    ("sct-time", "sct"),
    ("set-missing", "inclusion-promise"),
    ("set-signature", "inclusion-promise"),
    ("signature", "signature"),
    ("tsa-imprint", "timestamp"),
    ("tsa-signature", "timestamp"),
    ("tsa-time", "tsa-time"),
];

/// Refusals that come under another word than the table's, and why that is as good.
const OTHER_WORD: &[(&str, &str, &str)] = &[
    (
        "faults/v1-v1-no-set.json",
        "bundle",
        "an empty promise is malformed",
    ),
    (
        "faults/v1-v1-time-old.json",
        "cert-time",
        "the promised time is before the certificate's",
    ),
    (
        "faults/v1_notsa-v1-no-set.json",
        "bundle",
        "an empty promise is malformed",
    ),
    (
        "faults/v1_notsa-v1-time-old.json",
        "cert-time",
        "the promised time is before the certificate's",
    ),
    (
        "faults/v2-tsa-time-old.json",
        "timestamp",
        "the authority's own certificate was not valid then",
    ),
];

fn refusal_of(row: &Row) -> &'static str {
    let other = OTHER_WORD.iter().find(|(file, ..)| *file == row.file);
    let listed = REASONS.iter().find(|(theirs, _)| *theirs == row.reason);
    other.map_or_else(
        || {
            listed
                .unwrap_or_else(|| panic!("no word for {}", row.reason))
                .1
        },
        |(_, word, _)| *word,
    )
}

#[test]
fn every_recorded_bundle_gets_the_required_verdict_for_its_reason() {
    let rows = rows();
    assert_eq!(rows.len(), 87);
    let mut wrong = Vec::new();
    for row in &rows {
        let want = match NOT_YET.iter().find(|(file, ..)| *file == row.file) {
            Some((_, word, _)) => Err(*word),
            None if row.accept => Ok(()),
            None => Err(refusal_of(row)),
        };
        let got = judge_row(row).map(drop);
        if got != want {
            wrong.push(format!("{}: {got:?}, wanted {want:?}", row.file));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_every_client_refuses_is_refused() {
    let mut refused = 0;
    // Signed with a key, each client refuses what it does not know, its own work included.
    for row in rows().into_iter().filter(|row| row.key.is_none()) {
        let answers = || row.clients.iter().filter(|answer| *answer != "-");
        if answers().count() > 1 && answers().all(|answer| answer == "reject") {
            assert!(judge_row(&row).is_err(), "{}", row.file);
            refused += 1;
        }
    }
    assert!(refused > 30, "only {refused} such rows");
}

#[test]
fn a_bundle_without_a_proof_is_reported_as_promised_and_not_as_included() {
    for row in rows()
        .iter()
        .filter(|row| row.reason.starts_with("SET only"))
    {
        let claims = judge_row(row).unwrap();
        assert!(claims.contains(&Claim::LogPromise), "{}", row.file);
        assert!(!claims.contains(&Claim::LogInclusion), "{}", row.file);
    }
}

#[test]
fn claims_are_the_checks_that_ran() {
    use Claim::{CertificateChain, Identity, LogInclusion, LogPromise, Sct, Signature, Timestamp};
    let claims = |file: &str| {
        let rows = rows();
        let row = rows.iter().find(|row| row.file == file).unwrap();
        judge_row(row).unwrap()
    };
    let v1 = [
        CertificateChain,
        Identity,
        LogInclusion,
        LogPromise,
        Sct,
        Signature,
    ];
    assert_eq!(claims("faults/v1_notsa-none.json"), v1);
    let both = [
        CertificateChain,
        Identity,
        LogInclusion,
        LogPromise,
        Sct,
        Signature,
        Timestamp,
    ];
    assert_eq!(claims("faults/v1-none.json"), both);
    let v2 = [
        CertificateChain,
        Identity,
        LogInclusion,
        Sct,
        Signature,
        Timestamp,
    ];
    assert_eq!(claims("faults/v2-none.json"), v2);
}
