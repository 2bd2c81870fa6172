//! What the service does about keys of subjects, beside serving: opens them, follows their keyrings, finishes erasures.

use hongyan_chassis::{BuildError, Context, HealthFlag, LiveKeyring};
use tokio::task;

use crate::{
    keys::{self, OpenedKeys, SubjectKeys},
    record::Clock,
    settings::Settings,
    writing_thread,
};

/// Opens the keys and starts what follows them. Their health is the record's: what cannot be sealed cannot go on record.
pub(crate) async fn open(
    settings: &Settings,
    ctx: &Context,
    appends: &HealthFlag,
    clock: Clock,
) -> Result<SubjectKeys, BuildError> {
    let mesh = LiveKeyring::load(settings.keyring_file.clone())
        .await
        .map_err(|error| format!("keyring.file: {error}"))?;
    let kek = LiveKeyring::load(settings.kek_file.clone())
        .await
        .map_err(|error| format!("keys.kek_file: {error}"))?;
    for (name, keyring) in [("keyring", &mesh), ("kek", &kek)] {
        let follow = keyring.clone();
        ctx.spawn(
            name,
            follow.keep_fresh(settings.keyring_reload, ctx.calls_ended.clone()),
        );
    }
    let (dir, organisation) = (settings.keys_dir.clone(), settings.organisation.clone());
    let OpenedKeys { keys, ended } =
        task::spawn_blocking(move || keys::open(&dir, &organisation, mesh, kek, clock)).await??;
    ctx.spawn(
        "keys",
        writing_thread::watch("a key", ended, appends.clone(), ctx.calls_ended.clone()),
    );
    ctx.spawn("rewrap", keys.clone().keep_wrapped(ctx.shutdown.clone()));
    Ok(keys)
}
