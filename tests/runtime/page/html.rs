//! Reads the HTML that our own pages consist of: tags with their attributes, and the text between them. It rejects what
//! a page must not contain.

use std::collections::BTreeMap;

/// A tag with its attributes, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
}

/// A page that was read.
#[derive(Debug, Default)]
pub struct Html {
    pub tags: Vec<Tag>,
    /// The text that a person reads, decoded.
    pub text: String,
}

/// Elements without content.
const VOID: [&str; 7] = ["meta", "link", "input", "br", "hr", "img", "wbr"];
/// Elements whose content is no text of the page.
const RAW: [&str; 2] = ["script", "style"];

impl Tag {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

impl Html {
    /// # Panics
    /// If the tags are not balanced, or something executable or styled inline is in the page.
    #[track_caller]
    pub fn read(source: &str) -> Self {
        let mut page = Self::default();
        let mut open: Vec<String> = Vec::new();
        let mut rest = source;
        while let Some(start) = rest.find('<') {
            // What a person edits has the characters as they are.
            if open.last().is_none_or(|name| name != "textarea") {
                page.add_text(&rest[..start]);
            }
            rest = &rest[start..];
            let end =
                end_of_tag(rest).unwrap_or_else(|| panic!("a tag does not end: {}", head(rest)));
            let inner = &rest[1..end];
            rest = &rest[end + 1..];
            if inner.starts_with('!') {
                continue;
            }
            if let Some(name) = inner.strip_prefix('/') {
                let expected = open.pop();
                assert_eq!(Some(name), expected.as_deref(), "before: {}", head(rest));
                continue;
            }
            let tag = read_tag(inner);
            check(&tag);
            let is_closed = inner.ends_with('/') || VOID.contains(&tag.name.as_str());
            if RAW.contains(&tag.name.as_str()) {
                assert!(
                    rest.starts_with("</script>"),
                    "an inline {}: {}",
                    tag.name,
                    head(rest)
                );
            }
            if !is_closed {
                open.push(tag.name.clone());
            }
            page.tags.push(tag);
        }
        page.add_text(rest);
        assert_eq!(open, Vec::<String>::new(), "elements that are not closed");
        page
    }

    fn add_text(&mut self, text: &str) {
        self.text.push_str(&decoded(text));
        self.text.push(' ');
    }

    pub fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h Tag> {
        self.tags.iter().filter(move |tag| tag.name == name)
    }

    /// Links, each once, without fragments.
    pub fn links(&self) -> Vec<String> {
        let hrefs = self.all("a").filter_map(|tag| tag.attribute("href"));
        let hrefs = hrefs.map(|href| href.split('#').next().unwrap_or_default());
        let hrefs = hrefs.filter(|href| !href.is_empty());
        let mut links: Vec<String> = hrefs.map(str::to_owned).collect();
        links.sort();
        links.dedup();
        links
    }
}

/// What no tag may be or have.
#[track_caller]
fn check(tag: &Tag) {
    let forbidden = ["style", "iframe", "object", "embed", "base"];
    assert!(!forbidden.contains(&tag.name.as_str()), "{tag:?}");
    for (name, value) in &tag.attributes {
        assert!(name != "style" && !name.starts_with("on"), "{tag:?}");
        if ["href", "src", "action", "formaction"].contains(&name.as_str()) {
            let is_own = value.starts_with('/') && !value.starts_with("//");
            let is_relative = value.starts_with('?') || value.starts_with('#');
            assert!(is_own || is_relative || value.is_empty(), "{tag:?}");
        }
    }
    if tag.name == "script" {
        assert!(tag.attribute("src").is_some(), "{tag:?}");
    }
}

/// The end of a tag, outside of quotes.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

#[track_caller]
fn read_tag(inner: &str) -> Tag {
    let inner = inner.trim_end_matches('/');
    let (name, mut rest) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    assert!(is_name && !name.is_empty(), "not a tag: <{}>", head(inner));
    let mut attributes = BTreeMap::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let (key, behind) = rest.split_at(end);
        let value = match behind.strip_prefix("=\"") {
            Some(quoted) => {
                let (value, behind) = quoted.split_once('"').expect("the value ends");
                rest = behind;
                decoded(value)
            }
            None => {
                assert!(
                    !behind.starts_with('='),
                    "a value without quotes: {}",
                    head(inner)
                );
                rest = behind;
                String::new()
            }
        };
        attributes.insert(key.to_owned(), value);
    }
    let name = name.to_owned();
    Tag { name, attributes }
}

/// Decodes the references that maud writes.
fn decoded(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

fn head(text: &str) -> String {
    text.chars().take(120).collect()
}

#[test]
fn tags_attributes_and_text_are_read() {
    let page = Html::read(
        "<p class=\"a &lt;b&gt;\" hidden>1 &amp; 2<br><a href=\"/x?a=1&amp;b#c\">go</a></p>",
    );
    assert_eq!(page.tags[0].attribute("class"), Some("a <b>"));
    assert_eq!(page.links(), ["/x?a=1&b"]);
    assert!(page.text.contains("1 & 2"), "{page:?}");
    for broken in [
        "<p>",
        "<p></b>",
        "<p style=\"x\"></p>",
        "<a onclick=\"x\"></a>",
        "<script>1</script>",
        "<a href=\"https://evil.example\"></a>",
        "<a href=\"//evil.example\"></a>",
        "<a href=\"javascript:1\"></a>",
        "<img src=x onerror=alert(1)>",
    ] {
        let read = std::panic::catch_unwind(|| Html::read(broken));
        assert!(read.is_err(), "{broken}");
    }
}
