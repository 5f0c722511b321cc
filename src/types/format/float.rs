//! Floating-point numbers as float8out and float4out write them: the shortest text that reads back the same. It must never lean
//! on how others round where a text lies exactly between two numbers: the server takes no such text, Rust does.

use std::fmt::LowerExp;
use std::io::Write;

use super::Sink;

/// Writes a double.
pub(super) fn float64(number: f64, out: &mut dyn Sink) {
    let bits = number.to_bits();
    let parts = Parts::new(bits & ((1 << 52) - 1), (bits >> 52 & 0x7FF) as i32, 52, 1075);
    if !special(number, out) {
        finite(number.abs(), parts, 15, out);
    }
}

/// Writes a real.
pub(super) fn float32(number: f32, out: &mut dyn Sink) {
    let bits = number.to_bits();
    let parts = Parts::new((bits & ((1 << 23) - 1)).into(), (bits >> 23 & 0xFF) as i32, 23, 150);
    if !special(number.into(), out) {
        finite(number.abs(), parts, 6, out);
    }
}

/// Writes the sign, and the number if it has no digits but 0.
fn special(number: f64, out: &mut dyn Sink) -> bool {
    if number.is_nan() {
        out.put(b"NaN");
        return true;
    }
    if number.is_sign_negative() {
        out.put(b"-");
    }
    let word: &[u8] = match number.abs() {
        0.0 => b"0",
        f64::INFINITY => b"Infinity",
        _ => return false,
    };
    out.put(word);
    true
}

/// A number as mantissa × 2^exponent.
#[derive(Clone, Copy)]
struct Parts {
    mantissa: u64,
    exponent: i32,
    /// Whether the next lower number is only half as far away as the next higher one.
    is_edge: bool,
}

impl Parts {
    fn new(fraction: u64, exponent: i32, bits: u32, bias: i32) -> Self {
        match exponent {
            0 => Self { mantissa: fraction, exponent: 1 - bias, is_edge: false },
            _ => Self {
                mantissa: fraction | 1 << bits,
                exponent: exponent - bias,
                is_edge: fraction == 0 && exponent > 1,
            },
        }
    }

    /// Whether a text lies exactly between this number and one of its neighbours.
    fn is_between(self, text: &Decimal) -> bool {
        let (above, below) = if self.is_edge {
            ((2 * self.mantissa + 1, self.exponent - 1), (4 * self.mantissa - 1, self.exponent - 2))
        } else {
            ((2 * self.mantissa + 1, self.exponent - 1), (2 * self.mantissa - 1, self.exponent - 1))
        };
        [above, below].into_iter().any(|(mantissa, exponent)| text.is(mantissa, exponent))
    }
}

/// Digits, the first of them before the point, and a power of ten.
struct Decimal {
    digits: [u8; 20],
    count: usize,
    power: i32,
}

impl Decimal {
    /// With so many digits, or the fewest.
    fn of(number: impl LowerExp, count: Option<usize>) -> Self {
        let mut text = [0; 40];
        let mut rest = text.as_mut_slice();
        // Long enough for 17 digits and any exponent.
        let _ = match count {
            None => write!(rest, "{number:e}"),
            Some(count) => write!(rest, "{number:.*e}", count - 1),
        };
        let left = rest.len();
        let text = text.get(..text.len() - left).unwrap_or_default();
        let mut decimal = Self { digits: [0; 20], count: 0, power: 0 };
        let mut parts = text.split(|byte| *byte == b'e');
        let digits = parts.next().unwrap_or_default().iter().filter(|byte| byte.is_ascii_digit());
        for (slot, digit) in decimal.digits.iter_mut().zip(digits) {
            *slot = *digit;
            decimal.count += 1;
        }
        let power = parts.next().and_then(|power| std::str::from_utf8(power).ok());
        decimal.power = power.and_then(|power| power.parse().ok()).unwrap_or(0);
        decimal
    }

    fn digits(&self) -> &[u8] {
        self.digits.get(..self.count).unwrap_or_default()
    }

    /// The digits as a number, which counts 10^power.
    fn whole(&self) -> (u128, i32) {
        let digits = self.digits().iter().fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'));
        (digits, self.power + 1 - self.count as i32)
    }

    /// Whether it is exactly mantissa × 2^exponent.
    fn is(&self, mantissa: u64, exponent: i32) -> bool {
        let (digits, power) = self.whole();
        are_equal(digits, power, mantissa, exponent)
    }

