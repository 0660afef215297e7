use std::fmt;
use std::str::FromStr;

/// What a client calls an upload: its number among the user's, and the id that the file will have. Opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadId {
    pub(in crate::domain) number: u64,
    pub(in crate::domain) file: String,
}

impl UploadId {
    /// The number of the upload's operation, for a [look in passing](crate::domain::tidy::Eagerness::InPassing).
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The id of the file that it becomes.
    pub fn file(&self) -> &str {
        &self.file
    }
}

/// A text that is no upload's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoUploadId;

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.number, self.file)
    }
}

impl FromStr for UploadId {
    type Err = NoUploadId;

    fn from_str(text: &str) -> Result<Self, NoUploadId> {
        let (number, file) = text.split_once('-').ok_or(NoUploadId)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| is_number);
        Ok(Self {
            number: number.ok_or(NoUploadId)?,
            file: file.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_and_nothing_else_is_one() {
        let id = UploadId {
            number: 7,
            file: "0199-ab".to_owned(),
        };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "7", "-ab", "+7-ab", "x-ab", "99999999999999999999-ab"] {
            assert_eq!(text.parse::<UploadId>(), Err(NoUploadId), "{text}");
        }
    }
}
