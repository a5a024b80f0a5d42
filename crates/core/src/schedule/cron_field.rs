//! One field of a cron expression: numbers, names, ranges, lists and steps.

/// The allowed numbers of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CronField {
    bits: u64,
    /// Whether it is written as `*` or `*/N`.
    pub(super) starts_with_star: bool,
}

/// What is wrong with a cron expression, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronMistake {
    pub message: String,
    pub help: String,
}

/// The numbers and names of one of the five fields.
pub(super) struct FieldRange {
    /// `minutes`.
    name: &'static str,
    first: u8,
    last: u8,
    /// The names of the numbers from `first` on.
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const fn range(
    name: &'static str,
    first: u8,
    last: u8,
    names: &'static [&'static str],
) -> FieldRange {
    FieldRange {
        name,
        first,
        last,
        names,
    }
}

pub(super) const FIELDS: [FieldRange; 5] = [
    range("minutes", 0, 59, &[]),
    range("hours", 0, 23, &[]),
    range("days of the month", 1, 31, &[]),
    range("months", 1, 12, MONTHS),
    // Sunday is 0 and 7.
    range("days of the week", 0, 7, WEEKDAYS),
];

impl CronField {
    pub(super) fn has(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| {
            self.bits
                .checked_shr(number)
                .is_some_and(|bits| bits & 1 == 1)
        })
    }

    /// The first number from `from` on.
    pub(super) fn first_from(self, from: i8) -> Option<i8> {
        let from = u32::try_from(from).ok()?;
        let rest = self.bits.checked_shr(from).unwrap_or_default();
        let found = (rest != 0).then(|| from + rest.trailing_zeros())?;
        i8::try_from(found).ok()
    }

    /// With 7 as another number of Sunday.
    pub(super) fn with_sunday(self) -> Self {
        let sunday = self.bits >> 7 & 1;
        Self {
            bits: (self.bits | sunday) & 0x7f,
            ..self
        }
    }
}

impl FieldRange {
    pub fn parse(&self, text: &str) -> Result<CronField, CronMistake> {
        let mut bits = 0;
        for part in text.split(',') {
            bits |= self.part(part)?;
        }
        Ok(CronField {
            bits,
            starts_with_star: text.starts_with(['*', '?']),
        })
    }

    /// The bits of `5`, `1-5`, `*`, `*/15` or `1-31/2`.
    fn part(&self, text: &str) -> Result<u64, CronMistake> {
        let (numbers, step) = match text.split_once('/') {
            Some((numbers, step)) => (numbers, Some(self.step(step)?)),
            None => (text, None),
        };
        let (from, to) = match (numbers, numbers.split_once('-')) {
            ("*" | "?", _) => (self.first, self.star_last()),
            (_, Some((from, to))) => self.span(from, to)?,
            (_, None) => {
                let number = self.number(numbers)?;
                match step {
                    // As `5/15` is read by most programs: from 5 on.
                    Some(_) => (number, self.star_last()),
                    None => (number, number),
                }
            }
        };
        let numbers = (from..=to).step_by(step.unwrap_or(1));
        Ok(numbers.fold(0, |bits, number| bits | 1 << number))
    }

    fn span(&self, from: &str, to: &str) -> Result<(u8, u8), CronMistake> {
        let (first, mut last) = (self.number(from)?, self.number(to)?);
        if last == 0 && first > 0 && self.last == 7 {
            // `fri-sun`.
            last = 7;
        }
        if first > last {
            let message = format!(
                "`{from}-{to}` goes backwards in the field for {}",
                self.name
            );
            let help = format!(
                "write two ranges: `{from}-{},{}-{to}`",
                self.shown(self.star_last()),
                self.shown(self.first)
            );
            return Err(CronMistake { message, help });
        }
        Ok((first, last))
    }

    fn step(&self, text: &str) -> Result<usize, CronMistake> {
        let step = text.parse().ok();
        let step = step.filter(|step| (1..=usize::from(self.last)).contains(step));
        step.ok_or_else(|| CronMistake {
            message: format!("`/{text}` is not a step of {}", self.name),
            help: format!("write a number from 1 to {} after the `/`", self.last),
        })
    }

    fn number(&self, text: &str) -> Result<u8, CronMistake> {
        let lower = text.to_ascii_lowercase();
        let name = self.names.iter().position(|name| *name == lower);
        let named = name.and_then(|index| u8::try_from(index).ok());
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = match named {
            Some(index) => Some(self.first + index),
            None => text.parse().ok().filter(|_| digits),
        };
        let number = number.filter(|number| (self.first..=self.last).contains(number));
        number.ok_or_else(|| self.unknown(text))
    }

    fn unknown(&self, text: &str) -> CronMistake {
        let help = match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => format!(
                "write a number from {} to {}, or a name from `{first}` to `{last}`",
                self.first, self.last
            ),
            _ => format!(
                "write a number from {} to {}, a range such as `{}-{}`, or `*`",
                self.first,
                self.last,
                self.first,
                self.first + 4
            ),
        };
        CronMistake {
            message: match text {
                "" => format!("a number is missing in the field for {}", self.name),
                text => format!("`{text}` is not one of the {}", self.name),
            },
            help,
        }
    }

    /// The last number that `*` covers: Sunday is covered as 0.
    fn star_last(&self) -> u8 {
        match self.last {
            7 => 6,
            last => last,
        }
    }

    fn shown(&self, number: u8) -> String {
        let index = usize::from(number - self.first);
        let name = self.names.get(index);
        name.map_or_else(|| number.to_string(), |name| (*name).to_owned())
    }
}

impl CronMistake {
    /// The mistake of an expression that does not have five fields.
    pub(super) fn count(fields: &[&str]) -> Self {
        let message = match fields {
            [one] if one.starts_with(|first: char| first.is_ascii_digit()) => {
                return Self::duration(one);
            }
            [] => "the cron expression is empty".to_owned(),
            fields => format!("a cron expression has five fields, found {}", fields.len()),
        };
        let help = match fields {
            [_, rest @ .., _] if rest.len() == 4 => format!(
                "remove the seconds, because rules tick once a minute at most: `{}`",
                fields[1..].join(" ")
            ),
            _ => {
                "write minute, hour, day of the month, month and day of the week: `0 9 * * mon-fri`"
                    .to_owned()
            }
        };
        Self { message, help }
    }

    fn duration(text: &str) -> Self {
        let minutes = text
            .strip_suffix('m')
            .and_then(|text| text.parse::<u32>().ok());
        let hours = text
            .strip_suffix('h')
            .and_then(|text| text.parse::<u32>().ok());
        let cron = match (minutes, hours) {
            (Some(minutes @ 1..60), _) => format!("*/{minutes} * * * *"),
            (_, Some(1)) => "0 * * * *".to_owned(),
            (_, Some(hours @ 2..24)) => format!("0 */{hours} * * *"),
            _ => "*/15 * * * *".to_owned(),
        };
        Self {
            message: format!("expected a cron expression, found `{text}`"),
            help: format!("write `every: {{ cron: \"{cron}\" }}`"),
        }
    }
}
