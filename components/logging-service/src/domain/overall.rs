//! The health of the application, from that of its services.

use spinreel_api::health::{Health, ServiceHealth, State};

/// Combines what the services answered; `None` stands for a service without an answer. The stores are down where a
/// service says so of its own; the bucket is down unless a service vouches for it.
pub fn combine(answers: Vec<(&str, Option<ServiceHealth>)>, version: &str) -> Health {
    let ok_if = |ok: bool| if ok { State::Ok } else { State::Down };
    let heard = || answers.iter().filter_map(|(_, health)| health.as_ref());
    let store = ok_if(heard().all(|health| health.store == State::Ok));
    let bucket = ok_if(heard().any(|health| health.bucket == Some(State::Ok)));
    let services = answers
        .iter()
        .map(|(id, health)| {
            let ok = health
                .as_ref()
                .is_some_and(|health| health.status == State::Ok);
            ((*id).to_owned(), ok_if(ok))
        })
        .collect();
    let mut overall = Health {
        status: State::Ok,
        services,
        store,
        bucket,
        version: version.to_owned(),
    };
    let parts = [overall.store, overall.bucket];
    if overall
        .services
        .values()
        .chain(&parts)
        .any(|state| *state == State::Down)
    {
        overall.status = State::Down;
    }
    overall
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(store: State, bucket: Option<State>) -> Option<ServiceHealth> {
        let down = store == State::Down || bucket == Some(State::Down);
        Some(ServiceHealth {
            status: if down { State::Down } else { State::Ok },
            service: "any".to_owned(),
            store,
            bucket,
            wrong_variables: Vec::new(),
            version: "1".to_owned(),
        })
    }

    #[test]
    fn everything_is_ok_where_every_part_is() {
        let answers = vec![
            ("a", health(State::Ok, None)),
            ("b", health(State::Ok, Some(State::Ok))),
        ];
        let overall = combine(answers, "1");
        let parts = (overall.status, overall.store, overall.bucket);
        assert_eq!(parts, (State::Ok, State::Ok, State::Ok));
        assert_eq!(overall.services.len(), 2);
    }

    #[test]
    fn one_part_that_is_down_is_named_and_takes_the_whole_with_it() {
        let with_bucket = health(State::Ok, Some(State::Ok));
        for (answer, store, bucket) in [
            (health(State::Down, None), State::Down, State::Ok),
            (None, State::Ok, State::Ok),
        ] {
            let overall = combine(vec![("a", answer), ("b", with_bucket.clone())], "1");
            assert_eq!(overall.status, State::Down);
            assert_eq!((overall.store, overall.bucket), (store, bucket));
            assert_eq!(overall.services.get("a"), Some(&State::Down));
            assert_eq!(overall.services.get("b"), Some(&State::Ok));
        }
    }

    #[test]
    fn a_bucket_that_is_down_or_unheard_of_is_down() {
        for answer in [
            health(State::Ok, Some(State::Down)),
            health(State::Ok, None),
            None,
        ] {
            let overall = combine(vec![("a", answer)], "1");
            assert_eq!((overall.status, overall.bucket), (State::Down, State::Down));
        }
    }
}
