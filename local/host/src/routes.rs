//! Which component answers a path.
//!
//! A route is an exact path, may end in `/...` (that path and everything below), and may have `:name`
//! segments that match any one segment. The most specific route wins: segment by segment, a literal beats
//! a `:name`, a `:name` beats `...`. Slashes at the end of a path do not matter, as in Spin's router.

/// The prefix that the host answers itself.
pub(crate) const RESERVED_PREFIX: &str = "/.well-known/spin/";

/// A parsed route. The order of its parts is the order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Parameter(String),
    Wildcard,
}

/// A route of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    raw: String,
    segments: Vec<Segment>,
}

/// What a path gave for the variable parts of the route that it matched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Captures<'a> {
    /// `:name` segments and their values, in the order of the route.
    pub(crate) parameters: Vec<(&'a str, &'a str)>,
    /// What `/...` matched, with its leading slash; empty if there is nothing below the base.
    pub(crate) path_info: String,
}

impl Pattern {
    /// Parses a route; the error says what is wrong with it.
    pub(crate) fn parse(raw: &str) -> Result<Pattern, String> {
        if !raw.starts_with('/') {
            return Err("a route begins with a slash".to_owned());
        }
        if format!("{raw}/").starts_with(RESERVED_PREFIX) {
            return Err(format!("{RESERVED_PREFIX} is answered by the host"));
        }
        let mut segments = Vec::new();
        for part in split(raw) {
            if segments.last() == Some(&Segment::Wildcard) {
                return Err("`...` stands at the end".to_owned());
            }
            segments.push(match part.strip_prefix(':') {
                _ if part == "..." => Segment::Wildcard,
                Some(name) if is_parameter_name(name) => Segment::Parameter(name.to_owned()),
                Some(_) => {
                    return Err(format!("`{part}` needs a name of letters, digits, - and _"));
                }
                None if part.contains('*') || part.contains("...") => {
                    return Err(format!(
                        "`{part}`: a wildcard is written `/...`, at the end"
                    ));
                }
                None if part.is_empty() => return Err("it has an empty segment".to_owned()),
                None => Segment::Literal(part.to_owned()),
            });
        }
        Ok(Pattern {
            raw: raw.to_owned(),
            segments,
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

    /// Whether both match exactly the same paths, whatever their parameters are called.
    pub(crate) fn same_paths(&self, other: &Pattern) -> bool {
        self.segments.len() == other.segments.len()
            && self
                .segments
                .iter()
                .zip(&other.segments)
                .all(|pair| match pair {
                    (Segment::Parameter(_), Segment::Parameter(_)) => true,
                    (mine, theirs) => mine == theirs,
                })
    }

    fn precedence(&self) -> Vec<u8> {
        self.segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(_) => 0,
                Segment::Parameter(_) => 1,
                Segment::Wildcard => 2,
            })
            .collect()
    }

    fn matches<'a>(&'a self, path: &'a str) -> Option<Captures<'a>> {
        let mut parameters = Vec::new();
        let mut rest = Some(path.trim_matches('/')).filter(|path| !path.is_empty());
        for segment in &self.segments {
            if *segment == Segment::Wildcard {
                let below = rest.map_or(String::new(), |rest| format!("/{rest}"));
                // The slash at the end was cut off for matching, but the component shall see it.
                let end = if path.ends_with('/') { "/" } else { "" };
                return Some(Captures {
                    parameters,
                    path_info: below + end,
                });
            }
            let whole = rest?;
            let (part, after) = match whole.split_once('/') {
                Some((part, after)) => (part, Some(after)),
                None => (whole, None),
            };
            match segment {
                Segment::Literal(literal) if literal == part => {}
                Segment::Literal(_) => return None,
                Segment::Parameter(name) => parameters.push((name.as_str(), part)),
                Segment::Wildcard => {}
            }
            rest = after;
        }
        rest.is_none().then_some(Captures {
            parameters,
            path_info: String::new(),
        })
    }
}

/// The routes of an application, each leading to a `T`.
#[derive(Debug)]
pub(crate) struct Router<T>(Vec<(Pattern, T)>);

impl<T> Router<T> {
    /// A router of these routes, no two of which match the same paths.
    pub(crate) fn new(mut routes: Vec<(Pattern, T)>) -> Router<T> {
        routes.sort_by_cached_key(|(pattern, _)| pattern.precedence());
        Router(routes)
    }

