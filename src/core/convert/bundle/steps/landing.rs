//! Where a state's result goes in the document, and what it sees of it.
//! It refuses to narrow the document, which steps do not have.

use super::{Obstacle, obstacle};
use crate::core::bundle::state::{Spot, State};
use crate::core::convert::bundle::scene::{Keys, keys};

/// Paths that narrow the document are left alone.
pub(super) fn plain_paths(state: &State) -> Result<(), Obstacle> {
    let narrow = |spot: &Option<Spot>| {
        let path = spot.as_ref().map(|spot| spot.path.as_deref());
        !matches!(path, None | Some(Some("$")))
    };
    match (narrow(&state.input), narrow(&state.output)) {
        (false, false) => Ok(()),
        (true, _) => Err(obstacle(state, "`InputPath` narrows what it sees".into())),
        (false, true) => Err(obstacle(
            state,
            "`OutputPath` narrows what follows sees".into(),
        )),
    }
}

/// Where its result goes; None for nowhere.
pub(super) fn result_of(state: &State) -> Result<Option<Keys>, Obstacle> {
    Ok(spot_keys(state, state.result.as_ref())?.unwrap_or(Some(Vec::new())))
}

/// The outer None where nothing is written, the inner one where null is.
pub(super) fn spot_keys(
    state: &State,
    spot: Option<&Spot>,
) -> Result<Option<Option<Keys>>, Obstacle> {
    let Some(spot) = spot else {
        return Ok(None);
    };
    let Some(path) = &spot.path else {
        return Ok(Some(None));
    };
    match keys(path) {
        Some(keys) => Ok(Some(Some(keys))),
        None => Err(obstacle(
            state,
            format!("`{path}` names more than one place"),
        )),
    }
}
