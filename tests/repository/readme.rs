//! Runs the console blocks of README.md and `docs/`, and loads their YAML blocks.
//!
//! Each page has its own copy of the project, so that pages do not depend on each other. A `yaml` block whose first
//! line names a file is written to that file. A `sh` block after `<!-- session -->` is executed first: it starts
//! daemons and sends events, and the console blocks then read the data folder. Each `console` block must print what it
//! shows; `TRYCMD=overwrite` rewrites it. Every other `yaml` block must be a rule, a configuration, or a fragment under
//! the key named in `<!-- fragment: KEY -->`.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_flowtrigger");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A document with its fenced blocks.
struct Page {
    path: PathBuf,
    text: String,
    blocks: Vec<Block>,
}

struct Block {
    /// The word after the opening fence.
    language: String,
    /// The text of the HTML comment on the line before the fence.
    marker: String,
    line: usize,
    body: String,
}

impl Block {
    /// The file that the first line names: `# tour/first.yaml`.
    fn file(&self) -> Option<&str> {
        let name = self.body.lines().next()?.strip_prefix("# ")?;
        (name.ends_with(".yaml") && !name.contains(' ')).then_some(name)
    }
}

fn pages() -> Vec<Page> {
    let mut paths = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    markdown(&root().join("docs"), &mut paths);
    let pages = paths.into_iter().map(|path| {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let blocks = blocks(&text);
        Page { path, text, blocks }
    });
    pages.collect()
}

fn markdown(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            markdown(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let inside = lines.by_ref().take_while(|(_, line)| *line != "```");
            let body = inside.map(|(_, line)| format!("{line}\n")).collect();
            let marker = before
                .strip_prefix("<!-- ")
                .and_then(|m| m.strip_suffix(" -->"));
            blocks.push(Block {
                language: language.to_owned(),
                marker: marker.unwrap_or_default().to_owned(),
                line: number + 1,
                body,
            });
        }
        before = line;
    }
    blocks
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        return;
    }
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        copy(&path, &to.join(path.file_name().expect("a name")));
    }
}

/// A copy of what the commands of a page read, with the files of the page.
fn write_project(page: &Page, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    for name in ["rules", "examples", "flowtrigger.yaml"] {
        copy(&root().join(name), &folder.join(name));
    }
    for block in page.blocks.iter().filter(|block| block.language == "yaml") {
        if let Some(name) = block.file() {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, &block.body).expect("a writable file");
        }
    }
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLOWTRIGGER_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env("COLUMNS", "100");
    command
}

#[test]
fn console_blocks_print_what_they_show() {
    let overwrite = std::env::var("TRYCMD").is_ok_and(|mode| mode == "overwrite");
    let folder = tempfile::tempdir().expect("a folder");
    let cases = trycmd::TestCases::new();
    cases.default_bin_path(PROGRAM).env("COLUMNS", "100");
    let mut pages = pages();
    pages.retain(|page| page.blocks.iter().any(|block| block.language == "console"));
    assert!(
        pages.len() >= 8,
        "pages with console blocks: {}",
        pages.len()
    );
    let mut copies = Vec::new();
    for (number, page) in pages.iter().enumerate() {
        // trycmd runs the commands of `PAGE.md` in `PAGE.in`.
        let document = folder.path().join(format!("page-{number}.md"));
        let project = document.with_extension("in");
        write_project(page, &project);
        let mut sessions = page.blocks.iter().filter(|block| block.marker == "session");
        let session = sessions.next();
        if let Some(session) = session {
            Session::new(&project).execute(&session.body);
        }
        // A wildcard would be kept where it matches, so a page is overwritten without them.
        let text = match session {
            Some(_) if overwrite => in_console(&page.text, |line| line.replace("[..]", "?")),
            _ => page.text.clone(),
        };
        fs::write(&document, text).expect("a writable page");
        cases.case(&document);
        copies.push((document, page, session.is_some()));
    }
    cases.run();
    if overwrite {
        for (document, page, session) in copies {
            let mut text = fs::read_to_string(document).expect("the page");
            if session {
                text = without_times(&text);
            }
            fs::write(&page.path, text).expect("a writable page");
        }
    }
}

/// The page with `[..]` for what differs at each execution of a session: times of today and tomorrow, durations, and ids
/// of replays.
fn without_times(text: &str) -> String {
    let now = jiff::Timestamp::now();
    let [today, tomorrow] = [0, 24].map(|hours| {
        let day = now + jiff::SignedDuration::from_hours(hours);
        day.strftime("%Y-%m-%d").to_string()
    });
    let time = format!(
        r"\b({today}|{tomorrow})T\d\d:\d\d:\d\d(\.\d+)?Z|\b\d+(\.\d+)?ms\b|\br[0-9a-f]{{13}}\b"
    );
    let time = regex::Regex::new(&time).expect("a pattern");
    in_console(text, |line| time.replace_all(line, "[..]").into_owned())
}

