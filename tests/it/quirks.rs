//! The registries people use, a row each: signed, attested, verified and listed on all of them.

use palisade_lab::{Config, Exchange, GithubIdentity, Lab, Profile};

use crate::{binaries, peers};

const PASSWORD: &str = "secret-of-the-test";

/// A lab with the manners of this registry, behind its kind of login.
struct Row {
    profile: &'static Profile,
    lab: Lab,
    folder: tempfile::TempDir,
    image: String,
}

impl Row {
    async fn new(profile: &'static Profile) -> Self {
        let lab = Lab::start(Config {
            registry_auth: Some(("dev".to_owned(), PASSWORD.to_owned())),
            token_auth: true,
            profile,
            ..Config::default()
        })
        .await
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        lab.write_files(folder.path()).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        let token = lab.github_token(&GithubIdentity::default());
        write("token", &token).unwrap();
        write("predicate.json", "{}").unwrap();
        // Where identity tokens are exchanged, `docker login` leaves one in place of a password.
        let login = match profile.login {
            Exchange::Token { post: 200, .. } => serde_json::json!({"identitytoken": PASSWORD}),
            _ => serde_json::json!({"username": "dev", "password": PASSWORD}),
        };
        let config = serde_json::json!({"auths": {lab.registry(): login}});
        std::fs::create_dir(folder.path().join(".docker")).unwrap();
        write(".docker/config.json", &config.to_string()).unwrap();
        let image = lab.seed_image();
        Self {
            profile,
            lab,
            folder,
            image,
        }
    }

    /// Runs `palisade` and returns what it says, which is what it has to say.
    fn run(&self, args: &[&str], exit: i32, says: &str) -> String {
        let program = binaries::folder().join("palisade");
        let root = ["--trusted-root", "trusted_root.json", "--allow-lab"];
        let output = peers::run(&program, self.folder.path(), &[args, &root].concat());
        let text = peers::text(&output);
        let name = self.profile.name;
        assert_eq!(output.status.code(), Some(exit), "{name}: {args:?}: {text}");
        assert!(text.contains(says), "{name}: {args:?}: {text}");
        assert!(!text.contains(PASSWORD), "{name}: {text}");
        text
    }

    fn sign(&self, what: &[&str]) {
        let token = ["--identity-token", "token"];
        let services = ["--signing-config", "signing_config_v2.json"];
        self.run(
            &[&["sign"], what, &token, &services].concat(),
            0,
            "attached",
        );
    }

    fn verify(&self, what: &[&str], exit: i32, says: &str) -> String {
        let san = GithubIdentity::default().san();
        let who = ["--certificate-identity", &san];
        let issuer = ["--certificate-oidc-issuer", GithubIdentity::ISSUER];
        self.run(&[&["verify"], what, &who, &issuer].concat(), exit, says)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_registry_takes_signatures_and_attestations_and_gives_them_back() {
    for profile in Profile::ALL {
        let row = Row::new(profile).await;
        let (image, name) = (&row.image, profile.name);
        row.sign(&["image", image]);
        let predicate = ["--predicate", "predicate.json", "--type", "cyclonedx"];
        row.sign(&[&["attest", image][..], &predicate].concat());
        row.lab.clear_requests();
        row.verify(&["image", image], 0, "verified");
        let asked = row.lab.requests();
        let by_tag = asked
            .iter()
            .any(|asked| asked.path.contains("/manifests/sha256-"));
        assert_eq!(by_tag, profile.referrers.is_err(), "{name}: {asked:?}");
        let kind = ["--type", "cyclonedx"];
        row.verify(
            &[&["attestation", image][..], &kind].concat(),
            0,
            "verified",
        );
        let tag = format!("{}/acme/app:1.0", row.lab.registry());
        let tree = row.verify(&["tree", &tag], 0, "https://cyclonedx.org/bom");
        assert!(
            tree.contains("https://sigstore.dev/cosign/sign/v1"),
            "{name}: {tree}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_runs_out_is_renewed_in_whatever_words_it_is_told() {
    for profile in Profile::ALL {
        let row = Row::new(profile).await;
        row.sign(&["image", &row.image]);
        row.lab.set_faults_text("registry-token-expired*1").unwrap();
        row.lab.clear_requests();
        if profile.login == Exchange::Basic {
            // Nobody but whoever wrote the password into the file can renew it.
            row.verify(&["image", &row.image], 3, profile.expired.1);
            continue;
        }
        row.verify(&["image", &row.image], 0, "verified");
        let told = row.lab.requests();
        let refused = told
            .iter()
            .filter(|asked| asked.authorized && asked.status >= 400);
        let refused = refused.filter(|asked| asked.status == profile.expired.0);
        assert_eq!(refused.count(), 1, "{}: {told:?}", profile.name);
    }
}
