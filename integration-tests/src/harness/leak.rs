//! Searches what a mesh wrote for personal data.
//!
//! A phone number can hide in many writings: as text, as the UTF-16 of a protocol, as GBK, as hexadecimal or base64 of
//! any of those, escaped in JSON or in a URL. Each secret is searched for in all of them.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use aho_corasick::AhoCorasick;
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;

/// Shorter forms turn up in sealed bytes by chance.
const MIN_FORM_OCTETS: usize = 6;
const MAX_FILE_OCTETS: u64 = 1 << 30;

/// A place where a secret was found. Holds the secret's label and never the secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// The file or the name given with the bytes.
    pub place: String,
    /// Octets from the start.
    pub offset: usize,
    /// What was found, as the caller called it.
    pub label: String,
    /// In which writing.
    pub form: &'static str,
}

impl std::fmt::Display for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            place,
            offset,
            label,
            form,
        } = self;
        write!(f, "{place} at octet {offset}: {label}, written as {form}")
    }
}

/// Secrets to search for, in every writing.
#[derive(Debug)]
pub struct LeakSearch {
    automaton: AhoCorasick,
    /// Label and form of each pattern.
    patterns: Vec<(String, &'static str)>,
}

impl LeakSearch {
    /// Secrets as (label, text); the label is what a finding is called. A text whose UTF-8 is shorter than six octets
    /// is refused: it would be found by chance.
    pub fn new<L: Into<String>, T: AsRef<str>>(secrets: impl IntoIterator<Item = (L, T)>) -> Result<Self> {
        let mut patterns = Vec::new();
        let mut needles: Vec<Vec<u8>> = Vec::new();
        for (label, text) in secrets {
            let (label, text) = (label.into(), text.as_ref());
            ensure!(
                text.len() >= MIN_FORM_OCTETS,
                "the secret {label} is too short to be searched for"
            );
            for (form, needle) in forms(text) {
                if needle.len() >= MIN_FORM_OCTETS && !needles.contains(&needle) {
                    needles.push(needle);
                    patterns.push((label.clone(), form));
                }
            }
        }
        let automaton = AhoCorasick::new(needles).context("too many secrets")?;
        Ok(Self { automaton, patterns })
    }

    /// Everything found in `bytes`, at most 100 findings.
    pub fn bytes(&self, place: &str, bytes: &[u8]) -> Vec<Leak> {
        self.automaton
            .find_iter(bytes)
            .take(100)
            .filter_map(|found| {
                let (label, form) = self.patterns.get(found.pattern().as_usize())?;
                Some(Leak {
                    place: place.to_owned(),
                    offset: found.start(),
                    label: label.clone(),
                    form,
                })
            })
            .collect()
    }

    /// Searches every file below `folder`, except those that `skip` names. Also says how many octets were searched, so
    /// that a test can tell "found nothing" from "looked at nothing".
    pub fn folder(&self, folder: &Path, skip: impl Fn(&Path) -> bool) -> Result<Searched> {
        let mut searched = Searched::default();
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
                let path: PathBuf = entry?.path();
                if skip(&path) || path.is_symlink() {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else if path.is_file() {
                    let place = path.display().to_string();
                    ensure!(
                        path.metadata()?.len() <= MAX_FILE_OCTETS,
                        "{place} is too large to search"
                    );
                    let bytes = fs::read(&path).with_context(|| place.clone())?;
                    // A path is something that was written too.
                    searched
                        .leaks
                        .extend(self.bytes(&format!("the name {place}"), place.as_bytes()));
                    searched.leaks.extend(self.bytes(&place, &bytes));
                    searched.files += 1;
                    searched.octets += bytes.len() as u64;
                }
            }
        }
        searched.leaks.sort();
        Ok(searched)
    }
}

/// What a search saw and found.
#[derive(Debug, Default)]
pub struct Searched {
    /// Files read.
    pub files: u64,
    /// Octets read.
    pub octets: u64,
    /// What was found.
    pub leaks: Vec<Leak>,
}

/// Every writing of `text` that is searched for.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf8 = text.as_bytes().to_vec();
    let big_endian: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let little_endian: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (gbk, _, unmappable) = encoding_rs::GBK.encode(text);
    let gbk = if unmappable { Vec::new() } else { gbk.into_owned() };

    let mut forms = vec![
        ("plain text", utf8.clone()),
        ("UTF-16BE", big_endian.clone()),
        ("UTF-16LE", little_endian),
        ("GBK", gbk.clone()),
        ("JSON escapes", json_escapes(text).into_bytes()),
        ("Debug of octets", decimal_list(&utf8).into_bytes()),
    ];
    for (name_lower, name_upper, octets) in [
        ("hexadecimal", "hexadecimal, upper case", &utf8),
        (
            "hexadecimal UTF-16BE",
            "hexadecimal UTF-16BE, upper case",
            &big_endian,
        ),
        ("hexadecimal GBK", "hexadecimal GBK, upper case", &gbk),
    ] {
        forms.push((name_lower, hex::encode(octets).into_bytes()));
        forms.push((name_upper, hex::encode_upper(octets).into_bytes()));
    }
    forms.push(("percent-encoded", percent(&utf8, false).into_bytes()));
    forms.push(("percent-encoded, lower case", percent(&utf8, true).into_bytes()));
    forms.push(("percent-encoded GBK", percent(&gbk, false).into_bytes()));
    for octets in [&utf8, &big_endian, &gbk] {
        for shift in 0..3 {
            let core = base64_core(octets, shift);
            // URL-safe base64 differs in two characters.
            forms.push((
                "base64, URL-safe",
                core.replace('+', "-").replace('/', "_").into_bytes(),
            ));
            forms.push(("base64", core.into_bytes()));
        }
    }
    forms
}

