//! A request that is worth asking about: every field checked, every element canonical.

use hongyan_chassis::Problem;
use hongyan_domain::{Msisdn, RequestId};
use hongyan_envelope::{Keyring, Tag};
use hongyan_proto::verify::v1::{Elements, VerifyIdentityRequest};
use time::Date;

use crate::person::{IdNumber, PersonName};

const MAX_CONSENT_CHARS: usize = 128;
const MAX_PURPOSE_CHARS: usize = 128;

/// Whom to ask about, and on what grounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The caller's idempotency key.
    pub request_id: RequestId,
    /// Always compared.
    pub phone: Msisdn,
    /// What it is compared with.
    pub claims: Claims,
    /// The record of the person's consent: 1 to 128 visible ASCII characters.
    pub consent_id: String,
    /// Why the data is processed: 1 to 128 characters.
    pub purpose: String,
}

/// The elements beside the phone number; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claims {
    /// Two elements.
    Name(PersonName),
    /// Two elements.
    IdNumber(IdNumber),
    /// Three elements.
    Both(PersonName, IdNumber),
}

impl Claims {
    /// The name, where it is compared.
    pub fn name(&self) -> Option<&PersonName> {
        match self {
            Self::Name(name) | Self::Both(name, _) => Some(name),
            Self::IdNumber(_) => None,
        }
    }

    /// The id number, where it is compared.
    pub fn id_number(&self) -> Option<&IdNumber> {
        match self {
            Self::IdNumber(number) | Self::Both(_, number) => Some(number),
            Self::Name(_) => None,
        }
    }

    /// As the protocol counts them.
    pub fn elements(&self) -> Elements {
        match self {
            Self::Name(_) => Elements::PhoneName,
            Self::IdNumber(_) => Elements::PhoneIdNumber,
            Self::Both(..) => Elements::PhoneNameIdNumber,
        }
    }
}

impl Question {
    /// Checks every field and reports all that are wrong; no reason repeats any of a field's content. `today` is the date
    /// in Beijing.
    pub fn read(request: &VerifyIdentityRequest, today: Date) -> Result<Self, Problem> {
        let mut wrong = Wrong(Problem::invalid());
        let request_id = wrong.unless(
            "request_id",
            RequestId::parse(&request.request_id).map_err(|error| error.why),
        );
        let phone = wrong.unless("phone", Msisdn::parse(&request.phone));
        let name = (!request.name.is_empty()).then(|| wrong.unless("name", PersonName::parse(&request.name)));
        let id_number = (!request.id_number.is_empty())
            .then(|| wrong.unless("id_number", IdNumber::parse(&request.id_number, today)));
        if name.is_none() && id_number.is_none() {
            wrong.add("name", "must be given where id_number is not");
            wrong.add("id_number", "must be given where name is not");
        }
        let consent = (1..=MAX_CONSENT_CHARS).contains(&request.consent_id.len())
            && request.consent_id.bytes().all(|octet| octet.is_ascii_graphic());
        if !consent {
            wrong.add("consent_id", "must be 1 to 128 visible ASCII characters");
        }
        let purpose = (1..=MAX_PURPOSE_CHARS).contains(&request.purpose.chars().count())
            && !request.purpose.chars().any(char::is_control)
            && !request.purpose.trim().is_empty();
        if !purpose {
            wrong.add(
                "purpose",
                "must be 1 to 128 characters, none of them a control character",
            );
        }
        for (field, value) in [
            ("request_id", &request.request_id),
            ("consent_id", &request.consent_id),
            ("purpose", &request.purpose),
        ] {
            if holds_a_persons_number(value, today) {
                wrong.add(
                    field,
                    "holds a mobile number or an id number; it is kept in clear and must be free of personal data",
                );
            }
        }
        let claims = match (name.flatten(), id_number.flatten()) {
            (Some(name), Some(number)) => Some(Claims::Both(name, number)),
            (Some(name), None) => Some(Claims::Name(name)),
            (None, Some(number)) => Some(Claims::IdNumber(number)),
            (None, None) => None,
        };
        match (wrong.0.has_fields(), request_id, phone, claims) {
            (false, Some(request_id), Some(phone), Some(claims)) => Ok(Self {
                request_id,
                phone,
                claims,
                consent_id: request.consent_id.clone(),
                purpose: request.purpose.clone(),
            }),
            _ => Err(wrong.0),
        }
    }

    /// The question with its elements in canonical form: what is sealed, and what two requests must agree in to be one.
    pub fn canonical(&self) -> VerifyIdentityRequest {
        VerifyIdentityRequest {
            request_id: self.request_id.as_str().to_owned(),
            phone: self.phone.e164(),
            name: self
                .claims
                .name()
                .map_or_else(String::new, |name| name.as_str().to_owned()),
            id_number: self
                .claims
                .id_number()
                .map_or_else(String::new, |number| number.as_str().to_owned()),
            consent_id: self.consent_id.clone(),
            purpose: self.purpose.clone(),
        }
    }

    /// Tells whether a request id came with the same question. Keyed, because an id number can be guessed.
    pub fn fingerprint(&self, keyring: &Keyring) -> Tag {
        let canonical = self.canonical();
        let fields = [
            &canonical.phone,
            &canonical.name,
            &canonical.id_number,
            &canonical.consent_id,
            &canonical.purpose,
        ];
        // The length in front keeps ("ab", "c") and ("a", "bc") apart.
        let joined = fields.iter().fold(String::new(), |joined, field| {
            joined + &field.len().to_string() + ":" + field
        });
        keyring.tag("verify-request", &joined)
    }
}

