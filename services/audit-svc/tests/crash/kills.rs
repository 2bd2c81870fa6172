//! Killed between any two steps, and at random.

use std::{env, thread, time::Duration};

use hongyan_audit_svc::point;

use crate::world::{World, was_killed};

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

#[test]
fn killed_between_any_two_steps_nothing_that_was_answered_is_lost_and_nothing_is_rewritten() {
    let mut world = World::new(setting("HONGYAN_SEED", 1));
    for point in point::ALL {
        // What happens with every group or checkpoint, and what happens with every segment.
        let is_rare = point.starts_with("segment") || point.starts_with("snapshot");
        let nth = 1 + world.roll(if is_rare { 2 } else { 12 });
        let mut life = world.start(Some(format!("{point}:{nth}")));
        let said = life.rest();
        assert!(was_killed(life.wait()), "{point} was never reached: {said:?}");
        world.take_note(&said);
    }
    assert!(
        world.answers() > 500,
        "there was hardly any load: {}",
        world.answers()
    );
    world.finish();
}

#[test]
fn killed_at_random_under_load_nothing_that_was_answered_is_lost_and_nothing_is_rewritten() {
    let kills = setting("HONGYAN_KILLS", 25);
    let mut world = World::new(setting("HONGYAN_SEED", 2));
    for _ in 0..kills {
        let mut life = world.start(None);
        let mut said = life.until("@ready");
        thread::sleep(Duration::from_micros(world.roll(250_000)));
        life.kill();
        said.extend(life.rest());
        assert!(was_killed(life.wait()), "{said:?}");
        world.take_note(&said);
    }
    eprintln!("{kills} kills, {} events answered", world.answers());
    world.finish();
}
