//! All measurements, and the report with tables and ratios.

use serde::Serialize;

use crate::engine::{Kind, Role};
use crate::load::{Cost, Costs, PARTS};
use crate::options::Options;
use crate::race::{Answers, Lane, Race};
use crate::table::{Table, bytes, rate, ratio, seconds, thousands};

#[derive(Serialize)]
pub struct Report {
    pub event_bytes: f64,
    pub events: usize,
    pub races: Vec<Race>,
    /// What another build matches, as a share of what it skips, by number of rules.
    pub before: Vec<(usize, Result<f64, String>)>,
    /// The cost of loading, by number of rules.
    pub loads: Vec<(usize, Costs)>,
}

impl Report {
    pub fn markdown(&self, options: &Options) -> String {
        let mut text = format!(
            "{} events of {:.0} bytes on average; the median of {} rounds, processor time of one thread.\n\n",
            thousands(self.events),
            self.event_bytes,
            options.rounds,
        );
        text.push_str(&self.rates(options));
        text.push_str(&self.notes());
        text.push_str(&self.ratios());
        text.push_str(&self.builds(options));
        text.push_str(&self.loading());
        text
    }

    fn head(&self, first: &str) -> Table {
        let sizes = self.races.iter().map(|race| thousands(race.rules));
        Table::new(std::iter::once(first.to_owned()).chain(sizes))
    }

    fn row(&self, title: &str, cell: impl Fn(&Race) -> Option<String>) -> Vec<String> {
        let cells = self
            .races
            .iter()
            .map(|race| cell(race).unwrap_or("–".to_owned()));
        std::iter::once(title.to_owned()).chain(cells).collect()
    }

    fn rates(&self, options: &Options) -> String {
        let mut table = self.head("events per second, by rules");
        for &kind in &options.engines {
            table.push(self.row(kind.title(), |race| {
                let (_, lane) = race.lanes.iter().find(|(lane, _)| *lane == kind)?;
                Some(lane.as_ref().map_or("fails".to_owned(), speed))
            }));
        }
        table.push(self.row("rules that match an event", |race| {
            Some(format!("{:.3}", race.matches))
        }));
        table.push(self.row("events checked against the loop", |race| {
            Some(thousands(race.checked))
        }));
        table.to_string()
    }

    /// Returns notes about failed builds and wrong results.
    fn notes(&self) -> String {
        let mut text = String::new();
        for race in &self.races {
            for (kind, lane) in &race.lanes {
                let rules = thousands(race.rules);
                let note = match lane {
                    Err(why) => why.clone(),
                    Ok(lane) => match &lane.answers {
                        Answers::Wrong { events, of, first } => {
                            format!("wrong on {events} of {of} events; {first}")
                        }
                        Answers::Right(_) | Answers::NotAsked => continue,
                    },
                };
                text.push_str(&format!("- {} at {rules} rules: {note}\n", kind.as_str()));
            }
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }

    fn ratios(&self) -> String {
        let mut table = self.head("flowtrigger, times");
        let ours = |race: &Race| race.lane(Kind::Ours).map(|lane| lane.rate);
        let against = |race: &Race, other: Kind| Some(ratio(ours(race)? / race.lane(other)?.rate));
        let best = |race: &Race, roles: &[Role]| {
            let (kind, rate) = race.best(roles)?;
            Some(format!("{} ({})", ratio(ours(race)? / rate), kind.as_str()))
        };
        table.push(self.row("the best peer", |race| best(race, &[Role::Peer])));
        table.push(self.row("the best, those helped by us included", |race| {
            best(race, &[Role::Peer, Role::HelpedPeer])
        }));
        table.push(self.row("the plain loop", |race| against(race, Kind::Loop)));
        table.push(self.row("skipping every value", |race| against(race, Kind::Skip)));
        table.push(self.row("parsing to `Value`", |race| against(race, Kind::ToValue)));
        table.push(self.row("the sketch", |race| against(race, Kind::Sketch)));
        if !self.before.is_empty() {
            table.push(
                self.row("skipping every value, in the build before", |race| {
                    let (_, share) = self.before.iter().find(|(size, _)| *size == race.rules)?;
                    Some(
                        share
                            .as_ref()
                            .map_or_else(String::clone, |share| ratio(*share)),
                    )
                }),
            );
        }
        let first = self.races.first().and_then(ours);
        table.push(
            self.row("cost of an event, against the fewest rules", |race| {
                Some(ratio(first? / ours(race)?))
            }),
        );
        table.to_string()
    }

    fn builds(&self, options: &Options) -> String {
        let mut table = self.head("time to build, memory a rule");
        let kinds = options.engines.iter().copied();
        let built = kinds.filter(|kind| match kind.role() {
            Role::Ours | Role::Peer | Role::HelpedPeer => true,
            // The rules of the plain loop are compiled already.
            Role::Reference | Role::Sketch | Role::Floor => false,
        });
        for kind in built {
            table.push(self.row(kind.title(), |race| {
                let cost = race.lane(kind)?.build?;
                Some(built_for(cost, race.rules))
            }));
        }
        table.to_string()
    }

    fn loading(&self) -> String {
        let sizes = self.loads.iter().map(|(size, _)| thousands(*size));
        let mut table = Table::new(
            std::iter::once("reading YAML: time, the most memory".to_owned()).chain(sizes),
        );
        for part in PARTS {
            let cells = self.loads.iter().map(|(_, costs)| {
                let found = costs.iter().find(|(word, _)| *word == part.as_str());
                match found {
                    Some((_, Ok(cost))) => {
                        format!("{}, {}", seconds(cost.seconds), bytes(cost.peak))
                    }
                    Some((_, Err(why))) => why.clone(),
                    None => "–".to_owned(),
                }
            });
            table.push(
                std::iter::once(part.title().to_owned())
                    .chain(cells)
                    .collect(),
            );
        }
        if self.loads.is_empty() {
            return String::new();
        }
        table.to_string()
    }
}

/// With few rules, the memory per rule is not meaningful.
fn built_for(cost: Cost, rules: usize) -> String {
    let time = seconds(cost.seconds);
    if rules < 1_000 {
        return time;
    }
    format!("{time}, {}", bytes(cost.bytes / rules as u64))
}

fn speed(lane: &Lane) -> String {
    match lane.answers {
        Answers::Right(_) | Answers::NotAsked => rate(lane.rate),
        Answers::Wrong { .. } => format!("{} (wrong)", rate(lane.rate)),
    }
}
