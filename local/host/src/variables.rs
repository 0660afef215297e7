//! Application variables: where their values come from, and how a component asks for its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::HasData;

use crate::bindings::fermyon::spin::variables::{Error, Host};
use crate::error::StartError;
use crate::manifest::is_variable_name;

/// Gives every variable of the manifest its value: what was given by hand beats the environment, which
/// beats the default.
///
/// `environment` looks up `SPIN_VARIABLE_<NAME>`.
pub(crate) fn resolve(
    defined: &BTreeMap<String, Option<String>>,
    given: &BTreeMap<String, String>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, StartError> {
    if let Some(name) = given.keys().find(|name| !defined.contains_key(*name)) {
        return Err(StartError::VariableUnknown {
            name: name.clone(),
            known: defined.keys().cloned().collect::<Vec<_>>().join(", "),
        });
    }
    defined
        .iter()
        .map(|(name, default)| {
            let value = given
                .get(name)
                .cloned()
                .or_else(|| environment(&format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase())))
                .or_else(|| default.clone())
                .ok_or_else(|| StartError::VariableMissing { name: name.clone() })?;
            Ok((name.clone(), value))
        })
        .collect()
}

/// The variables of one component, as `fermyon:spin/variables` serves them.
#[derive(Clone)]
pub(crate) struct ComponentVariables(pub(crate) Arc<BTreeMap<String, String>>);

impl HasData for ComponentVariables {
    type Data<'a> = ComponentVariables;
}

impl Host for ComponentVariables {
    async fn get(&mut self, name: String) -> Result<String, Error> {
        if !is_variable_name(&name) {
            return Err(Error::InvalidName(format!(
                "`{name}`: a name is lower-case letters, digits and single underscores"
            )));
        }
        self.0
            .get(&name)
            .cloned()
            .ok_or_else(|| Error::Undefined(format!("the component has no variable `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn defined() -> BTreeMap<String, Option<String>> {
        [
            ("bucket".to_owned(), Some("spinreel".to_owned())),
            ("service_secret".to_owned(), None),
        ]
        .into()
    }

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    #[test]
    fn a_given_value_beats_the_environment_which_beats_the_default() {
        let environment = |name: &str| (name == "SPIN_VARIABLE_BUCKET").then(|| "env".to_owned());
        let secret = ("service_secret", "s");
        let value = |given: &BTreeMap<String, String>,
                     environment: &dyn Fn(&str) -> Option<String>| {
            resolve(&defined(), given, environment).unwrap()["bucket"].clone()
        };
        assert_eq!(value(&given(&[secret]), &|_| None), "spinreel");
        assert_eq!(value(&given(&[secret]), &environment), "env");
        assert_eq!(
            value(&given(&[secret, ("bucket", "cli")]), &environment),
            "cli"
        );
        assert_eq!(value(&given(&[secret, ("bucket", "")]), &environment), "");
    }

    #[test]
    fn a_required_variable_without_value_is_named_with_both_ways_to_give_it() {
        let error = resolve(&defined(), &given(&[]), |_| None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("--variable service_secret="), "{error}");
        assert!(error.contains("SPIN_VARIABLE_SERVICE_SECRET"), "{error}");
    }

    #[test]
    fn an_unknown_variable_is_refused_and_the_known_ones_are_listed() {
        let error = resolve(&defined(), &given(&[("bukket", "x")]), |_| None)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("bukket") && error.contains("bucket, service_secret"),
            "{error}"
        );
    }

    #[test]
    fn a_component_gets_its_variables_and_errors_for_others() {
        let mut variables = ComponentVariables(Arc::new(given(&[("bucket", "b")])));
        let mut get = |name: &str| futures::executor::block_on(variables.get(name.to_owned()));
        assert_eq!(get("bucket").unwrap(), "b");
        assert!(matches!(get("other"), Err(Error::Undefined(_))));
        assert!(matches!(get("No-Name"), Err(Error::InvalidName(_))));
    }
}
