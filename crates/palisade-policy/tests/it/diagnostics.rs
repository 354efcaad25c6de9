//! A wrong policy file is underlined where it is wrong, and never read as something else.

use miette::{GraphicalReportHandler, GraphicalTheme};
use palisade_policy::{Policy, PolicyError};
use palisade_trust::Profile;

use crate::scene::base_text;

/// The base policy with one text in place of another, which must be there.
fn changed(from: &str, to: &str) -> Result<Policy, PolicyError> {
    assert!(base_text().contains(from), "{from}");
    let text = base_text().replacen(from, to, 1);
    Policy::parse("policy.toml", text.as_bytes())
}

/// Code, underlined text and help of each problem.
fn problems(from: &str, to: &str) -> Vec<(&'static str, String, String)> {
    let text = base_text().replacen(from, to, 1);
    let error = changed(from, to).map(|_| ()).expect_err(to);
    let problems = error.problems().iter();
    problems
        .map(|problem| {
            let span = problem.span.clone().unwrap_or_default();
            let help = problem.help.clone().unwrap_or_default();
            (problem.code, text[span].to_owned(), help)
        })
        .collect()
}

/// The only problem's code and underlined text.
fn problem(from: &str, to: &str) -> (&'static str, String) {
    let mut problems = problems(from, to);
    assert_eq!(problems.len(), 1, "{to}: {problems:?}");
    let (code, text, _) = problems.remove(0);
    (code, text)
}

fn found(code: &'static str, text: &str) -> (&'static str, String) {
    (code, text.to_owned())
}

#[test]
fn the_base_policy_is_right() {
    Policy::parse("policy.toml", base_text().as_bytes()).unwrap();
}

/// Attack: `id_regex_not_ignored`. A key that nothing reads is an error.
#[test]
fn an_unknown_key_names_the_nearest_one() {
    let given = problems("max-age = ", "max-aeg = ");
    assert_eq!(given[0].0, "policy::unknown-key");
    assert_eq!(given[0].1, "max-aeg");
    assert_eq!(given[0].2, "did you mean `max-age`?");
}

#[test]
fn an_unknown_section_and_an_unknown_value_are_errors_too() {
    let given = problems("[sbom]", "[sbomb]");
    assert_eq!(
        (given[0].0, given[0].2.as_str()),
        ("policy::unknown-key", "did you mean `sbom`?")
    );
    let given = problems("mode = \"enforce\"", "mode = \"enforced\"");
    let help = "did you mean `enforce`?";
    assert_eq!(
        (given[0].0, given[0].2.as_str()),
        ("policy::unknown-value", help)
    );
}

#[test]
fn a_missing_section_is_no_default() {
    let without = "[sbom]\nrequire = true\nsigners = [\"security\"]\n";
    let given = problems(without, "");
    assert_eq!(given[0].0, "policy::missing-key");
    assert!(given[0].2.starts_with("add `sbom`"), "{given:?}");
    assert_eq!(problem("mode = \"enforce\"\n", "").0, "policy::missing-key");
}

#[test]
fn a_wrong_type_is_underlined() {
    let given = problem("version = 3", "version = \"3\"");
    assert_eq!(given, found("policy::wrong-type", "\"3\""));
    let given = problem(
        "require = true\nsigners = [\"security\"]",
        "require = \"yes\"\nsigners = []",
    );
    assert_eq!(given, found("policy::wrong-type", "\"yes\""));
}

/// Attack: `id_regex_anchored`.
#[test]
fn patterns_that_trust_more_than_they_say_are_refused() {
    let san = "san = \"https://release.example\"";
    for (pattern, label) in [
        (
            r"https://release\.example",
            "also matches inside longer names",
        ),
        (r"^.*$", "trusts everybody"),
        (r"^https://release.example$", "trusts more than it says"),
        (r"^https://github\.com/acme/.+$", "trusts more than it says"),
        (r"^(https://release\.example$", "cannot be read"),
        (r"^[^ ]+@[^ ]+$", "trusts more than it says"),
        (
            r"^https://github\.com/[^@]+@refs/heads/main$",
            "trusts more than it says",
        ),
        (
            r"^https://github\.com/[^/]+/app/[^/]+$",
            "trusts more than it says",
        ),
    ] {
        let error = changed(san, &format!("san-regex = '{pattern}'"))
            .map(|_| ())
            .expect_err(pattern);
        let problems = error.problems();
        assert_eq!(
            (problems.len(), problems[0].code),
            (1, "policy::pattern"),
            "{problems:?}"
        );
        assert_eq!(problems[0].label, label, "{pattern}");
        assert!(problems[0].help.is_some(), "{pattern}");
    }
    for good in [
        r"^https://release\.example/[a-z]+$",
        r"^https://github\.com/acme/[^/]+/[^/]+$",
    ] {
        changed(san, &format!("san-regex = '{good}'")).unwrap();
    }
}

