//! The named bounds on everything that comes from outside. Each has its own error text.

use std::time::Duration;

/// A manifest or an index, in bytes (the portable limit; zot enforces exactly this).
pub const MANIFEST: u64 = 4 << 20;
/// A token answer or an error body, in bytes.
pub const SMALL_BODY: u64 = 64 << 10;
/// An image configuration, in bytes.
pub const CONFIG: u64 = 4 << 20;
/// One attached Sigstore bundle, in bytes.
pub const BUNDLE: u64 = 32 << 20;
/// All bundles of one image together, in bytes.
pub const BUNDLES_TOTAL: u64 = 256 << 20;
/// Bundles of all images that one run holds at a time, in bytes. Twice the most of one image.
pub const BUNDLES_HELD: u64 = 2 * BUNDLES_TOTAL;
/// Bundle layers read from one attached manifest.
pub const BUNDLES_PER_MANIFEST: usize = 16;
/// Different referrers of one image.
pub const REFERRERS: usize = 1_000;
/// Pages of one list.
pub const PAGES: usize = 20;
/// Tags of one repository.
pub const TAGS: usize = 100_000;
/// Entries of an image index.
pub const CHILDREN: usize = 1_000;
/// Layers of one image manifest.
pub const LAYERS: usize = 1_000;
/// Redirects followed for one request.
pub const REDIRECTS: usize = 5;
/// Documents asked of one server at once, unless a client is told otherwise. Measured with 500
/// attachments at 50 ms a round trip, two requests each, on two busy cores, unoptimised: 8 take 7.2 s,
/// 16 take 4.0 s, 32 take 2.1 s, 48 take 1.5 s, 64 take 1.3 s.
pub const CONCURRENCY: usize = 48;
/// Attempts for one request, the first included.
pub const ATTEMPTS: u32 = 5;
/// Characters kept of what a server says.
pub const SERVER_WORDS: usize = 300;
/// All layers of one image after decompression, in bytes.
pub const UNPACKED: u64 = 16 << 30;
/// Files and folders in all layers of one image.
pub const ENTRIES: u64 = 2_000_000;
/// A name inside a layer, in bytes.
pub const ENTRY_NAME: u64 = 64 << 10;
/// File contents kept of one image, in bytes.
pub const KEPT: u64 = 1 << 30;
/// A Docker or Podman credential file, and a credential helper's answer, in bytes.
pub const CREDENTIALS: u64 = 1 << 20;
/// How long a credential helper may take.
pub const HELPER_TIME: Duration = Duration::from_secs(20);
/// How long a connection may stay silent.
pub const IDLE: Duration = Duration::from_mins(1);
/// The slowest transfer of a large blob we accept, in bytes per second.
pub const SLOWEST: u64 = 64 << 10;
/// How long we wait for a registry to show what was attached, unless the deadline is shorter.
pub const LISTED_WITHIN: Duration = Duration::from_secs(30);
/// Manifests remembered within one run, in bytes.
pub const MANIFEST_CACHE: u64 = 32 << 20;
/// A file of certificates or a key in PEM, in bytes.
pub const PEM: u64 = 4 << 20;
/// What the content cache is kept near, in bytes, and how many files it may have.
pub const CONTENT_CACHE: u64 = 512 << 20;
/// See [`CONTENT_CACHE`].
pub const CACHED_FILES: usize = 50_000;
/// The largest content kept in the content cache, in bytes: any bundle.
pub const CACHED: u64 = BUNDLE;
