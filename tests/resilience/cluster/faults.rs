//! Each kind of fault against four daemons under load. With `ROUNDS`, half of so many faults come kind by kind, and half
//! in any order.

use super::campaign::{Campaign, survive};
use super::nemesis::{ALL, Nemesis};
use crate::scheduling::{ExclusiveTest, Random};

const DAEMONS: usize = 4;

/// Faults of the ordinary tests together, without those of [`one_daemon_has_older_rules`].
const ORDINARY: usize = 20;

/// Faults of one campaign: it keeps what it records in memory until it ends.
const FAULTS_OF_CAMPAIGN: usize = 50;

/// The faults that `ROUNDS` asks for.
fn rounds() -> Option<usize> {
    let rounds = std::env::var("ROUNDS").ok()?;
    Some(rounds.trim().parse().expect("ROUNDS is a number"))
}

/// These faults, again and again until the share of this test is reached.
fn test(faults: &[Nemesis]) {
    let share = |rounds: usize| (faults.len() * rounds / 2 / ORDINARY).max(1);
    let count = rounds().map_or(faults.len(), share);
    let turns: Vec<Nemesis> = faults.iter().copied().cycle().take(count).collect();
    execute(&turns);
}

fn execute(faults: &[Nemesis]) {
    let _exclusive = ExclusiveTest::start();
    let seed = Random::seed();
    for (number, part) in faults.chunks(FAULTS_OF_CAMPAIGN).enumerate() {
        survive(DAEMONS, seed + number as u64, part);
    }
}

#[test]
fn daemons_are_killed() {
    test(&[
        Nemesis::Kill,
        Nemesis::Kill,
        Nemesis::Kill,
        Nemesis::KillBeyondLease,
    ]);
}

#[test]
fn daemons_are_paused() {
    test(&[
        Nemesis::PauseBeyondLease,
        Nemesis::Pause,
        Nemesis::PauseBeyondLease,
    ]);
}

#[test]
fn the_server_crashes() {
    test(&[
        Nemesis::CrashServer,
        Nemesis::KillBackends,
        Nemesis::CrashServer,
        Nemesis::CrashServer,
    ]);
}

#[test]
fn connections_are_cut() {
    test(&[
        Nemesis::Cut,
        Nemesis::CutInPart,
        Nemesis::Abandon,
        Nemesis::CutInPart,
        Nemesis::Refuse,
    ]);
}

#[test]
fn the_network_loses_and_delays() {
    test(&[
        Nemesis::Stall,
        Nemesis::StallBeyondLease,
        Nemesis::Swallow,
        Nemesis::Delay,
    ]);
}

/// A daemon with another version of each rule, as in an update of one daemon after the other: gates and lanes are
/// those of the rule's name.
#[test]
fn one_daemon_has_older_rules() {
    let _exclusive = ExclusiveTest::start();
    let Some(mut campaign) = Campaign::start(DAEMONS, Random::seed()) else {
        return;
    };
    campaign.wait_for_progress();
    let notes = campaign.fleet.notes.folder().to_owned();
    let older = &mut campaign.fleet.members[0];
    older.kill();
    older.set_rules(
        campaign.receiver.port,
        &notes,
        "description: An older version.\n",
    );
    older.start();
    for fault in [Nemesis::Kill, Nemesis::Cut] {
        campaign.strike(fault);
    }
    campaign.end();
}

/// Only with `ROUNDS`.
#[test]
fn faults_come_in_any_order() {
    let Some(rounds) = rounds() else { return };
    let mut random = Random::new(Random::seed());
    let mut any = || ALL[usize::try_from(random.below(ALL.len() as u64)).unwrap()];
    let faults: Vec<Nemesis> = (0..rounds / 2).map(|_| any()).collect();
    execute(&faults);
}

/// The same senders, receiver and checker with one daemon and no server.
#[test]
fn a_daemon_alone_keeps_the_same_promises() {
    let _exclusive = ExclusiveTest::start();
    let mut campaign = Campaign::start_alone(Random::seed());
    for fault in [Nemesis::Kill, Nemesis::Pause, Nemesis::Kill] {
        campaign.strike(fault);
    }
    campaign.end();
}