#[test]
fn names_that_lead_nowhere_are_found_from_both_ends() {
    let given = problems("of = [\"release\"]", "of = [\"relaese\"]");
    assert_eq!(given[0].0, "policy::unknown-signer");
    assert_eq!(given[0].1, "\"relaese\"");
    assert_eq!(given[0].2, "did you mean `release`?");
    let unused = "[trust.public-good]\nembedded = \"public-good\"\n";
    let more = format!("{unused}[trust.github]\nembedded = \"github\"\n");
    assert_eq!(problem(unused, &more), found("policy::unused", "github"));
    let given = problems("signers = [\"security\"]", "signers = [\"release\"]");
    assert_eq!(
        (given[0].0, given[0].1.as_str()),
        ("policy::unused", "\"security\"")
    );
    let given = problems("trust = \"public-good\"", "trust = \"publik-good\"");
    assert_eq!(
        (given[0].0, given[0].2.as_str()),
        ("policy::unknown-trust", "did you mean `public-good`?")
    );
}

#[test]
fn what_stands_twice_is_refused() {
    let twice = |from: &str, to: &str, text: &str| {
        let given = problems(from, to);
        let duplicate = given
            .iter()
            .find(|(code, _, _)| *code == "policy::duplicate");
        assert_eq!(
            duplicate.map(|(_, text, _)| text.as_str()),
            Some(text),
            "{given:?}"
        );
    };
    twice(
        "of = [\"release\"]",
        "of = [\"release\", 'release']",
        "'release'",
    );
    twice("name = \"security\"", "name = 'release'", "'release'");
    let images = "[\"registry.example.com/acme/*\"]";
    twice(images, "[\"ghcr.io/a\", 'ghcr.io/a']", "'ghcr.io/a'");
    let builder = "[[builder]]\nid = \"https://builder.example/hosted\"\nsigner = \"release\"\nmax-level = 3\n";
    twice(builder, &format!("{builder}{builder}"), "[[builder]]");
}

#[test]
fn each_value_out_of_its_range_is_underlined() {
    for (from, to, code, text) in [
        ("schema = 1", "schema = 2", "policy::schema", "2"),
        ("version = 3", "version = 0", "policy::version", "0"),
        (
            "id = \"acme/prod\"",
            "id = \"acme prod\"",
            "policy::name",
            "\"acme prod\"",
        ),
        (
            "environment = \"prod\"",
            "environment = \"\"",
            "policy::name",
            "\"\"",
        ),
        (
            "2027-05-01T00:00:00Z",
            "2027-05-01",
            "policy::time",
            "2027-05-01",
        ),
        (
            "registry.example.com/acme/*",
            "*/acme/app",
            "policy::image-too-wide",
            "\"*/acme/app\"",
        ),
        (
            "registry.example.com/acme/*",
            "**",
            "policy::image-too-wide",
            "\"**\"",
        ),
        (
            "registry.example.com/acme/*",
            "ghcr.io/a:1",
            "policy::image-tag",
            "\"ghcr.io/a:1\"",
        ),
        ("at-least = 1", "at-least = 2", "policy::threshold", "2"),
        ("at-least = 1", "at-least = -1", "policy::threshold", "-1"),
        ("max-level = 3", "max-level = 4", "policy::level", "4"),
        (
            "id = \"https://builder.example/hosted\"",
            "id = \"**\"",
            "policy::builder-too-wide",
            "\"**\"",
        ),
        (
            "fail-on = \"high\"",
            "fail-on = \"unknown\"",
            "policy::severity",
            "\"unknown\"",
        ),
        ("\"PT24H\"", "\"24h\"", "policy::duration", "\"24h\""),
        ("\"PT24H\"", "\"P1M\"", "policy::duration", "\"P1M\""),
        (
            "ref = \"refs/heads/main\"",
            "ref = \"main\"",
            "policy::git-ref",
            "\"main\"",
        ),
        (
            "https://github.com/acme/app",
            "acme/app",
            "policy::repository",
            "\"acme/app\"",
        ),
        (
            "https://gate.acme.example/prod",
            "gate",
            "policy::verifier-id",
            "\"gate\"",
        ),
        (
            "issuer = \"https://issuer.example\"\n",
            "",
            "policy::signer",
            "\"release\"",
        ),
        (
            "san = \"https://release.example\"",
            "san = \"https://*.example\"",
            "policy::signer",
            "\"https://*.example\"",
        ),
        (
            "embedded = \"public-good\"",
            "",
            "policy::trust-source",
            "public-good",
        ),
        (
            "embedded = \"public-good\"",
            "embedded = \"public-good\"\nprofile = \"github-private\"",
            "policy::trust-profile",
            "\"public-good\"",
        ),
        (
            "embedded = \"public-good\"",
            "embedded = \"github\"\nprofile = \"github-private\"\nrequire-inclusion-proof = false",
            "policy::trust-profile",
            "false",
        ),
        (
            "embedded = \"public-good\"",
            "embedded = \"github\"\nprofile = \"no-log\"",
            "policy::unknown-value",
            "\"no-log\"",
        ),
    ] {
        assert_eq!(problem(from, to), found(code, text), "{to}");
    }
}

