//! The layers that settings come from, and the getters that note mistakes.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    file::{self, MAX_FILE_OCTETS, Setting, Value},
    mistake::{Mistake, Mistakes},
    secret::SecretFile,
    value::FromSetting,
};

/// Where the settings are.
#[derive(Debug, Clone, Default)]
pub struct SourceSpec {
    /// A YAML file.
    pub file: Option<PathBuf>,
    /// The prefix of environment variables, e.g. `HONGYAN`.
    pub env_prefix: &'static str,
    /// The environment; a test gives its own.
    pub env: Vec<(String, String)>,
}

impl SourceSpec {
    /// The file (where one is named) and this process's environment.
    pub fn of_process(file: Option<PathBuf>, env_prefix: &'static str) -> Self {
        Self {
            file,
            env_prefix,
            env: env::vars().collect(),
        }
    }
}

/// Reads settings and collects what is wrong with them.
#[derive(Debug)]
pub struct Source {
    file: String,
    settings: BTreeMap<String, Setting>,
    env: BTreeMap<String, String>,
    env_prefix: &'static str,
    asked: BTreeSet<String>,
    mistakes: Vec<Mistake>,
    /// Nobody knows what stands in the file, so nothing can be said to be missing.
    unread: bool,
}

impl Source {
    /// Reads the layers. A file that cannot be read or parsed is a mistake like any other, reported by
    /// [`Source::finish`].
    pub fn load(spec: SourceSpec) -> Self {
        let prefix = format!("{}_", spec.env_prefix);
        let env = spec
            .env
            .into_iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .collect();
        let mut source = Self {
            file: String::new(),
            settings: BTreeMap::new(),
            env,
            env_prefix: spec.env_prefix,
            asked: BTreeSet::new(),
            mistakes: Vec::new(),
            unread: false,
        };
        if let Some(path) = spec.file {
            source.file = path.display().to_string();
            match read_file(&path) {
                Ok(settings) => source.settings = settings,
                Err((line, reason)) => {
                    let origin = line.map_or_else(|| "file".to_owned(), |line| format!("line {line}"));
                    source.unread = true;
                    source.mistakes.push(Mistake {
                        key: source.file.clone(),
                        origin,
                        reason,
                    });
                }
            }
        }
        source
    }

    /// A setting that must be there. Where it is missing or wrong the mistake is noted and `stand_in` returned, so that
    /// reading goes on to the next mistake. Where the file could not be read, that alone is the mistake.
    pub fn required<T: FromSetting>(&mut self, key: &str, stand_in: T) -> T {
        if let Some(value) = self.optional(key) {
            return value;
        }
        if !self.is_set(key) && !self.unread {
            self.note(key, "must be set");
        }
        stand_in
    }

    /// A setting with a default.
    pub fn or<T: FromSetting>(&mut self, key: &str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// A setting that may be missing. `None` too where it is wrong, which is noted.
    pub fn optional<T: FromSetting>(&mut self, key: &str) -> Option<T> {
        let text = match self.lookup(key)? {
            Value::One(text) => text,
            Value::Many(_) => {
                self.note(key, &format!("must be {}, not a list", T::EXPECTED));
                return None;
            }
        };
        let value = T::from_setting(&text);
        if value.is_none() {
            self.note(key, &format!("must be {}", T::EXPECTED));
        }
        value
    }

    /// A whole number between `least` and `most`; outside, the mistake is noted and the default returned.
    pub fn within(&mut self, key: &str, default: u64, least: u64, most: u64) -> u64 {
        let value = self.or(key, default);
        if (least..=most).contains(&value) {
            return value;
        }
        self.note(key, &format!("must lie between {least} and {most}"));
        default
    }

    /// A time in milliseconds (the key should end in `_ms`), at least 1 and at most seven days.
    pub fn duration_ms(&mut self, key: &str, default_ms: u64) -> Duration {
        const SEVEN_DAYS_MS: u64 = 7 * 24 * 3600 * 1000;
        Duration::from_millis(self.within(key, default_ms, 1, SEVEN_DAYS_MS))
    }

    /// A list: a YAML sequence, or in the environment values parted by commas. Empty where it is missing.
    pub fn list(&mut self, key: &str) -> Vec<String> {
        match self.lookup(key) {
            None => Vec::new(),
            Some(Value::Many(items)) => items,
            Some(Value::One(text)) => text
                .split(',')
                .map(|item| item.trim().to_owned())
                .filter(|item| !item.is_empty())
                .collect(),
        }
    }

    /// A file that holds a secret; it must exist and be readable now. `None` where the key is missing or the file
    /// cannot be read, which is noted.
    pub fn secret_file(&mut self, key: &str) -> Option<SecretFile> {
        let path: PathBuf = self.optional(key)?;
        let file = SecretFile::new(path);
        if let Err(error) = file.read() {
            self.note(key, &error.to_string());
            return None;
        }
        Some(file)
    }

    /// Notes a mistake that only the caller can see, such as two settings that contradict each other.
    pub fn note(&mut self, key: &str, reason: &str) {
        let origin = self.origin(key);
        self.mistakes.push(Mistake {
            key: key.to_owned(),
            origin,
            reason: reason.to_owned(),
        });
    }

    /// Ends the reading: everything that was wrong, and every key that nobody asked for.
    pub fn finish(mut self) -> Result<(), Mistakes> {
        let known_env: BTreeSet<String> = self.asked.iter().map(|key| self.env_name(key)).collect();
        for (key, setting) in &self.settings {
            if !self.asked.contains(key) {
                self.mistakes.push(Mistake {
                    key: key.clone(),
                    origin: format!("{}:{}", self.file, setting.line),
                    reason: "is not a setting of this program".to_owned(),
                });
            }
        }
        for name in self.env.keys() {
            if !known_env.contains(name) {
                self.mistakes.push(Mistake {
                    key: name.clone(),
                    origin: "environment".to_owned(),
                    reason: "is not a setting of this program".to_owned(),
                });
            }
        }
        if self.mistakes.is_empty() {
            Ok(())
        } else {
            Err(Mistakes(self.mistakes))
        }
    }

    fn is_set(&self, key: &str) -> bool {
        self.env.contains_key(&self.env_name(key)) || self.settings.contains_key(key)
    }

    fn lookup(&mut self, key: &str) -> Option<Value> {
        self.asked.insert(key.to_owned());
        if let Some(text) = self.env.get(&self.env_name(key)) {
            return Some(Value::One(text.clone()));
        }
        self.settings.get(key).map(|setting| setting.value.clone())
    }

    fn origin(&self, key: &str) -> String {
        let name = self.env_name(key);
        if self.env.contains_key(&name) {
            name
        } else if let Some(setting) = self.settings.get(key) {
            format!("{}:{}", self.file, setting.line)
        } else {
            "not set".to_owned()
        }
    }

    fn env_name(&self, key: &str) -> String {
        let mut name = format!("{}_", self.env_prefix);
        name.extend(key.chars().map(|c| {
            if c == '.' || c == '-' {
                '_'
            } else {
                c.to_ascii_uppercase()
            }
        }));
        name
    }
}

fn read_file(path: &Path) -> Result<BTreeMap<String, Setting>, (Option<usize>, String)> {
    let size = fs::metadata(path)
        .map_err(|error| (None, error.to_string()))?
        .len();
    if size > MAX_FILE_OCTETS {
        return Err((None, format!("is larger than {MAX_FILE_OCTETS} octets")));
    }
    let text = fs::read_to_string(path).map_err(|error| (None, error.to_string()))?;
    file::flatten(&text).map_err(|(line, reason)| (Some(line), reason))
}

#[cfg(test)]
mod tests {
    use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

