use bytes::Bytes;
use spinreel_media::{InspectError, Inspected, Limits, ReadAt, ReadError, inspect};

/// A file that counts what is read of it.
pub(crate) struct Counting {
    file: Bytes,
    pub(crate) reads: u32,
    pub(crate) bytes: u64,
}

impl Counting {
    pub(crate) fn new(file: Bytes) -> Self {
        Self {
            file,
            reads: 0,
            bytes: 0,
        }
    }
}

impl ReadAt for Counting {
    async fn read_at(&mut self, offset: u64, length: u64) -> Result<Bytes, ReadError> {
        self.reads += 1;
        self.bytes += length;
        self.file.read_at(offset, length).await
    }

    fn size(&self) -> u64 {
        self.file.size()
    }
}

/// Looks at a file as the service does.
pub(crate) fn look(file: Bytes) -> (Result<Inspected, InspectError>, Counting) {
    let mut counting = Counting::new(file);
    let inspected = futures::executor::block_on(inspect(&mut counting, Limits::default()));
    (inspected, counting)
}
