//! Where the things of a ZIS flow's document stand in ours: in the event, in a step's result, in an item.
//! It refuses what stands nowhere as a whole, or only where another way was taken.

use std::fmt;

/// A name or a place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Name(String),
    Index(usize),
}

pub type Keys = Vec<Key>;

/// A path of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression(pub Keys);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Spot {
    /// What came with the event around it.
    Envelope,
    /// The body of the event.
    Event,
    At(Keys),
    /// A caught failure.
    Failure,
    /// Why it cannot be read any more.
    Lost(String),
}

/// What is known of the document at one point of the flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene(Vec<(Keys, Spot)>);

impl Key {
    pub fn name(text: &str) -> Self {
        Key::Name(text.to_owned())
    }
}

/// The path of a step's result.
pub fn of_step(name: &str, rest: &[&str]) -> Keys {
    let names = ["steps", name].into_iter().chain(rest.iter().copied());
    names.map(Key::name).collect()
}

impl Scene {
    /// What a flow begins with. `body` is what the envelope calls the event.
    pub fn of_event(body: &str) -> Self {
        let event = vec![Key::name("input"), Key::name(body)];
        Self(vec![(Vec::new(), Spot::Envelope), (event, Spot::Event)])
    }

    /// What the round of a list begins with.
    pub fn of_item(name: &str) -> Self {
        Self(vec![(Vec::new(), Spot::At(vec![Key::name(name)]))])
    }

    pub fn put(&mut self, at: &[Key], place: Keys) {
        self.set(at, Spot::At(place));
    }

    pub fn put_failure(&mut self, at: &[Key]) {
        self.set(at, Spot::Failure);
    }

    pub fn lose(&mut self, at: &[Key], why: &str) {
        self.set(at, Spot::Lost(why.to_owned()));
    }

    fn set(&mut self, at: &[Key], spot: Spot) {
        self.0.retain(|(known, _)| !known.starts_with(at));
        self.0.push((at.to_vec(), spot));
    }

    /// Where what a path of the document names stands; or why it is nowhere.
    pub fn find(&self, path: &[Key]) -> Result<Expression, String> {
        let text = Expression(path.to_vec());
        let below = self
            .0
            .iter()
            .any(|(known, _)| known.len() > path.len() && known.starts_with(path));
        if below {
            return Err(format!(
                "`$.{text}` is put together of several parts, which are not in one place here"
            ));
        }
        let holds = self.0.iter().filter(|(known, _)| path.starts_with(known));
        let Some((known, spot)) = holds.max_by_key(|(known, _)| known.len()) else {
            return Err(format!("nothing puts `$.{text}` there"));
        };
        let rest = &path[known.len()..];
        match (spot, rest) {
            (Spot::At(place), rest) => Ok(Expression([place.as_slice(), rest].concat())),
            (Spot::Event, []) => Err("the whole event is in no single place here".into()),
            (Spot::Event, rest) => Ok(Expression(rest.to_vec())),
            (Spot::Envelope, [Key::Name(name)])
                if ["account_id", "subdomain", "integration_key"].contains(&name.as_str()) =>
            {
                Ok(Expression(rest.to_vec()))
            }
            (Spot::Envelope, _) => Err(format!("nothing puts `$.{text}` there")),
            (Spot::Failure, [Key::Name(name)]) if name == "Cause" => {
                Ok(Expression(vec![Key::name("error"), Key::name("message")]))
            }
            (Spot::Failure, _) => Err(
                "of a caught failure only its `Cause` has a counterpart, `error.message`".into(),
            ),
            (Spot::Lost(why), _) => Err(format!("`$.{text}`: {why}")),
        }
    }

    /// Every place that differs in another scene, or is not there.
    pub fn differing(&self, others: &[&Scene]) -> Vec<Keys> {
        let mut places: Vec<Keys> = Vec::new();
        for (place, _) in self
            .0
            .iter()
            .chain(others.iter().flat_map(|scene| &scene.0))
        {
            let same = others
                .iter()
                .all(|other| other.spot(place) == self.spot(place));
            if !same && !places.contains(place) {
                places.push(place.clone());
            }
        }
        places
    }