fn json_escapes(text: &str) -> String {
    text.encode_utf16().fold(String::new(), |mut out, unit| {
        let _ = write!(out, "\\u{unit:04x}");
        out
    })
}

fn decimal_list(octets: &[u8]) -> String {
    octets.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")
}

fn percent(octets: &[u8], lower: bool) -> String {
    octets.iter().fold(String::new(), |mut out, &octet| {
        if octet.is_ascii_alphanumeric() {
            out.push(char::from(octet));
        } else if lower {
            let _ = write!(out, "%{octet:02x}");
        } else {
            let _ = write!(out, "%{octet:02X}");
        }
        out
    })
}

/// The characters of a base64 text that depend on `octets` alone, when they stand `shift` octets behind a multiple of
/// three; the first and last characters mix with the neighbours.
fn base64_core(octets: &[u8], shift: usize) -> String {
    let mut padded = vec![0; shift];
    padded.extend_from_slice(octets);
    let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&padded);
    let first = (shift * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    text.get(first..last).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::LeakSearch;

    const NAME: &str = "欧阳鸿雁";

    fn found_in(bytes: &[u8]) -> Vec<&'static str> {
        let search = LeakSearch::new([("name", NAME), ("phone", "13800138000")]).unwrap();
        search
            .bytes("here", bytes)
            .into_iter()
            .map(|leak| leak.form)
            .collect()
    }

    #[test]
    fn every_writing_is_found_wherever_it_stands() {
        let utf16: Vec<u8> = NAME.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let gbk = encoding_rs::GBK.encode(NAME).0.into_owned();
        let in_text = |text: String| text.into_bytes();
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("plain text", in_text(format!("name={NAME}!"))),
            ("plain text", in_text("+8613800138000".into())),
            ("UTF-16BE", [b"\x01".as_slice(), &utf16].concat()),
            ("GBK", gbk.clone()),
            ("JSON escapes", in_text("\"\\u6b27\\u9633\\u9e3f\\u96c1\"".into())),
            ("Debug of octets", in_text(format!("{:?}", NAME.as_bytes()))),
            ("hexadecimal", in_text(hex::encode(NAME))),
            ("hexadecimal, upper case", in_text(hex::encode_upper(NAME))),
            ("hexadecimal UTF-16BE", in_text(hex::encode(&utf16))),
            (
                "percent-encoded",
                in_text("?q=%E6%AC%A7%E9%98%B3%E9%B8%BF%E9%9B%81".into()),
            ),
        ];
        for (form, bytes) in cases {
            assert_eq!(found_in(&bytes), [form]);
        }
    }

    #[test]
    fn base64_is_found_at_any_alignment() {
        for before in ["", "x", "xy", "xyz"] {
            let text = format!("{before}13800138000 and more");
            for engine in [
                &base64::engine::general_purpose::STANDARD,
                &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            ] {
                let encoded = engine.encode(&text);
                assert!(!found_in(encoded.as_bytes()).is_empty(), "{text}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        assert!(found_in(b"13800138001 and \xff\xfe other bytes").is_empty());
    }

    #[test]
    fn a_secret_that_chance_would_find_is_refused() {
        assert!(LeakSearch::new([("code", "12345")]).is_err());
    }

    #[test]
    fn a_folder_is_searched_with_its_names_and_what_is_skipped_is_not() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("deep")).unwrap();
        std::fs::write(dir.path().join("deep/log"), format!("hello {NAME}")).unwrap();
        std::fs::write(dir.path().join("13800138000.txt"), "nothing").unwrap();
        std::fs::write(dir.path().join("outside"), NAME).unwrap();
        let search = LeakSearch::new([("name", NAME), ("phone", "13800138000")]).unwrap();
        let searched = search
            .folder(dir.path(), |path| path.ends_with("outside"))
            .unwrap();
        let labels: Vec<_> = searched.leaks.iter().map(|leak| leak.label.as_str()).collect();
        assert_eq!(searched.files, 2);
        assert_eq!(labels.len(), 2);
        assert!(labels.contains(&"name") && labels.contains(&"phone"));
        assert!(searched.leaks.iter().all(|leak| !leak.to_string().contains(NAME)));
    }
}
