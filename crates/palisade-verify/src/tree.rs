//! `palisade verify tree`: everything that is attached, and what of it is verified.

use palisade_oci::{Client, Held, limits};
use palisade_types::PinnedRef;
use palisade_ui::{Context, Exit, Format, Printer, escape};
use serde::Serialize;

use crate::args::{SignerArgs, TreeArgs};
use crate::error::Error;
use crate::evidence::{Evidence, Found};
use crate::image;
use crate::judge::{Match, Subject, Value, Wanted, judge};
use crate::leaves::{Leaf, Statements, below};
use crate::legacy;
use crate::registry::{Place, attached, client, within};
use crate::trust::{self, Trust};

/// The version of [`Tree`].
const VERSION: u32 = 1;

/// The whole answer.
#[derive(Serialize)]
struct Tree {
    version: u32,
    command: &'static str,
    /// The image first, then what its index lists.
    nodes: Vec<Node>,
}

/// One image and what is attached to it.
#[derive(Serialize)]
struct Node {
    image: String,
    /// `image`, or `buildkit-attestation`: a manifest of statements that nobody signed, bound to
    /// its image by the index alone.
    kind: &'static str,
    /// The platform that the index gives it; absent for the image itself.
    platform: Option<String>,
    attached: Vec<Item>,
}

/// One thing that is attached.
#[derive(Serialize)]
struct Item {
    origin: String,
    /// `bundle`, `cosign-att`, `cosign-sig`, `layer` or `unknown`.
    form: &'static str,
    /// `verified` as the expected signer's; `refused` as it; `unverified`, as nobody asked.
    state: &'static str,
    /// The predicate type: signed when verified, else claimed.
    predicate_type: Option<String>,
    /// Why it is refused or cannot be read.
    why: Option<String>,
}

pub(crate) fn run(args: &TreeArgs, context: &Context) -> Result<Exit, Error> {
    let given = image::parse(&args.image)?;
    let trust = trust(args, context)?;
    let place = Place::read(&args.registry, &context.environment)?;
    let client = client(&args.registry, &context.environment);
    let limit = args.registry.timeout;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let ask = async {
        let leaves = async {
            let image = client.resolve_digest(&given).await?;
            if args.recursive {
                return below(&client, &image).await;
            }
            // Read, so that an image that is not there has no empty tree.
            client.manifest(&image).await?.parse()?;
            Ok(vec![Leaf::given(image)])
        };
        let leaves = within(limit, &given, leaves).await?;
        let (mut nodes, mut bound) = (Vec::new(), Vec::new());
        for leaf in leaves {
            if let Some(error) = leaf.unread {
                return Err(error);
            }
            let place = place.of(&leaf.image);
            let attached = everything(&client, &leaf.image, &place, trust.as_ref());
            let attached = within(limit, &leaf.image, attached).await?;
            nodes.push(Node {
                image: leaf.image.to_string(),
                kind: "image",
                platform: leaf.platform,
                attached,
            });
            let statements = leaf.index.map_or_else(Vec::new, |index| index.buildkit);
            bound.extend(statements.into_iter().map(|s| buildkit(&leaf.image, s)));
        }
        nodes.extend(bound);
        Ok(nodes)
    };
    let nodes = runtime.block_on(ask).map_err(|source| Error::Registry {
        image: given.to_string(),
        source,
    })?;
    let tree = Tree {
        version: VERSION,
        command: "tree",
        nodes,
    };
    match args.format {
        Format::Json => context.printer.json(&tree),
        Format::Text => tree
            .nodes
            .iter()
            .for_each(|node| print(node, context.printer)),
    }
    Ok(Exit::Ok)
}

/// Whom to verify as, when somebody is named.
fn trust(args: &TreeArgs, context: &Context) -> Result<Option<Trust>, Error> {
    if args.certificate_identity.is_none() && args.key.is_none() {
        return Ok(None);
    }
    let signer = SignerArgs {
        certificate_identity: args.certificate_identity.clone(),
        certificate_oidc_issuer: args.certificate_oidc_issuer.clone(),
        key: args.key.clone(),
        insecure_ignore_tlog: args.insecure_ignore_tlog,
        ..SignerArgs::default()
    };
    trust::read(&signer, &args.trust, args.registry.offline, context).map(Some)
}

