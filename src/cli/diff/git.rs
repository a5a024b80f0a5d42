//! Reads rules and configuration of a git revision, with the program `git`. Nothing is passed through a shell.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use crate::engine::is_rule_file;
use crate::report::error::CommandError;
use crate::store::PushedTexts;
use flowtrigger_core::config::schedules::calendar;

/// A revision with the path of rules in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitPath {
    pub revision: String,
    /// Relative to the current folder.
    pub path: PathBuf,
}

/// A file of a revision.
struct Blob {
    id: String,
    path: String,
}

impl GitPath {
    /// Whether the revision is known.
    pub fn is_known(&self) -> bool {
        self.commit().is_ok()
    }

    /// Reads the rule files below the path, and the configuration beside it.
    ///
    /// # Errors
    /// If git is not installed, or does not know the revision or the path.
    pub fn read(&self, config: &str) -> Result<PushedTexts, CommandError> {
        let commit = self.commit()?;
        let found = self.files(&commit, &self.path)?;
        let is_one_file = |blob: &&Blob| Path::new(&blob.path) == self.path;
        let rules: Vec<&Blob> = match found.iter().find(is_one_file) {
            Some(file) => vec![file],
            None => found
                .iter()
                .filter(|blob| is_rule_file(Path::new(&blob.path)))
                .collect(),
        };
        if rules.is_empty() {
            let message = format!(
                "`{}` has no rule files in the revision `{}`",
                self.path.display(),
                self.revision
            );
            let help = "the path is relative to the current folder: `main:rules`";
            return Err(CommandError::usage(message).help(help));
        }
        let mut files = Vec::with_capacity(rules.len());
        let texts = self.contents(&rules)?;
        for (blob, text) in rules.iter().zip(texts) {
            files.push((self.name(&blob.path), text));
        }
        let is_file = rules.iter().any(is_one_file);
        let (folder, config_text) = self.configuration(&commit, config, is_file)?;
        let config_path = folder.join(config);
        let mut calendars = BTreeMap::new();
        for name in calendar::names(&config_text) {
            if let Some(text) = self.text_at(&commit, &folder.join(&name))? {
                calendars.insert(name, text);
            }
        }
        let config = (self.name(&config_path.to_string_lossy()), config_text);
        Ok(PushedTexts {
            files,
            config,
            calendars,
        })
    }

    /// The folder of the configuration, and its text. It is beside the folder of the rules; the path of one rule file does not
    /// tell which folder that is.
    fn configuration(
        &self,
        commit: &str,
        config: &str,
        is_file: bool,
    ) -> Result<(PathBuf, Arc<str>), CommandError> {
        let named = |folder: &Path| match folder == Path::new("") {
            true => PathBuf::from("."),
            false => folder.to_owned(),
        };
        let folders = self.path.ancestors().skip(1).map(named);
        let looked_at = match is_file {
            true => usize::MAX,
            false => 1,
        };
        for folder in folders.take(looked_at) {
            if let Some(text) = self.text_at(commit, &folder.join(config))? {
                return Ok((folder, text));
            }
        }
        let folder = self.path.parent().map_or_else(|| PathBuf::from("."), named);
        Ok((folder, "".into()))
    }

    /// The name of a file in messages: `main:rules/a.yaml`.
    fn name(&self, path: &str) -> Arc<str> {
        let path = path.strip_prefix("./").unwrap_or(path);
        format!("{}:{path}", self.revision).into()
    }

    fn commit(&self) -> Result<String, CommandError> {
        let wanted = format!("{}^{{commit}}", self.revision);
        let output = run(
            &[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &wanted,
            ],
            b"",
        )?;
        if output.status.success() {
            let text = String::from_utf8_lossy(&output.stdout);
            return Ok(text.trim().to_owned());
        }
        let inside = run(&["rev-parse", "--is-inside-work-tree"], b"")?;
        if !inside.status.success() {
            let message = format!(
                "the current folder is in no git repository, so that `{}` has no revision",
                self.revision
            );
            let help = "run the command in the repository, or name two folders";
            return Err(CommandError::usage(message).help(help));
        }
        let message = format!("unknown git revision `{}`", self.revision);
        let help = "name a branch, a tag or a commit: `main:rules`, `HEAD~1:rules`";
        Err(CommandError::usage(message).help(help))
    }

