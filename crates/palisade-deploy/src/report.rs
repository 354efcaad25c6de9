//! What is printed and written: the versioned JSON document, and the same in words.

use palisade_roots::RootFacts;
use palisade_types::{PinnedRef, SignerIdentity};
use palisade_ui::{Exit, ExitWith as _, Printer, escape};
use serde::Serialize;

use crate::error::Error;
use crate::failure::Failure;
use crate::machine::Request;
use crate::platforms::render::{Outcome, Plan};
use crate::receipt::{Observed, Receipt};
use crate::record::{Record, Serving};
use crate::ticket::Approval;

/// The version of the document. It grows when a field changes its meaning or goes away.
const VERSION: u32 = 1;

/// The answer of `palisade deploy`, as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    version: u32,
    outcome: &'static str,
    exit: u8,
    image: String,
    target: TargetDocument,
    /// The trust root that the decision was verified against.
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_root: Option<RootFacts>,
    /// Whether the platform was changed: `no`, `yes` or `unknown`.
    mutated: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<ApprovalDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<ObservedDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanDocument>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refusals: Vec<RefusalDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deploy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<ServingDocument>,
    warnings: Vec<String>,
    timeline: Vec<EntryDocument>,
}

#[derive(Debug, Serialize)]
struct TargetDocument {
    platform: &'static str,
    api: String,
    service: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ApprovalDocument {
    bundle: String,
    signer: SignerDocument,
    verifier: String,
    environment: String,
    policy: String,
    policy_version: u64,
    relaxations: Vec<String>,
    decided_at: String,
    expires_at: String,
}

#[derive(Debug, Serialize)]
struct SignerDocument {
    identity: String,
    issuer: String,
}

#[derive(Debug, Serialize)]
struct ObservedDocument {
    deploy: String,
    digest: String,
    names: &'static str,
    strength: &'static str,
    configured: String,
    reads: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FailureDocument {
    kind: &'static str,
    phase: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    serving: Option<ServingDocument>,
}

#[derive(Debug, Serialize)]
struct PlanDocument {
    digest: String,
    requests: Vec<Request>,
}

#[derive(Debug, Serialize)]
struct RefusalDocument {
    bundle: String,
    code: &'static str,
    reason: String,
}

#[derive(Debug, Serialize)]
struct ServingDocument {
    deploy: String,
    image: Option<String>,
    digest: Option<String>,
}

#[derive(Debug, Serialize)]
struct EntryDocument {
    at: String,
    event: String,
}

/// What is deployed where.
#[derive(Debug)]
pub(crate) struct Target {
    /// What is believed about who decided; read before anything is sent.
    pub(crate) trust_root: Option<RootFacts>,
    pub(crate) platform: &'static str,
    pub(crate) api: String,
    pub(crate) service: String,
    pub(crate) image: PinnedRef,
}

impl Document {
    fn new(target: &Target, outcome: &'static str, exit: Exit) -> Self {
        Self {
            version: VERSION,
            outcome,
            exit: exit.code(),
            image: target.image.to_string(),
            target: TargetDocument {
                platform: target.platform,
                api: target.api.clone(),
                service: target.service.clone(),
            },
            trust_root: target.trust_root.clone(),
            mutated: "no",
            approval: None,
            observed: None,
            failure: None,
            plan: None,
            refusals: Vec::new(),
            deploy: None,
            previous: None,
            warnings: Vec::new(),
            timeline: Vec::new(),
        }
    }

    /// The document of a run without a ticket: nothing was sent.
    pub(crate) fn not_redeemed(target: &Target, error: &Error) -> Self {
        let outcome = match error.exit() {
            Exit::Undecided => "undecided",
            _ => "refused",
        };
        let refusals = error.candidates().iter().map(|candidate| RefusalDocument {
            bundle: candidate.bundle.to_string(),
            code: candidate.unusable.code(),
            reason: candidate.unusable.to_string(),
        });
        Self {
            refusals: refusals.collect(),
            ..Self::new(target, outcome, error.exit())
        }
    }

