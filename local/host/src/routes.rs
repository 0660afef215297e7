//! Which component answers a path: what Spin's own router makes of the same table.
//!
//! Spin resolves paths with the crate `routefinder` (0.5.4 in Spin 4.1), and so does this host: `/x/...` goes in as `/x/*`, in
//! the order of the manifest, without the private routes. That crate's order of routes is not a total one. A route that
//! begins with a dot, such as `/.well-known/jwks.json`, comes before every other and after it, whichever was compared with
//! which; with such a route in the table the longer one of two routes that match is not always found. So an application
//! whose routes lie inside each other's wildcards goes as wrong here as on Spin.
//!
//! A path matches with and without slashes at its end, and `/x/...` matches `/x` too.

use routefinder::RouteSpec;

/// The prefix that the host answers itself.
pub(crate) const RESERVED_PREFIX: &str = "/.well-known/spin/";

/// A route of the manifest: an exact path that may have `:name` segments, which match any one segment, and may end in
/// `/...`, which matches that path and everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    raw: String,
    spec: RouteSpec,
}

/// What a path gave for the variable parts of the route that it matched.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Captures {
    /// `:name` segments and their values, in the order of the route.
    pub(crate) parameters: Vec<(String, String)>,
    /// What `/...` matched, with its leading slash; empty if there is nothing below the base.
    pub(crate) path_info: String,
}

impl Pattern {
    /// Parses a route; the error says what is wrong with it. It is stricter than Spin, which takes some routes for others
    /// than they seem to be.
    pub(crate) fn parse(raw: &str) -> Result<Pattern, String> {
        let path = raw
            .strip_prefix('/')
            .ok_or_else(|| "a route begins with a slash".to_owned())?;
        if format!("{raw}/").starts_with(RESERVED_PREFIX) {
            return Err(format!("{RESERVED_PREFIX} is answered by the host"));
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let (base, wildcard) = match path.strip_suffix("...") {
            Some("") => ("", true),
            Some(base) if base.ends_with('/') => (&base[..base.len() - 1], true),
            _ => (path, false),
        };
        if !base.is_empty() {
            base.split('/').try_for_each(check_segment)?;
        }
        let spec = match wildcard {
            true => format!("/{base}/*"),
            false => format!("/{base}"),
        };
        Ok(Pattern {
            raw: raw.to_owned(),
            spec: spec.parse()?,
        })
    }

    /// The route as the manifest has it.
    pub(crate) fn raw(&self) -> &str {
        &self.raw
    }

    /// The route without a slash at its end: what Spin calls the matched route.
    pub(crate) fn trimmed(&self) -> &str {
        self.raw.strip_suffix('/').unwrap_or(&self.raw)
    }

    /// The route without `/...`: what Spin calls the component route.
    pub(crate) fn base(&self) -> &str {
        self.raw.strip_suffix("/...").unwrap_or(&self.raw)
    }
}

fn check_segment(segment: &str) -> Result<(), String> {
    match segment.strip_prefix(':') {
        Some(name) if is_parameter_name(name) => Ok(()),
        Some(_) => Err(format!(
            "`{segment}` needs a name of letters, digits, - and _"
        )),
        None if segment.contains('*') || segment.contains("...") => Err(format!(
            "`{segment}`: a wildcard is written `/...`, at the end"
        )),
        None if segment.is_empty() => Err("it has an empty segment".to_owned()),
        None => Ok(()),
    }
}

fn is_parameter_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The routes of an application, each leading to a `T`.
#[derive(Debug)]
pub(crate) struct Router<T>(routefinder::Router<T>);

impl<T> Router<T> {
    /// A router of these routes, added in this order.
    pub(crate) fn new(routes: impl IntoIterator<Item = (Pattern, T)>) -> Router<T> {
        let routes = routes
            .into_iter()
            .map(|(pattern, target)| (pattern.spec, target));
        Router(
            routes.fold(routefinder::Router::new(), |mut router, (spec, target)| {
                // A specification is one already, so that nothing can be wrong with it.
                let Ok(()) = router.add(spec, target);
                router
            }),
        )
    }

    /// The first route, in the order of the crate, that matches a path.
    pub(crate) fn find(&self, path: &str) -> Option<(&T, Captures)> {
        let found = self.0.best_match(path)?;
        let captures = found.captures();
        let path_info = captures
            .wildcard()
            .map(|below| path_info(below, path.ends_with('/')));
        let parameters = captures
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let captures = Captures {
            parameters,
            path_info: path_info.unwrap_or_default(),
        };
        Some((found.handler(), captures))
    }
}

/// The crate cuts slashes off both ends of what a wildcard matched. Components see them on Spin.
fn path_info(below: &str, slash_at_end: bool) -> String {
    let start = if below.is_empty() { "" } else { "/" };
    let end = if slash_at_end { "/" } else { "" };
    format!("{start}{below}{end}")
}

#[cfg(test)]
mod tests;
