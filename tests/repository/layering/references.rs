//! Finds what a source file refers to: every path in its code, resolved through `use` and re-exports to the
//! module that defines it.

use std::collections::BTreeMap;

use super::lexer::{Kind, Token, group_end};
use super::source::{Crate, Source};

/// A reference to a module of the same crate, or to another crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub line: usize,
    pub target: Target,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A module of the same crate, with the name in it if the path has one.
    Own(Vec<String>, Option<String>),
    /// A path that starts with the name of another crate.
    Crate(Vec<String>),
}

/// A path as it is written, with its line.
#[derive(Debug, Clone)]
struct Path {
    line: usize,
    /// How many inline modules the path is in.
    depth: usize,
    segments: Vec<String>,
}

/// The names that a file imports, with the whole path of each.
type Imports = BTreeMap<String, Vec<String>>;

/// Re-exports are followed this far.
const MAX_STEPS: usize = 8;

/// Resolves paths of one crate.
pub struct Resolver<'a> {
    sources: &'a Crate,
    imports: BTreeMap<&'a [String], Imports>,
}

impl<'a> Resolver<'a> {
    pub fn new(sources: &'a Crate) -> Self {
        let imports = sources.sources.iter().map(|source| {
            let uses = paths(&source.code).uses;
            let absolute = uses.into_iter().map(|import| {
                let whole = absolute(sources, source, &import.path);
                (import.name, whole)
            });
            (source.module.as_slice(), absolute.collect())
        });
        Self {
            sources,
            imports: imports.collect(),
        }
    }

    /// All references of a file that leave its module.
    pub fn references(&self, source: &Source) -> Vec<Reference> {
        let found = paths(&source.code);
        let uses = found.uses.into_iter().map(|import| import.path);
        let all = uses.chain(found.others).filter_map(|path| {
            let line = path.line;
            let target = self.target(source, &path)?;
            let is_self = matches!(&target, Target::Own(module, _) if *module == source.module);
            (!is_self).then_some(Reference { line, target })
        });
        all.collect()
    }

    /// The module of an item by the name that a file uses for it.
    pub fn module_of(&self, source: &Source, name: &str) -> Option<Vec<String>> {
        let imports = self.imports.get(source.module.as_slice())?;
        match self.resolve(imports.get(name)?)? {
            Target::Own(module, _) => Some(module),
            Target::Crate(_) => None,
        }
    }

    fn target(&self, source: &Source, path: &Path) -> Option<Target> {
        let first = path.segments.first()?.as_str();
        if ["crate", "self", "super"].contains(&first) || first == self.sources.name {
            return self.resolve(&absolute(self.sources, source, path));
        }
        // A name that the file imports, or a module that it declares.
        let imports = self.imports.get(source.module.as_slice())?;
        let start = match imports.get(first) {
            Some(start) => start.clone(),
            None => {
                let child = [source.module.as_slice(), &path.segments[..1]].concat();
                let start = [&["crate".to_owned()], child.as_slice()].concat();
                match self.sources.modules.contains(&child) {
                    true => start,
                    false => return Some(Target::Crate(path.segments.clone())),
                }
            }
        };
        self.resolve(&[&start, &path.segments[1..]].concat())
    }

    /// Follows an absolute path to the module that defines its item.
    fn resolve(&self, path: &[String]) -> Option<Target> {
        let mut path = path.to_vec();
        for _ in 0..MAX_STEPS {
            let (first, rest) = path.split_first()?;
            if first != "crate" {
                return Some(Target::Crate(path));
            }
            let modules = 0..=rest.len();
            let length = modules
                .rev()
                .find(|length| self.sources.modules.contains(&rest[..*length]))?;
            let (module, names) = rest.split_at(length);
            let next = names
                .first()
                .and_then(|name| self.imports.get(module)?.get(name));
            match next {
                Some(next) if !next.starts_with(&path) => path = [next, &names[1..]].concat(),
                Some(_) | None => {
                    return Some(Target::Own(module.to_vec(), names.first().cloned()));
                }
            }
        }
        None
    }
}

/// A path from the crate's root (`crate::…`) or from another crate.
fn absolute(sources: &Crate, source: &Source, path: &Path) -> Vec<String> {
    let krate = || "crate".to_owned();
    let mut segments = path.segments.as_slice();
    let mut module = source.module.clone();
    match segments.first().map(String::as_str) {
        Some("crate") => return segments.to_vec(),
        Some(name) if name == sources.name => {
            return [&[krate()], &segments[1..]].concat();
        }
        Some("self") => segments = &segments[1..],
        Some("super") => {
            // The first ones only leave inline modules.
            let mut inline = path.depth;
            while segments.first().is_some_and(|segment| segment == "super") {
                segments = &segments[1..];
                match inline {
                    0 => drop(module.pop()),
                    _ => inline -= 1,
                }
            }
        }
        Some(name) => {
            // A module that the file declares, or else another crate.
            let child = [module.as_slice(), &[name.to_owned()]].concat();
            if !sources.modules.contains(&child) {
                return segments.to_vec();
            }
        }
        None => {}
    }
    [&[krate()], module.as_slice(), segments].concat()
}

/// What `use` statements import, and all other paths.
#[derive(Default)]
struct Paths {
    uses: Vec<Import>,
    others: Vec<Path>,
}

struct Import {
    name: String,
    path: Path,
}

