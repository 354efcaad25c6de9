//! What sets the registries people use apart, one row each.
//!
//! A row holds only what a client can notice and what was seen or documented; anything else a
//! profile does is what the lab's own registry does.

use std::str::FromStr;

/// How one product's registry differs from the specification's plainest reading.
#[derive(Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent columns of a table"
)]
pub struct Profile {
    /// The name on the command line.
    pub name: &'static str,
    /// The product, and what is peculiar about it.
    pub about: &'static str,
    /// How a password is used, where there is one.
    pub login: Exchange,
    /// The status and words for authorization that has run out.
    pub expired: (u16, &'static str),
    /// How the referrers API is answered: there, or absent with this status.
    pub referrers: Result<(), u16>,
    /// Whether a pushed manifest's subject is confirmed in `OCI-Subject`.
    pub oci_subject: bool,
    /// Whether the next page of tags is behind a cursor that cannot be rebuilt from a tag.
    pub opaque_pages: bool,
    /// The largest page that may be asked for, when asking for more is an error.
    pub page_limit: Option<usize>,
    /// The largest manifest in bytes.
    pub max_manifest: usize,
    /// Whether media types with parameters (`;`) are refused inside manifests.
    pub plain_media_types: bool,
    /// Whether manifests have an `ETag`.
    pub etag: bool,
    /// Whether the answer to a pushed manifest says where it is.
    pub manifest_location: bool,
    /// Whether upload locations are absolute and carry state in their query.
    pub stateful_uploads: bool,
    /// The largest chunk of an upload, in bytes.
    pub max_chunk: Option<usize>,
    /// Whether blobs of other repositories can be mounted.
    pub mounts: bool,
    /// Headers that tell how much may still be asked.
    pub rate_limit: &'static [(&'static str, &'static str)],
}

/// How a password is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// Sent with every request.
    Basic,
    /// Exchanged for a token with GET.
    Token {
        /// The names under which the token is given.
        fields: &'static [&'static str],
        /// How long it is said to be good for, in seconds; not said at all with `None`.
        expires_in: Option<u32>,
        /// The status of an exchange by POST, as for identity tokens; 200 makes it.
        post: u16,
    },
}

const MIB: usize = 1 << 20;
const BOTH: &[&str] = &["token", "access_token"];
const EXPIRED: &str = "authentication required";
const TOKEN: Exchange = Exchange::Token {
    fields: BOTH,
    expires_in: Some(300),
    post: 404,
};

impl Profile {
    /// The lab's own registry: everything the specification allows.
    pub const LAB: &'static Profile = &Profile {
        name: "lab",
        about: "everything the distribution specification 1.1 has",
        login: TOKEN,
        expired: (401, EXPIRED),
        referrers: Ok(()),
        oci_subject: true,
        opaque_pages: false,
        page_limit: None,
        max_manifest: 4 * MIB,
        plain_media_types: false,
        etag: true,
        manifest_location: true,
        stateful_uploads: false,
        max_chunk: None,
        mounts: true,
        rate_limit: &[],
    };

    /// Every profile, in alphabetical order.
    pub const ALL: &'static [&'static Profile] = &[
        &Profile {
            name: "acr",
            about: "Azure Container Registry: identity tokens are exchanged by POST",
            login: Exchange::Token {
                fields: &["access_token"],
                expires_in: None,
                post: 200,
            },
            ..*Profile::LAB
        },
        &Profile {
            name: "distribution",
            about: "distribution 2.8 and 3: no referrers API; uploads carry state; Basic",
            login: Exchange::Basic,
            referrers: Err(404),
            oci_subject: false,
            stateful_uploads: true,
            ..*Profile::LAB
        },
        &Profile {
            name: "docker-hub",
            about: "Docker Hub: no referrers API; tells a rate limit; uploads carry state",
            referrers: Err(404),
            oci_subject: false,
            stateful_uploads: true,
            rate_limit: &[
                ("ratelimit-limit", "100;w=21600"),
                ("ratelimit-remaining", "76;w=21600"),
                ("docker-ratelimit-source", "192.0.2.1"),
            ],
            ..*Profile::LAB
        },
        &Profile {
            name: "ecr",
            about: "Amazon ECR: Basic; expiry is a 403; no Location, no `;` in media types",
            login: Exchange::Basic,
            expired: (
                403,
                "Your authorization token has expired. Reauthenticate and try again.",
            ),
            page_limit: Some(1_000),
            plain_media_types: true,
            manifest_location: false,
            ..*Profile::LAB
        },
        &Profile {
            name: "ecr-old",
            about: "Amazon ECR of 2023: OCI-Subject is sent though there is no referrers API",
            login: Exchange::Basic,
            referrers: Err(405),
            plain_media_types: true,
            manifest_location: false,
            ..*Profile::LAB
        },
        &Profile {
            name: "ecr-public",
            about: "Amazon ECR Public: expiry is a 400; opaque pages; no ETag",
            expired: (400, "Your Authorization Token has expired."),
            referrers: Err(404),
            oci_subject: false,
            opaque_pages: true,
            etag: false,
            ..*Profile::LAB
        },
        &Profile {
            name: "gar",
            about: "Google Artifact Registry: no exchange by POST; blobs are not shared",
            mounts: false,
            ..*Profile::LAB
        },
        &Profile {
            name: "ghcr",
            about: "GitHub Container Registry: no referrers API; chunks of 4 MiB at most",
            login: Exchange::Token {
                fields: &["token"],
                expires_in: None,
                post: 404,
            },
            referrers: Err(404),
            oci_subject: false,
            max_chunk: Some(4 * MIB),
            ..*Profile::LAB
        },
        &Profile {
            name: "harbor",
            about: "Harbor 2.8 and later: robot accounts buy tokens of half an hour",
            login: Exchange::Token {
                fields: BOTH,
                expires_in: Some(1_800),
                post: 404,
            },
            ..*Profile::LAB
        },
        Profile::LAB,
        &Profile {
            name: "quay",
            about: "Quay: did not confirm subjects though it lists referrers",
            login: Exchange::Token {
                fields: &["token"],
                expires_in: None,
                post: 404,
            },
            oci_subject: false,
            ..*Profile::LAB
        },
        &Profile {
            name: "zot",
            about: "zot: Basic; manifests of 4 MiB at most",
            login: Exchange::Basic,
            ..*Profile::LAB
        },
    ];
}

/// A name that no profile has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the lab plays no registry `{0}`")]
pub struct UnknownProfile(pub String);

impl FromStr for &'static Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        let found = Profile::ALL.iter().copied().find(|row| row.name == name);
        found.ok_or_else(|| UnknownProfile(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_read_back() {
        assert!(Profile::ALL.is_sorted_by(|a, b| a.name < b.name));
        for row in Profile::ALL {
            assert_eq!(row.name.parse(), Ok(*row));
        }
        let unknown = "hub".parse::<&Profile>();
        assert_eq!(unknown, Err(UnknownProfile("hub".to_owned())));
    }
}
