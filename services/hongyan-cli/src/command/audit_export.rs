//! `hongyan audit export`: takes a log home, whole or in part, and checks it while it comes.

mod copying;

use std::time::Duration;

use hongyan_proto::audit::v1::{ExportRequest, ExportResponse, GetCheckpointRequest, export_response::Part};
use hongyan_tlog::{TILE_WIDTH, key::Verifier};
use serde_json::json;

use crate::{
    answer::{Answer, Failure},
    args::Export,
    clients::Clients,
    copied::Copied,
    exit::Exit,
    progress::Progress,
    table::list,
};
use copying::{Copying, Signed, Stop, Wanted};

/// How long the next message may take.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn run(args: &Export, clients: &Clients) -> Result<Answer, Failure> {
    let mut client = clients.audit()?;
    let newest = client
        .get_checkpoint(GetCheckpointRequest {
            log: args.log.clone(),
        })
        .await
        .map_err(Failure::of("audit"))?
        .into_inner();
    let (key, newest) = match believed(args, &newest.verifier_key, &newest.note) {
        Ok(believed) => believed,
        Err(why) => return Ok(stopped(args, None, &why)),
    };
    let wanted = wanted(args, newest.checkpoint.size()).map_err(Failure::Usage)?;
    let mut progress = Progress::new();
    let all = wanted.until - wanted.from;
    let name = format!("{} (what is there)", args.log);
    let files = Copied::at(&args.out);
    let opened = Copying::open(files, key, wanted, |next| {
        progress.show(&name, next - wanted.from, all);
    });
    let mut copying = match opened {
        Ok(copying) => copying,
        Err(stop) => return told(args, stop),
    };
    let resumed_at = copying.next();
    let request = ExportRequest {
        log: args.log.clone(),
        from: resumed_at,
        until: wanted.until,
    };
    let mut parts = client
        .export(request)
        .await
        .map_err(Failure::of("audit"))?
        .into_inner();
    loop {
        let next = tokio::time::timeout(PATIENCE, parts.message()).await;
        let next =
            next.unwrap_or_else(|_| Err(tonic::Status::deadline_exceeded("nothing came for a minute")));
        let taken = match next {
            Ok(None) => break,
            Ok(Some(ExportResponse { part })) => take(&mut copying, part),
            Err(status) => {
                progress.clear();
                return Err(broken(&status, args, copying.next()));
            }
        };
        if let Err(stop) = taken {
            progress.clear();
            return told(args, stop);
        }
        progress.show(&args.log, copying.next() - wanted.from, all);
    }
    progress.clear();
    match copying.finish(&newest) {
        Ok(kept) => Ok(render(args, wanted, resumed_at, &kept)),
        Err(stop) => told(args, stop),
    }
}

/// The key, and the checkpoint that it signed. Where no key is given it is the service's own that is believed.
fn believed(args: &Export, told: &str, note: &str) -> Result<(Verifier, Signed), String> {
    let told: Verifier = told
        .parse()
        .map_err(|error| format!("the service's key: {error}"))?;
    let key = match &args.key {
        Some(key) => key.named(told.name()).map_err(|error| error.to_string())?,
        None => told,
    };
    if !key.name().ends_with(&format!("/{}", args.log)) {
        return Err(format!("the service's key is of the log {}", key.name()));
    }
    let signed = Signed::parse(note.as_bytes(), &key)
        .map_err(|why| format!("the newest checkpoint of the service: {why}"))?;
    Ok((key, signed))
}

/// Parts are widened to whole bundles.
fn wanted(args: &Export, size: u64) -> Result<Wanted, String> {
    let width = u64::from(TILE_WIDTH);
    let (from, until) = (args.from.unwrap_or(0), args.until.unwrap_or(size));
    if until > size {
        return Err(format!(
            "--until must be at most {size}, the size of the newest checkpoint"
        ));
    }
    if from >= until {
        return Err(format!("--from must be below {until}, where the entries end"));
    }
    Ok(Wanted {
        from: from / width * width,
        until: until.div_ceil(width).saturating_mul(width).min(size),
        is_whole: args.from.is_none() && args.until.is_none(),
    })
}

