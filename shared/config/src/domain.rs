//! Domains as settings name them.

/// The most octets of a domain and of one of its labels (RFC 1035, section 2.3.4).
const MOST: usize = 253;
const MOST_OF_LABEL: usize = 63;

/// Whether a text is a domain: labels of letters, digits and hyphens (RFC 1123, section 2.1), without a dot at its end.
pub fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        (1..=MOST_OF_LABEL).contains(&label.len())
            && label.bytes().all(is_plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= MOST && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::is_domain;

    #[test]
    fn domains_are_told_from_other_texts() {
        let label = "a".repeat(63);
        let long = [label.as_str(); 4].join(".");
        for text in [
            "example.org",
            "hongyan.test",
            "localhost",
            "a-b.cn",
            "1.2",
            &label,
        ] {
            assert!(is_domain(text), "{text}");
        }
        for text in [
            "",
            ".",
            "example.org/x",
            "example.org.",
            "a..b",
            "a b",
            "鸿雁.cn",
            "a+b",
            "-a.cn",
            "a-.cn",
            &long,
            &"a".repeat(64),
        ] {
            assert!(!is_domain(text), "{text}");
        }
    }
}
