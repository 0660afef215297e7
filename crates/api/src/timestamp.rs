use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

const MS_PER_DAY: u64 = 86_400_000;

/// A time in UTC with milliseconds; RFC 3339 on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From milliseconds since the Unix epoch; what lies beyond the year 9999 becomes its last moment.
    pub fn from_ms(ms: u64) -> Self {
        Self(ms.min(253_402_300_799_999))
    }

    /// Milliseconds since the Unix epoch.
    pub fn as_ms(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    pub fn as_seconds(self) -> u64 {
        self.0 / 1_000
    }

    /// The UTC day that this moment belongs to.
    pub fn day(self) -> Day {
        Day((self.0 / MS_PER_DAY) as u32)
    }

    /// Reads RFC 3339 with any offset; `None` for anything else and for times before 1970.
    pub fn parse(text: &str) -> Option<Self> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let ms = time.unix_timestamp_nanos() / 1_000_000;
        u64::try_from(ms).ok().map(Self::from_ms)
    }

    fn date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .to_offset(UtcOffset::UTC)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.date_time();
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.millisecond()
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not an RFC 3339 time"))
    }
}

/// A day in UTC, counted from 1970-01-01; `YYYY-MM-DD` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

impl Day {
    /// The first moment of the day.
    pub fn start(self) -> Timestamp {
        Timestamp(u64::from(self.0) * MS_PER_DAY)
    }

    /// The day after.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The day before; 1970-01-01 has none.
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.start().date_time();
        write!(
            f,
            "{:04}-{:02}-{:02}",
            t.year(),
            u8::from(t.month()),
            t.day()
        )
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&format!("{text}T00:00:00Z"))
            .map(Timestamp::day)
            .ok_or_else(|| de::Error::custom("not a date"))
    }
}

#[cfg(feature = "openapi")]
mod openapi {
    use utoipa::openapi::schema::Schema;
    use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, SchemaFormat, Type};
    use utoipa::{PartialSchema, ToSchema};

    use super::{Day, Timestamp};

    fn text(format: KnownFormat, description: &str) -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let text = text.format(Some(SchemaFormat::KnownFormat(format)));
        text.description(Some(description)).into()
    }

    impl PartialSchema for Timestamp {
        fn schema() -> RefOr<Schema> {
            text(
                KnownFormat::DateTime,
                "A time in UTC with milliseconds (RFC 3339).",
            )
        }
    }

    impl ToSchema for Timestamp {}

    impl PartialSchema for Day {
        fn schema() -> RefOr<Schema> {
            text(KnownFormat::Date, "A day in UTC.")
        }
    }

    impl ToSchema for Day {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_rfc_3339_with_milliseconds() {
        assert_eq!(
            Timestamp::from_ms(1_700_000_000_123).to_string(),
            "2023-11-14T22:13:20.123Z"
        );
    }

    #[test]
    fn a_timestamp_survives_the_wire() {
        let now = Timestamp::from_ms(1_700_000_000_123);
        assert_eq!(Timestamp::parse(&now.to_string()), Some(now));
    }

    #[test]
    fn an_offset_is_converted_to_utc() {
        assert_eq!(
            Timestamp::parse("2023-11-15T00:13:20.123+02:00"),
            Some(Timestamp::from_ms(1_700_000_000_123))
        );
    }

    #[test]
    fn a_time_before_1970_is_refused() {
        assert_eq!(Timestamp::parse("1969-12-31T23:59:59Z"), None);
    }

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let last = Timestamp::parse("2024-02-29T23:59:59.999Z").map(Timestamp::day);
        assert_eq!(
            last.map(|day| day.to_string()).as_deref(),
            Some("2024-02-29")
        );
        assert_eq!(
            last.map(|day| day.next().start().to_string()).as_deref(),
            Some("2024-03-01T00:00:00.000Z")
        );
    }
}
