//! The document as a page for people: no script, nothing from another host.

use std::fmt::Write as _;

use serde_json::Value;

/// The methods in the order in which they are shown.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{max-width:60rem;margin:0 auto;padding:1rem}\
code{font:0.9em ui-monospace,monospace}\
h2{margin-top:2.5rem}\
details{border:1px solid #8886;border-radius:.4rem;margin:.5rem 0;padding:.4rem .8rem}\
summary{cursor:pointer}\
summary b{display:inline-block;min-width:4.5rem;font:600 .8rem ui-monospace,monospace}\
table{border-collapse:collapse;width:100%;margin:.5rem 0}\
td,th{border-top:1px solid #8884;padding:.25rem .5rem .25rem 0;text-align:left;vertical-align:top}\
pre{overflow-x:auto;background:#8882;padding:.6rem;border-radius:.3rem}";

/// The page of a [document](crate::document).
pub fn page(document: &Value) -> String {
    let info = &document["info"];
    let title = text(&info["title"]);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}: the HTTP API</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>{title} {}</h1>\n<p>{}. {}</p>\n<p>For programs: <a href=\"/openapi.json\">openapi.json</a>.</p>\n",
        text(&info["version"]),
        text(&info["summary"]),
        text(&info["description"]),
    );
    for tag in items(&document["tags"]) {
        let name = tag["name"].as_str().unwrap_or_default();
        add(
            &mut html,
            format_args!(
                "<h2>{}</h2>\n<p>{}</p>\n",
                text(&tag["name"]),
                text(&tag["description"])
            ),
        );
        for (path, method, operation) in operations(document) {
            if items(&operation["tags"]).iter().any(|tag| tag == name) {
                add_operation(&mut html, path, method, operation);
            }
        }
    }
    html.push_str("<h2>Schemas</h2>\n");
    for (name, schema) in members(&document["components"]["schemas"]) {
        let shown = serde_json::to_string_pretty(schema).unwrap_or_default();
        add(
            &mut html,
            format_args!(
                "<details id=\"{0}\"><summary>{0}</summary><pre>{1}</pre></details>\n",
                escape(name),
                escape(&shown)
            ),
        );
    }
    html.push_str("</body>\n</html>\n");
    html
}

/// Every operation, in the order of the paths.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &'static str, &Value)> {
    members(&document["paths"]).flat_map(|(path, item)| {
        METHODS
            .into_iter()
            .filter_map(move |method| Some((path, method, item.get(method)?)))
    })
}

fn add_operation(html: &mut String, path: &str, method: &str, operation: &Value) {
    add(
        html,
        format_args!(
            "<details><summary><b>{}</b> <code>{}</code> {}</summary>\n",
            method.to_ascii_uppercase(),
            escape(path),
            text(&operation["summary"])
        ),
    );
    if operation.get("description").is_some() {
        add(
            html,
            format_args!("<p>{}</p>\n", text(&operation["description"])),
        );
    }
    let parameters = items(&operation["parameters"]);
    if !parameters.is_empty() {
        html.push_str("<table><tr><th>Parameter</th><th>In</th><th></th></tr>\n");
        for parameter in parameters {
            add(
                html,
                format_args!(
                    "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
                    text(&parameter["name"]),
                    text(&parameter["in"]),
                    text(&parameter["description"])
                ),
            );
        }
        html.push_str("</table>\n");
    }
    for (media_type, content) in members(&operation["requestBody"]["content"]) {
        add(
            html,
            format_args!(
                "<p>Body: <code>{}</code>{}</p>\n",
                escape(media_type),
                shape(content)
            ),
        );
    }
    html.push_str("<table><tr><th>Answer</th><th></th><th></th></tr>\n");
    for (status, response) in members(&operation["responses"]) {
        let shapes: Vec<String> = members(&response["content"])
            .map(|(media_type, content)| {
                format!("<code>{}</code>{}", escape(media_type), shape(content))
            })
            .collect();
        add(
            html,
            format_args!(
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                escape(status),
                text(&response["description"]),
                shapes.join("<br>")
            ),
        );
    }
    html.push_str("</table>\n</details>\n");
}

/// A link to the schema of a body, where it has a name.
fn shape(content: &Value) -> String {
    let schema = &content["schema"];
    let named = [
        &schema["$ref"],
        &schema["properties"]["items"]["items"]["$ref"],
    ];
    let name = named
        .into_iter()
        .find_map(|reference| reference.as_str()?.rsplit('/').next());
    match name {
        Some(name) => format!(" <a href=\"#{0}\">{0}</a>", escape(name)),
        None => String::new(),
    }
}

/// Text with its `code` between grave accents.
fn text(value: &Value) -> String {
    let escaped = escape(value.as_str().unwrap_or_default());
    let parts = escaped
        .split('`')
        .enumerate()
        .map(|(index, part)| match index % 2 {
            1 => format!("<code>{part}</code>"),
            _ => part.to_owned(),
        });
    parts.collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, member)| (name.as_str(), member))
}

/// Writing into a text does not fail.
fn add(html: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = html.write_fmt(arguments);
}
