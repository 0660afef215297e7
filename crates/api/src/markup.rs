//! Text in XML and HTML.

/// Text as XML and HTML have it, in elements and in quoted attributes (XML 1.0, section 2.4; HTML, section 13.3).
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        assert_eq!(
            escape("<a href=\"x\" id='y'>Tom & Jerry</a>"),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;Tom &amp; Jerry&lt;/a&gt;"
        );
    }
}
