//! What the stand-in demands of a request's body, after Render's schema.

use serde_json::{Map, Value};

use super::service::{Service, normalise, repository};

/// The fields of `CreateDeployRequest`.
const CREATE: [&str; 5] = [
    "artifactId",
    "clearCache",
    "commitId",
    "deployMode",
    "imageUrl",
];
/// The fields of `UpdateServiceRequest`.
const UPDATE: [&str; 13] = [
    "artifactId",
    "artifactSourceId",
    "autoDeploy",
    "autoDeployTrigger",
    "branch",
    "buildFilter",
    "image",
    "name",
    "repo",
    "rootDir",
    "serviceDetails",
    "maintenanceMode",
    "previews",
];

/// The image to deploy: `imageUrl`, else the one the service is set to.
pub(super) fn image_to_deploy(body: &[u8], service: &Service) -> Result<String, String> {
    let body = object(body, &CREATE)?;
    let Some(image) = body.get("imageUrl") else {
        return Ok(service.image.clone());
    };
    let image = text(image, "imageUrl")?;
    if let Some(other) = body.keys().find(|key| *key != "imageUrl") {
        return Err(format!("{other} cannot be used together with imageUrl"));
    }
    let image = normalise(image);
    if repository(&image) != repository(&service.image) {
        return Err("imageUrl must have the host, repository and name of the service".to_owned());
    }
    Ok(image)
}

/// An image to set, and the id of the credential to pull it with.
pub(super) type ImageToSet = (String, Option<String>);

/// The image to set, when the update names one.
pub(super) fn image_to_set(body: &[u8], service: &Service) -> Result<Option<ImageToSet>, String> {
    let body = object(body, &UPDATE)?;
    let Some(image) = body.get("image") else {
        return Ok(None);
    };
    let image = image.as_object().ok_or("image must be an object")?;
    let owner = text(
        image.get("ownerId").unwrap_or(&Value::Null),
        "image.ownerId",
    )?;
    let path = text(
        image.get("imagePath").unwrap_or(&Value::Null),
        "image.imagePath",
    )?;
    if owner != service.owner {
        return Err("image.ownerId is not the owner of the service".to_owned());
    }
    let credential = image.get("registryCredentialId");
    let credential = credential
        .map(|id| text(id, "image.registryCredentialId"))
        .transpose()?;
    Ok(Some((path.to_owned(), credential.map(str::to_owned))))
}

fn object(body: &[u8], known: &[&str]) -> Result<Map<String, Value>, String> {
    let value = serde_json::from_slice(body).map_err(|error| format!("invalid JSON: {error}"))?;
    let Value::Object(object) = value else {
        return Err("the body must be an object".to_owned());
    };
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(format!("unknown field {unknown}")),
        None => Ok(object),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(format!("{name} must be a string that is not empty")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Service {
        Service::new("srv-a", "tea-a", "ghcr.io/acme/app:1", "dep-a".to_owned())
    }

    #[test]
    fn an_image_of_the_service_s_repository_is_deployed_and_another_is_not() {
        let deploy = |body: &str| image_to_deploy(body.as_bytes(), &service());
        let pinned = r#"{"imageUrl":"ghcr.io/acme/app@sha256:00"}"#;
        assert_eq!(deploy(pinned).as_deref(), Ok("ghcr.io/acme/app@sha256:00"));
        assert_eq!(deploy("{}").as_deref(), Ok("ghcr.io/acme/app:1"));
        for bad in [
            r#"{"imageUrl":"ghcr.io/acme/other@sha256:00"}"#,
            r#"{"imageUrl":"ghcr.io/acme/app@sha256:00","clearCache":"clear"}"#,
            r#"{"imageUrl":1}"#,
            r#"{"imageURL":"ghcr.io/acme/app@sha256:00"}"#,
            "[]",
            "",
        ] {
            assert!(deploy(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_update_needs_owner_and_path_and_the_right_owner() {
        let set = |body: &str| image_to_set(body.as_bytes(), &service());
        let good = r#"{"image":{"ownerId":"tea-a","imagePath":"ghcr.io/acme/app:2"}}"#;
        assert_eq!(set(good), Ok(Some(("ghcr.io/acme/app:2".to_owned(), None))));
        for bad in [
            r#"{"image":{"imagePath":"ghcr.io/acme/app:2"}}"#,
            r#"{"image":{"ownerId":"tea-a"}}"#,
            r#"{"image":{"ownerId":"tea-b","imagePath":"ghcr.io/acme/app:2"}}"#,
            r#"{"imagePath":"ghcr.io/acme/app:2"}"#,
        ] {
            assert!(set(bad).is_err(), "{bad}");
        }
    }
}
