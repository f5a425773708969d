//! What is said of what a person should know of an offer before they take it.

use fardrop_shared::name::lossy;

use super::{count, grouped, name, shown};
use crate::engine::event::{Concern, Concerns, Hidden, OfferRow, OfferSummary, Survey};

/// Names of each sort that are shown with their number.
const NAMES_SHOWN: usize = 3;

/// Longest path of a folder that is shown, in characters; of a longer one, its beginning.
const FOLDER_LIMIT: usize = 400;

/// Of something that is hidden.
pub const HIDDEN: &str = "hidden";

/// Of something that would start by itself.
pub const STARTS_ITSELF: &str = "starts by itself";

/// Of something that may run.
pub const PROGRAM: &str = "program";

/// Asks for a yes to what is hidden at the top of an offer, or would start by itself.
pub const HIDDEN_PROMPT: &str = "Take these as well? [y/N] ";

/// Asks for a yes to programs.
pub const PROGRAMS_PROMPT: &str = "May they be run here? [y/N] ";

/// What to know of an offer, the worst first: a line for each sort, with some of the names.
#[must_use]
pub fn concerns(survey: &Survey) -> Vec<String> {
    let of = |belongs: fn(Concerns) -> bool| {
        let first = survey.first.iter();
        first.filter(move |concern| belongs(concern.concerns))
    };
    let starting = count(
        survey.starts_itself.into(),
        "thing would start by itself here, or be obeyed",
        "things would start by themselves here, or be obeyed",
    );
    let hidden = count(
        survey.hidden.into(),
        "name is hidden (begins with a dot)",
        "names are hidden (begin with a dot)",
    );
    let programs = count(
        survey.programs.into(),
        "program or script",
        "programs or scripts",
    );
    [
        (
            survey.starts_itself,
            starting,
            names(of(|of| of.starts_itself), survey.starts_itself),
        ),
        (
            survey.hidden,
            hidden,
            names(of(|of| of.hidden != Hidden::No), survey.hidden),
        ),
        (
            survey.programs,
            programs,
            names(of(|of| of.program), survey.programs),
        ),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(_, what, names)| format!("Careful: {what}{names}."))
    .collect()
}

/// The first of some names, and how many more there are of `all`.
fn names<'a>(first: impl Iterator<Item = &'a Concern>, all: u32) -> String {
    let shown: Vec<String> = first
        .take(NAMES_SHOWN)
        .map(|concern| name(&lossy(&concern.path)))
        .collect();
    if shown.is_empty() {
        return String::new();
    }
    let more = u64::from(all).saturating_sub(shown.len() as u64);
    let more = if more > 0 {
        format!(" and {} more", grouped(more))
    } else {
        String::new()
    };
    format!(": {}{more}", shown.join(", "))
}

/// Where an offer would go: a line.
#[must_use]
pub fn offer_goes_into(offer: &OfferSummary) -> Option<String> {
    let folder = offer.destination.as_ref()?;
    Some(format!(
        "It goes into {}.",
        shown(&folder.to_string_lossy(), FOLDER_LIMIT)
    ))
}

/// How many names at the top are not shown: a line.
#[must_use]
pub fn more_top_names(offer: &OfferSummary) -> Option<String> {
    let more = u64::from(offer.survey.tops).saturating_sub(offer.top_names.len() as u64);
    (more > 0).then(|| format!("    and {} more", grouped(more)))
}

/// Before the question whether what is hidden at the top, or would start by itself, is taken.
#[must_use]
pub fn hidden_question(survey: &Survey) -> String {
    let number = count(
        survey.needs_yes.into(),
        "thing in it is hidden or would start by itself",
        "things in it are hidden or would start by themselves",
    );
    let needing = survey.first.iter();
    let needing = needing.filter(|concern| concern.concerns.needs_yes());
    format!("{number}{}.", names(needing, survey.needs_yes))
}

/// Before the question whether programs may be executed.
#[must_use]
pub fn programs_question(survey: &Survey) -> String {
    let number = count(
        survey.executable.into(),
        "file in it is marked as a program",
        "files in it are marked as programs",
    );
    format!("{number}.")
}

/// What is hidden, or would start by itself, is not taken.
#[must_use]
pub fn hidden_left_out(survey: &Survey) -> String {
    let number = count(
        survey.needs_yes.into(),
        "thing that is hidden or would start by itself is left out",
        "things that are hidden or would start by themselves are left out",
    );
    format!("{number}: --allow-hidden takes such things.")
}

/// Programs arrive, and may not be executed.
#[must_use]
pub fn programs_disarmed(survey: &Survey) -> String {
    let number = count(
        survey.executable.into(),
        "program arrives without the right to be run",
        "programs arrive without the right to be run",
    );
    format!("{number}: --allow-programs leaves it to them.")
}

/// One entry of an offer in the list of all: a line.
#[must_use]
pub fn offer_row(row: &OfferRow) -> String {
    let marks: String = marks(row.concerns)
        .map(|mark| format!("[{mark}] "))
        .collect();
    let end = if row.folder {
        "/".to_owned()
    } else if row.link {
        " (link)".to_owned()
    } else {
        format!(" ({})", super::size(row.bytes))
    };
    format!("    {marks}{}{end}", name(&row.name))
}

/// The list of all goes on after this: a line. `None` at its end.
#[must_use]
pub fn offer_goes_on(shown: u64, all: u64) -> Option<String> {
    let more = all.saturating_sub(shown);
    (more > 0).then(|| format!("    {} more: l again goes on.", grouped(more)))
}

/// The marks of an entry, the worst first.
pub fn marks(concerns: Concerns) -> impl Iterator<Item = &'static str> {
    let marks = [
        (concerns.starts_itself, STARTS_ITSELF),
        (concerns.hidden != Hidden::No, HIDDEN),
        (concerns.program, PROGRAM),
    ];
    marks
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, mark)| mark)
}
