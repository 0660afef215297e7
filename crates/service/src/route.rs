use std::rc::Rc;

use futures::future::LocalBoxFuture;
use http::Method;
use spinreel_http::Problem;
use spinreel_http::pattern::{self, Parameters};

use crate::access::{Access, Caller, authenticate};
use crate::context::Context;
use crate::inbound::{JSON_LIMIT, Request};
use crate::respond::Response;

/// What a handler comes to.
pub type Outcome = Result<Response, Problem>;

/// A handler; make one of an `async fn(Call) -> Outcome` with [`handler!`](crate::handler).
pub type Handler = fn(Call) -> LocalBoxFuture<'static, Outcome>;

/// A request that passed its route's [`Access`].
#[derive(Debug)]
pub struct Call {
    /// The request's surroundings.
    pub context: Rc<Context>,
    /// The request.
    pub request: Request,
    /// Who makes it.
    pub caller: Caller,
    /// What the route demands of callers.
    pub(crate) access: Access,
    /// The values of the path's `:name` segments.
    pub parameters: Parameters,
}

impl Call {
    /// Whether the caller would be let in now: for answers that go on for longer than a token, or a right, may last.
    pub async fn is_still_allowed(&self) -> bool {
        let caller = authenticate(&self.context, self.access, &self.request).await;
        // What this leaves to be done after the answer would pile up until then.
        for work in self.context.take_after() {
            work.await;
        }
        caller.is_ok()
    }
}

/// How a route's errors look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `application/problem+json`.
    Problem,
    /// The seed's `{"error": "…"}`.
    Seed,
}

/// A method and a path, who may call it, and what then happens.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub(crate) method: Verb,
    pub(crate) pattern: &'static str,
    pub(crate) access: Access,
    pub(crate) style: Style,
    /// The largest body, in bytes; `None` where what the body is for has a limit of its own.
    pub(crate) body_limit: Option<usize>,
    /// Whether its requests are not worth a line in the log.
    pub(crate) quiet: bool,
    /// A header of every answer.
    pub(crate) header: Option<(&'static str, &'static str)>,
    pub(crate) handler: Handler,
}

/// The methods that routes use; `http::Method` cannot stand in a table that is made at compile time and copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// A GET route answers HEAD too (RFC 9110, section 9.3.2).
    fn takes(self, method: &Method) -> bool {
        method.as_str() == self.as_str() || (self == Self::Get && *method == Method::HEAD)
    }
}

impl Route {
    const fn new(method: Verb, pattern: &'static str, access: Access, handler: Handler) -> Self {
        Self {
            method,
            pattern,
            access,
            style: Style::Problem,
            body_limit: Some(JSON_LIMIT),
            quiet: false,
            header: None,
            handler,
        }
    }

    /// GET and HEAD.
    pub const fn get(pattern: &'static str, access: Access, handler: Handler) -> Self {
        Self::new(Verb::Get, pattern, access, handler)
    }

    /// POST.
    pub const fn post(pattern: &'static str, access: Access, handler: Handler) -> Self {
        Self::new(Verb::Post, pattern, access, handler)
    }

    /// PUT.
    pub const fn put(pattern: &'static str, access: Access, handler: Handler) -> Self {
        Self::new(Verb::Put, pattern, access, handler)
    }

    /// PATCH.
    pub const fn patch(pattern: &'static str, access: Access, handler: Handler) -> Self {
        Self::new(Verb::Patch, pattern, access, handler)
    }

    /// DELETE.
    pub const fn delete(pattern: &'static str, access: Access, handler: Handler) -> Self {
        Self::new(Verb::Delete, pattern, access, handler)
    }

    /// OPTIONS, for what no browser asks before another request.
    pub const fn options(pattern: &'static str, access: Access, handler: Handler) -> Self {
        Self::new(Verb::Options, pattern, access, handler)
    }

    /// Adds a header to every answer, those that refuse included.
    #[must_use]
    pub const fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    /// Takes bodies of at most `bytes` bytes, instead of [`JSON_LIMIT`].
    #[must_use]
    pub const fn body(mut self, bytes: usize) -> Self {
        self.body_limit = Some(bytes);
        self
    }

    /// Takes bodies of any size: the handler streams them, and what they are for has a limit of its own.
    #[must_use]
    pub const fn streams_body(mut self) -> Self {
        self.body_limit = None;
        self
    }

