//! What was measured, as tables that people read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::lab::Traffic;
use crate::round::Round;

/// With this set, the page beside this file is written anew.
const WRITE_VARIABLE: &str = "FARDROP_NATLAB_WRITE";

/// The page, and the line under which everything is measured.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/natlab/README.md");
const MEASURED: &str = "<!-- What follows is written by the tests. -->\n";

/// A cell with what it is called.
#[derive(Debug)]
pub(crate) struct Row {
    /// One for each head of the table.
    pub(crate) names: Vec<String>,
    /// What it came to.
    pub(crate) tally: Tally,
}

/// Says something where the harness shows it only with `--nocapture` or when a test fails.
#[expect(
    clippy::print_stdout,
    reason = "the harness keeps what is printed, and nothing else"
)]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// What one cell came to.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    rounds: usize,
    connected: usize,
    rungs: BTreeMap<String, usize>,
    failures: BTreeMap<String, usize>,
    path: Vec<Duration>,
    offer: Vec<Duration>,
    done: Vec<Duration>,
    carried: u64,
    late: u64,
}

impl Tally {
    /// Counts in what the core did meanwhile.
    pub(crate) fn add_traffic(&mut self, traffic: &Traffic) {
        self.carried += traffic.carried.load(Ordering::Relaxed);
        self.late += traffic.late.load(Ordering::Relaxed);
    }

    /// Counts a round in.
    pub(crate) fn add(&mut self, round: &Round) {
        self.rounds += 1;
        if !round.connected() {
            let failure = round.failure().unwrap_or("unfinished").to_owned();
            *self.failures.entry(failure).or_default() += 1;
            return;
        }
        self.connected += 1;
        let rung = round.rung().unwrap_or("none").to_owned();
        *self.rungs.entry(rung).or_default() += 1;
        self.path.extend(round.to_path());
        self.offer.extend(round.to_offer());
        self.done.extend(round.to_done());
    }

    /// Rounds in which everything arrived.
    pub(crate) fn connected(&self) -> usize {
        self.connected
    }

    /// All rounds.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds
    }

    /// How often a rung carried a transfer.
    pub(crate) fn by_rung(&self, rung: &str) -> usize {
        self.rungs.get(rung).copied().unwrap_or(0)
    }

    /// Rounds with a path within this time of both being ready.
    pub(crate) fn within(&self, limit: Duration) -> usize {
        self.path.iter().filter(|time| **time <= limit).count()
    }

    /// What the cell says in a table: count, rungs, and the median and the 95th percentile in ms.
    fn cells(&self) -> [String; 5] {
        let outcomes: Vec<(&String, &usize)> = self.rungs.iter().chain(&self.failures).collect();
        let names: Vec<String> = outcomes
            .iter()
            .map(|(name, count)| match outcomes.len() {
                1 => name.to_string(),
                _ => format!("{name} {count}"),
            })
            .collect();
        [
            format!("{}/{}", self.connected, self.rounds),
            names.join(", "),
            pair(&self.path),
            pair(&self.offer),
            pair(&self.done),
        ]
    }
}

fn pair(times: &[Duration]) -> String {
    match (percentile(times, 0.5), percentile(times, 0.95)) {
        (Some(median), Some(most)) => format!("{} / {}", median.as_millis(), most.as_millis()),
        (None, _) | (_, None) => "-".to_owned(),
    }
}

/// The smallest of these that at least this share of them does not exceed.
pub(crate) fn percentile(times: &[Duration], share: f64) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort();
    let index =
        (0..sorted.len()).find(|index| (index + 1) as f64 >= share * sorted.len() as f64)?;
    Some(sorted[index])
}

/// A table: its heads and its rows.
#[derive(Debug, Default)]
struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
    note: String,
}

static TABLES: Mutex<BTreeMap<String, Table>> = Mutex::new(BTreeMap::new());

/// Writes down the tallies of a section, each with what it is of (as many words as there are heads).
pub(crate) fn tallies(section: &str, of: &[&str], all: &[Row]) -> Result<()> {
    let measured = ["connected", "by", "path, ms", "offer, ms", "done, ms"];
    let heads = of.iter().chain(&measured).map(ToString::to_string);
    let rows = all.iter().map(|row| {
        let mut cells = row.names.clone();
        cells.extend(row.tally.cells());
        cells
    });
    let table = Table {
        heads: heads.collect(),
        rows: rows.collect(),
        note: lateness(all),
    };
    write_down(section, table)
}

/// How well the core kept its times, which is what the figures can be no better than.
fn lateness(rows: &[Row]) -> String {
    let carried: u64 = rows.iter().map(|row| row.tally.carried).sum();
    let late: u64 = rows.iter().map(|row| row.tally.late).sum();
    let share = 100.0 * late as f64 / carried.max(1) as f64;
    format!("\nOf {carried} packets {share:.1} % left the core more than 1 ms late.\n")
}

/// Writes down a table of a section: to stdout, to `target`, and to the page if told to. Sections come
/// in the order of their names.
pub(crate) fn table(section: &str, heads: Vec<String>, rows: Vec<Vec<String>>) -> Result<()> {
    let note = String::new();
    write_down(section, Table { heads, rows, note })
}

fn write_down(section: &str, table: Table) -> Result<()> {
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    tables.insert(section.to_owned(), table);
    say(&tables[section].text(section)?);
    let mut all = String::new();
    for (section, table) in tables.iter() {
        all.push_str(&table.text(section)?);
    }
    let folder = target()?.join("natlab");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("matrix.md"), &all)?;
    if std::env::var_os(WRITE_VARIABLE).is_some() {
        let page = std::fs::read_to_string(PAGE)?;
        let (head, _) = page
            .split_once(MEASURED)
            .context("the page has lost its mark")?;
        std::fs::write(PAGE, format!("{head}{MEASURED}\n{}", all.trim_start()))?;
    }
    Ok(())
}

/// The folder `target` that this test was built in.
fn target() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.ancestors().nth(3).context("not in a target folder")?;
    Ok(folder.to_owned())
}

impl Table {
    fn text(&self, section: &str) -> Result<String> {
        let mut text = format!("\n## {section}\n\n");
        writeln!(text, "| {} |", self.heads.join(" | "))?;
        writeln!(text, "|{}", "---|".repeat(self.heads.len()))?;
        for row in &self.rows {
            writeln!(text, "| {} |", row.join(" | "))?;
        }
        text.push_str(&self.note);
        Ok(text)
    }
}
