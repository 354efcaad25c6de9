//! A registry that lies.

use palisade_lab::Fault;

use crate::support::{Http, digest, lab, push_blob, push_image};

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
