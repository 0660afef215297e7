//! Bindings of `wit/world.wit`, made by wit-bindgen.
#![allow(unsafe_code, missing_docs, unreachable_pub, clippy::all)]

wit_bindgen::generate!({
    world: "spinreel:service/service",
    path: "../../wit",
    generate_all,
});
