//! Where tokens come from, and that none of them is ever repeated.

use std::time::Duration;

use palisade_keyless::{Kind, Origin, Signer, TokenError, TokenRequest, find_token};
use palisade_lab::{Fault, Lab, SigningConfigKind};
use palisade_types::{Digest, Timestamp};

use super::{EMAIL, config, lab, root};

pub(super) fn nothing() -> TokenRequest {
    TokenRequest {
        deadline: Duration::from_secs(3),
        ..TokenRequest::default()
    }
}

fn ambient(lab: &Lab) -> TokenRequest {
    TokenRequest {
        actions_url: Some(format!("{}/gha/token?api-version=2.0", lab.base())),
        actions_token: Some("runner-secret".to_owned()),
        ci: Some(Origin::GithubActions),
        ..nothing()
    }
}

async fn find(request: &TokenRequest) -> Result<Option<String>, TokenError> {
    let token = find_token(request, Timestamp::now()).await?;
    Ok(token.claims().email.clone())
}

#[tokio::test]
async fn the_flag_takes_a_token_or_a_file_and_comes_first() {
    let lab = lab().await;
    let mut request = ambient(&lab);
    request.sigstore_id_token = Some(lab.email_token("variable@acme.test"));
    assert_eq!(
        find(&request).await.unwrap().as_deref(),
        Some("variable@acme.test")
    );
    request.flag = Some(lab.email_token(EMAIL));
    assert_eq!(find(&request).await.unwrap().as_deref(), Some(EMAIL));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, format!("{}\n", lab.email_token("file@acme.test"))).unwrap();
    request.flag = Some(file.path().display().to_string());
    assert_eq!(
        find(&request).await.unwrap().as_deref(),
        Some("file@acme.test")
    );
}

#[tokio::test]
async fn github_is_asked_for_sigstore_s_audience_with_its_own_bearer() {
    let lab = lab().await;
    lab.clear_requests();
    let token = find_token(&ambient(&lab), Timestamp::now()).await.unwrap();
    assert_eq!(token.claims().issuer, palisade_lab::GithubIdentity::ISSUER);
    let requests = lab.requests();
    assert_eq!(requests.len(), 1);
    let root = root(&lab);
    let signer = Signer::new(
        &config(&lab, SigningConfigKind::V2),
        &root,
        Timestamp::now(),
    )
    .unwrap();
    signer
        .sign_blob(&Digest::sha256_of(b"x"), &token, Timestamp::now())
        .await
        .unwrap();
}

#[tokio::test]
async fn without_any_source_each_place_and_what_is_missing_is_named() {
    let error = find(&nothing()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    insta::assert_snapshot!(error, @r"
    there is no identity token to sign with
      `--identity-token`: not given
      `SIGSTORE_ID_TOKEN`: not set
      GitHub Actions: this is no run there: ACTIONS_ID_TOKEN_REQUEST_URL and …_TOKEN are not set
      GitLab CI: this is no job there
      Buildkite: this is no job there
      CircleCI: this is no job there
      Google Cloud: this is no machine there
      SPIFFE: SPIFFE_ENDPOINT_SOCKET is not set
    ");
    let in_actions = TokenRequest {
        ci: Some(Origin::GithubActions),
        ..nothing()
    };
    insta::assert_snapshot!(find(&in_actions).await.unwrap_err(), @r"
    there is no identity token to sign with
      `--identity-token`: not given
      `SIGSTORE_ID_TOKEN`: not set
      GitHub Actions: the job may not ask for one; it needs `permissions: id-token: write`
    ");
}

#[tokio::test]
async fn a_source_that_fails_is_not_passed_over() {
    let lab = lab().await;
    let request = TokenRequest {
        sigstore_id_token: Some("x".to_owned()),
        ..ambient(&lab)
    };
    let error = find(&request).await.unwrap_err();
    assert!(
        matches!(
            error,
            TokenError::NotAToken {
                origin: Origin::Variable,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn ten_megabytes_are_no_token_wherever_they_come_from() {
    let lab = lab().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "a".repeat(10 << 20)).unwrap();
    let from_file = TokenRequest {
        flag: Some(file.path().display().to_string()),
        ..nothing()
    };
    let literal = TokenRequest {
        flag: Some("a".repeat(10 << 20)),
        ..nothing()
    };
    let variable = TokenRequest {
        sigstore_id_token: Some("a".repeat(10 << 20)),
        ..nothing()
    };
    for request in [from_file, literal, variable] {
        let error = find(&request).await.unwrap_err();
        assert!(
            error.to_string().contains("larger than 65536 bytes"),
            "{error}"
        );
        assert_eq!(error.kind(), Kind::Usage);
    }
    lab.set_faults(&[Fault::OidcHuge]);
    let error = find(&ambient(&lab)).await.unwrap_err();
    assert!(
        error.to_string().contains("larger than 65536 bytes"),
        "{error}"
    );
    assert_eq!(error.kind(), Kind::Unavailable);
}

/// Attack: `oidc_redirect_off`.
#[tokio::test]
async fn the_runner_s_secret_is_not_carried_to_another_host() {
    let lab = lab().await;
    lab.set_faults(&[Fault::OidcRedirectOtherHost]);
    lab.clear_requests();
    let error = find(&ambient(&lab)).await.unwrap_err();
    assert!(error.to_string().contains("redirect"), "{error}");
    assert_eq!(lab.requests().len(), 1);
    let plain = TokenRequest {
        actions_url: Some("http://ci.test/token".to_owned()),
        ..ambient(&lab)
    };
    assert!(matches!(find(&plain).await, Err(TokenError::Address)));
}

#[tokio::test]
async fn an_outage_of_the_token_service_is_no_refusal() {
    let lab = lab().await;
    for fault in [Fault::Oidc503, Fault::OidcCut, Fault::OidcSlow] {
        lab.set_faults(&[fault]);
        let error = find(&ambient(&lab)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{}: {error}", fault.name());
    }
}

/// Attack: `out_token_not_printed`.
#[tokio::test]
async fn no_error_repeats_what_was_given() {
    let lab = lab().await;
    let good = lab.email_token(EMAIL);
    let later = Timestamp::now() + palisade_types::SignedDuration::from_hours(1);
    let damaged = good.replacen('.', ":", 1);
    for flag in [good.clone(), damaged] {
        let request = TokenRequest {
            flag: Some(flag.clone()),
            ..nothing()
        };
        let error = find_token(&request, later).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        for part in flag.split(['.', ':']) {
            assert!(!shown.contains(part), "{shown}");
        }
    }
    lab.set_faults(&[Fault::Oidc503]);
    let error = find(&ambient(&lab)).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("runner-secret"));
}
