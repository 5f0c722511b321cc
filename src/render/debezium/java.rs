//! Floating-point numbers as Java writes them, and so everything that stands on its JSON libraries. It must never round: the
//! digits are the fewest that read back the same.

use std::fmt::{LowerExp, Write};

use super::super::out::Out;

/// A double; what is no number in JSON is a string.
pub(super) fn float64(number: f64, out: &mut Out) {
    match special(number) {
        Some(word) => out.put(word),
        None => finite(number, number.abs(), out),
    }
}

/// A float.
pub(super) fn float32(number: f32, out: &mut Out) {
    match special(number.into()) {
        Some(word) => out.put(word),
        None => finite(number, number.abs().into(), out),
    }
}

fn special(number: f64) -> Option<&'static [u8]> {
    match number {
        _ if number.is_nan() => Some(b"\"NaN\""),
        f64::INFINITY => Some(b"\"Infinity\""),
        f64::NEG_INFINITY => Some(b"\"-Infinity\""),
        0.0 => Some(if number.is_sign_negative() { b"-0.0" } else { b"0.0" }),
        _ => None,
    }
}

/// Takes what `{:e}` writes apart.
#[derive(Default)]
struct Digits {
    is_negative: bool,
    digits: [u8; 17],
    count: usize,
    exponent: i32,
    exponent_is_negative: bool,
    is_behind_e: bool,
}

impl Write for Digits {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            match byte {
                b'-' if self.is_behind_e => self.exponent_is_negative = true,
                b'-' => self.is_negative = true,
                b'e' => self.is_behind_e = true,
                b'0'..=b'9' if self.is_behind_e => {
                    self.exponent = self.exponent * 10 + i32::from(byte - b'0')
                }
                b'0'..=b'9' => {
                    if let Some(place) = self.digits.get_mut(self.count) {
                        *place = byte;
                        self.count += 1;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn finite(number: impl LowerExp, magnitude: f64, out: &mut Out) {
    let mut it = Digits::default();
    let _ = write!(it, "{number:e}");
    // Java looks among those of two digits at least: 4.9E-324 is nearer than 5E-324.
    if it.count == 1 {
        it = Digits::default();
        let _ = write!(it, "{number:.1e}");
        it.count -= usize::from(it.digits.get(1) == Some(&b'0') && it.count == 2);
    }
    let digits = it.digits.get(..it.count).unwrap_or_default();
    if it.is_negative {
        out.byte(b'-');
    }
    // Without an exponent from 10^-3 up to 10^7.
    if !(1e-3..1e7).contains(&magnitude) {
        let (first, rest) = digits.split_at_checked(1).unwrap_or_default();
        out.pieces([first, b".", if rest.is_empty() { b"0" } else { rest }, b"E"]);
        out.put(if it.exponent_is_negative { b"-" } else { b"" });
        return out.number(it.exponent.unsigned_abs().into());
    }
    let exponent = it.exponent.unsigned_abs() as usize;
    if it.exponent_is_negative {
        out.put(b"0.");
        (1..exponent).for_each(|_| out.byte(b'0'));
        return out.put(digits);
    }
    for at in 0..=exponent {
        out.byte(digits.get(at).copied().unwrap_or(b'0'));
    }
    out.byte(b'.');
    out.put(digits.get(exponent + 1..).filter(|rest| !rest.is_empty()).unwrap_or(b"0"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_javas_do() {
        for (number, wanted) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (0.001, "0.001"),
            (0.00123, "0.00123"),
            (0.0001, "1.0E-4"),
            (123.456, "123.456"),
            (9_999_999.0, "9999999.0"),
            (9_999_999.5, "9999999.5"),
            (1e7, "1.0E7"),
            (1.234_567_890_123e20, "1.234567890123E20"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::from_bits(1), "4.9E-324"),
            (f64::from_bits(2), "9.9E-324"),
            (2e-3, "0.002"),
            (500_000.0, "500000.0"),
            (1e23, "1.0E23"),
            (f64::NAN, "\"NaN\""),
            (f64::INFINITY, "\"Infinity\""),
            (f64::NEG_INFINITY, "\"-Infinity\""),
        ] {
            let mut out = Out::default();
            float64(number, &mut out);
            assert_eq!(out.bytes(), wanted.as_bytes(), "{number}");
        }
        for (number, wanted) in [
            (0.1, "0.1"),
            (1e10, "1.0E10"),
            (f32::MAX, "3.4028235E38"),
            (f32::from_bits(1), "1.4E-45"),
            (f32::NAN, "\"NaN\""),
        ] {
            let mut out = Out::default();
            float32(number, &mut out);
            assert_eq!(out.bytes(), wanted.as_bytes(), "{number}");
        }
    }
}
