//! The command line: clap types only.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use fardrop_shared::name::BadNames;

use crate::engine::command::ConflictPolicy;

/// Where other servers than this machine's own are named; comma-separated.
pub const RENDEZVOUS_VARIABLE: &str = "FARDROP_RENDEZVOUS";

const EXAMPLES: &str = "\
Examples:
  fardrop                               open the window
  fardrop send holiday/ notes.txt       offer a folder and a file; prints a code
  fardrop receive 417-acid-lemon        take what is offered under that code
  fardrop receive                       the same, asking for the code
  fardrop send big.iso --rendezvous rv.example.org:4840
                                        meet over a server of your own
  fardrop rendezvous                    run such a server
  fardrop leftovers                     what was received in part, to go on with or remove
  fardrop doctor                        what this network allows, without another person

Settings: a file in this system's settings folder, or the one that FARDROP_CONFIG names.
An argument wins over an environment variable, and that over the file.
Exit codes: 0 done, 1 failed or not all of it there, 2 wrong usage, 130 interrupted.";

const SEND_EXAMPLES: &str = "\
Examples:
  fardrop send report.pdf               one file
  fardrop send photos/ --once           a folder; stop after the first receiver
  fardrop send photos/ --words 4        a longer code, for a share that stays open
  fardrop send big.iso > code.txt       stdout carries the code alone, if it is not a terminal";

const RECEIVE_EXAMPLES: &str = "\
Examples:
  fardrop receive                       asks for the code, shows the offer, asks before saving
  fardrop receive 417-acid-lemon -o .   into the current folder
  fardrop receive 417 aci lem           capitals, spaces and the rest of each word are optional
  echo 417-acid-lemon | fardrop receive --yes --on-conflict replace
  FARDROP_CODE=417-acid-lemon fardrop receive --yes --json";

const LEFTOVERS_EXAMPLES: &str = "\
Examples:
  fardrop leftovers                     what was received in part, with numbers
  fardrop leftovers resume 2            go on with number 2; asks for a code from its sender
  fardrop leftovers remove 2            remove what number 2 has left, after a question
  fardrop leftovers remove --all --yes
  fardrop leftovers /media/usb          look into a folder that nothing is recorded of
  fardrop leftovers remove /media/usb   remove what is left there

Only unfinished files are removed, and only those that no receive uses. Exit codes: 0 done, 1 not
all of it could be removed, 2 wrong usage.";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  fardrop doctor                        a verdict, and a report to copy
  fardrop doctor --rendezvous rv.example.org:4840
                                        the same, with a server to test against
  fardrop doctor --json --show-addresses
  fardrop doctor --far                  whether BitTorrent's DHT can be used from here

It takes up to five seconds, with --far some two minutes at most. Exit codes: 0 found out, 1 nothing
gets out, or the named server does not answer.";

/// Files straight from one machine to another, end to end encrypted.
#[derive(Debug, Parser)]
#[command(name = "fardrop", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// Open the window, with these files and folders ready to send, or a `fardrop:` link filled in
    #[arg(value_name = "FILE")]
    pub named: Vec<OsString>,
    /// What every action understands.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Offer files and folders under a fresh code
    #[command(visible_alias = "tx", after_help = SEND_EXAMPLES)]
    Send(SendArgs),
    /// Take what is offered under a code
    #[command(visible_alias = "rx", alias = "recv", after_help = RECEIVE_EXAMPLES)]
    Receive(ReceiveArgs),
    /// List what interrupted receives have left here, go on with it, or remove it
    #[command(after_help = LEFTOVERS_EXAMPLES)]
    Leftovers(LeftoversArgs),
    /// Find out what this network allows, without another person
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),
    /// Run a rendezvous server, as `fardrop-rendezvous` does
    Rendezvous(fardrop_rendezvous::Args),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// `fardrop send`.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// Files and folders to offer
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Secret words in the code [default: 2, or as in the settings]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=8))]
    pub words: Option<u8>,
    /// End with the first receiver that has everything
    #[arg(long)]
    pub once: bool,
    /// Count it as done even if something named is left out (unreadable, a link elsewhere, no file)
    #[arg(long)]
    pub allow_missing: bool,
    /// Serve receivers until stopped; the default, unless the settings say otherwise
    #[arg(long, conflicts_with = "once")]
    pub keep: bool,
    /// Print one JSON object a line on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// `fardrop receive`.
