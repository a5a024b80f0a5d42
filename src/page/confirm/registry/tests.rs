//! Tests of the commands that the page keeps.

use super::*;

fn registry() -> CommandRegistry {
    CommandRegistry::new(watch::channel(false).1)
}

fn origin(extent: CommandExtent) -> CommandIntent {
    CommandIntent {
        user: "ada".into(),
        note: String::new(),
        subject: "runs dead".into(),
        back: "/runs".into(),
        again: "/confirm?command=retry&scope=all&state=dead".into(),
        extent,
    }
}

fn begin(registry: &CommandRegistry, form: &str, extent: CommandExtent) -> SentForm {
    registry.begin(
        form,
        RunCommand::Retry,
        origin(extent),
        Timestamp::UNIX_EPOCH,
    )
}

#[test]
fn a_form_gives_one_command() {
    let registry = registry();
    let form = registry.new_form();
    let SentForm::New(record) = begin(&registry, &form, CommandExtent::Named) else {
        panic!("the form is new");
    };
    let again = begin(&registry, &form, CommandExtent::Named);
    assert!(matches!(again, SentForm::Repeated(id) if id == record.id));
    for other in ["", "x.0.y", &format!("{}.999999.a", registry.instance)] {
        let outdated = begin(&registry, other, CommandExtent::Named);
        assert!(matches!(outdated, SentForm::Outdated), "{other}");
    }
}

#[test]
fn one_command_for_many_runs_is_in_progress_at_a_time() {
    let registry = registry();
    let SentForm::New(first) = begin(&registry, &registry.new_form(), CommandExtent::Bulk) else {
        panic!("nothing is in progress");
    };
    let busy = begin(&registry, &registry.new_form(), CommandExtent::Bulk);
    assert!(matches!(busy, SentForm::Busy(id) if id == first.id));
    let named = begin(&registry, &registry.new_form(), CommandExtent::Named);
    assert!(matches!(named, SentForm::New(_)));
    first.end(Timestamp::UNIX_EPOCH, CommandOutcome::Complete);
    let next = begin(&registry, &registry.new_form(), CommandExtent::Bulk);
    assert!(matches!(next, SentForm::New(_)));
}

#[test]
fn commands_and_what_they_show_are_bounded() {
    let registry = registry();
    for _ in 0..MAX_COMMANDS + 10 {
        let SentForm::New(record) = begin(&registry, &registry.new_form(), CommandExtent::Named)
        else {
            panic!("the form is new");
        };
        record.end(Timestamp::UNIX_EPOCH, CommandOutcome::Complete);
    }
    assert_eq!(registry.all().len(), MAX_COMMANDS);
    assert_eq!(registry.lock().forms.len(), MAX_COMMANDS);
    let mut progress = CommandProgress::default();
    let run = RunStatusRow {
        id: 1,
        rule: "page".into(),
        state: "queued".into(),
    };
    for _ in 0..MAX_SHOWN + 5 {
        progress.add_runs(None, std::slice::from_ref(&run));
    }
    assert_eq!(
        (progress.changed, progress.runs.len()),
        (MAX_SHOWN + 5, MAX_SHOWN)
    );
}
