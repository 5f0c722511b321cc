//! Dates and times of day as numbers, and the text of both. Plain arithmetic on the proleptic Gregorian calendar, as
//! PostgreSQL's date2j; it must never know of time zones beyond an offset in seconds.

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;

/// A date as its text gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Civil {
    year: i64,
    month: i64,
    day: i64,
}

impl Civil {
    /// Days since 2000-01-01; None for a date that the calendar does not have. `before_christ` counts the year down
    /// from 1 BC, which is the year 0.
    pub(super) fn days(self, before_christ: bool) -> Option<i64> {
        let Self { year, month, day } = self;
        let year = if before_christ { 1 - year } else { year };
        let exists =
            self.year > 0 && (1..=12).contains(&month) && (1..=days_of_month(year, month)).contains(&day);
        // Counted from March on, so that the leap day is the last of its year.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * month + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        // 730425 days lie between 0000-03-01 and 2000-01-01.
        exists.then_some(era * 146_097 + day_of_era - 730_425)
    }
}

/// The date of so many days since 2000-01-01: year (0 is 1 BC), month and day.
pub fn year_month_day(days: i64) -> (i64, i64, i64) {
    // As above, the other way: years begin in March.
    let days = days + 730_425;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// Microseconds since 2000-01-01 UTC as a name may hold them: `20260131T235959.000000Z`.
pub fn stamp(micros: i64) -> String {
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (year, month, day) = year_month_day(days);
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}.{micros:06}Z")
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Reads the parts of a date and time off the front of a text. None: it is not there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner<'a>(pub(super) &'a [u8]);

impl Scanner<'_> {
    /// `YYYY-MM-DD`, the year with up to seven digits.
    pub(super) fn civil(&mut self) -> Option<Civil> {
        let year = self.number(4, 7)?;
        self.skip(b'-')?;
        let month = self.number(2, 2)?;
        self.skip(b'-')?;
        let day = self.number(2, 2)?;
        Some(Civil { year, month, day })
    }

    /// `HH:MM:SS` with up to six digits of a fraction, as microseconds; at most 24:00:00, and no second 60.
    pub(super) fn time(&mut self) -> Option<i64> {
        let hour = self.number(2, 2)?;
        self.skip(b':')?;
        let minute = self.number(2, 2)?;
        self.skip(b':')?;
        let second = self.number(2, 2)?;
        let fraction = if self.skip(b'.').is_some() { self.fraction()? } else { 0 };
        let micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction;
        (minute < 60 && second < 60 && micros <= DAY).then_some(micros)
    }

    /// `±HH`, `±HH:MM` or `±HH:MM:SS` as seconds east of Greenwich, less than 16 hours (MAX_TZDISP_HOUR).
    pub(super) fn zone(&mut self) -> Option<i64> {
        let sign = if self.skip(b'+').is_some() { 1 } else { self.skip(b'-').map(|()| -1)? };
        let hour = self.number(2, 2)?;
        let minute = if self.skip(b':').is_some() { self.number(2, 2)? } else { 0 };
        let second = if self.skip(b':').is_some() { self.number(2, 2)? } else { 0 };
        (hour < 16 && minute < 60 && second < 60).then_some(sign * ((hour * 60 + minute) * 60 + second))
    }

    /// Whether ` BC` is what is left; anything else but nothing is None.
    pub(super) fn era(&self) -> Option<bool> {
        match self.0 {
            b"" => Some(false),
            b" BC" => Some(true),
            _ => None,
        }
    }

    /// Exactly this byte.
    pub(super) fn skip(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        (*first == byte).then(|| self.0 = rest)
    }

    /// A number of so many digits.
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let (number, digits) = self.digits(most);
        (digits >= least).then_some(number)
    }

    /// One to six digits as microseconds.
    fn fraction(&mut self) -> Option<i64> {
        let (number, digits) = self.digits(6);
        let scale = 10_i64.checked_pow(6_usize.checked_sub(digits)?.try_into().ok()?)?;
        (digits > 0).then_some(number * scale)
    }

    fn digits(&mut self, most: usize) -> (i64, usize) {
        let (mut number, mut count) = (0, 0);
        while let Some((digit @ b'0'..=b'9', rest)) = self.0.split_first()
            && count < most
        {
            number = number * 10 + i64::from(digit - b'0');
            self.0 = rest;
            count += 1;
        }
        (number, count)
    }
}
