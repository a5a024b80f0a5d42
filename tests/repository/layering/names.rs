//! Checks names: no type is defined twice, and no name uses a private word of the project.

use std::collections::BTreeMap;

use super::breach::Breach;
use super::lexer::{Token, group_end};
use super::references::Resolver;
use super::source::{Crate, Source};

/// Types that may be defined several times.
const SHARED_NAMES: &[&str] = &[
    // The arguments of a command.
    "Args",
    // With the feature `jq` and without it.
    "JqProgram",
];

/// Words of the left column of the glossary's table of words.
const PRIVATE_WORDS: &[&str] = &[
    "bounds",
    "buried",
    "bury",
    "crew",
    "crowd",
    "door",
    "doorman",
    "hands",
    "house",
    "judge",
    "judged",
    "judgement",
    "judging",
    "lies",
    "mend",
    "place",
    "placed",
    "places",
    "refusal",
    "refusals",
    "refuse",
    "refused",
    "refuses",
    "shelf",
    "standing",
    "stands",
    "tell",
    "telling",
    "tells",
    "told",
    "turns",
    "word",
    "words",
];

/// Module names that do not say what is inside.
const EMPTY_NAMES: &[&str] = &[
    "common", "helpers", "manager", "misc", "types", "util", "utils",
];

/// A definition outside functions and implementations.
#[derive(Debug, PartialEq)]
struct Definition<'a> {
    name: &'a str,
    line: usize,
}

/// The types of a file.
fn types(code: &[Token]) -> Vec<Definition<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = code.get(at) {
        let is_type = ["struct", "enum", "union", "trait", "type"].map(|word| token.is_ident(word));
        let name = code.get(at + 1).and_then(Token::ident);
        if let (true, Some(name)) = (is_type.contains(&true), name) {
            found.push(Definition {
                name,
                line: token.line,
            });
        }
        // Associated types and types within functions are no types of the crate.
        let has_body = ["impl", "trait", "fn"].map(|word| token.is_ident(word));
        at = match has_body.contains(&true) {
            true => body_end(code, at),
            false => at + 1,
        };
    }
    found
}

/// The index after the body of an item, or after its `;`.
fn body_end(code: &[Token], start: usize) -> usize {
    let mut at = start;
    while let Some(token) = code.get(at) {
        if token.is_punct('{') {
            return group_end(code, at);
        }
        if token.is_punct(';') {
            return at + 1;
        }
        at = match token.is_punct('(') || token.is_punct('[') {
            true => group_end(code, at),
            false => at + 1,
        };
    }
    at
}

/// Checks that no two types of the workspace have one name.
pub fn check_types(crates: &[&Crate]) -> Vec<Breach> {
    let mut all: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let sources = crates.iter().flat_map(|sources| &sources.sources);
    for source in sources {
        for Definition { name, line } in types(&source.code) {
            let place = format!("{}:{line}", source.path);
            all.entry(name).or_default().push(place);
        }
    }
    all.retain(|name, places| places.len() > 1 && !SHARED_NAMES.contains(name));
    let breaches = all.into_iter().map(|(name, places)| {
        let key = format!("names: `{name}` is defined several times");
        Breach::new(key, places.join(", "))
    });
    breaches.collect()
}

/// Checks the words in names of types, public functions and files.
pub fn check_words(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut note = |name: &str, line: usize| {
        let words = words(name);
        for word in PRIVATE_WORDS
            .iter()
            .filter(|word| words.iter().any(|own| own == *word))
        {
            let key = format!("names: {}: `{word}` in `{name}`", source.path);
            breaches.push(Breach::new(key, format!("line {line}")));
        }
    };
    for Definition { name, line } in types(&source.code) {
        note(name, line);
    }
    for Definition { name, line } in public_functions(&source.code) {
        note(name, line);
    }
    if let Some(module) = source.module.last() {
        note(module, 1);
        if EMPTY_NAMES.contains(&module.as_str()) {
            let key = format!(
                "names: {}: `{module}` does not say what is inside",
                source.path
            );
            breaches.push(Breach::new(key, "line 1"));
        }
    }
    breaches
}

fn public_functions(code: &[Token]) -> Vec<Definition<'_>> {
    let mut found = Vec::new();
    for (at, token) in code
        .iter()
        .enumerate()
        .filter(|(_, token)| token.is_ident("pub"))
    {
        let mut next = at + 1;
        if code.get(next).is_some_and(|token| token.is_punct('(')) {
            next = group_end(code, next);
        }
        let qualifiers = ["const", "async", "unsafe"];
        while code
            .get(next)
            .is_some_and(|t| qualifiers.iter().any(|q| t.is_ident(q)))
        {
            next += 1;
        }
        let name = code.get(next + 1).and_then(Token::ident);
        if let (true, Some(name)) = (code.get(next).is_some_and(|t| t.is_ident("fn")), name) {
            found.push(Definition {
                name,
                line: token.line,
            });
        }
    }
    found
}

/// The words of a name in either case, in lower case. `help_desk` is one.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().expect("a word").extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Checks that a type's own methods are in the folder of the type: elsewhere, calling one would be an import
/// that nobody sees.
pub fn check_methods(sources: &Crate) -> Vec<Breach> {
    let resolver = Resolver::new(sources);
    let mut breaches = Vec::new();
    for source in &sources.sources {
        let own: Vec<&str> = types(&source.code).iter().map(|found| found.name).collect();
        for Definition { name, line } in inherent_impls(&source.code) {
            if own.contains(&name) {
                continue;
            }
            let Some(module) = resolver.module_of(source, name) else {
                continue;
            };
            // The folder of a type: that of its file, or of the files below it.
            let is_folder = sources
                .modules
                .iter()
                .any(|m| m.len() > module.len() && m.starts_with(&module));
            let length = module.len() - usize::from(!is_folder && !module.is_empty());
            if !source.module.starts_with(&module[..length]) {
                let key = format!("methods: {} has methods of `{name}`", source.path);
                breaches.push(Breach::new(key, format!("line {line}")));
            }
        }
    }
    breaches
}

/// The types of `impl Type { … }`; those of traits are left out.
fn inherent_impls(code: &[Token]) -> Vec<Definition<'_>> {
    let mut found = Vec::new();
    for (at, token) in code
        .iter()
        .enumerate()
        .filter(|(_, token)| token.is_ident("impl"))
    {
        // `impl Trait` in a type follows `:`, `>`, `(`, `,`, `&` or `=`.
        let starts_item = at == 0
            || ['}', ';', ']', '{']
                .iter()
                .any(|c| code[at - 1].is_punct(*c));
        let Some(open) = (at..code.len()).find(|open| code[*open].is_punct('{')) else {
            continue;
        };
        let head = &code[at + 1..open];
        if !starts_item || head.iter().any(|token| token.is_ident("for")) {
            continue;
        }
        // After the generic parameters, the last name of the path.
        let mut start = 0;
        if head.first().is_some_and(|token| token.is_punct('<')) {
            let mut depth = 0;
            for (position, token) in head.iter().enumerate() {
                depth += i32::from(token.is_punct('<')) - i32::from(token.is_punct('>'));
                if depth == 0 {
                    start = position + 1;
                    break;
                }
            }
        }
        let path = head[start..]
            .iter()
            .take_while(|token| !token.is_punct('<') && !token.is_ident("where"));
        if let Some(name) = path.filter_map(Token::ident).last() {
            found.push(Definition {
                name,
                line: token.line,
            });
        }
    }
    found
}
