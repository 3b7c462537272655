//! The three faults, and the processes they hit.

use crate::product::Product;
use crate::support::Rng;
use firsthand_tests::server::signal;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

/// How deep below the data directory the database's pid file may lie.
const DEPTH: usize = 4;

/// What is killed in a cycle. Each ends with the server dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server.
    Server,
    /// The postmaster, then the server so many milliseconds later.
    Postmaster(u64),
    /// One process of the database, which then restarts by itself, and the server so many milliseconds later.
    Backend(u64),
}

impl Fault {
    /// One of the three, each as likely as the others.
    pub(crate) fn drawn(rng: &mut Rng) -> Fault {
        match rng.between(0, 2) {
            0 => Fault::Server,
            1 => Fault::Postmaster(rng.between(0, 80)),
            _ => Fault::Backend(rng.between(50, 300)),
        }
    }

    /// Lets it happen. An error means that the fault could not be made, which is the harness's failure.
    pub(crate) async fn strike(
        self,
        product: Product,
        data: &Path,
        rng: &mut Rng,
    ) -> Result<(), String> {
        match self {
            Fault::Server => (),
            Fault::Postmaster(later) => {
                signal(postmaster(data)?, Signal::KILL);
                sleep(Duration::from_millis(later)).await;
            }
            Fault::Backend(later) => {
                let backends = children(postmaster(data)?)?;
                if backends.is_empty() {
                    return Err("the postmaster has no child to kill".to_owned());
                }
                signal(backends[rng.index(backends.len())], Signal::KILL);
                sleep(Duration::from_millis(later)).await;
            }
        }
        product.kill().await;
        Ok(())
    }
}

/// The postmaster that works in this data directory. A process id out of a stale file is refused: it may be anybody's.
fn postmaster(data: &Path) -> Result<u32, String> {
    let file =
        found(data, DEPTH).ok_or_else(|| format!("no postmaster.pid below {}", data.display()))?;
    let text =
        std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let first = text.lines().next().unwrap_or_default().trim();
    let pid: u32 =
        first.parse().map_err(|error| format!("{}: {first:?}: {error}", file.display()))?;
    let home = std::fs::read_link(format!("/proc/{pid}/cwd"))
        .map_err(|error| format!("postmaster {pid}: {error}"))?;
    let data = data.canonicalize().map_err(|error| format!("{}: {error}", data.display()))?;
    if home.starts_with(&data) {
        Ok(pid)
    } else {
        Err(format!("process {pid} works in {}", home.display()))
    }
}

fn found(below: &Path, depth: usize) -> Option<PathBuf> {
    let file = below.join("postmaster.pid");
    if file.is_file() {
        return Some(file);
    }
    let folders = std::fs::read_dir(below)
        .ok()?
        .flatten()
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
    depth
        .checked_sub(1)
        .and_then(|left| folders.map(|e| e.path()).find_map(|folder| found(&folder, left)))
}

/// The processes whose parent this is.
fn children(parent: u32) -> Result<Vec<u32>, String> {
    let entries = std::fs::read_dir("/proc").map_err(|error| format!("/proc: {error}"))?;
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let mut found: Vec<u32> = pids.filter(|pid| parent_of(*pid) == Some(parent)).collect();
    found.sort_unstable();
    Ok(found)
}

/// The parent's process id: the second field behind the command's name, which may hold anything but ends at the last
/// parenthesis.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_faults_are_equally_likely() {
        let mut rng = Rng::lane(7, 1);
        let mut counts = [0_u32; 3];
        for _ in 0..3_000 {
            match Fault::drawn(&mut rng) {
                Fault::Server => counts[0] += 1,
                Fault::Postmaster(later) => counts[1] += u32::from(later <= 80),
                Fault::Backend(later) => counts[2] += u32::from((50..=300).contains(&later)),
            }
        }
        assert_eq!(counts.iter().sum::<u32>(), 3_000);
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_pid_file_is_found_below_and_a_foreign_process_is_refused() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let cluster = root.path().join("pg").join("cluster");
        std::fs::create_dir_all(&cluster).expect("folders");
        assert!(postmaster(root.path()).is_err_and(|why| why.contains("no postmaster.pid")));
        std::fs::write(cluster.join("postmaster.pid"), format!("{}\n/x\n", std::process::id()))
            .expect("a file");
        assert_eq!(found(root.path(), DEPTH), Some(cluster.join("postmaster.pid")));
        assert!(postmaster(root.path()).is_err_and(|why| why.contains("works in")));
    }
}
