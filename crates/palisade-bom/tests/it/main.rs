//! What bills of materials are held against: the official test suites of their specifications.

mod purl;
