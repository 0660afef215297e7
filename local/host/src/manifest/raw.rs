//! The manifest as it is written: the part of Spin's manifest version 2 that is supported. What is not
//! listed here is refused with its line, because a silently ignored setting would behave differently on Spin.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

/// Only the version, so that a manifest of another version is told apart from a wrong one.
#[derive(Deserialize)]
pub(super) struct VersionOnly {
    pub(super) spin_manifest_version: Spanned<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    #[serde(rename = "spin_manifest_version")]
    pub(super) _version: IgnoredAny,
    pub(super) application: Application,
    #[serde(default)]
    pub(super) variables: BTreeMap<Spanned<String>, Variable>,
    pub(super) trigger: Triggers,
    #[serde(default)]
    pub(super) component: BTreeMap<Spanned<String>, Component>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Application {
    pub(super) name: String,
    #[serde(default)]
    pub(super) version: Option<String>,
    #[serde(default, rename = "description")]
    pub(super) _description: Option<String>,
    #[serde(default, rename = "authors")]
    pub(super) _authors: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variable {
    #[serde(default)]
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default, rename = "secret")]
    pub(super) _secret: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Triggers {
    #[serde(default)]
    pub(super) http: Vec<HttpTrigger>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpTrigger {
    pub(super) route: Spanned<Route>,
    pub(super) component: Spanned<String>,
    #[serde(default, rename = "id")]
    pub(super) _id: Option<String>,
    #[serde(default, rename = "executor")]
    pub(super) _executor: Option<Executor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Executor {
    #[serde(rename = "type")]
    pub(super) _kind: ExecutorKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ExecutorKind {
    Http,
}

/// `route = "/path"` or `route = { private = true }`.
pub(super) enum Route {
    Pattern(String),
    Private,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Component {
    pub(super) source: Spanned<String>,
    #[serde(default, rename = "description")]
    pub(super) _description: Option<String>,
    #[serde(default)]
    pub(super) key_value_stores: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) allowed_outbound_hosts: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) variables: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default, rename = "build")]
    pub(super) _build: Option<Build>,
}

/// How to build the component; `spin build` runs it, a host does not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Build {
    #[serde(rename = "command")]
    pub(super) _command: Commands,
    #[serde(default, rename = "workdir")]
    pub(super) _workdir: Option<String>,
    #[serde(default, rename = "watch")]
    pub(super) _watch: Vec<String>,
}

/// `command = "…"` or `command = ["…", "…"]`: checked to be text, then forgotten.
pub(super) struct Commands;

impl<'de> Deserialize<'de> for Commands {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CommandsVisitor;

        impl<'de> Visitor<'de> for CommandsVisitor {
            type Value = Commands;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a command or a list of commands")
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Commands, E> {
                Ok(Commands)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Commands, A::Error> {
                while list.next_element::<String>()?.is_some() {}
                Ok(Commands)
            }
        }

        deserializer.deserialize_any(CommandsVisitor)
    }
}

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RouteVisitor;

        impl<'de> Visitor<'de> for RouteVisitor {
            type Value = Route;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a route such as \"/path/...\" or { private = true }")
            }

            fn visit_str<E: de::Error>(self, pattern: &str) -> Result<Route, E> {
                Ok(Route::Pattern(pattern.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Route, A::Error> {
                let mut private = false;
                while let Some(key) = map.next_key::<String>()? {
                    if key != "private" {
                        return Err(de::Error::unknown_field(&key, &["private"]));
                    }
                    private = map.next_value()?;
                }
                if private {
                    Ok(Route::Private)
                } else {
                    Err(de::Error::custom(
                        "a route is a pattern or { private = true }",
                    ))
                }
            }
        }

        deserializer.deserialize_any(RouteVisitor)
    }
}
