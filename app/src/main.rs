//! The `fardrop` binary: reads the command line, starts the engine, hands over to the face.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::{CommandFactory, Parser};
use fardrop::args::{Action, Cli, CommonArgs, LeftoversAction, LeftoversArgs};
use fardrop::cli::{self, Console, Context, Exit, Output};
use fardrop::config::{self, Settings};
use fardrop::engine::{self, EngineHandle};
#[cfg(feature = "gui")]
use fardrop::instance::{self, InstanceError, Start, StartRequest};
#[cfg(feature = "gui")]
use fardrop::launch::Launch;
use fardrop::signals::Stop;
use fardrop::text;
#[cfg(feature = "gui")]
use fardrop::{gui, history};
use fardrop_shared::Role;
use tracing_subscriber::EnvFilter;

/// Chooses what is logged where `-v` does not: see `tracing_subscriber`'s `EnvFilter`.
const LOG_VARIABLE: &str = "FARDROP_LOG";

fn main() -> ExitCode {
    let arguments = Cli::parse();
    start_logging(&arguments);
    let exit = run(arguments).unwrap_or_else(|error| {
        // Whoever read the output has gone; there is nobody to tell.
        if !is_broken_pipe(&error) {
            let _ = writeln!(io::stderr(), "{error:#}");
        }
        Exit::Failed
    });
    ExitCode::from(exit.code())
}

fn run(arguments: Cli) -> Result<Exit> {
    let Cli {
        action,
        named,
        common,
    } = arguments;
    match action {
        None => open_window(named, common),
        Some(Action::Rendezvous(server)) => {
            // One thread: a datagram costs a few hashes.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(fardrop_rendezvous::run(&server, |_| {}))?;
            Ok(Exit::Done)
        }
        Some(Action::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "fardrop", &mut script);
            io::stdout().write_all(&script)?;
            Ok(Exit::Done)
        }
        Some(Action::Send(send)) => {
            let output = Output {
                json: send.json,
                quiet: common.quiet,
                verbose: common.verbose > 0,
            };
            with_engine(&common, output, Role::Sender, |context| {
                cli::send(&send, context)
            })
        }
        Some(Action::Doctor(doctor)) => {
            let output = Output {
                json: doctor.json,
                quiet: common.quiet,
                verbose: common.verbose > 0,
            };
            // Of the two, it is the receiver who goes out to look for the other.
            with_engine(&common, output, Role::Receiver, |context| {
                cli::doctor(&doctor, context)
            })
        }
        Some(Action::Leftovers(leftovers)) => {
            let output = Output {
                json: leftovers.json,
                quiet: common.quiet,
                verbose: common.verbose > 0,
            };
            see_to_leftovers(&leftovers, &common, output)
        }
        Some(Action::Receive(receive)) => {
            let output = Output {
                json: receive.json,
                quiet: common.quiet,
                verbose: common.verbose > 0,
            };
            with_engine(&common, output, Role::Receiver, |context| {
                cli::receive(&receive, context)
            })
        }
    }
}

