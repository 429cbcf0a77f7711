//! The end of a certificate's validity: the one date of X.509 (RFC 5280, section 4.1) that rustls does not tell.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

/// Tags of DER.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Returns the time after which a certificate, as DER, is not valid. `None`: it is malformed.
pub(super) fn not_after(certificate: &[u8]) -> Option<SystemTime> {
    let mut certificate = element(&mut &*certificate)?.1;
    let mut fields = element(&mut certificate)?.1;
    if element(&mut fields)?.0 == VERSION {
        // The serial number comes after it.
        element(&mut fields)?;
    }
    let _signature_algorithm = element(&mut fields)?;
    let _issuer = element(&mut fields)?;
    let mut validity = element(&mut fields)?.1;
    let _not_before = element(&mut validity)?;
    let (tag, text) = element(&mut validity)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// Takes an element of DER off the front: its tag and its content.
fn element<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (tag, rest) = input.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if length > 0x7f {
        // The long form: the number of bytes of the length, and then those.
        let (bytes, after) = rest.split_at_checked(length & 0x7f).filter(|(bytes, _)| bytes.len() <= 4)?;
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    *input = after;
    Some((*tag, content))
}

/// Reads `YYMMDDhhmmssZ` (1950 to 2049) or `YYYYMMDDhhmmssZ`.
fn time(tag: u8, text: &str) -> Option<SystemTime> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (year + if year < 50 { 2000 } else { 1900 }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let pair = |index: usize| rest.get(2 * index..2 * index + 2)?.parse::<i8>().ok();
    let day = date(year, 1, 1).with().month(pair(0)?).day(pair(1)?).build().ok()?;
    let time = jiff::civil::Time::new(pair(2)?, pair(3)?, pair(4)?, 0).ok()?;
    let end = day.to_datetime(time).to_zoned(TimeZone::UTC);
    // The last day of 9999, "no end" to RFC 5280, is beyond the range of a time stamp here.
    (rest.len() == 10).then(|| end.map_or(Timestamp::MAX, |end| end.timestamp()).into())
}
