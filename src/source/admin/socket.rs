//! The socket file that orders come through, for its owner alone from its first moment.
//! It refuses nobody itself: the permissions of the file do, and the folder's lock comes first.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Why nothing listens for orders.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error(
        "failed to listen on `{}`: its path is longer than a socket's may be; name a data folder with a shorter path with `--data`",
        path.display()
    )]
    TooLong { path: PathBuf },
    #[error(
        "failed to listen on `{}`: {why}; put the data folder on a local disk that this user may write to",
        path.display()
    )]
    Other { path: PathBuf, why: io::Error },
}

/// Listens on a new socket in the place of whatever an earlier daemon left there; whoever calls this
/// holds the lock of the folder.
pub fn listen(path: &Path) -> Result<UnixListener, SocketError> {
    bind(path).map_err(|why| {
        let path = path.to_owned();
        match why.kind() {
            io::ErrorKind::InvalidInput => SocketError::TooLong { path },
            _ => SocketError::Other { path, why },
        }
    })
}

/// A socket gets the permissions that the process gives by default, for a moment. Nobody else can
/// reach it then: it is born in a folder of its own, which only the owner may enter, and moves out of
/// it with the permissions that it keeps.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let nursery = path.with_file_name(".socket");
    match fs::remove_dir_all(&nursery) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    DirBuilder::new().mode(0o700).create(&nursery)?;
    let born = nursery.join("s");
    let listener = UnixListener::bind(&born);
    let moved = listener.and_then(|listener| {
        fs::set_permissions(&born, Permissions::from_mode(0o600))?;
        fs::rename(&born, path)?;
        Ok(listener)
    });
    fs::remove_dir_all(&nursery)?;
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_its_owners_and_takes_the_place_of_an_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flowtrigger.sock");
        drop(listen(&path).unwrap());
        fs::create_dir(folder.path().join(".socket")).unwrap();
        fs::write(folder.path().join(".socket/s"), "left behind").unwrap();
        let listener = listen(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!folder.path().join(".socket").exists());
        let (accepted, connected) =
            tokio::join!(listener.accept(), tokio::net::UnixStream::connect(&path));
        assert!(accepted.is_ok() && connected.is_ok());
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        let refused = listen(&deep.join("flowtrigger.sock")).unwrap_err();
        assert!(refused.to_string().contains("a shorter path"), "{refused}");
        assert!(!deep.join(".socket").exists());
    }
}
