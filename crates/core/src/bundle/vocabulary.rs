//! Lists the keys of every mapping in a bundle.

/// The keys of one mapping.
#[derive(Debug, Clone, Copy)]
pub struct KeySet {
    /// The description of the mapping in messages.
    pub name: &'static str,
    pub words: &'static [&'static str],
}

/// Includes the keys that the export of the ZIS registry adds.
pub const BUNDLE: KeySet = KeySet {
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

pub const RESOURCE: KeySet = KeySet {
    name: "a resource",
    words: &["type", "properties"],
};

pub const JOB_SPEC: KeySet = KeySet {
    name: "a job spec",
    words: &[
        "name",
        "description",
        "event_source",
        "event_type",
        "flow_name",
    ],
};

pub const PROPERTIES: KeySet = KeySet {
    name: "these properties",
    words: &["name", "description", "definition"],
};

pub const DEFINITION: KeySet = KeySet {
    name: "a flow's definition",
    words: &["StartAt", "States", "Comment", "TimeoutSeconds"],
};

pub const HTTP: KeySet = KeySet {
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

pub const PAIR: KeySet = KeySet {
    name: "a header or parameter",
    words: &["key", "value"],
};

pub const CATCH: KeySet = KeySet {
    name: "`Catch`",
    words: &["ErrorEquals", "Next", "ResultPath", "Comment"],
};

pub const CHOICE: KeySet = KeySet {
    name: "a choice",
    words: &["Variable", "And", "Or", "Not", "Next", "Comment"],
};

pub const TEST: KeySet = KeySet {
    name: "a test",
    words: &["Variable", "And", "Or", "Not", "Comment"],
};

pub const ACTION: KeySet = KeySet {
    name: "an `Action` state",
    words: &[
        "Type",
        "Comment",
        "ActionName",
        "Parameters",
        "TimeoutSeconds",
        "InputPath",
        "ResultPath",
        "OutputPath",
        "Catch",
        "Next",
        "End",
    ],
};

pub const CHOICES: KeySet = KeySet {
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

pub const MAP: KeySet = KeySet {
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

pub const WAIT: KeySet = KeySet {
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

pub const PASS: KeySet = KeySet {
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

pub const SUCCEED: KeySet = KeySet {
    name: "a `Succeed` state",
    words: &["Type", "Comment", "Message", "InputPath", "OutputPath"],
};

pub const FAIL: KeySet = KeySet {
    name: "a `Fail` state",
    words: &["Type", "Comment", "Error", "Cause"],
};
