//! Counts over an offer of what a person should know of it.

use super::super::Manifest;
use super::{Classifier, Concerns, Hidden};

/// Paths that are kept of each sort: what a person reads. The others are counted.
const KEPT: usize = 10;

/// What a person should know of an offer as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// How many different names are at its top, or more where they are not in order.
    pub tops: u32,
    /// Programs and scripts, by their executable bit or their type.
    pub programs: u32,
    /// Those of them whose executable bit is set.
    pub executable: u32,
    /// What is hidden.
    pub hidden: u32,
    /// What would start by itself.
    pub starts_itself: u32,
    /// What needs a yes of its own: hidden at the top, or starting by itself.
    pub needs_yes: u32,
    /// The first of what starts by itself, then of what is hidden beside that, then of the other programs.
    pub first: Vec<Concern>,
}

/// One entry of which a person should know something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// Its path in the offer.
    pub path: Vec<u8>,
    /// What.
    pub concerns: Concerns,
}

/// What an entry is above all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    StartsItself = 0,
    Hidden = 1,
    Program = 2,
}

impl Survey {
    /// Looks at every entry of an offer that would go to one destination.
    #[must_use]
    pub fn of(manifest: &Manifest, classifier: &Classifier) -> Self {
        let mut survey = Self::default();
        let mut first: [Vec<Concern>; 3] = Default::default();
        let mut top = Vec::new();
        manifest.for_each(|_, entry| {
            let path_top = entry.path.split(|byte| *byte == b'/').next();
            let path_top = path_top.unwrap_or_default();
            if survey.tops == 0 || path_top != top {
                survey.tops += 1;
                top.clear();
                top.extend(path_top);
            }
            let concerns = classifier.concerns(entry.path, entry.kind);
            if !concerns.any() {
                return;
            }
            survey.count(concerns, entry.kind.is_executable());
            let kept = &mut first[sort(concerns) as usize];
            if kept.len() < KEPT {
                let path = entry.path.to_owned();
                kept.push(Concern { path, concerns });
            }
        });
        survey.first = first.into_iter().flatten().collect();
        survey
    }

    /// Whether there is anything to know.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.programs > 0 || self.hidden > 0 || self.starts_itself > 0
    }

    fn count(&mut self, concerns: Concerns, executable: bool) {
        self.programs += u32::from(concerns.program);
        self.executable += u32::from(executable);
        self.hidden += u32::from(concerns.hidden != Hidden::No);
        self.starts_itself += u32::from(concerns.starts_itself);
        self.needs_yes += u32::from(concerns.needs_yes());
    }
}

const fn sort(concerns: Concerns) -> Sort {
    if concerns.starts_itself {
        Sort::StartsItself
    } else if matches!(concerns.hidden, Hidden::No) {
        Sort::Program
    } else {
        Sort::Hidden
    }
}
