//! What a request says.

use sha2::{Digest as _, Sha256};
use spinreel_api::alerts::{AlertEvent, UserAlert};

use super::Delivery;

/// The id of the webhook of an alert: always the same for one alert, and never that of another one. Ids of alerts may
/// have full stops, which must not be in what is signed before the body ("Signature scheme"); a digest has none.
pub(super) fn webhook_id(user: &str, alert_id: &str) -> String {
    // Neither has a space.
    let digest = Sha256::digest(format!("{user} {alert_id}"));
    let hex: String = digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("alert_{hex}")
}

/// What is sent of a delivery: JSON.
pub(super) fn body(delivery: &Delivery) -> Result<Vec<u8>, String> {
    let event = AlertEvent {
        kind: delivery.alert.kind.into(),
        timestamp: delivery.alert.at,
        data: UserAlert {
            user_id: delivery.user_id.clone(),
            alert: delivery.alert.clone(),
        },
    };
    serde_json::to_vec(&event).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Method;
    use proptest::prelude::*;
    use serde_json::json;
    use spinreel_webhook::{Message, request};

    use super::*;
    use crate::domain::testing::NOON;
    use crate::domain::webhook::testing::{delivery, endpoint};

    #[test]
    fn a_request_is_the_alert_and_three_signed_headers() {
        let (body, id) = (body(&delivery("a.1")).unwrap(), webhook_id("u", "a.1"));
        let message = Message {
            id: &id,
            body: &body,
        };
        let request = request(&endpoint(), message, NOON / 1_000 + 7).unwrap();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "http://receiver.test/hooks");
        let value: serde_json::Value = serde_json::from_slice(&request.body().concat()).unwrap();
        let expected = json!({
            "type": "alert.storage",
            "timestamp": "2023-11-14T12:00:00.000Z",
            "data": {
                "user_id": "u",
                "id": "a.1",
                "kind": "storage",
                "threshold_percent": 80,
                "used_bytes": 810,
                "limit_bytes": 1_000,
                "at": "2023-11-14T12:00:00.000Z",
            },
        });
        assert_eq!(value, expected);
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(header("webhook-id"), id);
        assert_eq!(header("webhook-timestamp"), "1699963207");
        // By the secret of the tests, computed apart.
        let signature = header("webhook-signature");
        assert!(signature.starts_with("v1,"), "{signature}");
        assert!(!format!("{:?}", request.headers()).contains(signature));
    }

    #[test]
    fn the_id_of_an_alert_stays_what_it_is() {
        // Receivers remember it: another one for the same alert would be taken for another alert.
        assert_eq!(
            webhook_id("u", "bandwidth-2023-11-14"),
            "alert_727a198f89af5588e3e75ffd53fda011"
        );
    }

    proptest! {
        #[test]
        fn ids_have_no_full_stop_and_differ_where_user_or_alert_do(
            user in "[a-z.:]{1,10}", id in "[!-~]{1,20}", other in "[!-~]{1,20}",
        ) {
            let webhook = webhook_id(&user, &id);
            prop_assert!(webhook.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
            prop_assert_eq!(webhook == webhook_id(&user, &other), id == other);
            prop_assert_eq!(webhook == webhook_id(&other, &id), user == other);
        }
    }
}
