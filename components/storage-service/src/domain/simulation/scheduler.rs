//! One thread, many clients: who goes on next is decided by the seed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::world::World;

/// The most steps of a run: one that takes more goes round in circles.
const MOST_STEPS: usize = 200_000;

/// What one client does.
pub(super) type Task<'w> = Pin<Box<dyn Future<Output = ()> + 'w>>;

/// Runs all tasks to their ends, a step of one of them at a time, or until an invariant is broken.
pub(super) fn run<'w>(world: &'w World, tasks: Vec<Task<'w>>) {
    let mut context = Context::from_waker(Waker::noop());
    let mut tasks: Vec<Option<Task<'w>>> = tasks.into_iter().map(Some).collect();
    let mut left = tasks.len();
    let mut runnable = Vec::new();
    for (index, task) in tasks.iter_mut().enumerate() {
        // Every task begins with a pause of its own.
        step(world, task, index, &mut context, &mut left);
    }
    for _ in 0..MOST_STEPS {
        if left == 0 || world.is_violated() {
            return world.forget_tasks();
        }
        runnable.clear();
        if !world.runnable(&mut runnable) {
            return world.violated("everybody waits for nothing".to_owned());
        }
        let index = runnable[world.dice.index(runnable.len())];
        step(world, &mut tasks[index], index, &mut context, &mut left);
    }
    world.violated(format!("no end after {MOST_STEPS} steps"));
    world.forget_tasks();
}

fn step<'w>(
    world: &'w World,
    task: &mut Option<Task<'w>>,
    index: usize,
    context: &mut Context<'_>,
    left: &mut usize,
) {
    world.wake(index);
    if let Some(running) = task
        && running.as_mut().poll(context).is_ready()
    {
        *task = None;
        *left -= 1;
    }
}

/// A request on an instance that may be gone at any of its steps: then nobody hears of it again.
pub(super) struct Mortal<'w, F> {
    world: &'w World,
    host_crashes: u64,
    request: Option<Pin<Box<F>>>,
}

impl<'w, F: Future<Output = ()>> Mortal<'w, F> {
    pub(super) fn new(world: &'w World, request: F) -> Self {
        Self {
            world,
            host_crashes: world.host_crashes.get(),
            request: Some(Box::pin(request)),
        }
    }
}

impl<F: Future<Output = ()>> Future for Mortal<'_, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let world = self.world;
        let is_dead = self.host_crashes != world.host_crashes.get();
        let Some(request) = self.request.as_mut().filter(|_| !is_dead) else {
            world.troubles.set(world.troubles.get() + 1);
            self.request = None;
            return Poll::Ready(());
        };
        if request.as_mut().poll(context).is_ready() {
            self.request = None;
            return Poll::Ready(());
        }
        if world.happens(world.profile.host_crashes) {
            world.trace(format_args!("the host is killed"));
            world.host_crashes.set(world.host_crashes.get() + 1);
        } else if world.happens(world.profile.crashes) {
            world.trace(format_args!("the instance is gone"));
        } else {
            return Poll::Pending;
        }
        self.request = None;
        Poll::Ready(())
    }
}
