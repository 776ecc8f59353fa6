//! The host's watchdog: a device that resets the host unless it is petted in time, and the settings that say which one.
//!
//! Opening it arms it, closing it after the magic letter disarms it. When it may be petted is never decided here.

mod device;
mod metadata;
mod settings;

pub use device::{Watchdog, WatchdogError};
pub use metadata::METADATA;
pub use settings::{Settings, StartDelay, TimeoutAction};
