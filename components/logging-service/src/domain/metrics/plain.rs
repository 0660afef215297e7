//! OpenMetrics text as the older text format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

/// The media type of the format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The same samples in that format. It has no units and no end, a counter's family has its samples' name, and information is
/// a gauge.
pub(super) fn from_openmetrics(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    // The help comes before the type that says what its family is called.
    let mut help = None;
    for line in text.lines() {
        match line.strip_prefix("# ").map(|line| line.split_once(' ')) {
            None => push(&mut plain, &[line]),
            Some(Some(("HELP", about))) => help = about.split_once(' '),
            Some(Some(("TYPE", about))) => {
                let (name, kind) = about.split_once(' ').unwrap_or((about, "untyped"));
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    kind => ("", kind),
                };
                if let Some((_, words)) = help.take().filter(|(helped, _)| *helped == name) {
                    push(&mut plain, &["# HELP ", name, suffix, " ", words]);
                }
                push(&mut plain, &["# TYPE ", name, suffix, " ", kind]);
            }
            // Units, and the end.
            Some(_) => {}
        }
    }
    plain
}

fn push(text: &mut String, parts: &[&str]) {
    text.extend(parts.iter().copied());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_types_and_samples_are_those_of_the_older_format() {
        let text = "# HELP a_requests Requests.\n# TYPE a_requests counter\na_requests_total{x=\"# TYPE b\\n\"} 5\n\
                    # HELP a_seconds How long.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n\
                    a_seconds_bucket{le=\"+Inf\"} 1\na_seconds_sum 0.5\na_seconds_count 1\n\
                    # HELP a_build The build.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n# EOF\n";
        let expected = "# HELP a_requests_total Requests.\n# TYPE a_requests_total counter\n\
                        a_requests_total{x=\"# TYPE b\\n\"} 5\n\
                        # HELP a_seconds How long.\n# TYPE a_seconds histogram\n\
                        a_seconds_bucket{le=\"+Inf\"} 1\na_seconds_sum 0.5\na_seconds_count 1\n\
                        # HELP a_build_info The build.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n";
        assert_eq!(from_openmetrics(text), expected);
    }
}
