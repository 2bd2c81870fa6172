//! What a directory of logs is told to be.

use std::{fs, path::Path};

use time::UtcOffset;

use super::run;
use crate::{
    answer::{Answer, Failure},
    args::VerifyLogs,
    copied::{
        CHECKPOINT, UNFINISHED,
        testing::{LOG, ORIGIN, entries, signer, write},
    },
    exit::Exit,
    screen::Screen,
};

fn verified(dir: &Path) -> Result<Answer, Failure> {
    let args = VerifyLogs {
        path: dir.to_owned(),
        keys: vec![signer().verifier().clone()],
        pruned: false,
    };
    run(&args, Screen::unlimited(UtcOffset::UTC))
}

#[test]
fn a_log_whose_checkpoint_was_taken_away_is_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let [here, gone] = ["here", "gone"].map(|name| dir.path().join(name));
    for log in [&here, &gone] {
        fs::create_dir(log).unwrap();
        write(log, &entries(300));
    }
    assert_eq!(verified(dir.path()).unwrap().exit, Exit::Yes);
    fs::remove_file(gone.join(CHECKPOINT)).unwrap();
    let answer = verified(dir.path()).unwrap();
    assert_eq!(answer.exit, Exit::No, "{}", answer.text);
    assert!(
        answer.text.contains("gone: checkpoint: is missing, so nothing"),
        "{}",
        answer.text
    );
    // An export that broke off has none yet.
    fs::write(gone.join(UNFINISHED), b"{}").unwrap();
    let answer = verified(&gone).unwrap();
    assert!(answer.text.contains("run it again"), "{}", answer.text);
}

#[test]
fn a_directory_without_a_log_is_told_as_that() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    assert!(matches!(verified(dir.path()), Err(Failure::Usage(why)) if why.contains("no log in it")));
}

#[test]
fn the_origin_is_shown_where_the_directory_does_not_say_it() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &entries(3));
    let text = verified(dir.path()).unwrap().text;
    assert!(text.contains(ORIGIN), "{text}");
    let named = tempfile::tempdir().unwrap();
    let log = named.path().join(LOG);
    fs::create_dir_all(&log).unwrap();
    write(&log, &entries(3));
    let text = verified(named.path()).unwrap().text;
    assert!(text.contains(LOG) && !text.contains(ORIGIN), "{text}");
}
