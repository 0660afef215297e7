//! Times: microseconds since 1970 in UTC, and the forms that the API shows.

use time::OffsetDateTime;
use time::macros::format_description;

/// Now, in microseconds since 1970.
pub(crate) fn now() -> u64 {
    u64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000).unwrap_or(0)
}

/// Now, in seconds since 1970.
pub(crate) fn seconds() -> u64 {
    now() / 1_000_000
}

fn date(micros: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// RFC 3339 with milliseconds, as in `timeCreated`.
pub(crate) fn rfc3339(micros: u64) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    date(micros).format(format).unwrap_or_default()
}

/// The date format of HTTP headers (RFC 9110, section 5.6.7), as in `Last-Modified`.
pub(crate) fn http_date(micros: u64) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    date(micros).format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_the_forms_of_json_and_of_http() {
        let micros = 784_111_777_042_000;
        assert_eq!(rfc3339(micros), "1994-11-06T08:49:37.042Z");
        assert_eq!(http_date(micros), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
