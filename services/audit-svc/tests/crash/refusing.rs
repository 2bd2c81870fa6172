//! Disks that refuse: full, read-only, or unable to keep what they took.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::Command,
};

use crate::{
    child::{self, ENDED, REFUSED},
    world::{Running, World},
};

/// Somebody who owns nothing here.
const NOBODY: u32 = 65_534;

/// What a process said whose disk refuses: the answers that it gave, and that it refused somebody and ended because of one
/// of these.
fn answers(said: Vec<String>, because: &[&str]) -> Vec<String> {
    let is_refused = said.iter().any(|line| line.starts_with("@failed"));
    assert!(is_refused, "nobody was refused: {said:?}");
    let ended = said.iter().find(|line| line.starts_with("@ended record"));
    let ended = ended.unwrap_or_else(|| panic!("the process did not end by it: {said:?}"));
    assert!(because.iter().any(|why| ended.contains(why)), "{ended}");
    said.into_iter()
        .filter(|line| line.starts_with("@answer") || line.starts_with("@ready"))
        .collect()
}

#[test]
fn a_disk_that_takes_no_more_refuses_the_append_ends_the_process_and_costs_nothing_that_was_answered() {
    let mut world = World::new(8);
    let mut first = Running::start(&world.path(), &[], |command| command);
    let said = first.until("@published");
    first.kill();
    first.wait();
    world.take_note(&said);
    // Files may not grow above 40 KiB, as on a full disk: a write there is cut short, and then refused; or the group is too
    // large for what is left of its segment, and the next one finds no room.
    let mut life = world.start_as([], |command| {
        let mut limited = Command::new("/bin/sh");
        limited.args(["-c", "trap '' XFSZ; ulimit -f 80; exec \"$@\"", "sh"]);
        limited.arg(command.get_program()).args(command.get_args());
        limited
    });
    let said = life.rest();
    assert_eq!(life.wait().code(), Some(ENDED), "{said:?}");
    let answers = answers(said, &["writing", "allocating"]);
    assert!(answers.len() > 1, "nothing was answered before: {answers:?}");
    world.take_note(&answers);
    world.finish();
}

#[test]
fn one_failed_sync_ends_the_process_though_the_next_one_would_succeed() {
    let mut world = World::new(9);
    let refusal = (
        child::ACTIONS,
        "group-sync-refuses=20*off->1*return->off".to_owned(),
    );
    let mut life = world.start_as([refusal], |command| command);
    let said = life.rest();
    assert_eq!(life.wait().code(), Some(ENDED), "{said:?}");
    let answers = answers(said, &["syncing"]);
    assert!(answers.len() > 1, "nothing was answered before: {answers:?}");
    world.take_note(&answers);
    world.finish();
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_directory_that_may_only_be_read_is_refused_by_name() {
    let world = World::new(10);
    let dir = world.path();
    let mut first = Running::start(&dir, &[], |command| command);
    first.until("@published");
    first.kill();
    first.wait();
    permit(&dir, 0o755);
    // Where the tests themselves may not be reached by others, a copy of them can.
    let program = dir.join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    permit(&program, 0o755);
    let is_root = rustix::process::geteuid().is_root();
    for part in ["locks", "log"] {
        permit(&dir.join(part), 0o555);
        permit(&dir.join(part).join("lock"), 0o444);
        let mut life = Running::start(&dir, &[], |command| {
            let mut other = Command::new(&program);
            other.args(command.get_args()).current_dir(&dir);
            if is_root {
                other.uid(NOBODY);
            }
            other
        });
        let said = life.rest();
        assert_eq!(life.wait().code(), Some(REFUSED), "{said:?}");
        let refused = said.iter().find(|line| line.starts_with("@refused")).unwrap();
        assert!(refused.contains("Permission denied"), "{refused}");
        let named = dir.join(part).join("lock").display().to_string();
        assert!(refused.contains(&named), "{refused}");
        // The next part is the one that is met next.
        permit(&dir.join(part), 0o777);
        permit(&dir.join(part).join("lock"), 0o666);
        let entries = fs::read_dir(dir.join(part)).unwrap();
        entries.for_each(|entry| permit(&entry.unwrap().path(), 0o666));
    }
}
