//! A stateful stand-in for Render's documented API.

use std::sync::Arc;

/// What the stand-in remembers; clones share one state.
#[derive(Clone, Debug, Default)]
pub struct State(Arc<()>);

/// The routes of the API, relative to where it is mounted.
pub fn router(state: State) -> axum::Router {
    let State(_inner) = state;
    axum::Router::new()
}
