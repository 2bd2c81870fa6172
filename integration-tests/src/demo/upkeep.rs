//! `up`, `down` and `status`: a mesh that stays.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, ensure};

use super::screen::Screen;
use crate::harness::{
    mesh::{
        Home, Mesh,
        people::{BALANCES, PEOPLE},
    },
    running::RunningMesh,
};

const STATE: &str = "mesh.json";

/// Starts a mesh in `home`, leaves it running and prints its addresses.
pub async fn up(home: &Path) -> ExitCode {
    let mut screen = Screen::stdout();
    screen.step("The mesh starts and stays");
    if let Err(error) = start(&mut screen, home).await {
        screen.failed(&error);
    }
    screen.verdict()
}

async fn start(screen: &mut Screen, home: &Path) -> Result<()> {
    let home = std::path::absolute(home)?;
    if let Some(running) = RunningMesh::load(&home.join(STATE))? {
        let alive = running
            .programs
            .iter()
            .filter(|program| program.is_running())
            .count();
        ensure!(
            alive == 0,
            "a mesh is up already ({alive} processes); `make down` stops it"
        );
    }
    prepare(&home)?;
    let mut options = super::story::options()?;
    options.home = Home::Kept(home.join("mesh"));
    // Until it is noted what runs, it ends with this process: a start that fails leaves nothing behind.
    let mut mesh = Mesh::start(options).await?;
    let cli = mesh.cli("operator/demo")?;
    let running = mesh.running()?;
    running.save(&home.join(STATE))?;
    mesh.detach()?;

    screen.table(
        ["program", "process"],
        running
            .programs
            .iter()
            .map(|program| [program.name.clone(), program.id.to_string()]),
    );
    let addresses = &running.addresses;
    let mut rows = vec![
        ["verify-svc (gRPC, mTLS)".to_owned(), addresses.verify.clone()],
        [
            "sms-dispatch-svc (gRPC, mTLS)".to_owned(),
            addresses.dispatch.clone(),
        ],
        [
            "uplink-router-svc (gRPC, mTLS)".to_owned(),
            addresses.uplink_router.clone(),
        ],
        ["audit-svc (gRPC, mTLS)".to_owned(), addresses.audit.clone()],
    ];
    rows.extend(
        addresses
            .links
            .iter()
            .map(|link| ["carrier-link-svc (gRPC, mTLS)".to_owned(), link.clone()]),
    );
    rows.extend(
        running
            .world
            .iter()
            .map(|(name, address)| [name.clone(), address.clone()]),
    );
    screen.table(["place", "address"], rows);
    for caller in ["caller/xinghe-life", "caller/binhai-hrss"] {
        let identity = mesh.identity(caller)?;
        screen.say(format!(
            "{} certificate, key and roots: {}",
            identity.spiffe,
            folder_of(&identity.cert_file)
        ));
    }
    screen.say(format!("Logs, settings and data: {}", running.root.display()));
    let cli = cli.command_line();
    let gateway = mesh.world.gateways[0];
    let (card, _) = BALANCES[0];
    let phone = PEOPLE[0].phone;
    screen.say("");
    screen.say("To try:");
    screen.say(format!("{cli} status"));
    screen.say(format!(
        "{cli} send --tenant xinghe-life --class notice --phone {phone} --text 您好 --wait 10"
    ));
    let person = PEOPLE[0];
    screen.say(format!(
        "{} verify --phone {phone} --name {} --id-number {} --consent consent-1 --purpose claim",
        mesh.cli("caller/xinghe-life")?.command_line(),
        person.name,
        person.id_number,
    ));
    screen.say(format!("curl 'http://{gateway}/texts?number={phone}'"));
    screen.say(format!(
        "curl -H 'content-type: application/json' http://{gateway}/uplink \
         -d '{{\"from\":\"{phone}\",\"to\":\"1069812333\",\"text\":\"SBYE#{card}\"}}'"
    ));
    let officer = mesh.cli(super::forgetting::OFFICER)?.command_line();
    screen.say(format!(
        "{officer} audit entry <index> --reveal --purpose complaint-17"
    ));
    screen.say(format!("{officer} audit erase {phone} --reason request-42"));
    screen.say("");
    screen.check(
        format!(
            "{} processes run; `make down` stops just these",
            running.programs.len()
        ),
        true,
    );
    Ok(())
}

fn folder_of(file: &Path) -> String {
    file.parent().unwrap_or(file).display().to_string()
}

/// An empty directory for the mesh; what an earlier one left there goes.
fn prepare(home: &Path) -> Result<()> {
    let mesh = home.join("mesh");
    if mesh.exists() {
        fs::remove_dir_all(&mesh).with_context(|| format!("cannot empty {}", mesh.display()))?;
    }
    fs::create_dir_all(&mesh).with_context(|| format!("cannot make {}", mesh.display()))
}

/// Stops exactly what [`up`] started in `home`.
pub async fn down(home: &Path) -> ExitCode {
    let mut screen = Screen::stdout();
    screen.step("The mesh is stopped");
    if let Err(error) = stop(&mut screen, &home.join(STATE)).await {
        screen.failed(&error);
    }
    screen.verdict()
}

async fn stop(screen: &mut Screen, state: &PathBuf) -> Result<()> {
    let Some(running) = RunningMesh::load(state)? else {
        screen.say("Nothing was started.");
        return Ok(());
    };
    // Services before what they lean on.
    for program in running.programs.iter().rev() {
        let was_running = program.is_running();
        match program.stop().await {
            Ok(_) if !was_running => screen.say(format!("{} had ended before", program.name)),
            Ok(killed) => {
                screen.check(
                    format!(
                        "{} ended{}",
                        program.name,
                        if killed { " only by SIGKILL" } else { "" }
                    ),
                    !killed,
                );
            }
            Err(error) => screen.failed(&error),
        }
    }
    let left = running
        .programs
        .iter()
        .filter(|program| program.is_running())
        .count();
    if screen.check("nothing of it is left running", left == 0) {
        fs::remove_file(state).with_context(|| format!("cannot remove {}", state.display()))?;
    }
    Ok(())
}

/// Tells what of [`up`] is running; failure where something has ended, or nothing was started.
pub fn status(home: &Path) -> ExitCode {
    let mut screen = Screen::stdout();
    screen.step("What is running");
    match RunningMesh::load(&home.join(STATE)) {
        Ok(Some(running)) => {
            for program in &running.programs {
                screen.check(
                    format!("{} (process {})", program.name, program.id),
                    program.is_running(),
                );
            }
        }
        Ok(None) => {
            screen.check("nothing is up; `make up` starts it", false);
        }
        Err(error) => screen.failed(&error),
    }
    screen.verdict()
}
