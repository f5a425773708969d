//! The engine's side of the queue of events and of the board with the newest progress, from which a face
//! learns what happens.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::event::{
    Event, Progress, RATE_SPAN, Receipt, SessionEvent, SessionNumber, ShareEvent, TaskEvent,
    TaskNumber,
};
use super::handle::ProgressBoard;
use crate::failure::Failure;

/// How often a full queue is looked at again while the face catches up.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// Least time between two times that progress wakes a face, whatever the number of sessions: ten times a
/// second is as often as it can be read.
const WAKE_INTERVAL: Duration = Duration::from_millis(100);

/// Called whenever there is something new for a face: an event or progress.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Passes events and progress on to the face, and wakes it.
pub(super) struct Reporter {
    events: SyncSender<Event>,
    board: ProgressBoard,
    wake: Wake,
    /// When progress last woke the face, and whether there is newer.
    woken: Mutex<(Option<Instant>, bool)>,
    sessions: AtomicU64,
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").finish_non_exhaustive()
    }
}

impl Reporter {
    pub(super) const fn new(events: SyncSender<Event>, board: ProgressBoard, wake: Wake) -> Self {
        Self {
            events,
            board,
            wake,
            woken: Mutex::new((None, false)),
            sessions: AtomicU64::new(0),
        }
    }

    /// A number for a new session.
    pub(super) fn next_session(&self) -> SessionNumber {
        SessionNumber(self.sessions.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Tells the face what happens to a share.
    pub(super) async fn tell_share(&self, task: TaskNumber, event: ShareEvent) {
        self.tell_task(task, TaskEvent::Share(event)).await;
    }

    /// Tells the face what happens to a task.
    pub(super) async fn tell_task(&self, task: TaskNumber, event: TaskEvent) {
        self.tell(Event::Task(task, event)).await;
    }

    /// Tells the face what happens between this machine and one peer.
    pub(super) async fn tell_session(&self, session: SessionNumber, event: SessionEvent) {
        self.tell(Event::Session(session, event)).await;
    }

    /// Tells the face how a session ended: what crossed and where it is, or why it failed.
    pub(super) async fn tell_end(
        &self,
        task: TaskNumber,
        session: SessionNumber,
        ended: Result<(Receipt, Vec<PathBuf>), Failure>,
    ) {
        match ended {
            Ok((receipt, places)) => {
                let done = SessionEvent::Done { receipt, places };
                self.tell_session(session, done).await;
            }
            Err(failure) => {
                let session = Some(session);
                let failed = TaskEvent::Failed { session, failure };
                self.tell_task(task, failed).await;
            }
        }
    }

    /// Tells; waits while the face is behind, and stops trying when it is gone.
    async fn tell(&self, event: Event) {
        let mut event = event;
        loop {
            match self.events.try_send(event) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => break,
                Err(TrySendError::Full(unsent)) => event = unsent,
            }
            tokio::time::sleep(FULL_QUEUE_PAUSE).await;
        }
        (self.wake)();
    }

    /// Leaves the newest progress of a session for the face to find.
    pub(super) fn progress(&self, session: SessionNumber, progress: Progress) {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.insert(session, progress);
        drop(board);
        self.woken().1 = true;
        self.catch_up(Instant::now());
    }

    /// Wakes the face for progress that it was not woken for so far, if it is time.
    pub(super) fn catch_up(&self, now: Instant) {
        let mut woken = self.woken();
        let (last, newer) = *woken;
        let due = last.is_none_or(|last| now.saturating_duration_since(last) >= WAKE_INTERVAL);
        if newer && due {
            *woken = (Some(now), false);
            drop(woken);
            (self.wake)();
        }
    }

    fn woken(&self) -> std::sync::MutexGuard<'_, (Option<Instant>, bool)> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session is over.
    pub(super) fn forget(&self, session: SessionNumber) {
        self.board
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&session);
    }
}

