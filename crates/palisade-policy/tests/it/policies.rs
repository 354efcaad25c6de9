//! Ready policies.
