//! A shell that outlives this process just long enough to kill what this process started.

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result};

/// Keeps a list of process groups by what it reads; when its input ends, kills those still on the list.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
groups=
while read -r verb group; do
  if [ "$verb" = add ]; then groups="$groups $group"; continue; fi
  left=
  for g in $groups; do [ "$g" = "$group" ] || left="$left $g"; done
  groups=$left
done
for g in $groups; do kill -KILL "-$g" 2>/dev/null; done
exit 0
"#;

static WATCHDOG: Mutex<Option<(Child, ChildStdin)>> = Mutex::new(None);

pub(super) fn tell(verb: &str, group: u32) -> Result<()> {
    let mut slot = WATCHDOG.lock().unwrap_or_else(PoisonError::into_inner);
    let (child, mut input) = match slot.take() {
        Some(running) => running,
        None => start()?,
    };
    let told = writeln!(input, "{verb} {group}").context("the watchdog shell is gone");
    *slot = Some((child, input));
    told
}

fn start() -> Result<(Child, ChildStdin)> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "hongyan-watchdog"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot start the watchdog shell")?;
    let input = child.stdin.take().context("the watchdog shell has no input")?;
    Ok((child, input))
}
