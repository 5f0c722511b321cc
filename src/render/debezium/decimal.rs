//! Decimals as Kafka Connect has them: a number without its point, in big-endian two's complement, and its scale. It must never
//! lose a digit: what has no such form is said to have none.

use crate::types::ReadError;

/// How many digits a numeric has at most (NUMERIC_MAX_PRECISION and the like in numeric.c).
const MOST_DIGITS: usize = 131_072 + 16_383;

/// How many digits fit 128 bits with a sign.
const FEW_DIGITS: usize = 38;

/// Makes them, one after the other, in memory that it keeps.
#[derive(Debug, Default)]
pub(in super::super) struct Decimal {
    /// The magnitude of a long one, the lowest first.
    limbs: Vec<u64>,
    bytes: Vec<u8>,
}

impl Decimal {
    /// Takes a numeric's text, at a scale or the least that has all its digits, not below 0; gives the scale.
    pub(super) fn take(&mut self, text: &[u8], scale: Option<i32>) -> Result<i32, ReadError> {
        let (is_negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
        let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
        let (whole, fraction) = digits.split_at_checked(point).ok_or(ReadError::OutOfRange)?;
        let fraction = fraction.strip_prefix(b".").unwrap_or_default();
        let all = || whole.iter().chain(fraction);
        let is_long = digits.len() > MOST_DIGITS + 1;
        if whole.is_empty() || is_long || !all().all(u8::is_ascii_digit) {
            return Err(ReadError::OutOfRange);
        }
        let needed = fraction.len() - fraction.iter().rev().take_while(|digit| **digit == b'0').count();
        let scale = match scale {
            Some(scale) => scale,
            None => i32::try_from(needed).map_err(|_| ReadError::OutOfRange)?,
        };
        let kept = i64::try_from(whole.len()).unwrap_or(i64::MAX) + i64::from(scale);
        let kept = usize::try_from(kept.max(0)).map_err(|_| ReadError::OutOfRange)?;
        if all().skip(kept).any(|digit| *digit != b'0') || kept > MOST_DIGITS {
            return Err(ReadError::OutOfRange);
        }
        let digits = all().copied().chain(std::iter::repeat(b'0')).take(kept).map(|digit| digit - b'0');
        if kept <= FEW_DIGITS {
            let magnitude = digits.fold(0_i128, |sum, digit| sum * 10 + i128::from(digit));
            self.take_number(if is_negative { -magnitude } else { magnitude })?;
        } else {
            self.take_digits(digits, kept)?;
            self.finish(is_negative);
        }
        Ok(scale)
    }

    /// Takes a number as it is.
    pub(super) fn take_number(&mut self, number: i128) -> Result<(), ReadError> {
        self.bytes.clear();
        self.bytes.try_reserve(16).map_err(|_| ReadError::NoMemory)?;
        self.bytes.extend_from_slice(&number.to_be_bytes());
        self.trim();
        Ok(())
    }

    /// What was taken, as few bytes as it needs.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// By Horner's rule, eighteen digits at a time.
    fn take_digits(&mut self, mut digits: impl Iterator<Item = u8>, count: usize) -> Result<(), ReadError> {
        self.limbs.clear();
        // Eighteen digits need less than 60 bits.
        self.limbs.try_reserve(count / 18 + 2).map_err(|_| ReadError::NoMemory)?;
        loop {
            let (mut factor, mut chunk) = (1_u64, 0_u64);
            for digit in digits.by_ref().take(18) {
                (factor, chunk) = (factor * 10, chunk * 10 + u64::from(digit));
            }
            if factor == 1 {
                break;
            }
            let mut carry = chunk;
            for limb in &mut self.limbs {
                let sum = u128::from(*limb) * u128::from(factor) + u128::from(carry);
                (*limb, carry) = (sum as u64, (sum >> 64) as u64);
            }
            if carry != 0 {
                self.limbs.push(carry);
            }
        }
        self.bytes.clear();
        self.bytes.try_reserve(self.limbs.len() * 8 + 1).map_err(|_| ReadError::NoMemory)
    }

    /// The bytes of the limbs, with a sign.
    fn finish(&mut self, is_negative: bool) {
        self.bytes.push(0);
        self.bytes.extend(self.limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()));
        if is_negative {
            let mut carry = true;
            for byte in self.bytes.iter_mut().rev() {
                (*byte, carry) = (!*byte).overflowing_add(carry.into());
            }
        }
        self.trim();
    }

