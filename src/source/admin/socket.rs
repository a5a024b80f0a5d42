//! Creates the admin socket. Only its owner can connect, from the moment the file exists.
//! The permissions of the file are the only access control.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Why the admin socket is not available.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error(
        "failed to listen on `{}`: the path is too long for a socket; use `--data` to choose a data folder with a shorter path",
        path.display()
    )]
    TooLong { path: PathBuf },
    #[error(
        "failed to listen on `{}`: {why}; use a data folder on a local disk where this user has write access",
        path.display()
    )]
    Other { path: PathBuf, why: io::Error },
}

/// Listens on a new socket and replaces the one of an earlier daemon. The caller must hold the lock of
/// the data folder.
pub fn listen(path: &Path) -> Result<UnixListener, SocketError> {
    bind(path).map_err(|why| {
        let path = path.to_owned();
        match why.kind() {
            io::ErrorKind::InvalidInput => SocketError::TooLong { path },
            _ => SocketError::Other { path, why },
        }
    })
}

/// A new socket has the default permissions of the process until they are changed. To exclude other
/// users in between, the socket is created in a folder that only the owner can enter, and is moved to
/// its path after its permissions are set.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let private = path.with_file_name(".socket");
    match fs::remove_dir_all(&private) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    DirBuilder::new().mode(0o700).create(&private)?;
    let created = private.join("s");
    let listener = UnixListener::bind(&created);
    let moved = listener.and_then(|listener| {
        fs::set_permissions(&created, Permissions::from_mode(0o600))?;
        fs::rename(&created, path)?;
        Ok(listener)
    });
    fs::remove_dir_all(&private)?;
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_socket_is_private_and_replaces_an_older_one() {
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
    async fn a_path_that_is_too_long_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        let error = listen(&deep.join("flowtrigger.sock")).unwrap_err();
        assert!(error.to_string().contains("a shorter path"), "{error}");
        assert!(!deep.join(".socket").exists());
    }
}
