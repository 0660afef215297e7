//! `multipart/form-data` (RFC 7578), byte by byte.

/// A form that is being put together.
#[derive(Debug, Clone)]
pub struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Default for Form {
    fn default() -> Self {
        Self::new()
    }
}

impl Form {
    /// A form without parts.
    pub fn new() -> Self {
        Self {
            boundary: "----spinreel-test-boundary".to_owned(),
            body: Vec::new(),
        }
    }

    /// A form with one file under the name `file`, as browsers send it.
    pub fn of_file(filename: &str, bytes: &[u8]) -> Self {
        Self::new().file("file", filename, "video/mp4", bytes)
    }

    /// Adds a field of text.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"\r\n");
        self.part(head.as_bytes(), value.as_bytes())
    }

    /// Adds a file; its name goes out as it is, whatever characters it has.
    #[must_use]
    pub fn file(self, name: &str, filename: &str, content_type: &str, bytes: &[u8]) -> Self {
        self.part(&file_head(name, filename, content_type), bytes)
    }

    /// Adds a part with a head of one's own; every line of it ends in CRLF.
    #[must_use]
    pub fn part(mut self, head: &[u8], content: &[u8]) -> Self {
        self.body.extend(format!("--{}\r\n", self.boundary).bytes());
        self.body.extend(head);
        self.body.extend(b"\r\n");
        self.body.extend(content);
        self.body.extend(b"\r\n");
        self
    }

    /// The `Content-Type` that goes with it.
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The whole body.
    pub fn into_body(mut self) -> Vec<u8> {
        self.body
            .extend(format!("--{}--\r\n", self.boundary).bytes());
        self.body
    }

    /// What comes before and after a file's bytes, for files that are streamed.
    pub fn around_file(filename: &str) -> (String, Vec<u8>, Vec<u8>) {
        let form = Self::new();
        let mut before = format!("--{}\r\n", form.boundary).into_bytes();
        before.extend(file_head("file", filename, "video/mp4"));
        before.extend(b"\r\n");
        let after = format!("\r\n--{}--\r\n", form.boundary).into_bytes();
        (form.content_type(), before, after)
    }
}

fn file_head(name: &str, filename: &str, content_type: &str) -> Vec<u8> {
    format!(
        "Content-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\nContent-Type: {content_type}\r\n"
    )
    .into_bytes()
}
