//! Trains and measures the small heads of Farthing's local models.
//!
//! Settings are chosen on validation rows and probabilities calibrated on them; the test rows are
//! for the report. Every head's file says where it comes from, and `FIGURES.md` where test rows were
//! seen more than once while a head was designed.

pub mod answerability;
pub mod bench;
pub mod calibrate;
pub mod complexity;
pub mod data;
pub mod embeddings;
pub mod figures;
pub mod fit;
pub mod gain;
pub mod head_file;
pub mod measure;
pub mod pairs;
pub mod peers;
pub mod pin;
pub mod quality;
mod quality_report;
pub mod quality_rows;
pub mod report;
pub mod screen;
