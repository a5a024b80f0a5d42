//! Parses names of flows and actions in bundles: `zis:INTEGRATION:flow:NAME`.
//! Names are not looked up here.

/// A name in its three parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceName<'a> {
    /// The integration, or `common` for built-in actions.
    pub owner: &'a str,
    /// `flow`, `action`, `transform`.
    pub kind: &'a str,
    pub name: &'a str,
}

impl<'a> ResourceName<'a> {
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("zis:")?.splitn(3, ':');
        let (owner, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
        let complete = [owner, kind, name].iter().all(|part| !part.is_empty());
        complete.then_some(Self { owner, kind, name })
    }

    /// Returns the last part of a full name, and any other text unchanged.
    pub fn short(text: &'a str) -> &'a str {
        Self::parse(text).map_or(text, |full| full.name)
    }

    /// Whether the name is that of a built-in action.
    pub fn is_common(&self) -> bool {
        self.owner == "common"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_three_parts_and_the_last_may_contain_dots_and_colons() {
        let full = ResourceName::parse("zis:acme_sync:action:desk.get:v2").unwrap();
        assert_eq!(
            (full.owner, full.kind, full.name),
            ("acme_sync", "action", "desk.get:v2")
        );
        assert!(
            ResourceName::parse("zis:common:transform:Jq")
                .unwrap()
                .is_common()
        );
        for text in ["flow_x", "zis:acme:flow:", "zis:acme:x", "zis::flow:x", ""] {
            assert_eq!(ResourceName::parse(text), None, "{text}");
        }
        assert_eq!(ResourceName::short("flow_x"), "flow_x");
    }
}
