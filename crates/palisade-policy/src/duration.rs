//! ISO 8601 durations as people write them in a policy: `PT24H`, `P7D`.

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// The longest duration a policy may name: ten years.
const MAX: SignedDuration = SignedDuration::from_hours(24 * 3660);

/// Reads a positive duration. A day is 24 hours; months and years have no fixed length and are
/// refused.
pub(crate) fn parse(text: &str) -> Result<SignedDuration, String> {
    let iso = text.starts_with('P');
    let span: Span = text
        .parse()
        .ok()
        .filter(|_| iso)
        .ok_or_else(|| format!("`{text}` is not an ISO 8601 duration"))?;
    if span.get_months() != 0 || span.get_years() != 0 {
        return Err(format!(
            "`{text}` counts months or years, whose length differs"
        ));
    }
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| format!("`{text}` is too long"))?;
    if duration <= SignedDuration::ZERO || duration > MAX {
        return Err(format!("`{text}` is not between a moment and ten years"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days_are_read() {
        assert_eq!(parse("PT24H"), parse("P1D"));
        assert_eq!(parse("P1W"), Ok(SignedDuration::from_hours(168)));
    }

    #[test]
    fn what_has_no_length_is_refused() {
        for bad in [
            "", "24h", "P", "PT0S", "-PT1H", "P1M", "P1Y", "P999999D", "1 day",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
