//! The step in which a person asks to be forgotten.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{screen::Screen, story::Cast};
use crate::harness::mesh::{Cli, people::PEOPLE};

/// Whoever may see what is sealed in the record, and erase it.
pub(super) const OFFICER: &str = "privacy/officer";

/// The customer whom an earlier step verified is shown to the officer, erased, and shown no more. What is shown stays off
/// the screen.
pub(super) async fn erasure(screen: &mut Screen, cast: &Cast) -> Result<()> {
    let person = PEOPLE[0];
    let officer = cast.mesh.cli(OFFICER)?;
    let query = [
        "audit",
        "query",
        "--subject",
        person.phone,
        "--action",
        "VERIFY_ANSWERED",
    ];
    let (_, found) = run(&officer, &query).await?;
    let index = found["events"][0]["index"]
        .as_u64()
        .context("the verification is not on record")?
        .to_string();
    let reveal = ["audit", "entry", &index, "--reveal", "--purpose", "complaint 17"];
    let (_, shown) = run(&officer, &reveal).await?;
    screen.check(
        "the officer sees whom the event is about, and says why",
        shown["personal"]["name"] == person.name,
    );
    let operator = cast.mesh.cli(super::story::OPERATOR)?;
    let refused = operator.run(&reveal).await?;
    screen.check("an operator does not", refused.code == Some(3));
    let erase = ["audit", "erase", person.phone, "--reason", "request 42", "--yes"];
    let ran = officer.run(&erase).await?;
    screen.say("$ hongyan audit erase <the customer's number> --reason 'request 42' --yes");
    screen.block(&ran.stdout);
    screen.check("the key is destroyed, and that is on record", ran.success);
    let (code, gone) = run(&officer, &reveal).await?;
    screen.check(
        "nobody can open it any more",
        code == Some(1) && gone["sealed_state"] == "ERASED" && gone["personal"].is_null(),
    );
    let proof = operator.run(&["audit", "proof", "--index", &index]).await?;
    screen.check("and the event's proof holds as before", proof.success);
    Ok(())
}

async fn run(cli: &Cli, args: &[&str]) -> Result<(Option<i32>, Value)> {
    let ran = cli.run(&[args, &["--json"]].concat()).await?;
    ensure!(
        ran.code.is_some_and(|code| code <= 1),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    Ok((ran.code, serde_json::from_str(&ran.stdout)?))
}