#[test]
fn a_host_is_named_whole_and_only_its_port_may_be_any() {
    let images = "registry.example.com/acme/*";
    for good in [
        "ghcr.io/acme/*",
        "localhost:*/**",
        "127.0.0.1:*/app",
        "localhost:5000/app",
        "[::1]:5000/app",
        "localhost/app",
    ] {
        changed(images, good).unwrap_or_else(|error| panic!("{good}: {error:?}"));
    }
    for wide in [
        "ghcr.io*/x",
        "quay.io**/app",
        "oci-layout.inv*/image",
        "*.ghcr.io/x",
        "ghcr.*/x",
        "localhost:5*/x",
        "localhost:**/x",
        ":*/x",
        "localhost*:*/x",
        "acme/app",
        "/app",
        "ghcr.io",
    ] {
        assert_eq!(problem(images, wide).0, "policy::image-too-wide", "{wide}");
    }
}

#[test]
fn a_builder_is_named_with_its_whole_host() {
    let id = "https://builder.example/hosted";
    for good in [
        "https://builder.example/*",
        "https://builder.example:8443/a/**",
        "urn:example:builder",
    ] {
        changed(id, good).unwrap_or_else(|error| panic!("{good}: {error:?}"));
    }
    for wide in [
        "https://builder.example*",
        "https://*/hosted",
        "https://builder.exam*/hosted",
        "https://builder.example@*/hosted",
        "https://a@builder.example/*",
        "http*://builder.example/hosted",
        "urn:example:*",
        "**",
    ] {
        assert_eq!(problem(id, wide).0, "policy::builder-too-wide", "{wide}");
    }
}

