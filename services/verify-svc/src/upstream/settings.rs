//! Which upstreams there are, and how much they are trusted with.

use std::{path::PathBuf, time::Duration};

use hongyan_config::{SecretFile, Source};
use hongyan_domain::Carrier;
use reqwest::Url;

use super::codes::ResultCodes;

const MAX_UPSTREAMS: usize = 16;

/// All upstreams, in the order in which they are asked.
#[derive(Debug, Clone)]
pub struct UpstreamsSettings {
    /// `upstreams`: their names; the settings of each stand under `upstream.<name>.`.
    pub upstreams: Vec<UpstreamSettings>,
    /// `ask.deadline_ms` (900): all attempts at one question together.
    pub deadline: Duration,
    /// `ask.again_when_charge_unsure` (false): ask the next upstream even where the one before may charge for its failure.
    pub again_when_charge_unsure: bool,
}

/// One upstream.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// Lower-case letters, digits and hyphens; stands in answers, logs, metrics and the record.
    pub name: String,
    /// `url`: where questions are posted. Plain `http` only to this machine, or with `allow_plaintext`.
    pub url: Url,
    /// `api_key_file`: the key that proves who asks; read again every second, so that it can be changed
    /// without restart.
    pub api_key_file: Option<SecretFile>,
    /// `ca_file`: PEM certificates to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// `carriers`: whose subscribers it knows; empty for everybody's.
    pub carriers: Vec<Carrier>,
    /// `codes`: its result codes, a line each; see [`ResultCodes::add`].
    pub codes: ResultCodes,
    /// `attempt_timeout_ms` (800): one question and its answer.
    pub attempt_timeout: Duration,
    /// `connect_timeout_ms` (300).
    pub connect_timeout: Duration,
    /// `max_in_flight` (64): questions at once; further ones wait, within their deadline.
    pub max_in_flight: usize,
    /// `breaker_failures` (5): after so many failures in a row it is left alone …
    pub breaker_failures: u32,
    /// `breaker_pause_ms` (5,000): … for so long, then asked once to see.
    pub breaker_pause: Duration,
}

impl UpstreamsSettings {
    /// Reads them; mistakes are noted in the source.
    pub fn read(source: &mut Source) -> Self {
        let names = source.list("upstreams");
        if !(1..=MAX_UPSTREAMS).contains(&names.len()) {
            source.note("upstreams", &format!("must name 1 to {MAX_UPSTREAMS} upstreams"));
        }
        let mut seen: Vec<&String> = Vec::new();
        for name in &names {
            if !is_name(name) {
                source.note("upstreams", "a name must be 1 to 32 of a-z, 0-9 and hyphen");
            }
            if seen.contains(&name) {
                source.note("upstreams", &format!("names {name:?} twice"));
            }
            seen.push(name);
        }
        let upstreams = names
            .iter()
            .take(MAX_UPSTREAMS)
            .filter_map(|name| UpstreamSettings::read(name, source))
            .collect();
        Self {
            upstreams,
            deadline: Duration::from_millis(source.within("ask.deadline_ms", 900, 10, 60_000)),
            again_when_charge_unsure: source.or("ask.again_when_charge_unsure", false),
        }
    }
}

impl UpstreamSettings {
    /// `None` where it has no usable address, which is noted.
    fn read(name: &str, source: &mut Source) -> Option<Self> {
        let key = |field: &str| format!("upstream.{name}.{field}");
        let url = url(&key("url"), &key("allow_plaintext"), source);
        let api_key_file = source.secret_file(&key("api_key_file"));
        let carriers = carriers(&key("carriers"), source);
        let codes = codes(&key("codes"), source);
        let settings = Self {
            name: name.to_owned(),
            url: url?,
            api_key_file,
            ca_file: source.optional(&key("ca_file")),
            carriers,
            codes,
            attempt_timeout: Duration::from_millis(source.within(
                &key("attempt_timeout_ms"),
                800,
                10,
                60_000,
            )),
            connect_timeout: Duration::from_millis(source.within(
                &key("connect_timeout_ms"),
                300,
                10,
                60_000,
            )),
            max_in_flight: source.within(&key("max_in_flight"), 64, 1, 10_000) as usize,
            breaker_failures: source.within(&key("breaker_failures"), 5, 1, 10_000) as u32,
            breaker_pause: source.duration_ms(&key("breaker_pause_ms"), 5_000),
        };
        Some(settings)
    }
}