    /// The files at a path and below it.
    fn files(&self, commit: &str, path: &Path) -> Result<Vec<Blob>, CommandError> {
        let path = path.to_string_lossy();
        let path = path.trim_end_matches('/');
        let listed = successful(run(
            &[
                "ls-tree",
                "-r",
                "-z",
                "--end-of-options",
                commit,
                "--",
                path,
            ],
            b"",
        )?)?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let entries = listed.split('\0').filter_map(|entry| {
            let (about, path) = entry.split_once('\t')?;
            let mut words = about.split(' ');
            let (kind, id) = (words.nth(1)?, words.next()?);
            (kind == "blob").then(|| Blob {
                id: id.to_owned(),
                path: path.to_owned(),
            })
        });
        Ok(entries.collect())
    }

    fn text_at(&self, commit: &str, path: &Path) -> Result<Option<Arc<str>>, CommandError> {
        let path = path.strip_prefix(".").unwrap_or(path);
        let found = self.files(commit, path)?;
        let texts = self.contents(&found.iter().take(1).collect::<Vec<_>>())?;
        Ok(texts.into_iter().next())
    }

    /// The texts of files.
    fn contents(&self, blobs: &[&Blob]) -> Result<Vec<Arc<str>>, CommandError> {
        if blobs.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = blobs.iter().map(|blob| format!("{}\n", blob.id)).collect();
        let printed = successful(run(&["cat-file", "--batch"], ids.concat().as_bytes())?)?;
        let mut rest = printed.as_slice();
        let mut texts = Vec::with_capacity(blobs.len());
        for blob in blobs {
            let content = next_content(&mut rest);
            let text = content.and_then(|content| String::from_utf8(content.to_vec()).ok());
            let Some(text) = text else {
                let name = self.name(&blob.path);
                let message = format!("`{name}` is not UTF-8");
                return Err(CommandError::usage(message).help("save it as UTF-8"));
            };
            texts.push(text.into());
        }
        Ok(texts)
    }
}

/// Reads one answer of `git cat-file --batch`: `ID blob SIZE`, the content, and the end of the line.
fn next_content<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (header, behind) = rest.split_at(end);
    let header = std::str::from_utf8(header).ok()?;
    let size: usize = header.rsplit(' ').next()?.parse().ok()?;
    let content = behind.get(1..=size)?;
    *rest = behind.get(size + 2..)?;
    Some(content)
}

fn run(arguments: &[&str], input: &[u8]) -> Result<Output, CommandError> {
    let mut command = Command::new("git");
    command
        .arg("--literal-pathspecs")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let failed = |error: std::io::Error| {
        let message = format!("failed to run `git`: {error}");
        let help = "install git, or name two folders instead of revisions";
        CommandError::usage(message).help(help)
    };
    let mut child = command.spawn().map_err(failed)?;
    let stdin = child.stdin.take();
    // The answer may be larger than a pipe, so that git must be read while it is written to.
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(&input);
        }
    });
    let output = child.wait_with_output().map_err(failed)?;
    let _ = writer.join();
    Ok(output)
}

fn successful(output: Output) -> Result<Vec<u8>, CommandError> {
    match output.status.success() {
        true => Ok(output.stdout),
        false => {
            let error = String::from_utf8_lossy(&output.stderr);
            let error = error.trim().lines().next().unwrap_or_default().to_owned();
            Err(CommandError::runtime(format!("git failed: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_of_a_batch_are_separated_by_their_sizes() {
        let mut rest: &[u8] = b"aa blob 3\na\nb\nbb blob 0\n\ncc missing\n";
        assert_eq!(next_content(&mut rest), Some(&b"a\nb"[..]));
        assert_eq!(next_content(&mut rest), Some(&b""[..]));
        assert_eq!(next_content(&mut rest), None);
    }
}
