use http::Uri;

use crate::encode::{Query, component};
use crate::error::Error;
use crate::object::check_name;

/// Where a bucket is: an origin that speaks the JSON API, and the bucket's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    origin: String,
    bucket: String,
}

impl Endpoint {
    /// An endpoint such as `https://storage.googleapis.com` and a bucket there.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if `origin` is no `http` or `https` origin (it has no user, path, query or
    /// fragment), or if `bucket` breaks <https://cloud.google.com/storage/docs/buckets#naming>.
    pub fn new(origin: &str, bucket: &str) -> Result<Self, Error> {
        let origin = self::origin(origin)?;
        let named = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
        if !(3..=222).contains(&bucket.len()) || !bucket.bytes().all(named) {
            return Err(Error::InvalidArgument(
                "the bucket's name is not a valid one",
            ));
        }
        Ok(Self {
            origin,
            bucket: bucket.to_owned(),
        })
    }

    /// The origin, without a trailing slash.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// `…/storage/v1/b/BUCKET/o`: listing.
    pub(crate) fn objects(&self, query: &Query) -> String {
        format!(
            "{}/storage/v1/b/{}/o{}",
            self.origin,
            component(&self.bucket),
            query.as_str()
        )
    }

    /// `…/storage/v1/b/BUCKET/o/OBJECT`: one object. A name that no object can have is refused here, because `.`
    /// and `..` would change the path.
    pub(crate) fn object(&self, name: &str, query: &Query) -> Result<String, Error> {
        check_name(name)?;
        Ok(format!(
            "{}/storage/v1/b/{}/o/{}{}",
            self.origin,
            component(&self.bucket),
            component(name),
            query.as_str()
        ))
    }

    /// `…/storage/v1/b/BUCKET/o/OBJECT/compose`: where an object is made of others.
    pub(crate) fn composition(&self, name: &str, query: &Query) -> Result<String, Error> {
        let object = self.object(name, &Query::default())?;
        Ok(format!("{object}/compose{}", query.as_str()))
    }

    /// `…/upload/storage/v1/b/BUCKET/o`: where objects are written.
    pub(crate) fn uploads(&self, query: &Query) -> String {
        format!(
            "{}/upload/storage/v1/b/{}/o{}",
            self.origin,
            component(&self.bucket),
            query.as_str()
        )
    }
}

/// `text` as an `http` or `https` origin without a trailing slash.
pub(crate) fn origin(text: &str) -> Result<String, Error> {
    const NO_ORIGIN: Error =
        Error::InvalidArgument("the endpoint must be an http or https origin without a path");
    // `Uri` drops fragments silently.
    if text.contains('#') {
        return Err(NO_ORIGIN);
    }
    let uri: Uri = text.parse().map_err(|_| NO_ORIGIN)?;
    let scheme = uri
        .scheme_str()
        .filter(|scheme| matches!(*scheme, "http" | "https"));
    let authority = uri
        .authority()
        .filter(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    let bare = uri.query().is_none() && matches!(uri.path(), "" | "/");
    match (scheme, authority, bare) {
        (Some(scheme), Some(authority), true) => Ok(format!("{scheme}://{authority}")),
        _ => Err(NO_ORIGIN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_may_have_a_port_and_a_trailing_slash() {
        for (given, kept) in [
            (
                "https://storage.googleapis.com",
                "https://storage.googleapis.com",
            ),
            ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
            ("http://[::1]:9000", "http://[::1]:9000"),
        ] {
            let endpoint = Endpoint::new(given, "spinreel").map(|endpoint| endpoint.origin);
            assert_eq!(endpoint.as_deref(), Ok(kept));
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for origin in [
            "",
            "/",
            "storage.googleapis.com",
            "ftp://storage.googleapis.com",
            "https://",
            "https://:443",
            "https://user:password@storage.googleapis.com",
            "https://storage.googleapis.com/path",
            "https://storage.googleapis.com/?query",
            "https://storage.googleapis.com/#fragment",
            "https://storage.googleapis.com\r\n",
        ] {
            let endpoint = Endpoint::new(origin, "spinreel");
            assert!(
                matches!(endpoint, Err(Error::InvalidArgument(_))),
                "{origin:?}"
            );
        }
    }

    #[test]
    fn a_bucket_name_that_is_none_is_refused() {
        for bucket in ["", "ab", "Upper", "a/b", "a b", "..?", &"a".repeat(223)] {
            let endpoint = Endpoint::new("http://bucket.test", bucket);
            assert!(
                matches!(endpoint, Err(Error::InvalidArgument(_))),
                "{bucket:?}"
            );
        }
    }

    #[test]
    fn an_object_name_stays_one_segment() {
        let endpoint = Endpoint::new("http://bucket.test", "spinreel").expect("it is valid");
        for (name, segment) in [
            ("ada/video.mp4", "ada%2Fvideo.mp4"),
            ("../../b/other/o/x", "..%2F..%2Fb%2Fother%2Fo%2Fx"),
            ("a?alt=media#x", "a%3Falt%3Dmedia%23x"),
            ("100% +1 ü", "100%25%20%2B1%20%C3%BC"),
            ("...", "..."),
        ] {
            let address = endpoint.object(name, &Query::default());
            assert_eq!(
                address,
                Ok(format!(
                    "http://bucket.test/storage/v1/b/spinreel/o/{segment}"
                ))
            );
        }
    }

    #[test]
    fn a_name_that_no_object_can_have_is_refused() {
        let endpoint = Endpoint::new("http://bucket.test", "spinreel").expect("it is valid");
        for name in ["", ".", "..", "a\nb", "a\rb", &"a".repeat(1025)] {
            let address = endpoint.object(name, &Query::default());
            assert!(
                matches!(address, Err(Error::InvalidArgument(_))),
                "{name:?}"
            );
        }
    }
}