fn url(key: &str, allow_plaintext: &str, source: &mut Source) -> Option<Url> {
    let allow_plaintext = source.or(allow_plaintext, false);
    let text: String = source.required(key, String::new());
    if text.is_empty() {
        return None;
    }
    let Ok(url) = Url::parse(&text) else {
        source.note(key, "must be a URL such as https://realname.example/v1/verify");
        return None;
    };
    let this_machine = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    match url.scheme() {
        "https" => {}
        "http" if this_machine || allow_plaintext => {}
        "http" => source.note(
            key,
            "names and id numbers would travel in plaintext; use https, or say allow_plaintext where the way is protected \
             otherwise",
        ),
        _ => source.note(key, "must begin with https:// (or http://)"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        source.note(key, "must hold no user or password; give the key by api_key_file");
    }
    Some(url)
}

fn carriers(key: &str, source: &mut Source) -> Vec<Carrier> {
    let mut carriers = Vec::new();
    for name in source.list(key) {
        match name.parse() {
            Ok(carrier) => carriers.push(carrier),
            Err(error) => source.note(key, &format!("{name:?} {error}")),
        }
    }
    carriers
}

fn codes(key: &str, source: &mut Source) -> ResultCodes {
    let mut codes = ResultCodes::default();
    for line in source.list(key) {
        if let Err(why) = codes.add(&line) {
            source.note(key, &why);
        }
    }
    if codes.is_empty() {
        source.note(key, "must say what the upstream's result codes mean, a line each");
    }
    codes
}

fn is_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-')
}

#[cfg(test)]
mod tests {
    use std::fs;

    use hongyan_config::{Source, SourceSpec};
    use hongyan_domain::Carrier;

    use super::UpstreamsSettings;

    fn read(text: &str) -> (UpstreamsSettings, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("settings.yaml");
        fs::write(&file, text).unwrap();
        let mut source = Source::load(SourceSpec {
            file: Some(file),
            env_prefix: "HONGYAN",
            env: Vec::new(),
        });
        let settings = UpstreamsSettings::read(&mut source);
        let mistakes = match source.finish() {
            Ok(()) => Vec::new(),
            Err(mistakes) => mistakes
                .0
                .into_iter()
                .map(|mistake| format!("{}: {}", mistake.key, mistake.reason))
                .collect(),
        };
        (settings, mistakes)
    }

    #[test]
    fn upstreams_are_read_in_their_order() {
        let (settings, mistakes) = read(
            "upstreams: [beta, alpha]\n\
             upstream:\n  \
               alpha: {url: 'https://a.example/v', codes: ['0=MATCH charged']}\n  \
               beta: {url: 'http://127.0.0.1:1/v', codes: ['0=MATCH charged'], carriers: [china_mobile]}\n",
        );
        assert_eq!(mistakes, [] as [&str; 0]);
        let names: Vec<_> = settings
            .upstreams
            .iter()
            .map(|upstream| upstream.name.as_str())
            .collect();
        assert_eq!(names, ["beta", "alpha"]);
        assert_eq!(settings.upstreams[0].carriers, [Carrier::ChinaMobile]);
        assert!(settings.deadline.as_millis() < 1_000 && !settings.again_when_charge_unsure);
    }

    #[test]
    fn the_example_has_no_mistake_but_its_missing_secrets() {
        let example = include_str!("../../examples/settings.yaml");
        let (settings, mistakes) = read(example);
        assert_eq!(settings.upstreams.len(), 2);
        // Keys of other parts are unknown here, and the files of the secrets exist on no other machine.
        let own: Vec<_> = mistakes
            .iter()
            .filter(|mistake| mistake.starts_with("upstream") || mistake.starts_with("ask"))
            .filter(|mistake| !mistake.contains("api_key_file"))
            .collect();
        assert_eq!(own, [] as [&String; 0]);
    }

    #[test]
    fn wrong_upstreams_are_refused_all_at_once() {
        let (_, mistakes) = read(
            "upstreams: [a, b, a, 'C']\n\
             upstream:\n  \
               a: {url: 'http://realname.example/v', codes: ['0=MATCH']}\n  \
               b: {url: 'ftp://x', carriers: [cmcc], max_in_flight: 0, api_key_file: /nowhere}\n",
        );
        let all = mistakes.join("\n");
        for part in [
            "names \"a\" twice",
            "1 to 32 of a-z",
            "plaintext",
            "must follow the =",
            "must begin with https",
            "\"cmcc\" must be",
            "upstream.b.max_in_flight: must lie",
            "upstream.b.api_key_file",
            "upstream.b.codes: must say",
            "upstream.C.url: must be set",
        ] {
            assert!(all.contains(part), "{part} in\n{all}");
        }
        assert!(read("").1.join("\n").contains("must name 1 to 16"));
    }
}
