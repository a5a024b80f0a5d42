//! A compiled program, with only the functions of jq whose result depends on the input alone.
//! Clock, environment, further inputs, other files and exiting are not available.

use std::sync::LazyLock;

use jaq_core::compile::Undefined;
use jaq_core::data::JustLut;
use jaq_core::load::lex::{self, Lexer};
use jaq_core::load::parse::{self, Def};
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::Fun;
use jaq_core::{Compiler, Ctx, Filter, Vars, unwrap_valr};
use jaq_json::{Val, read};
use serde_json::Value;

use crate::flow::jq::depth;
use crate::flow::jq::depth::{MAX_BRACKETS, MAX_OPERATORS};
use crate::flow::jq::suggest;
use crate::flow::jq::{JqError, MAX_PROGRAM_BYTES, result};

type Data = JustLut<Val>;

/// Functions of jq that jaq does not have.
const PRELUDE: &str = include_str!("prelude.jq");

/// The functions that are defined in jq itself.
static DEFINED: LazyLock<Vec<Def>> = LazyLock::new(|| {
    let library = jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs());
    let prelude = load::parse(PRELUDE, |parser| parser.defs()).expect("the prelude parses");
    let library = library.filter(|def| suggest::unsupported(def.name).is_none());
    library.chain(prelude).collect()
});

fn natives() -> impl Iterator<Item = Fun<Data>> {
    let natives = jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs());
    natives.filter(|(name, ..)| suggest::unsupported(name).is_none())
}

/// Every function with the number of its arguments.
pub(super) fn functions() -> impl Iterator<Item = (&'static str, usize)> {
    let defined = DEFINED.iter().map(|def| (def.name, def.args.len()));
    defined.chain(natives().map(|(name, arguments, _)| (name, arguments.len())))
}

/// A compiled program.
pub struct JqProgram(Filter<Data>);

impl JqProgram {
    pub fn compile(text: &str) -> Result<Self, JqError> {
        check_size(text)?;
        let arena = Arena::default();
        let loaded = Loader::new(DEFINED.iter().cloned()).load(
            &arena,
            File {
                code: text,
                path: (),
            },
        );
        let load_error = |errors: load::Errors<&str, ()>| {
            let first = errors.into_iter().next();
            first.map_or_else(|| unknown_error(text), |(_, error)| file_error(text, error))
        };
        let modules = loaded.map_err(load_error)?;
        load::import(&modules, |_| Err("it is another file".into())).map_err(load_error)?;
        let compiled = Compiler::default().with_funs(natives()).compile(modules);
        compiled.map(Self).map_err(|errors| {
            let mut errors = errors.into_iter().flat_map(|(_, errors)| errors);
            let first = errors.next();
            first.map_or_else(
                || unknown_error(text),
                |(name, what)| undefined(text, name, &what),
            )
        })
    }

    /// Runs the program on JSON text and returns its single result, or null without a result. The error
    /// continues "it failed: ". The caller must stop a program that does not terminate.
    pub fn run(&self, input: &str) -> Result<Value, String> {
        let input = read::parse_single(input.as_bytes());
        let input = input.map_err(|error| format!("its input is not JSON: {error}"))?;
        let context = Ctx::<Data>::new(&self.0.lut, Vars::new([]));
        let mut results = self.0.id.run((context, input)).map(unwrap_valr);
        let Some(first) = results.next() else {
            return Ok(Value::Null);
        };
        let first = first.map_err(|error| failure(error.to_string()))?;
        match results.next() {
            None => result::to_json(&first),
            Some(Err(error)) => Err(failure(error.to_string())),
            Some(Ok(_)) => Err(
                "it has several results, but a step has one; put brackets around it: `[ … ]`"
                    .into(),
            ),
        }
    }
}

impl std::fmt::Debug for JqProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Program")
    }
}

/// A failure with what to write instead.
fn failure(message: String) -> String {
    match suggest::for_failure(&message) {
        Some(hint) => format!("{message}; {hint}"),
        None => message,
    }
}

/// Checks size and depth, because the parser and the compiler recurse with the depth of the program.
fn check_size(text: &str) -> Result<(), JqError> {
    let error = |message: String, help: &str| JqError {
        range: 0..text.len(),
        message,
        help: help.into(),
    };
    let help = "split it into several steps";
    if text.len() > MAX_PROGRAM_BYTES {
        let message = format!(
            "this jq program has {} bytes, more than {MAX_PROGRAM_BYTES}",
            text.len()
        );
        return Err(error(message, help));
    }
    if depth::brackets(text) > MAX_BRACKETS {
        let message = format!("brackets and strings are nested more than {MAX_BRACKETS} deep");
        return Err(error(message, help));
    }
    let tokens = Lexer::new(text).lex().unwrap_or_default();
    if depth::operators(&tokens) > MAX_OPERATORS {
        let message = format!("more than {MAX_OPERATORS} operators in one bracket");
        return Err(error(
            message,
            "put brackets around parts of it, or split it into several steps",
        ));
    }
    Ok(())
}

