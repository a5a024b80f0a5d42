//! What a page reads of a request: the user, the parameters of the path, and the fields of the query or of a form.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, RawPathParams, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use url::form_urlencoded;

use super::page_error::PageError;
use super::session::PageUser;
use crate::report::time_argument::TimeArgument;

/// One request of a signed-in user.
#[derive(Debug, Clone)]
pub struct PageRequest {
    pub user: PageUser,
    pub now: Timestamp,
    /// The part of the path that selects one thing, such as the number of a run.
    path: Vec<Field>,
    fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: String,
    value: String,
}

impl PageRequest {
    /// # Errors
    /// The answer if nobody is signed in; the routes of pages let nobody else through.
    pub fn of_query(path: Option<RawPathParams>, request: &Request) -> Result<Self, Box<Response>> {
        let user = request.extensions().get::<PageUser>().cloned();
        let user = user.ok_or_else(|| Box::new(StatusCode::UNAUTHORIZED.into_response()))?;
        let query = request.uri().query().unwrap_or_default();
        Ok(Self::new(user, path, query.as_bytes()))
    }

    /// # Errors
    /// The answer if nobody is signed in, or if the form is too large or incomplete.
    pub async fn of_form(
        path: Option<RawPathParams>,
        request: Request,
    ) -> Result<Self, Box<Response>> {
        let user = request.extensions().get::<PageUser>().cloned();
        let user = user.ok_or_else(|| Box::new(StatusCode::UNAUTHORIZED.into_response()))?;
        let form = Bytes::from_request(request, &()).await;
        let form = form.map_err(|rejection| Box::new(rejection.into_response()))?;
        Ok(Self::new(user, path, &form))
    }

    fn new(user: PageUser, path: Option<RawPathParams>, fields: &[u8]) -> Self {
        let path = path.as_ref().into_iter().flatten();
        Self {
            user,
            now: Timestamp::now(),
            path: path
                .map(|(name, value)| Field {
                    name: name.to_owned(),
                    value: value.to_owned(),
                })
                .collect(),
            fields: form_urlencoded::parse(fields)
                .map(|(name, value)| Field {
                    name: name.into_owned(),
                    value: value.into_owned(),
                })
                .collect(),
        }
    }

    /// The first value of a field, without spaces around it. An empty one is absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// A text of many lines, with the spaces around it and with line feeds alone at the ends of lines.
    pub fn lines(&self, name: &str) -> String {
        let mut fields = self.fields.iter();
        let field = fields.find(|field| field.name == name);
        let value = field.map(|field| field.value.replace("\r\n", "\n"));
        value.unwrap_or_default()
    }

