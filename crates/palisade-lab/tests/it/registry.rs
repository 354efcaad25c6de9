//! The registry keeps to the distribution specification.

use serde_json::json;

use crate::support::{
    Http, IMAGE, INDEX, digest, lab, push_blob, push_image, put_manifest, referrer,
};

#[tokio::test]
async fn a_blob_arrives_by_every_way_of_uploading() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let (bytes, digest) = (b"some bytes".to_vec(), digest(b"some bytes"));
    let uploads = "/v2/acme/app/blobs/uploads/";
    let blob = format!("/v2/acme/app/blobs/{digest}");

    push_blob(&http, "one/request", &bytes).await;

    let begun = http.send("POST", uploads, &[], "").await;
    assert_eq!(begun.status, 202);
    let finish = format!("{}?digest={digest}", begun.header("location"));
    assert_eq!(http.get(&blob).await.status, 404);
    assert_eq!(
        http.send("PUT", &finish, &[], bytes.clone())
            .await
            .header("location"),
        blob
    );
    assert_eq!(http.get(&blob).await.body, bytes);
    assert_eq!(http.send("DELETE", &blob, &[], "").await.status, 202);
    assert_eq!(http.get(&blob).await.status, 404);

    let begun = http.send("POST", uploads, &[], "").await;
    let session = begun.header("location").to_owned();
    let first = http
        .send("PATCH", &session, &[("content-range", "0-3")], &bytes[..4])
        .await;
    assert_eq!((first.status, first.header("range")), (202, "0-3"));
    let gap = http
        .send("PATCH", &session, &[("content-range", "5-9")], &bytes[5..])
        .await;
    assert_eq!((gap.status, gap.header("range")), (416, "0-3"));
    assert_eq!(http.get(&session).await.header("range"), "0-3");
    let next = http
        .send("PATCH", &session, &[("content-range", "4-9")], &bytes[4..])
        .await;
    assert_eq!(next.header("range"), "0-9");
    let done = http
        .send("PUT", &format!("{session}?digest={digest}"), &[], "")
        .await;
    assert_eq!(
        (done.status, done.header("docker-content-digest")),
        (201, digest.as_str())
    );
    assert_eq!(http.get(&session).await.status, 404);
}

#[tokio::test]
async fn bytes_of_another_digest_are_refused() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let wrong = digest(b"other");
    let path = format!("/v2/acme/app/blobs/uploads/?digest={wrong}");
    let answer = http.send("POST", &path, &[], "bytes").await;
    assert_eq!(
        (answer.status, &answer.json()["errors"][0]["code"]),
        (400, &json!("DIGEST_INVALID"))
    );
    push_blob(&http, "acme/app", b"{}").await;
    let manifest = json!({"schemaVersion": 2, "mediaType": IMAGE, "layers": []});
    let answer = put_manifest(&http, "acme/app", &wrong, &manifest).await;
    assert_eq!(
        (answer.status, &answer.json()["errors"][0]["code"]),
        (400, &json!("DIGEST_INVALID"))
    );
}

#[tokio::test]
async fn a_session_belongs_to_its_repository() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let begun = http
        .send("POST", "/v2/acme/app/blobs/uploads/", &[], "")
        .await;
    let foreign = begun.header("location").replace("acme/app", "evil/app");
    assert_eq!(http.send("PATCH", &foreign, &[], "bytes").await.status, 404);
    assert_eq!(
        http.send("DELETE", begun.header("location"), &[], "")
            .await
            .status,
        204
    );
    assert_eq!(http.get(begun.header("location")).await.status, 404);
}

#[tokio::test]
async fn a_mount_needs_the_blob_and_else_becomes_an_upload() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let blob = push_blob(&http, "from/here", b"bytes").await;
    let digest = blob["digest"].as_str().unwrap();
    assert_eq!(
        http.get(&format!("/v2/to/there/blobs/{digest}"))
            .await
            .status,
        404
    );
    let mount = |from: &str| format!("/v2/to/there/blobs/uploads/?mount={digest}&from={from}");
    assert_eq!(
        http.send("POST", &mount("nowhere"), &[], "").await.status,
        202
    );
    assert_eq!(
        http.send("POST", &mount("from/here"), &[], "").await.status,
        201
    );
    assert_eq!(
        http.get(&format!("/v2/to/there/blobs/{digest}")).await.body,
        b"bytes"
    );
}

