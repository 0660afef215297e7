//! The README's minute of curl does what the README prints.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spinreel_tests::App;

/// What the README's shell blocks print in between, and what it says that they print.
struct Step {
    commands: String,
    printed: String,
}

/// The pairs of a shell block and the block of its output.
fn steps(readme: &str) -> Vec<Step> {
    let begin = readme.find("## A minute of curl").unwrap();
    let end = readme.find("## On Spin").unwrap();
    let blocks: Vec<&str> = readme[begin..end].split("```").skip(1).step_by(2).collect();
    blocks
        .chunks(2)
        .map(|pair| Step {
            commands: pair[0].strip_prefix("sh\n").unwrap().to_owned(),
            printed: pair[1].split_once('\n').unwrap().1.to_owned(),
        })
        .collect()
}

/// A line without what is new with every run.
fn timeless(line: &str) -> String {
    let Ok(Value::Object(mut members)) = serde_json::from_str(line) else {
        return line.trim_end().to_owned();
    };
    for name in ["id", "created_at", "date"] {
        if let Some(value) = members.get_mut(name) {
            *value = Value::Null;
        }
    }
    Value::Object(members).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_minute_of_curl_prints_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let app = App::start().await;
    let mut script = String::new();
    for step in steps(&readme) {
        // What is settled after an answer may take a moment.
        script.push_str("sleep 1\n");
        script.push_str(&step.commands);
        script.push_str("echo ----\n");
    }
    let here = format!("http://{}", app.address());
    let script = script.replace("http://127.0.0.1:3000", &here);
    let output = tokio::task::spawn_blocking(move || {
        Command::new("bash")
            .arg("-c")
            .arg(script)
            .current_dir(root)
            .output()
    });
    let output = output.await.unwrap().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<&str> = printed.split("----\n").collect();
    for (step, printed) in steps(&readme).iter().zip(printed) {
        let lines = |text: &str| text.lines().map(timeless).collect::<Vec<_>>();
        assert_eq!(lines(printed), lines(&step.printed), "{}", step.commands);
    }
}