    use super::{Source, SourceSpec};

    fn source(file: Option<PathBuf>, env: &[(&str, &str)]) -> Source {
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Source::load(SourceSpec {
            file,
            env_prefix: "HONGYAN",
            env,
        })
    }

    fn nowhere() -> SocketAddr {
        SocketAddr::from(([0, 0, 0, 0], 0))
    }

    #[test]
    fn environment_wins_over_file_wins_over_default() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.yaml");
        fs::write(&path, "grpc:\n  listen: 127.0.0.1:1\nwindow: 8\n").unwrap();
        let mut settings = source(
            Some(path),
            &[("HONGYAN_GRPC_LISTEN", "127.0.0.1:2"), ("PATH", "/bin")],
        );
        assert_eq!(settings.required("grpc.listen", nowhere()).port(), 2);
        assert_eq!(settings.or("window", 16_u32), 8);
        assert_eq!(settings.or("pace", 100_u32), 100);
        assert_eq!(settings.duration_ms("wait_ms", 250), Duration::from_millis(250));
        settings.finish().unwrap();
    }

    #[test]
    fn every_mistake_is_reported_at_once_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.yaml");
        fs::write(
            &path,
            "grpc:\n  listen: nowhere\nwindow: [1]\ntypo: 1\nlimit: 900\n",
        )
        .unwrap();
        let name = path.display().to_string();
        let mut settings = source(Some(path), &[("HONGYAN_PACE", "fast"), ("HONGYAN_TYPO_TOO", "1")]);
        settings.required("grpc.listen", nowhere());
        settings.required("redis.url", String::new());
        settings.or("window", 16_u32);
        settings.or("pace", 100_u32);
        settings.within("limit", 10, 1, 100);
        assert!(settings.secret_file("key_file").is_none());
        let found: Vec<_> = settings
            .finish()
            .unwrap_err()
            .0
            .into_iter()
            .map(|m| (m.key, m.origin))
            .collect();
        let expected = [
            ("grpc.listen", format!("{name}:2")),
            ("redis.url", "not set".to_owned()),
            ("window", format!("{name}:3")),
            ("pace", "HONGYAN_PACE".to_owned()),
            ("limit", format!("{name}:5")),
            ("typo", format!("{name}:4")),
            ("HONGYAN_TYPO_TOO", "environment".to_owned()),
        ];
        assert_eq!(found, expected.map(|(key, origin)| (key.to_owned(), origin)));
    }

    #[test]
    fn a_file_that_is_not_there_or_not_yaml_is_a_mistake() {
        let dir = tempfile::tempdir().unwrap();
        let missing = source(Some(dir.path().join("none.yaml")), &[])
            .finish()
            .unwrap_err();
        assert_eq!(missing.0.len(), 1);
        let path = dir.path().join("bad.yaml");
        fs::write(&path, "a: [1\nb: 2\n").unwrap();
        let mut bad = source(Some(path), &[]);
        bad.required("grpc.listen", nowhere());
        let bad = bad.finish().unwrap_err();
        assert_eq!(bad.0.len(), 1, "nothing else can be known: {bad}");
        assert!(bad.0[0].origin.starts_with("line "), "{bad}");
    }
}
