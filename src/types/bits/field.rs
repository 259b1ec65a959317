//! Integers of 1 to 64 bits that lie anywhere among the bits of a string.

/// The kind of an integer among bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    is_signed: bool,
    /// 1 to 64, or to 63 without a sign.
    width: u32,
}

/// What becomes of a number that its field cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Its lowest bits.
    #[default]
    Wrap,
    /// The nearest number that fits.
    Saturate,
    /// Nothing is written.
    Fail,
}

/// A field that begins in the middle of a byte reaches into so many.
const SPANNED_BYTES_MAX: usize = 9;

impl Field {
    /// A field of so many bits; none if there is no such kind.
    pub fn new(is_signed: bool, width: u32) -> Option<Self> {
        let width_max = if is_signed { 64 } else { 63 };
        (1..=width_max).contains(&width).then_some(Field { is_signed, width })
    }

    pub fn width(self) -> u32 {
        self.width
    }

    /// The number in the field that begins at the bit `offset`; what is past the end of the bytes is zero.
    pub fn read(self, bytes: &[u8], offset: u64) -> i64 {
        let first = usize::try_from(offset / 8).unwrap_or(usize::MAX).min(bytes.len());
        let spanned = &bytes[first..bytes.len().min(first.saturating_add(SPANNED_BYTES_MAX))];
        let mut window = [0; size_of::<u128>()];
        window[..spanned.len()].copy_from_slice(spanned);
        let aligned = u128::from_be_bytes(window) << (offset % 8);
        match self.is_signed {
            true => (aligned.cast_signed() >> (u128::BITS - self.width)) as i64,
            false => (aligned >> (u128::BITS - self.width)) as i64,
        }
    }

    /// Writes the lowest bits of `number` into the field that begins at the bit `offset`, which must be within the bytes.
    pub fn write(self, bytes: &mut [u8], offset: u64, number: i64) {
        let first = (offset / 8) as usize;
        let end = ((offset + u64::from(self.width)).div_ceil(8)) as usize;
        let spanned = &mut bytes[first..end];
        let mut window = [0; size_of::<u128>()];
        window[..spanned.len()].copy_from_slice(spanned);
        let above = u128::BITS - self.width - (offset % 8) as u32;
        let mask = (u128::MAX >> (u128::BITS - self.width)) << above;
        let number = (number as u128) << above & mask;
        let written = u128::from_be_bytes(window) & !mask | number;
        spanned.copy_from_slice(&written.to_be_bytes()[..end - first]);
    }

    /// The sum as the field can hold it, or none if it is to fail.
    pub fn add(self, number: i64, increment: i64, overflow: Overflow) -> Option<i64> {
        self.fit(i128::from(number) + i128::from(increment), overflow)
    }

    /// A number that a client wants to be in the field as it can hold it, or none if that is to fail. Without a sign,
    /// negative numbers count as very large ones.
    pub fn accept(self, number: i64, overflow: Overflow) -> Option<i64> {
        let (_, greatest) = self.limits();
        // As in Redis, where the distance of such a number from the greatest one overflows.
        let counts_as_large =
            self.is_signed && self.width < 64 && greatest - i128::from(number) > i64::MAX.into();
        match self.is_signed {
            true if counts_as_large && overflow == Overflow::Saturate => Some(greatest as i64),
            true => self.fit(number.into(), overflow),
            false => self.fit(number.cast_unsigned().into(), overflow),
        }
    }

    /// The least and the greatest number that the field can hold.
    fn limits(self) -> (i128, i128) {
        match self.is_signed {
            true => (-(1i128 << (self.width - 1)), (1i128 << (self.width - 1)) - 1),
            false => (0, (1i128 << self.width) - 1),
        }
    }

    fn fit(self, number: i128, overflow: Overflow) -> Option<i64> {
        let (least, greatest) = self.limits();
        if (least..=greatest).contains(&number) {
            return Some(number as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.wrapped(number)),
            Overflow::Saturate => Some(number.clamp(least, greatest) as i64),
            Overflow::Fail => None,
        }
    }

    /// The number that the lowest bits mean.
    fn wrapped(self, number: i128) -> i64 {
        let aligned = number << (i128::BITS - self.width);
        match self.is_signed {
            true => (aligned >> (i128::BITS - self.width)) as i64,
            false => (aligned.cast_unsigned() >> (u128::BITS - self.width)) as i64,
        }
    }
}