fn paths(code: &[Token]) -> Paths {
    let mut found = Paths::default();
    let (mut at, mut depth, mut inline) = (0, 0_usize, Vec::new());
    while at < code.len() {
        let token = &code[at];
        if token.is_ident("use") {
            let end = (at..code.len()).find(|end| code[*end].is_punct(';'));
            let end = end.unwrap_or(code.len());
            use_tree(&code[at + 1..end], &[], inline.len(), &mut found.uses);
            at = end;
        } else if token.is_ident("mod") && code.get(at + 2).is_some_and(|t| t.is_punct('{')) {
            inline.push(depth);
            at += 2;
        } else if let Some(segments) = path_at(code, at) {
            at += 3 * segments.len() - 2;
            let (line, depth) = (token.line, inline.len());
            found.others.push(Path {
                line,
                depth,
                segments,
            });
        } else {
            if token.is_punct('{') {
                depth += 1;
            } else if token.is_punct('}') {
                depth = depth.saturating_sub(1);
                if inline.last() == Some(&depth) {
                    inline.pop();
                }
            }
            at += 1;
        }
    }
    found
}

/// The segments of `a::b::c`, at least two of them.
fn path_at(code: &[Token], at: usize) -> Option<Vec<String>> {
    let mut segments = vec![code[at].ident()?.to_owned()];
    let is_colon = |at: usize| code.get(at).is_some_and(|token| token.is_punct(':'));
    // `.name::<T>()` and `'a::b` do not start a path.
    if at > 0 && (code[at - 1].is_punct('.') || (at > 1 && is_colon(at - 1) && is_colon(at - 2))) {
        return None;
    }
    let mut next = at + 1;
    while is_colon(next) && is_colon(next + 1) {
        let Some(name) = code.get(next + 2).and_then(Token::ident) else {
            break;
        };
        segments.push(name.to_owned());
        next += 3;
    }
    (segments.len() > 1).then_some(segments)
}

/// Collects the paths of a `use` tree below a prefix.
fn use_tree(tree: &[Token], prefix: &[String], depth: usize, uses: &mut Vec<Import>) {
    let mut segments = prefix.to_vec();
    let mut at = 0;
    while let Some(token) = tree.get(at) {
        match &token.kind {
            Kind::Ident(name) if name == "as" => break,
            Kind::Ident(name) => segments.push(name.clone()),
            Kind::Punct('{') => {
                let end = group_end(tree, at);
                for part in split(&tree[at + 1..end - 1]) {
                    use_tree(part, &segments, depth, uses);
                }
                return;
            }
            // The names that this imports are unknown; the module itself is referred to.
            Kind::Punct('*') => break,
            Kind::Punct(_) | Kind::Text(_) | Kind::Other => {}
        }
        at += 1;
    }
    let Some(line) = tree.first().map(|token| token.line) else {
        return;
    };
    // `use a::{self, b}` imports `a`.
    if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
        segments.pop();
    }
    let alias = tree.get(at + 1).and_then(Token::ident);
    let is_glob = tree.get(at).is_some_and(|token| token.is_punct('*'));
    let name = match alias {
        Some(alias) => alias.to_owned(),
        None if is_glob => "*".to_owned(),
        None => segments.last().cloned().unwrap_or_default(),
    };
    let path = Path {
        line,
        depth,
        segments,
    };
    uses.push(Import { name, path });
}

/// Splits the inside of braces at its commas.
fn split(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    while at < tokens.len() {
        match tokens[at].kind {
            Kind::Punct('{') => at = group_end(tokens, at),
            Kind::Punct(',') => {
                parts.push(&tokens[start..at]);
                at += 1;
                start = at;
            }
            Kind::Punct(_) | Kind::Ident(_) | Kind::Text(_) | Kind::Other => at += 1,
        }
    }
    parts.push(&tokens[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

#[test]
fn every_kind_of_path_is_resolved() {
    let files = [
        ("lib.rs", "pub mod a; pub mod b;"),
        ("a/mod.rs", "pub mod deep; pub use deep::Thing;"),
        ("a/deep.rs", "pub struct Thing;"),
        (
            "b/mod.rs",
            "use crate::{a::{self, deep as d}, b};
             use super::a::Thing;
             mod inner { use super::super::a::deep::Thing; fn f() { super::g() } }
             fn f() { a::deep::x(); d::y(); crate::a::z(); serde::w(); value.crate_name::<u8>() }",
        ),
    ];
    let sample = Crate::new("sample", "src", &files);
    let resolver = Resolver::new(&sample);
    let source = sample.source(&["b".to_owned()]).expect("b");
    let found = resolver.references(source).into_iter();
    let found: Vec<(usize, String)> = found
        .map(|reference| {
            let target = match reference.target {
                Target::Own(module, _) => module.join("::"),
                Target::Crate(path) => format!("extern {}", path.join("::")),
            };
            (reference.line, target)
        })
        .collect();
    let expected = [
        (1, "a"),
        (1, "a::deep"),
        (2, "a::deep"),
        (3, "a::deep"),
        (4, "a::deep"),
        (4, "a::deep"),
        (4, "a"),
        (4, "extern serde::w"),
    ];
    let expected: Vec<(usize, String)> = expected.map(|(l, t)| (l, t.to_owned())).into();
    assert_eq!(found, expected);
    let module = resolver.module_of(source, "Thing");
    assert_eq!(module, Some(vec!["a".to_owned(), "deep".to_owned()]));
}
