//! Commands are logged with who gave them and what came of them.

use super::{later, now, three};
use crate::store::history::EventRowId;
use crate::store::{CommandKind, CommandTarget, GivenCommand, History, Store};
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::commander::{CommandOrigin, Commander};
use flowtrigger_core::suspension::SuspensionTarget;

pub async fn commands_are_read_with_who_gave_them<S: Store, H: History>((store, history): (S, H)) {
    assert_eq!(history.commands(9).unwrap(), []);
    let [_, dead, other] = three(&store).await;
    let retry = GivenCommand {
        at: now(),
        kind: CommandKind::Retry,
        target: CommandTarget::Run(dead),
        by: Commander::new(Some("ines"), CommandOrigin::Page).with_note("the pager is up again"),
        result: Ok(vec![dead]),
    };
    let rejected = GivenCommand {
        at: later(1),
        kind: CommandKind::Cancel,
        by: Commander::new(None, CommandOrigin::Socket),
        result: Err("it is over".into()),
        ..retry.clone()
    };
    let replay = GivenCommand {
        at: later(2),
        kind: CommandKind::Replay,
        target: CommandTarget::Event(EventRowId(7)),
        by: Commander::new(Some("tom"), CommandOrigin::CommandLine),
        result: Ok(vec![other, dead]),
    };
    let pause = GivenCommand {
        at: later(3),
        kind: CommandKind::Pause,
        target: CommandTarget::Suspension(SuspensionTarget::Connection("chat".into())),
        by: Commander::new(Some("tom"), CommandOrigin::Page).with_note("maintenance"),
        result: Ok(Vec::new()),
    };
    for command in [&retry, &rejected, &replay, &pause] {
        store.record_command(command.clone()).await.unwrap();
    }
    assert_eq!(
        history.commands(3).unwrap(),
        [pause, replay, rejected.clone()]
    );
    assert_eq!(
        history.commands_of(dead).unwrap(),
        [retry.clone(), rejected.clone()]
    );
    assert_eq!(history.commands_of(RunId(99)).unwrap(), []);
    let detail = history.run(dead).unwrap().expect("the run");
    assert_eq!(detail.commands, [retry, rejected]);
}