    /// Drops the first bytes that say nothing but the sign.
    fn trim(&mut self) {
        let says_nothing = |pair: &[u8]| matches!(pair, [0, 0..=0x7F] | [0xFF, 0x80..=0xFF]);
        let more = self.bytes.windows(2).take_while(|pair| says_nothing(pair)).count();
        self.bytes.drain(..more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, scale: Option<i32>) -> Result<(Vec<u8>, i32), ReadError> {
        let mut decimal = Decimal::default();
        let scale = decimal.take(text.as_bytes(), scale)?;
        Ok((decimal.bytes().to_vec(), scale))
    }

    /// The value of two's complement, where 128 bits have it.
    fn number(bytes: &[u8]) -> i128 {
        let sign = if bytes[0] > 0x7F { -1 } else { 0 };
        bytes.iter().fold(sign, |sum, byte| sum << 8 | i128::from(*byte))
    }

    #[test]
    fn a_decimal_is_its_digits_at_its_scale() {
        for (text, scale, wanted, at) in [
            ("0", None, 0, 0),
            ("0.00", None, 0, 0),
            ("0.00", Some(2), 0, 2),
            ("12.50", None, 125, 1),
            ("12.50", Some(2), 1250, 2),
            ("-12.5", Some(3), -12500, 3),
            ("100", None, 100, 0),
            ("12300", Some(-2), 123, -2),
            ("0", Some(-2), 0, -2),
            ("0.00123", Some(5), 123, 5),
            ("-128", None, -128, 0),
            ("128", None, 128, 0),
            ("-1", None, -1, 0),
        ] {
            let (bytes, scale) = of(text, scale).unwrap();
            assert_eq!((number(&bytes), scale), (wanted, at), "{text}");
        }
        assert_eq!(of("-128", None).unwrap().0, [0x80]);
        assert_eq!(of("128", None).unwrap().0, [0, 0x80]);
        assert_eq!(of("255", None).unwrap().0, [0, 0xFF]);
    }

    #[test]
    fn long_ones_are_as_short_ones() {
        let mut decimal = Decimal::default();
        let numbers = (0..127).map(|bits| 1_i128 << bits).flat_map(|power| [power - 1, power, power + 1]);
        for number in numbers.flat_map(|number| [number, -number]) {
            decimal.take_number(number).unwrap();
            let wanted = decimal.bytes().to_vec();
            let digits: Vec<u8> =
                number.unsigned_abs().to_string().bytes().map(|digit| digit - b'0').collect();
            decimal.take_digits(digits.iter().copied(), digits.len()).unwrap();
            decimal.finish(number < 0);
            assert_eq!(decimal.bytes(), wanted, "{number}");
        }
        // 2^200 and its neighbour below.
        let two_to_200 = "1606938044258990275541962092341162602522202993782792835301376";
        let (bytes, _) = of(two_to_200, None).unwrap();
        assert_eq!((bytes.len(), bytes[0]), (26, 1));
        assert!(bytes[1..].iter().all(|byte| *byte == 0));
        let (bytes, _) = of(&format!("-{two_to_200}"), None).unwrap();
        assert_eq!((bytes.len(), bytes[0]), (26, 0xFF));
    }

    #[test]
    fn what_is_none_is_said_to_be_none() {
        for (text, scale) in [
            ("NaN", None),
            ("Infinity", None),
            ("-Infinity", Some(2)),
            ("", None),
            ("-", None),
            (".5", None),
            ("1.2.3", None),
            ("1e5", None),
            ("1.25", Some(1)),
            ("125", Some(-1)),
            ("1", Some(i32::MAX)),
        ] {
            assert_eq!(of(text, scale), Err(ReadError::OutOfRange), "{text}");
        }
        assert_eq!(of(&"9".repeat(MOST_DIGITS + 2), None), Err(ReadError::OutOfRange));
        assert_eq!(of("0.001", Some(i32::MIN)), Err(ReadError::OutOfRange));
        assert!(of(&"9".repeat(10_000), None).unwrap().0.len() > 4000);
    }
}
