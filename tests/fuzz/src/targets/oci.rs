//! What registries and local files tell: manifests, headers, credentials, layouts.

use std::fs;
use std::sync::LazyLock;

use palisade_oci::{Manifest, RawManifest, fuzz, layout::Layout, media};
use palisade_types::{Descriptor, Repository};
use tokio::runtime::Runtime;
use url::Url;

use super::{text, texts};
use crate::Target;

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "challenge",
        parser: "WWW-Authenticate: oci::challenge",
        holds: "what is chosen was written there; a header written from it is chosen the same",
        run: challenge,
        seeds: || {
            texts(&[
                "Basic realm=\"x\"",
                "Bearer realm=\"https://auth.example/token\",service=\"r.example\",scope=\"repository:a/b:pull,push\"",
                "Negotiate, Bearer realm=https://a.example/t, scope=repository:a:pull",
                "bearer realm=\"a\\\"b\"",
                "realm=\"x\", Bearer realm=\"y\"",
            ])
        },
    },
    Target {
        name: "docker-config",
        parser: "Docker's config.json, Podman's auth.json, answers of credential helpers",
        holds: "what comes out prints without its secret, and errors do not repeat the file",
        run: docker_config,
        seeds: || {
            texts(&[
                r#"{"auths":{"ghcr.io":{"auth":"dXNlcjpwYXNzd29yZA=="},"https://index.docker.io/v1/":{"username":"u","password":"secretsecret"}}}"#,
                r#"{"auths":{"ghcr.io/acme":{"identitytoken":"secretsecret"},"ghcr.io/acme/app":{"registrytoken":"secretsecret"}}}"#,
                r#"{"Username":"<token>","Secret":"secretsecret","ServerURL":"x"}"#,
                r#"{"Username":"user","Secret":"secretsecret"}"#,
                r#"{"auths":{"ghcr.io":{"auth":"bm9jb2xvbg=="}}}"#,
            ])
        },
    },
    Target {
        name: "layout",
        parser: "an OCI image layout in a tar file: oci::layout",
        holds: "every blob that is read hashes to its digest, every manifest is the one that is listed",
        run: layout,
        seeds: layout_seeds,
    },
    Target {
        name: "link",
        parser: "Link (RFC 8288): the next page of a list",
        holds: "the next page is on the server that was asked, and was written there",
        run: link,
        seeds: || {
            texts(&[
                "</v2/a/referrers/sha256:00?n=2&last=x>; rel=\"next\"",
                "<https://evil.example/v2/x>; rel=next",
                "<//evil.example/>; rel=\"next\"",
                "<a>; rel=prev, <b>;rel=next",
                "<https://r.example:443/x>; rel=next",
                "<\\\\evil.example/x>; rel=next",
            ])
        },
    },
    Target {
        name: "manifest",
        parser: "oci::{ImageManifest, ImageIndex}",
        holds: "no document is an image and an index; it is what its media type says; its lists are within their limits",
        run: manifest,
        seeds: || {
            let layer = r#"{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}"#;
            let image = format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{layer},"layers":[{layer}],"annotations":{{"a":"b"}},"subject":{layer}}}"#
            );
            let index = format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{layer}],"artifactType":"x"}}"#
            );
            let both = format!(r#"{{"manifests":[{layer}],"config":{layer},"layers":[]}}"#);
            texts(&[&image, &index, &both])
        },
    },
];

static REPOSITORY: LazyLock<Repository> =
    LazyLock::new(|| "ghcr.io/acme/app".parse().expect("a repository"));
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
});

fn challenge(data: &[u8]) {
    let Some(header) = text(data) else { return };
    let chosen = fuzz::choose_challenge([header]);
    let Some(fuzz::Challenge::Bearer {
        realm,
        service,
        scope,
    }) = &chosen
    else {
        return;
    };
    assert!(realm.len() <= header.len());
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let part = |name: &str, value: &Option<String>| {
        let value = value.as_deref().map(quoted);
        value.map_or(String::new(), |value| format!(",{name}=\"{value}\""))
    };
    let written = format!(
        "Bearer realm=\"{}\"{}{}",
        quoted(realm),
        part("service", service),
        part("scope", scope)
    );
    assert_eq!(fuzz::choose_challenge([written.as_str()]), chosen);
}

