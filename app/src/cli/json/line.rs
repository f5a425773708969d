//! The lines of `--json`: their fields, in the order in which they are written.

use std::borrow::Cow;

use serde::Serialize;

/// What a person should know of one entry of an offer.
#[derive(Serialize)]
pub(super) struct ConcernLine<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) is: Vec<&'static str>,
}

/// One line. The tag is serialised first, the fields in this order.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Line<'a> {
    Code {
        code: &'a str,
        uri: &'a str,
    },
    Scanned {
        files: u64,
        bytes: u64,
        #[serde(skip_serializing_if = "is_zero")]
        links: u64,
        left_out: u64,
        #[serde(skip_serializing_if = "is_zero")]
        closed_folders: u64,
    },
    LeftOut {
        #[serde(skip_serializing_if = "Option::is_none")]
        session: Option<u64>,
        name: &'a str,
        message: String,
    },
    Rung {
        session: u64,
        rung: &'a str,
        state: &'a str,
        detail: &'a str,
    },
    WrongGuess {
        attempts_left: u8,
    },
    Crowded,
    Server {
        server: &'a str,
        known: bool,
    },
    Paired {
        session: u64,
        device: &'a str,
    },
    Path {
        session: u64,
        kind: &'a str,
        link: &'a str,
        rtt_ms: f64,
        peer: String,
    },
    Offer {
        session: u64,
        files: u64,
        bytes: u64,
        folders: u64,
        #[serde(skip_serializing_if = "is_zero")]
        links: u64,
        kept: u64,
        conflicts: u64,
        #[serde(skip_serializing_if = "is_zero")]
        unnamed: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        free: Option<u64>,
        #[serde(skip_serializing_if = "is_zero")]
        left_out: u64,
        #[serde(skip_serializing_if = "is_zero")]
        closed_folders: u64,
        #[serde(skip_serializing_if = "is_zero")]
        programs: u64,
        #[serde(skip_serializing_if = "is_zero")]
        executable: u64,
        #[serde(skip_serializing_if = "is_zero")]
        hidden: u64,
        #[serde(skip_serializing_if = "is_zero")]
        self_starting: u64,
        #[serde(skip_serializing_if = "is_zero")]
        need_yes: u64,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        concerns: Vec<ConcernLine<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        destination: Option<Cow<'a, str>>,
        top_names: &'a [String],
        #[serde(skip_serializing_if = "is_zero")]
        more_top_names: u64,
    },
    Renamed {
        session: u64,
        name: &'a str,
        place: &'a str,
    },
    Unnamed {
        session: u64,
        name: &'a str,
    },
    Progress {
        session: u64,
        bytes: u64,
        total: u64,
        rate: f64,
        files: u64,
        files_total: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        proving: Option<ProvingLine>,
    },
    FileFailed {
        session: u64,
        name: &'a str,
        kind: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        message: String,
    },
    Warning {
        session: u64,
        kind: &'a str,
        count: u64,
        name: &'a str,
        message: String,
    },
    Accepted {
        session: u64,
        files: u64,
        bytes: u64,
    },
    Paused {
        session: u64,
        by: &'a str,
    },
    Resumed {
        session: u64,
    },
    Interrupted {
        session: u64,
        kept: u64,
        reason: &'a str,
    },
    Done {
        session: u64,
        files: u64,
        bytes: u64,
        sent: u64,
        resumed: u64,
        seconds: f64,
        kind: &'a str,
        link: &'a str,
        failed_files: u64,
        #[serde(skip_serializing_if = "is_zero")]
        renamed: u64,
        #[serde(skip_serializing_if = "is_zero")]
        left_out: u64,
        #[serde(skip_serializing_if = "is_zero")]
        closed_folders: u64,
    },
    Failed {
        #[serde(skip_serializing_if = "Option::is_none")]
        session: Option<u64>,
        stage: &'a str,
        kind: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        retry: bool,
        message: String,
    },
    Ended {
        outcome: &'a str,
    },
}

/// What of a progress is about the proof of what is there already.
#[derive(Serialize)]
pub(super) struct ProvingLine {
    pub(super) done: u64,
    pub(super) total: u64,
}

/// Whether a field that says how much is missing has nothing to say.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a field's value over by reference"
)]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}
