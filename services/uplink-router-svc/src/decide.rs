//! What to do with an uplink: pure, from the text and the catalog alone.

use std::ops::Range;

use hongyan_catalog::{Catalog, KeywordRule, Tenant};

use crate::{
    grammar::{Fields, Folded, fold},
    optout,
    rules::Rulebook,
};

/// Stands for a secret in everything that is kept.
const MASK: &str = "***";

/// What to do, and in whose name.
#[derive(Debug)]
pub enum Plan<'c> {
    /// The access number belongs to nobody: put it on record and raise an alarm.
    Unrouted,
    /// It belongs to a tenant.
    Routed(Routed<'c>),
}

/// An uplink of a tenant.
#[derive(Debug)]
pub struct Routed<'c> {
    /// Whose access number it is.
    pub tenant: &'c Tenant,
    /// The digits behind the access number; the reply comes from there too.
    pub extension: String,
    /// The text as it may be kept: secrets replaced by asterisks.
    pub kept_text: String,
    /// What to do.
    pub step: Step<'c>,
}

/// What to do with a tenant's uplink.
#[derive(Debug)]
pub enum Step<'c> {
    /// Record that the subscriber wants no more, then confirm.
    OptOut,
    /// A rule matched: ask its handler, or where it has none fill its template with the fields.
    Rule {
        /// Which one.
        rule: &'c KeywordRule,
        /// What stands in the fields of its pattern.
        fields: Fields,
    },
    /// No rule matched: send the help text.
    Help,
}

impl Step<'_> {
    /// The name of the rule that matched; empty where none did.
    pub fn command(&self) -> &str {
        match self {
            Self::Rule { rule, .. } => &rule.name,
            Self::OptOut | Self::Help => "",
        }
    }
}

/// Decides. `dialled` is the access number with extension, as the carrier sent it; `text` and `folded` are the same
/// text. Opt-out words come before the tenant's rules, so that none can take them away.
pub fn decide<'c>(
    catalog: &'c Catalog,
    rules: &Rulebook,
    dialled: &str,
    text: &str,
    folded: &Folded,
) -> Plan<'c> {
    let Some((tenant, _, extension)) = catalog.tenant_of_access_number(dialled) else {
        return Plan::Unrouted;
    };
    let own_words = tenant
        .keywords
        .opt_out
        .as_ref()
        .map_or(&[][..], |opt_out| &opt_out.words);
    let (step, kept_text) = if optout::is_opt_out(folded, own_words) {
        (Step::OptOut, text.to_owned())
    } else if let Some((rule, found)) = rules.find(tenant, folded) {
        let kept_text = masked(text, &found.secrets);
        let fields = found.fields;
        (Step::Rule { rule, fields }, kept_text)
    } else if rules.expects_secrets(tenant) {
        (Step::Help, without_codes(text))
    } else {
        (Step::Help, text.to_owned())
    };
    Plan::Routed(Routed {
        tenant,
        extension: extension.to_owned(),
        kept_text,
        step,
    })
}

/// The text with some of its octets replaced.
fn masked(text: &str, secrets: &[Range<usize>]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for secret in secrets {
        kept.push_str(text.get(at..secret.start).unwrap_or_default());
        kept.push_str(MASK);
        at = secret.end;
    }
    kept.push_str(text.get(at..).unwrap_or_default());
    kept
}

/// A text that fits no rule, of a tenant whose subscribers send secrets: it may be a mistyped one. Everything that could
/// be a password goes, which is every run of characters that begins with a letter of the Latin alphabet, a digit or a
/// mark, to the next space; Chinese characters stay.
fn without_codes(text: &str) -> String {
    let is_code = |c: &char| matches!(*c, '!'..='~' | '\u{ff01}'..='\u{ff5e}');
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if is_code(&c) {
            kept.push_str(MASK);
            while chars.next_if(is_code).is_some() {}
        } else {
            kept.push(c);
        }
    }
    kept
}

/// Folds and decides in one step.
#[cfg(test)]
fn plan<'c>(catalog: &'c Catalog, dialled: &str, text: &str) -> Plan<'c> {
    decide(catalog, &Rulebook::of(catalog), dialled, text, &fold(text))
}

