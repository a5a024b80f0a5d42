//! Environment variables that make a program load or run other code, by name. Where `commands.allow` limits the
//! programs, a step must not set them.

/// Exact names: of the C library, then of shells, interpreters and tools that many scripts call.
const NAMES: [&str; 34] = [
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "LOCPATH",
    "NLSPATH",
    "PATH",
    "BASH_ENV",
    "ENV",
    "IFS",
    "PS4",
    "SHELLOPTS",
    "BASHOPTS",
    "PROMPT_COMMAND",
    "ZDOTDIR",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "PERL5LIB",
    "PERLLIB",
    "PERL5OPT",
    "PERL5DB",
    "RUBYLIB",
    "RUBYOPT",
    "NODE_OPTIONS",
    "NODE_PATH",
    "LUA_INIT",
    "LUA_PATH",
    "LUA_CPATH",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "CLASSPATH",
    "PHPRC",
    "EDITOR",
    "PAGER",
];

/// Families of names: of the dynamic loader, of exported shell functions, and of git.
const PREFIXES: [&str; 4] = ["LD_", "DYLD_", "BASH_FUNC_", "GIT_"];

pub(super) fn loads_code(name: &str) -> bool {
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_load_code_are_known() {
        for name in [
            "LD_PRELOAD",
            "LD_AUDIT",
            "PATH",
            "BASH_FUNC_ls%%",
            "NODE_OPTIONS",
        ] {
            assert!(loads_code(name), "{name}");
        }
        for name in ["TICKET", "HOME", "LANG", "OLD_PATH", "TOKEN"] {
            assert!(!loads_code(name), "{name}");
        }
    }
}
