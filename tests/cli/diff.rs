//! `diff` of folders and of git revisions, and `check --prove`.

use std::process::Command;

use flowtrigger_testing::sandbox::Sandbox;
use serde_json::Value;

const OLD: &str = "name: page\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
    when: { current: urgent, ticket.tags: { has: vip } }\nflow: [{ succeed: paged }]\n";
const NEW: &str = "name: page\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
    when: { current: [high, urgent], ticket.tags: { has: vip } }\nflow: [{ succeed: called }]\n";
const OTHER: &str = "name: other\nevent_source: support\nevent_type: ticket.StatusChanged\n\
    flow: [{ succeed: seen }]\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write("old/page.yaml", OLD);
    sandbox.write("old/other.yaml", OTHER);
    sandbox.write("new/page.yaml", NEW);
    sandbox
}

#[test]
fn two_folders_are_compared_rule_by_rule() {
    let sandbox = sandbox();
    let output = sandbox.run(&["diff", "old", "new"]);
    output.expect_stdout(
        1,
        &[
            "wider page (new/page.yaml:1:7)",
            "now matches ticket.PriorityChanged with current = \"high\", ticket.tags = [\"vip\"]",
            "`flow.1` was {\"succeed\":\"paged\"}, is {\"succeed\":\"called\"}",
            "removed other (old/other.yaml:1:7)",
            "2 rules changed, 0 unchanged",
        ],
    );
    let output = sandbox.run(&["diff", "old", "old"]);
    output.expect_stdout(0, &["0 rules changed, 2 unchanged"]);
}

/// The event shows one of the new types; the count shows how many there are.
#[test]
fn the_known_types_of_a_wider_family_are_counted() {
    let sandbox = sandbox();
    let family = OLD.replace("ticket.PriorityChanged", "ticket.*");
    sandbox.write("new/page.yaml", &family);
    let output = sandbox.run(&["diff", "old/page.yaml", "new/page.yaml"]);
    output.expect_stdout(
        1,
        &[
            "wider page",
            "`event_type` now covers ",
            " more known types: ",
        ],
    );
    let output = sandbox.run(&["diff", "old/page.yaml", "new/page.yaml", "--format", "json"]);
    let found: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let types = &found["rules"][0]["types"];
    assert_eq!(types["only_before"].as_array().map(Vec::len), Some(0));
    let new = types["only_after"].as_array().expect("a list");
    assert!(new.contains(&"ticket.StatusChanged".into()), "{types}");
    assert!(!new.contains(&"ticket.PriorityChanged".into()), "{types}");
    let counted = format!("now covers {} more known types", new.len());
    let output = sandbox.run(&["diff", "old/page.yaml", "new/page.yaml"]);
    output.expect_stdout(1, &[&counted, &format!("and {} more", new.len() - 3)]);
    let output = sandbox.run(&["diff", "new/page.yaml", "old/page.yaml"]);
    output.expect_stdout(
        1,
        &[&format!("no longer covers {} known types: ", new.len())],
    );
}

/// A long step is reduced to the part that differs.
#[test]
fn both_sides_of_a_changed_step_show_the_difference() {
    let sandbox = sandbox();
    let text = "A customer with a contract waits for more than the time that was agreed upon: ";
    let step = |end: &str| {
        let step = format!("flow: [{{ name: tell, shell: 'echo \"{text}{end}\"' }}]");
        OLD.replace("flow: [{ succeed: paged }]", &step)
    };
    sandbox.write("old/page.yaml", step("call the team"));
    sandbox.write("new/page.yaml", step("page the team"));
    sandbox.run(&["diff", "old", "new"]).expect_stdout(
        1,
        &["`flow.tell.shell` was \"…at was agreed upon: call the team\\\"\", is \"…at was agreed upon: page the team\\\"\""],
    );
}

#[test]
fn a_folder_that_does_not_exist_is_named_without_an_option() {
    let sandbox = sandbox();
    let output = sandbox.run(&["diff", "nowhere", "new"]);
    output.expect_stderr(3, &["`nowhere` does not exist", "name another path\n"]);
    assert!(!output.stderr.contains("--rules"), "{output:?}");
}