#[tokio::test]
async fn a_range_is_a_part_and_a_wrong_range_is_the_whole() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let blob = push_blob(&http, "a", b"0123456789").await;
    let path = format!("/v2/a/blobs/{}", blob["digest"].as_str().unwrap());
    let part = http.send("GET", &path, &[("range", "bytes=2-4")], "").await;
    assert_eq!(
        (part.status, part.header("content-range")),
        (206, "bytes 2-4/10")
    );
    assert_eq!(part.body, b"234");
    let rest = http.send("GET", &path, &[("range", "bytes=8-")], "").await;
    assert_eq!(rest.body, b"89");
    let whole = http.send("GET", &path, &[("range", "bytes=9-8")], "").await;
    assert_eq!((whole.status, whole.body.len()), (200, 10));
}

#[tokio::test]
async fn a_manifest_is_the_same_bytes_by_tag_and_by_digest_and_head_has_none() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let image = push_image(&http, "acme/app", "1.0", "layer").await;
    let digest = image["digest"].as_str().unwrap();
    let by_tag = http.get("/v2/acme/app/manifests/1.0").await;
    let by_digest = http.get(&format!("/v2/acme/app/manifests/{digest}")).await;
    assert_eq!(by_tag.body, by_digest.body);
    assert_eq!(by_tag.header("docker-content-digest"), digest);
    assert_eq!(by_tag.header("etag"), format!("\"{digest}\""));
    assert_eq!(by_tag.header("content-type"), IMAGE);
    let head = http
        .send("HEAD", "/v2/acme/app/manifests/1.0", &[], "")
        .await;
    assert_eq!(head.header("content-length"), by_tag.body.len().to_string());
    assert_eq!(head.header("docker-content-digest"), digest);
    assert!(head.body.is_empty());
    assert_eq!(http.get("/v2/acme/app/manifests/2.0").await.status, 404);
    assert_eq!(http.get("/v2/acme/other/manifests/1.0").await.status, 404);
}

#[tokio::test]
async fn a_manifest_with_missing_parts_is_refused() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let config = push_blob(&http, "a", b"{}").await;
    let missing = json!({"mediaType": "x", "digest": digest(b"missing"), "size": 7});
    let image = |layer: &serde_json::Value| json!({"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer]});
    assert_eq!(
        put_manifest(&http, "a", "good", &image(&config))
            .await
            .status,
        201
    );
    let answer = put_manifest(&http, "a", "bad", &image(&missing)).await;
    assert_eq!(answer.json()["errors"][0]["code"], "MANIFEST_BLOB_UNKNOWN");
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [missing]});
    let answer = put_manifest(&http, "a", "index", &index).await;
    assert_eq!(answer.json()["errors"][0]["code"], "MANIFEST_UNKNOWN");
    // A subject may come later (distribution specification, "Pushing Manifests with Subject").
    let early = referrer(&http, "a", &missing, "x/y").await;
    assert_eq!(put_manifest(&http, "a", "early", &early).await.status, 201);
}

#[tokio::test]
async fn a_manifest_must_be_what_its_content_type_says() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let body = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).to_string();
    let path = "/v2/a/manifests/t";
    let put = async |kind: &str, body: &str| {
        http.send("PUT", path, &[("content-type", kind)], body)
            .await
            .status
    };
    assert_eq!(put(INDEX, &body).await, 201);
    assert_eq!(put(IMAGE, &body).await, 400);
    assert_eq!(put("application/json", &body).await, 400);
    assert_eq!(put(INDEX, "no json").await, 400);
    assert_eq!(put(INDEX, &body.replace('2', "1")).await, 400);
    let huge = format!("{}{}", " ".repeat(4 << 20), body);
    assert_eq!(put(INDEX, &huge).await, 413);
}

#[tokio::test]
async fn tags_come_in_order_and_in_pages() {
    let lab = lab().await;
    let http = Http::new(&lab);
    for tag in ["c", "a", "b"] {
        push_image(&http, "acme/app", tag, tag).await;
    }
    let all = http.get("/v2/acme/app/tags/list").await;
    assert_eq!(all.json()["tags"], json!(["a", "b", "c"]));
    assert_eq!(all.header("link"), "");
    let first = http.get("/v2/acme/app/tags/list?n=2").await;
    assert_eq!(first.json()["tags"], json!(["a", "b"]));
    let link = first.header("link").strip_prefix('<').unwrap();
    let rest = http
        .get(link.strip_suffix(">; rel=\"next\"").unwrap())
        .await;
    assert_eq!(
        (rest.json()["tags"].clone(), rest.header("link")),
        (json!(["c"]), "")
    );
    assert_eq!(http.get("/v2/nobody/tags/list").await.status, 404);
    assert_eq!(
        http.send("DELETE", "/v2/acme/app/manifests/b", &[], "")
            .await
            .status,
        202
    );
    let all = http.get("/v2/acme/app/tags/list").await;
    assert_eq!(all.json()["tags"], json!(["a", "c"]));
    assert_eq!(
        http.get("/v2/_catalog").await.json()["repositories"],
        json!(["acme/app"])
    );
}