#[derive(Debug, Args)]
pub struct ReceiveArgs {
    /// The code; better typed at the prompt where others use this machine
    #[arg(value_name = "CODE")]
    pub code: Vec<String>,
    /// Save into this folder [default: as in the settings, or the folder for downloads]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Accept the offer without a question
    #[arg(short, long)]
    pub yes: bool,
    /// Also take what is hidden at the top or would start by itself, which --yes leaves out
    #[arg(long)]
    pub allow_hidden: bool,
    /// Let programs be run here; with --yes alone they arrive without the right to
    #[arg(long)]
    pub allow_programs: bool,
    /// Count it as done even if the sender leaves something out, or it is left out here
    #[arg(long)]
    pub allow_missing: bool,
    /// Where a name is taken [default: as in the settings, or ask, or skip with --yes]
    #[arg(long, value_name = "POLICY")]
    pub on_conflict: Option<OnConflict>,
    /// Where the folder cannot hold a name [default: as in the settings, or rename]
    #[arg(long, value_name = "POLICY")]
    pub bad_names: Option<OnBadName>,
    /// Try even if the disk says that it has too little room
    #[arg(long)]
    pub ignore_free_space: bool,
    /// Print one JSON object a line on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// `fardrop leftovers`.
#[derive(Debug, Args)]
pub struct LeftoversArgs {
    /// What to do about it; without anything, it is listed.
    #[command(subcommand)]
    pub action: Option<LeftoversAction>,
    /// Look into this folder and all below it, whatever is recorded
    #[arg(value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// Print one JSON object a line on stdout, and nothing else there
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do about what was left behind.
#[derive(Debug, Subcommand)]
pub enum LeftoversAction {
    /// Go on with a receive, into the same folder and with the same options
    Resume(ResumeArgs),
    /// Remove what receives have left, finished files aside
    Remove(RemoveArgs),
}

/// `fardrop leftovers resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// Its number in the list
    #[arg(value_name = "N")]
    pub number: u32,
    /// A code of the same sender, the old one or a new one; better typed at the prompt where others use this machine
    #[arg(value_name = "CODE")]
    pub code: Vec<String>,
    /// Accept the offer without a question
    #[arg(short, long)]
    pub yes: bool,
    /// Also take what is hidden at the top or would start by itself, which --yes leaves out
    #[arg(long)]
    pub allow_hidden: bool,
    /// Let programs be run here; with --yes alone they arrive without the right to
    #[arg(long)]
    pub allow_programs: bool,
}

/// `fardrop leftovers remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Numbers in the list, or folders to look into; `./3` is a folder
    #[arg(value_name = "N|FOLDER", required_unless_present = "all")]
    pub what: Vec<PathBuf>,
    /// All that is listed
    #[arg(long, conflicts_with = "what")]
    pub all: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// `fardrop doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Show addresses, and the names of servers and interfaces; without, the report can be shown to anybody
    #[arg(long)]
    pub show_addresses: bool,
    /// Try BitTorrent's DHT out instead, ten times: strangers' machines then see this one's address
    #[arg(long)]
    pub far: bool,
    /// Print one JSON object on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// What every action understands.
#[derive(Debug, Args)]
pub struct CommonArgs {
    /// Meet over this server; repeat it for several [default: none, found on this network]
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT",
        env = RENDEZVOUS_VARIABLE,
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub rendezvous: Vec<String>,
    /// What carries the bytes
    #[arg(long, global = true, value_name = "KIND", default_value = "auto")]
    pub link: LinkChoice,
    /// Use this local UDP port, for a firewall that allows only one
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Use IPv4 only
    #[arg(long, global = true)]
    pub no_ipv6: bool,
    /// Do not ask routers to open a port
    #[arg(long, global = true)]
    pub no_port_mapping: bool,
    /// Look this long for a connection that was lost
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 90)]
    pub reconnect: u16,
    /// Neither announce this machine on the local network nor look for others there
    #[arg(long, global = true)]
    pub no_mdns: bool,
    /// What this machine is called towards the other person [default: its host name]
    #[arg(
        long,
        global = true,
        value_name = "DEVICE",
        env = "FARDROP_NAME",
        hide_env_values = true
    )]
    pub name: Option<String>,
    /// Print the code and errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Log to stderr; twice for more, thrice for everything (also FARDROP_LOG)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// `--on-conflict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnConflict {
    /// Leave identical files alone, keep both where they differ: `name (1).ext`
    Skip,
    /// Keep both always, identical or not
    Rename,
    /// Replace the old file once the new one is verified
    Replace,
}

/// `--bad-names`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnBadName {
    /// Save under a name near to it, `what?` as `what%3F`, and say so
    Rename,
    /// Leave the file out, and say so
    Skip,
}

/// `--link`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LinkChoice {
    /// QUIC, or Go-Back-N where QUIC does not get through
    Auto,
    /// QUIC and nothing else
    Quic,
    /// Go-Back-N, Fardrop's own, which runs where QUIC cannot
    Gbn,
}

