//! Who the embedded server runs as: Postgres refuses to be root.

use anyhow::{Context, Result, bail};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

/// The user of the server process, if it is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServerUser {
    uid: u32,
    gid: u32,
    /// Whether it may pass directories that are closed to it, such as root's home.
    passes: bool,
}

/// The right to pass any directory, which is also the right to read any file, but none to write. Its
/// superuser alone can use it, on a socket that is ours, and we are root.
const PASS: [&str; 2] = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];

fn from_passwd(name: &str) -> Option<ServerUser> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(ServerUser { uid, gid, passes: false })
}

impl ServerUser {
    /// Returns whom to run as: nobody else unless we are root; then the owner of the directory, or
    /// `postgres`, or `nobody`. Fails if that user can't reach the directory by any right that we can give.
    pub(super) fn choose(directory: &Path) -> Result<Option<Self>> {
        if !rustix::process::getuid().is_root() {
            return Ok(None);
        }
        let owner = std::fs::metadata(directory)
            .ok()
            .map(|found| Self { uid: found.uid(), gid: found.gid(), passes: false })
            .filter(|owner| owner.uid != 0);
        let user = owner.or_else(|| from_passwd("postgres")).or_else(|| from_passwd("nobody"));
        let user =
            user.context("Postgres can't run as root, and there is no other user to run as")?;
        for user in [user, Self { passes: true, ..user }] {
            if user.reaches(directory)? {
                return Ok(Some(user));
            }
        }
        bail!(
            "{} can't be reached by the user that Postgres runs as: \
             choose a data directory outside of private directories with --data",
            directory.display()
        );
    }

    fn reaches(self, directory: &Path) -> Result<bool> {
        let output = command(Some(self), Path::new("stat"), false)
            .arg(directory)
            .output()
            .context("setpriv (of util-linux) can't be run")?;
        Ok(output.status.success())
    }

    /// Gives a path to the user.
    pub(super) fn give(self, path: &Path) -> Result<()> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("{} can't be given to the server's user", path.display()))
    }
}

/// Returns a command that runs `program` as the server's user, without the variables that `PostgreSQL`'s
/// programs would read. With `die_with_us`, the kernel sends SIGQUIT when the thread that spawned it ends:
/// set by setpriv after the change of user, which would clear it.
pub(super) fn command(user: Option<ServerUser>, program: &Path, die_with_us: bool) -> Command {
    let needs_setpriv = user.is_some() || (die_with_us && cfg!(target_os = "linux"));
    let mut command = Command::new(if needs_setpriv { Path::new("setpriv") } else { program });
    for (name, _) in std::env::vars_os() {
        if name.as_bytes().starts_with(b"PG") {
            command.env_remove(name);
        }
    }
    if !needs_setpriv {
        return command;
    }
    if let Some(user) = user {
        command
            .arg(format!("--reuid={}", user.uid))
            .arg(format!("--regid={}", user.gid))
            .arg("--clear-groups");
        if user.passes {
            command.args(PASS);
        }
    }
    if die_with_us {
        command.arg("--pdeathsig=QUIT");
    }
    command.arg("--").arg(program);
    command
}