fn take(copying: &mut Copying, part: Option<Part>) -> Result<(), Stop> {
    match part {
        Some(Part::Proof(proof)) => copying.begin(&proof),
        Some(Part::Leaves(leaves)) => copying.take(&leaves),
        None => Ok(()),
    }
}

/// What is there can be gone on with.
fn broken(status: &tonic::Status, args: &Export, next: u64) -> Failure {
    let mut failure = Failure::of("audit")(status.clone());
    if let Failure::Service { problem, .. } = &mut failure {
        let out = args.out.display();
        problem.message = format!(
            "{}; entries up to {next} came, and {out} keeps the whole bundles of them: run the command again to go on",
            problem.message
        );
    }
    failure
}

fn told(args: &Export, stop: Stop) -> Result<Answer, Failure> {
    match stop {
        Stop::Files(why) => Err(Failure::Usage(why)),
        Stop::Wrong { index, why } => Ok(stopped(args, index, &why)),
    }
}

/// The service, or what is there, does not hold what was signed.
fn stopped(args: &Export, index: Option<u64>, why: &str) -> Answer {
    let at = index.map_or_else(String::new, |index| format!("entry {index}: "));
    Answer {
        text: format!("{}: the export does not hold: {at}{why}", args.log),
        json: json!({
            "log": args.log,
            "ok": false,
            "first_bad_index": index,
            "why": why,
        }),
        exit: Exit::No,
    }
}

fn render(args: &Export, wanted: Wanted, resumed_at: u64, kept: &Signed) -> Answer {
    let Wanted {
        from,
        until,
        is_whole,
    } = wanted;
    let size = kept.checkpoint.size();
    let origin = kept.checkpoint.origin();
    let came = if resumed_at == from {
        String::new()
    } else {
        format!("{} were there and are right", resumed_at - from)
    };
    let entries = if is_whole {
        until.to_string()
    } else {
        format!("{from} to {until} of {size}")
    };
    Answer {
        text: list([
            ("log", args.log.clone()),
            ("origin", origin.to_owned()),
            ("entries", entries),
            ("of these", came),
            ("root", kept.checkpoint.root().to_string()),
            ("in", args.out.display().to_string()),
            ("result", "every entry leads to the signed root".to_owned()),
        ]),
        json: json!({
            "log": args.log,
            "ok": true,
            "origin": origin,
            "from": from,
            "until": until,
            "resumed_at": resumed_at,
            "size": size,
            "root": kept.checkpoint.root().to_string(),
            "out": args.out,
        }),
        exit: Exit::Yes,
    }
}

#[cfg(test)]
mod tests {
    use super::{Wanted, wanted};
    use crate::args::Export;

    fn args(from: Option<u64>, until: Option<u64>) -> Export {
        Export {
            log: "cdr/2026h2/0".to_owned(),
            from,
            until,
            key: None,
            out: "out".into(),
        }
    }

    #[test]
    fn a_part_is_whole_bundles() {
        for (from, until, expected) in [
            (None, None, (0, 700, true)),
            (Some(0), None, (0, 700, false)),
            (None, Some(700), (0, 700, false)),
            (Some(300), Some(301), (256, 512, false)),
            (Some(256), Some(512), (256, 512, false)),
            (Some(511), Some(513), (256, 700, false)),
            (Some(699), None, (512, 700, false)),
        ] {
            let (from_wide, until_wide, is_whole) = expected;
            let expected = Wanted {
                from: from_wide,
                until: until_wide,
                is_whole,
            };
            assert_eq!(
                wanted(&args(from, until), 700),
                Ok(expected),
                "{from:?} {until:?}"
            );
        }
        for (from, until, named) in [
            (None, Some(701), "--until"),
            (Some(700), None, "--from"),
            (Some(5), Some(5), "--from"),
            (Some(5), Some(4), "--from"),
        ] {
            let why = wanted(&args(from, until), 700).unwrap_err();
            assert!(why.contains(named), "{why}");
        }
    }
}
