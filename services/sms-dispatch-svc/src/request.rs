//! What a caller asks for, checked whole. Pure.
//!
//! Every wrong field is named with what is wrong with it, all at once; no description repeats a value, because most of
//! them are personal.

use std::time::Duration;

use hongyan_catalog::{Catalog, MAX_SOURCE_DIGITS, Tenant};
use hongyan_chassis::{FieldProblem, Problem};
use hongyan_domain::{Carrier, Extension, LinkName, MessageClass, Msisdn, Reference, RequestId, text};
use hongyan_envelope::Tag;
use hongyan_proto::dispatch::v1::{SendMessageRequest, send_message_request::Content};
use hongyan_telemetry::TraceContext;

use crate::{
    convert::class_of,
    reroute,
    route::{self, Ground, Known, Route},
    routing::Health,
};

/// A request that can be sent. Holds personal data: it has no `Debug`.
pub struct Submission {
    /// What the caller names the request by.
    pub request_id: RequestId,
    /// The recipient.
    pub phone: Msisdn,
    /// The recipient's tag.
    pub tag: Tag,
    /// What the message is for.
    pub class: MessageClass,
    /// With its signature in front.
    pub text: String,
    /// How many segments the carrier bills: 1 to 6.
    pub segments: u8,
    /// Access number and extension.
    pub source: String,
    /// The caller's own word.
    pub reference: Reference,
    /// How long the message is worth sending.
    pub validity: Duration,
    /// Whose subscriber the recipient is.
    pub carrier: Carrier,
    /// What that rests on.
    pub ground: Ground,
    /// What the message leaves by.
    pub link: LinkName,
    /// Another way is tried once, where the carrier says that it does not serve the number.
    pub has_fallback: bool,
    /// The trace that the caller gave the message.
    pub trace: Option<TraceContext>,
}

/// What a recipient's way depends on beside the catalog.
pub struct Surroundings<'a> {
    /// The keyed tag of a number.
    pub tag: &'a dyn Fn(&Msisdn) -> Tag,
    /// Where a number of that tag was found.
    pub learned: &'a dyn Fn(&Tag) -> Option<Carrier>,
    /// How the links are.
    pub health: &'a Health,
}

/// The longest validity that a class may ask for. A code that arrives late is a danger; a carrier keeps no message
/// longer than three days.
pub fn longest_validity(class: MessageClass) -> Duration {
    const MINUTE: u64 = 60;
    let seconds = match class {
        MessageClass::Otp => 15 * MINUTE,
        MessageClass::Reply => 60 * MINUTE,
        MessageClass::Notice | MessageClass::Bulk => 72 * 60 * MINUTE,
    };
    Duration::from_secs(seconds)
}

/// Checks a request of a tenant against the catalog.
pub fn check(
    request: &SendMessageRequest,
    tenant: &Tenant,
    catalog: &Catalog,
    surroundings: &Surroundings<'_>,
) -> Result<Submission, Problem> {
    let mut wrong = Wrong::default();
    let request_id = wrong.unless(
        "request_id",
        RequestId::parse(&request.request_id).map_err(|error| error.why.to_owned()),
    );
    let phone = wrong.unless("phone", Msisdn::parse(&request.phone));
    let class = wrong.unless("class", class(request, tenant));
    let text = signed_text(request, tenant, &mut wrong);
    let segments = text
        .as_ref()
        .and_then(|(field, text)| wrong.unless(field, text::segments(text)));
    let reference = wrong.unless(
        "reference",
        Reference::parse(&request.reference).map_err(|error| error.why.to_owned()),
    );
    let validity =
        class.and_then(|class| wrong.unless("validity_seconds", validity(request.validity_seconds, class)));
    let tag = phone.map(|phone| (surroundings.tag)(&phone));
    let route = phone.zip(class).zip(tag).map(|((phone, class), tag)| {
        let known = Known {
            learned: (surroundings.learned)(&tag),
            draw: reroute::draw(tag.as_bytes()),
            health: surroundings.health,
        };
        route::find(&phone, class, &known, tenant, catalog)
    });
    let on_route = route.as_ref().and_then(|route| route.as_ref().ok());
    let source = wrong.unless("extension", source(&request.extension, on_route));
    let trace = wrong.unless("traceparent", trace(&request.traceparent));
    for (field, value) in [
        ("request_id", &request.request_id),
        ("reference", &request.reference),
    ] {
        if holds_mobile_number(value) {
            wrong.note(
                field,
                "holds a mobile number; it is kept in clear and must be free of personal data",
            );
        }
    }
    wrong.none()?;

    // Whatever is missing now has been noted above: the last arm is not reached.
    let (Some(request_id), Some(phone), Some(class), Some((_, text)), Some(segments)) =
        (request_id, phone, class, text, segments)
    else {
        return Err(Problem::invalid());
    };
    let (Some(reference), Some(validity), Some(route), Some(source), Some(trace), Some(tag)) =
        (reference, validity, route, source, trace, tag)
    else {
        return Err(Problem::invalid());
    };
    let route = route.map_err(|error| Problem::precondition("NO_ROUTE", error.to_string()))?;
    Ok(Submission {
        request_id,
        phone,
        tag,
        class,
        text,
        segments: segments.get(),
        source,
        reference,
        validity,
        carrier: route.carrier,
        ground: route.ground,
        link: route.link.name.clone(),
        has_fallback: route.has_fallback,
        trace,
    })
}