    /// Whether a field is there, whatever its value is.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// Every value of a field that occurs several times, such as a box that is ticked.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        self.values(name).collect()
    }

    fn values<'r>(&'r self, name: &str) -> impl Iterator<Item = &'r str> {
        let values = self.fields.iter().filter(move |field| field.name == name);
        values
            .map(|field| field.value.trim())
            .filter(|value| !value.is_empty())
    }

    /// Reads a field. `expected` says what to write.
    pub fn parse<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, PageError> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        let parsed = value.parse().map(Some);
        parsed.map_err(|_| {
            PageError::parameter(name, format!("`{value}` is not valid")).help(expected)
        })
    }

    /// A time, or an age such as `-2h`.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, PageError> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        match self.time_of(value) {
            Some(time) => Ok(Some(time)),
            None => {
                let error = PageError::parameter(name, format!("`{value}` is not a time"));
                Err(error.help(
                    "write 2026-01-07, 2026-01-07T09:02 or 09:02, in UTC, or -2h for two hours ago",
                ))
            }
        }
    }

    /// Also what people write in a form: `now`, `2h` for an age, and `09:02` for a time of this day.
    fn time_of(&self, value: &str) -> Option<Timestamp> {
        if value.eq_ignore_ascii_case("now") {
            return Some(self.now);
        }
        let clock = format!("{}T{value}", self.now.strftime("%Y-%m-%d"));
        let written = [value, &format!("-{value}"), &clock];
        let parsed = written
            .into_iter()
            .find_map(|text| TimeArgument::parse(text).ok());
        parsed.map(|time| time.from(self.now))
    }

    /// A parameter of the path.
    pub fn path(&self, name: &str) -> &str {
        let mut fields = self.path.iter();
        let field = fields.find(|field| field.name == name);
        field.map_or("", |field| &field.value)
    }

    /// A number in the path, such as the id of a run. `noun` is what it names.
    pub fn path_number(&self, name: &str, noun: &str) -> Result<u64, PageError> {
        let value = self.path(name);
        value.parse().map_err(|_| {
            let error = PageError::not_found(format!("there is no {noun} `{value}`"));
            let article = if noun.starts_with(['a', 'e']) {
                "an"
            } else {
                "a"
            };
            error.help(format!("the id of {article} {noun} is a number"))
        })
    }

    /// The same question without a field.
    pub fn without(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.fields.retain(|field| field.name != name);
        other
    }

    /// The same question with another value of one field.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.without(name);
        other.fields.push(Field {
            name: name.to_owned(),
            value: value.to_owned(),
        });
        other
    }

    /// The fields with a value, as they were written.
    pub fn written(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.fields.iter();
        fields
            .map(|field| (field.name.as_str(), field.value.trim()))
            .filter(|(_, value)| !value.is_empty())
    }

    /// A link to the same question with another value of one field; the empty value removes it.
    pub fn link_with(&self, path: &str, name: &str, value: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let others = self.fields.iter().filter(|field| field.name != name);
        for field in others.filter(|field| !field.value.trim().is_empty()) {
            query.append_pair(&field.name, field.value.trim());
        }
        if !value.is_empty() {
            query.append_pair(name, value);
        }
        match query.finish() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }
}

#[cfg(test)]
impl PageRequest {
    /// The question of a query, of a user that may only read.
    pub fn of_text(query: &str) -> Self {
        use super::session::{Role, SignIn};
        let user = PageUser {
            name: "ada".into(),
            role: Role::Read,
            sign_in: SignIn::Session,
        };
        Self::new(user, None, query.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(query: &str) -> PageRequest {
        PageRequest::of_text(query)
    }

    #[test]
    fn fields_are_read_with_their_errors() {
        let read = request("status=400&source=&run=1&run=%202+&since=yesterday&q=a%26b");
        assert_eq!(read.parse::<u16>("status", "write 400").unwrap(), Some(400));
        assert_eq!(read.text("source"), None);
        assert_eq!(read.texts("run"), ["1", "2"]);
        assert_eq!(read.text("q"), Some("a&b"));
        let error = read.time("since").unwrap_err().json();
        assert_eq!(error["error"], "`since`: `yesterday` is not a time");
        let error = read.parse::<u16>("q", "write 400").unwrap_err().json();
        assert_eq!(error["help"], "write 400");
        assert_eq!(read.time("until").unwrap(), None);
        let number = read.path_number("id", "run").unwrap_err();
        assert_eq!(number.status(), StatusCode::NOT_FOUND);
        let number = read.path_number("row", "event").unwrap_err();
        assert_eq!(number.json()["help"], "the id of an event is a number");
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let mut read = request("a=now&b=2h&c=-2h&d=09:02&e=2026-01-06&f=9");
        read.now = "2026-01-07T12:00:00Z".parse().unwrap();
        for (name, expected) in [
            ("a", "2026-01-07T12:00:00Z"),
            ("b", "2026-01-07T10:00:00Z"),
            ("c", "2026-01-07T10:00:00Z"),
            ("d", "2026-01-07T09:02:00Z"),
            ("e", "2026-01-06T00:00:00Z"),
        ] {
            let time = read.time(name).unwrap().map(|time| time.to_string());
            assert_eq!(time.as_deref(), Some(expected), "{name}");
        }
        assert!(read.time("f").is_err());
    }

    #[test]
    fn a_link_keeps_the_other_fields() {
        let read = request("status=400&source=&q=a%26b&before=9");
        assert_eq!(
            read.link_with("/deliveries", "before", "7"),
            "/deliveries?status=400&q=a%26b&before=7"
        );
        assert_eq!(
            request("before=9").link_with("/runs", "before", ""),
            "/runs"
        );
    }
}