/// The event of a difference can be given to `dry-run`.
#[test]
fn the_payload_of_a_difference_matches_in_a_dry_run() {
    let sandbox = sandbox();
    let output = sandbox.run(&["diff", "old", "new", "--format", "json"]);
    let answer: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let rules = answer["rules"].as_array().expect("a list");
    let page = rules.iter().find(|rule| rule["rule"] == "page");
    let payload = &page.expect("the rule")["only_after"]["payload"];
    sandbox.write("event.json", payload.to_string());
    sandbox
        .run(&["dry-run", "--rules", "new", "event.json"])
        .expect_stdout(0, &["page"]);
    assert_eq!(
        sandbox
            .run(&["dry-run", "--rules", "old", "event.json"])
            .code,
        1
    );
}

#[test]
fn git_revisions_are_compared_with_files() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    let folder = sandbox.path("");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"];
        let mut command = Command::new("git");
        command.current_dir(&folder).args(identity).args(arguments);
        let output = command.output().expect("git is installed");
        assert!(output.status.success(), "{output:?}");
    };
    sandbox.write("desk/rules/page.yaml", OLD);
    sandbox.write("desk/rules/page.test.yaml", "[]\n");
    sandbox.write("desk/rules/deep/other.yaml", OTHER);
    sandbox.write("desk/flowtrigger.yaml", "vars: { team: a }\n");
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "first"]);
    // The configuration of one file is that of its folder, or of a folder above.
    sandbox.write("rules/page.yaml", OLD);
    sandbox.write("flowtrigger.yaml", "vars: { team: b }\n");
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "one file"]);
    sandbox
        .run(&["diff", "main:rules/page.yaml", "rules/page.yaml"])
        .expect_stdout(0, &["1 unchanged"]);
    git(&["rm", "--quiet", "-r", "rules", "flowtrigger.yaml"]);
    git(&["commit", "--quiet", "-m", "without them"]);
    sandbox.write("desk/rules/page.yaml", NEW);
    sandbox
        .run(&["diff", "main:desk/rules", "desk/rules"])
        .expect_stdout(
            1,
            &[
                "wider page (desk/rules/page.yaml:1:7)",
                "1 rule changed, 1 unchanged",
            ],
        );
    git(&["commit", "--quiet", "-a", "-m", "second"]);
    sandbox
        .run(&["diff", "HEAD:desk/rules", "main~1:desk/rules/page.yaml"])
        .expect_stdout(
            1,
            &[
                "narrower page (main~1:desk/rules/page.yaml:1:7)",
                "removed other (HEAD:desk/rules/deep/other.yaml:1:7)",
            ],
        );
    sandbox
        .run(&["diff", "nowhere:desk/rules", "desk/rules"])
        .expect_stderr(2, &["unknown git revision `nowhere`", "name a branch"]);
    sandbox
        .run(&["diff", "main", "desk/rules"])
        .expect_stderr(2, &["`main` is a revision of git", "`main:rules`"]);
    sandbox
        .run(&["diff", "main:elsewhere", "desk/rules"])
        .expect_stderr(2, &["`elsewhere` has no rule files in the revision `main`"]);
    sandbox
        .run(&["diff", "--output=x:desk/rules", "desk/rules"])
        .expect_stderr(2, &["--output"]);
    sandbox.write("desk/rules/page.yaml", "name: page\n");
    git(&["commit", "--quiet", "-a", "-m", "third"]);
    sandbox
        .run(&["diff", "main:desk/rules", "desk/rules"])
        .expect_stderr(3, &["main:desk/rules/page.yaml"]);
}

#[test]
fn findings_are_warnings_with_their_own_exit_code() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    let narrow = OLD.replace("name: page", "name: narrow");
    let wide = NEW.replace("called", "paged");
    sandbox.write("rules/a.yaml", &narrow);
    sandbox.write("rules/b.yaml", &wide);
    sandbox.run(&["check"]).expect_stdout(0, &["no errors"]);
    sandbox.run(&["check", "--prove"]).expect_stdout(
        1,
        &[
            "warning[subsumed]: rule `page` matches every event that `narrow` matches",
            "2 rules analysed, 1 finding",
        ],
    );
    let output = sandbox.run(&["check", "--prove", "--format", "json"]);
    let answer: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let finding = &answer["proofs"]["findings"][0];
    assert_eq!(finding["code"], "subsumed");
    assert_eq!(finding["events"][0]["type"], "ticket.PriorityChanged");
}