/// The text as it is compared.
pub fn folded(text: &str) -> Folded {
    fold(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Plan, Routed, Step, plan};
    use crate::testing::{BARE, catalog, catalog_of};

    fn routed(plan: Plan<'_>) -> Routed<'_> {
        match plan {
            Plan::Routed(routed) => routed,
            Plan::Unrouted => panic!("the access number is known"),
        }
    }

    #[test]
    fn a_question_is_asked_and_the_extension_kept() {
        let catalog = catalog();
        let routed = routed(plan(&catalog, "10690123", "ｓｂｙｅ＃62220202"));
        assert_eq!(
            (routed.tenant.id.as_str(), routed.extension.as_str()),
            ("hrss", "123")
        );
        let Step::Rule { rule, fields } = &routed.step else {
            panic!("{routed:?}")
        };
        assert_eq!(rule.name, "balance");
        assert_eq!(fields.plain("card"), Some("62220202"));
        assert_eq!(routed.step.command(), "balance");
        assert_eq!(routed.kept_text, "ｓｂｙｅ＃62220202");
    }

    #[test]
    fn an_unknown_access_number_is_nobodys() {
        let catalog = catalog();
        for dialled in ["", "1069", "106901234", "10690x", "12333"] {
            assert!(
                matches!(plan(&catalog, dialled, "SBYE#62220202"), Plan::Unrouted),
                "{dialled}"
            );
        }
    }

    #[test]
    fn opt_out_words_come_before_everything() {
        let catalog = catalog();
        for text in ["TD", "ｔｄ ", "退订", "停止"] {
            assert!(
                matches!(routed(plan(&catalog, "10690", text)).step, Step::OptOut),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_gets_help() {
        let catalog = catalog();
        for text in ["", "你好", "SBYE", "sbye62220202"] {
            let routed = routed(plan(&catalog, "10690", text));
            assert!(matches!(routed.step, Step::Help), "{text}");
            assert_eq!(routed.step.command(), "");
        }
    }

    #[test]
    fn a_secret_is_masked_in_what_is_kept() {
        let catalog = catalog();
        let routed = routed(plan(&catalog, "10690", " ６２２２*pa ss"));
        assert_eq!(
            routed.kept_text, " *** ***",
            "not a rule's text: everything that may be a password goes"
        );
        let routed = self::routed(plan(&catalog, "10690", " ６２２２＊ｐａss "));
        assert_eq!(routed.kept_text, " ６２２２＊*** ");
        assert!(!format!("{routed:?}").contains("ｐａ"));
    }

    #[test]
    fn a_mistyped_secret_is_masked_too_where_the_tenant_expects_any() {
        let full = catalog();
        assert_eq!(
            routed(plan(&full, "10690", "我的密码是 Abc123! 谢谢")).kept_text,
            "我的密码是 *** 谢谢"
        );
        let bare = catalog_of(BARE);
        assert_eq!(
            routed(plan(&bare, "10690", "你好 Abc123")).kept_text,
            "你好 Abc123"
        );
    }

    proptest! {
        #[test]
        fn no_writing_of_a_secret_is_kept(
            card in "[0-9]{3,8}",
            secret in "[0-9A-Za-z!?.]{5,20}",
            wide in any::<bool>(),
            front in "(|  |密码|SBYE#)",
            between in "(\\*|＊| \\* |＊　| |#|：)",
            behind in "(| |　|。|谢谢)",
        ) {
            let widened: String = secret
                .chars()
                .map(|c| if wide { char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c) } else { c })
                .collect();
            // With nothing but a space between, both are one card number of a rule that takes no secret.
            prop_assume!(!(front == "SBYE#" && between.trim().is_empty()));
            let catalog = catalog();
            let text = format!("{front}{card}{between}{widened}{behind}");
            let kept = routed(plan(&catalog, "10690", &text)).kept_text;
            prop_assert!(!kept.contains(&widened), "{text:?} is kept as {kept:?}");
        }
    }
}
