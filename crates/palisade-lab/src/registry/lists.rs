//! Lists with pages: referrers, tags and repositories.

use axum::http::{HeaderName, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::{Call, error, hostile};
use crate::fault::Fault;
use crate::http::{json as json_reply, param, set, with};
use crate::world::{World, lock};

const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");
/// The largest page of tags.
const MAX_PAGE: usize = 1_000;

/// OCI distribution 1.1, "Listing Referrers". An unknown subject has an empty list, never 404.
pub(crate) fn referrers(world: &World, call: &Call, subject: &str) -> Response {
    let faults = &world.faults;
    if faults.on(Fault::Registry403Referrers) {
        return error(403, "DENIED", "requested access to the resource is denied");
    }
    if faults.on(Fault::Registry429Referrers) {
        let refusal = error(429, "TOOMANYREQUESTS", "too many requests");
        return with(refusal, header::RETRY_AFTER, "1");
    }
    if !world.registry.referrers_api() {
        let status = world.registry.profile.referrers.err().unwrap_or(404);
        return error(status, "NOT_FOUND", "there is no such route");
    }
    let filter = param(&call.query, "artifactType").filter(|filter| !filter.is_empty());
    let mut found = found(world, call, subject);
    if let Some(filter) = &filter {
        found.retain(|descriptor| descriptor["artifactType"] == filter.as_str());
    }
    let size = number(call, "n")
        .or(world.registry.referrers_page())
        .unwrap_or(usize::MAX)
        .max(1);
    let first = number(call, "page").unwrap_or(0);
    let next = first.saturating_add(size);
    let more = next < found.len();
    let page: Vec<Value> = found.into_iter().skip(first).take(size).collect();
    let body = json!({"schemaVersion": 2, "mediaType": hostile::INDEX, "manifests": page});
    let mut response = hostile::list(faults, body.to_string());
    if filter.is_some() {
        set(&mut response, FILTERS, "artifactType");
    }
    // The cursor is opaque to clients: they must follow the link as it is.
    let link = if faults.on(Fault::RegistryReferrersLinkLoop) {
        Some(format!("{}?{}", call.path, call.query))
    } else if faults.on(Fault::RegistryReferrersLinkOtherHost) {
        Some(format!(
            "{}{}?page={next}&n={size}",
            world.other_host(),
            call.path
        ))
    } else {
        more.then(|| {
            let mut link = url::form_urlencoded::Serializer::new(String::new());
            link.append_pair("page", &next.to_string())
                .append_pair("n", &size.to_string());
            if let Some(filter) = &filter {
                link.append_pair("artifactType", filter);
            }
            format!("{}?{}", call.path, link.finish())
        })
    };
    link_next(response, link)
}

fn found(world: &World, call: &Call, subject: &str) -> Vec<Value> {
    let foreign = world.faults.on(Fault::RegistryForeignReferrers);
    let wanted = if foreign { None } else { Some(subject) };
    let mut store = lock(&world.registry.store);
    let Some(repository) = store.repositories.get(&call.repository) else {
        return Vec::new();
    };
    let found = repository.referrers(wanted);
    let found = found
        .into_iter()
        .map(|(digest, manifest)| hostile::descriptor(digest, manifest))
        .collect();
    hostile::entries(&world.faults, &mut store, &call.repository, subject, found)
}

/// `tags/list?n=&last=`, in lexical order.
pub(crate) fn tags(world: &World, call: &Call) -> Response {
    let store = lock(&world.registry.store);
    let Some(repository) = store.repositories.get(&call.repository) else {
        return error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    let profile = world.registry.profile;
    let asked = number(call, "n").unwrap_or(0);
    if profile.page_limit.is_some_and(|limit| asked > limit) {
        return error(400, "UNSUPPORTED", "the page is too large");
    }
    let all: Vec<_> = repository.tags.keys().cloned().collect();
    let (page, link) = if profile.opaque_pages {
        // A cursor made from a tag is refused, as the registry does that this is from.
        if param(&call.query, "last").is_some_and(|last| !last.starts_with('~')) {
            return error(405, "UNSUPPORTED", "the operation is unsupported");
        }
        opaque_page(call, &all)
    } else {
        named_page(call, all)
    };
    link_next(
        json_reply(200, &json!({"name": call.repository, "tags": page})),
        link,
    )
}

pub(crate) fn catalog(world: &World, call: &Call) -> Response {
    let all = lock(&world.registry.store)
        .repositories
        .keys()
        .cloned()
        .collect();
    let (page, link) = named_page(call, all);
    link_next(json_reply(200, &json!({"repositories": page})), link)
}

/// The names after `last`, at most `n`, and the address of the rest.
fn named_page(call: &Call, mut names: Vec<String>) -> (Vec<String>, Option<String>) {
    if let Some(last) = param(&call.query, "last") {
        names.retain(|name| *name > last);
    }
    let size = number(call, "n").unwrap_or(MAX_PAGE).min(MAX_PAGE);
    let more = names.len() > size;
    names.truncate(size);
    let link = names
        .last()
        .filter(|_| more)
        .map(|last| format!("{}?last={last}&n={size}", call.path));
    (names, link)
}

/// The same behind a cursor that says nothing.
fn opaque_page(call: &Call, names: &[String]) -> (Vec<String>, Option<String>) {
    let last = param(&call.query, "last").unwrap_or_default();
    let first = last
        .strip_prefix('~')
        .and_then(|at| at.parse().ok())
        .unwrap_or(0);
    let size = number(call, "n").unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let page: Vec<_> = names.iter().skip(first).take(size).cloned().collect();
    let next = first.saturating_add(size);
    let link = (next < names.len()).then(|| format!("{}?n={size}&last=~{next}", call.path));
    (page, link)
}

fn number(call: &Call, name: &str) -> Option<usize> {
    param(&call.query, name)?.parse().ok()
}

fn link_next(response: Response, link: Option<String>) -> Response {
    match link {
        Some(link) => with(response, header::LINK, &format!("<{link}>; rel=\"next\"")),
        None => response,
    }
}
