//! An erasure in a process of its own that is killed, for real, at every place between two steps.

use std::{
    env, fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, Stdio},
};

use hongyan_proto::audit::v1::SealedState;
use rustix::process::{Signal, getpid, kill_process};

use super::{
    erase::finish_all,
    erasure_tests::{about, append, erase, reveal, revealed, with_action},
};
use crate::{point, testing::Kept};

/// In the directory that the process is started in: where it is to die. The record stands beside it.
const POINT: &str = "point-of-death";
/// Who is to be erased.
const PERSON: u8 = 1;
const NAME: &str = "张三丰";
const CHILD: &str = "rpc::erasure_kills::child";

/// The process that is killed: this test, run again by the one below. By itself it does nothing.
#[tokio::test]
async fn child() {
    let Ok(point) = fs::read_to_string(POINT) else {
        return;
    };
    let kept = Kept::open(Path::new(".")).await;
    let rpc = kept.rpc();
    fail::cfg_callback(point, || kill_process(getpid(), Signal::KILL).unwrap()).unwrap();
    append(&rpc, 10, vec![about(9, NAME)]).await.unwrap();
    erase(&rpc, PERSON, "request 42").await.unwrap();
}

fn run_and_die(dir: &Path, point: &str) {
    fs::write(dir.join(POINT), point).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([CHILD, "--exact", "--test-threads=1"]);
    let status = command
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(9), "{point} was never reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_any_two_steps_a_person_is_erased_and_on_record_once_or_not_at_all() {
    for point in point::OF_KEYS {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::open(dir.path()).await;
        let people = vec![about(PERSON, NAME), about(2, NAME)];
        let places = append(&kept.rpc(), 1, people).await.unwrap();
        kept.close().await;

        let place = dir.path().to_owned();
        tokio::task::spawn_blocking(move || run_and_die(&place, point))
            .await
            .unwrap();

        // What was begun is finished; and a second start finds nothing to finish.
        let is_begun = !["keys-written", "keys-synced", "order-staged"].contains(&point);
        for _ in 0..2 {
            let kept = Kept::open(dir.path()).await;
            let rpc = kept.rpc();
            finish_all(&kept.keys, &kept.record).await.unwrap();
            let (state, personal) = revealed(&rpc, &places[0]).await;
            let orders = with_action(&rpc, "KEY_DESTROYED").await;
            if is_begun {
                assert_eq!((state, orders.len()), (SealedState::Erased, 1), "{point}");
                let event = orders[0].event.as_ref().unwrap();
                assert_eq!(event.attributes["keys_destroyed"], "1", "{point}");
                assert_eq!(event.attributes["reason"], "request 42");
            } else {
                assert_eq!((state, orders.len()), (SealedState::Sealed, 0), "{point}");
                assert_eq!(personal, NAME.as_bytes());
            }
            assert!(kept.keys.unfinished().await.unwrap().is_empty());
            let other = reveal(&rpc, &places[1], "why").await.unwrap();
            assert_eq!(other.personal, NAME.as_bytes(), "{point}");
            // Keys are made as before, behind whatever the kill left.
            let seq = kept.record.head().size + 100;
            let new = append(&rpc, seq, vec![about(3, NAME)]).await.unwrap();
            assert_eq!(revealed(&rpc, &new[0]).await.0, SealedState::Sealed);
            drop(rpc);
            kept.close().await;
        }
    }
}