    /// The document of a release that came to its end.
    pub(crate) fn ended(
        target: &Target,
        outcome: &Outcome,
        approval: &Approval,
        record: &Record,
    ) -> Self {
        let document = match outcome {
            Outcome::Live(receipt) => Self {
                observed: Some(observed(receipt.observed())),
                ..Self::new(target, "live", Exit::Ok)
            },
            Outcome::NotLive(why) => Self {
                failure: Some(failure(why)),
                ..Self::new(target, "not-live", why.exit())
            },
            Outcome::Planned(plan) => Self {
                plan: Some(PlanDocument {
                    digest: plan.digest().to_string(),
                    requests: plan.requests.clone(),
                }),
                ..Self::new(target, "planned", Exit::Ok)
            },
        };
        let timeline = record.timeline.iter().map(|entry| EntryDocument {
            at: entry.at.to_string(),
            event: entry.event.clone(),
        });
        Self {
            mutated: record.mutated.code(),
            approval: Some(self::approval(approval)),
            deploy: record.deploy.clone(),
            previous: record.previous.as_ref().map(serving),
            warnings: record.warnings.clone(),
            timeline: timeline.collect(),
            ..document
        }
    }
}

fn approval(approval: &Approval) -> ApprovalDocument {
    ApprovalDocument {
        bundle: approval.bundle.to_string(),
        signer: SignerDocument {
            identity: approval.signer.san.clone(),
            issuer: approval.signer.issuer.clone(),
        },
        verifier: approval.verifier.clone(),
        environment: approval.environment.clone(),
        policy: approval.policy.clone(),
        policy_version: approval.policy_version,
        relaxations: approval.relaxations.clone(),
        decided_at: approval.decided_at.to_string(),
        expires_at: approval.expires_at.to_string(),
    }
}

fn observed(observed: &Observed) -> ObservedDocument {
    ObservedDocument {
        deploy: observed.deploy.clone(),
        digest: observed.digest.to_string(),
        names: observed.names.code(),
        strength: observed.strength.code(),
        configured: observed.configured.clone(),
        reads: observed.reads,
    }
}

fn failure(failure: &Failure) -> FailureDocument {
    let (expected, observed) = failure.kind.difference().unzip();
    FailureDocument {
        kind: failure.kind.code(),
        phase: failure.phase.code(),
        detail: failure.detail.clone(),
        expected,
        observed,
        http: failure.http,
        request_id: failure.request_id.clone(),
        serving: failure.serving.as_ref().map(serving),
    }
}

fn serving(serving: &Serving) -> ServingDocument {
    ServingDocument {
        deploy: serving.deploy.clone(),
        image: serving.image.clone(),
        digest: serving.digest.as_ref().map(ToString::to_string),
    }
}

/// The answer in words. Of a failure this says what is known; why, the error on stderr says.
pub(crate) fn print(printer: Printer, target: &Target, outcome: &Outcome, record: &Record) {
    match outcome {
        Outcome::Live(receipt) => print_live(printer, target, receipt, record),
        Outcome::NotLive(failure) => print_not_live(printer, target, failure, record),
        Outcome::Planned(plan) => print_plan(printer, target, plan),
    }
}

fn print_live(printer: Printer, target: &Target, receipt: &Receipt, record: &Record) {
    let observed = receipt.observed();
    let approval = receipt.approval();
    let signer: &SignerIdentity = &approval.signer;
    let times = if observed.reads == 1 {
        "once"
    } else {
        &format!("{} times in a row", observed.reads)
    };
    let lines = [
        format!("{}  {}", printer.good("LIVE"), receipt.image()),
        format!("  service    {} on {}", target.service, target.api),
        format!("  deploy     {}", observed.deploy),
        format!("  read back  {}", observed.digest),
        format!(
            "             equals the approved {}; {} by the platform, read {times}",
            observed.names.code(),
            observed.strength.code()
        ),
        format!("  set to     {}", observed.configured),
        format!(
            "  allowed    under {} version {} for {}, at {}",
            escape(&approval.policy),
            approval.policy_version,
            escape(&approval.environment),
            approval.decided_at
        ),
        format!("             by {}", escape(&signer.to_string())),
        format!("  before     {}", before(record)),
    ];
    for line in &lines {
        printer.answer(line);
    }
    for relaxation in &approval.relaxations {
        printer.answer(&format!(
            "  {}    {}",
            printer.unsure("relaxed"),
            escape(relaxation)
        ));
    }
}

fn before(record: &Record) -> String {
    match &record.previous {
        Some(Serving {
            deploy,
            digest: Some(digest),
            ..
        }) => {
            format!("{digest} ({deploy}); returning to it needs its own decision")
        }
        _ => "unknown".to_owned(),
    }
}

fn print_not_live(printer: Printer, target: &Target, failure: &Failure, record: &Record) {
    let word = if failure.exit() == Exit::No {
        printer.bad("NOT LIVE")
    } else {
        printer.unsure("UNKNOWN")
    };
    printer.answer(&format!("{word}  {}", target.image));
    printer.answer(&format!(
        "  service    {} on {}",
        target.service, target.api
    ));
    printer.answer(&format!("  changed    {}", record.mutated.code()));
    if let Some(Serving { deploy, digest, .. }) = &failure.serving {
        let digest = digest
            .as_ref()
            .map_or("an unknown digest".to_owned(), ToString::to_string);
        printer.answer(&format!("  serving    {digest} ({deploy})"));
    }
}

fn print_plan(printer: Printer, target: &Target, plan: &Plan) {
    printer.answer(&format!("{}  {}", printer.unsure("PLAN"), plan.image));
    printer.answer(&format!(
        "  service    {} on {}",
        target.service, target.api
    ));
    for request in &plan.requests {
        printer.answer(&format!("  {:<9}  {}", request.method.name(), request.path));
        if let Some(body) = &request.body {
            // A body may hold an id that the platform gave.
            printer.answer(&format!("             {}", escape(&body.to_string())));
        }
    }
    printer.answer(&format!("  digest     {}", plan.digest()));
}

#[cfg(test)]
mod tests;