    /// The most specific route that matches a path.
    pub(crate) fn find<'a>(&'a self, path: &'a str) -> Option<(&'a T, Captures<'a>)> {
        self.0
            .iter()
            .find_map(|(pattern, target)| Some((target, pattern.matches(path)?)))
    }
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    let trimmed = path.trim_matches('/');
    trimmed.split('/').filter(move |_| !trimmed.is_empty())
}

fn is_parameter_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn router(routes: &[&'static str]) -> Router<&'static str> {
        Router::new(
            routes
                .iter()
                .map(|route| (Pattern::parse(route).unwrap(), *route))
                .collect(),
        )
    }

    #[test]
    fn the_most_specific_route_wins_whatever_the_order() {
        let routes = [
            "/...",
            "/",
            "/a",
            "/a/...",
            "/a/b",
            "/a/:id",
            "/a/:id/...",
            "/a/:id/c",
            "/a/b/...",
            "/:x/b/c",
        ];
        let expected = [
            ("/", "/"),
            ("", "/"),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/a/b", "/a/b"),
            ("/a/z", "/a/:id"),
            ("/a/z/", "/a/:id"),
            ("/a/z/c", "/a/:id/c"),
            ("/a/z/d", "/a/:id/..."),
            ("/a/b/c", "/a/b/..."),
            ("/a/b/d/e", "/a/b/..."),
            ("/b", "/..."),
            ("/ab", "/..."),
            ("/z/b/c", "/:x/b/c"),
        ];
        let mut reversed = routes;
        reversed.reverse();
        for order in [routes, reversed] {
            let router = router(&order);
            for (path, route) in expected {
                assert_eq!(
                    router.find(path).map(|found| *found.0),
                    Some(route),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn what_no_route_matches_is_not_found() {
        let router = router(&["/a", "/b/:id", "/c/..."]);
        for path in ["/", "/a/b", "/ab", "/b", "/b/", "/b/1/2", "/cc", "/A"] {
            assert!(router.find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn parameters_and_the_rest_of_the_path_are_captured() {
        let router = router(&["/v/:id/seg/:n/...", "/x"]);
        let captures = router.find("/v/42/seg/7/a/b").unwrap().1;
        assert_eq!(captures.parameters, [("id", "42"), ("n", "7")]);
        assert_eq!(captures.path_info, "/a/b");
        assert_eq!(router.find("/x/").unwrap().1.path_info, "");
    }

    #[test]
    fn the_path_info_of_a_wildcard_keeps_its_slashes() {
        let router = router(&["/base/..."]);
        for (path, info) in [
            ("/base", ""),
            ("/base/", "/"),
            ("/base/x", "/x"),
            ("/base/x/", "/x/"),
        ] {
            assert_eq!(router.find(path).unwrap().1.path_info, info, "{path}");
        }
    }

    #[test]
    fn the_names_of_a_route_are_those_of_spin() {
        let names = |route: &str| {
            let pattern = Pattern::parse(route).unwrap();
            [pattern.raw(), pattern.trimmed(), pattern.base()].map(str::to_owned)
        };
        assert_eq!(names("/foo/..."), ["/foo/...", "/foo/...", "/foo"]);
        assert_eq!(names("/foo/"), ["/foo/", "/foo", "/foo/"]);
        assert_eq!(names("/..."), ["/...", "/...", ""]);
        assert_eq!(names("/"), ["/", "", "/"]);
    }

    #[test]
    fn routes_that_differ_in_parameter_names_only_are_the_same() {
        let same = |left, right| {
            Pattern::parse(left)
                .unwrap()
                .same_paths(&Pattern::parse(right).unwrap())
        };
        assert!(same("/a/:x", "/a/:y"));
        assert!(same("/a", "/a/"));
        assert!(!same("/a/:x", "/a/x"));
        assert!(!same("/a", "/a/..."));
    }

    #[test]
    fn wrong_routes_are_refused() {
        for route in [
            "",
            "a",
            "/a/.../b",
            "/:",
            "/:a.json",
            "/a//b",
            "/a/*",
            "/.well-known/spin/x",
        ] {
            assert!(Pattern::parse(route).is_err(), "{route}");
        }
    }
}
