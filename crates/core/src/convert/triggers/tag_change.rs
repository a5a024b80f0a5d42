//! Joins the actions of a trigger on tags, and writes the requests for them.

use serde_json::{Value, json};

use crate::convert::placeholder::record::CONNECTION;
use crate::convert::placeholder::written::{ADD_TAGS, FieldWrite, NewValue, REMOVE_TAGS};
use crate::convert::triggers::meaning::TAGS;

/// What all actions together do to the tags. No tag is both added and removed.
#[derive(Debug, Default)]
pub struct TagChange {
    /// The complete list, if an action sets it.
    all: Option<Vec<String>>,
    added: Vec<String>,
    removed: Vec<String>,
}

impl TagChange {
    pub fn set(&mut self, tags: Vec<String>) {
        *self = Self {
            all: Some(tags),
            ..Self::default()
        };
    }

    pub fn add(&mut self, tags: Vec<String>) {
        self.removed.retain(|tag| !tags.contains(tag));
        let list = self.all.as_mut().unwrap_or(&mut self.added);
        for tag in tags {
            if !list.contains(&tag) {
                list.push(tag);
            }
        }
    }

    pub fn remove(&mut self, tags: &[String]) {
        let list = self.all.as_mut().unwrap_or(&mut self.added);
        list.retain(|tag| !tags.contains(tag));
        if self.all.is_none() {
            self.removed.extend(tags.iter().cloned());
        }
    }

    /// The complete list, which is a field of the ticket.
    pub fn replaced(&self) -> Option<&[String]> {
        self.all.as_deref()
    }

    /// The writes, in the order of their requests.
    pub fn writes(&self) -> Vec<FieldWrite> {
        let values = [
            (!self.added.is_empty()).then(|| NewValue::TagsAdded(self.added.clone())),
            (!self.removed.is_empty()).then(|| NewValue::TagsRemoved(self.removed.clone())),
            self.all.as_ref().map(|tags| NewValue::Is(json!(tags))),
        ];
        let write = |value| FieldWrite {
            path: "ticket.tags".into(),
            event_type: TAGS,
            custom: None,
            value,
        };
        values.into_iter().flatten().map(write).collect()
    }

    /// The requests that add and remove tags.
    pub fn steps(&self) -> Vec<Value> {
        let requests = [
            (ADD_TAGS, "PUT", &self.added),
            (REMOVE_TAGS, "DELETE", &self.removed),
        ];
        let requests = requests.iter().filter(|(_, _, tags)| !tags.is_empty());
        let step = |(name, method, tags): &(&str, &str, &Vec<String>)| {
            json!({"name": name, "http": {
                "method": method,
                "connection": CONNECTION,
                "path": "/api/v2/tickets/{{ ticket.id }}/tags.json",
                "json": {"tags": tags},
            }})
        };
        requests.map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_list_that_is_set_takes_in_the_tags_added_and_removed_later() {
        let mut change = TagChange::default();
        change.add(tags("lost"));
        change.set(tags("a b"));
        change.add(tags("c a"));
        change.remove(&tags("b"));
        assert_eq!(change.replaced(), Some(tags("a c").as_slice()));
        assert!(change.steps().is_empty());
    }

    #[test]
    fn the_last_action_on_a_tag_counts() {
        let mut change = TagChange::default();
        change.add(tags("a b"));
        change.remove(&tags("b c"));
        change.add(tags("c"));
        assert_eq!((change.added, change.removed), (tags("a c"), tags("b")));
    }
}