#[tokio::test]
async fn deleting_a_manifest_takes_its_tags_along() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let image = push_image(&http, "a", "t", "layer").await;
    let path = format!("/v2/a/manifests/{}", image["digest"].as_str().unwrap());
    assert_eq!(http.send("DELETE", &path, &[], "").await.status, 202);
    assert_eq!(http.send("DELETE", &path, &[], "").await.status, 404);
    assert_eq!(http.get("/v2/a/manifests/t").await.status, 404);
}

#[tokio::test]
async fn routes_and_methods_that_do_not_exist_say_so() {
    let lab = lab().await;
    let http = Http::new(&lab);
    assert_eq!(http.get("/v2/").await.status, 200);
    for path in [
        "/v2/A/manifests/t",
        "/v2/a/manifests/t:t",
        "/v2/a/blobs/t",
        "/v2/a/b",
    ] {
        assert_eq!(http.get(path).await.status, 404, "{path}");
    }
    assert_eq!(
        http.send("POST", "/v2/a/manifests/t", &[], "").await.status,
        405
    );
}

#[tokio::test]
async fn the_image_a_lab_brings_along_is_whole_and_the_same_every_time() {
    let (first, second) = (lab().await, lab().await);
    let image = first.seed_image();
    assert_eq!(first.seed_image(), image);
    let name = |image: &str| image.split_once('/').unwrap().1.to_owned();
    assert_eq!(name(&second.seed_image()), name(&image));
    let (repository, reference) = name(&image)
        .split_once('@')
        .map(|(left, right)| (left.to_owned(), right.to_owned()))
        .unwrap();
    let http = Http::new(&first);
    let manifest = http
        .get(&format!("/v2/{repository}/manifests/{reference}"))
        .await;
    assert_eq!(digest(&manifest.body), reference);
    for descriptor in [&manifest.json()["config"], &manifest.json()["layers"][0]] {
        let expected = descriptor["digest"].as_str().unwrap();
        let blob = http
            .get(&format!("/v2/{repository}/blobs/{expected}"))
            .await;
        assert_eq!(digest(&blob.body), expected);
    }
}

#[tokio::test]
async fn sha512_names_blobs_and_manifests_too() {
    use sha2::Digest;
    let lab = lab().await;
    let http = Http::new(&lab);
    let long = |bytes: &[u8]| format!("sha512:{}", hex::encode(sha2::Sha512::digest(bytes)));
    let name = long(b"{}");
    let path = format!("/v2/a/blobs/uploads/?digest={name}");
    assert_eq!(http.send("POST", &path, &[], "[]").await.status, 400);
    assert_eq!(http.send("POST", &path, &[], "{}").await.status, 201);
    let config = json!({"mediaType": "x", "digest": name, "size": 2});
    let manifest = json!({"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": []});
    let name = long(manifest.to_string().as_bytes());
    let pushed = put_manifest(&http, "a", &format!("{name}?tag=x&tag=y&tag=.z"), &manifest).await;
    assert_eq!(pushed.header("docker-content-digest"), name);
    let tags: Vec<_> = pushed.headers.get_all("oci-tag").iter().collect();
    assert_eq!(tags, ["x", "y"]);
    assert_eq!(
        http.get("/v2/a/manifests/y")
            .await
            .header("docker-content-digest"),
        name
    );
    let wrong = put_manifest(&http, "a", "sha512:bad", &manifest).await;
    assert_eq!(wrong.json()["errors"][0]["code"], "DIGEST_INVALID");
}

#[tokio::test]
async fn a_layer_that_may_not_be_distributed_need_not_be_here() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let config = push_blob(&http, "a", b"{}").await;
    let kind = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    let layer = json!({"mediaType": kind, "digest": digest(b"elsewhere"), "size": 9});
    let mut manifest =
        json!({"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer]});
    assert_eq!(put_manifest(&http, "a", "t", &manifest).await.status, 201);
    manifest["layers"][0]["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar");
    assert_eq!(put_manifest(&http, "a", "t", &manifest).await.status, 404);
}