/// The wrong fields so far.
#[derive(Default)]
struct Wrong(Vec<FieldProblem>);

impl Wrong {
    fn note(&mut self, field: &str, why: impl Into<String>) {
        self.0.push(FieldProblem {
            field: field.to_owned(),
            description: why.into(),
        });
    }

    /// The value, or its error noted.
    fn unless<T>(&mut self, field: &str, checked: Result<T, impl ToString>) -> Option<T> {
        checked.map_err(|why| self.note(field, why.to_string())).ok()
    }

    fn none(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Problem {
            fields: self.0,
            ..Problem::invalid()
        })
    }
}

/// The class that was asked for; where none was, the template's.
fn class(request: &SendMessageRequest, tenant: &Tenant) -> Result<MessageClass, String> {
    let declared = match &request.content {
        Some(Content::Template(template)) => {
            tenant.template(&template.id).and_then(|template| template.class)
        }
        _ => None,
    };
    match (class_of(request.class), declared) {
        (None, Some(declared)) if request.class == 0 => Ok(declared),
        (None, _) => Err("must be OTP, REPLY, NOTICE or BULK".to_owned()),
        (Some(class), Some(declared)) if class != declared => Err(format!(
            "is not the class that the template is declared for ({declared})"
        )),
        (Some(class), _) => Ok(class),
    }
}

/// The text behind its signature, and which field it came from.
fn signed_text(
    request: &SendMessageRequest,
    tenant: &Tenant,
    wrong: &mut Wrong,
) -> Option<(&'static str, String)> {
    let signature = match request.signature.as_str() {
        "" => Some(tenant.default_signature()),
        own if tenant.has_signature(own) => Some(own),
        _ => {
            wrong.note(
                "signature",
                "is not one of the tenant's signatures; give it without its brackets",
            );
            None
        }
    };
    let (field, text) = match &request.content {
        None => {
            wrong.note("content", "exactly one of text and template must be given");
            return None;
        }
        Some(Content::Text(text)) => ("text", text.clone()),
        Some(Content::Template(given)) => {
            let Some(template) = tenant.template(&given.id) else {
                wrong.note("template.id", "is not one of the tenant's templates");
                return None;
            };
            let filled = wrong.unless("template.parameters", template.fill(&given.parameters))?;
            ("template.parameters", filled)
        }
    };
    if text.trim().is_empty() {
        wrong.note(field, "is empty");
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r')) {
        wrong.note(field, "has a control character other than a line break");
    }
    let signed = format!("【{}】{text}", signature?);
    if text.starts_with(signed.get(..signed.len() - text.len()).unwrap_or_default()) {
        wrong.note(
            field,
            "begins with its signature, which is put in front of every message",
        );
    }
    Some((field, signed))
}

fn validity(seconds: u32, class: MessageClass) -> Result<Duration, String> {
    let longest = longest_validity(class);
    match Duration::from_secs(seconds.into()) {
        Duration::ZERO => Ok(Duration::from_millis(class.default_validity_ms())),
        asked if asked <= longest => Ok(asked),
        _ => Err(format!(
            "must be at most {} for the class {class}; 0 for its default",
            longest.as_secs()
        )),
    }
}

/// The number that the recipient sees. Where there is no route the extension is checked by itself.
fn source(extension: &str, route: Option<&Route<'_>>) -> Result<String, String> {
    let extension = Extension::parse(extension).map_err(|error| error.why.to_owned())?;
    let Some(route) = route else {
        return Ok(String::new());
    };
    let allowed = usize::from(route.access_number.extension_digits);
    let length = extension.as_str().len();
    if length > allowed {
        return Err(format!(
            "must be at most {allowed} digits behind the tenant's access number"
        ));
    }
    let source = format!("{}{}", route.access_number.number, extension.as_str());
    if source.len() > MAX_SOURCE_DIGITS {
        return Err(format!(
            "makes {} digits with the access number; at most {MAX_SOURCE_DIGITS} can be shown",
            source.len()
        ));
    }
    Ok(source)
}

fn trace(traceparent: &str) -> Result<Option<TraceContext>, &'static str> {
    if traceparent.is_empty() {
        return Ok(None);
    }
    TraceContext::parse(traceparent)
        .map(Some)
        .ok_or("is not a W3C traceparent")
}

/// Whether a word of just eleven digits (thirteen with 86 in front) looks like a mobile number. Digits inside of a longer
/// word, such as the last part of a UUID, are left alone.
fn holds_mobile_number(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        let national = if word.len() == 13 { word.strip_prefix("86").unwrap_or_default() } else { word };
        matches!(national.as_bytes(), [b'1', b'3'..=b'9', rest @ ..] if rest.len() == 9 && rest.iter().all(u8::is_ascii_digit))
    })
}

#[cfg(test)]
mod tests;
