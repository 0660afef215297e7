use std::pin::Pin;

use spinreel_platform::stepping::interleave;

use super::*;

/// How many orders of steps are tried.
const SEEDS: u64 = 400;

#[test]
fn a_newer_request_displaces_one_that_hangs_and_what_that_one_brings_later_is_not_acknowledged() {
    for (first, before) in [(300, 0), (QUANTUM + 5, 0), (2 * QUANTUM, 7)] {
        let whole = content(3 * QUANTUM);
        for steps in 1..60 {
            let world = World::with_limit(10_000_000);
            let store = Stepping(&world.store);
            let created = block_on(async {
                let created = create(&world, "clip.mp4", Some(whole.len())).await.unwrap();
                if before > 0 {
                    append(&world, &created.id, 0, &whole[..before])
                        .await
                        .unwrap();
                }
                created
            });
            // It stands still after so many steps, and goes on when the newer one is done.
            let said = Bytes {
                offset: before as u64,
                size: Some(first as u64),
                ..Bytes::default()
            };
            let mut bytes = source(&whole[before..before + first]);
            let old_storage = storage(&world, &store);
            let owner = owner();
            let mut old = Box::pin(old_storage.append_to_upload(
                &owner,
                &created.id,
                said,
                &mut bytes,
                async || Ok(true),
            ));
            let is_over = die_after(steps, old.as_mut()).is_some();
            block_on(async {
                let at = offset(&world, &created.id).await;
                assert!(is_over || at == before || at == before + first, "{at}");
                let newer = append(&world, &created.id, at, &whole[at..at + 50]).await;
                assert!(matches!(newer, Ok(Appended::Open { .. })), "{newer:?}");
                if !is_over {
                    let late = old.await;
                    assert!(late.is_err(), "after {steps} steps: {late:?}");
                }
                assert_eq!(offset(&world, &created.id).await, at + 50);
                send_rest(&world, &created.id, &whole, 200_000).await;
                check(&world, "clip.mp4", Some(&whole)).await;
            });
            if is_over {
                break;
            }
        }
    }
}

/// A client that sends the rest of the file until it is there; `acknowledged` is the highest offset that anybody was told.
async fn client(world: &World, id: &UploadId, whole: &[u8], size: usize, acknowledged: &Cell<u64>) {
    for _ in 0..1_000 {
        let floor = acknowledged.get();
        let at = match status(world, id).await {
            Ok(Status::Finished(file)) => {
                assert_eq!(file.object.size as usize, whole.len());
                return;
            }
            Ok(Status::Open { offset, .. }) => offset,
            Ok(Status::Waiting { .. }) => panic!("it is no final upload"),
            Err(ResumableError::Gone | ResumableError::Busy) => continue,
            Err(error) => panic!("{error}"),
        };
        assert!(at >= floor, "at {at} after {floor} was acknowledged");
        let rest = &whole[at as usize..];
        let piece = &rest[..rest.len().min(size)];
        match append(world, id, at as usize, piece).await {
            Ok(Appended::Open { offset, .. }) => {
                assert_eq!(offset, at + piece.len() as u64);
                acknowledged.set(acknowledged.get().max(offset));
            }
            Ok(Appended::Finished { .. }) => return,
            Ok(Appended::Whole { .. }) => panic!("it is no part"),
            Err(
                ResumableError::Displaced
                | ResumableError::Busy
                | ResumableError::Gone
                | ResumableError::Complete
                | ResumableError::OffsetMismatch { .. },
            ) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it does not come to its end");
}

#[test]
fn of_many_clients_that_send_the_same_file_none_loses_an_acknowledged_byte_and_it_arrives_once() {
    let whole = content(2 * QUANTUM + 77);
    for seed in 0..SEEDS {
        let world = World::with_limit(10_000_000);
        let created = block_on(create(&world, "clip.mp4", Some(whole.len()))).unwrap();
        let acknowledged = Cell::new(0);
        let clients: Vec<Pin<Box<dyn Future<Output = ()>>>> = [200_000, 150_000, 2 * QUANTUM]
            .into_iter()
            .map(|size| {
                let client = client(&world, &created.id, &whole, size, &acknowledged);
                Box::pin(client) as Pin<Box<dyn Future<Output = ()>>>
            })
            .collect();
        interleave(seed, clients, || {});
        block_on(check(&world, "clip.mp4", Some(&whole)));
        assert!(!world.peers.announced.borrow().is_empty());
    }
}

#[test]
fn an_end_and_a_last_byte_at_once_leave_a_file_or_nothing() {
    let whole = content(500);
    for seed in 0..SEEDS {
        let world = World::with_limit(10_000_000);
        let created = block_on(create(&world, "clip.mp4", Some(whole.len()))).unwrap();
        let steps = Stepping(&world.store);
        let id = &created.id;
        let ended = Cell::new(false);
        let stored = Cell::new(false);
        let one = async {
            if append(&world, id, 0, &whole).await.is_ok() {
                stored.set(true);
            }
        };
        let other = async {
            let end = storage(&world, &steps).terminate_upload("u-1", id).await;
            ended.set(end.is_ok());
        };
        interleave(
            seed,
            vec![
                Box::pin(one) as Pin<Box<dyn Future<Output = ()>>>,
                Box::pin(other),
            ],
            || {},
        );
        block_on(async {
            if !ended.get() && !stored.get() {
                world.clock.advance_ms(world.storage().resumable.expiry_ms);
            }
            world.clock.advance_ms(2 * LEASE_MS);
            let is_there = world.bucket.content("ada/clip.mp4").is_some();
            assert!(!ended.get() || !is_there, "seed {seed}: it was ended");
            assert!(
                !stored.get() || ended.get() || is_there,
                "seed {seed}: it was stored"
            );
            check(&world, "clip.mp4", is_there.then_some(&whole[..])).await;
        });
    }
}
