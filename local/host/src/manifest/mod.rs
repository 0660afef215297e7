//! `spin.toml`: parsing and checking.
//!
//! - `raw`: the file as it is written
//! - `template`: `{{ name }}` in its strings
//!
//! Reference: Spin's application manifest, version 2.

mod raw;
mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::StartError;
use crate::routes::Pattern;
use crate::source::{LineError, Located, SourceFile};

pub(crate) use template::{Template, is_variable_name};

/// A manifest that was checked: names are valid, references lead somewhere.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// The manifest file, for messages.
    pub(crate) path: PathBuf,
    /// The application's name.
    pub(crate) name: String,
    /// The application's version.
    pub(crate) version: Option<String>,
    /// The application's variables: the default of each, `None` if it must be given.
    pub(crate) variables: BTreeMap<String, Option<String>>,
    /// The HTTP triggers, in the order of the file.
    pub(crate) triggers: Vec<Trigger>,
    /// The components by id.
    pub(crate) components: BTreeMap<String, ComponentManifest>,
}

/// One `[[trigger.http]]`.
#[derive(Debug)]
pub(crate) struct Trigger {
    /// The route; `None` is a private one.
    pub(crate) route: Option<Pattern>,
    /// The component that answers.
    pub(crate) component: String,
}

/// One `[component.ID]`.
#[derive(Debug)]
pub(crate) struct ComponentManifest {
    /// The file of the component.
    pub(crate) source: PathBuf,
    /// The labels of the stores that it may open.
    pub(crate) key_value_stores: Vec<String>,
    /// Where it may send requests.
    pub(crate) allowed_outbound_hosts: Vec<Located<Template>>,
    /// Its variables.
    pub(crate) variables: BTreeMap<String, Template>,
    /// Its environment.
    pub(crate) environment: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads and checks the manifest.
    pub(crate) fn load(path: &Path) -> Result<Manifest, StartError> {
        let source = SourceFile::read(path).map_err(|error| StartError::file(path, error))?;
        Manifest::from_source(&source).map_err(|error| StartError::Manifest {
            path: path.to_owned(),
            line: error.line,
            message: error.message,
        })
    }

    /// An error about a line of this manifest.
    pub(crate) fn error(&self, line: usize, message: impl Into<String>) -> StartError {
        StartError::Manifest {
            path: self.path.clone(),
            line,
            message: message.into(),
        }
    }

    fn from_source(source: &SourceFile) -> Result<Manifest, LineError> {
        let version = source.parse::<raw::VersionOnly>()?.spin_manifest_version;
        if version.as_ref().as_integer() != Some(2) {
            return Err(source.error(
                version.span(),
                format!(
                    "manifest version {} is not supported, only 2",
                    version.as_ref()
                ),
            ));
        }
        let raw = source.parse::<raw::Manifest>()?;
        let mut manifest = Manifest {
            path: source.path.clone(),
            name: raw.application.name,
            version: raw.application.version,
            variables: check_variables(source, raw.variables)?,
            triggers: Vec::new(),
            components: BTreeMap::new(),
        };
        for (id, component) in raw.component {
            if !is_component_id(id.as_ref()) {
                return Err(source.error(
                    id.span(),
                    format!(
                        "`{}` is not a component id: words of letters and digits, joined by hyphens",
                        id.as_ref()
                    ),
                ));
            }
            let checked = check_component(source, &manifest.variables, component)?;
            manifest.components.insert(id.into_inner(), checked);
        }
        manifest.triggers = check_triggers(source, &manifest.components, raw.trigger.http)?;
        Ok(manifest)
    }
}

fn check_variables(
    source: &SourceFile,
    raw: BTreeMap<toml::Spanned<String>, raw::Variable>,
) -> Result<BTreeMap<String, Option<String>>, LineError> {
    let mut variables = BTreeMap::new();
    for (name, variable) in raw {
        let error = |message: &str| {
            Err(source.error(
                name.span(),
                format!("variable `{}`: {message}", name.as_ref()),
            ))
        };
        if !is_variable_name(name.as_ref()) {
            return error("a name is lower-case letters, digits and single underscores");
        }
        match (&variable.default, variable.required) {
            (None, false) => return error("it must have a `default` or be `required = true`"),
            (Some(_), true) => return error("it cannot be required and have a default"),
            (Some(_), false) | (None, true) => {}
        }
        variables.insert(name.into_inner(), variable.default);
    }
    Ok(variables)
}

