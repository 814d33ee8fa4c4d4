//! A sign of life on a terminal while work takes long. Elsewhere, nothing.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Work that takes less shows nothing.
const PATIENCE: Duration = Duration::from_millis(600);
const TICK: Duration = Duration::from_millis(100);

/// Shows what is being done until it is dropped.
pub struct Progress {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts; shows nothing where standard error is no terminal, or if it is
    /// not wanted.
    pub fn start(what: &str, wanted: bool) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        if !wanted || !std::io::stderr().is_terminal() {
            return Self { done, thread: None };
        }
        let (flag, what) = (Arc::clone(&done), what.to_owned());
        let thread = std::thread::Builder::new()
            .spawn(move || show(&what, &flag))
            .ok();
        Self { done, thread }
    }
}

fn show(what: &str, done: &AtomicBool) {
    let start = Instant::now();
    let mut shown = false;
    while !done.load(Ordering::Relaxed) {
        if start.elapsed() >= PATIENCE {
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r{what} ... {}s", start.elapsed().as_secs());
            let _ = err.flush();
            shown = true;
        }
        std::thread::park_timeout(TICK);
    }
    if shown {
        // Back to the start of the line, and clear it.
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "\r\u{1b}[2K");
        let _ = err.flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
