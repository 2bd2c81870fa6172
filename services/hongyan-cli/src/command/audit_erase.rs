//! `hongyan audit erase`: destroys the keys under which a person's data is sealed in the record.

use std::io::{self, BufRead, IsTerminal as _, Write as _};

use hongyan_proto::audit::v1::{EraseSubjectRequest, EraseSubjectResponse};
use serde_json::json;

use super::subject;
use crate::{
    answer::{Answer, Failure},
    args::Erase,
    clients::Clients,
    exit::Exit,
};

/// What somebody types who means it.
const YES: &str = "yes";

pub(crate) async fn run(args: Erase, clients: &Clients) -> Result<Answer, Failure> {
    let mut client = clients.audit()?;
    let keyring = clients.settings.keyring_file.as_ref();
    // The number may stand on standard input, and then nobody can answer there.
    let can_ask = io::stdin().is_terminal() && args.subject.as_deref() != Some("-");
    let tag = {
        let mut stdin = io::stdin().lock();
        let tag = subject::tag("SUBJECT", args.subject, args.subject_tag, keyring, &mut stdin)?;
        if !args.yes {
            confirm(&hex::encode(&tag), can_ask, &mut stdin)?;
        }
        tag
    };
    let request = EraseSubjectRequest {
        subject_tag: tag.clone().into(),
        reason: args.reason,
    };
    let answer = client
        .erase_subject(request)
        .await
        .map_err(Failure::of("audit"))?
        .into_inner();
    Ok(render(&tag, &answer))
}

/// Lets go on only whoever says so in a word.
fn confirm(tag: &str, can_ask: bool, stdin: &mut impl BufRead) -> Result<(), Failure> {
    let refused = |why: &str| Err(Failure::Usage(why.to_owned()));
    if !can_ask {
        return refused("this cannot be undone: say --yes where nobody can be asked");
    }
    let mut stderr = io::stderr().lock();
    // Where even that cannot be written nobody answers, and nothing happens.
    let _ = write!(
        stderr,
        "The personal data of subject {tag} will be unreadable for ever. Type {YES} to go on: "
    );
    let _ = stderr.flush();
    let mut word = String::new();
    match stdin.read_line(&mut word) {
        Ok(_) if word.trim() == YES => Ok(()),
        _ => refused("nothing was erased"),
    }
}

fn render(tag: &[u8], answer: &EraseSubjectResponse) -> Answer {
    let tag = hex::encode(tag);
    let what = match answer.keys_destroyed {
        0 => "there was no key: nothing of this person is sealed in the record, or it was erased before"
            .to_owned(),
        1 => "1 key was destroyed: what was sealed of this person opens for nobody any more".to_owned(),
        keys => format!(
            "{keys} keys were destroyed, one for each half-year: what was sealed of this person opens for nobody any more"
        ),
    };
    let text = format!(
        "{what}\nsubject  {tag}\nrecord   {} (KEY_DESTROYED)\nbackups of the key directory are not reached: destroy them too",
        answer.index
    );
    Answer {
        text,
        json: json!({
            "subject_tag": tag,
            "keys_destroyed": answer.keys_destroyed,
            "index": answer.index,
        }),
        exit: Exit::Yes,
    }
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::EraseSubjectResponse;

    use super::{confirm, render};

    #[test]
    fn only_the_whole_word_erases() {
        confirm("aa", true, &mut &b"yes\n"[..]).unwrap();
        for answer in ["", "\n", "y\n", "no\n", "YES\n"] {
            let said = confirm("aa", true, &mut answer.as_bytes())
                .unwrap_err()
                .to_string();
            assert_eq!(said, "nothing was erased", "{answer}");
        }
        let said = confirm("aa", false, &mut &b"yes\n"[..]).unwrap_err().to_string();
        assert!(said.contains("--yes"), "{said}");
    }

    #[test]
    fn the_answer_says_in_words_what_was_destroyed() {
        for (keys, words) in [(0, "there was no key"), (1, "1 key was"), (3, "3 keys were")] {
            let answer = EraseSubjectResponse {
                keys_destroyed: keys,
                index: 42,
            };
            let answer = render(&[0xab; 32], &answer);
            assert!(answer.text.contains(words), "{}", answer.text);
            assert!(answer.text.contains("abab") && answer.text.contains("42"));
            assert_eq!(
                (
                    answer.json["keys_destroyed"].as_u64(),
                    answer.json["index"].as_u64()
                ),
                (Some(keys.into()), Some(42))
            );
        }
    }
}
