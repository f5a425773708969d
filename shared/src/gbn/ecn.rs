//! Explicit congestion notification (RFC 3168), used and validated as QUIC does (RFC 9000, section 13.4).
//!
//! Packets that ask for an acknowledgement leave as ECT(0), and a router that would have to drop one marks it
//! instead. The receiver counts what has arrived how, and says so with each acknowledgement. There are paths
//! that take the codepoint off, mark everything, or drop whatever carries one. So the first few packets of a
//! path are a test, and it is used for as long as the peer's counts fit what was sent.

/// Packets that are sent as ECT(0) before it is known what becomes of them (RFC 9000, section 13.4.2).
const TEST_PACKETS: u64 = 10;

/// Packets with the codepoint lost, with none that arrived since, while one without did: the path drops them.
/// As many in a row get lost on a line that loses a tenth once in 10,000 times.
const BLACK_HOLE: u64 = 4;

/// Rounds in a row in which every packet was marked, after which marks say nothing: a queue that is ours is
/// empty long before, and one that others keep full drops what has no codepoint.
const MARKED_ROUNDS: u32 = 16;

/// The ECN field of an IP header (RFC 3168, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Codepoint {
    /// Not-ECT: routers drop it where they would mark it otherwise.
    #[default]
    NotEct,
    /// ECT(0): its sender understands marks.
    Ect0,
    /// ECT(1), which nobody sends here.
    Ect1,
    /// CE: marked by a router.
    Ce,
}

/// How many packets have arrived as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// As ECT(0).
    pub(super) capable: u64,
    /// As CE.
    pub(super) experienced: u64,
}

impl Counts {
    /// Counts a packet that was taken in. ECT(1) counts as nothing: it was another when it was sent.
    pub(super) const fn add(&mut self, codepoint: Codepoint) {
        match codepoint {
            Codepoint::Ect0 => self.capable += 1,
            Codepoint::Ce => self.experienced += 1,
            Codepoint::NotEct | Codepoint::Ect1 => {}
        }
    }

    pub(super) const fn sum(self) -> u64 {
        self.capable + self.experienced
    }

    /// By how much these are more; `None` if one of them is less.
    const fn since(self, before: Self) -> Option<Self> {
        match (
            self.capable.checked_sub(before.capable),
            self.experienced.checked_sub(before.experienced),
        ) {
            (Some(capable), Some(experienced)) => Some(Self {
                capable,
                experienced,
            }),
            (None, _) | (_, None) => None,
        }
    }
}

/// What is known of the path (RFC 9000, appendix A.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Testing(Test),
    Capable,
    Failed,
}

/// The first packets of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Test {
    sent: u64,
    arrived: u64,
    lost: u64,
    /// Of those that arrived, the marked ones.
    experienced: u64,
}

/// The sender's view of one path.
#[derive(Debug, Clone)]
pub(super) struct Ecn {
    state: State,
    /// Packets before this one were sent on another path.
    since: u64,
    /// With the codepoint, on all paths.
    sent: u64,
    newest_sent: u64,
    /// The newest of these that has arrived, and how many newer ones were lost.
    newest_arrived: Option<u64>,
    lost: u64,
    /// That arrived according to the acknowledgement that is being taken in.
    newly: u64,
    /// As the peer said last.
    counts: Counts,
    /// A round ends when a packet after this one has arrived.
    round_ends: u64,
    /// Whether anything arrived without a mark in this round.
    unmarked_in_round: bool,
    /// Rounds before it in which nothing did.
    marked_rounds: u32,
}

impl Ecn {
    pub(super) const fn new() -> Self {
        Self::on_path(
            0,
            0,
            Counts {
                capable: 0,
                experienced: 0,
            },
        )
    }

    /// The codepoint of a packet that asks for an acknowledgement.
    pub(super) const fn codepoint(&self) -> Codepoint {
        match self.state {
            State::Testing(test) if test.sent < TEST_PACKETS => Codepoint::Ect0,
            State::Capable => Codepoint::Ect0,
            State::Testing(_) | State::Failed => Codepoint::NotEct,
        }
    }

