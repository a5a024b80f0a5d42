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
        let parsed = TimeArgument::parse(value).map(|time| Some(time.from(self.now)));
        parsed.map_err(|help| {
            PageError::parameter(name, format!("`{value}` is not a time")).help(help)
        })
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
            error.help(format!("the id of a {noun} is a number"))
        })
    }

    /// The same question without a field.
    pub fn without(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.fields.retain(|field| field.name != name);
        other
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
