//! `sign-bundle` against a lab.

use palisade_attest::{ResourceDescriptor, Statement};
use palisade_lab::{Config, Lab};
use palisade_types::Digest;

use crate::program::conformance;

const EMAIL: &str = "dev@acme.test";

#[tokio::test(flavor = "multi_thread")]
async fn what_it_signs_it_verifies_and_another_file_or_signer_it_does_not() {
    let lab = Lab::start(Config::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    lab.write_files(dir.path()).unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let file = at("artifact.txt");
    std::fs::write(&file, "payload\n").unwrap();
    let digest = Digest::sha256_of(b"payload\n");
    let subject = ResourceDescriptor::new(None, &digest);
    let predicate = serde_json::json!({});
    let statement = Statement::new(vec![subject], "https://example.test/p", predicate);
    std::fs::write(at("statement.json"), statement.to_json()).unwrap();
    let (token, root) = (lab.email_token(EMAIL), at("trusted_root.json"));
    let sign = |in_toto: &[&str], config: &str, file: &str, token: &str| {
        let bundle = at("bundle.json");
        let config = at(config);
        let given = [
            "--identity-token",
            token,
            "--bundle",
            &bundle,
            "--trusted-root",
            &root,
            "--signing-config",
            &config,
            file,
        ];
        conformance(&[&["sign-bundle"], in_toto, &given].concat())
    };
    let verify = |identity: &str, artifact: &str| {
        let bundle = at("bundle.json");
        conformance(&[
            "verify-bundle",
            "--bundle",
            &bundle,
            "--certificate-identity",
            identity,
            "--certificate-oidc-issuer",
            lab.base(),
            "--trusted-root",
            &root,
            artifact,
        ])
    };
    for config in ["signing_config_v1.json", "signing_config_v2.json"] {
        for (in_toto, signed) in [
            (&[][..], &file),
            (&["--in-toto"][..], &at("statement.json")),
        ] {
            let (code, said) = sign(in_toto, config, signed, &token);
            assert_eq!(code, 0, "{said}");
            let (code, said) = verify(EMAIL, &file);
            assert_eq!(code, 0, "{said}");
            assert_eq!(verify(EMAIL, &digest.to_string()).0, 0);
            assert_eq!(verify("somebody@else.test", &file).0, 1);
            assert_eq!(verify(EMAIL, &root).0, 1);
        }
    }
    let (code, said) = sign(&[], "signing_config_v2.json", &file, "not.a.token");
    assert_eq!(code, 2, "{said}");
    assert!(!said.contains("not.a.token"), "{said}");
}
