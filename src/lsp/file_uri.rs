//! Converts between the addresses of a client and paths of files.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use lsp_types::Uri;
use url::Url;

/// Characters of a path that a URL may have, and a URI may not.
const UNENCODED: [(char, &str); 5] = [
    ('[', "%5B"),
    (']', "%5D"),
    ('|', "%7C"),
    ('^', "%5E"),
    ('\\', "%5C"),
];

/// The path of a `file:` address; `None` for other schemes, such as an editor's text without a file.
pub fn path(uri: &Uri) -> Option<PathBuf> {
    Url::parse(uri.as_str()).ok()?.to_file_path().ok()
}

/// The address of an absolute path.
pub fn uri(path: &Path) -> Option<Uri> {
    let url = Url::from_file_path(path).ok()?;
    let mut address = url.as_str().to_owned();
    for (character, encoded) in UNENCODED {
        address = address.replace(character, encoded);
    }
    Uri::from_str(&address).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_any_character_are_converted_both_ways() {
        for name in ["/a/b.yaml", "/a b/ä%20[1].yaml", "/🎉/#?|^\\`{}.yaml"] {
            let uri = uri(Path::new(name)).expect(name);
            assert_eq!(path(&uri), Some(PathBuf::from(name)));
        }
        let other = Uri::from_str("untitled:Untitled-1").expect("an address");
        assert_eq!(path(&other), None);
    }
}
