//! Texts that were lowered before, so that thousands of rules that say the same are compiled once and
//! keep it once. It refuses to speak for a text that was judged by anything but the fields of events:
//! variables, steps and tests differ from rule to rule.

use std::collections::HashMap;

use crate::language::event_fields::EventTypesKey;
use crate::language::names::ErrorScope;
use crate::language::resolver::NameResolver;
use crate::language::template::json::JsonTemplate;
use crate::language::template::{Escape, TemplateBody, TemplateSource};

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
pub struct TemplateCache {
    texts: HashMap<Form, HashMap<String, CachedTemplate>>,
    count: usize,
}

struct CachedTemplate {
    template: JsonTemplate,
    /// For events with these fields there is nothing to say about it.
    silent: Vec<EventTypesKey>,
}

/// Lowers a text unless that was done, with nothing to say, for the same fields.
pub fn once(
    source: &TemplateSource<'_>,
    form: Form,
    names: &mut NameResolver<'_>,
    lower: impl FnOnce(&TemplateSource<'_>, &mut NameResolver<'_>) -> Option<JsonTemplate>,
) -> Option<JsonTemplate> {
    let fields = match names.in_scope.error_scope {
        ErrorScope::None => names.fields.identity(),
        ErrorScope::RunDied | ErrorScope::StepFailed => None,
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

impl TemplateCache {
    fn get(&self, form: Form, text: &str) -> Option<&CachedTemplate> {
        self.texts.get(&form)?.get(text)
    }

    /// The template, or an equal one that is kept already.
    fn keep(
        &mut self,
        form: Form,
        text: &str,
        template: JsonTemplate,
        silent: Option<EventTypesKey>,
    ) -> JsonTemplate {
        let texts = self.texts.entry(form).or_default();
        if let Some(known) = texts.get_mut(text) {
            known.silent.extend(silent);
            return known.template.clone();
        }
        if self.count < MOST {
            self.count += 1;
            let lowered = CachedTemplate {
                template: template.clone(),
                silent: silent.into_iter().collect(),
            };
            texts.insert(text.to_owned(), lowered);
        }
        template
    }
}

fn reads_event_alone(template: &JsonTemplate) -> bool {
    match template {
        JsonTemplate::Value(_) => true,
        JsonTemplate::Field(path) => path.dotted().is_some(),
        JsonTemplate::Typed(typed) => typed.reads.is_of_event(),
        JsonTemplate::Text(text) => match &text.0.body {
            TemplateBody::Literal => true,
            TemplateBody::Rendered(reads) => reads.is_of_event(),
            TemplateBody::Filled(_) => false,
        },
        JsonTemplate::List(_) | JsonTemplate::Map(_) => false,
    }
}
