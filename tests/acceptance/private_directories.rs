//! Data in a directory that is closed to the user that Postgres runs as, like root's home.

use firsthand_tests::{Buyer, Options, Server, binary};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// Whether a process of ours may give its database the right to pass closed directories: it needs none
/// unless we are root, and root in a container mostly has none to give.
fn may_pass() -> bool {
    const DAC_READ_SEARCH: u64 = 1 << 2;
    if !rustix::process::getuid().is_root() {
        return true;
    }
    let status = std::fs::read_to_string("/proc/self/status").expect("this process's status");
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bounding = bounding.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    bounding.expect("the capabilities of this process") & DAC_READ_SEARCH != 0
}

#[tokio::test]
async fn data_may_lie_in_a_private_directory() {
    let closed = std::fs::Permissions::from_mode(0o700);
    let place = tempfile::Builder::new().permissions(closed).tempdir();
    let place = place.expect("a directory that nobody but its owner may enter");
    let data = place.path().join("data");
    if !may_pass() {
        let path = data.to_str().expect("a printable data directory");
        let refused = binary::run(&["dev", "--data", path], &[], Duration::from_secs(60));
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains("outside of private directories"), "{}", refused.stderr);
        return;
    }
    let server = Server::start(Options::at(&data)).await;
    let buyer = Buyer::new(&server).await;
    let job = buyer.photo_job(1, 75).await;
    server.stop().await;
    let server = Server::start(Options::at(&data)).await;
    let buyer = buyer.with_base_url(&server.base_url);
    assert_eq!(buyer.job(&job).await["id"], job.as_str());
    server.verify().await;
    server.stop().await;
}
