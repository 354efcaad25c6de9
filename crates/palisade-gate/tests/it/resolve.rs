//! A tag is resolved once: what it names afterwards changes nothing.

use palisade_lab::Fault;

use crate::stage::Stage;

#[test]
fn a_tag_that_moves_after_it_was_resolved_changes_nothing() {
    let stage = Stage::new();
    stage.attach_all_good();
    let other = stage.runtime.block_on(push_another(&stage));
    // From now on the tag answers with the approved image first and with the other one next.
    stage.lab.set_faults(&[Fault::RegistryTagFlip]);
    stage.lab.clear_requests();
    let tag = format!("{}:1.0", stage.image.repository());
    let said = stage.gate(&tag, &["--no-sign"]);
    assert_eq!(said.code, 0, "{said:?}");
    let approved = stage.image.digest().to_string();
    assert!(
        said.out.contains(&approved) && !said.out.contains(&other),
        "{said:?}"
    );
    let paths: Vec<String> = stage
        .lab
        .requests()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    let by_tag = paths
        .iter()
        .filter(|path| path.ends_with("/manifests/1.0"))
        .count();
    assert_eq!(by_tag, 1, "{paths:?}");
    assert!(!paths.iter().any(|path| path.contains(&other)), "{paths:?}");
    // The next run finds what the tag names now, and nobody has signed that.
    let said = stage.gate(&tag, &["--no-sign"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains(&other), "{said:?}");
}

/// Moves the tag to the same image under another manifest; returns that manifest's digest.
async fn push_another(stage: &Stage) -> String {
    let manifest = stage.client.manifest(&stage.image).await.unwrap();
    let text = String::from_utf8(manifest.bytes).unwrap();
    let text = text.replacen('{', "{\"annotations\":{\"moved\":\"yes\"},", 1);
    let media_type = &manifest.descriptor.media_type;
    let repository = stage.image.repository();
    let pushed = stage
        .client
        .push_manifest(repository, Some("1.0"), text.as_bytes(), media_type);
    pushed.await.unwrap().digest().to_string()
}