    fn spot(&self, place: &[Key]) -> Option<&Spot> {
        let mut found = self.0.iter().filter(|(known, _)| known == place);
        found.next().map(|(_, spot)| spot)
    }

    /// Every place whose value is a result of one of these steps.
    pub fn places_of(&self, steps: &[String]) -> Vec<Keys> {
        let inner = |spot: &Spot| match spot {
            Spot::At(keys) => matches!(keys.as_slice(), [Key::Name(root), Key::Name(step), ..]
                if root == "steps" && steps.contains(step)),
            Spot::Failure => true,
            Spot::Envelope | Spot::Event | Spot::Lost(_) => false,
        };
        let places = self.0.iter().filter(|(_, spot)| inner(spot));
        places.map(|(place, _)| place.clone()).collect()
    }
}

impl Expression {
    /// As a field of a condition; None where a name cannot stand in one.
    pub fn as_path(&self) -> Option<String> {
        let plain = |key: &Key| match key {
            Key::Name(name) => is_plain(name),
            Key::Index(_) => true,
        };
        self.0.iter().all(plain).then(|| self.to_string())
    }

    /// As what stands between the braces of a template.
    pub fn as_template(&self) -> Option<String> {
        let mut text = String::new();
        for key in &self.0 {
            match key {
                Key::Name(name)
                    if !is_plain(name) || name.starts_with(|c: char| c.is_ascii_digit()) =>
                {
                    return None;
                }
                Key::Name(name) if text.is_empty() => text += name,
                Key::Name(name) => text += &format!(".{name}"),
                Key::Index(index) => text += &format!("[{index}]"),
            }
        }
        Some(text)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&keys.join("."))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Name(name) => f.write_str(name),
            Key::Index(index) => write!(f, "{index}"),
        }
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The keys of `$.a.b[0]['c']`; None for a path that names more than one place.
pub fn keys(text: &str) -> Option<Keys> {
    let mut rest = text.trim().strip_prefix('$')?;
    let mut keys = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, behind) = after.split_at(end);
            if name.is_empty() || name == "*" {
                return None;
            }
            keys.push(Key::name(name));
            rest = behind;
            continue;
        }
        let (inside, behind) = rest.strip_prefix('[')?.split_once(']')?;
        let quoted = ['\'', '"']
            .iter()
            .find_map(|q| inside.strip_prefix(*q)?.strip_suffix(*q));
        keys.push(match quoted {
            Some(name) => Key::name(name),
            None => Key::Index(inside.trim().parse().ok()?),
        });
        rest = behind;
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(scene: &Scene, path: &str) -> Result<String, String> {
        scene
            .find(&keys(path).unwrap())
            .map(|e| e.as_template().unwrap())
    }

    #[test]
    fn what_stands_in_the_document_is_found_in_ours() {
        let mut scene = Scene::of_event("ticket_event");
        assert_eq!(
            found(&scene, "$.input.ticket_event.ticket.tags[0]").unwrap(),
            "ticket.tags[0]"
        );
        assert_eq!(found(&scene, "$.subdomain").unwrap(), "subdomain");
        assert!(found(&scene, "$.input.ticket_event").is_err());
        assert!(found(&scene, "$.input").is_err());
        assert!(found(&scene, "$.org.name").is_err());
        scene.put(&keys("$.org").unwrap(), of_step("get", &["body"]));
        assert_eq!(
            found(&scene, "$['org'].name").unwrap(),
            "steps.get.body.name"
        );
        scene.lose(&keys("$.org").unwrap(), "gone");
        assert!(found(&scene, "$.org.name").unwrap_err().ends_with("gone"));
        scene.put(&[], of_step("all", &[]));
        assert_eq!(found(&scene, "$.input.x").unwrap(), "steps.all.input.x");
    }

    #[test]
    fn paths_to_more_than_one_place_are_none() {
        for text in [
            "$..a",
            "$.*",
            "$.a[*]",
            "$.a[?(@.b)]",
            "a.b",
            "$.a[1:2]",
            "$.a[",
        ] {
            assert_eq!(keys(text), None, "{text}");
        }
        assert_eq!(keys("$"), Some(Vec::new()));
    }
}
