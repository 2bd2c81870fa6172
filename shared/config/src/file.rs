//! A YAML settings file, flattened to dotted keys with their lines.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser};

/// A larger settings file is refused before it is parsed: 1 MiB.
pub const MAX_FILE_OCTETS: u64 = 1 << 20;
const MAX_DEPTH: usize = 16;

/// One value as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The scalar's text, or a sequence's items.
    pub value: Value,
    /// From 1.
    pub line: usize,
}

/// A scalar or a list of scalars; deeper structure belongs in the catalog, not in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// One scalar.
    One(String),
    /// A list of scalars.
    Many(Vec<String>),
}

/// `Err` holds the line and what is wrong there.
pub(crate) fn flatten(text: &str) -> Result<BTreeMap<String, Setting>, (usize, String)> {
    let mut settings = BTreeMap::new();
    let mut path: Vec<String> = Vec::new();
    // One entry for each open mapping: does it wait for a key?
    let mut wants_key: Vec<bool> = Vec::new();
    let mut list: Option<(Vec<String>, usize)> = None;
    let mut documents = 0;
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| (error.marker().line(), error.to_string()))?;
        let line = span.start.line();
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err((line, "a settings file holds one document".to_owned()));
                }
            }
            Event::MappingStart(..) => {
                if list.is_some() {
                    return Err((line, "a list holds plain values only".to_owned()));
                }
                if wants_key.last() == Some(&true) {
                    return Err((line, "a key must be plain text".to_owned()));
                }
                if wants_key.len() == MAX_DEPTH {
                    return Err((line, format!("nested deeper than {MAX_DEPTH} levels")));
                }
                wants_key.push(true);
            }
            Event::MappingEnd => {
                wants_key.pop();
                path.pop();
                value_done(&mut wants_key);
            }
            Event::SequenceStart(..) => {
                if path.is_empty() || list.is_some() || wants_key.last() == Some(&true) {
                    return Err((
                        line,
                        "a list may stand only behind a key, and not in another list".to_owned(),
                    ));
                }
                list = Some((Vec::new(), line));
            }
            Event::SequenceEnd => {
                if let Some((items, line)) = list.take() {
                    insert(&mut settings, &path, Value::Many(items), line)?;
                    path.pop();
                    value_done(&mut wants_key);
                }
            }
            Event::Scalar(text, ..) => {
                if let Some((items, _)) = &mut list {
                    items.push(text.into_owned());
                } else if wants_key.last() == Some(&true) {
                    path.push(text.into_owned());
                    if let Some(wants) = wants_key.last_mut() {
                        *wants = false;
                    }
                } else if path.is_empty() {
                    if !text.is_empty() && text != "~" {
                        return Err((line, "the file must be a map of settings".to_owned()));
                    }
                } else {
                    insert(&mut settings, &path, Value::One(text.into_owned()), line)?;
                    path.pop();
                    value_done(&mut wants_key);
                }
            }
            Event::Alias(..) => return Err((line, "aliases are not supported in settings".to_owned())),
            _ => {}
        }
    }
    Ok(settings)
}

fn value_done(wants_key: &mut [bool]) {
    if let Some(wants) = wants_key.last_mut() {
        *wants = true;
    }
}

fn insert(
    settings: &mut BTreeMap<String, Setting>,
    path: &[String],
    value: Value,
    line: usize,
) -> Result<(), (usize, String)> {
    let key = path.join(".");
    match settings.insert(key.clone(), Setting { value, line }) {
        None => Ok(()),
        Some(first) => Err((
            line,
            format!("`{key}` is set twice, first in line {}", first.line),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Value, flatten};

    #[test]
    fn nested_maps_become_dotted_keys_with_their_lines() {
        let settings = flatten("grpc:\n  listen: 127.0.0.1:0\n  tags: [a, \"b c\"]\nlog: info\n").unwrap();
        let rows: Vec<_> = settings
            .iter()
            .map(|(key, s)| (key.as_str(), s.line, s.value.clone()))
            .collect();
        assert_eq!(
            rows,
            [
                ("grpc.listen", 2, Value::One("127.0.0.1:0".into())),
                ("grpc.tags", 3, Value::Many(vec!["a".into(), "b c".into()])),
                ("log", 4, Value::One("info".into())),
            ]
        );
    }

    #[test]
    fn an_empty_file_holds_no_settings() {
        assert!(flatten("").unwrap().is_empty());
        assert!(flatten("# only a comment\n").unwrap().is_empty());
    }

    #[test]
    fn what_is_not_a_map_of_settings_is_refused_with_its_line() {
        for (text, line) in [
            ("just text\n", 1),
            ("- a\n- b\n", 1),
            ("a:\n  - b: 1\n", 2),
            ("a: 1\na: 2\n", 2),
            ("a: 1\n---\nb: 2\n", 2),
            ("a: [1, [2]]\n", 1),
            ("a: &x 1\nb: *x\n", 2),
            ("a: \"unclosed\n", 1),
        ] {
            let (found, reason) = flatten(text).expect_err(text);
            assert!(found >= line, "{text:?}: line {found}, {reason}");
            assert!(!reason.is_empty());
        }
    }
}
