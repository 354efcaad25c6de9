//! A lab's trust root proves nothing, and has to be asked for.

use palisade_lab::{Config, Lab};

use crate::program::{SIGNER, verify};

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_s_root_is_refused_unless_it_is_allowed() {
    let lab = Lab::start(Config::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    lab.write_files(dir.path()).unwrap();
    let root = dir.path().join("trusted_root.json");
    let root = root.to_str().unwrap();
    let image = lab.seed_image();
    let run = move |extra: &'static [&'static str], root: &str| {
        let args = ["image", &image];
        let signer = SIGNER[..4].iter().chain(&["--trusted-root"]);
        verify(args.iter().chain(signer).chain(&[root]).chain(extra))
    };
    let refused = run(&[], root);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.talk().contains("--allow-lab"), "{}", refused.err);
    // Allowed, the question is asked: the image is there and nobody has signed it.
    let allowed = run(&["--allow-lab"], root);
    assert_eq!(allowed.code, 1, "{allowed:?}");
    assert!(allowed.out.contains("LAB"), "{}", allowed.out);
}