#[test]
fn a_github_signer_is_one_workflow_of_one_repository() {
    let plain = "issuer = \"https://issuer.example\"\nsan = \"https://release.example\"";
    let github = |repository: &str, workflow: &str, reference: &str| {
        format!(
            "github = {{ repository = '{repository}', workflow = '{workflow}', ref = '{reference}' }}"
        )
    };
    let workflow = ".github/workflows/release.yml";
    for reference in [
        "refs/tags/v*",
        "refs/tags/v*$",
        "refs/heads/a.b",
        "refs/heads/**",
    ] {
        changed(plain, &github("acme/app", workflow, reference)).unwrap();
    }
    let called = |from: &str| {
        let plainly = github("acme/ci", workflow, "refs/heads/main");
        plainly.replace(" }", &format!(", called-from = '{from}' }}"))
    };
    changed(plain, &called("acme/app")).unwrap();
    assert_eq!(problem(plain, &called("acme/*")).0, "policy::github");
    for (wrong, code) in [
        (
            github("acme/*", workflow, "refs/heads/main"),
            "policy::github",
        ),
        (
            github("acme", workflow, "refs/heads/main"),
            "policy::github",
        ),
        (
            github("acme/app", "release.yml", "refs/heads/main"),
            "policy::github",
        ),
        (
            github("acme/app", ".github/workflows/*.yml", "refs/heads/main"),
            "policy::github",
        ),
        (github("acme/app", workflow, "main"), "policy::git-ref"),
        (github("acme/app", workflow, "*"), "policy::git-ref"),
        (
            github("acme/app", workflow, r"refs/tags/v*\"),
            "policy::git-ref",
        ),
        (
            github("acme/app", workflow, "refs/heads/a b"),
            "policy::git-ref",
        ),
        (
            github("acme/app", workflow, "refs/heads/a..b"),
            "policy::git-ref",
        ),
        (
            github("acme/app", workflow, "refs/heads/[a]*"),
            "policy::git-ref",
        ),
        (
            github("acme/app", workflow, "refs/heads/"),
            "policy::git-ref",
        ),
    ] {
        assert_eq!(problem(plain, &wrong).0, code, "{wrong}");
    }
}

#[test]
fn a_policy_that_requires_nothing_is_refused() {
    let nothing = base_text()
        .replace("require = true", "require = false")
        .replace("signers = [\"release\"]\n", "")
        .replace("signers = [\"security\"]\n", "");
    let error = Policy::parse("policy.toml", nothing.as_bytes())
        .map(|_| ())
        .expect_err("nothing");
    let codes: Vec<_> = error
        .problems()
        .iter()
        .map(|problem| problem.code)
        .collect();
    assert!(codes.contains(&"policy::dead"), "{codes:?}");

    let minimal = r#"
        schema = 1
        subject = { images = ["ghcr.io/acme/app"] }
        trust = {}
        signature = { require = { at-least = 0, of = [] } }
        provenance = { require = false }
        sbom = { require = false }
        scan = { require = false }
        [policy]
        id = "a"
        version = 1
        environment = "e"
        mode = "enforce"
        expires = 2027-05-01T00:00:00Z
    "#;
    let error = Policy::parse("policy.toml", minimal.as_bytes())
        .map(|_| ())
        .expect_err("nothing");
    assert_eq!(error.problems()[0].code, "policy::requires-nothing");
}

#[test]
fn keys_of_a_section_that_is_off_do_nothing_and_say_so() {
    let scan = "[scan]\nrequire = true\nsigners = [\"release\"]\n";
    let off = "[scan]\nrequire = false\n";
    let codes: Vec<_> = problems(scan, off)
        .into_iter()
        .map(|(code, text, _)| (code, text))
        .collect();
    assert_eq!(codes.len(), 3, "{codes:?}");
    assert_eq!(codes[0], found("policy::dead", "\"high\""));
}

#[test]
fn a_builder_nobody_may_speak_for_is_found() {
    let builder = "[[builder]]\nid = \"https://builder.example/hosted\"\nsigner = \"release\"\nmax-level = 3\n";
    let given = problem(builder, "");
    assert_eq!(given, found("policy::no-builder", "true"));
    let given = problems("signer = \"release\"", "signer = \"security\"");
    assert_eq!(given[0].0, "policy::dead");
}

#[test]
fn what_is_no_text_or_too_much_of_it_is_refused() {
    let code = |bytes: &[u8]| {
        let error = Policy::parse("p", bytes)
            .map(|_| ())
            .expect_err("no policy");
        error.problems()[0].code
    };
    assert_eq!(code(b"\xff\xfe"), "policy::encoding");
    assert_eq!(
        code(&vec![b'#'; palisade_policy::MAX_POLICY + 1]),
        "policy::too-large"
    );
    assert_eq!(code(b""), "policy::missing-key");
    assert_eq!(code(b"[policy\n"), "policy::toml");
    assert_eq!(code(b"schema = 1\nschema = 1\n"), "policy::duplicate");
}

#[test]
fn every_problem_is_shown_in_the_file_it_is_in() {
    let text = base_text()
        .replace("max-age = \"PT24H\"", "max-age = \"24h\"")
        .replace("of = [\"release\"]", "of = [\"relaese\"]");
    let error = Policy::parse("policy.toml", text.as_bytes())
        .map(|_| ())
        .expect_err("two problems");
    let mut shown = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::none())
        .with_width(100)
        .render_report(&mut shown, &error)
        .unwrap();
    // The renderer pads an empty line of the file; nobody sees that.
    let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    policy::invalid

      x the policy `policy.toml` has 2 problems

    Error: policy::unknown-signer

      x there is no [[signer]] named `relaese`
        ,-[policy.toml:34:33]
     33 | [signature]
     34 | require = { at-least = 1, of = ["relaese"] }
        :                                 ^^^^|^^^^
        :                                     `-- not a signer of this policy
     35 |
        `----
      help: did you mean `release`?

    Error: policy::duration

      x `24h` is not an ISO 8601 duration
        ,-[policy.toml:49:11]
     48 | fail-on = "high"
     49 | max-age = "24h"
        :           ^^|^^
        :             `-- here
     50 | max-db-age = "PT48H"
        `----
      help: write `PT24H` for hours, `P7D` for days
    "#);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}", at in 0..1000_usize) {
        drop(Policy::parse("p", text.as_bytes()));
        let mut cut = base_text().to_owned();
        cut.truncate(at.min(cut.len()));
        cut.push_str(&text);
        drop(Policy::parse("p", cut.as_bytes()));
    }
}

#[test]
fn what_evidence_under_a_trust_root_has_to_prove_is_written_in_the_policy() {
    let profile = |more: &str| {
        let policy = changed("embedded = \"public-good\"", more).unwrap();
        let mut trusts = policy.trusts().map(|trust| trust.profile);
        trusts.next().unwrap()
    };
    let proof = |value: &str| profile(&format!("embedded = \"public-good\"\n{value}"));
    assert_eq!(proof(""), Profile::Logged);
    assert_eq!(proof("require-inclusion-proof = true"), Profile::Included);
    assert_eq!(proof("require-inclusion-proof = false"), Profile::Promised);
    let github = profile("embedded = \"github\"\nprofile = \"github-private\"");
    assert_eq!(github, Profile::GithubPrivate);
}
