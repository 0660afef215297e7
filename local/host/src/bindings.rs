//! Rust traits for the interfaces that the host adds to WASI's own: key-value and variables.

wasmtime::component::bindgen!({
    path: ["../../wit/deps/keyvalue", "../../wit/deps/spin@2.0.0"],
    inline: "
        package spinreel:host;

        world extras {
            import wasi:keyvalue/store@0.2.0-draft2;
            import wasi:keyvalue/atomics@0.2.0-draft2;
            import wasi:keyvalue/batch@0.2.0-draft2;
            import fermyon:spin/key-value@2.0.0;
            import fermyon:spin/variables@2.0.0;
        }
    ",
    world: "spinreel:host/extras",
    imports: {
        "fermyon:spin/variables": async,
        default: async | trappable,
    },
    with: {
        "wasi:keyvalue/store.bucket": crate::key_value::Bucket,
        "wasi:keyvalue/atomics.cas": crate::key_value::Cas,
        "fermyon:spin/key-value.store": crate::key_value::LabelledStore,
    },
});
