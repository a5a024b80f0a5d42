//! Paths of this page that a request names, such as the page to open after the login. Anything that a browser could
//! read as an address of another site becomes `/`.

/// A path with its query, if it leads to this site alone.
pub fn local_path(path: &str) -> &str {
    let leads_here = path.starts_with('/')
        && !path.starts_with("//")
        // Browsers read `\` as `/`, and ignore tabs and line breaks.
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    match leads_here {
        true => path,
        false => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_other_sites_are_replaced() {
        for path in ["/", "/events/5", "/runs?state=dead&q=%22"] {
            assert_eq!(local_path(path), path);
        }
        for path in [
            "",
            "//evil.example/",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/a\r\nset-cookie: a=b",
        ] {
            assert_eq!(local_path(path), "/", "{path:?}");
        }
    }
}
