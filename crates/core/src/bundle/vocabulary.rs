//! The keys of every mapping in a bundle, and what to say to those that ZIS does not have.
//! It refuses to know what their values are.

/// The keys that one mapping may have.
#[derive(Debug, Clone, Copy)]
pub struct Keys {
    /// What the mapping is, for messages.
    pub name: &'static str,
    pub words: &'static [&'static str],
}

/// What the registry's own export has beside what an author writes counts as well.
pub const BUNDLE: Keys = Keys {
    name: "a bundle",
    words: &[
        "zis_template_version",
        "name",
        "description",
        "resources",
        "integration",
        "uuid",
        "zendesk_account_id",
        "created_at",
        "updated_at",
    ],
};

pub const RESOURCE: Keys = Keys {
    name: "a resource",
    words: &["type", "properties"],
};

pub const JOB_SPEC: Keys = Keys {
    name: "a job spec",
    words: &[
        "name",
        "description",
        "event_source",
        "event_type",
        "flow_name",
    ],
};

pub const PROPERTIES: Keys = Keys {
    name: "these properties",
    words: &["name", "description", "definition"],
};

pub const DEFINITION: Keys = Keys {
    name: "a flow's definition",
    words: &["StartAt", "States", "Comment"],
};

pub const HTTP: Keys = Keys {
    name: "an HTTP action",
    words: &[
        "method",
        "url",
        "path",
        "headers",
        "queryParams",
        "requestBody",
        "connectionName",
    ],
};

pub const PAIR: Keys = Keys {
    name: "a header or parameter",
    words: &["key", "value"],
};

pub const CATCH: Keys = Keys {
    name: "`Catch`",
    words: &["ErrorEquals", "Next", "ResultPath", "Comment"],
};

pub const CHOICE: Keys = Keys {
    name: "a choice",
    words: &["Variable", "And", "Or", "Not", "Next", "Comment"],
};

pub const TEST: Keys = Keys {
    name: "a test",
    words: &["Variable", "And", "Or", "Not", "Comment"],
};

pub const ACTION: Keys = Keys {
    name: "an `Action` state",
    words: &[
        "Type",
        "Comment",
        "ActionName",
        "Parameters",
        "InputPath",
        "ResultPath",
        "OutputPath",
        "Catch",
        "Next",
        "End",
    ],
};

pub const CHOICES: Keys = Keys {
    name: "a `Choice` state",
    words: &[
        "Type",
        "Comment",
        "InputPath",
        "OutputPath",
        "Choices",
        "Default",
    ],
};

pub const MAP: Keys = Keys {
    name: "a `Map` state",
    words: &[
        "Type",
        "Comment",
        "ItemsPath",
        "Iterator",
        "InputPath",
        "ResultPath",
        "OutputPath",
        "Catch",
        "Next",
        "End",
    ],
};

pub const WAIT: Keys = Keys {
    name: "a `Wait` state",
    words: &[
        "Type",
        "Comment",
        "Seconds",
        "InputPath",
        "OutputPath",
        "Next",
        "End",
    ],
};

pub const PASS: Keys = Keys {
    name: "a `Pass` state",
    words: &[
        "Type",
        "Comment",
        "Result",
        "Parameters",
        "InputPath",
        "ResultPath",
        "OutputPath",
        "Next",
        "End",
    ],
};

pub const SUCCEED: Keys = Keys {
    name: "a `Succeed` state",
    words: &["Type", "Comment", "Message", "InputPath", "OutputPath"],
};

pub const FAIL: Keys = Keys {
    name: "a `Fail` state",
    words: &["Type", "Comment", "Error", "Cause"],
};