    /// Writes no line for its requests: there are many, and each is a part of another one that has a line.
    #[must_use]
    pub const fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Errors in the seed's style.
    #[must_use]
    pub const fn seed(mut self) -> Self {
        self.style = Style::Seed;
        self
    }
}

/// What a table has for a method and a path.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Route(&'a Route, Parameters),
    /// The path exists, with other methods.
    WrongMethod(Known),
    Nothing,
}

/// Finds the route of the tables. Of several patterns that fit the one with the fewest `:name` segments counts, with all of its
/// methods; of such, the first.
pub(crate) fn find<'a>(tables: &[&'a [Route]], method: &Method, path: &str) -> Found<'a> {
    for route in of_path(tables, path) {
        if route.method.takes(method)
            && let Some(parameters) = pattern::matches(route.pattern, path)
        {
            return Found::Route(route, parameters);
        }
    }
    known(tables, path).map_or(Found::Nothing, Found::WrongMethod)
}

/// The routes of the pattern that fits a path best.
fn of_path<'a>(tables: &[&'a [Route]], path: &str) -> impl Iterator<Item = &'a Route> {
    let all = || tables.iter().copied().flatten();
    let fitting = all().filter(|route| pattern::matches(route.pattern, path).is_some());
    let best = fitting.min_by_key(|route| route.pattern.matches(':').count());
    let pattern = best.map(|route| route.pattern);
    let same = all().filter(|route| Some(route.pattern) == pattern);
    same.collect::<Vec<_>>().into_iter()
}

/// What the tables know of a path, whatever the method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The methods that it has, separated by commas.
    pub(crate) methods: String,
    /// The pattern that fits it best.
    pub(crate) pattern: &'static str,
    /// How its errors look.
    pub(crate) style: Style,
}

/// Looks for a path; `None` where there is none.
pub(crate) fn known(tables: &[&[Route]], path: &str) -> Option<Known> {
    let first = of_path(tables, path).next()?;
    let methods = of_path(tables, path).flat_map(|route| {
        let head = (route.method == Verb::Get).then_some("HEAD");
        [Some(route.method.as_str()), head].into_iter().flatten()
    });
    Some(Known {
        methods: methods.collect::<Vec<_>>().join(", "),
        pattern: first.pattern,
        style: first.style,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn nothing(_: Call) -> Outcome {
        Err(Problem::not_found())
    }

    const TABLE: &[Route] = &[
        Route::get("/v1/users/:id", Access::User, crate::handler!(nothing)),
        Route::get("/v1/users/me", Access::User, crate::handler!(nothing)),
        Route::delete("/v1/users/me", Access::User, crate::handler!(nothing)),
        Route::patch("/v1/users/:id", Access::Admin, crate::handler!(nothing)),
    ];

    #[test]
    fn the_best_fitting_route_is_found_and_head_is_get() {
        for method in [Method::GET, Method::HEAD] {
            let Found::Route(route, _) = find(&[TABLE], &method, "/v1/users/me") else {
                panic!("no route");
            };
            assert_eq!(route.pattern, "/v1/users/me");
        }
    }

    #[test]
    fn a_wrong_method_names_the_right_ones() {
        let Found::WrongMethod(known) = find(&[TABLE], &Method::PUT, "/v1/users/x") else {
            panic!("found");
        };
        let expected = Known {
            methods: "GET, HEAD, PATCH".to_owned(),
            pattern: "/v1/users/:id",
            style: Style::Problem,
        };
        assert_eq!(known, expected);
    }

    #[test]
    fn a_path_of_several_patterns_has_the_methods_of_the_best() {
        for method in [Method::PUT, Method::PATCH] {
            let Found::WrongMethod(known) = find(&[TABLE], &method, "/v1/users/me") else {
                panic!("found");
            };
            assert_eq!(known.methods, "GET, HEAD, DELETE");
            assert_eq!(known.pattern, "/v1/users/me");
        }
        assert!(matches!(
            find(&[TABLE], &Method::PATCH, "/v1/users/x"),
            Found::Route(..)
        ));
    }

    #[test]
    fn an_unknown_path_is_nothing() {
        assert!(matches!(
            find(&[TABLE], &Method::GET, "/v1/user"),
            Found::Nothing
        ));
    }
}
