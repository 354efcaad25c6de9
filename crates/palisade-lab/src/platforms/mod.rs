//! Stand-ins for the deploy platforms, each below its own path.

pub mod render;

use axum::Router;

pub(crate) fn router() -> Router {
    Router::new().nest("/render", render::router(render::State::default()))
}