    /// Packets in a row that [`Self::codepoint`] gives the same.
    pub(super) const fn alike(&self) -> usize {
        match self.state {
            State::Testing(test) if test.sent < TEST_PACKETS => (TEST_PACKETS - test.sent) as usize,
            State::Testing(_) | State::Capable | State::Failed => usize::MAX,
        }
    }

    /// A packet was sent with the codepoint.
    pub(super) const fn handle_sent(&mut self, packet_number: u64) {
        self.sent += 1;
        self.newest_sent = packet_number;
        if let State::Testing(test) = &mut self.state {
            test.sent += 1;
        }
    }

    /// A packet that was sent with the codepoint has arrived, however late.
    pub(super) fn handle_arrived(&mut self, packet_number: u64) {
        if packet_number < self.since {
            return;
        }
        self.newly += 1;
        self.newest_arrived = self.newest_arrived.max(Some(packet_number));
        self.lost = 0;
        if let State::Testing(test) = &mut self.state {
            test.arrived += 1;
        }
    }

    /// A packet that was sent with the codepoint was lost, as others that were sent later and arrived show.
    pub(super) fn handle_lost(&mut self, packet_number: u64) {
        if packet_number < self.since {
            return;
        }
        if self
            .newest_arrived
            .is_none_or(|newest| packet_number > newest)
        {
            self.lost += 1;
        }
        let black_hole = self.lost >= BLACK_HOLE;
        match &mut self.state {
            State::Testing(test) => {
                test.lost += 1;
                if black_hole && test.arrived == 0 {
                    self.state = State::Failed;
                } else {
                    self.judge();
                }
            }
            // Or chance, which another test finds out.
            State::Capable if black_hole => self.begin_test(),
            State::Capable | State::Failed => {}
        }
    }

    /// Takes in the counts of an acknowledgement, once [`Self::handle_arrived`] has heard of all that it
    /// says has arrived. Whether the network marked anything that is to be heeded.
    pub(super) fn handle_counts(&mut self, counts: Counts) -> bool {
        let newly = std::mem::take(&mut self.newly);
        let before = std::mem::replace(&mut self.counts, counts);
        let more = counts.since(before);
        let Some(more) = more.filter(|more| more.sum() >= newly && counts.sum() <= self.sent)
        else {
            self.state = State::Failed;
            return false;
        };
        // What else there is was sent on another path.
        let experienced = more.experienced.min(newly);
        match &mut self.state {
            State::Testing(test) => {
                test.experienced += experienced;
                let heeded = experienced > 0 && test.experienced < test.arrived;
                self.judge();
                heeded
            }
            State::Capable => {
                self.follow_rounds(more);
                experienced > 0 && self.state == State::Capable
            }
            State::Failed => false,
        }
    }

    /// Packets that the peer found marked.
    pub(super) const fn experienced(&self) -> u64 {
        self.counts.experienced
    }

    /// The path leads elsewhere; `next` is the number of the first packet on it.
    pub(super) const fn handle_path_change(&mut self, next: u64) {
        *self = Self::on_path(next, self.sent, self.counts);
    }

    const fn on_path(since: u64, sent: u64, counts: Counts) -> Self {
        Self {
            state: State::Testing(Test {
                sent: 0,
                arrived: 0,
                lost: 0,
                experienced: 0,
            }),
            since,
            sent,
            newest_sent: 0,
            newest_arrived: None,
            lost: 0,
            newly: 0,
            counts,
            round_ends: 0,
            unmarked_in_round: false,
            marked_rounds: 0,
        }
    }

    fn begin_test(&mut self) {
        self.state = State::Testing(Test::default());
        self.since = self.newest_sent + 1;
        self.newest_arrived = None;
        self.lost = 0;
    }

