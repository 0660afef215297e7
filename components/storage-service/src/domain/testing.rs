//! What the domain's tests share: a storage in memory, with a bucket that can fail.

mod bucket;

use std::cell::RefCell;
use std::collections::VecDeque;

use bytes::Bytes;
use spinreel_api::Timestamp;
use spinreel_api::alerts::RaiseAlert;
use spinreel_api::internal::{Direction, Reservation, Settle, StoredVideo};
use spinreel_api::usage::Action;
use spinreel_gcs::{Client, Credentials, Endpoint, RetryPolicy};
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore, SeededRandom};
use spinreel_platform::{Clock, Store};

pub(crate) use self::bucket::MemoryBucket;
use super::peers::{PeerFailure, Peers};
use super::record::{Owner, Purpose};
use super::resumable::Rules;
use super::storage::Storage;
use super::upload::{CHUNK, FileSource, NewFile, SourceError, UploadError, Uploaded};

/// A file that comes in the pieces that it was made of.
pub(crate) struct PieceSource(VecDeque<Result<Bytes, SourceError>>);

impl PieceSource {
    pub(crate) fn new(pieces: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(pieces.into_iter().map(Bytes::from).map(Ok).collect())
    }

    /// The client goes away after these pieces.
    pub(crate) fn cut_off(pieces: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut source = Self::new(pieces);
        source.0.push_back(Err(SourceError("cut off".to_owned())));
        source
    }
}

impl FileSource for PieceSource {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        // Lets others run in between, as the network does.
        yield_once().await;
        self.0.pop_front().transpose()
    }
}

async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// The other services: they note what they are told.
#[derive(Debug, Default)]
pub(crate) struct NotedPeers {
    pub(crate) announced: RefCell<Vec<StoredVideo>>,
    pub(crate) withdrawn: RefCell<Vec<String>>,
    pub(crate) settled: RefCell<Vec<Settle>>,
    pub(crate) alerts: RefCell<Vec<String>>,
    pub(crate) catalogue_is_down: RefCell<bool>,
    pub(crate) usage_answers_are_lost: RefCell<bool>,
}

impl Peers for NotedPeers {
    async fn reserve_bandwidth(
        &self,
        _: &str,
        bytes: u64,
    ) -> Result<Option<Reservation>, PeerFailure> {
        if *self.usage_answers_are_lost.borrow() {
            return Err(PeerFailure("lost".to_owned()));
        }
        Ok(Some(Reservation {
            day: Timestamp::from_ms(0).day(),
            direction: Direction::In,
            bytes,
            playback: None,
        }))
    }

    async fn settle_bandwidth(
        &self,
        user_id: &str,
        reservations: &[Reservation],
        moved: u64,
        action: Option<Action>,
    ) -> Result<(), PeerFailure> {
        self.settled.borrow_mut().push(Settle {
            user_id: user_id.to_owned(),
            reservations: reservations.to_vec(),
            moved,
            action,
        });
        Ok(())
    }

    async fn announce(&self, _: &str, video: &StoredVideo) -> Result<(), PeerFailure> {
        if *self.catalogue_is_down.borrow() {
            return Err(PeerFailure("down".to_owned()));
        }
        self.announced.borrow_mut().push(video.clone());
        Ok(())
    }

    async fn withdraw(&self, id: &str, _: &str) -> Result<(), PeerFailure> {
        if *self.catalogue_is_down.borrow() {
            return Err(PeerFailure("down".to_owned()));
        }
        self.withdrawn.borrow_mut().push(id.to_owned());
        Ok(())
    }

    async fn report_alert(&self, id: &str, _: &RaiseAlert) -> Result<(), PeerFailure> {
        self.alerts.borrow_mut().push(id.to_owned());
        Ok(())
    }
}

/// A clock that stands until the test moves it on: who sleeps waits for that.
#[derive(Debug)]
pub(crate) struct TestClock(ManualClock);

