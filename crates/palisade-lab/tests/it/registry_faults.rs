//! A registry that lies.

use std::time::{Duration, Instant};

use palisade_lab::Fault;

use crate::support::{Http, digest, lab, push_blob, push_image, push_referrer};

#[tokio::test]
async fn manifest_bytes_stop_matching_their_digest() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let image = push_image(&http, "a", "t", "layer").await;
    let path = format!("/v2/a/manifests/{}", image["digest"].as_str().unwrap());
    assert_eq!(
        digest(&http.get(&path).await.body),
        image["digest"].as_str().unwrap()
    );
    lab.set_faults(&[Fault::RegistryWrongBytes]);
    let answer = http.get(&path).await;
    assert_ne!(digest(&answer.body), image["digest"].as_str().unwrap());
    assert_eq!(
        answer.header("docker-content-digest"),
        image["digest"].as_str().unwrap()
    );
}

#[tokio::test]
async fn blob_bytes_change_and_keep_their_length() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let blob = push_blob(&http, "a", b"bytes").await;
    let path = format!("/v2/a/blobs/{}", blob["digest"].as_str().unwrap());
    lab.set_faults(&[Fault::RegistryWrongBlob]);
    let wrong = http.get(&path).await.body;
    assert!(wrong.len() == 5 && wrong != b"bytes");
}

#[tokio::test]
async fn head_names_another_digest_than_get() {
    let lab = lab().await;
    let http = Http::new(&lab);
    push_image(&http, "a", "t", "layer").await;
    lab.set_faults(&[Fault::RegistryLyingHead]);
    let head = http.send("HEAD", "/v2/a/manifests/t", &[], "").await;
    let get = http.get("/v2/a/manifests/t").await;
    assert_ne!(
        head.header("docker-content-digest"),
        get.header("docker-content-digest")
    );
    assert_eq!(digest(&get.body), get.header("docker-content-digest"));
}

#[tokio::test]
async fn a_tag_flips_between_its_last_two_digests() {
    let lab = lab().await;
    let http = Http::new(&lab);
    for layer in ["first", "second", "third"] {
        push_image(&http, "a", "t", layer).await;
    }
    let read = async || {
        let answer = http.get("/v2/a/manifests/t").await;
        answer.header("docker-content-digest").to_owned()
    };
    let third = read().await;
    assert_eq!(read().await, third);
    lab.set_faults(&[Fault::RegistryTagFlip]);
    let (one, two, three) = (read().await, read().await, read().await);
    assert_eq!((&two, &three), (&third, &one));
    assert_ne!(one, two);
}

