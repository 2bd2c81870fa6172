//! What routing knows beyond the catalog: how the links are, and which numbers are with another carrier than the catalog
//! says.

mod health;
mod learned;

pub use health::{Health, LinkView, LiveHealth, Report, keep_watched};
pub use learned::{Learned, Lesson, LessonKind};
