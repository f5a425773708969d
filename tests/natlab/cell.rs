//! A cell of a table: one lab, so many rounds, and what has to come of it.

use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::lab::{Lab, Plan};
use crate::report::{Row, Tally, say};
use crate::round::{Pair, Round, Turn, rounds, small_file};

/// The first home sends to the second; or the first machine of the only home to its second.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// What it is called in a table.
    pub(crate) names: Vec<String>,
    /// The lab.
    pub(crate) plan: Plan,
    /// What both programs are told.
    pub(crate) arguments: &'static [&'static str],
}

impl Cell {
    /// All its rounds, in a lab of its own, each starting afresh. `None` where there can be no lab.
    fn run(&self, file: &Path) -> Result<Option<Tally>> {
        let _turn = Turn::wait();
        let name = self.names.join(" - ");
        let Some(lab) = Lab::build(&name, &self.plan)? else {
            return Ok(None);
        };
        let mut tally = Tally::default();
        for number in 0..rounds() {
            lab.forget()?;
            let round = pair(&lab, self.arguments)
                .run(file)
                .with_context(|| format!("{name}, round {number}"))?;
            if !round.connected() {
                tell(&name, number, &round);
            }
            tally.add(&round);
        }
        tally.add_traffic(lab.traffic());
        lab.close().with_context(|| name.clone())?;
        Ok(Some(tally))
    }
}

/// The first machine of the first home and the last machine of the last home.
pub(crate) fn pair<'a>(lab: &'a Lab, arguments: &'static [&'static str]) -> Pair<'a> {
    let last = lab.homes.last().map(|home| &home.hosts);
    Pair {
        sender: lab.host(0),
        receiver: last
            .and_then(|hosts| hosts.last())
            .unwrap_or_else(|| lab.host(0)),
        server: lab.rendezvous.server(),
        arguments,
    }
}

/// What a round that failed said, for whoever looks for the reason.
fn tell(name: &str, number: usize, round: &Round) {
    let mut story = format!("{name}, round {number}: {:?}", round.failure());
    for account in [&round.sender, &round.receiver] {
        let started = account.times.first();
        for (event, at) in account.events.iter().zip(&account.times) {
            let since = started.map(|started| at.duration_since(*started));
            story.push_str(&format!("\n  {since:?} {event}"));
        }
    }
    say(&story);
}

/// Runs the cells side by side, as many at once as the machine is given. `None` where there can be no
/// lab.
pub(crate) fn run(cells: &[Cell]) -> Result<Option<Vec<Row>>> {
    let folder = tempfile::tempdir()?;
    let file = small_file(folder.path())?;
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| -> Result<()> {
        for (index, cell) in cells.iter().enumerate() {
            let (results, file) = (&results, &file);
            std::thread::Builder::new()
                .name("cell".to_owned())
                .spawn_scoped(scope, move || {
                    let result = cell.run(file);
                    if let Ok(mut results) = results.lock() {
                        results.push((index, result));
                    }
                })?;
        }
        Ok(())
    })?;
    let mut results = results.into_inner().context("a cell panicked")?;
    results.sort_by_key(|(index, _)| *index);
    if results.len() < cells.len() {
        bail!("a cell panicked");
    }
    let mut tallies = Vec::new();
    for (index, result) in results {
        match result? {
            Some(tally) => tallies.push(Row {
                names: cells[index].names.clone(),
                tally,
            }),
            None => return Ok(None),
        }
    }
    Ok(Some(tallies))
}
