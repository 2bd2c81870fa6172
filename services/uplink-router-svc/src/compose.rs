//! What the reply to an uplink says: asking the handler, filling the template, apologising.

use std::collections::HashMap;

use hongyan_catalog::{KeywordRule, Tenant};
use hongyan_domain::Msisdn;
use hongyan_proto::uplink::v1::{HandleUplinkRequest, UplinkDisposition};

use crate::{
    decide::{Routed, Step},
    grammar::Fields,
    reply,
    router::{Router, Work, alarm},
};

/// What a reply says, before it is noted.
pub(crate) struct Composed {
    pub(crate) disposition: UplinkDisposition,
    pub(crate) text: String,
    pub(crate) detail: String,
}

impl Router {
    pub(crate) async fn compose(&self, work: &Work<'_>, routed: &Routed<'_>, sender: Msisdn) -> Composed {
        let tenant = routed.tenant;
        match &routed.step {
            Step::OptOut => Composed {
                disposition: UplinkDisposition::OptedOut,
                text: reply::opt_out_confirmation(tenant).unwrap_or_default(),
                detail: String::new(),
            },
            Step::Help => Composed {
                disposition: UplinkDisposition::Help,
                text: reply::help(tenant),
                detail: String::new(),
            },
            Step::Rule { rule, fields } => match self.ask(work, tenant, rule, fields, sender).await {
                Ok(text) => Composed {
                    disposition: UplinkDisposition::Answered,
                    text,
                    detail: String::new(),
                },
                Err(detail) => Composed {
                    disposition: UplinkDisposition::Apology,
                    text: reply::apology(tenant),
                    detail,
                },
            },
        }
    }

    /// The answer of the rule's handler in the template's words; `Err` says, UPPER_SNAKE, why there is none, after the
    /// alarm was raised.
    async fn ask(
        &self,
        work: &Work<'_>,
        tenant: &Tenant,
        rule: &KeywordRule,
        fields: &Fields,
        sender: Msisdn,
    ) -> Result<String, String> {
        let mut values: HashMap<String, String> = fields
            .names()
            .filter_map(|name| Some((name.to_owned(), fields.plain(name)?.to_owned())))
            .collect();
        let mut template = rule.template.clone();
        let handler_name = rule.handler.as_deref().unwrap_or_default();
        if let Some(handler) = rule.handler.as_deref().and_then(|name| tenant.handler(name)) {
            let question = HandleUplinkRequest {
                uplink_id: work.received.uplink_id.clone(),
                tenant: tenant.id.as_str().to_owned(),
                command: rule.name.clone(),
                phone: sender.e164(),
                access_number: work.received.access_number.clone(),
                fields: fields
                    .exposed()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                received_at_unix_ms: work.received.received_at_unix_ms,
            };
            let answer = self.handlers.ask(handler, question).await.map_err(|failure| {
                Self::handler_alarm(work, tenant, handler_name, failure.as_str(), &failure)
            })?;
            values.extend(answer.parameters);
            if !answer.template.is_empty() {
                template = answer.template;
            }
        }
        reply::fill(tenant, &template, &values)
            .map_err(|error| Self::handler_alarm(work, tenant, handler_name, error.as_str(), &error))
    }

    fn handler_alarm(
        work: &Work<'_>,
        tenant: &Tenant,
        handler: &str,
        reason: &'static str,
        error: &dyn std::error::Error,
    ) -> String {
        alarm("handler_failed");
        metrics::counter!(
            "hongyan_uplink_handler_failures_total",
            "tenant" => tenant.id.as_str().to_owned(),
            "handler" => handler.to_owned(),
            "reason" => reason
        )
        .increment(1);
        tracing::warn!(
            tenant = tenant.id.as_str(),
            handler,
            uplink_id = work.received.uplink_id,
            error = %error,
            "a handler gave no usable answer; the subscriber gets an apology"
        );
        reason.to_uppercase()
    }
}
