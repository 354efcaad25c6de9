//! The two predicates a CI job would get from elsewhere: provenance and a scan report.

use palisade_lab::GithubIdentity;
use palisade_types::Timestamp;
use serde_json::json;

/// SLSA provenance v1 as GitHub's builder writes it, about the lab's workflow.
pub(crate) fn provenance(workflow: &GithubIdentity) -> String {
    let repository = format!("https://github.com/{}", workflow.repository);
    let now = Timestamp::now().to_string();
    let predicate = json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {
                "workflow": {
                    "ref": workflow.git_ref,
                    "repository": repository,
                    "path": workflow.workflow,
                },
            },
            "internalParameters": {"github": {"event_name": workflow.event}},
            "resolvedDependencies": [{
                "uri": format!("git+{repository}@{}", workflow.git_ref),
                "digest": {"gitCommit": workflow.sha},
            }],
        },
        "runDetails": {
            "builder": {"id": workflow.san()},
            "metadata": {
                "invocationId": format!("{repository}/actions/runs/1/attempts/1"),
                "startedOn": now,
                "finishedOn": now,
            },
        },
    });
    predicate.to_string()
}

/// A vulnerability report in in-toto's form. palisade has no scanner of its own yet, so this one
/// says that nothing was scanned for real; the gate reads its form, time and findings.
pub(crate) fn scan() -> String {
    let now = Timestamp::now().to_string();
    let predicate = json!({
        "scanner": {
            "uri": "https://palisade.dev/lab/sample-report",
            "version": env!("CARGO_PKG_VERSION"),
            "db": {"uri": "https://palisade.dev/lab/sample-database", "version": "1", "lastUpdate": now},
            "result": [],
        },
        "metadata": {"scanStartedOn": now, "scanFinishedOn": now},
    });
    predicate.to_string()
}
