//! Dates of TOML, which are RFC 3339 ⇄ `time`, to the millisecond.

use super::error::KeyFileError;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};
use toml::value::Datetime;

/// Returns the moment, or what is wrong with it. What is finer than a millisecond is cut off: the
/// ring has no more.
pub(crate) fn from_toml(date: &Datetime) -> Result<OffsetDateTime, &'static str> {
    let Datetime { date: Some(_), time: Some(mut clock), offset: Some(_) } = *date else {
        return Err("is not a moment in time: write it like 2026-11-21T00:00:00Z, with the Z");
    };
    clock.second.get_or_insert(0);
    let text = Datetime { time: Some(clock), ..*date }.to_string();
    OffsetDateTime::parse(&text, &Rfc3339)
        .ok()
        // `time` would take a leap second for the moment before it.
        .filter(|_| clock.second != Some(60))
        .and_then(|moment| moment.checked_to_offset(UtcOffset::UTC))
        .filter(|moment| moment.year() >= 0)
        .and_then(|moment| moment.replace_millisecond(moment.millisecond()).ok())
        .ok_or("is no date of the calendar")
}

/// Returns the date as TOML and people write it, in UTC. It is one that [`from_toml`] gave, or one
/// that [`later`] allows.
pub(crate) fn to_text(moment: OffsetDateTime) -> String {
    moment.to_offset(UtcOffset::UTC).format(&Rfc3339).unwrap_or_else(|_| moment.to_string())
}

/// Returns the sum, or an error if it is outside the calendar of TOML.
pub(crate) fn later(
    moment: OffsetDateTime,
    length: Duration,
) -> Result<OffsetDateTime, KeyFileError> {
    moment.checked_add(length).filter(|sum| (0..=9999).contains(&sum.year())).ok_or_else(|| {
        KeyFileError::new("that leads to a date outside the years 0 to 9999: give shorter lengths")
    })
}

/// Rounds up to the next whole second, so that files stay readable.
pub(crate) fn whole_second(moment: OffsetDateTime) -> OffsetDateTime {
    match moment.nanosecond() {
        0 => moment,
        part => {
            let rest = Duration::nanoseconds(1_000_000_000 - i64::from(part));
            moment.checked_add(rest).unwrap_or(moment)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn read(text: &str) -> Result<OffsetDateTime, &'static str> {
        from_toml(&text.parse().unwrap())
    }

    #[test]
    fn dates_come_back() {
        for text in ["2026-11-21T09:30:15Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(to_text(read(text).unwrap()), text);
        }
        assert_eq!(
            read("2026-11-21T09:30:15.5+01:00").unwrap(),
            datetime!(2026-11-21 08:30:15.5 UTC)
        );
        assert_eq!(read("2026-11-21T09:30Z").unwrap(), datetime!(2026-11-21 09:30 UTC));
    }

    #[test]
    fn what_is_finer_than_a_millisecond_is_cut_off() {
        assert_eq!(
            read("2026-11-21T09:30:15.123999999Z").unwrap(),
            datetime!(2026-11-21 09:30:15.123 UTC)
        );
    }

    #[test]
    fn a_date_without_its_zone_or_its_time_is_refused() {
        for text in ["2026-11-21T09:30:15", "2026-11-21", "09:30:15"] {
            assert!(read(text).unwrap_err().contains("with the Z"), "{text}");
        }
    }

    #[test]
    fn a_leap_second_and_a_date_before_the_year_0_are_refused() {
        for text in ["2026-06-30T23:59:60Z", "0000-01-01T00:00:00+01:00"] {
            assert_eq!(read(text).unwrap_err(), "is no date of the calendar", "{text}");
        }
    }

    #[test]
    fn a_fraction_goes_up_to_the_next_second() {
        let second = datetime!(2026-11-21 09:30:15 UTC);
        assert_eq!(whole_second(second), second);
        for before in [Duration::nanoseconds(1), Duration::milliseconds(250)] {
            assert_eq!(whole_second(second - before), second, "{before}");
        }
    }
}
