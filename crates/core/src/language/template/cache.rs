//! Texts that were lowered before, so that thousands of rules that say the same are compiled once and
//! keep it once. It refuses to speak for a text that was judged by anything but the fields of events:
//! variables, steps and tests differ from rule to rule.

use std::collections::HashMap;

use crate::language::template::{Body, Escape, Source};
use crate::language::template::json::TreeTemplate;
use crate::language::names::Occasion;
use crate::language::event_fields::Identity;
use crate::language::resolver::NameResolver;

/// What a text is lowered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    Text(Escape),
    /// A leaf of a tree, which may keep the type of its value.
    Leaf,
}

/// Beyond it texts are lowered one by one: they are hardly the same then.
const MOST: usize = 10_000;

#[derive(Default)]
pub struct Sound {
    texts: HashMap<Form, HashMap<String, Lowered>>,
    count: usize,
}

struct Lowered {
    template: TreeTemplate,
    /// For events with these fields there is nothing to say about it.
    silent: Vec<Identity>,
}

/// Lowers a text unless that was done, with nothing to say, for the same fields.
pub fn once(
    source: &Source<'_>,
    form: Form,
    names: &mut NameResolver<'_>,
    lower: impl FnOnce(&Source<'_>, &mut NameResolver<'_>) -> Option<TreeTemplate>,
) -> Option<TreeTemplate> {
    let fields = match names.in_scope.error_scope {
        Occasion::Event => names.fields.identity(),
        Occasion::Death | Occasion::Failure => None,
    };
    // What the flow gave a name to is a field of the event elsewhere.
    let mut locals = names.in_scope.locals.iter();
    let named = locals.any(|local| source.text.contains(&local.name));
    let Some(fields) = fields.filter(|_| !named) else {
        return lower(source, names);
    };
    let known = names.interner.texts.get(form, &source.text);
    if let Some(known) = known.filter(|known| known.silent.contains(&fields)) {
        return Some(known.template.clone());
    }
    let said = names.diagnostics.count();
    names.in_scope.absence_excused = false;
    let template = lower(source, names)?;
    let silent = names.diagnostics.count() == said
        && !names.in_scope.absence_excused
        && reads_event_alone(&template);
    let silent = silent.then_some(fields);
    Some(
        names
            .interner
            .texts
            .keep(form, &source.text, template, silent),
    )
}

impl Sound {
    fn get(&self, form: Form, text: &str) -> Option<&Lowered> {
        self.texts.get(&form)?.get(text)
    }

    /// The template, or an equal one that is kept already.
    fn keep(
        &mut self,
        form: Form,
        text: &str,
        template: TreeTemplate,
        silent: Option<Identity>,
    ) -> TreeTemplate {
        let texts = self.texts.entry(form).or_default();
        if let Some(known) = texts.get_mut(text) {
            known.silent.extend(silent);
            return known.template.clone();
        }
        if self.count < MOST {
            self.count += 1;
            let lowered = Lowered {
                template: template.clone(),
                silent: silent.into_iter().collect(),
            };
            texts.insert(text.to_owned(), lowered);
        }
        template
    }
}

fn reads_event_alone(template: &TreeTemplate) -> bool {
    match template {
        TreeTemplate::Value(_) => true,
        TreeTemplate::Field(path) => path.dotted().is_some(),
        TreeTemplate::Typed(typed) => typed.reads.is_of_event(),
        TreeTemplate::Text(text) => match &text.0.body {
            Body::Literal => true,
            Body::Rendered(reads) => reads.is_of_event(),
            Body::Filled(_) => false,
        },
        TreeTemplate::List(_) | TreeTemplate::Map(_) => false,
    }
}
