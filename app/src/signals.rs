//! Ctrl-C and its kin, as a wish to stop that anyone may look at.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Exit code of a program that its user interrupted: 128 and the number of SIGINT.
const INTERRUPTED: i32 = 130;

/// The person's wish to stop. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Wish>);

#[derive(Default)]
struct Wish {
    raised: AtomicBool,
    teller: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl fmt::Debug for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wish").field(&self.raised).finish()
    }
}

impl Stop {
    /// Raised by SIGINT, SIGTERM and SIGHUP (Ctrl-C elsewhere) from now on. The second of them ends
    /// the process at once: whoever repeats it does not want to wait for the peer to be told.
    ///
    /// # Errors
    /// When the system does not let signals be handled.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        let raised = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let mut signals = {
            let _inside = runtime.enter();
            Signals::new()?
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    signals.next().await;
                    raised.request();
                    signals.next().await;
                    std::process::exit(INTERRUPTED);
                });
            })?;
        Ok(stop)
    }

    /// Calls `tell`, from whatever thread, when it is raised from now on: for whoever sleeps until told.
    /// Only the last one is called.
    pub fn tell(&self, tell: impl Fn() + Send + 'static) {
        let mut teller = self.0.teller.lock().unwrap_or_else(PoisonError::into_inner);
        *teller = Some(Box::new(tell));
    }

    /// Raises the wish to stop.
    pub fn request(&self) {
        self.0.raised.store(true, Ordering::Relaxed);
        let teller = self.0.teller.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tell) = teller.as_ref() {
            tell();
        }
    }

    /// Whether the wish to stop was raised.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.raised.load(Ordering::Relaxed)
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            // Under nohup a share outlives its terminal, as its owner asked.
            hang_up: if hang_up_ignored() {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            },
        })
    }

    async fn next(&mut self) {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hang_up => {}
        }
    }
}

/// Whether this process was started with SIGHUP ignored. Only Linux says so without unsafe code.
#[cfg(unix)]
fn hang_up_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let mask = status
                .lines()
                .find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        })
        // SIGHUP is signal 1, the lowest bit.
        .is_some_and(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