/// The mean rate of the last three seconds, or of the time since bytes began to move if that is less: a
/// wait for a person says nothing about the line.
#[derive(Debug, Default)]
pub(super) struct Rate {
    samples: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// Takes in that `bytes` in all have crossed by `now`; gives the rate, in bytes per second.
    pub(super) fn sample(&mut self, now: Instant, bytes: u64) -> f64 {
        let still = self.samples.iter().all(|(_, before)| *before == bytes);
        if still {
            self.samples.clear();
        }
        self.samples.push_back((now, bytes));
        // The oldest sample kept is the newest that is at least the span old.
        while self
            .samples
            .get(1)
            .is_some_and(|(at, _)| now.duration_since(*at) >= RATE_SPAN)
        {
            self.samples.pop_front();
        }
        let Some((since, before)) = self.samples.front() else {
            return 0.0;
        };
        let elapsed = now.duration_since(*since).as_secs_f64();
        if elapsed > 0.0 {
            bytes.saturating_sub(*before) as f64 / elapsed
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc::sync_channel;

    use super::super::event::{Progress, SessionNumber};
    use super::super::handle::ProgressBoard;
    use super::{Arc, Duration, Instant, Rate, Reporter, WAKE_INTERVAL};

    #[test]
    fn progress_of_many_sessions_wakes_no_more_than_ten_times_a_second() {
        let (events, _told) = sync_channel(1);
        let wakes = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&wakes);
        let wake = Arc::new(move || _ = counted.fetch_add(1, Ordering::Relaxed));
        let reporter = Reporter::new(events, ProgressBoard::default(), wake);
        let start = Instant::now();
        for session in 1..=1000 {
            let progress = Progress {
                bytes: session,
                total: 1000,
                files: 0,
                files_total: 1,
                rate: 0.0,
                proving: None,
            };
            reporter.progress(SessionNumber(session), progress);
        }
        let most = start.elapsed().as_millis() / WAKE_INTERVAL.as_millis() + 1;
        let woken = wakes.load(Ordering::Relaxed);
        assert!((1..=most).contains(&woken.into()), "{woken}, not {most}");
        // What it was not woken for is made up for, once.
        let later = Instant::now() + WAKE_INTERVAL;
        reporter.catch_up(later);
        reporter.catch_up(later + WAKE_INTERVAL);
        assert!(wakes.load(Ordering::Relaxed) <= woken + 1);
    }

    #[test]
    fn a_rate_is_the_mean_of_three_seconds() {
        let start = Instant::now();
        let mut rate = Rate::default();
        assert!(rate.sample(start, 0).abs() < f64::EPSILON);
        for tenth in 1..=100_u64 {
            let now = start + Duration::from_millis(100 * tenth);
            let bytes = if tenth <= 50 { 100 * tenth } else { 5000 };
            let value = rate.sample(now, bytes);
            if tenth == 50 {
                assert!((value - 1000.0).abs() < 1.0, "{value}");
            }
            if tenth >= 81 {
                assert!(value.abs() < f64::EPSILON, "still {value} after {tenth}");
            }
        }
        assert!(rate.samples.len() <= 32);
    }

    #[test]
    fn a_wait_before_the_first_byte_does_not_slow_the_rate() {
        let start = Instant::now();
        let mut rate = Rate::default();
        for half in 0..=20 {
            let value = rate.sample(start + Duration::from_millis(500 * half), 0);
            assert!(value.abs() < f64::EPSILON);
        }
        let value = rate.sample(start + Duration::from_millis(10_200), 2000);
        assert!((value - 10_000.0).abs() < 1.0, "{value}");
        // Nor does a rest in the middle, once the rate has come down to nothing.
        for half in 1..=7 {
            rate.sample(start + Duration::from_millis(10_200 + 500 * half), 2000);
        }
        let value = rate.sample(start + Duration::from_millis(13_900), 3000);
        assert!((value - 5000.0).abs() < 1.0, "{value}");
    }
}
