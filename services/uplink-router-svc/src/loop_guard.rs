//! Two automata must not talk to each other for ever: when a reply is held back.
//!
//! The state is in Redis and the decision is made there, in one script (`lua/guard.lua`), because two replicas may hold
//! two texts of one subscriber. This is the policy, the verdict, and in the tests the model that the script is held to.

use std::time::Duration;

/// How much is too much, for one subscriber and one access number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopPolicy {
    /// So many replies at most in [`LoopPolicy::window`].
    pub max_replies: u32,
    /// A stretch of time that moves on with each text.
    pub window: Duration,
    /// The same text for the so-manieth time in a row gets no reply. A row ends when nothing comes for the window.
    pub same_text_row: u32,
}

impl Default for LoopPolicy {
    fn default() -> Self {
        Self {
            max_replies: 5,
            window: Duration::from_mins(10),
            same_text_row: 3,
        }
    }
}

/// Whether a reply may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may; it counts from now on.
    Reply,
    /// The window has its most replies.
    TooManyReplies,
    /// The same text again and again.
    SameText,
}

impl Verdict {
    /// By the script's answer.
    pub fn of_code(code: u64) -> Option<Self> {
        Some(match code {
            0 => Self::Reply,
            1 => Self::TooManyReplies,
            2 => Self::SameText,
            _ => return None,
        })
    }

    /// The label in metrics and on the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::TooManyReplies => "too_many_replies",
            Self::SameText => "same_text",
        }
    }
}

#[cfg(test)]
pub(crate) mod model {
    //! The guard in plain Rust, for one subscriber and one access number.

    use super::{LoopPolicy, Verdict};

    #[derive(Default)]
    pub(crate) struct Guard {
        replies: Vec<(u64, String)>,
        row: Option<Row>,
    }

    struct Row {
        text: String,
        count: u32,
        last_uplink: String,
        last_ms: u64,
    }

    impl Guard {
        pub(crate) fn ask(&mut self, policy: LoopPolicy, now_ms: u64, uplink: &str, text: &str) -> Verdict {
            let window_ms = u64::try_from(policy.window.as_millis()).unwrap();
            if self.replies.iter().any(|(_, id)| id == uplink) {
                return Verdict::Reply;
            }
            self.replies.retain(|(at, _)| at + window_ms > now_ms);
            let row = match self.row.take() {
                Some(row) if row.text == text && row.last_ms + window_ms > now_ms => Row {
                    count: row.count + u32::from(row.last_uplink != uplink),
                    ..row
                },
                _ => Row {
                    text: text.to_owned(),
                    count: 1,
                    last_uplink: String::new(),
                    last_ms: 0,
                },
            };
            let count = row.count;
            self.row = Some(Row {
                last_uplink: uplink.to_owned(),
                last_ms: now_ms,
                ..row
            });
            if count >= policy.same_text_row {
                return Verdict::SameText;
            }
            if self.replies.len() >= policy.max_replies as usize {
                return Verdict::TooManyReplies;
            }
            self.replies.push((now_ms, uplink.to_owned()));
            Verdict::Reply
        }
    }

    #[test]
    fn five_replies_then_silence_until_the_window_has_room() {
        let (mut guard, policy) = (Guard::default(), LoopPolicy::default());
        for n in 0..5 {
            assert_eq!(
                guard.ask(policy, n, &format!("u{n}"), &format!("t{n}")),
                Verdict::Reply
            );
        }
        assert_eq!(guard.ask(policy, 10, "u5", "t5"), Verdict::TooManyReplies);
        assert_eq!(
            guard.ask(policy, 600_000, "u6", "t6"),
            Verdict::Reply,
            "the first has left the window"
        );
        assert_eq!(guard.ask(policy, 600_000, "u7", "t7"), Verdict::TooManyReplies);
    }

    #[test]
    fn the_same_text_thrice_in_a_row_gets_no_third_reply() {
        let (mut guard, policy) = (Guard::default(), LoopPolicy::default());
        assert_eq!(guard.ask(policy, 1, "a", "busy"), Verdict::Reply);
        assert_eq!(guard.ask(policy, 2, "b", "busy"), Verdict::Reply);
        assert_eq!(guard.ask(policy, 3, "c", "busy"), Verdict::SameText);
        assert_eq!(guard.ask(policy, 4, "d", "busy"), Verdict::SameText);
        assert_eq!(guard.ask(policy, 5, "e", "other"), Verdict::Reply);
        assert_eq!(
            guard.ask(policy, 6, "f", "busy"),
            Verdict::Reply,
            "the row was broken"
        );
    }

    #[test]
    fn an_uplink_that_is_worked_on_again_counts_once() {
        let (mut guard, policy) = (Guard::default(), LoopPolicy::default());
        for _ in 0..10 {
            assert_eq!(guard.ask(policy, 1, "a", "busy"), Verdict::Reply);
        }
        assert_eq!(guard.ask(policy, 2, "b", "busy"), Verdict::Reply);
        assert_eq!(guard.ask(policy, 3, "c", "busy"), Verdict::SameText);
        assert_eq!(guard.ask(policy, 4, "c", "busy"), Verdict::SameText);
        assert_eq!(
            guard.ask(policy, 5, "a", "busy"),
            Verdict::Reply,
            "its reply was counted already"
        );
    }
}
