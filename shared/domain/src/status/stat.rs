//! What a carrier's receipt says.

use super::{Cause, MessageStatus, StatusDetail, unpadded};

/// What the status word of a receipt means (CMPP Stat, SMGP stat, the `stat:` of an SMPP receipt).
///
/// Padding with NUL and spaces and the case of letters do not matter. A word that nobody documents counts as not
/// delivered by the carrier's cause, its raw form kept. `ACCEPTD` is the only one that is not final.
pub fn classify_stat(raw: &str) -> StatusDetail {
    let word = unpadded(raw).to_ascii_uppercase();
    let (status, cause, advice) = match word.as_str() {
        "DELIVRD" => (
            MessageStatus::Delivered,
            Cause::None,
            "Nothing to do: the handset has it.",
        ),
        "ACCEPTD" => (
            MessageStatus::Submitted,
            Cause::None,
            "Wait for the receipt; the carrier only says that it has the message.",
        ),
        "EXPIRED" => (
            MessageStatus::Undelivered,
            Cause::Recipient,
            "The handset was off or out of reach for the whole validity; try again later or by another channel.",
        ),
        "UNDELIV" => (
            MessageStatus::Undelivered,
            Cause::Recipient,
            "The handset cannot be reached or takes no messages; check the number or use another channel.",
        ),
        "DELETED" => (
            MessageStatus::Undelivered,
            Cause::Carrier,
            "The carrier deleted the message; ask the carrier with the message id if it happens often.",
        ),
        "REJECTD" => (
            MessageStatus::Undelivered,
            Cause::Carrier,
            "The carrier's rules rejected the message; check text, signature and the carrier's block lists.",
        ),
        "UNKNOWN" => (
            MessageStatus::Unknown,
            Cause::Carrier,
            "The carrier lost track of the message; it may have arrived, so do not send it again blindly.",
        ),
        other => {
            let (cause, advice) = network_error(other);
            (MessageStatus::Undelivered, cause, advice)
        }
    };
    StatusDetail::new(status, cause, raw, advice)
}

/// Words of the form `MA:0001`: two letters name the network element, the digits are its own code, which differs from
/// province to province and is therefore kept and not interpreted.
fn network_error(word: &str) -> (Cause, &'static str) {
    match word.split_once(':').map_or("", |(element, _)| element) {
        "MA" => (
            Cause::Carrier,
            "The carrier's message centre did not answer; try again later.",
        ),
        "MB" => (
            Cause::Carrier,
            "The carrier's message centre refused; ask the carrier what the code means in its province.",
        ),
        "MC" => (
            Cause::Carrier,
            "The message centre sent no report; the message may have arrived, so do not send it again blindly.",
        ),
        "CA" | "CB" => (
            Cause::Recipient,
            "The carrier's account system refused; the subscriber's account may be empty or suspended.",
        ),
        "DA" | "DB" => (
            Cause::Carrier,
            "The carrier's service platform refused; check with the carrier that service and number are authorised.",
        ),
        "SA" | "SB" => (
            Cause::Carrier,
            "The carrier reports an error of the provider's side; ask the carrier with the message id.",
        ),
        "IA" | "IB" | "IC" => (
            Cause::Carrier,
            "The next gateway failed; try again later, and check whether the number was ported to another carrier.",
        ),
        _ => (
            Cause::Carrier,
            "The carrier gave a word that is not documented; ask the carrier what it means.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cause, MessageStatus, classify_stat};

    #[test]
    fn documented_words_have_their_meaning() {
        use {Cause as C, MessageStatus as S};
        let table = [
            ("DELIVRD", S::Delivered, true, true, C::None),
            ("ACCEPTD", S::Submitted, false, false, C::None),
            ("EXPIRED", S::Undelivered, true, false, C::Recipient),
            ("UNDELIV", S::Undelivered, true, false, C::Recipient),
            ("DELETED", S::Undelivered, true, false, C::Carrier),
            ("REJECTD", S::Undelivered, true, false, C::Carrier),
            ("UNKNOWN", S::Unknown, true, true, C::Carrier),
            ("MA:0001", S::Undelivered, true, false, C::Carrier),
            ("MB:0069", S::Undelivered, true, false, C::Carrier),
            ("MC:0055", S::Undelivered, true, false, C::Carrier),
            ("CA:0052", S::Undelivered, true, false, C::Recipient),
            ("CB:0001", S::Undelivered, true, false, C::Recipient),
            ("DA:0001", S::Undelivered, true, false, C::Carrier),
            ("IC:0001", S::Undelivered, true, false, C::Carrier),
            ("AF:4", S::Undelivered, true, false, C::Carrier),
            ("", S::Undelivered, true, false, C::Carrier),
        ];
        for (word, status, is_final, billable, cause) in table {
            let detail = classify_stat(word);
            assert_eq!(
                (detail.status, detail.is_final, detail.billable, detail.cause),
                (status, is_final, billable, cause),
                "{word}"
            );
            assert_eq!(detail.raw_code, word);
        }
    }

    #[test]
    fn each_network_element_has_its_own_advice() {
        let advice: std::collections::BTreeSet<_> =
            ["MA:1", "MB:1", "MC:1", "CA:1", "DA:1", "SA:1", "IA:1", "ZZ:1"]
                .map(|word| classify_stat(word).advice)
                .into();
        assert_eq!(advice.len(), 8);
    }

    #[test]
    fn padding_and_case_do_not_matter_and_the_word_is_kept() {
        for raw in ["DELIVRD\0\0\0", "DELIVRD ", " DELIVRD\0xyz", "\0DELIVRD"] {
            let detail = classify_stat(raw);
            assert_eq!(
                (detail.status, detail.raw_code.as_str()),
                (MessageStatus::Delivered, "DELIVRD")
            );
        }
        assert_eq!(classify_stat("delivrd").status, MessageStatus::Delivered);
        assert_eq!(classify_stat("AF:4\0\0\0").raw_code, "AF:4");
    }

    proptest! {
        #[test]
        fn any_word_gets_a_status_and_a_sentence(raw in "\\PC{0,50}") {
            let detail = classify_stat(&raw);
            prop_assert!(detail.advice.ends_with('.'));
            prop_assert!(detail.raw_code.len() <= 32 && detail.raw_code.bytes().all(|b| (0x20..0x7f).contains(&b)));
            prop_assert!(detail.is_final || raw.to_ascii_uppercase().contains("ACCEPTD"));
        }
    }
}
