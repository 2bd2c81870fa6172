//! `up`, `status` and `down`: a mesh that stays until it is told to go, and nothing but that mesh goes.

use std::{
    path::Path,
    process::{Command, Output},
};

use hongyan_integration_tests::harness::{process::find_program, running::RunningMesh};

fn demo(home: &Path, command: &str) -> Output {
    Command::new(find_program("hongyan-demo").unwrap())
        .args([command, "--home"])
        .arg(home)
        .env_remove("HONGYAN_KEEP")
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_up_starts_stays_and_down_stops_just_that() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("run");
    assert!(
        demo(&home, "down").status.success(),
        "nothing was started, nothing to stop"
    );
    assert!(!demo(&home, "status").status.success());

    let up = demo(&home, "up");
    assert!(up.status.success(), "{}", told(&up));
    let running = RunningMesh::load(&home.join("mesh.json")).unwrap().unwrap();
    assert!(running.programs.len() >= 12);
    assert!(
        running
            .programs
            .iter()
            .all(hongyan_integration_tests::harness::running::RunningProgram::is_running)
    );
    for address in [&running.addresses.dispatch, &running.addresses.verify] {
        assert!(told(&up).contains(address.as_str()), "{address} is printed");
    }
    assert!(demo(&home, "status").status.success());
    let again = demo(&home, "up");
    assert!(
        !again.status.success() && told(&again).contains("up already"),
        "{}",
        told(&again)
    );

    // Somebody else's process is not touched.
    let mut bystander = Command::new("/bin/sleep").arg("600").spawn().unwrap();
    let down = demo(&home, "down");
    assert!(down.status.success(), "{}", told(&down));
    assert!(
        !running
            .programs
            .iter()
            .any(hongyan_integration_tests::harness::running::RunningProgram::is_running)
    );
    assert!(bystander.try_wait().unwrap().is_none());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}
