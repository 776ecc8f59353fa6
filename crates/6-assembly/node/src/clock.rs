//! The real clock: the only place where a member's time comes from.

use model::{Now, Timestamp};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Counts from the start of the daemon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// The same moment on the machine's monotonic clock, which other processes read as well.
    machine: Duration,
}

impl Clock {
    pub fn start() -> Self {
        let machine = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let machine = Duration::new(machine.tv_sec.unsigned_abs(), machine.tv_nsec.unsigned_abs() as u32);
        Self { start: Instant::now(), machine }
    }

    /// Returns a monotonic time as the machine's other processes know it.
    pub fn machine(&self, monotonic: Duration) -> Duration {
        self.machine + monotonic
    }

    /// Returns both times.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now { monotonic: self.start.elapsed(), wall: Timestamp(wall.as_micros() as i64) }
    }

    /// Returns the instant of a monotonic time.
    pub fn instant(&self, monotonic: Duration) -> Instant {
        // A wish for the far future is as good as none.
        self.start + monotonic.min(Duration::from_secs(30 * 365 * 86_400))
    }
}
