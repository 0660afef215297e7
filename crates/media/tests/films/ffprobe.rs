use std::process::Command;

use serde_json::Value;

/// What ffprobe says of a film, with these arguments.
pub(crate) fn ffprobe(name: &str, arguments: &[&str]) -> Value {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json"])
        .args(arguments)
        .arg(super::folder().join(name))
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A number that ffprobe writes as text.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_str().unwrap_or_default().parse().unwrap()
}

/// The streams of a kind.
pub(crate) fn streams<'a>(probed: &'a Value, kind: &str) -> Vec<&'a Value> {
    let streams = probed["streams"].as_array().unwrap().iter();
    streams
        .filter(|stream| stream["codec_type"] == kind)
        .collect()
}
