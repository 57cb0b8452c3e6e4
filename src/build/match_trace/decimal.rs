//! Numbers of an answer as text: rounded, and without a search for their shortest digits.

/// Decimal places of metres and probabilities: a tenth of a millimetre, or a ten-thousandth.
pub(super) const SHORT: usize = 4;
/// Decimal places of degrees: a millimetre.
pub(super) const DEGREES: usize = 8;

/// Rounded to a tenth of a millimetre, or a ten-thousandth.
pub(super) fn short(value: f64) -> f64 {
    libm::round(value * 1e4) / 1e4
}

/// Degrees rounded to a millimetre or less.
pub(super) fn degrees(value: f64) -> f64 {
    libm::round(value * 1e8) / 1e8
}

/// Adds a number rounded to so many decimal places as JSON has it, without zeros at its end; `null` where it is none.
///
/// It reads as [`short`] or [`degrees`] of the number. A number's shortest digits are sought in general; where the places
/// are known, they are those of a whole number.
pub(super) fn put_decimal<const PLACES: usize>(out: &mut Vec<u8>, value: f64) {
    let power = const { 10_u64.pow(PLACES as u32) };
    let whole = libm::round(value * power as f64);
    // Beyond 15 digits the rounded number has others.
    if whole.is_nan() || whole.abs() >= 1e15 {
        let value = if value.is_finite() { (whole / power as f64).to_string() } else { "null".to_string() };
        out.extend_from_slice(value.as_bytes());
        return;
    }
    // From the last digit to the first; the copy that follows is the only one.
    let mut text = [b'0'; 32];
    let mut first = text.len();
    let mut put = |c: u8| {
        first -= 1;
        text[first] = c;
    };
    let digits = whole.abs() as u64;
    let (mut units, mut parts) = (digits / power, (digits % power) as u32);
    for _ in 0..PLACES {
        put(b'0' + (parts % 10) as u8);
        parts /= 10;
    }
    put(b'.');
    loop {
        put(b'0' + (units % 10) as u8);
        units /= 10;
        if units == 0 {
            break;
        }
    }
    if whole < 0.0 {
        put(b'-');
    }
    let zeros = text.iter().rev().take(PLACES - 1).take_while(|digit| **digit == b'0').count();
    out.extend_from_slice(&text[first..text.len() - zeros]);
}

/// Adds a whole number.
pub(super) fn put_integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_read_as_the_rounded_number() {
        let text = |value: f64, places: usize| {
            let mut out = Vec::new();
            match places {
                SHORT => put_decimal::<SHORT>(&mut out, value),
                _ => put_decimal::<DEGREES>(&mut out, value),
            }
            String::from_utf8(out).expect("text")
        };
        for (value, want) in
            [(0.0, "0.0"), (-0.0, "0.0"), (12.5, "12.5"), (-0.00004, "0.0"), (-0.25, "-0.25"), (7.00009, "7.0001")]
        {
            assert_eq!(text(value, SHORT), want);
        }
        assert_eq!(text(-127.123_456_789, DEGREES), "-127.12345679");
        assert_eq!((text(f64::NAN, SHORT), text(1e300, SHORT).parse()), ("null".to_string(), Ok(1e300)));
        for k in 0..20_000 {
            let value = (f64::from(k) - 10_000.0) * 0.013_579_3;
            assert_eq!(text(value, SHORT).parse(), Ok(short(value)));
            assert_eq!(text(value, DEGREES).parse(), Ok(degrees(value)));
        }
    }
}