fn check_component(
    source: &SourceFile,
    variables: &BTreeMap<String, Option<String>>,
    raw: raw::Component,
) -> Result<ComponentManifest, LineError> {
    let folder = source.path.parent().unwrap_or(Path::new(""));
    let template = |text: toml::Spanned<String>| -> Result<Located<Template>, LineError> {
        let span = text.span();
        let template = Template::parse(text.as_ref())
            .map_err(|message| source.error(span.clone(), message))?;
        if let Some(unknown) = template
            .variables()
            .find(|name| !variables.contains_key(*name))
        {
            return Err(source.error(
                span,
                format!("`{{{{ {unknown} }}}}`: the manifest has no variable of this name"),
            ));
        }
        Ok(Located {
            line: source.line(span.start),
            value: template,
        })
    };

    let mut own_variables = BTreeMap::new();
    for (name, value) in raw.variables {
        if !is_variable_name(name.as_ref()) {
            return Err(source.error(
                name.span(),
                format!("`{}` is not the name of a variable", name.as_ref()),
            ));
        }
        own_variables.insert(name.into_inner(), template(value)?.value);
    }
    let mut stores = Vec::new();
    for label in raw.key_value_stores {
        if !is_store_label(label.as_ref()) {
            return Err(source.error(
                label.span(),
                format!("`{}` is not the label of a key-value store", label.as_ref()),
            ));
        }
        stores.push(label.into_inner());
    }
    if raw.source.as_ref().is_empty() {
        return Err(source.error(raw.source.span(), "the source of a component is a file"));
    }
    Ok(ComponentManifest {
        source: folder.join(raw.source.into_inner()),
        key_value_stores: stores,
        allowed_outbound_hosts: raw
            .allowed_outbound_hosts
            .into_iter()
            .map(template)
            .collect::<Result<_, _>>()?,
        variables: own_variables,
        environment: raw.environment,
    })
}

fn check_triggers(
    source: &SourceFile,
    components: &BTreeMap<String, ComponentManifest>,
    raw: Vec<raw::HttpTrigger>,
) -> Result<Vec<Trigger>, LineError> {
    let mut triggers: Vec<Trigger> = Vec::new();
    for trigger in raw {
        let component = source.locate(trigger.component);
        if !components.contains_key(&component.value) {
            return Err(LineError {
                line: component.line,
                message: format!("there is no [component.{}]", component.value),
            });
        }
        let mut trigger = Trigger {
            route: route(source, trigger.route)?,
            component: component.value,
        };
        if let Some(earlier) = twin(&mut triggers, &trigger) {
            // What is replaced stays reachable by service chaining.
            tracing::error!(
                "{}:{}: the route of `{}` is also that of `{}`, which takes its place",
                source.path.display(),
                component.line,
                earlier.component,
                trigger.component
            );
            std::mem::swap(&mut earlier.component, &mut trigger.component);
            trigger.route = None;
        }
        triggers.push(trigger);
    }
    if triggers.is_empty() {
        return Err(LineError {
            line: 1,
            message: "there is no [[trigger.http]], so there is nothing to serve".to_owned(),
        });
    }
    Ok(triggers)
}

/// The route of a trigger; `None` is a private one.
fn route(
    source: &SourceFile,
    raw: toml::Spanned<raw::Route>,
) -> Result<Option<Pattern>, LineError> {
    let span = raw.span();
    match raw.into_inner() {
        raw::Route::Private => Ok(None),
        raw::Route::Pattern(text) => Pattern::parse(&text)
            .map(Some)
            .map_err(|message| source.error(span, format!("route `{text}`: {message}"))),
    }
}

/// An earlier trigger whose route is written in the same way. As on Spin the last one of such counts, in the place of the
/// first.
fn twin<'a>(triggers: &'a mut [Trigger], trigger: &Trigger) -> Option<&'a mut Trigger> {
    trigger.route.as_ref()?;
    triggers
        .iter_mut()
        .find(|earlier| earlier.route == trigger.route)
}

/// Ids name log files and hosts (`<id>.spin.internal`), so they are held to what both can carry.
fn is_component_id(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_alphabetic())
        && id
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Labels are what TOML can write as a bare key in the runtime configuration.
fn is_store_label(label: &str) -> bool {
    !label.is_empty()
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests;