fn file_error(text: &str, error: load::Error<&str>) -> JqError {
    match error {
        load::Error::Io(imports) => {
            let path = imports.first().map_or("", |(path, _)| path);
            JqError {
                range: range_of(text, path),
                message: format!(
                    "cannot import `{path}`: the jq program of a step has no other files"
                ),
                help: "define the functions that it needs before it: `def name: …;`".into(),
            }
        }
        load::Error::Lex(errors) => errors
            .first()
            .map_or_else(|| unknown_error(text), |error| lexical_error(text, error)),
        load::Error::Parse(errors) => errors
            .first()
            .map_or_else(|| unknown_error(text), |error| syntax_error(text, error)),
    }
}

fn lexical_error(text: &str, (expected, found): &lex::Error<&str>) -> JqError {
    if let lex::Expect::Delim(open) = expected {
        if let Some((at, quote)) = stray_quote(text, range_of(text, open).end) {
            return JqError {
                range: at..at + quote.len(),
                message: format!("unknown character `{quote}`"),
                help: suggest::for_character(quote).unwrap_or_default().into(),
            };
        }
        return JqError {
            range: range_of(text, open),
            message: format!("unclosed `{open}`"),
            help: format!("close it with `{}`", suggest::closing(open)),
        };
    }
    let start = range_of(text, found).start;
    let length = found.chars().next().map_or(0, char::len_utf8);
    let found = &found[..length];
    let help = suggest::for_character(found).unwrap_or("remove it, or put it into a string: \"…\"");
    let message = match (expected, found) {
        (_, "") => format!(
            "expected {}, found the end of the program",
            expected.as_str()
        ),
        (lex::Expect::Token, found) => format!("unknown character `{found}`"),
        (_, found) => format!("expected {}, found `{found}`", expected.as_str()),
    };
    JqError {
        range: start..start + length,
        message,
        help: help.into(),
    }
}

/// A quote that jq does not know, after this place and outside of strings. It hides the bracket that closes.
fn stray_quote(text: &str, from: usize) -> Option<(usize, &str)> {
    let mut in_string = false;
    let mut characters = text[from..].char_indices();
    while let Some((at, next)) = characters.next() {
        match next {
            '\\' if in_string => drop(characters.next()),
            '"' => in_string = !in_string,
            '#' if !in_string => return None,
            '\'' | '`' | '“' | '”' | '‘' | '’' if !in_string => {
                let at = from + at;
                return Some((at, &text[at..at + next.len_utf8()]));
            }
            _ => {}
        }
    }
    None
}

fn syntax_error(text: &str, (expected, found): &parse::Error<&str>) -> JqError {
    let expected = suggest::expected(expected);
    let message = match *found {
        "" => format!("expected {expected}, found the end of the program"),
        found => format!("expected {expected}, found `{}`", suggest::short(found)),
    };
    let range = range_of(text, found);
    let before = text[..range.start].trim_end();
    let token = match text[range.start..].starts_with("?//") {
        true => "?//",
        false => *found,
    };
    JqError {
        help: suggest::for_token(before, token).into(),
        range,
        message,
    }
}

fn undefined(text: &str, name: &str, what: &Undefined) -> JqError {
    let (message, help) = match what {
        Undefined::Filter(arguments) => {
            let range = range_of(text, name);
            let around = (&text[..range.start], &text[range.end..]);
            suggest::for_function(name, *arguments, around)
        }
        Undefined::Var => suggest::for_variable(name),
        other => (
            format!("unknown {} `{name}`", other.as_str()),
            "define it in the program".to_owned(),
        ),
    };
    JqError {
        range: range_of(text, name),
        message,
        help,
    }
}

/// The range of a part of the text.
fn range_of(text: &str, part: &str) -> std::ops::Range<usize> {
    let start = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize);
    match start.filter(|start| start + part.len() <= text.len()) {
        Some(start) => start..start + part.len(),
        None => 0..text.len(),
    }
}

fn unknown_error(text: &str) -> JqError {
    JqError {
        range: 0..text.len(),
        message: "this is not a jq program".into(),
        help: "try it on https://play.jqlang.org".into(),
    }
}