fn docker_config(data: &[u8]) {
    let shown = fuzz::helper_answer(data).map(|credential| format!("{credential:?}"));
    let secret = "secretsecret";
    assert!(shown.is_none_or(|shown| !shown.contains(secret)
        || !text(data).is_some_and(|data| data.contains(&format!("\"Secret\":\"{secret}")))));
    // A configuration that names helpers would run them.
    let value = palisade_types::json::parse_strict(data);
    let runs = |value: &serde_json::Value| {
        value.get("credHelpers").is_some() || value.get("credsStore").is_some()
    };
    if value.is_ok_and(|value| runs(&value)) {
        return;
    }
    match RUNTIME.block_on(fuzz::credential(data, &REPOSITORY)) {
        Ok(Some(credential)) => {
            let shown = format!("{credential:?}");
            assert!(shown.contains("****"), "{shown}");
        }
        Ok(None) => {}
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert!(shown.len() < 400, "{shown}");
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

fn link(data: &[u8]) {
    let Some(header) = text(data) else { return };
    let list: Url = "https://r.example/v2/acme/app/referrers/x"
        .parse()
        .expect("an address");
    if let Some(Ok(next)) = fuzz::next_page(&list, &REPOSITORY, header) {
        assert_eq!(next.origin(), list.origin());
        assert_eq!(next.scheme(), "https");
        assert_eq!(next.host_str(), Some("r.example"));
        assert!(header.to_ascii_lowercase().contains("next"));
    }
}

fn manifest(data: &[u8]) {
    let types = [
        media::OCI_INDEX,
        media::OCI_MANIFEST,
        media::DOCKER_LIST,
        media::DOCKER_MANIFEST,
    ];
    let mut kinds = Vec::new();
    for media_type in types {
        let raw = RawManifest {
            bytes: data.to_vec(),
            descriptor: Descriptor::of(media_type, data),
        };
        match raw.parse() {
            Ok(Manifest::Index(index)) => {
                assert!(media::is_index(media_type));
                assert!(index.manifests.len() <= 1_000);
                kinds.push("index");
            }
            Ok(Manifest::Image(image)) => {
                assert!(media::is_manifest(media_type));
                assert!(image.layers.len() <= 1_000);
                kinds.push("image");
            }
            Err(error) => assert!(error.to_string().len() < 2_000),
        }
    }
    kinds.dedup();
    assert!(kinds.len() <= 1, "{kinds:?}");
}

fn layout(data: &[u8]) {
    thread_local! {
        static FILE: std::path::PathBuf = {
            let name = format!("palisade-fuzz-{}-{:?}.tar", std::process::id(), std::thread::current().id());
            std::env::temp_dir().join(name)
        };
    }
    FILE.with(|file| {
        fs::write(file, data).expect("the temporary folder can be written");
        read_layout(file);
        fs::remove_file(file).expect("it was there a moment ago");
    });
}

fn read_layout(file: &std::path::Path) {
    let Ok(layout) = Layout::open_archive(file) else {
        return;
    };
    for entry in layout.entries().iter().take(20) {
        if let Ok(bytes) = layout.blob(entry, 1 << 20) {
            assert!(entry.digest.matches(&bytes));
            assert_eq!(bytes.len() as u64, entry.size);
        }
        if let Ok(raw) = layout.manifest(entry) {
            assert_eq!(raw.descriptor.digest, entry.digest);
            // Media types know no case, and what follows the type itself is none of it.
            let listed = entry.media_type.to_ascii_lowercase();
            assert!(listed.starts_with(&raw.descriptor.media_type));
        }
    }
    let _one_or_none = layout.find(None);
}

fn layout_seeds() -> Vec<Vec<u8>> {
    let config = Descriptor::of(media::OCI_CONFIG, b"{}");
    let config_text = serde_json::to_string(&config).expect("text");
    let image = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{config_text},"layers":[]}}"#,
        media::OCI_MANIFEST
    );
    let entry = Descriptor::of(media::OCI_MANIFEST, image.as_bytes());
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
        serde_json::to_string(&entry).expect("text")
    );
    let mut tar = tar::Builder::new(Vec::new());
    let members = [
        (
            "oci-layout".to_owned(),
            br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec(),
        ),
        ("index.json".to_owned(), index.into_bytes()),
        (
            format!("blobs/sha256/{}", config.digest.hex()),
            b"{}".to_vec(),
        ),
        (
            format!("blobs/sha256/{}", entry.digest.hex()),
            image.into_bytes(),
        ),
    ];
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice())
            .expect("in memory");
    }
    vec![tar.into_inner().expect("in memory")]
}
