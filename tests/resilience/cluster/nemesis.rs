//! The faults of a campaign: what each does to the daemons, the server and the network, and for how long.

use std::time::{Duration, Instant};

use flowtrigger_testing::fault_proxy::{Fault, Flow};

use super::fleet::Fleet;
use crate::scheduling::Random;

/// Longer than the lease of a daemon, so that others take its runs over.
const BEYOND_LEASE: Duration = Duration::from_secs(12);

/// A kind of fault. Which daemons it hits, when and for how long is chosen at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nemesis {
    /// Kills a daemon and starts it again.
    Kill,
    /// Kills a daemon, and starts it again after its runs were taken over.
    KillBeyondLease,
    /// Pauses a daemon for less than its lease.
    Pause,
    /// Pauses two daemons until others have taken their runs over.
    PauseBeyondLease,
    /// Ends the server as a crash does, and starts it again.
    CrashServer,
    /// Ends all connections to the server, from the side of the server.
    KillBackends,
    /// Cuts the connections of a daemon.
    Cut,
    /// Cuts a connection of each daemon in the middle of what it sends or receives.
    CutInPart,
    /// Stops the traffic of a daemon for a moment.
    Stall,
    /// Stops it in one direction or both until others have taken the daemon's runs over.
    StallBeyondLease,
    /// Loses what a daemon sends or receives, and then ends its connections.
    Swallow,
    /// Ends the connections of a daemon, while the server sees them open.
    Abandon,
    /// Makes the server slow for a daemon.
    Delay,
    /// Closes the connections of a daemon and its attempts to connect.
    Refuse,
    /// Ends the server as a crash does while a daemon is paused, which continues after its lease.
    CrashServerWhilePaused,
    /// Kills a daemon while nothing of another arrives at the server.
    KillWhileStalled,
}

pub const ALL: [Nemesis; 16] = [
    Nemesis::Kill,
    Nemesis::KillBeyondLease,
    Nemesis::Pause,
    Nemesis::PauseBeyondLease,
    Nemesis::CrashServer,
    Nemesis::KillBackends,
    Nemesis::Cut,
    Nemesis::CutInPart,
    Nemesis::Stall,
    Nemesis::StallBeyondLease,
    Nemesis::Swallow,
    Nemesis::Abandon,
    Nemesis::Delay,
    Nemesis::Refuse,
    Nemesis::CrashServerWhilePaused,
    Nemesis::KillWhileStalled,
];

impl Nemesis {
    /// Causes the fault and ends it. Returns the daemons that continued after a pause, and when.
    pub fn strike(self, fleet: &mut Fleet, random: &mut Random) -> Vec<(String, Instant)> {
        let chosen = index(random.below(fleet.members.len() as u64));
        let moment = Duration::from_millis(200 + random.below(1_800));
        let flow = [Flow::ToServer, Flow::ToClient][index(random.below(2))];
        let stall = match random.below(3) {
            0 => Fault::Stall,
            _ => Fault::StallOne(flow),
        };
        match self {
            Nemesis::Kill => restart(fleet, chosen, moment / 4),
            Nemesis::KillBeyondLease => restart(fleet, chosen, BEYOND_LEASE),
            Nemesis::Pause => return pause(fleet, &[chosen], moment),
            Nemesis::PauseBeyondLease => {
                let other = (chosen + 1) % fleet.members.len();
                return pause(fleet, &[chosen, other], BEYOND_LEASE);
            }
            Nemesis::CrashServer => crash_server(fleet, moment / 2),
            Nemesis::KillBackends => fleet.server().kill_backends(),
            Nemesis::Cut => fleet.members[chosen].proxy.cut(),
            Nemesis::CutInPart => {
                for member in &fleet.members {
                    member.proxy.cut_in_next_part(flow);
                }
                std::thread::sleep(moment / 4);
                fleet.heal();
            }
            Nemesis::Stall => network(fleet, chosen, stall, moment),
            Nemesis::StallBeyondLease => network(fleet, chosen, stall, BEYOND_LEASE),
            Nemesis::Swallow => network(fleet, chosen, Fault::Swallow(flow), moment * 2),
            Nemesis::Abandon => {
                fleet.members[chosen].proxy.abandon();
                std::thread::sleep(moment);
                fleet.heal();
            }
            Nemesis::Delay => {
                let delay = Fault::Delay(Duration::from_millis(5 + random.below(40)));
                network(fleet, chosen, delay, moment * 2);
            }
            Nemesis::Refuse => {
                fleet.members[chosen].proxy.set(Fault::Refuse);
                fleet.members[chosen].proxy.cut();
                std::thread::sleep(moment);
                fleet.heal();
            }
            Nemesis::CrashServerWhilePaused => {
                fleet.members[chosen].pause();
                crash_server(fleet, moment / 2);
                return pause(fleet, &[chosen], BEYOND_LEASE);
            }
            Nemesis::KillWhileStalled => {
                let other = (chosen + 1) % fleet.members.len();
                fleet.members[other].proxy.set(stall);
                fleet.members[chosen].kill();
                std::thread::sleep(moment);
                fleet.heal();
                fleet.members[chosen].start();
            }
        }
        Vec::new()
    }
}

fn restart(fleet: &mut Fleet, chosen: usize, pause: Duration) {
    fleet.members[chosen].kill();
    std::thread::sleep(pause);
    fleet.members[chosen].start();
}

fn crash_server(fleet: &Fleet, pause: Duration) {
    fleet.server().stop_immediately();
    std::thread::sleep(pause);
    fleet.server().start();
}

fn pause(fleet: &Fleet, chosen: &[usize], time: Duration) -> Vec<(String, Instant)> {
    let members = || chosen.iter().map(|number| &fleet.members[*number]);
    members().for_each(|member| member.pause());
    std::thread::sleep(time);
    let resumed = members().map(|member| {
        let now = Instant::now();
        member.resume();
        (member.name.clone(), now)
    });
    resumed.collect()
}

fn network(fleet: &Fleet, chosen: usize, fault: Fault, time: Duration) {
    fleet.members[chosen].proxy.set(fault);
    std::thread::sleep(time);
    fleet.heal();
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("a small number")
}
