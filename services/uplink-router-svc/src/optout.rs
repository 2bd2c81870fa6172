//! The words by which a subscriber says stop.

use crate::grammar::Folded;

/// Words that mean stop in every tenant's name: what carriers of the mainland tell their subscribers to reply.
pub const WORDS: [&str; 5] = ["TD", "T", "N", "R", "退订"];

/// Whether the whole text is one of these words or one of the tenant's own. Width, case and spaces do not matter;
/// anything else in the text does: `T恤多少钱` is a question.
pub fn is_opt_out(text: &Folded, own_words: &[String]) -> bool {
    WORDS.iter().any(|word| text.is(word)) || own_words.iter().any(|word| text.is(word))
}

#[cfg(test)]
mod tests {
    use super::is_opt_out;
    use crate::grammar::fold;

    #[test]
    fn the_words_alone_mean_stop() {
        let own = ["停止".to_owned(), "Stop it".to_owned()];
        for text in [
            "TD",
            "td",
            "ＴＤ",
            " t ",
            "N",
            "r",
            "退订",
            "　退订\n",
            "停止",
            "STOP  IT",
        ] {
            assert!(is_opt_out(&fold(text), &own), "{text:?}");
        }
        for text in ["", "TD1", "退订吗", "我要退订", "T T", "TD。", "Stopit"] {
            assert!(!is_opt_out(&fold(text), &own), "{text:?}");
        }
        assert!(!is_opt_out(&fold("停止"), &[]));
    }
}
