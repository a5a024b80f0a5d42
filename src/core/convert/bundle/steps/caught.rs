//! Failures that are caught: the way that they lead, and where it meets the other again.
//! It refuses to let anything be read behind that only one of the two ways left.

use serde_json::{Value, json};

use super::landing::spot_keys;
use super::{End, Obstacle, Place, Writer, merge, overlap};
use crate::core::bundle::state::{Catch, State};
use crate::core::convert::bundle::scene::Scene;
use crate::core::convert::clause::Clause;

impl<'b> Writer<'b, '_> {
    /// A step with what runs when it failed; where it goes on.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a failure stands in is all of this"
    )]
    pub(super) fn caught(
        &mut self,
        state: &'b State,
        name: &str,
        mut step: Value,
        catch: &'b Catch,
        next: Option<&'b str>,
        (before, after): (Scene, Scene),
        stop: Option<&'b str>,
        place: Place,
        list: &mut Vec<Value>,
    ) -> Result<Option<(&'b str, Scene)>, Obstacle> {
        let mut failed = before;
        let at = spot_keys(state, catch.result.as_ref())?.unwrap_or(Some(Vec::new()));
        if let Some(at) = at {
            failed.put_failure(&at);
        }
        let target = catch.next.text.as_str();
        let ways: Vec<&'b str> = next.into_iter().chain([target]).collect();
        let join = match next {
            Some(_) => self.graph.join(&ways, stop),
            None => {
                stop.filter(|stop| self.graph.join(&[target, target], Some(stop)) == Some(stop))
            }
        };
        let inner = match (join, place) {
            (None, Place::Outside) => Place::Outside,
            _ => Place::Inside,
        };
        let (mut caught, end) = self.chain(target, join, failed, inner)?;
        let End::On(failed) = end else {
            if caught.is_empty() {
                caught.push(json!({ "succeed": catch.next.text }));
            }
            step["catch"] = json!(caught);
            list.push(step);
            if next.is_none() && place == Place::Inside {
                list.push(json!({ "succeed": state.name.text }));
            }
            return Ok(next.map(|next| (next, after)));
        };
        // What the caught way leaves is kept in the step's own result, which is all that is seen of it.
        let (kept, failed) = self.keep(name, failed, &after, join);
        caught.push(json!({ "set": { "caught": kept } }));
        step["catch"] = json!(caught);
        let succeeded = match step.get("http") {
            Some(_) => json!({ "exists": true }),
            None => json!({ "exists": false }),
        };
        let field = match step.get("http") {
            Some(_) => format!("steps.{name}.status"),
            None => format!("steps.{name}.caught"),
        };
        list.push(step);
        let (Some(join), test) = (join, Clause::Test(field, succeeded)) else {
            return Ok(None);
        };
        let before = (failed.clone(), self.names.clone());
        let part = match next {
            Some(next) => self.chain(next, Some(join), after, Place::Inside)?,
            None => (vec![json!({ "succeed": state.name.text })], End::Over),
        };
        if let (true, End::On(after)) = (part.0.is_empty(), &part.1) {
            let same = after.differing(&[&failed]);
            let reads = self.graph.reads(join);
            let needed = same
                .iter()
                .any(|place| reads.iter().any(|read| overlap(read, place)));
            if !needed {
                let scene = merge::both(after, &failed);
                return Ok(Some((join, scene)));
            }
        }
        let chosen = self.name(&format!("after_{name}"));
        let branches = vec![(Some(test), part), (None, (Vec::new(), End::On(failed)))];
        let (choose, scene) = self.merged(&chosen, branches, Some(join), before);
        list.push(choose);
        Ok(Some((join, scene)))
    }
}