    /// Where the number lies exactly between two texts, the other one.
    fn other_way(&self, parts: Parts) -> Option<Self> {
        let (digits, power) = self.whole();
        let is = |digits| are_equal(digits, power - 1, parts.mantissa, parts.exponent);
        let (is_below, is_above) = (is(digits * 10 - 5), is(digits * 10 + 5));
        let mut other = Self { digits: self.digits, ..*self };
        let last = other.digits.get_mut(self.count.checked_sub(1)?)?;
        match (is_below, is_above, *last) {
            (true, _, b'1'..=b'9') => *last -= 1,
            (_, true, b'0'..=b'8') => *last += 1,
            _ => return None,
        }
        Some(other)
    }
}

/// Whether digits × 10^power = mantissa × 2^exponent.
fn are_equal(digits: u128, power: i32, mantissa: u64, exponent: i32) -> bool {
    let Some(fives) = (power.unsigned_abs() < 26).then(|| 5_u128.pow(power.unsigned_abs())) else {
        // 5^26 divides neither 18 digits nor a mantissa.
        return false;
    };
    let mantissa = u128::from(mantissa);
    let (left, right) = if power < 0 { (digits, mantissa * fives) } else { (digits * fives, mantissa) };
    let shift = exponent - power;
    let shifted = |number: u128, by: i32| {
        let by = by.unsigned_abs();
        (by < number.leading_zeros()).then(|| number << by)
    };
    if shift < 0 { shifted(left, shift) == Some(right) } else { shifted(right, shift) == Some(left) }
}

fn finite<F: LowerExp + Copy + std::str::FromStr + PartialEq>(
    number: F,
    parts: Parts,
    fixed: i32,
    out: &mut dyn Sink,
) {
    let mut decimal = Decimal::of(number, None);
    if parts.is_between(&decimal) {
        let longer = (decimal.count + 1..=17).map(|count| Decimal::of(number, Some(count)));
        let mut good = longer.filter(|longer| longer.reads_as(number) && !parts.is_between(longer));
        if let Some(good) = good.next() {
            decimal = good;
        }
    }
    // The server takes the even one.
    if decimal.whole().0 % 2 == 1
        && let Some(even) = decimal.other_way(parts)
        && even.reads_as(number)
        && !parts.is_between(&even)
    {
        decimal = even;
    }
    decimal.write(fixed, out);
}

impl Decimal {
    fn reads_as<F: std::str::FromStr + PartialEq>(&self, number: F) -> bool {
        let mut text = [0; 40];
        let mut rest = text.as_mut_slice();
        let _ = rest.write_all(self.digits());
        let _ = write!(rest, "e{}", self.power + 1 - self.count as i32);
        let left = rest.len();
        let text = text.get(..text.len() - left).and_then(|text| std::str::from_utf8(text).ok());
        text.and_then(|text| text.parse().ok()) == Some(number)
    }

    /// Without an exponent from 0.0001 on and below 10^fixed.
    fn write(&self, fixed: i32, out: &mut dyn Sink) {
        const ZEROS: &[u8] = b"000000000000000";
        let digits = self.digits();
        match self.power {
            power @ -4..0 => {
                out.put(b"0.");
                out.put(ZEROS.get(..power.unsigned_abs() as usize - 1).unwrap_or_default());
                out.put(digits);
            }
            power if (0..fixed).contains(&power) => {
                let before = power as usize + 1;
                match digits.split_at_checked(before) {
                    Some((whole, [])) => out.put(whole),
                    Some((whole, fraction)) => {
                        out.put(whole);
                        out.put(b".");
                        out.put(fraction);
                    }
                    None => {
                        out.put(digits);
                        out.put(ZEROS.get(..before - digits.len()).unwrap_or_default());
                    }
                }
            }
            power => {
                let (first, rest) = digits.split_at_checked(1).unwrap_or_default();
                out.put(first);
                if !rest.is_empty() {
                    out.put(b".");
                    out.put(rest);
                }
                let mut exponent = [0; 8];
                let mut room = exponent.as_mut_slice();
                let sign = if power < 0 { '-' } else { '+' };
                let _ = write!(room, "e{sign}{:02}", power.unsigned_abs());
                let left = room.len();
                out.put(exponent.get(..exponent.len() - left).unwrap_or_default());
            }
        }
    }
}
