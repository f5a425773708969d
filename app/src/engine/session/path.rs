//! A session's path as the face is told of it: the ladder while it is looked for, and what becomes of it
//! while it is used.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::event::{PathKind, RungState, SessionEvent, SessionNumber, Transport};
use crate::engine::failures::path_failure;
use crate::engine::report::Reporter;
use crate::failure::{Failure, FailureKind, Stage};
use crate::net::{FoundPath, Path, PathError, PathNews, Search};

/// What a session runs over.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Route {
    pub(in crate::engine) kind: PathKind,
    pub(in crate::engine) link: Transport,
}

/// Follows a session's path and tells of it.
#[derive(Debug)]
pub(in crate::engine) struct PathWatch {
    reporter: Arc<Reporter>,
    session: SessionNumber,
    search: Search,
    /// The steps of the ladder that are being tried, and whether one has worked.
    rungs: BTreeMap<PathKind, RungState>,
    newest: Option<FoundPath>,
    link: Transport,
    lost: bool,
    give_up_once: Option<watch::Receiver<bool>>,
}

impl PathWatch {
    pub(in crate::engine) const fn new(
        reporter: Arc<Reporter>,
        session: SessionNumber,
        search: Search,
    ) -> Self {
        Self {
            reporter,
            session,
            search,
            rungs: BTreeMap::new(),
            newest: None,
            link: Transport::Quic,
            lost: false,
            give_up_once: None,
        }
    }

    pub(in crate::engine) const fn session(&self) -> SessionNumber {
        self.session
    }

    /// What the session runs over now.
    pub(in crate::engine) fn route(&self) -> Route {
        Route {
            kind: self.newest.map_or(PathKind::Punched, |path| path.kind),
            link: self.link,
        }
    }

    /// Where the peer is reached.
    pub(in crate::engine) fn peer(&self) -> Option<SocketAddr> {
        Some(self.newest?.remote)
    }

    /// Does not look for a lost path any more once this is true.
    pub(in crate::engine) fn give_up_once(&mut self, condition: watch::Receiver<bool>) {
        self.give_up_once = Some(condition);
    }

    /// Waits for the first path.
    pub(in crate::engine) async fn find(&mut self) -> Result<Path, Failure> {
        loop {
            match self.search.next().await {
                Ok(PathNews::Found(report)) => {
                    self.newest = Some(report);
                    // The driver has put it there before it said so.
                    return self
                        .search
                        .path(&report)
                        .ok_or_else(|| Failure::new(Stage::Path, FailureKind::Local));
                }
                Ok(PathNews::Trying(kind)) => self.climb(kind, RungState::Trying, None).await,
                Ok(PathNews::Works(kind, rtt)) => {
                    self.climb(kind, RungState::Works, Some(rtt)).await;
                }
                Ok(PathNews::Lost) => {}
                Err(error) => {
                    self.tell_what_failed().await;
                    return Err(path_failure(error));
                }
            }
        }
    }

    /// The transport runs, and has measured this round-trip time.
    pub(in crate::engine) async fn on_link(&mut self, link: Transport, rtt: Duration) {
        self.link = link;
        if let Some(path) = &mut self.newest {
            path.rtt = Some(rtt);
        }
        self.tell_path().await;
    }

    /// Tells what becomes of the path, for as long as it is polled; `kept` is what a transfer has, if one
    /// runs. Resolves when the path is lost for good.
    pub(in crate::engine) async fn follow(&mut self, kept: impl Fn() -> Option<u64>) -> Failure {
        loop {
            let hopeless = async {
                match &mut self.give_up_once {
                    Some(condition) if self.lost => {
                        // Whoever set the condition is gone: that is an end as well.
                        let _ = condition.wait_for(|met| *met).await;
                    }
                    Some(_) | None => std::future::pending().await,
                }
            };
            let news = tokio::select! {
                news = self.search.next() => news,
                () = hopeless => Err(PathError::PeerGone),
            };
            match news {
                Ok(PathNews::Lost) => {
                    self.lost = true;
                    if let Some(kept) = kept() {
                        self.reporter
                            .tell_session(self.session, SessionEvent::Interrupted { kept })
                            .await;
                    }
                }
                Ok(PathNews::Found(report)) => {
                    self.lost = false;
                    self.newest = Some(report);
                    if kept().is_some() {
                        self.tell_path().await;
                    }
                }
                Ok(PathNews::Trying(kind)) => self.climb(kind, RungState::Trying, None).await,
                Ok(PathNews::Works(kind, rtt)) => {
                    self.climb(kind, RungState::Works, Some(rtt)).await;
                }
                Err(error) => return path_failure(error),
            }
        }
    }

    async fn climb(&mut self, rung: PathKind, state: RungState, rtt: Option<Duration>) {
        // That one address of a kind works is not undone by trying another.
        if self.rungs.get(&rung) == Some(&RungState::Works) {
            return;
        }
        self.rungs.insert(rung, state);
        let detail = rtt.map(|rtt| format!("{:.1} ms", rtt.as_secs_f64() * 1000.0));
        self.tell_rung(rung, state, detail.unwrap_or_default())
            .await;
    }

    async fn tell_what_failed(&mut self) {
        for (rung, state) in std::mem::take(&mut self.rungs) {
            if state == RungState::Trying {
                self.tell_rung(rung, RungState::Failed, String::new()).await;
            }
        }
    }

    async fn tell_rung(&self, rung: PathKind, state: RungState, detail: String) {
        let session = self.session;
        self.reporter
            .tell_session(
                session,
                SessionEvent::Rung {
                    rung,
                    state,
                    detail,
                },
            )
            .await;
    }

    async fn tell_path(&self) {
        if let Some(path) = &self.newest {
            self.reporter
                .tell_session(
                    self.session,
                    SessionEvent::Path {
                        kind: path.kind,
                        link: self.link,
                        rtt: path.round_trip(),
                        peer: path.remote,
                    },
                )
                .await;
        }
    }
}
