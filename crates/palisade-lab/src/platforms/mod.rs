//! Stand-ins for the deploy platforms, each below its own path.

pub mod render;

use axum::Router;

/// What the stand-ins of one lab remember.
#[derive(Clone, Debug, Default)]
pub(crate) struct Platforms {
    pub(crate) render: render::State,
}

pub(crate) fn router(platforms: &Platforms) -> Router {
    Router::new().nest("/render", render::router(platforms.render.clone()))
}
