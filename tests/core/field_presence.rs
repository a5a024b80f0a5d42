//! Whether the event types of a rule have the fields that it reads: in families, and beside unknown types.

use crate::suggestions::for_rule;

/// Rules with an unknown type report their fields in the same run, by what the type's family has.
#[test]
fn an_unknown_type_hides_no_unknown_field() {
    let fields = "when: { ticket.stauts: x, current: y }\nflow: [ succeed: '{{ ticket.nope }}{{ comment.body }}' ]";
    for types in [
        "ticket.StatusChange",
        "[ticket.StatusChange, ticket.StatusChanged]",
        "[ticket.solved]",
    ] {
        let text = format!("name: a\nevent_source: support\nevent_type: {types}\n{fields}\n");
        let found = for_rule(&text);
        for wrong in [
            "has no event type",
            "the field `ticket.stauts`",
            "the field `ticket.nope`",
        ] {
            assert!(found.contains(wrong), "{types}: {found}");
        }
        assert_eq!(found.lines().count(), 3, "{found}");
    }
    for types in ["ticket.Nope", "[ticket.Nope, ticket.StatusChanged]"] {
        let text = format!("name: a\nevent_source: support\nevent_type: {types}\n{fields}\n");
        let found = for_rule(&text);
        for wrong in [
            "`ticket.Nope` of `support` is not in the catalogue",
            "the field `ticket.stauts`",
            "`ticket.nope`",
        ] {
            assert!(found.contains(wrong), "{types}: {found}");
        }
    }
    let text = format!("name: a\nevent_source: support\nevent_type: nothing.Known\n{fields}\n");
    assert_eq!(for_rule(&text).lines().count(), 1, "any field is possible");
}

/// A field exists in at least one type of a family, and a name in a template in all of them.
#[test]
fn families_are_checked_like_single_types() {
    let checked = |types: &str, rest: &str| {
        let source = match types.starts_with("ticket_message") {
            true => "upmind",
            false => "support",
        };
        for_rule(&format!(
            "name: a\nevent_source: {source}\nevent_type: '{types}'\n{rest}\n"
        ))
    };
    let template = |text: &str| {
        format!("flow: [ {{ http: {{ connection: chat, path: /x, body: '{text}' }} }} ]")
    };
    let succeed = "flow: [ succeed: x ]";
    for (types, rest, found) in [
        (
            "ticket.*",
            format!("when: {{ nonsense: {{ not: x }} }}\n{succeed}"),
            "no event type lists the field `nonsense`; only `ticket.CsatReceived` and 5 more may have it",
        ),
        (
            "user.*",
            format!("when: {{ anything: foo }}\n{succeed}"),
            "no event type of the rule lists the field `anything`",
        ),
        (
            "ticket.*",
            format!("when: {{ comment.bdy: foo }}\n{succeed}"),
            "did you mean `comment.body`?",
        ),
        (
            "ticket.*",
            template("{{ ticket.custom_fields }}"),
            "custom field only when it changes",
        ),
        (
            "ticket.*",
            template("{{ comment.body }}"),
            "`comment.body` exists in `ticket.CommentAdded` and 1 more only",
        ),
        (
            "ticket.*",
            template("{{ current }}"),
            "more only; runs for other events would fail here",
        ),
        (
            "ticket_message.*",
            template("{{ actor.name }}"),
            "`actor.name` is not among the listed fields",
        ),
        (
            "ticket_message.ClientPosted",
            template("{{ actor.name }}"),
            "`actor.name | default",
        ),
        (
            "ticket_message.*",
            format!("when: {{ nonsense: x }}\n{succeed}"),
            "has no field `nonsense`",
        ),
        (
            "ticket.StatusChanged",
            format!("when: {{ nonsense: x }}\n{succeed}"),
            "has no field `nonsense`",
        ),
    ] {
        let reported = checked(types, &rest);
        assert!(reported.contains(found), "{types} {rest}: {reported}");
    }
    for (types, rest) in [
        ("ticket.*", template("{{ comment.body | default(\"\") }}")),
        (
            "ticket.*",
            template("{{ ticket.id }} {{ ticket.status }} {{ event.id }}"),
        ),
        (
            "ticket.*",
            format!("when: {{ comment.body: foo, current: solved }}\n{succeed}"),
        ),
        (
            "ticket_message.*",
            template("{{ actor.name | default(\"\") }} {{ ticket.subject }}"),
        ),
        (
            "ticket_message.*",
            format!("when: {{ actor.name: foo }}\n{succeed}"),
        ),
    ] {
        assert_eq!(checked(types, &rest), "", "{types} {rest}");
    }
}