/// The page with every line in its console blocks changed.
fn in_console(text: &str, change: impl Fn(&str) -> String) -> String {
    let mut inside = false;
    let lines = text.split_inclusive('\n').map(|line| {
        if line.starts_with("```") {
            inside = line.starts_with("```console");
        }
        match inside {
            true => change(line),
            false => line.to_owned(),
        }
    });
    lines.collect()
}

/// Executes the lines of a `sh` block: `flowtrigger daemon … &`, `kill [-9] %1`, and other commands, after each of which
/// it waits until the daemon is idle.
struct Session<'a> {
    folder: &'a Path,
    listen: String,
    daemon: Option<Child>,
}

impl<'a> Session<'a> {
    fn new(folder: &'a Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        Self {
            folder,
            listen: port.expect("a free port").to_string(),
            daemon: None,
        }
    }

    fn execute(&mut self, script: &str) {
        for line in script.lines() {
            let line = line.split(" #").next().unwrap_or(line).trim();
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [] => {}
                ["flowtrigger", arguments @ .., "&"] => self.start(arguments),
                ["flowtrigger", arguments @ ..] => {
                    let output = self.output(arguments);
                    assert!(output.status.success(), "`{line}`: {output:?}");
                    self.wait_until_idle();
                }
                ["kill", "-9", "%1"] => self.stop("-KILL"),
                ["kill", "%1"] => self.stop("-TERM"),
                _ => panic!("a session cannot execute `{line}`"),
            }
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(self.folder);
        command
            .env("FLOWTRIGGER_LISTEN", &self.listen)
            .env("FLOWTRIGGER_PAGE", "off")
            .args(arguments);
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("the program starts")
    }

    fn start(&mut self, arguments: &[&str]) {
        let log = self.folder.with_extension("log");
        let log = fs::File::options().create(true).append(true).open(log);
        let mut command = self.command(arguments);
        command.stderr(log.expect("a writable log"));
        self.daemon = Some(command.spawn().expect("the daemon starts"));
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(&self.listen).is_err() {
            assert!(Instant::now() < deadline, "the daemon does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.wait_until_idle();
    }

    /// Returns when no run is ready, or when the active runs have not changed for two seconds.
    fn wait_until_idle(&self) {
        let list = ["runs", "list", "--state", "queued,running,retrying"];
        let mut since = Instant::now();
        let mut last = self.output(&list);
        while last.status.success() && since.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(50));
            let now = self.output(&list);
            if now.stdout != last.stdout {
                (last, since) = (now, Instant::now());
            }
        }
    }

    fn stop(&mut self, signal: &str) {
        let mut daemon = self.daemon.take().expect("a running daemon");
        let mut kill = Command::new("kill");
        kill.args([signal, &daemon.id().to_string()]);
        assert!(kill.status().expect("kill starts").success());
        daemon.wait().expect("the daemon ends");
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

#[test]
fn yaml_blocks_load() {
    let mut failures = Vec::new();
    let (mut files, mut checked) = (0, 0);
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.language == "yaml") {
            if block.file().is_some() {
                files += 1;
                continue;
            }
            checked += 1;
            let output = check(block);
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stdout);
                failures.push(format!("{}:{}\n{said}", page.path.display(), block.line));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(
        files >= 13 && checked >= 10,
        "{files} files, {checked} other blocks"
    );
}

/// `flowtrigger check` on a folder with the block as a rule or as the configuration.
fn check(block: &Block) -> Output {
    const HEADER: &str = "name: block\nevent_source: support\nevent_type: ticket.PriorityChanged\n";
    const FLOW: &str = "flow: [{ succeed: done }]\n";
    // The schedule that documents name.
    const SCHEDULES: &str =
        "schedules: { office: { zone: Europe/Berlin, hours: { mon-fri: \"09:00-18:00\" } } }\n";
    let body = &block.body;
    let mut config = fs::read_to_string(root().join("flowtrigger.yaml")).expect("a configuration");
    let rule = match block.marker.strip_prefix("fragment: ") {
        Some("rule") => format!("{HEADER}{FLOW}{body}"),
        Some("flow") => format!("{HEADER}flow:\n{body}"),
        Some(key) => {
            let lines = body.lines().map(|line| format!("  {line}\n"));
            format!("{HEADER}{FLOW}{key}:\n{}", lines.collect::<String>())
        }
        None if body.contains("event_source:") || body.starts_with("flows:") => body.clone(),
        None => {
            config.clone_from(body);
            format!("{HEADER}{FLOW}")
        }
    };
    if !config.contains("\nschedules:") && !config.starts_with("schedules:") {
        config.push_str(SCHEDULES);
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("rules")).expect("a folder");
    fs::write(folder.path().join("rules/block.yaml"), rule).expect("a writable file");
    fs::write(folder.path().join("flowtrigger.yaml"), config).expect("a writable file");
    let output = program(folder.path()).arg("check").output();
    output.expect("the program starts")
}
