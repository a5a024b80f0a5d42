//! The filter `format`: values in a text with placeholders as in `printf`, such as `'%.2f' | format(price)`.

use std::iter::Peekable;
use std::str::Chars;

use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Error, ErrorKind};

use crate::language::template::engine::text;
use crate::language::template::filter::text::limited_text;

/// The maximum width and precision of a value.
const MAX_WIDTH: usize = 100;

/// One placeholder: `%-8.2f`.
struct FormatDirective {
    left: bool,
    zeros: bool,
    plus: bool,
    space: bool,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

pub fn format(pattern: &Value, values: Rest<Value>) -> Result<String, Error> {
    let pattern = text(pattern)?;
    let mut values = values.0.iter();
    let mut output = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            output.push(c);
            continue;
        }
        let placeholder = placeholder(&mut chars).map_err(invalid)?;
        if placeholder.conversion == '%' {
            output.push('%');
            continue;
        }
        let value = values.next();
        let value = value.ok_or_else(|| invalid("it has more placeholders than values".into()))?;
        output.push_str(&placeholder.write(value)?);
    }
    match values.next() {
        Some(_) => Err(invalid("it has more values than placeholders".into())),
        None => limited_text(output),
    }
}

/// Checks a pattern that takes this number of values.
///
/// # Errors
/// What is wrong with it.
pub fn check(pattern: &str, values: usize) -> Result<(), String> {
    let mut chars = pattern.chars().peekable();
    let mut count = 0;
    while let Some(c) = chars.next() {
        if c == '%' {
            count += usize::from(placeholder(&mut chars)?.conversion != '%');
        }
    }
    match count == values {
        true => Ok(()),
        false => Err(format!(
            "it has placeholders for {count} values, found {values}"
        )),
    }
}

fn placeholder(chars: &mut Peekable<Chars<'_>>) -> Result<FormatDirective, String> {
    let mut found = FormatDirective {
        left: false,
        zeros: false,
        plus: false,
        space: false,
        width: 0,
        precision: None,
        conversion: '%',
    };
    while let Some(flag) = chars.next_if(|c| "-0+ ".contains(*c)) {
        match flag {
            '-' => found.left = true,
            '0' => found.zeros = true,
            '+' => found.plus = true,
            _ => found.space = true,
        }
    }
    found.width = number(chars)?;
    if chars.next_if_eq(&'.').is_some() {
        found.precision = Some(number(chars)?);
    }
    match chars.next() {
        Some(c) if "sdifeExXo%".contains(c) => {
            found.conversion = c;
            Ok(found)
        }
        Some(c) => Err(format!(
            "`%{c}` is not a placeholder; write `%s`, `%d` or `%.2f`, and `%%` for a percent sign"
        )),
        None => Err("it ends with `%`; write `%%` for a percent sign".into()),
    }
}

fn number(chars: &mut Peekable<Chars<'_>>) -> Result<usize, String> {
    let mut number = 0_usize;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        number = number * 10 + digit as usize;
        if number > MAX_WIDTH {
            return Err(format!("a width or precision is more than {MAX_WIDTH}"));
        }
    }
    Ok(number)
}

impl FormatDirective {
    fn write(&self, value: &Value) -> Result<String, Error> {
        let written = match self.conversion {
            's' => {
                let text = text(value)?;
                match self.precision {
                    Some(most) => text.chars().take(most).collect(),
                    None => text,
                }
            }
            'd' | 'i' => self.signed(self.whole(value)?.to_string()),
            'x' => self.signed(radix(self.whole(value)?, |n| format!("{n:x}"))),
            'X' => self.signed(radix(self.whole(value)?, |n| format!("{n:X}"))),
            'o' => self.signed(radix(self.whole(value)?, |n| format!("{n:o}"))),
            'f' => self.signed(self.fixed(value)?),
            _ => self.signed(self.exponent(self.decimal(value)?)),
        };
        let missing = self.width.saturating_sub(written.chars().count());
        let fill = |c: char| c.to_string().repeat(missing);
        Ok(if self.left {
            written + &fill(' ')
        } else if self.zeros && self.conversion != 's' {
            let digits = written
                .find(|c: char| !matches!(c, '-' | '+' | ' '))
                .unwrap_or(0);
            let (sign, digits) = written.split_at(digits);
            format!("{sign}{}{digits}", fill('0'))
        } else {
            fill(' ') + &written
        })
    }

    fn decimals(&self) -> usize {
        self.precision.unwrap_or(6)
    }

    fn signed(&self, number: String) -> String {
        match (number.starts_with('-'), self.plus, self.space) {
            (false, true, _) => format!("+{number}"),
            (false, false, true) => format!(" {number}"),
            (_, _, _) => number,
        }
    }

    fn whole(&self, value: &Value) -> Result<i128, Error> {
        if let (true, Ok(whole)) = (
            value.kind() == ValueKind::Number,
            i128::try_from(value.clone()),
        ) {
            return Ok(whole);
        }
        let number = self.decimal(value)?.trunc();
        #[allow(clippy::cast_possible_truncation)]
        match number.abs() < 1e30 {
            true => Ok(number as i128),
            false => Err(self.wrong_type()),
        }
    }

    /// A number with the decimals of the placeholder. A whole number keeps all its digits.
    fn fixed(&self, value: &Value) -> Result<String, Error> {
        let decimals = self.decimals();
        match exact_whole(value) {
            Some(whole) if decimals == 0 => Ok(whole.to_string()),
            Some(whole) => Ok(format!("{whole}.{}", "0".repeat(decimals))),
            None => Ok(format!("{:.decimals$}", self.decimal(value)?)),
        }
    }

    fn decimal(&self, value: &Value) -> Result<f64, Error> {
        // The engine converts an integer only if a double keeps all its digits.
        #[allow(clippy::cast_precision_loss)]
        let whole = || exact_whole(value).map(|whole| whole as f64);
        match value.kind() {
            ValueKind::Number => f64::try_from(value.clone())
                .ok()
                .or_else(whole)
                .ok_or_else(|| self.wrong_type()),
            _ => Err(self.wrong_type()),
        }
    }

    /// `1.5e+01`, with at least two digits of the exponent.
    fn exponent(&self, number: f64) -> String {
        let written = format!("{number:.*e}", self.decimals());
        let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        let written = format!("{mantissa}e{sign}{digits:0>2}");
        match self.conversion {
            'E' => written.to_uppercase(),
            _ => written,
        }
    }

    fn wrong_type(&self) -> Error {
        let conversion = self.conversion;
        invalid(format!(
            "`%{conversion}` takes a number; convert a text with `| float` or `| int`"
        ))
    }
}

/// The value as an integer, if it is one.
fn exact_whole(value: &Value) -> Option<i128> {
    match value.kind() == ValueKind::Number && value.is_integer() {
        true => i128::try_from(value.clone()).ok(),
        false => None,
    }
}

fn radix(number: i128, write: impl Fn(u128) -> String) -> String {
    let digits = write(number.unsigned_abs());
    match number < 0 {
        true => format!("-{digits}"),
        false => digits,
    }
}

fn invalid(why: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}
