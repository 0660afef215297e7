use super::*;

/// The most steps that a request may take here.
const MOST: usize = 400;

/// Runs a request again and again in new worlds, and lets it die after each of its steps. `prepare` makes the world;
/// `recover` is what clients and sweeps do afterwards.
pub(super) fn at_every_step<T>(
    prepare: impl AsyncFn(&World) -> T,
    request: impl AsyncFn(&World, &T),
    recover: impl AsyncFn(&World, &T),
) {
    for steps in 0..MOST {
        let world = World::with_limit(10_000_000);
        let prepared = block_on(prepare(&world));
        let is_done = die_after(steps, request(&world, &prepared)).is_some();
        block_on(recover(&world, &prepared));
        if is_done {
            assert!(steps > 5, "it has steps");
            return;
        }
    }
    panic!("it takes more than {MOST} steps");
}

#[test]
fn a_creation_that_dies_leaves_nothing_when_its_lease_is_over() {
    at_every_step(
        async |_| (),
        async |world, ()| {
            let created = create(world, "clip.mp4", Some(1_000)).await.unwrap();
            // Its client has not heard of it when it dies before.
            world.clock.advance_ms(1);
            world
                .storage()
                .terminate_upload("u-1", &created.id)
                .await
                .unwrap();
        },
        async |world, ()| {
            world.clock.advance_ms(world.storage().resumable.expiry_ms);
            check(world, "clip.mp4", None).await;
        },
    );
}

#[test]
fn a_request_that_dies_loses_no_byte_that_was_acknowledged_and_the_next_goes_on() {
    // The rest of the first request and the bytes of the second make a chunk and a rest.
    for (before, bytes) in [(100, 300), (100_000, 400_000), (QUANTUM, 3 * QUANTUM + 7)] {
        let whole = content(before + bytes + 1_000);
        at_every_step(
            async |world| {
                let created = create(world, "clip.mp4", Some(whole.len())).await.unwrap();
                append(world, &created.id, 0, &whole[..before])
                    .await
                    .unwrap();
                created.id
            },
            async |world, id| {
                append(world, id, before, &whole[before..before + bytes])
                    .await
                    .unwrap();
            },
            async |world, id| {
                let at = offset(world, id).await;
                assert!(at == before || at == before + bytes, "{at}");
                send_rest(world, id, &whole, 300_000).await;
                check(world, "clip.mp4", Some(&whole)).await;
            },
        );
    }
}

#[test]
fn a_last_request_that_dies_is_made_up_for_by_its_client() {
    for last in [10, QUANTUM + 10] {
        let whole = content(QUANTUM + last);
        at_every_step(
            async |world| {
                let created = create(world, "clip.mp4", Some(whole.len())).await.unwrap();
                append(world, &created.id, 0, &whole[..QUANTUM])
                    .await
                    .unwrap();
                created.id
            },
            async |world, id| {
                append(world, id, QUANTUM, &whole[QUANTUM..]).await.unwrap();
            },
            async |world, id| {
                send_rest(world, id, &whole, 100_000).await;
                check(world, "clip.mp4", Some(&whole)).await;
            },
        );
    }
}

#[test]
fn a_last_request_that_dies_is_made_up_for_without_its_client() {
    let whole = content(QUANTUM + 10);
    at_every_step(
        async |world| {
            let created = create(world, "clip.mp4", Some(whole.len())).await.unwrap();
            append(world, &created.id, 0, &whole[..QUANTUM])
                .await
                .unwrap();
            created.id
        },
        async |world, id| {
            append(world, id, QUANTUM, &whole[QUANTUM..]).await.unwrap();
        },
        async |world, _| {
            // It is a file when its object came about, and else it expires.
            let came = world.bucket.content("ada/clip.mp4");
            for _ in 0..3 {
                world.clock.advance_ms(2 * LEASE_MS);
                world
                    .storage()
                    .tidy(&files(), Eagerness::Now)
                    .await
                    .unwrap();
            }
            let status = world.storage().status(&owner()).await.unwrap();
            assert_eq!(status.body.files.len(), usize::from(came.is_some()));
            world.clock.advance_ms(world.storage().resumable.expiry_ms);
            check(world, "clip.mp4", came.as_deref()).await;
        },
    );
}

#[test]
fn an_end_that_dies_is_brought_to_its_end() {
    at_every_step(
        async |world| {
            let created = create(world, "clip.mp4", Some(900_000)).await.unwrap();
            append(world, &created.id, 0, &content(300_000))
                .await
                .unwrap();
            created.id
        },
        async |world, id| {
            let steps = Stepping(&world.store);
            storage(world, &steps)
                .terminate_upload("u-1", id)
                .await
                .unwrap();
        },
        async |world, _| {
            world.clock.advance_ms(world.storage().resumable.expiry_ms);
            check(world, "clip.mp4", None).await;
        },
    );
}

#[test]
fn an_expiry_that_dies_is_brought_to_its_end() {
    at_every_step(
        async |world| {
            let created = create(world, "clip.mp4", Some(900_000)).await.unwrap();
            append(world, &created.id, 0, &content(300_000))
                .await
                .unwrap();
            world
                .clock
                .advance_ms(2 * world.storage().resumable.expiry_ms);
        },
        async |world, ()| {
            let steps = Stepping(&world.store);
            storage(world, &steps)
                .tidy(&files(), Eagerness::Now)
                .await
                .unwrap();
        },
        async |world, ()| check(world, "clip.mp4", None).await,
    );
}

#[test]
fn a_length_that_is_told_by_a_request_that_dies_is_told_again_or_known() {
    let whole = content(1_000);
    at_every_step(
        async |world| {
            let created = create(world, "clip.mp4", None).await.unwrap();
            append(world, &created.id, 0, &whole[..100]).await.unwrap();
            created.id
        },
        async |world, id| {
            let said = Bytes {
                offset: 100,
                size: Some(0),
                length: Some(1_000),
                ..Bytes::default()
            };
            append_as(world, id, said, PieceSource::new([]))
                .await
                .unwrap();
        },
        async |world, _| {
            world
                .clock
                .advance_ms(2 * world.storage().resumable.expiry_ms);
            check(world, "clip.mp4", None).await;
        },
    );
}

#[test]
fn a_bucket_that_fails_or_whose_answers_are_lost_costs_no_byte() {
    let whole = content(3 * QUANTUM + 10);
    for lost in [false, true] {
        for failures in 0..12 {
            let world = World::with_limit(10_000_000);
            block_on(async {
                let created = create(&world, "clip.mp4", Some(whole.len())).await.unwrap();
                append(&world, &created.id, 0, &whole[..200_000])
                    .await
                    .unwrap();
                match lost {
                    true => world.bucket.lost_answers.set(failures),
                    false => world.bucket.failures.set(failures),
                }
                send_rest(&world, &created.id, &whole, 500_000).await;
                check(&world, "clip.mp4", Some(&whole)).await;
            });
        }
    }
}
