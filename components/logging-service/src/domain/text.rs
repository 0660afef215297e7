//! Text that is safe to print, and entries that are small enough to keep: the services make their lines so before they
//! send them, and the intake holds everybody to it.

pub use spinreel_api::logs::text::{MAX_ENTRY, MAX_MESSAGE, cut, escape_entry, size};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::batch::{Form, read};
    use crate::domain::testing::{NOON, entry, fields};

    proptest! {
        #[test]
        fn what_a_service_made_fit_is_taken_in(
            message in prop_oneof!["\\PC{0,200}", any::<String>(), "[\"\\n\u{202e}ä]{2000,9000}"],
            name in any::<String>(),
            value in prop_oneof![any::<String>(), "[\"\\nx]{0,16000}"],
        ) {
            let mut line = entry(NOON, &message);
            line.fields = fields(json!({ name: [value] }));
            escape_entry(&mut line);
            cut(&mut line);
            let batch = serde_json::to_vec(&[&line]).unwrap();
            prop_assert_eq!(read(&batch, Form::Array, NOON).unwrap(), [line]);
        }
    }
}
