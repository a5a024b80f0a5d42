//! Each kind of fault against four daemons under load. `ROUNDS` sets the number of faults in all of them together.

use super::campaign::{Campaign, expect_no_breakage, survive};
use super::nemesis::{ALL, Nemesis};
use crate::scheduling::{ExclusiveTest, Random};

const DAEMONS: usize = 4;

/// Faults of the ordinary tests.
const ROUNDS: usize = 20;

/// These faults, or as many more as the share of this test in `ROUNDS` allows.
fn test(faults: &[Nemesis]) {
    let _exclusive = ExclusiveTest::start();
    let wanted = std::env::var("ROUNDS").ok();
    let rounds = wanted.map_or(ROUNDS, |rounds| rounds.trim().parse().expect("a number"));
    let count = (faults.len() * rounds / ROUNDS).max(1);
    let turns: Vec<Nemesis> = faults.iter().copied().cycle().take(count).collect();
    let seed = Random::seed();
    // A campaign keeps everything in memory until it ends.
    for (number, part) in turns.chunks(50).enumerate() {
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
    expect_no_breakage(&campaign.end());
}

/// Every kind of fault in a random order; only when `ROUNDS` asks for many.
#[test]
fn faults_come_in_any_order() {
    if std::env::var_os("ROUNDS").is_none() {
        return;
    }
    let mut random = Random::new(Random::seed());
    let faults: Vec<Nemesis> = (0..ALL.len())
        .map(|_| ALL[usize::try_from(random.below(ALL.len() as u64)).unwrap()])
        .collect();
    test(&faults);
}

/// The same senders, receiver and checker with one daemon and no server.
#[test]
fn a_daemon_alone_keeps_the_same_promises() {
    let _exclusive = ExclusiveTest::start();
    let mut campaign = Campaign::start_alone(Random::seed());
    for fault in [Nemesis::Kill, Nemesis::Pause, Nemesis::Kill] {
        campaign.strike(fault);
    }
    expect_no_breakage(&campaign.end());
}
