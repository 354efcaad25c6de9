//! The referrers API, its pages, and a registry without it.

use palisade_lab::{Fault, Lab};
use serde_json::{Value, json};

use crate::support::{Http, INDEX, digest, lab, push_image, push_referrer, put_manifest, referrer};

fn path(image: &Value, query: &str) -> String {
    format!(
        "/v2/a/referrers/{}{query}",
        image["digest"].as_str().unwrap()
    )
}

fn digests(list: &Value) -> Vec<String> {
    let manifests = list["manifests"].as_array().unwrap();
    manifests
        .iter()
        .map(|entry| entry["digest"].as_str().unwrap().to_owned())
        .collect()
}

fn next(link: &str) -> Option<&str> {
    link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")
}

async fn image_with_three(lab: &Lab) -> (Value, Vec<String>) {
    let http = Http::new(lab);
    let image = push_image(&http, "a", "t", "layer").await;
    let mut pushed = Vec::new();
    for kind in ["x/1", "x/2", "x/1"] {
        // The third differs from the first in its subject's order only.
        let mut manifest = referrer(&http, "a", &image, kind).await;
        manifest["annotations"]["number"] = json!(pushed.len().to_string());
        pushed.push(digest(manifest.to_string().as_bytes()));
        put_manifest(&http, "a", pushed.last().unwrap(), &manifest).await;
    }
    (image, pushed)
}

#[tokio::test]
async fn what_refers_to_a_digest_is_listed_in_order_of_arrival() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let (image, pushed) = image_with_three(&lab).await;
    let answer = http.get(&path(&image, "")).await;
    assert_eq!(answer.header("content-type"), INDEX);
    let list = answer.json();
    assert_eq!(digests(&list), pushed);
    assert_eq!(list["manifests"][1]["artifactType"], "x/2");
    assert_eq!(list["manifests"][1]["annotations"]["kind"], "x/2");
    let filtered = http.get(&path(&image, "?artifactType=x%2F2")).await;
    assert_eq!(digests(&filtered.json()), pushed[1..2]);
    assert_eq!(filtered.header("oci-filters-applied"), "artifactType");
    let nobody = json!({"digest": digest(b"nobody")});
    assert_eq!(digests(&http.get(&path(&nobody, "")).await.json()), [""; 0]);
}

#[tokio::test]
async fn pages_follow_one_another_until_all_are_seen() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let (image, pushed) = image_with_three(&lab).await;
    lab.set_referrers_page(Some(1));
    let (mut seen, mut page) = (Vec::new(), Some(path(&image, "")));
    while let Some(path) = page {
        let answer = http.get(&path).await;
        seen.extend(digests(&answer.json()));
        page = next(answer.header("link")).map(str::to_owned);
    }
    assert_eq!(seen, pushed);
    let two = http.get(&path(&image, "?n=2")).await;
    assert_eq!(digests(&two.json()), pushed[..2]);
    let filtered = http.get(&path(&image, "?artifactType=x%2F1")).await;
    let rest = http.get(next(filtered.header("link")).unwrap()).await;
    assert_eq!(digests(&rest.json()), pushed[2..]);
}

#[tokio::test]
async fn without_the_api_there_is_neither_list_nor_header() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let image = push_image(&http, "a", "t", "layer").await;
    let put = async |kind: &str| {
        let manifest = referrer(&http, "a", &image, kind).await;
        put_manifest(
            &http,
            "a",
            &digest(manifest.to_string().as_bytes()),
            &manifest,
        )
        .await
    };
    assert_eq!(
        put("x/1").await.header("oci-subject"),
        image["digest"].as_str().unwrap()
    );
    lab.set_referrers_api(false);
    assert_eq!(put("x/2").await.header("oci-subject"), "");
    assert_eq!(http.get(&path(&image, "")).await.status, 404);
    lab.set_faults(&[Fault::RegistryOciSubjectLie]);
    assert_eq!(
        put("x/3").await.header("oci-subject"),
        image["digest"].as_str().unwrap()
    );
    assert_eq!(http.get(&path(&image, "")).await.status, 404);
    lab.set_referrers_api(true);
    assert_eq!(digests(&http.get(&path(&image, "")).await.json()).len(), 3);
}

#[tokio::test]
async fn each_fault_of_the_list_is_what_its_name_says() {
    let lab = lab().await;
    let http = Http::new(&lab);
    let (image, pushed) = image_with_three(&lab).await;
    lab.set_faults(&[Fault::Registry403Referrers]);
    assert_eq!(http.get(&path(&image, "")).await.status, 403);
    lab.set_faults(&[Fault::Registry429Referrers]);
    let answer = http.get(&path(&image, "")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "1"));
    assert_eq!(http.get("/v2/a/manifests/t").await.status, 200);
    lab.set_faults(&[Fault::RegistryReferrersDuplicates]);
    assert_eq!(
        digests(&http.get(&path(&image, "")).await.json()).len(),
        1500 * pushed.len()
    );
    lab.set_faults(&[Fault::RegistryReferrersLinkLoop]);
    let answer = http.get(&path(&image, "?n=3")).await;
    assert_eq!(
        next(answer.header("link")),
        Some(path(&image, "?n=3").as_str())
    );
    lab.set_faults(&[Fault::RegistryReferrersLinkOtherHost]);
    let answer = http.get(&path(&image, "")).await;
    assert!(
        next(answer.header("link"))
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    lab.set_faults(&[Fault::RegistryForeignReferrers]);
    let other = push_image(&http, "a", "other", "other layer").await;
    let foreign = push_referrer(&http, "a", &other, "x/9").await;
    assert!(digests(&http.get(&path(&image, "")).await.json()).contains(&foreign));
    lab.set_faults(&[]);
    assert!(!digests(&http.get(&path(&image, "")).await.json()).contains(&foreign));
}
