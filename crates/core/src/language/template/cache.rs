//! Caches lowered templates, so that thousands of rules with the same text share one.
//! A cached template is reused only if it reads nothing but fields of events: variables, steps and
//! tested paths differ by rule.

use std::collections::HashMap;

use crate::language::event_fields::EventTypesKey;
use crate::language::names::ErrorScope;
use crate::language::resolver::NameResolver;
use crate::language::template::json::JsonTemplate;
use crate::language::template::{Escape, TemplateBody, TemplateSource};

/// The form to which a text is lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    Text(Escape),
    /// A leaf of a JSON template, which may keep the type of its value.
    Leaf,
}

/// The number of cached templates. Later texts are lowered without the cache.
const CACHE_CAPACITY: usize = 10_000;

/// The cached templates, by form and text.
#[derive(Default)]
pub struct TemplateCache {
    texts: HashMap<Form, HashMap<String, CachedTemplate>>,
    count: usize,
}

struct CachedTemplate {
    template: JsonTemplate,
    /// The fields for which nothing was reported about the template.
    clean_for: Vec<EventTypesKey>,
}

/// Returns the cached template if nothing was reported about it for these fields; otherwise lowers the
/// text and caches the result.
pub fn lower_cached(
    source: &TemplateSource<'_>,
    form: Form,
    names: &mut NameResolver<'_>,
    lower: impl FnOnce(&TemplateSource<'_>, &mut NameResolver<'_>) -> Option<JsonTemplate>,
) -> Option<JsonTemplate> {
    let fields = match names.in_scope.error_scope {
        ErrorScope::None => names.fields.identity(),
        ErrorScope::RunDied | ErrorScope::Outage | ErrorScope::StepFailed => None,
    };
    // Without the local, the same name is a field of the event.
    let mut locals = names.in_scope.locals.iter();
    let may_read_local = locals.any(|local| source.text.contains(&local.name));
    let Some(fields) = fields.filter(|_| !may_read_local) else {
        return lower(source, names);
    };
    let known = names.interner.texts.get(form, &source.text);
    if let Some(known) = known.filter(|known| known.clean_for.contains(&fields)) {
        return Some(known.template.clone());
    }
    let reported = names.diagnostics.count();
    names.in_scope.absence_excused = false;
    let template = lower(source, names)?;
    let clean = names.diagnostics.count() == reported
        && !names.in_scope.absence_excused
        && reads_only_event(&template);
    let clean_for = clean.then_some(fields);
    let cache = &mut names.interner.texts;
    Some(cache.insert(form, &source.text, template, clean_for))
}

impl TemplateCache {
    fn get(&self, form: Form, text: &str) -> Option<&CachedTemplate> {
        self.texts.get(&form)?.get(text)
    }

    /// Adds a template, unless the cache is full. Returns the cached template of the same text if there is
    /// one, otherwise `template`.
    fn insert(
        &mut self,
        form: Form,
        text: &str,
        template: JsonTemplate,
        clean_for: Option<EventTypesKey>,
    ) -> JsonTemplate {
        let texts = self.texts.entry(form).or_default();
        if let Some(known) = texts.get_mut(text) {
            known.clean_for.extend(clean_for);
            return known.template.clone();
        }
        if self.count < CACHE_CAPACITY {
            self.count += 1;
            let cached = CachedTemplate {
                template: template.clone(),
                clean_for: clean_for.into_iter().collect(),
            };
            texts.insert(text.to_owned(), cached);
        }
        template
    }
}

fn reads_only_event(template: &JsonTemplate) -> bool {
    match template {
        JsonTemplate::Value(_) => true,
        JsonTemplate::Field(path) => path.dotted().is_some(),
        JsonTemplate::Typed(typed) => typed.reads.is_only_event(),
        JsonTemplate::Text(text) => match &text.0.body {
            TemplateBody::Literal => true,
            TemplateBody::Rendered(reads) => reads.is_only_event(),
            TemplateBody::Filled(_) => false,
        },
        JsonTemplate::List(_) | JsonTemplate::Map(_) => false,
    }
}
