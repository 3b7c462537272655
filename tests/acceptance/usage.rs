//! The command line and the configuration: what makes no sense is refused before anything begins.

use firsthand_tests::binary::{self, Finished};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn wrong_usage_exits_with_2() {
    let cases: &[&[&str]] = &[
        &["rebuild", "nosuch"],
        &["rebuild"],
        &["serve", "--roles", "bogus"],
        &["serve", "--roles", "api,bogus"],
        &["serve", "--listen", "garbage"],
        &["dev", "--ephemeral", "--listen", "garbage"],
        &["dev", "--ephemeral", "--listen", "127.0.0.1"],
        &["dev", "--ephemeral", "--listen", ":8080"],
        &["dev", "--ephemeral", "--listen", "127.0.0.1:99999"],
        &["worker", "create", "--name", "W", "--region", "US-NY", "--url", "somewhere"],
        &["sig", "verify", "--secret", "whsec_", "--header", "no colon"],
        &["nosuch"],
    ];
    for arguments in cases {
        let finished = binary::run(arguments, &[], LIMIT);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
    }
}

#[test]
fn what_can_be_rebuilt_is_named() {
    let finished = binary::run(&["rebuild", "nosuch"], &[], LIMIT);
    for name in ["credit_transactions", "webhook_events", "all"] {
        assert!(finished.stderr.contains(name), "{finished:?}");
    }
}

#[test]
fn a_reader_may_leave_before_the_end() {
    let mut child = binary::command()
        .arg("openapi")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    drop(output);
    let finished = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&finished.stderr).into_owned();
    assert_eq!((finished.status.code(), stderr.as_str()), (Some(0), ""));
}

/// Prints the configuration that a file makes.
fn config(file: &str, environment: &[(&str, &str)]) -> Finished {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("firsthand.toml");
    std::fs::write(&path, file).expect("the file can be written");
    let path = path.to_str().expect("a printable path");
    binary::run(&["config", "--config", path], environment, LIMIT)
}

#[test]
fn a_setting_that_makes_no_sense_is_refused_by_name() {
    let short = "00".repeat(31);
    let odd = "0".repeat(65);
    for (name, value) in [
        ("parts", "99"),
        ("listen", "zzz"),
        ("webhook_retry_ms", "foo"),
        ("webhook_ports", "443,99999"),
        ("rate_limits", "true"),
        ("rate_limit_worker_per_minute", "many"),
        ("client_address_header", "two words"),
        ("priority_windows", "yes"),
        ("submissions_per_day", "0"),
        ("earnings_hold_seconds", "-1"),
        ("sandbox_delay_ms", "soon"),
        ("public_url", "example.com"),
        ("s3_endpoint", "minio:9000"),
        ("stripe_live_secret_key", "alone"),
        ("master_key", ""),
        ("master_key", &short),
        ("master_key", &odd),
        ("master_key", &"x".repeat(64)),
        ("operator_token", ""),
        ("operator_token", " "),
    ] {
        let finished = config(&format!("{name} = \"{value}\"\n"), &[]);
        assert_eq!(finished.code, Some(1), "{name} = {value}: {finished:?}");
        assert!(finished.stderr.contains(name), "{name} = {value}: {finished:?}");
        let variable = format!("FIRSTHAND_{}", name.to_uppercase());
        let finished = config("", &[(variable.as_str(), value)]);
        assert_eq!(finished.code, Some(1), "{variable}={value}: {finished:?}");
        let shown = value.len() > 60 && finished.stderr.contains(value);
        assert!(!shown, "{variable}: a secret was shown");
    }
}

#[test]
fn figures_must_make_sense_even_where_no_limit_is_in_force() {
    let file = "rate_limits = \"off\"\nrate_limit_worker_per_minute = \"many\"\n";
    let finished = config(file, &[]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("rate_limit_worker_per_minute"), "{finished:?}");
}

#[test]
fn a_setting_that_does_not_exist_is_refused_by_name() {
    for (name, file) in [
        ("rate_limit", "rate_limit = \"on\"\n"),
        ("Parts", "Parts = 2\n"),
        ("server", "[server]\nlisten = \"127.0.0.1:0\"\n"),
        ("parts", "[parts]\nnumber = 2\n"),
        ("webhook_ports", "webhook_ports = [443]\n"),
    ] {
        let finished = config(file, &[]);
        assert_eq!(finished.code, Some(1), "{file}: {finished:?}");
        assert!(finished.stderr.contains(name), "{file}: {finished:?}");
    }
}

#[test]
fn a_configuration_that_makes_sense_is_printed_with_its_sources() {
    let file = "parts = 4\nrate_limits = \"off\"\nlisten = \"localhost:0\"\n";
    let finished = config(file, &[("FIRSTHAND_PARTS", "8"), ("FIRSTHAND_PUBLIC_URL", "")]);
    finished.expect_clean();
    for line in ["parts = \"8\"  # environment", "rate_limits = \"off\"  # ", "public_url = (not"] {
        assert!(finished.stdout.contains(line), "{line}: {}", finished.stdout);
    }
}
