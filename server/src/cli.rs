//! The command line (spec section 21).

use crate::config::{Config, Flags};
use crate::production::Role;
use crate::webhook_cli::listen::{self, Listen};
use crate::webhook_cli::sig::{self, Verify};
use crate::webhook_cli::trigger::{self, Trigger};
use crate::{demo, dev, maintenance, output, production, values};
use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// An event-sourced ledger service that implements the `FirstHandAPI` product.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    /// Log more: -v info, -vv debug. `FIRSTHAND_LOG` sets a filter instead.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    #[command(flatten)]
    flags: GlobalFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct GlobalFlags {
    /// Data directory of the embedded services [default: .firsthand].
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file [default: firsthand.toml in the current directory, if there is one].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole main job on real media, step by step, and check every result.
    Demo {
        /// One JSON object for each step.
        #[arg(long)]
        json: bool,
    },
    /// Run everything in one process on embedded defaults, until stopped.
    Dev {
        /// Address and port; port 0 takes a free one [default: 127.0.0.1:8080].
        #[arg(long, value_name = "ADDR:PORT", value_parser = values::address)]
        listen: Option<String>,
        /// Use a temporary data directory and remove it at the end.
        #[arg(long)]
        ephemeral: bool,
        /// Print one JSON object when ready.
        #[arg(long)]
        json: bool,
    },
    /// Run in production: `DATABASE_URL`, S3 and secrets from the configuration.
    Serve {
        /// Address and port [default: 127.0.0.1:8080].
        #[arg(long, value_name = "ADDR:PORT", value_parser = values::address)]
        listen: Option<String>,
        /// What this process does.
        #[arg(long, value_delimiter = ',', default_value = "api,projections,workers")]
        roles: Vec<Role>,
        /// Serve without rate limits.
        #[arg(long)]
        allow_unlimited: bool,
    },
    /// Bring the database's schema up to date.
    Migrate,
    /// Derive everything from the events again and compare; exit code 3 on any difference.
    Verify {
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Rebuild a projection from the events and switch to it.
    Rebuild {
        /// The projection, or `all`.
        #[arg(value_parser = PossibleValuesParser::new(maintenance::projections()))]
        name: String,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Register workers.
    Worker {
        #[command(subcommand)]
        command: WorkerCommand,
    },
    /// Stream webhook events and post each, signed, to a local program.
    Listen(Listen),
    /// Make a test event of a type.
    Trigger(Trigger),
    /// Check webhook signatures.
    Sig {
        #[command(subcommand)]
        command: SigCommand,
    },
    /// Print the effective configuration and where each value comes from.
    Config,
}

#[derive(Debug, Subcommand)]
enum SigCommand {
    /// Say of each signature whether it verifies and, if not, why; exit code 3 if one does not.
    Verify(Verify),
}

#[derive(Debug, Subcommand)]
enum WorkerCommand {
    /// Register a worker and print its token.
    Create {
        /// The worker's name.
        #[arg(long)]
        name: String,
        /// Where the worker is, as US-NY.
        #[arg(long)]
        region: String,
        /// The worker's e-mail address [default: a made-up one].
        #[arg(long)]
        email: Option<String>,
        /// The running service [default: the configured listen address].
        #[arg(long, value_parser = values::http_url)]
        url: Option<String>,
    },
}

/// Runs the command that was given.
pub(crate) async fn run(cli: Cli) -> Result<ExitCode> {
    let mut flags = Flags { data_dir: cli.flags.data, file: cli.flags.config, listen: None };
    match cli.command {
        Command::Demo { json } => demo::run(&Config::load(&flags)?, json).await,
        Command::Dev { listen, ephemeral, json } => {
            flags.listen = listen;
            dev::run(&Config::load(&flags)?, ephemeral, json).await
        }
        Command::Serve { listen, roles, allow_unlimited } => {
            flags.listen = listen;
            production::run(&Config::load(&flags)?, &roles, allow_unlimited).await
        }
        Command::Migrate => maintenance::migrate(&Config::load(&flags)?).await,
        Command::Verify { json } => maintenance::verify(&Config::load(&flags)?, json).await,
        Command::Rebuild { name } => maintenance::rebuild(&Config::load(&flags)?, &name).await,
        Command::Openapi => {
            output::text(firsthand_api::openapi::text())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Worker { command: WorkerCommand::Create { name, region, email, url } } => {
            let config = Config::load(&flags)?;
            maintenance::create_worker(&config, &name, &region, email, url).await
        }
        Command::Listen(listen) => listen::run(&Config::load(&flags)?, &listen).await,
        Command::Trigger(trigger) => trigger::run(&Config::load(&flags)?, &trigger).await,
        Command::Sig { command: SigCommand::Verify(verify) } => sig::run(&verify),
        Command::Config => {
            output::line(Config::load(&flags)?.explain())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
