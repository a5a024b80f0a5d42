//! The command-line options.

use crate::draw::event_type::{EventType, TYPES};
use crate::draw::rules::Kind as Rules;
use crate::engine::{self, Kind, Role};
use crate::load::Part;

pub const HELP: &str = "\
events per second, by engine and number of rules

  --sizes 10,1000        numbers of rules (default 10,100,1000,10000,100000)
  --engines ours,loop    engines; see `--engines help` (default: all that support the rules)
  --events 100000        number of generated events, used in a loop
  --seconds 2            CPU time per engine and size, over all rounds
  --rounds 5             number of rounds; the median counts
  --build-seconds 20     time limit for building another engine
  --seed 1               seed of the generated events and rules
  --one-type             all rules and all events are of one type
  --hard                 a third of the rules nested, negated, with substrings and unanchored patterns
  --before PROGRAM       another build of this program, to compare with
  --no-load              skip loading, which takes a minute at 100,000 rules
  --format markdown      or json
";

#[derive(Clone)]
pub struct Options {
    pub sizes: Vec<usize>,
    pub engines: Vec<Kind>,
    pub events: usize,
    pub seconds: f64,
    pub rounds: usize,
    pub build_seconds: u64,
    pub seed: u64,
    pub only: Option<&'static EventType>,
    pub rules: Rules,
    /// The program of another build.
    pub before: Option<String>,
    pub loading: Loading,
    pub format: Format,
    /// Build only this, print its cost and exit: each build is measured in a separate process.
    pub part: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Loading {
    Measured,
    LeftOut,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Markdown,
    Json,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sizes: vec![10, 100, 1_000, 10_000, 100_000],
            engines: Vec::new(),
            events: 100_000,
            seconds: 2.0,
            rounds: 5,
            build_seconds: 20,
            seed: 1,
            only: None,
            rules: Rules::Plain,
            before: None,
            loading: Loading::Measured,
            format: Format::Markdown,
            part: None,
        }
    }
}

impl Options {
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .ok_or(format!("`{word}` needs a value\n{HELP}"))
            };
            match word.as_str() {
                "--sizes" => options.sizes = list(&value()?, |size| size.parse().ok())?,
                "--engines" => options.engines = list(&value()?, Kind::named)?,
                "--events" => options.events = number(&value()?)?,
                "--seconds" => options.seconds = number(&value()?)?,
                "--rounds" => options.rounds = number(&value()?)?,
                "--build-seconds" => options.build_seconds = number(&value()?)?,
                "--seed" => options.seed = number(&value()?)?,
                "--one-type" => options.only = Some(&TYPES[0]),
                "--hard" => options.rules = Rules::Hard,
                "--before" => options.before = Some(value()?),
                "--no-load" => options.loading = Loading::LeftOut,
                "--format" => options.format = format(&value()?)?,
                "--part" => options.part = Some(Part::named(&value()?).ok_or(HELP)?),
                // `cargo bench` adds it.
                "--bench" => {}
                _ => return Err(format!("`{word}` is no option\n{HELP}")),
            }
        }
        if options.engines.is_empty() {
            options.engines = able(options.rules);
        }
        Ok(options)
    }

    /// Returns the arguments for another process with the same options.
    pub fn describe(&self, part: Part, size: usize) -> Vec<String> {
        let mut words = vec![
            "--part".to_owned(),
            part.as_str().to_owned(),
            "--sizes".to_owned(),
            size.to_string(),
            "--seed".to_owned(),
            self.seed.to_string(),
            "--build-seconds".to_owned(),
            self.build_seconds.to_string(),
        ];
        words.extend(self.rule_options().map(str::to_owned));
        words
    }

    /// Returns the options for the same kind of rules and events.
    pub fn rule_options(&self) -> impl Iterator<Item = &'static str> {
        let one_type = self.only.map(|_| "--one-type");
        let hard = (self.rules == Rules::Hard).then_some("--hard");
        one_type.into_iter().chain(hard)
    }
}

/// Returns the engines that support a kind of rules, except those with known wrong results.
fn able(rules: Rules) -> Vec<Kind> {
    let able = engine::ALL
        .iter()
        .copied()
        .filter(|kind| match kind.role() {
            Role::Ours | Role::Reference | Role::Floor => true,
            // Known wrong results: measured only if named.
            Role::Peer | Role::HelpedPeer | Role::Sketch => {
                rules == Rules::Plain && *kind != Kind::QuaminaOwnRanges
            }
        });
    able.collect()
}

fn list<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    let known: Vec<&str> = engine::ALL.iter().map(|kind| kind.as_str()).collect();
    let items = text.split(',').map(|item| {
        let refusal = format!(
            "`{item}` is not known\n{HELP}\nengines: {}",
            known.join(", ")
        );
        read(item).ok_or(refusal)
    });
    items.collect()
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no number\n{HELP}"))
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "markdown" => Ok(Format::Markdown),
        "json" => Ok(Format::Json),
        _ => Err(format!("`{text}` is no format\n{HELP}")),
    }
}
