//! Facts and plans as people and programs see them: text, XML, JSON, DOT and SVG.
//!
//! Everything here is a function from values to text; nothing is read, decided or changed. Forms that programs parse
//! are Pacemaker's: `crm_mon` as of 2.1.5, `crm_simulate` as of 3.0.2. The zone and the moment of a display are arguments.

mod bans;
mod brief;
mod bundle;
mod clones;
mod cluster_status;
mod cluster_summary;
mod dot;
mod fence_history;
mod group;
mod histories;
mod html;
mod lines;
mod look;
mod node_list;
mod one_line;
mod patch_text;
mod plan_text;
mod plan_xml;
mod primitive;
mod recorded_operations;
mod resource_list;
mod show;
mod status_json;
mod status_xml;
mod steps;
mod svg;
mod times;

pub use cluster_status::StatusView;
pub use cluster_summary::MAINTENANCE;
pub use dot::{Picture, dot};
pub use html::{Page, page};
pub use lines::Lines;
pub use patch_text::patch_text;
pub use plan_text::{change_lines, score_line, score_lines};
pub use plan_xml::{change_element, modifications, score_element, step_element};
pub use recorded_operations::OperationChoice;
pub use show::{Filter, Sections, Show};
pub use steps::{NodeChange, Step, TicketChange};
pub use svg::svg;
pub use times::{iso_time, readable_interval, text_time};
