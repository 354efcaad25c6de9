//! The answer: text for people, JSON for programs.

pub mod json;
mod schema;
mod text;

use palisade_ui::{Format, Printer};

use crate::publish::Published;
pub use schema::schema;

pub(crate) fn print(
    format: Format,
    document: &json::Document,
    published: &Published,
    policy: &str,
    printer: Printer,
) {
    match format {
        Format::Json => printer.json(document),
        Format::Text => text::print(document, published, policy, printer),
    }
}
