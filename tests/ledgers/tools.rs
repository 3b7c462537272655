//! hledger and bean-check, on texts.

use crate::Balances;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where the programs are, and a place for what they read.
pub struct Tools {
    hledger: PathBuf,
    bean_check: PathBuf,
    place: tempfile::TempDir,
}

fn program(variable: &str) -> PathBuf {
    let path = std::env::var(variable);
    PathBuf::from(path.unwrap_or_else(|_| panic!("{variable} is not set: run cargo xtask ledgers")))
}

/// A day after all entries.
pub const AFTERWARDS: &str = "2999-01-01";

/// Adds to a ledger of beancount what must stand on its accounts when a day begins.
pub fn with_balances(ledger: &str, day: &str, expected: &Balances) -> String {
    let mut text = ledger.to_owned();
    for (account, cents) in expected {
        let sign = if *cents < 0 { "-" } else { "" };
        let (dollars, cents) = (cents.abs() / 100, cents.abs() % 100);
        writeln!(text, "{day} balance {account}  {sign}{dollars}.{cents:02} USD")
            .expect("a string takes everything");
    }
    text
}

impl Tools {
    pub fn find() -> Tools {
        Tools {
            hledger: program("FIRSTHAND_HLEDGER"),
            bean_check: program("FIRSTHAND_BEAN_CHECK"),
            place: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.place.path().join(name);
        std::fs::write(&path, text).expect("the file can be written");
        path
    }

    fn run(program: &Path, arguments: &[&str], file: &Path) -> Output {
        // What the formats hold is UTF-8, whatever the environment says.
        let output =
            Command::new(program).args(arguments).arg(file).env("LC_ALL", "C.UTF-8").output();
        output.unwrap_or_else(|error| panic!("{}: {error}", program.display()))
    }

    fn hledger(&self, arguments: &[&str], text: &str) -> Output {
        let file = self.file("book.journal", text);
        Self::run(&self.hledger, &[arguments, &["-f"]].concat(), &file)
    }

    /// Strictly: every account and currency must be declared.
    pub fn hledger_accepts(&self, text: &str) {
        for arguments in [&["check"][..], &["check", "--strict"], &["check", "ordereddates"]] {
            let output = self.hledger(arguments, text);
            assert!(output.status.success(), "{arguments:?}: {output:?}\n{text}");
        }
    }

    pub fn hledger_refuses(&self, text: &str) {
        let output = self.hledger(&["check", "--strict"], text);
        assert!(!output.status.success(), "accepted:\n{text}");
    }

    /// What hledger says stands on each account when a day begins.
    pub fn hledger_balances(&self, text: &str, day: &str) -> Balances {
        let arguments = ["balance", "--flat", "--no-total", "-O", "csv", "--end", day];
        let output = self.hledger(&arguments, text);
        assert!(output.status.success(), "{output:?}");
        let sheet = String::from_utf8(output.stdout).expect("UTF-8");
        sheet
            .lines()
            .skip(1)
            .map(|line| {
                let line = line.trim_matches('"');
                let (account, amount) = line.split_once("\",\"").expect("two columns");
                let amount = amount.strip_suffix(" USD").expect("dollars");
                let (_, places) = amount.split_once('.').expect("cents");
                assert_eq!(places.len(), 2, "{line}");
                (account.to_owned(), amount.replace('.', "").parse().expect("a number"))
            })
            .collect()
    }

    fn bean_check(&self, text: &str) -> Output {
        Self::run(&self.bean_check, &[], &self.file("book.beancount", text))
    }

    pub fn beancount_accepts(&self, text: &str) {
        let output = self.bean_check(text);
        assert!(output.status.success(), "{output:?}\n{text}");
    }

    pub fn beancount_refuses(&self, text: &str) {
        let output = self.bean_check(text);
        assert!(!output.status.success(), "accepted:\n{text}");
    }
}
