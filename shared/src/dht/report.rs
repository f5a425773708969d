//! What trying the DHT out has shown: whether two who know nothing of each other but a key meet there, and how fast.

use std::time::Duration;

use super::votes::Outside;

/// The part of the tries that has to succeed before it is said to work, in percent.
const GOOD_PERCENT: usize = 90;

/// What was found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Names of entrances that were looked up, and those that lead to no address.
    pub names: usize,
    /// Of these, names that lead to no address.
    pub unresolved: usize,
    /// Nodes that were known from an earlier time.
    pub remembered: usize,
    /// Nodes that are known now.
    pub known: usize,
    /// The tries, in order.
    pub tries: Vec<Try>,
    /// Where the socket is seen from outside, in each family.
    pub outside: Vec<Outside>,
}

/// An item put by one client and looked for by another that was told nothing but its key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Try {
    /// How long it took the one that puts to know its neighbours.
    pub entered: Duration,
    /// Nodes that answered meanwhile.
    pub answered: usize,
    /// How long the put took, the search for its place included.
    pub put: Duration,
    /// Nodes that keep the item.
    pub stored: usize,
    /// How long it took the other to have the item; `None` if it was not found.
    pub got: Option<Duration>,
}

impl Try {
    /// How long it took to know one's neighbours, if anybody answered.
    #[must_use]
    pub fn entered(&self) -> Option<Duration> {
        (self.answered > 0).then_some(self.entered)
    }

    /// How long the put took, if anybody keeps the item.
    #[must_use]
    pub fn put(&self) -> Option<Duration> {
        (self.stored > 0).then_some(self.put)
    }
}

/// Whether two people would meet by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nearly every time.
    Works,
    /// Not every time.
    Sometimes,
    /// Nodes answer, and nothing that is put is found.
    KeepsNothing,
    /// No node answers.
    Silent,
    /// No name of an entrance leads to an address, and no node is known.
    NoEntrance,
}

impl Verdict {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Sometimes => "sometimes",
            Self::KeepsNothing => "keeps-nothing",
            Self::Silent => "silent",
            Self::NoEntrance => "no-entrance",
        }
    }
}

impl Report {
    /// What it comes to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let got = self.tries.iter().filter(|each| each.got.is_some()).count();
        let answered = self.tries.iter().any(|each| each.answered > 0);
        if got * 100 >= self.tries.len() * GOOD_PERCENT && got > 0 {
            Verdict::Works
        } else if got > 0 {
            Verdict::Sometimes
        } else if answered {
            Verdict::KeepsNothing
        } else if self.unresolved == self.names && self.remembered == 0 {
            Verdict::NoEntrance
        } else {
            Verdict::Silent
        }
    }

    /// The median of what each try took, over those of which it is known.
    pub fn median(&self, of: impl Fn(&Try) -> Option<Duration>) -> Option<Duration> {
        let mut times: Vec<Duration> = self.tries.iter().filter_map(of).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(answered: usize, got: &[bool]) -> Report {
        let each = |got: &bool| Try {
            answered,
            got: got.then_some(Duration::from_millis(5)),
            ..Try::default()
        };
        Report {
            names: 2,
            tries: got.iter().map(each).collect(),
            ..Report::default()
        }
    }

    #[test]
    fn a_verdict_says_how_often_it_worked() {
        assert_eq!(tries(8, &[true; 10]).verdict(), Verdict::Works);
        let mut got = [true; 10];
        got[3] = false;
        assert_eq!(tries(8, &got).verdict(), Verdict::Works);
        got[4] = false;
        assert_eq!(tries(8, &got).verdict(), Verdict::Sometimes);
        assert_eq!(tries(8, &[false; 10]).verdict(), Verdict::KeepsNothing);
        assert_eq!(tries(0, &[false]).verdict(), Verdict::Silent);
        assert_eq!(tries(0, &[]).verdict(), Verdict::Silent);
        let nowhere = Report {
            unresolved: 2,
            ..tries(0, &[])
        };
        assert_eq!(nowhere.verdict(), Verdict::NoEntrance);
    }

    #[test]
    fn a_median_is_of_what_is_known() {
        let mut report = tries(8, &[true, false, true, true]);
        report.tries[2].got = Some(Duration::from_millis(9));
        assert_eq!(
            report.median(|each| each.got),
            Some(Duration::from_millis(5))
        );
        assert_eq!(report.median(|_| None), None);
    }
}
