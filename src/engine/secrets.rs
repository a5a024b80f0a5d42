//! Which secrets the rules need, and where they are read.
//! It asks only for what a live rule would send: rules that never act need none.

use crate::action::secret::{Missing, Secrets};
use crate::core::flow::step::{Action, AuthTemplate, BodyTemplate, Exec, Http, Step};
use crate::core::rule::jobspec::Mode;
use crate::core::rule::template::{Template, TreeTemplate};

use super::Rulebook;

/// Reads the secrets of a rulebook, or tells of all that cannot be had.
pub fn load(rulebook: &Rulebook) -> Result<Secrets, Vec<Missing>> {
    let names = names(rulebook);
    let (secrets, missing) = Secrets::load(&rulebook.config.secrets, names.into_iter());
    match missing.is_empty() {
        true => Ok(secrets),
        false => Err(missing),
    }
}

/// The secrets that live rules name, sorted.
pub fn names(rulebook: &Rulebook) -> Vec<&str> {
    let live = rulebook.rules.rules.iter();
    let live = live.filter(|rule| rule.mode == Mode::Live);
    let steps = live.flat_map(|rule| rule.steps());
    let mut names: Vec<&str> = steps.flat_map(of_step).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The secrets that one step names, repeats included.
pub fn of_step(step: &Step) -> Vec<&str> {
    match &step.action {
        Action::Http(http) => of_http(http),
        Action::Exec(exec) => of_exec(exec),
        Action::Set(tree) => of_tree(tree),
        Action::Succeed(message) | Action::Fail(message) => {
            message.iter().flat_map(Template::secrets).collect()
        }
        Action::When(_) => Vec::new(),
    }
}

fn of_http(http: &Http) -> Vec<&str> {
    let mut names: Vec<&str> = http.url.secrets().collect();
    names.extend(of_pairs(&http.query));
    names.extend(of_pairs(&http.headers));
    match &http.body {
        Some(BodyTemplate::Json(tree)) => names.extend(of_tree(tree)),
        Some(BodyTemplate::Form(fields)) => names.extend(of_pairs(fields)),
        Some(BodyTemplate::Raw(text)) => names.extend(text.secrets()),
        None => {}
    }
    match &http.auth {
        Some(AuthTemplate::Bearer(token)) => names.extend(token.secrets()),
        Some(AuthTemplate::Basic { username, password }) => {
            names.extend(username.secrets().chain(password.secrets()));
        }
        Some(AuthTemplate::Header { value, .. }) => names.extend(value.secrets()),
        None => {}
    }
    names
}

fn of_exec(exec: &Exec) -> Vec<&str> {
    let texts = exec.argv.iter().chain(&exec.stdin);
    let mut names: Vec<&str> = texts.flat_map(Template::secrets).collect();
    names.extend(of_pairs(&exec.env));
    names
}

fn of_pairs(pairs: &[(String, Template)]) -> impl Iterator<Item = &str> {
    pairs.iter().flat_map(|(_, value)| value.secrets())
}

fn of_tree(tree: &TreeTemplate) -> Vec<&str> {
    tree.secrets()
}
