//! Dates of TOML (RFC 3339) ⇄ `time`, to the millisecond.

use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};
use toml::value::{self, Datetime, Offset};

/// The moment, or what is wrong with it. What is finer than a millisecond is cut off: the ring has
/// no more.
pub(crate) fn from_toml(date: &Datetime) -> Result<OffsetDateTime, &'static str> {
    let (Some(day), Some(clock), Some(offset)) = (date.date, date.time, date.offset) else {
        return Err("is not a moment in time: write it like 2026-11-21T00:00:00Z, with the Z");
    };
    const NO_DATE: &str = "is no date of the calendar";
    let month = Month::try_from(day.month).map_err(|_| NO_DATE)?;
    let day = Date::from_calendar_date(day.year.into(), month, day.day).map_err(|_| NO_DATE)?;
    let millisecond = u16::try_from(clock.nanosecond.unwrap_or(0) / 1_000_000).unwrap_or(0);
    let clock =
        Time::from_hms_milli(clock.hour, clock.minute, clock.second.unwrap_or(0), millisecond)
            .map_err(|_| NO_DATE)?;
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => minutes,
    };
    let offset = UtcOffset::from_whole_seconds(i32::from(minutes) * 60).map_err(|_| NO_DATE)?;
    PrimitiveDateTime::new(day, clock)
        .assume_offset(offset)
        .checked_to_offset(UtcOffset::UTC)
        .filter(|moment| moment.year() >= 0)
        .ok_or(NO_DATE)
}

/// In UTC. The date is one that [`from_toml`] gave, or later by what [`plus`] allows.
pub(crate) fn to_toml(moment: OffsetDateTime) -> Datetime {
    let moment = moment.to_offset(UtcOffset::UTC);
    let millisecond = u32::from(moment.millisecond());
    Datetime {
        date: Some(value::Date {
            year: u16::try_from(moment.year()).unwrap_or(0),
            month: moment.month().into(),
            day: moment.day(),
        }),
        time: Some(value::Time {
            hour: moment.hour(),
            minute: moment.minute(),
            second: Some(moment.second()),
            nanosecond: (millisecond > 0).then_some(millisecond * 1_000_000),
        }),
        offset: Some(Offset::Z),
    }
}

/// The sum, unless it is outside the calendar of TOML.
pub(crate) fn plus(moment: OffsetDateTime, length: Duration) -> Option<OffsetDateTime> {
    moment.checked_add(length).filter(|sum| (0..=9999).contains(&sum.year()))
}

/// Up to the next whole second, so that files stay readable.
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
            assert_eq!(to_toml(read(text).unwrap()).to_string(), text);
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
        assert_eq!(whole_second(second - Duration::nanoseconds(1)), second);
    }
}