/// Whether a word of a text is somebody's number. Digits inside of a longer word, such as a part of a UUID, are left alone.
fn holds_a_persons_number(text: &str, today: Date) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| match word.len() {
            11 | 13 => Msisdn::parse(word).is_ok(),
            18 => IdNumber::parse(word, today).is_ok(),
            _ => false,
        })
}

/// Collects wrong fields.
struct Wrong(Problem);

impl Wrong {
    fn add(&mut self, field: &str, why: &str) {
        let problem = std::mem::replace(&mut self.0, Problem::invalid());
        self.0 = problem.field(field, why);
    }

    fn unless<T>(&mut self, field: &str, parsed: Result<T, impl ToString>) -> Option<T> {
        parsed.map_err(|error| self.add(field, &error.to_string())).ok()
    }
}

#[cfg(test)]
mod tests {
    use hongyan_proto::verify::v1::{Elements, VerifyIdentityRequest};
    use time::macros::date;

    use super::Question;
    use crate::testing;

    fn request() -> VerifyIdentityRequest {
        VerifyIdentityRequest {
            request_id: "r-1".into(),
            phone: "138 0013 8000".into(),
            name: "张三".into(),
            id_number: "11010519491231002x".into(),
            consent_id: "consent-7".into(),
            purpose: "投保实名核验".into(),
        }
    }

    fn wrong_fields(request: &VerifyIdentityRequest) -> Vec<String> {
        let problem = Question::read(request, date!(2026 - 11 - 21)).unwrap_err();
        problem.fields.into_iter().map(|field| field.field).collect()
    }

    #[test]
    fn what_is_kept_in_clear_holds_nobodys_number() {
        for number in ["13800138000", "8613800138000", "11010519491231002x"] {
            let wrong = VerifyIdentityRequest {
                request_id: format!("policy-{number}"),
                consent_id: number.into(),
                purpose: format!("核验{number}，投保"),
                ..request()
            };
            assert_eq!(
                wrong_fields(&wrong),
                ["request_id", "consent_id", "purpose"],
                "{number}"
            );
        }
        for harmless in [
            "550e8400-e29b-41d4-a716-138001380001",
            "20261121-000000013800138000",
            "110105194912310021",
            "23800138000",
        ] {
            let right = VerifyIdentityRequest {
                request_id: harmless.into(),
                ..request()
            };
            assert!(
                Question::read(&right, date!(2026 - 11 - 21)).is_ok(),
                "{harmless}"
            );
        }
    }

    #[test]
    fn two_or_three_elements_are_read_in_canonical_form() {
        let question = Question::read(&request(), date!(2026 - 11 - 21)).unwrap();
        assert_eq!(question.claims.elements(), Elements::PhoneNameIdNumber);
        let canonical = question.canonical();
        assert_eq!(canonical.phone, "+8613800138000");
        assert_eq!(canonical.id_number, "11010519491231002X");
        for (name, id_number, elements) in [
            ("张三", "", Elements::PhoneName),
            ("", "11010519491231002X", Elements::PhoneIdNumber),
        ] {
            let two = VerifyIdentityRequest {
                name: name.into(),
                id_number: id_number.into(),
                ..request()
            };
            let question = Question::read(&two, date!(2026 - 11 - 21)).unwrap();
            assert_eq!(question.claims.elements(), elements);
        }
    }

    #[test]
    fn every_wrong_field_is_reported_at_once() {
        assert_eq!(
            wrong_fields(&VerifyIdentityRequest::default()),
            [
                "request_id",
                "phone",
                "name",
                "id_number",
                "consent_id",
                "purpose"
            ]
        );
        let bad = VerifyIdentityRequest {
            request_id: "a b".into(),
            phone: "12800138000".into(),
            name: "张3".into(),
            id_number: "110105194912310021".into(),
            consent_id: "同意".into(),
            purpose: "a\nb".into(),
        };
        assert_eq!(
            wrong_fields(&bad),
            [
                "request_id",
                "phone",
                "name",
                "id_number",
                "consent_id",
                "purpose"
            ]
        );
    }

    #[test]
    fn no_reason_repeats_what_was_given() {
        let bad = VerifyIdentityRequest {
            phone: "12899999999".into(),
            name: "秘密7".into(),
            id_number: "110105194912319999".into(),
            ..request()
        };
        let told = Question::read(&bad, date!(2026 - 11 - 21))
            .unwrap_err()
            .to_string();
        for secret in ["9999", "秘密", "194912"] {
            assert!(!told.contains(secret), "{told}");
        }
    }

    #[test]
    fn the_fingerprint_is_of_the_meaning_and_not_of_the_writing() {
        let keyring = testing::keyring();
        let print = |request: &VerifyIdentityRequest| {
            Question::read(request, date!(2026 - 11 - 21))
                .unwrap()
                .fingerprint(&keyring)
        };
        let first = print(&request());
        let other_writing = VerifyIdentityRequest {
            phone: "+86-13800138000".into(),
            id_number: "11010519491231002X".into(),
            name: "张 三".into(),
            ..request()
        };
        assert_eq!(print(&other_writing), first);
        for other in [
            VerifyIdentityRequest {
                phone: "13800138001".into(),
                ..request()
            },
            VerifyIdentityRequest {
                name: String::new(),
                ..request()
            },
            VerifyIdentityRequest {
                consent_id: "consent-8".into(),
                ..request()
            },
            VerifyIdentityRequest {
                purpose: "理赔".into(),
                ..request()
            },
        ] {
            assert_ne!(print(&other), first);
        }
    }
}
