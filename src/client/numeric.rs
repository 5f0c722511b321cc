//! A numeric as a Rust program asks for it.

use crate::error::{Error, Result};
use crate::types::{Field, Numeric, ReadError, oid};

impl Numeric<'_> {
    /// The value times 10^`scale`, exactly: 12.50 at scale 2 is 1250. An error: digits would be lost, it does not fit, or it is
    /// NaN or an infinity.
    pub fn to_i128(self, scale: i32) -> Result<i128> {
        self.i128_at(scale)
            .map_err(|error| self.explain(error, &format!("a 128-bit integer at scale {scale}")))
    }

    /// The double that is nearest: digits may be lost. NaN and the infinities stay. An error: it is greater than any double.
    pub fn to_f64(self) -> Result<f64> {
        self.nearest_f64().map_err(|error| self.explain(error, "a double"))
    }

    #[cold]
    fn explain(self, error: ReadError, wanted: &str) -> Error {
        let (bytes, form) = self.raw();
        error.explain(Field::new(form as u8, bytes, oid::NUMERIC), wanted)
    }
}
