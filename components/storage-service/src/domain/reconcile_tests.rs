#![allow(clippy::unwrap_used)]

use futures::executor::block_on;

use super::super::testing::World;
use super::*;

#[test]
fn a_place_comes_back_and_nothing_else_is_one() {
    for place in [
        Place::first(true, false),
        Place::Users(None),
        Place::Users(Some(7)),
        Place::Files(3, 9),
        Place::Objects(None),
        Place::Objects(Some("a.b".to_owned())),
    ] {
        assert_eq!(place.to_string().parse(), Ok(place));
    }
    for wrong in ["", "x", "f1", "f1.x", "u-1", "ü"] {
        assert_eq!(wrong.parse::<Place>(), Err(NoPlace), "{wrong}");
    }
}

/// Compares all, and repairs where asked; what was found.
async fn reconcile(
    world: &World,
    repair: bool,
    forced: bool,
) -> Result<Vec<FindingKind>, ReconcileError> {
    let mut place = Some(Place::first(repair, forced));
    let mut kinds = Vec::new();
    while let Some(at) = place {
        // A cursor goes over the wire.
        let at = at.to_string().parse().unwrap();
        let storage = world.storage();
        let reconciled = storage.reconcile(at, repair, Patience::Offline).await?;
        let findings = reconciled.findings.into_iter();
        kinds.extend(findings.map(|finding| finding.kind));
        place = reconciled.next;
    }
    Ok(kinds)
}

async fn files(world: &World) -> u64 {
    let files = UserFiles::new("u-1");
    let head = files.roster.head(&world.store).await.unwrap();
    let mut count = 0;
    for number in 1..=head {
        let file = files.file(&world.store, number).await.unwrap();
        count += u64::from(file.is_some());
    }
    count
}

async fn with_files(count: u64) -> World {
    let world = World::with_limit(1_000_000);
    for number in 0..count {
        world.upload(&number.to_string(), b"x").await.unwrap();
    }
    world
}

#[test]
fn a_bucket_that_is_missing_is_not_one_whose_objects_are_missing() {
    block_on(async {
        let world = with_files(2).await;
        world.bucket.is_missing.set(true);
        for (repair, forced) in [(false, false), (true, false), (true, true)] {
            let compared = reconcile(&world, repair, forced).await;
            assert!(
                matches!(compared, Err(ReconcileError::NoBucket)),
                "{compared:?}"
            );
        }
        world.bucket.is_missing.set(false);
        assert_eq!(reconcile(&world, true, false).await.unwrap(), []);
        assert_eq!(files(&world).await, 2);
    });
}

#[test]
fn a_repair_that_would_remove_much_wants_to_be_forced() {
    for (count, lost, is_refused) in [
        (2, 1, false),
        (2, 2, true),
        (10, 3, false),
        (10, 4, true),
        (80, 4, false),
        (79, 4, true),
        (130, 130, true),
    ] {
        block_on(async {
            let world = with_files(count).await;
            for number in 0..lost {
                world.bucket.lose(&format!("ada/{number}"));
            }
            let missing = vec![FindingKind::MissingObject; lost as usize];
            assert_eq!(reconcile(&world, false, false).await.unwrap(), missing);
            let repaired = reconcile(&world, true, false).await;
            match is_refused {
                true => {
                    let suspicious = matches!(
                        &repaired,
                        Err(ReconcileError::Suspicious { tally, user_id: Some(_) })
                            if (tally.files, tally.missing) == (count, lost)
                    );
                    assert!(suspicious, "{lost} of {count}: {repaired:?}");
                    assert_eq!(files(&world).await, count);
                    assert_eq!(reconcile(&world, true, true).await.unwrap(), missing);
                }
                false => assert_eq!(repaired.unwrap(), missing),
            }
            assert_eq!(files(&world).await, count - lost);
        });
    }
}

#[test]
fn an_object_of_a_user_whom_nobody_knows_is_left_alone() {
    block_on(async {
        let world = with_files(1).await;
        // Another installation's store, and the same bucket.
        let other = World::with_limit(100);
        let kinds = {
            let mut storage = world.storage();
            storage.store = &other.store;
            let page = storage.reconcile(Place::Objects(None), true, Patience::Offline);
            page.await.unwrap().findings
        };
        assert_eq!(kinds.len(), 1);
        assert_eq!(kinds[0].kind, FindingKind::ForeignObject);
        assert_eq!(world.bucket.names().len(), 1);
    });
}
