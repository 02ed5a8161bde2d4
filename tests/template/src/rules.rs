//! The rules.

pub mod access;
pub mod alarms;
pub mod api;
pub mod functions;
pub mod references;
pub mod schedules;
pub mod secrets;
pub mod storage;
