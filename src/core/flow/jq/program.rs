//! A program read and compiled, with the functions of jq that give the same answer every time.
//! It refuses clock, environment, further inputs, other files and ways to end the program that runs it.

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

use super::depth::{self, BRACKETS, OPERATORS};
use super::words;
use super::{LONGEST, Mistake, result};

type Data = JustLut<Val>;

/// Functions of jq that the library lacks.
const MORE: &str = include_str!("more.jq");

/// The functions that are written in jq itself.
static DEFINED: LazyLock<Vec<Def>> = LazyLock::new(|| {
    let theirs = jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs());
    let more = load::parse(MORE, |parser| parser.defs()).expect("more.jq is a sound program");
    let theirs = theirs.filter(|def| words::refused(def.name).is_none());
    theirs.chain(more).collect()
});

fn natives() -> impl Iterator<Item = Fun<Data>> {
    let natives = jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs());
    natives.filter(|(name, ..)| words::refused(name).is_none())
}

/// Every function with the number of its arguments.
pub(super) fn functions() -> impl Iterator<Item = (&'static str, usize)> {
    let defined = DEFINED.iter().map(|def| (def.name, def.args.len()));
    defined.chain(natives().map(|(name, arguments, _)| (name, arguments.len())))
}

/// A sound program.
pub struct Program(Filter<Data>);

impl Program {
    pub fn compile(text: &str) -> Result<Self, Mistake> {
        shallow(text)?;
        let arena = Arena::default();
        let loaded = Loader::new(DEFINED.iter().cloned()).load(
            &arena,
            File {
                code: text,
                path: (),
            },
        );
        let unloaded = |errors: load::Errors<&str, ()>| {
            let first = errors.into_iter().next();
            first.map_or_else(|| unsure(text), |(_, error)| unread(text, error))
        };
        let modules = loaded.map_err(unloaded)?;
        load::import(&modules, |_| Err("it is another file".into())).map_err(unloaded)?;
        let compiled = Compiler::default().with_funs(natives()).compile(modules);
        compiled.map(Self).map_err(|errors| {
            let mut errors = errors.into_iter().flat_map(|(_, errors)| errors);
            let first = errors.next();
            first.map_or_else(|| unsure(text), |(name, what)| undefined(text, name, &what))
        })
    }

    /// What it makes of a text of JSON: its one result, null where it gives none. The error is a
    /// fragment behind "it failed: ". Nothing here ends a program that does not end.
    pub fn run(&self, input: &str) -> Result<Value, String> {
        let input = read::parse_single(input.as_bytes());
        let input = input.map_err(|error| format!("its input is no JSON: {error}"))?;
        let context = Ctx::<Data>::new(&self.0.lut, Vars::new([]));
        let mut results = self.0.id.run((context, input)).map(unwrap_valr);
        let Some(first) = results.next() else {
            return Ok(Value::Null);
        };
        let first = first.map_err(|error| error.to_string())?;
        match results.next() {
            None => result::to_json(&first),
            Some(Err(error)) => Err(error.to_string()),
            Some(Ok(_)) => Err(
                "it gives several results and a step has one; put brackets around it: `[ … ]`"
                    .into(),
            ),
        }
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Program")
    }
}

/// Whether reading it is sure to end well: the parser and the compiler go down with the program.
fn shallow(text: &str) -> Result<(), Mistake> {
    let too = |message: String, help: &str| Mistake {
        range: 0..text.len(),
        message,
        help: help.into(),
    };
    let help = "split it into several steps";
    if text.len() > LONGEST {
        let message = format!(
            "this jq program has {} bytes, more than {LONGEST}",
            text.len()
        );
        return Err(too(message, help));
    }
    if depth::brackets(text) > BRACKETS {
        let message = format!("brackets and texts stand more than {BRACKETS} deep in each other");
        return Err(too(message, help));
    }
    let tokens = Lexer::new(text).lex().unwrap_or_default();
    if depth::operators(&tokens) > OPERATORS {
        let message = format!("more than {OPERATORS} operators follow each other in one bracket");
        return Err(too(
            message,
            "put brackets around parts of it, or split it into several steps",
        ));
    }
    Ok(())
}

fn unread(text: &str, error: load::Error<&str>) -> Mistake {
    match error {
        load::Error::Io(imports) => {
            let path = imports.first().map_or("", |(path, _)| path);
            Mistake {
                range: place(text, path),
                message: format!(
                    "`{path}` cannot be imported: a jq program of a step stands alone"
                ),
                help: "define what it needs in front of it: `def name: …;`".into(),
            }
        }
        load::Error::Lex(errors) => errors
            .first()
            .map_or_else(|| unsure(text), |error| unlexed(text, error)),
        load::Error::Parse(errors) => errors
            .first()
            .map_or_else(|| unsure(text), |error| unparsed(text, error)),
    }
}

fn unlexed(text: &str, (wanted, found): &lex::Error<&str>) -> Mistake {
    if let lex::Expect::Delim(open) = wanted {
        return Mistake {
            range: place(text, open),
            message: format!("this `{open}` is not closed"),
            help: format!("close it with `{}`", words::closing(open)),
        };
    }
    let start = place(text, found).start;
    let length = found.chars().next().map_or(0, char::len_utf8);
    let found = &found[..length];
    let help = words::for_character(found).unwrap_or("take it out, or put it into a text: \"…\"");
    let message = match (wanted, found) {
        (_, "") => format!("the program ends where {} belongs", wanted.as_str()),
        (lex::Expect::Token, found) => format!("`{found}` means nothing in jq"),
        (_, found) => format!("expected {}, found `{found}`", wanted.as_str()),
    };
    Mistake {
        range: start..start + length,
        message,
        help: help.into(),
    }
}

fn unparsed(text: &str, (wanted, found): &parse::Error<&str>) -> Mistake {
    let wanted = words::wanted(wanted);
    let message = match *found {
        "" => format!("the program ends where {wanted} belongs"),
        found => format!("expected {wanted}, found `{}`", words::short(found)),
    };
    let range = place(text, found);
    let before = text[..range.start].trim_end();
    Mistake {
        help: words::for_token(before, found).into(),
        range,
        message,
    }
}

fn undefined(text: &str, name: &str, what: &Undefined) -> Mistake {
    let (message, help) = match what {
        Undefined::Filter(arguments) => words::for_function(name, *arguments),
        Undefined::Var => words::for_variable(name),
        other => (
            format!("there is no {} `{name}`", other.as_str()),
            "define it in the program".to_owned(),
        ),
    };
    Mistake {
        range: place(text, name),
        message,
        help,
    }
}

/// Where a part of the text stands in it.
fn place(text: &str, part: &str) -> std::ops::Range<usize> {
    let start = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize);
    match start.filter(|start| start + part.len() <= text.len()) {
        Some(start) => start..start + part.len(),
        None => 0..text.len(),
    }
}

fn unsure(text: &str) -> Mistake {
    Mistake {
        range: 0..text.len(),
        message: "this is no jq program".into(),
        help: "try it on https://play.jqlang.org".into(),
    }
}