impl TestClock {
    pub(crate) fn advance_ms(&self, ms: u64) {
        self.0.advance_ms(ms);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    async fn sleep_ms(&self, ms: u64) {
        let until_ms = self.now_ms() + ms;
        while self.now_ms() < until_ms {
            yield_once().await;
        }
    }
}

/// Everything that outlives a request.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: CountingStore<MemoryStore>,
    pub(crate) bucket: MemoryBucket,
    pub(crate) clock: TestClock,
    pub(crate) random: SeededRandom,
    pub(crate) peers: NotedPeers,
    pub(crate) limit: i64,
    pub(crate) files_per_user: u64,
}

pub(crate) type TestStorage<'a, S = CountingStore<MemoryStore>> =
    Storage<&'a S, &'a MemoryBucket, &'a TestClock, &'a SeededRandom, &'a NotedPeers>;

impl World {
    pub(crate) fn with_limit(limit: i64) -> Self {
        Self {
            store: CountingStore::new(MemoryStore::default()),
            bucket: MemoryBucket::default(),
            clock: TestClock(ManualClock::at(1_700_000_000_000)),
            random: SeededRandom::new(1),
            peers: NotedPeers::default(),
            limit,
            files_per_user: 10_000,
        }
    }

    /// The storage as one request sees it; the bucket is asked once.
    pub(crate) fn storage(&self) -> TestStorage<'_> {
        self.storage_on(&self.store)
    }

    /// The same on another view of the store.
    pub(crate) fn storage_on<'a, S>(&'a self, store: &'a S) -> TestStorage<'a, S> {
        let endpoint = Endpoint::new("http://bucket.test", "spinreel").expect("it is valid");
        let once = RetryPolicy {
            attempts: 1,
            total_ms: 0,
            first_pause_ms: 0,
            longest_pause_ms: 0,
        };
        let client = Client::new(
            &self.bucket,
            &self.clock,
            &self.random,
            endpoint,
            Credentials::Anonymous,
        );
        Storage {
            store,
            bucket: client.with_retry_policy(once),
            clock: &self.clock,
            peers: &self.peers,
            limit: self.limit,
            files_per_user: self.files_per_user,
            chunk: CHUNK,
            resumable: rules(),
        }
    }

    /// Uploads `bytes` whose length was known before.
    pub(crate) async fn upload(&self, name: &str, bytes: &[u8]) -> Result<Uploaded, UploadError> {
        let expected = bytes.len() as u64;
        let pieces = bytes.chunks(300_000).map(<[u8]>::to_vec);
        self.upload_from(name, expected, PieceSource::new(pieces))
            .await
    }

    pub(crate) async fn upload_from(
        &self,
        name: &str,
        expected: u64,
        source: PieceSource,
    ) -> Result<Uploaded, UploadError> {
        self.upload_on(&self.storage(), name, expected, source)
            .await
    }

    /// The same through a storage of the caller's.
    pub(crate) async fn upload_on<S>(
        &self,
        storage: &TestStorage<'_, S>,
        name: &str,
        expected: u64,
        mut source: PieceSource,
    ) -> Result<Uploaded, UploadError>
    where
        S: Store,
    {
        let mut id = [0; 8];
        spinreel_platform::Random::fill(&self.random, &mut id);
        let file = NewFile {
            id: format!("{:016x}", u64::from_le_bytes(id)),
            name: name.to_owned(),
            purpose: Purpose::Video,
            content_type: "video/mp4".to_owned(),
            expected,
        };
        storage.upload(&owner(), file, &mut source).await
    }
}

/// What holds for resumable uploads in tests.
pub(crate) fn rules() -> Rules {
    Rules {
        most: 100,
        expiry_ms: 3_600_000,
        patience_ms: 0,
        secret: "0123456789abcdef0123456789abcdef".to_owned(),
    }
}

/// The one user of the tests.
pub(crate) fn owner() -> Owner {
    Owner {
        user_id: "u-1".to_owned(),
        username: "ada".to_owned(),
    }
}