async fn everything(
    client: &Client,
    image: &PinnedRef,
    place: &PinnedRef,
    trust: Option<&Trust>,
) -> Result<Vec<Item>, palisade_oci::Error> {
    // One image after the other, and the tags beside the list: each has room for the most.
    let room = || Held::at_most(limits::BUNDLES_TOTAL);
    let (mut evidence, _) = attached(client, place, &room()).await?;
    for wanted in [Wanted::Signature, Wanted::Attestation([].into())] {
        let (older, _) = legacy::read(client, place, &wanted, &room()).await?;
        evidence.merge(older);
    }
    Ok(match trust {
        Some(trust) => judged(&evidence, image, trust),
        None => claimed(evidence),
    })
}

/// What is verified as the named signer's, and what is not.
fn judged(evidence: &Evidence, image: &PinnedRef, trust: &Trust) -> Vec<Item> {
    let digests = [image.digest().clone()];
    let subject = Subject {
        digests: &digests,
        bytes: None,
    };
    let verdict = judge(evidence, &Wanted::Anything, &subject, trust);
    let verified = verdict.matches.into_iter().map(verified);
    let refused = verdict.refused.into_iter().map(|refused| Item {
        origin: refused.origin,
        form: "unknown",
        state: "refused",
        predicate_type: None,
        why: Some(format!("{}: {}", refused.reason, refused.detail)),
    });
    verified.chain(refused).collect()
}

fn verified(found: Match) -> Item {
    let predicate_type = match found.value {
        Value::Message(_) => None,
        Value::Statement { statement, .. } => Some(statement.value().predicate_type.clone()),
    };
    Item {
        origin: found.origin,
        form: found.form,
        state: "verified",
        predicate_type,
        why: None,
    }
}

/// What each says it is. Nobody was named, so nothing is verified.
fn claimed(evidence: Evidence) -> Vec<Item> {
    let bundles = evidence.bundles.into_iter().map(|found| {
        let Found {
            origin,
            form,
            bytes,
        } = found;
        let (predicate_type, why) = match form.bundle(&bytes) {
            Ok(bundle) => (bundle.claimed_predicate_type().map(str::to_owned), None),
            Err(why) => (None, Some(why)),
        };
        Item {
            origin,
            form: form.word(),
            state: "unverified",
            predicate_type,
            why,
        }
    });
    let rest = evidence.skipped.into_iter().chain(evidence.unreadable);
    let rest = rest.map(|(origin, why)| Item {
        origin,
        form: "unknown",
        state: "unverified",
        predicate_type: None,
        why: Some(why),
    });
    bundles.chain(rest).collect()
}

/// BuildKit's statements about an image of this index.
fn buildkit(index: &PinnedRef, statements: Statements) -> Node {
    let manifest = index.sibling(statements.manifest);
    let item = |predicate_type: String| Item {
        origin: format!("about {}", statements.about),
        form: "layer",
        state: "unverified",
        predicate_type: Some(predicate_type),
        why: None,
    };
    Node {
        image: manifest.to_string(),
        kind: "buildkit-attestation",
        platform: None,
        attached: statements.predicate_types.into_iter().map(item).collect(),
    }
}

fn print(node: &Node, printer: Printer) {
    let platform = node
        .platform
        .as_ref()
        .map_or(String::new(), |p| format!(" ({p})"));
    let kind = if node.kind == "image" {
        ""
    } else {
        ", BuildKit's statements, which nobody signed"
    };
    printer.answer(&escape(&format!("{}{platform}{kind}", node.image)));
    if node.attached.is_empty() {
        printer.answer("  nothing is attached");
    }
    for item in &node.attached {
        let state = match item.state {
            "verified" => printer.good(item.state),
            "refused" => printer.bad(item.state),
            _ => printer.unsure(item.state),
        };
        let kind = item
            .predicate_type
            .as_deref()
            .unwrap_or("a signature over bytes");
        let text = item.why.as_deref().unwrap_or(kind);
        printer.answer(&format!(
            "  {state} {} {}",
            escape(text),
            printer.faint(&escape(&item.origin))
        ));
    }
}
