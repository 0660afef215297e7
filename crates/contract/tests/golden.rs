//! The committed document and page are what the descriptions say: a change of the contract is a diff. `BLESS=1` writes them.

use std::path::{Path, PathBuf};

use serde_json::Value;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../components/console/files")
        .join(name)
}

fn check(name: &str, wanted: &str) {
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file(name), wanted).expect("the file can be written");
    }
    let found = std::fs::read_to_string(file(name)).unwrap_or_default();
    assert!(found == wanted, "{name} is out of date: BLESS=1 writes it");
}

#[test]
fn the_document_is_the_committed_one() {
    let text = serde_json::to_string_pretty(&spinreel_contract::document());
    check("openapi.json", &(text.unwrap_or_default() + "\n"));
}

#[test]
fn the_page_is_the_committed_one() {
    check(
        "docs.html",
        &spinreel_contract::page(&spinreel_contract::document()),
    );
}

#[test]
fn every_reference_leads_to_a_schema() {
    fn visit(document: &Value, value: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                members.values().for_each(|member| visit(document, member));
            }
            Value::Array(items) => items.iter().for_each(|item| visit(document, item)),
            _ => {}
        }
    }
    let document = spinreel_contract::document();
    visit(&document, &document);
}

#[test]
fn every_operation_has_an_id_of_its_own() {
    let document = spinreel_contract::document();
    let mut seen = std::collections::BTreeSet::new();
    let paths = document["paths"].as_object().expect("paths");
    for operation in paths
        .values()
        .filter_map(Value::as_object)
        .flat_map(|item| item.values())
    {
        let id = operation["operationId"].as_str().expect("an id");
        assert!(seen.insert(id.to_owned()), "{id}");
    }
    assert!(seen.len() > 30);
}
