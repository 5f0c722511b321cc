//! Values as the types of other crates, without the way through text. It must never clip: what their types cannot say is an
//! error (P19).

use super::value::Value;
use crate::error::{Error, Result};
use crate::types::ReadError;

/// `impl TryFrom<Value> for $type`: `$body` gives None where the type cannot say it.
macro_rules! conversions {
    ($($feature:literal $type:ty, $wanted:literal, |$value:ident| $body:expr;)*) => { $(
        #[cfg(feature = $feature)]
        impl TryFrom<Value<'_>> for $type {
            type Error = Error;

            fn try_from($value: Value<'_>) -> Result<Self> {
                $body.ok_or_else(|| $value.explain(ReadError::OutOfRange, $wanted))
            }
        }
    )* };
}

conversions! {
    "uuid" uuid::Uuid, "a uuid", |value| Some(Self::from_bytes(value.as_uuid()?));

    "chrono" chrono::DateTime<chrono::Utc>, "chrono::DateTime", |value|
        unix_micros(value.as_timestamptz()?).and_then(Self::from_timestamp_micros);
    "chrono" chrono::NaiveDateTime, "chrono::NaiveDateTime", |value|
        unix_micros(value.as_timestamp()?).and_then(chrono::DateTime::from_timestamp_micros).map(|it| it.naive_utc());
    "chrono" chrono::NaiveDate, "chrono::NaiveDate", |value| chrono_date(value.as_date()?);
    "chrono" chrono::NaiveTime, "chrono::NaiveTime", |value| {
        let micros = u64::try_from(value.as_time()?).unwrap_or(u64::MAX);
        let (seconds, fraction) = (u32::try_from(micros / 1_000_000), micros % 1_000_000);
        seconds.ok().and_then(|seconds| Self::from_num_seconds_from_midnight_opt(seconds, fraction as u32 * 1000))
    };

    "jiff" jiff::Timestamp, "jiff::Timestamp", |value|
        unix_micros(value.as_timestamptz()?).and_then(|micros| Self::from_microsecond(micros).ok());
    "jiff" jiff::civil::DateTime, "jiff::civil::DateTime", |value| {
        let micros = value.as_timestamp()?;
        Self::constant(2000, 1, 1, 0, 0, 0, 0).checked_add(jiff::SignedDuration::from_micros(micros)).ok()
    };
    "jiff" jiff::civil::Date, "jiff::civil::Date", |value| {
        let days = value.as_date()?;
        let epoch = Self::constant(2000, 1, 1);
        epoch.checked_add(jiff::ToSpan::days(i64::from(days).clamp(-4_000_000, 4_000_000))).ok()
    };
    "jiff" jiff::civil::Time, "jiff::civil::Time", |value| {
        let micros = value.as_time()?;
        let midnight = Self::midnight();
        midnight.checked_add(jiff::SignedDuration::from_micros(micros)).ok()
    };
}

/// Microseconds since 1970 from those since 2000. None: infinity.
#[cfg(any(feature = "chrono", feature = "jiff"))]
fn unix_micros(micros: i64) -> Option<i64> {
    const EPOCH: i64 = 946_684_800_000_000;
    match micros {
        i64::MAX | i64::MIN => None,
        finite => finite.checked_add(EPOCH),
    }
}

#[cfg(feature = "chrono")]
fn chrono_date(days: i32) -> Option<chrono::NaiveDate> {
    let epoch = chrono::NaiveDate::from_ymd_opt(2000, 1, 1)?;
    match days {
        i32::MAX | i32::MIN => None,
        finite => epoch.checked_add_signed(chrono::TimeDelta::try_days(finite.into())?),
    }
}