#[tokio::test]
async fn reads_redirect_to_themselves_or_to_another_host() {
    let lab = lab().await;
    let http = Http::new(&lab);
    push_image(&http, "a", "t", "layer").await;
    let path = format!("/v2/a/blobs/{}", digest(b"layer"));
    lab.set_faults(&[Fault::RegistryRedirectLoop]);
    for path in [path.as_str(), "/v2/a/manifests/t"] {
        let answer = http.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (307, path));
    }
    lab.set_faults(&[Fault::RegistryRedirectOtherHost]);
    let answer = http.get(&path).await;
    assert_eq!(answer.status, 307);
    let elsewhere = http.send("GET", answer.header("location"), &[], "").await;
    assert_eq!((elsewhere.status, elsewhere.body), (200, b"layer".to_vec()));
    let hosts: Vec<String> = lab
        .requests()
        .into_iter()
        .map(|request| request.host)
        .collect();
    assert!(hosts.last().unwrap().starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn an_upload_is_sent_to_another_host() {
    let lab = lab().await;
    let http = Http::new(&lab);
    lab.set_faults(&[Fault::RegistryLocationOtherHost]);
    let begun = http.send("POST", "/v2/a/blobs/uploads/", &[], "").await;
    assert!(begun.header("location").starts_with("http://127.0.0.1:"));
}

#[tokio::test]
async fn a_tag_write_is_accepted_and_lost() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let old = push_image(&http, "a", "t", "old").await;
    lab.set_faults(&[Fault::RegistryLostWrite]);
    let new = push_image(&http, "a", "t", "new").await;
    let answer = http.get("/v2/a/manifests/t").await;
    assert_eq!(
        answer.header("docker-content-digest"),
        old["digest"].as_str().unwrap()
    );
    let path = format!("/v2/a/manifests/{}", new["digest"].as_str().unwrap());
    assert_eq!(http.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_digest_shaped_tag_is_the_manifest_itself_when_told_so() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let image = push_image(&http, "a", "t", "layer").await;
    let digest = image["digest"].as_str().unwrap();
    let path = format!("/v2/a/manifests/{}", digest.replace(':', "-"));
    assert_eq!(http.get(&path).await.status, 404);
    lab.set_faults(&[Fault::RegistryTagIsDigest]);
    assert_eq!(
        http.get(&path).await.header("docker-content-digest"),
        digest
    );
}

#[tokio::test]
async fn each_fault_of_a_list_or_manifest_is_what_its_name_says() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let image = push_image(&http, "a", "t", "layer").await;
    let pushed = push_referrer(&http, "a", &image, "application/x").await;
    let list = format!("/v2/a/referrers/{}", image["digest"].as_str().unwrap());
    let entries = async |faults: &str| {
        lab.set_faults_text(faults).unwrap();
        let list = http.get(&list).await.json();
        list["manifests"].as_array().unwrap().clone()
    };
    let only = entries("").await.remove(0);
    assert_eq!(
        (&only["digest"], &only["artifactType"]),
        (&pushed.into(), &"application/x".into())
    );
    let untyped = entries("registry-list-no-types").await.remove(0);
    assert_eq!(untyped["artifactType"], "application/vnd.oci.empty.v1+json");
    assert!(untyped.get("annotations").is_none() && untyped["digest"] == only["digest"]);
    for (faults, size) in [
        ("registry-list-size-small", 1),
        ("registry-list-size-large", 1_u64 << 40),
    ] {
        assert_eq!(entries(faults).await[0]["size"], size, "{faults}");
    }
    for (faults, count) in [
        ("registry-referrers-stale", 0),
        ("registry-garbage", 1),
        ("registry-garbage-beside", 2),
        ("registry-spam", 501),
        ("registry-referrers-duplicates", 1_500),
        ("registry-referrers-flood", 100_001),
    ] {
        assert_eq!(entries(faults).await.len(), count, "{faults}");
    }
    // Another manifest under the digest that it has.
    let lie = entries("registry-annotation-lies").await.remove(0);
    let served = http
        .get(&format!(
            "/v2/a/manifests/{}",
            lie["digest"].as_str().unwrap()
        ))
        .await;
    assert_eq!(digest(&served.body), lie["digest"].as_str().unwrap());
    assert_ne!(lie["digest"], only["digest"]);
    let key = "dev.sigstore.bundle.predicateType";
    assert_eq!(
        served.json()["annotations"][key],
        "https://sigstore.dev/cosign/sign/v1"
    );
    // Nothing of it stays.
    assert_eq!(entries("").await, [only]);
}

#[tokio::test]
async fn each_fault_of_an_answer_is_what_its_name_says() {
    let lab = lab().await;
    let http = Http::new(&lab);
    push_image(&http, "a", "t", "layer").await;
    let get = async |faults: &str| {
        lab.set_faults_text(faults).unwrap();
        http.try_send("GET", "/v2/a/manifests/t", &[], "").await
    };
    let right = get("").await.unwrap();
    let lying = get("registry-lying-get").await.unwrap();
    assert_eq!(lying.body, right.body);
    assert_ne!(lying.header("docker-content-digest"), digest(&right.body));
    let none = get("registry-no-digest").await.unwrap();
    assert_eq!(
        (none.header("docker-content-digest"), none.header("etag")),
        ("", "")
    );
    assert_eq!(
        get("registry-truncated").await.unwrap().body.len(),
        right.body.len() / 2
    );
    assert_eq!(
        get("registry-encoded")
            .await
            .unwrap()
            .header("content-encoding"),
        "gzip"
    );
    assert_eq!(
        get("registry-429-later")
            .await
            .unwrap()
            .header("retry-after"),
        "3600"
    );
    assert!(get("registry-reset*1").await.is_err());
    assert!(get("").await.is_ok());
    let started = Instant::now();
    assert_eq!(get("registry-drip").await.unwrap().body, right.body);
    assert!(
        started.elapsed() >= Duration::from_millis(5) * u32::try_from(right.body.len()).unwrap()
    );
}