/// Starts what both faces of a transfer need, and ends it in an orderly way.
fn with_engine(
    common: &CommonArgs,
    output: Output,
    role: Role,
    face: impl FnOnce(Context<'_>) -> Result<Exit>,
) -> Result<Exit> {
    let Some(settings) = load_or_tell()? else {
        return Ok(Exit::Usage);
    };
    let stop = Stop::on_signals().context("signals cannot be watched")?;
    let console = Console::standard();
    let engine: EngineHandle = match engine::start(settings.engine_config(common), Arc::new(|| {}))
    {
        Ok(engine) => engine,
        Err(failure) => return cli::start_failed(failure, role, output, console.streams),
    };
    face(Context {
        engine: &engine,
        console,
        settings: &settings,
        output,
        stop: &stop,
    })
}

/// Lists or removes what interrupted receives have left, or goes on with one.
fn see_to_leftovers(
    arguments: &LeftoversArgs,
    common: &CommonArgs,
    output: Output,
) -> Result<Exit> {
    let Some(settings) = load_or_tell()? else {
        return Ok(Exit::Usage);
    };
    let memory = settings.engine_config(common).memory;
    if let Some(LeftoversAction::Resume(resume)) = &arguments.action {
        return with_engine(common, output, Role::Receiver, |context| {
            cli::resume(resume, memory, context)
        });
    }
    let stop = Stop::on_signals().context("signals cannot be watched")?;
    cli::leftovers(arguments, memory, Console::standard(), output, &stop)
}

/// The settings; `None` if they cannot be used, which has been said then.
fn load_or_tell() -> Result<Option<Settings>> {
    match load_settings() {
        Ok(settings) => Ok(Some(settings)),
        Err(error) => {
            let line = text::settings_broken(&error.to_string());
            writeln!(io::stderr(), "{line}")?;
            Ok(None)
        }
    }
}

/// Opens the window, or hands what was named to the one that is open already.
#[cfg(feature = "gui")]
fn open_window(named: Vec<OsString>, arguments: CommonArgs) -> Result<Exit> {
    let request = match StartRequest::from_named(named) {
        Ok(request) => request,
        Err(name) => {
            let line = text::cannot_open(&name.to_string_lossy());
            writeln!(io::stderr(), "{line}")?;
            return Ok(Exit::Usage);
        }
    };
    let instance = match instance::folder().map(|folder| instance::start(&folder, &request)) {
        Some(Ok(Start::HandedOver)) => return Ok(Exit::Done),
        Some(Ok(Start::First(instance))) => Some(instance),
        Some(Err(InstanceError::Silent(error))) => {
            let line = text::window_silent(&error.to_string());
            writeln!(io::stderr(), "{line}")?;
            return Ok(Exit::Failed);
        }
        // A window that others do not find is better than none.
        Some(Err(error @ InstanceError::Folder { .. })) => {
            tracing::warn!(%error, "later starts will not find this one");
            None
        }
        None => None,
    };
    let settings_file = config::settings_file(std::env::var_os(config::CONFIG_VARIABLE));
    let (settings, settings_problem) = match load_settings() {
        Ok(settings) => (settings, None),
        Err(error) => (Settings::default(), Some(error)),
    };
    gui::run(Launch {
        start_request: request,
        instance,
        settings,
        settings_file,
        settings_problem,
        history_file: history::history_file(),
        arguments,
        stop: Stop::on_signals().context("signals cannot be watched")?,
    })?;
    Ok(Exit::Done)
}

/// Says that this program was built without a window.
#[cfg(not(feature = "gui"))]
fn open_window(_: Vec<OsString>, _: CommonArgs) -> Result<Exit> {
    writeln!(io::stderr(), "{}", text::NO_WINDOW)?;
    Ok(Exit::Failed)
}

fn load_settings() -> Result<Settings, config::ConfigError> {
    match config::settings_file(std::env::var_os(config::CONFIG_VARIABLE)) {
        Some(file) => Settings::load(&file),
        None => Ok(Settings::default()),
    }
}

/// Logs to stderr; never codes or keys. Where a person reads text, errors only by default; a server
/// has nothing else to say.
fn start_logging(arguments: &Cli) {
    let chosen = std::env::var(LOG_VARIABLE).ok();
    let server = matches!(arguments.action, Some(Action::Rendezvous(_)));
    let filter = match (arguments.common.verbose, chosen.as_deref()) {
        (0, Some(filter)) if !filter.is_empty() => filter,
        (0, _) if server && !arguments.common.quiet => "info",
        (0, _) => "error",
        (1, _) => "warn,fardrop=info,fardrop_shared=info,fardrop_rendezvous=info",
        (2, _) => "warn,fardrop=debug,fardrop_shared=debug,fardrop_rendezvous=debug",
        (_, _) => "debug,fardrop=trace,fardrop_shared=trace,fardrop_rendezvous=trace",
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .init();
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
