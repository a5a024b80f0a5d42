//! Measures commands and jq programs per second: `cargo bench --bench commands`.
//! Commands run with and without `confine`, jq programs with and without a child process. Ratios compare
//! measurements on the same machine.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use flowtrigger::action::command::sandbox;
use flowtrigger::action::secret::SecretStore;
use flowtrigger::action::{Performer, PerformerOptions};
use flowtrigger_core::flow::call::{Call, ExecCall, JqCall, KeepOutput};
use flowtrigger_core::flow::confinement::Confinement;
use flowtrigger_core::flow::jq::JqProgram;
use flowtrigger_core::language::rendered_text::RenderedText;
use serde_json::json;

const CONCURRENCY: usize = 4;
const COMMANDS_PER_TASK: usize = 250;
const ROUNDS: usize = 3;
const PROGRAMS: u32 = 2_000;

fn kinds() -> Vec<(&'static str, Option<Confinement>)> {
    let none = Confinement::default();
    let limits = Confinement {
        cpu: Some(Duration::from_secs(10)),
        memory: Some(256 << 20),
        ..none.clone()
    };
    let user = Confinement {
        user: Some("nobody".into()),
        ..none.clone()
    };
    let files = Confinement {
        read: Some(vec!["/tmp".into()]),
        ..none
    };
    vec![
        ("unconfined", None),
        ("cpu and memory", Some(limits)),
        ("user", Some(user)),
        ("files", Some(files)),
    ]
}

async fn start_many(performer: Performer, confinement: Option<Confinement>) -> usize {
    let call = Call::Exec(ExecCall {
        argv: vec![RenderedText::plain("/bin/true")],
        stdin: RenderedText::default(),
        cwd: "/".into(),
        cwd_is_default: false,
        env: vec![],
        confine: confinement.map(Box::new),
        timeout: Duration::from_secs(60),
        keep: KeepOutput::None,
    });
    let mut failed = 0;
    for _ in 0..COMMANDS_PER_TASK {
        let performed = performer.perform(&call, "bench").await;
        failed += usize::from(performed.is_err());
    }
    failed
}

async fn rate(performer: &Performer, confinement: Option<&Confinement>) -> Option<f64> {
    let began = Instant::now();
    let tasks: Vec<_> = (0..CONCURRENCY)
        .map(|_| tokio::spawn(start_many(performer.clone(), confinement.cloned())))
        .collect();
    for task in tasks {
        if task.await.ok()? > 0 {
            return None;
        }
    }
    let started = u32::try_from(CONCURRENCY * COMMANDS_PER_TASK).ok()?;
    Some(f64::from(started) / began.elapsed().as_secs_f64())
}

/// Returns the best of several rounds, because other load can only slow a round down.
async fn best(performer: &Performer, confinement: Option<&Confinement>) -> Option<f64> {
    let mut best: Option<f64> = None;
    for _ in 0..ROUNDS {
        let rate = rate(performer, confinement).await?;
        best = Some(best.map_or(rate, |best| best.max(rate)));
    }
    best
}

/// Returns programs per second in a child process, and in this process with the program compiled once.
async fn programs(performer: &Performer) -> Option<(f64, f64)> {
    let call = JqCall {
        program: "{id: .ticket.id, tags: (.ticket.tags | map(ascii_upcase) | join(\", \"))}".into(),
        input: json!({"ticket": {"id": 7, "tags": ["a", "b", "c"]}}),
    };
    let (compiled, input) = (
        JqProgram::compile(&call.program).ok()?,
        call.input.to_string(),
    );
    let call = Call::Jq(call);
    performer.perform(&call, "bench").await.expect("performed");
    let began = Instant::now();
    for _ in 0..PROGRAMS {
        performer.perform(&call, "bench").await.expect("performed");
    }
    let by_child = f64::from(PROGRAMS) / began.elapsed().as_secs_f64();
    let began = Instant::now();
    for _ in 0..PROGRAMS {
        compiled.run(&input).ok()?;
    }
    Some((
        by_child,
        f64::from(PROGRAMS) / began.elapsed().as_secs_f64(),
    ))
}

#[allow(clippy::print_stdout)]
fn main() -> ExitCode {
    let mut options = PerformerOptions::new("/nowhere");
    options.launcher = Path::new(env!("CARGO_BIN_EXE_flowtrigger")).to_owned();
    let Ok(performer) = Performer::new(SecretStore::none(), options) else {
        return ExitCode::FAILURE;
    };
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        return ExitCode::FAILURE;
    };
    let mut bare = None;
    for (name, confinement) in kinds() {
        let confinement = confinement.as_ref();
        if let Some(issue) =
            confinement.and_then(|asked| sandbox::warnings(asked).into_iter().next())
        {
            println!("{name:16} not on this machine: {issue}");
            continue;
        }
        let Some(rate) = runtime.block_on(best(&performer, confinement)) else {
            println!("{name:16} failed");
            return ExitCode::FAILURE;
        };
        let share = rate / *bare.get_or_insert(rate);
        println!("{name:16} {rate:8.0}/s  {share:.2}");
    }
    if let Some((by_child, itself)) = runtime.block_on(programs(&performer)) {
        println!("jq in process    {itself:8.0}/s  1.00");
        println!(
            "jq in a child    {by_child:8.0}/s  {:.2}",
            by_child / itself
        );
    }
    ExitCode::SUCCESS
}
