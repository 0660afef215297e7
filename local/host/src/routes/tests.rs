#![allow(clippy::unwrap_used)]

mod table;

use super::*;

fn router(routes: &[&'static str]) -> Router<&'static str> {
    Router::new(
        routes
            .iter()
            .map(|route| (Pattern::parse(route).unwrap(), *route)),
    )
}

#[test]
fn without_dots_the_most_specific_route_wins_whatever_the_order() {
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
    ];
    let expected = [
        ("/", "/"),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/a/b", "/a/b"),
        ("/a/z", "/a/:id"),
        ("/a/z/", "/a/:id"),
        ("/a/z/c", "/a/:id/c"),
        ("/a/z/d", "/a/:id/..."),
        ("/a/b/d/e", "/a/b/..."),
        ("/b", "/..."),
        ("/ab", "/..."),
    ];
    let mut reversed = routes;
    reversed.reverse();
    for order in [routes, reversed] {
        let router = router(&order);
        for (path, route) in expected {
            let found = router.find(path).map(|found| *found.0);
            assert_eq!(found, Some(route), "{path}");
        }
    }
}

#[test]
fn of_two_routes_that_match_the_same_paths_the_first_wins() {
    for routes in [["/a", "/a/"], ["/a/", "/a"], ["/:x", "/:y"]] {
        assert_eq!(*router(&routes).find("/a").unwrap().0, routes[0]);
    }
}

#[test]
fn what_no_route_matches_is_not_found() {
    let router = router(&["/a", "/b/:id", "/c/...", "/d.json"]);
    for path in [
        "/",
        "/a/b",
        "/ab",
        "/b",
        "/b/",
        "/b/1/2",
        "/cc",
        "/A",
        "/d",
        "/d.jso",
        "/d.json/x",
    ] {
        assert!(router.find(path).is_none(), "{path}");
    }
}

#[test]
fn parameters_and_the_rest_of_the_path_are_captured() {
    let router = router(&["/v/:id/seg/:n/...", "/x"]);
    let captures = router.find("/v/42/seg/7.5/a/b").unwrap().1;
    let expected = [("id", "42"), ("n", "7.5")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(captures.parameters, expected);
    assert_eq!(captures.path_info, "/a/b");
    assert_eq!(router.find("/x/").unwrap().1, Captures::default());
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
fn wrong_routes_are_refused() {
    for route in [
        "",
        "a",
        "/a/.../b",
        "/a...",
        "/:",
        "/:a.json",
        "/a//b",
        "/a//...",
        "/a/*",
        "/.well-known/spin/x",
    ] {
        assert!(Pattern::parse(route).is_err(), "{route}");
    }
}