    /// Ends the test once it is known what became of all its packets.
    fn judge(&mut self) {
        let State::Testing(test) = self.state else {
            return;
        };
        if test.sent < TEST_PACKETS || test.arrived + test.lost < test.sent {
            return;
        }
        self.state = if test.experienced < test.arrived {
            State::Capable
        } else {
            State::Failed
        };
        self.round_ends = self.newest_sent;
        self.unmarked_in_round = false;
        self.marked_rounds = 0;
    }

    fn follow_rounds(&mut self, more: Counts) {
        self.unmarked_in_round |= more.capable > 0;
        if self.newest_arrived <= Some(self.round_ends) {
            return;
        }
        self.marked_rounds = if self.unmarked_in_round {
            0
        } else {
            self.marked_rounds + 1
        };
        self.round_ends = self.newest_sent;
        self.unmarked_in_round = false;
        if self.marked_rounds >= MARKED_ROUNDS {
            self.state = State::Failed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLACK_HOLE, Codepoint, Counts, Ecn, MARKED_ROUNDS, TEST_PACKETS};

    const fn counts(capable: u64, experienced: u64) -> Counts {
        Counts {
            capable,
            experienced,
        }
    }

    /// Sends so many packets with the codepoint, the first of them under `first`.
    fn send(ecn: &mut Ecn, first: u64, packets: u64) {
        for number in first..first + packets {
            assert_eq!(ecn.codepoint(), Codepoint::Ect0, "{number}");
            ecn.handle_sent(number);
        }
    }

    /// Sends packets, which arrive as `told`; whether that is heeded.
    fn exchange(ecn: &mut Ecn, first: u64, packets: u64, told: Counts) -> bool {
        send(ecn, first, packets);
        for number in first..first + packets {
            ecn.handle_arrived(number);
        }
        ecn.handle_counts(told)
    }

    /// A path that has passed the test.
    fn capable() -> Ecn {
        let mut ecn = Ecn::new();
        assert!(!exchange(
            &mut ecn,
            0,
            TEST_PACKETS,
            counts(TEST_PACKETS, 0)
        ));
        ecn
    }

    #[test]
    fn a_path_is_used_once_the_test_packets_have_arrived() {
        let mut ecn = Ecn::new();
        assert_eq!(ecn.alike(), 10);
        send(&mut ecn, 0, TEST_PACKETS);
        assert_eq!(ecn.codepoint(), Codepoint::NotEct);
        for number in 0..TEST_PACKETS {
            ecn.handle_arrived(number);
        }
        assert!(!ecn.handle_counts(counts(TEST_PACKETS, 0)));
        assert_eq!(ecn.codepoint(), Codepoint::Ect0);
        assert_eq!(ecn.alike(), usize::MAX);
        assert!(!exchange(&mut ecn, 20, 5, counts(15, 0)));
        assert!(exchange(&mut ecn, 25, 5, counts(18, 2)));
        assert!(!exchange(&mut ecn, 30, 5, counts(23, 2)));
        assert_eq!(ecn.experienced(), 2);
    }

    #[test]
    fn a_mark_in_the_test_is_heeded_unless_all_are_marked() {
        let mut ecn = Ecn::new();
        assert!(exchange(&mut ecn, 0, TEST_PACKETS, counts(9, 1)));
        assert_eq!(ecn.codepoint(), Codepoint::Ect0);
        let mut ecn = Ecn::new();
        assert!(!exchange(&mut ecn, 0, TEST_PACKETS, counts(0, 10)));
        assert_eq!(ecn.codepoint(), Codepoint::NotEct);
    }

    #[test]
    fn counts_that_do_not_fit_end_it() {
        // Taken off, changed to ECT(1), fewer than before, more than were sent.
        for told in [
            counts(10, 0),
            counts(14, 0),
            counts(9, 6),
            counts(15, 1),
            counts(u64::MAX >> 16, u64::MAX >> 16),
        ] {
            let mut ecn = capable();
            assert!(!exchange(&mut ecn, 20, 5, told), "{told:?}");
            assert_eq!(ecn.codepoint(), Codepoint::NotEct, "{told:?}");
            assert!(!ecn.handle_counts(counts(15, 9)));
            assert_eq!(ecn.codepoint(), Codepoint::NotEct, "{told:?}");
        }
    }

    #[test]
    fn a_path_that_drops_the_codepoint_is_found_out_by_the_test() {
        let mut ecn = Ecn::new();
        send(&mut ecn, 0, BLACK_HOLE);
        for number in 0..BLACK_HOLE {
            assert_eq!(ecn.codepoint(), Codepoint::Ect0);
            ecn.handle_lost(number);
        }
        assert_eq!(ecn.codepoint(), Codepoint::NotEct);
        // A path that only loses is not.
        let mut ecn = Ecn::new();
        send(&mut ecn, 0, TEST_PACKETS);
        ecn.handle_arrived(0);
        for number in 1..TEST_PACKETS {
            ecn.handle_lost(number);
        }
        assert!(!ecn.handle_counts(counts(1, 0)));
        assert_eq!(ecn.codepoint(), Codepoint::Ect0);
    }

    #[test]
    fn a_path_that_begins_to_drop_it_is_tested_again() {
        let mut ecn = capable();
        send(&mut ecn, 20, 40);
        // In a flow that goes on.
        ecn.handle_arrived(30);
        for number in 20..30 {
            ecn.handle_lost(number);
        }
        assert_eq!(ecn.alike(), usize::MAX);
        for number in 31..31 + BLACK_HOLE {
            ecn.handle_lost(number);
        }
        assert_eq!(ecn.alike(), 10);
        send(&mut ecn, 60, TEST_PACKETS);
        // What was sent before is no part of the test.
        for number in 50..60 {
            ecn.handle_lost(number);
        }
        for number in 60..60 + BLACK_HOLE {
            ecn.handle_lost(number);
        }
        assert_eq!(ecn.codepoint(), Codepoint::NotEct);
        assert_eq!(ecn.alike(), usize::MAX);
    }

    #[test]
    fn another_path_is_tested_by_itself() {
        let mut ecn = capable();
        send(&mut ecn, 20, 5);
        ecn.handle_path_change(25);
        assert_eq!(ecn.alike(), 10);
        // What is left of the old one, which marked.
        for number in 20..25 {
            ecn.handle_arrived(number);
        }
        assert!(!ecn.handle_counts(counts(10, 5)));
        assert!(!exchange(&mut ecn, 25, TEST_PACKETS, counts(20, 5)));
        assert_eq!(ecn.alike(), usize::MAX);
        assert_eq!(ecn.codepoint(), Codepoint::Ect0);
        // One that takes it off, and then one that does not.
        assert!(!exchange(&mut ecn, 40, 5, counts(20, 5)));
        assert_eq!(ecn.codepoint(), Codepoint::NotEct);
        ecn.handle_path_change(50);
        assert!(!exchange(&mut ecn, 50, TEST_PACKETS, counts(30, 5)));
        assert_eq!(ecn.codepoint(), Codepoint::Ect0);
    }

    #[test]
    fn a_path_that_marks_everything_is_not_believed_for_ever() {
        let mut ecn = capable();
        let mut heeded = 0;
        for round in 0..100 {
            if ecn.codepoint() == Codepoint::NotEct {
                break;
            }
            let told = counts(TEST_PACKETS, 5 * (round + 1));
            heeded += u32::from(exchange(&mut ecn, 20 + 5 * round, 5, told));
        }
        assert!((MARKED_ROUNDS - 1..=MARKED_ROUNDS).contains(&heeded));
        assert_eq!(ecn.codepoint(), Codepoint::NotEct);
        // One without a mark in each round is enough.
        let mut ecn = capable();
        for round in 0..100 {
            let told = counts(TEST_PACKETS + round + 1, 4 * (round + 1));
            assert!(exchange(&mut ecn, 20 + 5 * round, 5, told));
        }
        assert_eq!(ecn.codepoint(), Codepoint::Ect0);
    }
}