impl From<OnBadName> for BadNames {
    fn from(choice: OnBadName) -> Self {
        match choice {
            OnBadName::Rename => Self::Rename,
            OnBadName::Skip => Self::Skip,
        }
    }
}

impl From<OnConflict> for ConflictPolicy {
    fn from(choice: OnConflict) -> Self {
        match choice {
            OnConflict::Skip => Self::Skip,
            OnConflict::Rename => Self::Rename,
            OnConflict::Replace => Self::Replace,
        }
    }
}

impl From<ConflictPolicy> for OnConflict {
    fn from(policy: ConflictPolicy) -> Self {
        match policy {
            ConflictPolicy::Skip => Self::Skip,
            ConflictPolicy::Rename => Self::Rename,
            ConflictPolicy::Replace => Self::Replace,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Cli, ErrorKind> {
        Cli::try_parse_from(line.split(' ')).map_err(|error| error.kind())
    }

    #[track_caller]
    fn receive(line: &str) -> ReceiveArgs {
        match parse(line).expect("it parses").action {
            Some(Action::Receive(arguments)) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn send(line: &str) -> SendArgs {
        match parse(line).expect("it parses").action {
            Some(Action::Send(arguments)) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn aliases_mean_the_same() {
        assert_eq!(send("fardrop tx a b").paths.len(), 2);
        assert_eq!(receive("fardrop rx 417-acid-lemon").code.len(), 1);
        assert_eq!(receive("fardrop recv 417 acid lemon").code.len(), 3);
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in [
            "fardrop send",
            "fardrop send a --words 1",
            "fardrop send a --words 9",
            "fardrop send a --once --keep",
            "fardrop receive --on-conflict maybe",
            "fardrop receive --port 0",
            "fardrop receive --link tcp",
            "fardrop leftovers remove",
            "fardrop leftovers remove 1 --all",
            "fardrop leftovers resume",
            "fardrop leftovers resume one",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn common_options_go_before_or_after_the_action() {
        let before = parse("fardrop --no-mdns --rendezvous a:1 receive").expect("it parses");
        let after = parse("fardrop receive --no-mdns --rendezvous a:1 --rendezvous b:2,c:3 -vv")
            .expect("it parses");
        assert!(before.common.no_mdns && after.common.no_mdns);
        assert_eq!(before.common.rendezvous, ["a:1"]);
        assert_eq!(after.common.rendezvous, ["a:1", "b:2", "c:3"]);
        assert_eq!(after.common.verbose, 2);
    }

    #[test]
    fn leftovers_are_listed_resumed_and_removed_with_json_before_or_after() {
        for (line, wanted) in [
            ("fardrop leftovers", "list"),
            (
                "fardrop leftovers --json /media/usb",
                "list json /media/usb",
            ),
            ("fardrop leftovers --json remove 1 /media", "remove json"),
            ("fardrop leftovers remove --all --yes --json", "remove json"),
            ("fardrop leftovers resume 2 417-acid-lemon", "resume"),
        ] {
            let Some(Action::Leftovers(arguments)) = parse(line).expect("it parses").action else {
                panic!("{line}");
            };
            let mut got = match &arguments.action {
                None => "list".to_owned(),
                Some(LeftoversAction::Resume(_)) => "resume".to_owned(),
                Some(LeftoversAction::Remove(_)) => "remove".to_owned(),
            };
            if arguments.json {
                got.push_str(" json");
            }
            if let Some(folder) = arguments.folder {
                got.push_str(&format!(" {}", folder.display()));
            }
            assert_eq!(got, wanted, "{line}");
        }
    }

    #[test]
    fn doctor_hides_addresses_unless_asked() {
        for (line, shown) in [
            ("fardrop doctor", false),
            ("fardrop doctor --json --show-addresses", true),
        ] {
            match parse(line).expect("it parses").action {
                Some(Action::Doctor(arguments)) => assert_eq!(arguments.show_addresses, shown),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn without_an_action_it_is_the_window_with_what_is_named() {
        for (line, named) in [
            ("fardrop", &[][..]),
            ("fardrop a.txt b", &["a.txt", "b"]),
            (
                "fardrop fardrop:417-acid-lemon",
                &["fardrop:417-acid-lemon"],
            ),
            ("fardrop --no-mdns -- send", &["send"]),
            ("fardrop a.txt send", &["a.txt", "send"]),
        ] {
            let parsed = parse(line).expect("it parses");
            assert!(parsed.action.is_none(), "{line}");
            assert_eq!(parsed.named, named, "{line}");
        }
        assert!(
            parse("fardrop send a.txt")
                .expect("it parses")
                .named
                .is_empty()
        );
    }
}
